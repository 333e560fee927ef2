"""Tin nhắn SMS không dấu: Vietnamese without diacritics, one message of the GSM 7-bit alphabet (3GPP TS 23.038)."""

import unicodedata
from functools import lru_cache

LONGEST_TEXT = 160  # septets of one message
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_OTHER = str.maketrans(
    {"đ": "d", "Đ": "D", "–": "-", "—": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "[": "(", "]": ")"}
    | {"≥": ">=", "≤": "<="}
)


@lru_cache(maxsize=1024)  # the names of procedures come again and again
def without_diacritics(text: str) -> str:
    """`text` in the GSM alphabet, single spaces; a letter that has no counterpart becomes `?`."""
    spread = unicodedata.normalize("NFKD", text.translate(_OTHER))
    plain = "".join(letter for letter in spread if not unicodedata.combining(letter))
    return "".join(letter if letter in GSM_7 else "?" for letter in " ".join(plain.split()))


def shortened(text: str, room: int) -> str:
    """`text` within `room` characters, cut after a word."""
    if len(text) <= room:
        return text
    kept = text[: max(room - 3, 0)]
    if " " in kept and not text[len(kept)].isspace():
        kept = kept[: kept.rindex(" ")]
    return f"{kept.rstrip(' ,;(-')}..."[:room]
