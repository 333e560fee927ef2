"""Phí, lệ phí: asked, paid, waived. Amounts in đồng; the hub neither sets nor collects them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from hub_events.intake import DossierFeePaidV1
from services.intake.domain.desk.fee_proposals import chosen, proposals
from services.intake.domain.desk.life import Life, PaidBy
from services.intake.domain.dossier import Dossier
from services.intake.domain.procedures.published_procedure import Offer
from services.intake.domain.stated import believed
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.desk_steps import announce_step
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered
from services.intake.handlers.submit_dossier import LONGEST_BACKLOG


@dataclass(frozen=True, slots=True)
class AskFee:
    """`purpose`: what for, as a code."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    purpose: str
    amount: int


@dataclass(frozen=True, slots=True)
class AskProposedFee:
    """`offers`: the channel rows of the version that the dossier is pinned to; `line`: which amount of them."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    line: str
    offers: Sequence[Offer]


@dataclass(frozen=True, slots=True)
class PayFee:
    """`reference`: the payment's own number; told again it is the same payment."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    fee: int
    paid_at: datetime
    by: PaidBy
    reference: str


@dataclass(frozen=True, slots=True)
class WaiveFee:
    """`reason_code`: why nobody has to pay it."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    fee: int
    reason_code: str


def ask_fee(command: AskFee, uow: IntakeWork) -> Dossier:
    """Yêu cầu nộp phí, lệ phí. Raises NoSuchDossier, WrongState, FeeNotBelievable."""
    standing = registered(command.dossier_id, uow)
    standing.check("ask-fee")
    life = standing.life.ask_fee(command.purpose, command.amount, command.at, command.officer)
    return _noted("fee-asked", standing.dossier, life, command, uow, command.purpose, command.amount)


def ask_proposed_fee(command: AskProposedFee, uow: IntakeWork) -> Dossier:
    """Yêu cầu nộp theo danh mục. Raises as `ask_fee`, and NoSuchProposal, FeeNotProposed, FeeAskedAlready."""
    standing = registered(command.dossier_id, uow)
    dossier = standing.check("ask-fee")
    found = chosen(proposals(command.offers, dossier.channel, dossier.case), command.line, standing.life)
    assert found.amount is not None
    life = standing.life.ask_fee(
        found.purpose, found.amount, command.at, command.officer, line=found.line, basis=found.text
    )
    return _noted("fee-asked", dossier, life, command, uow, found.purpose, found.amount)


def pay_fee(command: PayFee, uow: IntakeWork) -> Dossier:
    """Ghi nhận đã nộp, whatever became of the dossier.

    Raises NoSuchDossier, NoSuchFee, FeeSettled, PaymentUsed, ReceiptNotBelievable.
    """
    standing = registered(command.dossier_id, uow)
    dossier, fee = standing.dossier, standing.life.fee(command.fee)
    paid = standing.life.pay(command.fee, command.paid_at, command.by, command.reference)
    if paid is standing.life:
        return dossier
    believed(command.paid_at, dossier.received_at - LONGEST_BACKLOG, command.at)  # some pay online before they submit
    uow.lives.put(dossier.id, paid)
    event = DossierFeePaidV1(
        fee=fee.number,
        purpose=fee.purpose,
        amount=fee.amount,
        paid_at=command.paid_at,
        by=command.by,
        recorded_by=command.officer,
        desk=dossier.desk,
        all_settled=not paid.open_fees,
    )
    announce(event, uow, dossier_id=dossier.id, event_id=command.event_id)
    return dossier


def waive_fee(command: WaiveFee, uow: IntakeWork) -> Dossier:
    """Miễn nộp. Raises NoSuchDossier, NoSuchFee, FeeSettled."""
    standing = registered(command.dossier_id, uow)
    life = standing.life.waive(command.fee, command.at, command.officer, command.reason_code)
    amount = life.fee(command.fee).amount
    return _noted("fee-waived", standing.dossier, life, command, uow, command.reason_code, amount)


def _noted(
    step: Literal["fee-asked", "fee-waived"],
    dossier: Dossier,
    life: Life,
    command: AskFee | AskProposedFee | WaiveFee,
    uow: IntakeWork,
    reason: str,
    amount: int,
) -> Dossier:
    """Keeps what became of the dossier's fees, and says so as a step at the desk."""
    uow.lives.put(command.dossier_id, life)
    announce_step(
        dossier, step, command.officer, command.at, uow, event_id=command.event_id, reason=reason, amount=amount
    )
    return dossier
