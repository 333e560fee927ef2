"""Trang danh sách: every list is answered as `{"items": […], "next_cursor": …}`, asked with `cursor` and `limit`."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from hub_web.cursors import CursorPart, decode_cursor, encode_cursor, foreign_cursor

T = TypeVar("T")
Item = TypeVar("Item")

USUAL_LIMIT = 50
Limit = Annotated[int, Query(ge=1, le=200, description="Số mục nhiều nhất của một trang.")]
HIGHEST_NUMBER = 2**63 - 1


class Page(BaseModel, Generic[Item]):
    """A page; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None = None


def page_of(
    found: Sequence[T], limit: int, view: Callable[[T], Item], place: Callable[[T], tuple[CursorPart, ...]]
) -> Page[Item]:
    """The first `limit` of what was `found`: ask for one more, and its presence says that another page follows.

    `place`: where in the list an entry stands, as the next request gives it back.
    """
    shown = found[:limit]
    following = encode_cursor(*place(shown[-1])) if len(found) > limit else None
    return Page(items=[view(entry) for entry in shown], next_cursor=following)


def after_id(cursor: str | None) -> UUID | None:
    """The id that ended the page before; None: from the start. Raises Problem `cursor-invalid`."""
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, [str])[0]))
    except ValueError:
        raise foreign_cursor() from None


def after_number(cursor: str | None) -> int:
    """The number that ended the page before; 0: from the start. Raises Problem `cursor-invalid`."""
    number = decode_cursor(cursor, [int])[0] if cursor is not None else 0
    assert isinstance(number, int)
    return max(0, min(number, HIGHEST_NUMBER))
