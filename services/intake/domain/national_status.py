"""Trạng thái hồ sơ quốc gia: the ten statuses that the National Public Service Portal knows, as a function of ours.

Codes: TT 21/2023/TT-BTTTT; 6, 7, 8 and 10 come with fees, withdrawal, stopping and the return of results.
"""

from dataclasses import dataclass

from services.intake.domain.dossier import Dossier, State
from services.intake.domain.progress import Progress


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


def state_of(dossier: Dossier, progress: Progress) -> State:
    """The register's state; completed once the agencies have finished."""
    return "completed" if progress.completed_at is not None else dossier.state


def national_status(dossier: Dossier, progress: Progress) -> NationalStatus:
    """Trạng thái theo danh mục quốc gia."""
    state = state_of(dossier, progress)
    if state == "accepted":
        return IN_PROGRESS if progress.at_an_agency else ACCEPTED
    return _BY_STATE[state]
