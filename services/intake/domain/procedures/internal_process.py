"""Quy trình nội bộ: do the shares of the steps add up to the term?

The return of the result is outside the term: a last step without a time, or `không tính`, counts nothing.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from hub_worktime import parse_term
from services.intake.domain.procedures.quirks import Reason, flag
from services.intake.domain.procedures.raw_procedure import RawStep
from services.intake.domain.procedures.term_flags import Length, length_of
from services.intake.domain.reference.folding import folded


def process_flags(steps: Sequence[RawStep], terms: Sequence[str]) -> Iterator[Reason]:
    """What a person should look at."""
    if not steps:
        return
    total = Decimal(0)
    units = set()
    for number, step in enumerate(steps, start=1):
        if _counts_nothing(step, last=number == len(steps)):
            continue
        share = length_of(parse_term(step.share.text))
        if share is None:
            yield flag("process-step-unreadable", step.share.place)
            return
        units.add(share[0])
        total += share[1]
    whole: set[Length] = {length for term in terms if (length := length_of(parse_term(term))) is not None}
    if whole and (len(units) != 1 or (*units, total) not in whole):
        told = ", ".join(sorted({" ".join(term.split())[:60] for term in terms}))
        yield flag("process-shares-differ", steps[0].share.place, f"Tổng {total.normalize():f}; thời hạn: {told}.")


def _counts_nothing(step: RawStep, *, last: bool) -> bool:
    share = folded(step.share.text)
    return share.startswith("khong tinh") or (last and share in ("", "0", "-", "khong"))
