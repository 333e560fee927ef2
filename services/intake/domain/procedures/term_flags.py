"""Thời hạn của một dòng: what a person should look at; the term itself is read by hub_worktime and by nothing else."""

import re
from collections.abc import Iterator
from decimal import Decimal

from hub_worktime import Reason, Term, Unit, parse_term
from services.intake.domain.reference.folding import folded

Length = tuple[Unit, Decimal]
_CLAUSES = re.compile(r"[;|\n•]|\.\s|\.$")
_SAYS_TERM = re.compile(
    r"(?:thời hạn|thời gian)(?: giải quyết| xử lý| thực hiện| trả kết quả)*[^:;.\n]{0,60}:\s*", re.I
)
_LONGEST_CLAUSE = 400
_MOST_CLAUSES = 400
_BY_REASON = {
    Reason.SEE_DESCRIPTION: "term-see-description",
    Reason.NEEDS_A_PERSON: "term-needs-a-person",
    Reason.FIXED_DATE: "term-fixed-date",
    Reason.BAD_INPUT: "term-unreadable",
}


def lengths_in(text: str) -> list[Length]:
    """The lengths that a description or the steps state as a whole clause, in order."""
    found: list[Length] = []
    for clause in _CLAUSES.split(text)[:_MOST_CLAUSES]:
        said = _SAYS_TERM.split(clause)[-1].strip()
        if said and len(said) <= _LONGEST_CLAUSE and (read := length_of(parse_term(said))) and read not in found:
            found.append(read)
    return found


def length_of(term: Term) -> Length | None:
    """Unit and amount, where there are."""
    return None if term.unit is None or term.amount is None else (term.unit, term.amount)


def term_read(text: str) -> Length | str:
    """What terms are compared by: their length, else their words. `5 WORKING_DAY` is `05 ngày làm việc`."""
    return length_of(parse_term(text)) or folded(text)


def term_flags(text: str, description: str, steps: str) -> Iterator[tuple[str, str]]:
    """What a person should look at: slug and words."""
    term = parse_term(text)
    own = length_of(term)
    there = lengths_in(description)
    if own is not None:
        if there and own not in there:
            yield "term-contradicts-description", f"«{_told(text)}», Mô tả: {_lengths(there)}."
        return
    if term.reason is Reason.UNSTATED:
        yield _unstated(text), ""
    elif (slug := _BY_REASON.get(term.reason or Reason.NEEDS_A_PERSON)) is not None:
        yield slug, f"«{_told(text)}»"
    else:
        return  # immediate, not applicable: read, and without a date
    if there:
        yield "term-in-description", f"Mô tả: {_lengths(there)}."
    elif _SAYS_TERM.search(steps) and (in_steps := lengths_in(steps)):
        yield "term-in-steps", f"Trình tự thực hiện: {_lengths(in_steps[:3])}."


def _unstated(text: str) -> str:
    plain = folded(text).strip(" .:;-")
    if not plain:
        return "term-empty"
    if plain in ("other", "khac"):
        return "term-other"
    return "term-zero-other" if re.fullmatch(r"0+(?:[.,]0+)?(?: ?(?:other|khac))?", plain) else "term-not-stated"


def _told(text: str) -> str:
    return " ".join(text.split())[:120]


def _lengths(found: list[Length]) -> str:
    return ", ".join(f"{amount.normalize():f} {_NAMES[unit]}" for unit, amount in found[:3])


_NAMES = {
    Unit.WORKING_DAY: "ngày làm việc",
    Unit.CALENDAR_DAY: "ngày",
    Unit.WORKING_HOUR: "giờ làm việc",
    Unit.MONTH: "tháng",
    Unit.YEAR: "năm",
}
