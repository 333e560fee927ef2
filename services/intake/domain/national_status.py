"""Trạng thái hồ sơ quốc gia: the ten statuses that the National Public Service Portal knows, as a function of ours.

Codes: TT 21/2023/TT-BTTTT.
"""

from dataclasses import dataclass
from typing import Literal

from services.intake.domain.dossier import Dossier
from services.intake.domain.life import Life
from services.intake.domain.progress import Progress
from services.intake.domain.standing import Standing

PublishedState = Literal["submitted", "supplement_requested", "accepted", "refused", "completed"]
"""What the field `state` of an answer was published with; `phase` says all."""


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


def state_of(dossier: Dossier, progress: Progress, life: Life | None = None) -> PublishedState:
    """The register's state in the words that answers began with."""
    state = dossier.state
    if state == "returned" or (state != "stopped" and standing_of(dossier, progress, life).decided):
        return "completed"
    if state == "stopped":
        return "accepted" if dossier.accepted else "submitted"
    return state


def national_status(dossier: Dossier, progress: Progress, life: Life | None = None) -> NationalStatus:
    """Trạng thái theo danh mục quốc gia. Of several that are true: what closed it, then what the citizen must do."""
    standing = standing_of(dossier, progress, life)
    closed = {"stopped": STOPPED, "returned": RETURNED, "refused": REFUSED}.get(dossier.state)
    if closed is not None:
        return closed
    if not standing.decided and standing.life.withdrawal_requested_at is not None:
        return WITHDRAWAL_REQUESTED
    if not standing.decided and dossier.state == "supplement_requested":
        return SUPPLEMENT_REQUESTED
    if standing.life.open_fees:
        return PAYMENT_DUE
    if standing.decided:
        return COMPLETED
    if dossier.state == "submitted":
        return REGISTERED
    return IN_PROGRESS if progress.at_an_agency else ACCEPTED
