"""Dữ liệu tham chiếu: what `intake` publishes for all to know (topic `intake-reference-events`, compacted).

Each event says the whole of one thing in one version, under the key kind/code@version: what was said of that key
before counts no more. Offices, codes and published texts only, no personal data.
"""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from hub_events.event import Part, ReferenceEvent
from hub_events.intake import Channel
from hub_events.values import AgencyCode, Moment, OfficerCode, ProcedureCode, Slug, TerritoryCode, WrittenHours


class ProcedureFee(Part):
    """Một mức phí, lệ phí: `amount` in đồng, None where it is only told in words; `text` as published."""

    amount: int | None = None
    text: str


class ProcedureOffer(Part):
    """Cách thức thực hiện: one row. `channel` None: its form isn't known; `case`: where it is one of several."""

    channel: Channel | None = None
    form: str
    case: Slug | None = None
    term: str
    fees: tuple[ProcedureFee, ...] = ()
    description: str = ""


class ProcedurePaper(Part):
    """Thành phần hồ sơ; counts None: not stated."""

    code: Slug
    name: str
    case: Slug | None = None
    required: bool
    originals: int | None = None
    copies: int | None = None
    electronic: int | None = None
    form: str = ""


class ProcedureCase(Part):
    """Trường hợp of a procedure."""

    code: Slug
    name: str


class ProcedureBasis(Part):
    """Căn cứ pháp lý: its number (`61/2018/NĐ-CP`), None where none can be read; the text as published."""

    number: str | None = None
    text: str


class ProcedureStep(Part):
    """Một bước của quy trình nội bộ: its share of the term as published."""

    name: str
    role: str
    share: str


class ProcedureText(Part):
    """Everything else as published: agency, steps, results, conditions …"""

    key: Slug
    text: str


class ProcedurePublishedV1(ReferenceEvent):
    """Thủ tục được công bố: one version in full. A version never changes; dossiers name the one they came under."""

    type: ClassVar[str] = "procedure.published.v1"
    code: ProcedureCode
    version: int = Field(ge=1)
    base_code: str
    """The national code without the suffix of a province."""
    suffix: str | None = None
    name: str
    field: str
    decision: str = ""
    """Số quyết định công bố."""
    levels: tuple[Slug, ...] = ()
    online_level: Slug | None = None
    agency_kind: Slug | None = None
    offers: tuple[ProcedureOffer, ...] = ()
    cases: tuple[ProcedureCase, ...] = ()
    papers: tuple[ProcedurePaper, ...] = ()
    bases: tuple[ProcedureBasis, ...] = ()
    process: tuple[ProcedureStep, ...] = ()
    texts: tuple[ProcedureText, ...] = ()
    published_at: Moment

    @property
    def key(self) -> str:
        return f"procedure/{self.code}@{self.version}"


class ProcedureWithdrawnV1(ReferenceEvent):
    """Thủ tục bị bãi bỏ: its versions up to `version` take no new dossiers from a day on; a later version does.

    What was received before goes on. Of a key of its own: the versions' contents stay on the topic.
    """

    type: ClassVar[str] = "procedure.withdrawn.v1"
    code: ProcedureCode
    version: int = Field(ge=1)
    effective_on: date
    """The first day without it, Vietnam's."""
    decision: str
    """Số quyết định bãi bỏ."""
    successor: ProcedureCode | None = None
    """What to hand in instead."""
    taken_back: bool = False
    """It was a mistake: the versions have no end by this decision."""
    edition: int = Field(ge=1)
    """Of two about one key the higher counts."""
    withdrawn_at: Moment

    @property
    def key(self) -> str:
        return f"withdrawal/{self.code}@{self.effective_on}"


class DirectoryEntry(ReferenceEvent):
    """Mục danh bạ: one version of a code; `valid_to` is the last day, None: until further notice."""

    code: str
    valid_from: date
    valid_to: date | None = None
    withdrawn: bool = False
    """This version was a mistake: it never was."""
    edition: int = Field(ge=1)
    """Which approval of this kind of entry said so: of two about one version the higher counts."""

    @classmethod
    def key_of(cls, code: str, valid_from: date) -> str:
        """The key of that version."""
        return f"{cls.type.partition('.')[0]}/{code}@{valid_from}"

    @property
    def key(self) -> str:
        return self.key_of(self.code, self.valid_from)


class DeskPublishedV1(DirectoryEntry):
    """Bộ phận Một cửa được công bố."""

    type: ClassVar[str] = "desk.published.v1"
    code: AgencyCode
    name: str
    level: Literal["commune", "provincial", "branch", "district"]
    superior: AgencyCode | None = None
    province: TerritoryCode
    commune: TerritoryCode | None = None
    category: Slug | None = None
    """Phân loại: urban, rural, remote."""
    hours: str | None = None
    """As people read them."""
    counting_hours: WrittenHours | None = None
    """By which its dossiers' dates are counted; None: the rule's default."""
    phone: str | None = None
    """Of the office."""


class UnitPublishedV1(DirectoryEntry):
    """Đơn vị được công bố."""

    type: ClassVar[str] = "unit.published.v1"
    code: AgencyCode
    name: str
    superior: AgencyCode | None = None


class OfficerPublishedV1(DirectoryEntry):
    """Cán bộ, công chức được công bố: by code, without name."""

    type: ClassVar[str] = "officer.published.v1"
    code: OfficerCode
    unit: AgencyCode
    rank: str
    role: Slug
    area: tuple[str, ...] = ()
    """Codes of what the officer looks after; `*`: everything."""


class AgencyPublishedV1(DirectoryEntry):
    """Cơ quan được công bố, with the one that has its tasks once it is no more."""

    type: ClassVar[str] = "agency.published.v1"
    code: AgencyCode
    old_code: AgencyCode | None = None
    name: str
    vertical: bool
    superior: AgencyCode | None = None
    successor: AgencyCode | None = None
