"""Con trỏ trang: opaque cursors, so that a page's key can change without a client noticing.

A cursor is a short list of strings and whole numbers, base64url of compact JSON. It isn't secret and not signed:
what it points at is checked again by the query's own rights. A cursor that wasn't made here is a clear 400.
"""

import base64
import binascii
from collections.abc import Sequence

import orjson

from hub_web.problems import CURSOR_INVALID, Problem

CursorPart = str | int
LONGEST_CURSOR = 512


def encode_cursor(*parts: CursorPart) -> str:
    """`parts` as a cursor. Raises ValueError when they are too long to be one."""
    text = base64.urlsafe_b64encode(orjson.dumps(list(parts))).rstrip(b"=").decode()
    if len(text) > LONGEST_CURSOR:
        raise ValueError(f"a cursor has at most {LONGEST_CURSOR} characters")
    return text


def decode_cursor(cursor: str, shape: Sequence[type[str] | type[int]]) -> tuple[CursorPart, ...]:
    """The parts of a cursor made for `shape`. Raises Problem `cursor-invalid`."""
    try:
        if len(cursor) > LONGEST_CURSOR:
            raise ValueError("too long")
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = orjson.loads(raw)
        fits = isinstance(parts, list) and [type(part) for part in parts] == list(shape)
        if not fits or encode_cursor(*parts) != cursor or any(isinstance(p, str) and "\0" in p for p in parts):
            raise ValueError("not a cursor of ours")
    except (binascii.Error, ValueError):
        raise foreign_cursor() from None
    return tuple(parts)


def foreign_cursor() -> Problem:
    """A cursor that this list did not give out."""
    return Problem(
        CURSOR_INVALID,
        "Con trỏ trang không do danh sách này cấp.",
        next_step="Bỏ tham số con trỏ để đọc lại từ trang đầu.",
    )
