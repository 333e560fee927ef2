"""One strict reading of JSON that others send: what two readers could understand differently is refused.

Python's and pydantic's readers both take the last of two equal keys, and NaN; a signature or a hash would then
cover something else than what was understood. PostgreSQL keeps no U+0000 in text. RFC 8259 §4 and I-JSON (RFC 7493).
"""

import json
import math
import re
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from hub_web.problems import MALFORMED_JSON, Problem, from_validation

T = TypeVar("T")

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class _Ambiguous(ValueError):
    """Its text is ours and holds no value."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Ambiguous(f"khóa {twice!r} có hai lần" if _NAME.fullmatch(twice) else "một khóa có hai lần")
    return members


def _no_constant(_text: str) -> NoReturn:
    raise _Ambiguous("NaN và Infinity không phải JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Ambiguous("một số quá lớn")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
_TOO_DEEP = "lồng quá nhiều lớp"


def read_json(raw: bytes) -> Any:
    """The JSON value in `raw` (UTF-8, no byte order mark). Raises Problem `malformed-json`."""
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
        if "\\u0000" in text and _NUL.search(text):
            raise _Ambiguous("ký tự U+0000 không lưu được")
        return value
    except _Ambiguous as error:
        raise _malformed(str(error)) from None
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} không phải UTF-8") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"không đọc được ở dòng {error.lineno}, cột {error.colno}") from None
    except RecursionError:
        raise _malformed(_TOO_DEEP) from None
    except ValueError:  # an integer of thousands of digits
        raise _malformed("một số quá dài") from None


def validate_body(adapter: TypeAdapter[T], raw: bytes) -> T:
    """`raw` as what `adapter` describes. Raises Problem `malformed-json` or `invalid-request`."""
    read_json(raw)
    try:
        return adapter.validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            deep = "recursion limit" in first["msg"]
            raise _malformed(_TOO_DEEP if deep else "một chuỗi không phải Unicode hợp lệ") from None
        raise from_validation(error, "body") from None


def _malformed(what: str) -> Problem:
    return Problem(MALFORMED_JSON, f"Nội dung: {what}.", next_step="Sửa nội dung JSON rồi gửi lại.")
