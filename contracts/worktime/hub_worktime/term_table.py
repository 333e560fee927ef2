"""Thời hạn theo hình thức nộp và theo trường hợp: which of a procedure's terms a dossier has."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import time

from hub_worktime.terms import Reason, Term
from hub_worktime.wording import parse_term


@dataclass(frozen=True)
class TermRow:
    """Một dòng thời hạn: for one channel and one case of a procedure, None meaning any."""

    text: str
    channel: str | None = None
    case: str | None = None
    cut_off: time | None = None

    def fits(self, channel: str | None, case: str | None) -> bool:
        return self.channel in (None, channel) and self.case in (None, case)

    @property
    def precision(self) -> int:
        return (self.channel is not None) + (self.case is not None)


class TermTable:
    """Thời hạn theo hình thức nộp và theo trường hợp."""

    def __init__(self, rows: Iterable[TermRow]) -> None:
        self._rows = tuple(rows)

    def term_for(self, channel: str | None = None, case: str | None = None) -> Term:
        """The term of the rows that fit best; a person decides where none fits or where the best ones disagree."""
        fitting = [row for row in self._rows if row.fits(channel, case)]
        best = max((row.precision for row in fitting), default=0)
        terms = [_read(row) for row in fitting if row.precision == best]
        if not terms:
            return Term("", reason=Reason.NEEDS_A_PERSON)
        if any(replace(term, text="") != replace(terms[0], text="") for term in terms):
            return Term(" | ".join(term.text for term in terms), reason=Reason.NEEDS_A_PERSON)
        return terms[0]


def _read(row: TermRow) -> Term:
    term = parse_term(row.text)
    if row.cut_off is None or term.cut_off == row.cut_off:
        return term
    if term.cut_off is not None:  # the text and the row contradict each other
        return Term(row.text, reason=Reason.NEEDS_A_PERSON)
    return replace(term, cut_off=row.cut_off)
