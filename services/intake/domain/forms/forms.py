"""Biểu mẫu chính thức 01–07 (TT 03/2025/TT-VPCP): which there are, when each is possible, what each needs.

    draft (facts and what an officer gives → fields, missing ones named) → signed → issued, numbered, never made anew

What a dossier says is drafted; a new date, a reason, a signer are given by a person. A form that is issued stays: a
second one of its kind has a number of its own and names the one that it replaces.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hub_worktime import VIETNAM, is_late
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import Refusal
from services.intake.domain.standing import is_decided
from services.intake.domain.timeline import Step

Kind = Literal["01", "02", "03", "04", "05", "06"]
"""Forms of one dossier; 07 is the register of a desk."""
REGISTER = "07"
Fields = dict[str, Any]
"""What is printed, by name: texts, lists of texts and of rows; None: nothing is known."""

SIGNED = ("signer_name", "signer_title")
_WRITTEN_OVER = {"\t": " ", "\r": "\n", "\u0085": "\n", "\u2028": "\n", "\u2029": "\n"}
_CLOSED = ("refused", "stopped", "returned")
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class FormKind:
    """Mẫu biểu. `asks`: what an officer may give besides the signer; `needs`: without these it can't be issued."""

    code: str
    title: str
    symbol: str
    """Ký hiệu behind the number: PXL is the circular's own; the others are the hub's, until a province orders hers."""
    asks: frozenset[str]
    needs: tuple[str, ...]


def _kind(code: str, title: str, symbol: str, asks: Sequence[str], needs: Sequence[str]) -> FormKind:
    return FormKind(code, title, symbol, frozenset(asks), (*needs, *SIGNED))


KINDS: Mapping[str, FormKind] = {
    kind.code: kind
    for kind in (
        _kind(
            "01", "Giấy tiếp nhận hồ sơ và hẹn trả kết quả", "TNHS",
            ("sets", "result_place", "authoriser"), ("applicant", "dossier_code", "received_at"),
        ),
        _kind(
            "02", "Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ", "YCBS", ("reason",), ("applicant", "reason"),
        ),
        _kind(
            "03", "Phiếu từ chối tiếp nhận, giải quyết hồ sơ", "TCHS", ("reason",), ("applicant", "reason"),
        ),
        _kind(
            "04", "Phiếu xin lỗi và hẹn lại ngày trả kết quả", "PXL",
            ("reason", "new_due_at"), ("applicant", "dossier_code", "due_at", "new_due_at", "reason"),
        ),
        _kind(
            "05", "Thông báo dừng giải quyết hồ sơ", "TBDGQ",
            ("reason", "requested_by", "stopped_at"),
            ("applicant", "reason", "requested_by", "stopped_at"),
        ),
        _kind("06", "Phiếu kiểm soát quá trình giải quyết hồ sơ", "PKSHS", (), ("dossier_code", "lead_agency", "rows")),
        _kind(REGISTER, "Sổ theo dõi hồ sơ", "STDHS", (), ()),
    )
}  # fmt: skip
"""The seven forms, by number."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the officer who drafts says: a person decides, the hub proposes."""

    officer: str
    signer_name: str | None = None
    signer_title: str | None = None
    reason: str | None = None
    new_due_at: datetime | None = None
    stopped_at: datetime | None = None
    requested_by: str | None = None
    sets: int | None = None
    result_place: str | None = None
    authoriser: str | None = None


@dataclass(frozen=True, slots=True)
class FormFacts:
    """What the register knows of a dossier when a form is drafted. `form`, `contact`, `reason`: opened, personal."""

    dossier: Dossier
    progress: Progress
    steps: Sequence[Step]
    roles: Mapping[str, str]
    """Which leg leads and which co-operates, by the procedure's plan."""
    component_names: Mapping[str, str]
    desk_phone: str
    form: Mapping[str, Any]
    contact: Mapping[str, Any]
    reason: str | None = None
    """What the officer who decided wrote then."""
    life: Life | None = None
    """What happened at the desk besides."""
    result_desk: str | None = None
    """The other desk at which the citizen wants to collect the result, by name."""


@dataclass(frozen=True, slots=True)
class IssuedForm:
    """Biểu mẫu đã phát hành. The bytes rest sealed, bound to `id`; `sha256` is of the PDF as everybody gets it."""

    id: UUID
    desk_code: str
    dossier_id: UUID | None
    kind: str
    year: int
    number: int
    issued_at: datetime
    issued_by: str
    replaces: UUID | None
    sha256: bytes
    signature: str
    """JSON of what the signer recorded: method, time, value; no names."""
    sealed_pdf: str = ""

    @property
    def written_number(self) -> str:
        """Số, ký hiệu: `12/PXL`."""
        return written_number(self.kind, self.number)


class FormNotPossible(Refusal):
    """The dossier isn't in a state to which this form belongs."""

    def __init__(self, why: str) -> None:
        super().__init__("form not possible")
        self.why = why


class FormIncomplete(Refusal):
    """Fields are missing without which the form says nothing."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__("form incomplete")
        self.missing = tuple(missing)


class NotSigned(Refusal):
    """The office's certificate isn't valid now: a form must not leave unsigned."""


class FieldNotOnForm(Refusal):
    """Something was given that this form doesn't have."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__("field not on form")
        self.names = tuple(names)


