"""Bãi bỏ thủ tục: keep a proposal; approve it by a second person, reject it, or take it back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.intake.domain.procedures.publication import PROCEDURES
from services.intake.domain.procedures.withdrawal import (
    Ending,
    NoSuchWithdrawal,
    Withdrawal,
    WithdrawnAlready,
    check_day,
)
from services.intake.handlers.ports import Seals
from services.intake.handlers.procedures.publishing import (
    COUNTERS,
    ENDINGS,
    HEADS,
    WITHDRAWALS,
    PublishingWork,
    newest_version,
    next_counter,
    say_ending,
)


@dataclass(frozen=True, slots=True)
class WithdrawalDecision:
    """Quyết định about one proposal. `packaged`: the newest versions of the packaged data, by code."""

    withdrawal_id: UUID
    code: str
    who: str
    packaged: Mapping[str, int]

    def keys(self) -> dict[str, Iterable[Any]]:
        """What must be loaded; the counter is locked, so that it and publications follow one another."""
        return {
            COUNTERS: (PROCEDURES,),
            HEADS: (self.code,),
            ENDINGS: (self.code,),
            WITHDRAWALS: (self.withdrawal_id,),
        }


def propose_withdrawal(proposal: Withdrawal, uow: PublishingWork) -> Withdrawal:
    """Đề nghị bãi bỏ: nothing takes effect. Raises DayHasPassed."""
    check_day(proposal.effective_on, uow.now)
    uow.withdrawals.put(proposal.id, proposal)
    return proposal


def approve_withdrawal(command: WithdrawalDecision, uow: PublishingWork) -> Withdrawal:
    """Duyệt: all versions so far end on that day, and all are told. Raises what `approve` raises, WithdrawnAlready."""
    approved = _found(command, uow).approve(command.who, uow.now)
    newest = newest_version(command.code, command.packaged, uow)
    standing = uow.endings.get(command.code)
    if standing is not None and standing.ends(newest):
        raise WithdrawnAlready
    counter = next_counter(uow)
    uow.counters.put(PROCEDURES, counter)
    uow.withdrawals.put(approved.id, approved)
    said = approved.effective_on, approved.decision, approved.successor
    say_ending(Ending(approved.code, approved.id, newest, *said, counter.version), newest, uow)
    return approved


def reject_withdrawal(command: WithdrawalDecision, why: str, uow: PublishingWork, seals: Seals) -> Withdrawal:
    """Từ chối: nothing takes effect. Raises NoSuchWithdrawal, WithdrawalDecided."""
    sealed = seals.seal("form", command.withdrawal_id, why)
    rejected = _found(command, uow).reject(command.who, uow.now, sealed)
    uow.withdrawals.put(rejected.id, rejected)
    return rejected


def take_back_withdrawal(command: WithdrawalDecision, why: str, uow: PublishingWork, seals: Seals) -> Withdrawal:
    """Hủy việc bãi bỏ: the procedure stands as if it had not been withdrawn. Raises Refusal."""
    sealed = seals.seal("form", command.withdrawal_id, why)
    taken_back = _found(command, uow).take_back(command.who, uow.now, sealed)
    uow.withdrawals.put(taken_back.id, taken_back)
    standing = uow.endings.get(command.code)
    if standing is not None and standing.withdrawal == taken_back.id:
        counter = next_counter(uow)
        uow.counters.put(PROCEDURES, counter)
        say_ending(replace(standing, through=0, edition=counter.version), standing.through, uow)
    return taken_back


def _found(command: WithdrawalDecision, uow: PublishingWork) -> Withdrawal:
    found = uow.withdrawals.get(command.withdrawal_id)
    if found is None:
        raise NoSuchWithdrawal
    return found
