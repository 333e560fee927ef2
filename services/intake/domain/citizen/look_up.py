"""Tra cứu hồ sơ: how people type the code on their receipt, and the four digits that show that it is theirs."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

DIGITS = 4
LONGEST_TYPED = 100
_CODE = re.compile(r"([0-9A-Z]+(?:\.[0-9A-Z]+)*)-([0-9]{6}|[0-9]{8})-([0-9]{4,8})")
_APART = re.compile(r"[\s\-‐-―−_/]+")
_AROUND_DOTS = re.compile(r"[\s]*\.[\s]*")
_UNSEEN = frozenset({"Cf", "Cc"})


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong tries at once, then one more whenever its share of `within` has passed."""

    most: int
    within: timedelta

    @property
    def each(self) -> timedelta:
        """How long one wrong try counts."""
        return self.within / self.most


WRONG_PER_CODE = Limit(5, timedelta(minutes=15))
"""480 a day at ten thousand endings, of which two fit: six days without a pause for an even chance at one dossier."""
WRONG_PER_ADDRESS = Limit(60, timedelta(hours=1))
"""Many households share one address of a mobile network; one who walks through codes is still slow."""


def dossier_code(typed: str) -> str | None:
    """Mã hồ sơ in what was typed or pasted: any case, spaces or none, dashes or none; None where it isn't one code."""
    if len(typed) > LONGEST_TYPED:
        return None
    text = unicodedata.normalize("NFKC", typed).upper()
    text = "".join(char for char in text if char.isspace() or unicodedata.category(char) not in _UNSEEN)
    groups = [group for group in _APART.split(_AROUND_DOTS.sub(".", text).strip()) if group]
    parts = (".".join(groups[:-2]), *groups[-2:])
    if len(groups) >= 3 and _CODE.fullmatch("-".join(parts)):
        return _code(*parts)
    found = set(_readings("".join(groups)))
    return found.pop() if len(found) == 1 else None


def last_digits(typed: str) -> str | None:
    """The last four digits typed; None when there are fewer, or something that is no number."""
    text = re.sub(r"[\s.\-+()]", "", unicodedata.normalize("NFKC", typed[:LONGEST_TYPED]))
    return text[-DIGITS:] if re.fullmatch(r"[0-9]{4,16}", text) else None


def known_digits(contact: Mapping[str, Any], applicant: Mapping[str, Any]) -> tuple[str, ...]:
    """What the typed digits are compared with: phone, personal id, code of an organisation; each if it is there."""
    numbers = (contact.get("phone"), applicant.get("personal_id"), applicant.get("organisation_code"))
    digits = (re.sub(r"[^0-9]", "", str(number)) for number in numbers if number)
    return tuple(found[-DIGITS:] for found in digits if len(found) >= DIGITS)


def _readings(text: str) -> Iterator[str]:
    """Every code that `text`, written without any dash, can be."""
    for sequence in range(4, 9):
        for day in (6, 8):
            unit = text[: -sequence - day]
            if code := _code(unit, text[-sequence - day : -sequence], text[-sequence:]):
                yield code


def _code(unit: str, day: str, sequence: str) -> str | None:
    code = f"{unit}-{day}-{sequence}"
    if not _CODE.fullmatch(code) or len(code) > 53:
        return None
    whole = day if len(day) == 8 else f"20{day}"
    try:
        known = 2000 <= date(int(whole[:4]), int(whole[4:6]), int(whole[6:])).year < 2100
    except ValueError:
        return None
    return code if known else None
