"""Đề xuất phí, lệ phí: what the published version asks for a dossier's channel and case, line by line.

A person decides, the hub proposes: only an amount that the text states beyond doubt is proposed as a number; all else
is shown as it was published.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from services.intake.domain.desk.fees import SMALLEST, Fee, contradicts_itself
from services.intake.domain.desk.life import LARGEST_FEE, Life
from services.intake.domain.procedures.published_procedure import Offer
from services.intake.domain.reference.folding import folded
from services.intake.domain.refusals import FeeAskedAlready, FeeNotProposed, NoSuchProposal

Doubt = Literal["in-words", "free", "suspiciously-small", "not-believable", "per-unit", "channel-unknown"]
LONGEST_LINE = 500
_PER_UNIT = re.compile(r"(?:vnd|dong|d) ?/ ?(?!ho so|lan|truong hop|thu tuc)")
_EACH = re.compile(r"\b(?:mỗi|từng)\b")  # with accents: «cấp mới» is no «mỗi»
_PURPOSES = (("le phi", "le-phi"), ("phi", "phi"))


class FeeProposal(NamedTuple):
    """Một dòng của danh mục; `line`: row and amount of the version. `amount` None: `doubt` says why it is only text."""

    line: str
    form: str
    case: str | None
    text: str
    purpose: str
    amount: int | None
    doubt: Doubt | None


def proposals(offers: Sequence[Offer], channel: str, case: str | None) -> tuple[FeeProposal, ...]:
    """The lines for that channel, and those whose channel nobody knows, in the order of the version.

    Of several cases that of the dossier; all of them where it tells none, or one that the rows don't know.
    """
    rows = list(enumerate(offers, 1))
    of_channel = [(row, offer) for row, offer in rows if offer.channel == channel]
    of_case = [(row, offer) for row, offer in of_channel if case is None or offer.case in (None, case)]
    unknown = [(row, offer) for row, offer in rows if offer.channel is None]
    return tuple(line for row, offer in (*(of_case or of_channel), *unknown) for line in _lines(row, offer))


def _lines(row: int, offer: Offer) -> Iterator[FeeProposal]:
    for number, fee in enumerate(offer.fees, 1):
        doubt = "channel-unknown" if offer.channel is None else _doubt(fee)
        amount = fee.amount if doubt is None else None
        text = fee.text[:LONGEST_LINE]
        yield FeeProposal(f"{row}-{number}", offer.form, offer.case, text, _purpose(fee.text), amount, doubt)


def _doubt(fee: Fee) -> Doubt | None:
    """Why no number is proposed."""
    if fee.amount is None or (contradicts_itself(fee) and not 0 < fee.amount < SMALLEST):
        return "in-words"
    if fee.amount == 0:
        return "free"
    if fee.amount < SMALLEST:
        return "suspiciously-small"
    if fee.amount > LARGEST_FEE:
        return "not-believable"
    return "per-unit" if _PER_UNIT.search(folded(fee.text)) or _EACH.search(fee.text.lower()) else None


def _purpose(text: str) -> str:
    """`le-phi` or `phi` as the line calls it, else the two words of the catalogue's heading."""
    plain = folded(text)
    return next((code for words, code in _PURPOSES if re.search(rf"\b{words}\b", plain)), "phi-le-phi")


def chosen(found: Sequence[FeeProposal], line: str, life: Life) -> FeeProposal:
    """The line that an officer wants asked. Raises NoSuchProposal, FeeNotProposed, FeeAskedAlready."""
    proposal = next((one for one in found if one.line == line), None)
    if proposal is None:
        raise NoSuchProposal
    if proposal.amount is None:
        raise FeeNotProposed(proposal.doubt or "in-words")
    if (asked := asked_as(line, life)) is not None:
        raise FeeAskedAlready(asked)
    return proposal


def asked_as(line: str, life: Life) -> int | None:
    """Under which number the line was asked of this dossier; None: it was not."""
    return next((fee.number for fee in life.fees if fee.line == line), None)
