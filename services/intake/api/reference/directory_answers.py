"""Trả lời về danh bạ: desks, units, officers, postings, roster, agencies, as they are shown."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from hub_events.intake import DeskRef
from services.intake.domain.catalogue import Desk
from services.intake.domain.reference import directory as kinds
from services.intake.domain.reference.directory import Entry

V = TypeVar("V", bound=BaseModel)


class Validity(BaseModel):
    """Hiệu lực: the first and the last day; no last day: until further notice."""

    valid_from: date
    valid_to: date | None


class DeskView(DeskRef):
    """Bộ phận Một cửa. No validity: a desk of the packaged data."""

    model_config = ConfigDict(use_attribute_docstrings=False)  # there are none: looking takes 30 ms of the start

    province: str
    phone: str
    level: str | None = None
    desk_class: str | None = None
    superior: str | None = None
    hours: str | None = None
    counting_hours: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class DeskInFull(DeskView):
    """Bộ phận Một cửa with all its periods."""

    versions: list[Validity]


class UnitView(Validity):
    """Đơn vị, with its superior."""

    code: str
    name: str
    superior: str | None = None


class OfficerView(Validity):
    """Cán bộ, công chức, by code: the directory holds no names. `area`: codes, or `*`."""

    code: str
    unit: str
    rank: str
    role: str
    area: list[str]


class PostingView(Validity):
    """Cán bộ ngành dọc cử đến một bộ phận."""

    officer: str
    agency: str
    desk: str


class RosterView(Validity):
    """Vị trí trực in a part of the year; `share` of a full post."""

    desk: str
    post: str
    officer: str | None = None
    share: str = "1"


class AgencyEntry(Validity):
    """Cơ quan, in one version."""

    code: str
    name: str
    old_code: str | None = None
    vertical: bool
    superior: str | None = None
    successor: str | None = None


class AgencyResolved(BaseModel):
    """Cơ quan theo mã đã hỏi, and who has its tasks now: `way` goes from one to the other by successors."""

    asked: str
    agency: AgencyEntry
    way: list[str]
    now: AgencyEntry


class DeskNormView(BaseModel):
    """Định mức hồ sơ of one desk in one year; `posts`: full posts over the whole year."""

    desk: str
    posts: float
    dossiers: int


def desk_view(entry: Entry) -> DeskView:
    """The desk in one version."""
    said = entry.values
    return DeskView(
        code=entry.code,
        name=said["name"],
        territory=said.get("commune") or said["province"],
        province=said["province"],
        phone=said.get("phone", ""),
        level=said["level"],
        desk_class=said.get("class"),
        superior=said.get("superior"),
        hours=said.get("hours"),
        counting_hours=said.get("counting_hours"),
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
    )


def packaged_view(desk: Desk) -> DeskView:
    """A desk that comes with the service."""
    return DeskView(**desk.ref.model_dump(), province=desk.province, phone=desk.phone)


def in_full(desk: DeskView, versions: Sequence[Entry]) -> DeskInFull:
    """The desk with all its periods."""
    periods = [Validity(valid_from=entry.valid_from, valid_to=entry.valid_to) for entry in versions]
    return DeskInFull(**desk.model_dump(), versions=periods)


def _plainly(view: type[V]) -> Callable[[Entry], V]:
    """A view whose fields are called as the columns are."""

    def make(entry: Entry) -> V:
        return view(valid_from=entry.valid_from, valid_to=entry.valid_to, **entry.values)

    return make


def _officer(entry: Entry) -> OfficerView:
    said = {**entry.values, "area": entry.values.get("area", "").split()}
    return OfficerView(valid_from=entry.valid_from, valid_to=entry.valid_to, **said)


def agency_entry(entry: Entry) -> AgencyEntry:
    """The agency in one version."""
    said = {**entry.values, "vertical": entry.values["vertical"] == "yes"}
    return AgencyEntry(valid_from=entry.valid_from, valid_to=entry.valid_to, **said)


VIEWS: dict[str, Callable[[Entry], Any]] = {
    kinds.UNITS: _plainly(UnitView),
    kinds.OFFICERS: _officer,
    kinds.POSTINGS: _plainly(PostingView),
    kinds.ROSTER: _plainly(RosterView),
    kinds.AGENCIES: agency_entry,
}
"""How an entry of each kind is shown."""
