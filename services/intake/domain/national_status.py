"""Trạng thái hồ sơ quốc gia: the ten statuses that the National Public Service Portal knows, as a function of ours.

Codes: TT 21/2023/TT-BTTTT.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier, State
from services.intake.domain.progress import Progress
from services.intake.domain.standing import Standing, is_decided

PublishedState = Literal["submitted", "supplement_requested", "accepted", "refused", "completed"]
"""What the field `state` of an answer was published with; `phase` says all."""
LinePhase = Literal["desk", "agency", "withdrawal", "payment", "completed", "completed_payment"]
"""What progress and the desk's record add to a dossier's own state; `line_phase` of the database is the same rule."""


@dataclass(frozen=True, slots=True)
class NationalStatus:
    """One of the ten."""

    code: int
    name: str


REGISTERED = NationalStatus(1, "Mới đăng ký")
ACCEPTED = NationalStatus(2, "Được tiếp nhận")
REFUSED = NationalStatus(3, "Không được tiếp nhận")
IN_PROGRESS = NationalStatus(4, "Đang xử lý")
SUPPLEMENT_REQUESTED = NationalStatus(5, "Yêu cầu bổ sung giấy tờ")
PAYMENT_DUE = NationalStatus(6, "Yêu cầu thực hiện nghĩa vụ tài chính")
WITHDRAWAL_REQUESTED = NationalStatus(7, "Công dân yêu cầu rút hồ sơ")
STOPPED = NationalStatus(8, "Dừng xử lý")
COMPLETED = NationalStatus(9, "Đã xử lý xong")
RETURNED = NationalStatus(10, "Đã trả kết quả")


def standing_of(dossier: Dossier, progress: Progress, life: Life | None) -> Standing:
    """The three as one; without a record of the desk nothing happened there."""
    return Standing(dossier, progress, life or Life(dossier.id, dossier.desk.code))


class RegisterStatus(NamedTuple):
    """All that state and national status follow from, as a line of the register holds it too."""

    decided: State
    phase: LinePhase
    accepted: bool

    @property
    def completed(self) -> bool:
        """A decision exists."""
        return self.phase in ("completed", "completed_payment")

    @property
    def under_way(self) -> bool:
        """Somebody still has to do something about it, other than hand out its result."""
        return self.decided in ("submitted", "supplement_requested", "accepted") and not self.completed

    @property
    def state(self) -> PublishedState:
        """The register's state in the words that answers began with."""
        if self.decided == "stopped":
            return "accepted" if self.accepted else "submitted"
        return "completed" if self.decided == "returned" or self.completed else self.decided

    @property
    def national(self) -> NationalStatus:
        """Trạng thái quốc gia. Of several that are true: what closed it, then what the citizen must do."""
        closed = {"stopped": STOPPED, "returned": RETURNED, "refused": REFUSED}.get(self.decided)
        if closed is not None:
            return closed
        if self.phase == "withdrawal":
            return WITHDRAWAL_REQUESTED
        if self.decided == "supplement_requested" and not self.completed:
            return SUPPLEMENT_REQUESTED
        if self.phase in ("payment", "completed_payment"):
            return PAYMENT_DUE
        if self.completed:
            return COMPLETED
        if self.decided == "submitted":
            return REGISTERED
        return IN_PROGRESS if self.phase == "agency" else ACCEPTED


STATUSES = tuple(
    RegisterStatus(state, phase, accepted)
    for state in get_args(State)
    for phase in get_args(LinePhase)
    for accepted in (True, False)
)


def statuses(fits: Callable[[RegisterStatus], bool]) -> frozenset[RegisterStatus]:
    """Those that fit: how a list asks for a state or a national status without a rule of its own."""
    return frozenset(filter(fits, STATUSES))


def register_status(dossier: Dossier, progress: Progress, life: Life | None) -> RegisterStatus:
    """Where the dossier stands, as its line in the register says it."""
    return RegisterStatus(dossier.state, line_phase(progress, life), dossier.accepted)


def line_phase(progress: Progress, life: Life | None) -> LinePhase:
    """What the other services and the desk's own record say."""
    pays = life is not None and bool(life.open_fees)
    if is_decided(progress, life):
        return "completed_payment" if pays else "completed"
    if life is not None and life.withdrawal_requested_at is not None:
        return "withdrawal"
    if pays:
        return "payment"
    return "agency" if progress.at_an_agency else "desk"


def state_of(dossier: Dossier, progress: Progress, life: Life | None = None) -> PublishedState:
    """The register's state in the words that answers began with."""
    return register_status(dossier, progress, life).state


def national_status(dossier: Dossier, progress: Progress, life: Life | None = None) -> NationalStatus:
    """Trạng thái theo danh mục quốc gia."""
    return register_status(dossier, progress, life).national
