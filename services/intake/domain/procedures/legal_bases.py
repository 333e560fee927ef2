"""Căn cứ pháp lý: the numbers of the texts that a procedure cites, and which of them are known to have ended."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

_NUMBER = re.compile(
    r"(?<![\w/])(?<!\d\.)(\d{1,5})((?:\.\d{1,3})?(?:/\d{4})?)/((?:[A-ZĐ][A-ZĐ0-9]*)(?:[-/][A-ZĐ0-9]+)*)(?![\w/]|-\w)"
)
_OWN = re.compile(r"\(([^()]*)\)[\s.;,]*$")
"""A published basis ends with its own number; its title names others: «sửa đổi Nghị định A (B)» is B."""


class LegalBasis(NamedTuple):
    """Một căn cứ: its number as compared (`61/2018/NĐ-CP`), None where none can be read; the text as published."""

    number: str | None
    text: str


@dataclass(frozen=True, slots=True)
class EndedText:
    """Văn bản hết hiệu lực. `ended`: the first day without it; None: not known. Certainty: V, V2, R, U."""

    number: str
    title: str
    ended: date | None
    replaced_by: tuple[str, ...]
    certainty: str

    def has_ended(self, day: date) -> bool:
        return self.ended is None or self.ended <= day

    def told(self) -> str:
        """In words, for a person."""
        since = f" từ {self.ended:%d/%m/%Y}" if self.ended else ""
        return f"{self.number} hết hiệu lực{since}, thay bằng {', '.join(self.replaced_by)}."


EndedTexts = Mapping[str, EndedText]
"""By number as `number_of` writes it."""


def number_of(text: str) -> str | None:
    """Số hiệu: without leading zeros, so that `01/2018/TT-VPCP` and `1/2018/TT-VPCP` are one."""
    found = _NUMBER.search(text.upper())
    if found is None:
        return None
    number, year, kind = found.groups()
    return f"{int(number)}{year}/{kind.replace('ND-', 'NĐ-').replace('QD-', 'QĐ-')}"


def read_basis(text: str) -> LegalBasis:
    """A cited text."""
    own = _OWN.search(text)
    return LegalBasis((number_of(own[1]) if own else None) or number_of(text), text)


def ended_among(numbers: frozenset[str], texts: EndedTexts, day: date) -> list[EndedText]:
    """Those of the cited texts that had ended by that day."""
    return [texts[number] for number in sorted(numbers & texts.keys()) if texts[number].has_ended(day)]