class NotInTheBook(Refusal):
    """The number that a part of the book is to follow is of no dossier of the desk."""


class NewDateNotLater(Refusal):
    """Ngày hẹn lại lies before the date that it replaces, or in the past."""


class FactsMoved(Refusal):
    """The number, or the dossier itself, is another one than was printed: print again."""


def written_number(kind: str, number: int) -> str:
    """Số và ký hiệu của văn bản."""
    return f"{number}/{KINDS[kind].symbol}"


def number_key(desk_code: str, kind: str, moment: datetime) -> str:
    """Dãy số of one desk, form and year: numbers begin at 1 each year."""
    return f"{desk_code}/{KINDS[kind].symbol}/{year_of(moment)}"


def year_of(moment: datetime) -> int:
    """The local year: forms are numbered by it."""
    return moment.astimezone(VIETNAM).year


def check_possible(kind: str, dossier: Dossier, progress: Progress, life: Life | None, now: datetime) -> None:
    """Raises FormNotPossible."""
    finished = is_decided(progress, life)
    refused = dossier.state == "refused" or progress.result == "rejected"
    why = {
        "01": None if dossier.accepted else "hồ sơ chưa được tiếp nhận",
        "02": None if dossier.supplement else "chưa có yêu cầu bổ sung nào",
        "03": None if refused else "hồ sơ không bị từ chối",
        "04": _not_to_be_moved(dossier, finished, life, now),
        "05": _not_to_be_stopped(dossier, finished),
        "06": None if dossier.accepted else "hồ sơ chưa được tiếp nhận",
    }[kind]
    if why is not None:
        raise FormNotPossible(why)


def _not_to_be_moved(dossier: Dossier, finished: bool, life: Life | None, now: datetime) -> str | None:
    """Chỉ hẹn lại một lần (NĐ 61/2018 Đ.19.9): a letter may be put right until the date that it names has passed."""
    if dossier.state in _CLOSED or not dossier.accepted or finished:
        return "chỉ hẹn lại hồ sơ đã tiếp nhận và chưa có kết quả"
    if dossier.state == "supplement_requested":
        return "hồ sơ đang chờ bổ sung, thời hạn đang dừng; có ngày hẹn mới khi nhận đủ giấy tờ"
    if dossier.due_at is None:
        return "hồ sơ không có ngày hẹn trả"
    reappointed_to = life.reappointed(dossier.due_at) if life else None
    again = reappointed_to is not None and is_late(reappointed_to, now)
    return "đã hẹn lại một lần, và ngày hẹn lại đã qua" if again else None


def _not_to_be_stopped(dossier: Dossier, finished: bool) -> str | None:
    """A dossier that was stopped, or one that may still be."""
    if dossier.state == "stopped" or (dossier.accepted and not finished and dossier.state not in _CLOSED):
        return None
    return "chỉ báo dừng hồ sơ đã có quyết định dừng, hoặc đã tiếp nhận và chưa có kết quả"


def check_given(kind: str, given: Given, facts: FormFacts, now: datetime) -> None:
    """Raises FieldNotOnForm, NewDateNotLater."""
    every = {name for form in KINDS.values() for name in form.asks}
    foreign = sorted(name for name in every - KINDS[kind].asks if getattr(given, name) is not None)
    if foreign:
        raise FieldNotOnForm(foreign)
    due_at, new = facts.dossier.due_at, given.new_due_at
    if new is not None and (new <= now or (due_at is not None and new <= due_at)):
        raise NewDateNotLater


def missing_of(kind: str, fields: Fields) -> tuple[str, ...]:
    """What the form needs and nobody has said."""
    return tuple(name for name in KINDS[kind].needs if not fields.get(name))


def notes_on(kind: str, facts: FormFacts, earlier: Sequence[IssuedForm]) -> tuple[str, ...]:
    """What the officer should see before issuing: the hub points out, it doesn't decide."""
    notes = []
    of_kind = [form for form in earlier if form.kind == kind]
    if of_kind:
        notes.append(f"Đã phát hành số {of_kind[-1].written_number}; phiếu mới sẽ ghi là thay thế phiếu đó.")
    if kind == "04" and of_kind:
        notes.append("Chỉ được hẹn lại ngày trả một lần; phiếu thứ hai chỉ để sửa sai phiếu trước.")
    if kind == "01" and facts.dossier.promise and facts.dossier.promise.provisional:
        notes.append("Ngày hẹn trả là tạm tính: lịch nghỉ của năm đó chưa nhập đủ.")
    if kind == "06" and not facts.progress.routed_at:
        notes.append("Chưa có thông tin chuyển hồ sơ đến cơ quan giải quyết.")
    return tuple(notes)


def printable(value: Any) -> Any:
    """The fields as they may be printed: NFC; without control characters and those that turn the reading order."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", "".join(_WRITTEN_OVER.get(sign, sign) for sign in value))
        return "".join(sign for sign in text if _shown(sign)).strip()
    if isinstance(value, Mapping):
        return {name: printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value


def _shown(sign: str) -> bool:
    return sign == "\n" or sign in _JOINERS or unicodedata.category(sign) not in ("Cc", "Cf", "Cs")
