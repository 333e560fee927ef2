"""Quá trình tại Bộ phận Một cửa: what happens to a dossier at the desk besides the decisions that `dossier.py` knows.

Withdrawal and stop, fees, the result and its return. A plain dossier has none of it, and no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.intake.domain.refusals import FeeNotBelievable, FeeSettled, NoSuchFee, PaymentUsed

Collector = Literal["applicant", "proxy", "post"]
ResultBy = Literal["desk", "post", "electronic"]
PaidBy = Literal["cash", "bank-transfer", "online", "post"]


LARGEST_FEE = 10_000_000_000
"""Đồng: above it, an amount is a typing error."""


@dataclass(frozen=True, slots=True)
class Fee:
    """Phí, lệ phí that was asked. `amount` in đồng; open until it is paid or waived.

    `line`, `basis`: the line of the dossier's published version that it follows, and its text; None: an officer's own.
    """

    number: int
    purpose: str
    amount: int
    asked_at: datetime
    asked_by: str
    paid_at: datetime | None = None
    paid_by: PaidBy | None = None
    reference: str | None = None
    waived_at: datetime | None = None
    waived_by: str | None = None
    waived_reason: str | None = None
    line: str | None = None
    basis: str | None = None

    @property
    def open(self) -> bool:
        return self.paid_at is None and self.waived_at is None


class Life(NamedTuple):
    """The desk's own record of one dossier. Reasons that people wrote only sealed."""

    dossier_id: UUID
    desk_code: str
    withdrawal_requested_at: datetime | None = None
    withdrawal_recorded_by: str | None = None
    stopped_at: datetime | None = None
    stopped_by: str | None = None
    stop_reason: str | None = None
    sealed_stop_reason: str | None = None
    result_ready_at: datetime | None = None
    result_ready_by: str | None = None
    returned_at: datetime | None = None
    returned_by: str | None = None
    collected_by: Collector | None = None
    on_the_spot: bool = False
    fees: tuple[Fee, ...] = ()
    corrections: int = 0
    result_by: ResultBy | None = None
    """How the citizen wants the result; None: nothing was said, so at the desk that received the dossier."""
    result_desk: str | None = None
    result_sent_at: datetime | None = None
    """When the result left for `result_desk`, and when it arrived there: what both signed on a hand-over list."""
    result_arrived_at: datetime | None = None
    reappointed_from: datetime | None = None
    """Which promised date the last apology letter has put off, and until when."""
    reappointed_to: datetime | None = None
    reappointments: int = 0
    """Letters that gave a new date; those that put a former one right count too."""

    @property
    def wanted_at(self) -> str | None:
        """The other desk at which the citizen wants to collect the result; None: the receiving one does it."""
        return self.result_desk if self.result_desk != self.desk_code else None

    @property
    def result_at(self) -> str | None:
        """The desk that has the result, or will have it first; None: it is on its way from one to the other."""
        if self.result_arrived_at is not None:
            return self.result_desk
        return self.desk_code if self.result_sent_at is None else None

    def reappoint(self, due_at: datetime | None, to: datetime) -> "Life":
        """Hẹn lại ngày trả kết quả: the letter's date; a letter that puts the former one right takes its place."""
        return self._replace(reappointed_from=due_at, reappointed_to=to, reappointments=self.reappointments + 1)

    def reappointed(self, due_at: datetime | None) -> datetime | None:
        """Ngày hẹn lại in the place of `due_at`; None: no letter speaks of that date."""
        return self.reappointed_to if self.reappointed_from == due_at else None

    @property
    def open_fees(self) -> tuple[Fee, ...]:
        """Those that the citizen still has to pay."""
        return tuple(fee for fee in self.fees if fee.open)

    def ask_fee(
        self,
        purpose: str,
        amount: int,
        at: datetime,
        officer: str,
        *,
        line: str | None = None,
        basis: str | None = None,
    ) -> "Life":
        """Yêu cầu nộp phí: the next one. Raises FeeNotBelievable."""
        if not 0 < amount <= LARGEST_FEE:
            raise FeeNotBelievable(LARGEST_FEE)
        asked = Fee(len(self.fees) + 1, purpose, amount, at, officer, line=line, basis=basis)
        return self._replace(fees=(*self.fees, asked))

    def fee(self, number: int) -> Fee:
        """Raises NoSuchFee."""
        if not 0 < number <= len(self.fees):
            raise NoSuchFee
        return self.fees[number - 1]

    def pay(self, number: int, at: datetime, by: PaidBy, reference: str) -> "Life":
        """Đã nộp: the same payment told again changes nothing. Raises NoSuchFee, FeeSettled, PaymentUsed."""
        fee = self.fee(number)
        if fee.reference == reference:
            return self
        if not fee.open:
            raise FeeSettled
        if any(other.reference == reference for other in self.fees):
            raise PaymentUsed
        return self._with(replace(fee, paid_at=at, paid_by=by, reference=reference))

    def waive(self, number: int, at: datetime, officer: str, reason: str) -> "Life":
        """Miễn nộp. Raises NoSuchFee, FeeSettled."""
        fee = self.fee(number)
        if not fee.open:
            raise FeeSettled
        return self._with(replace(fee, waived_at=at, waived_by=officer, waived_reason=reason))

    def send_result(self, at: datetime) -> "Life":
        """Kết quả được chuyển đến nơi người nộp muốn nhận."""
        return self._replace(result_sent_at=self.result_sent_at or at)

    def receive_result(self, at: datetime) -> "Life":
        """Kết quả đã đến nơi người nộp muốn nhận, whether or not the other side has signed that it left."""
        return self.send_result(at)._replace(result_arrived_at=self.result_arrived_at or at)

    def hand_back(self, at: datetime, officer: str, to: Collector) -> "Life":
        """Đã trả kết quả; it was at the desk by then, whatever another clock said."""
        return self._replace(
            result_ready_at=min(self.result_ready_at or at, at),
            result_ready_by=self.result_ready_by or officer,
            returned_at=at,
            returned_by=officer,
            collected_by=to,
        )

    def _with(self, changed: Fee) -> "Life":
        fees: Sequence[Fee] = [changed if fee.number == changed.number else fee for fee in self.fees]
        return self._replace(fees=tuple(fees))
