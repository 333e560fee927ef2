"""Trạng thái hồ sơ quốc gia: the ten statuses that the National Public Service Portal knows, as a function of ours.

Codes: TT 21/2023/TT-BTTTT; 6, 7, 8 and 10 come with fees, withdrawal, stopping and the return of results.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from services.intake.domain.dossier import Dossier, State
from services.intake.domain.progress import Progress

Phase = Literal["desk", "agency", "completed"]
"""Where what the other services reported puts a dossier; `phase_of` of the database is the same rule."""


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
COMPLETED = NationalStatus(9, "Đã xử lý xong")

_BY_STATE: dict[State, NationalStatus] = {
    "submitted": REGISTERED,
    "supplement_requested": SUPPLEMENT_REQUESTED,
    "refused": REFUSED,
    "completed": COMPLETED,
}


class Standing(NamedTuple):
    """All that state and status follow from: what the desk decided last, and what others reported."""

    decided: State
    phase: Phase

    @property
    def state(self) -> State:
        """The register's state; completed once the agencies have finished."""
        return "completed" if self.phase == "completed" else self.decided

    @property
    def national(self) -> NationalStatus:
        """Trạng thái theo danh mục quốc gia."""
        if self.state == "accepted":
            return IN_PROGRESS if self.phase == "agency" else ACCEPTED
        return _BY_STATE[self.state]


STANDINGS = tuple(Standing(state, phase) for state in get_args(State) for phase in get_args(Phase))


def standings(fits: Callable[[Standing], bool]) -> frozenset[Standing]:
    """Those that fit: how a list asks for a state or a status without a rule of its own."""
    return frozenset(filter(fits, STANDINGS))


def phase_of(progress: Progress) -> Phase:
    """Where the dossier is, by what others reported."""
    if progress.completed_at is not None:
        return "completed"
    return "agency" if progress.at_an_agency else "desk"


def standing_of(dossier: Dossier, progress: Progress) -> Standing:
    """Where the dossier stands."""
    return Standing(dossier.state, phase_of(progress))


def state_of(dossier: Dossier, progress: Progress) -> State:
    """The register's state; completed once the agencies have finished."""
    return standing_of(dossier, progress).state


def national_status(dossier: Dossier, progress: Progress) -> NationalStatus:
    """Trạng thái theo danh mục quốc gia."""
    return standing_of(dossier, progress).national
