"""So sánh chữ: texts without case, accents and odd spaces, for finding and comparing. What is kept is never folded."""

import re
import unicodedata
from functools import lru_cache

_SPACES = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")
_MARKS = re.compile(r"[\u0300-\u036f]+")
_NOTHING = re.compile(r"(?:khong co thong tin(?: [a-z]+){0,8}|khong|n/a|null|none)?")
_SHORT = 64  # characters
_NO_WORD = re.compile(r"[^a-z0-9]+")


def spaced(text: str) -> str:
    """The text with single plain spaces, no zero-width characters, trimmed."""
    return _SPACES.sub(" ", text).strip()


def folded(text: str) -> str:
    """Không dấu, chữ thường: `Cấp  Xã` is `cap xa`, composed or not."""
    return _folded_before(text) if len(text) <= _SHORT else _folded(text)


def _folded(text: str) -> str:
    return spaced(_MARKS.sub("", unicodedata.normalize("NFKD", text.lower())).replace("đ", "d"))


_folded_before = lru_cache(maxsize=8192)(_folded)  # labels, units, fees: the same few thousand in all files


def slug_of(text: str, longest: int = 60) -> str:
    """A word for programs, such as `truong-hop-uy-quyen`; cut at a word's end. Empty when the text has no letters."""
    slug = _NO_WORD.sub("-", folded(text)).strip("-")
    if len(slug) <= longest:
        return slug
    return slug[:longest].rsplit("-", 1)[0] if "-" in slug[:longest] else slug[:longest]


def stated(text: str) -> bool:
    """Whether the text says anything: neither empty nor `Không có thông tin`, `Không có thông tin căn cứ pháp lý.`"""
    text = text.strip()
    return len(text) > _SHORT or _NOTHING.fullmatch(folded(text).strip(" .:;-")) is None
