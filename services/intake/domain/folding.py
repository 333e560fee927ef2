"""So sánh chữ: texts without case, accents and odd spaces, for finding and comparing. What is kept is never folded."""

import re
import unicodedata

_SPACES = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")
_NO_WORD = re.compile(r"[^a-z0-9]+")


def spaced(text: str) -> str:
    """The text with single plain spaces, no zero-width characters, trimmed."""
    return _SPACES.sub(" ", text).strip()


def folded(text: str) -> str:
    """Không dấu, chữ thường: `Cấp  Xã` is `cap xa`, composed or not."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return spaced(bare.lower().replace("đ", "d"))


def slug_of(text: str, longest: int = 60) -> str:
    """A word for programs, such as `truong-hop-uy-quyen`; cut at a word's end. Empty when the text has no letters."""
    slug = _NO_WORD.sub("-", folded(text)).strip("-")
    if len(slug) <= longest:
        return slug
    return slug[:longest].rsplit("-", 1)[0] if "-" in slug[:longest] else slug[:longest]


def stated(text: str) -> bool:
    """Whether the text says anything: neither empty nor `Không có thông tin`."""
    return folded(text).strip(" .:;-") not in ("", "khong co thong tin", "khong", "n/a", "null", "none")
