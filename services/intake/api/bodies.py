"""Nội dung yêu cầu: what desks' and portals' systems and officers send. Unknown fields are refused."""

import json
import re
import unicodedata
from abc import abstractmethod
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from hub_events.intake import Channel, ComponentRef
from hub_events.values import AgencyCode, Moment, OfficerCode, PersonalId, Phone, ProcedureCode, Slug, TerritoryCode
from services.intake.domain.desk.authorisation import Act, Actor
from services.intake.domain.desk.late_entry import LateReason, WhyLate
from services.intake.domain.desk.life import ResultBy

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of what follows: on paper nobody could see them."""
_LINE_BREAKS = str.maketrans("", "", "\t\n\r")


def _shown(text: str) -> str:
    if not any(unicodedata.category(one)[0] in "LNPS" for one in text):
        raise ValueError("text shows nothing")
    return unicodedata.normalize("NFC", text)


def _one_line(text: str) -> str:
    if _UNSEEN.search(text):
        raise ValueError("text holds a control character")
    return _shown(text)


def _lines(text: str) -> str:
    if _UNSEEN.search(text.translate(_LINE_BREAKS)):
        raise ValueError("text holds a control character other than a line break or tab")
    return _shown(text)


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_one_line)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(_lines)]
FIRST_YEAR, LAST_YEAR = 1850, 2100


def _believable(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR} is expected")
    return day


def year_first(value: Any) -> Any:
    """A number, or its digits, is no date: it would be read as Unix's seconds, `20261101` as a day of 1970."""
    if not (isinstance(value, str) and re.match(r"\d{4}-", value)):
        raise ValueError("a date such as 2026-11-01 is expected, a time as 2026-11-01T08:00:00+07:00")
    return value


At = Annotated[Moment, BeforeValidator(year_first)]
Day = Annotated[date, BeforeValidator(year_first)]
BelievableDay = Annotated[Day, AfterValidator(_believable)]


def _promisable(moment: datetime) -> datetime:
    _believable(moment)
    return moment


PromisableAt = Annotated[At, AfterValidator(_promisable)]
"""A moment of our time: one that people can promise or mean."""


Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]+$", max_length=254)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Applicant(_Body):
    """Người nộp hồ sơ, chủ hồ sơ."""

    kind: Literal["citizen", "organisation"]
    full_name: Line
    personal_id: PersonalId | None = None
    organisation_code: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z.-]{2,40}$")] | None = None
    address: Line | None = None
    date_of_birth: BelievableDay | None = None


class Contact(_Body):
    """Whom to tell; without phone and e-mail nobody can be told."""

    full_name: Line | None = None
    phone: Phone | None = None
    email: Email | None = None

    def personal(self, otherwise: str | None = None) -> dict[str, str]:
        """As it is sealed; `otherwise`: the name, where none is given."""
        given = {"full_name": self.full_name or otherwise, "phone": self.phone, "email": self.email}
        return {name: str(value) for name, value in given.items() if value is not None}


class Part(_Body):
    """Thành phần hồ sơ handed in; nothing of it counted means that it isn't there."""

    code: Slug
    originals: int = Field(default=0, ge=0, le=1000)
    copies: int = Field(default=0, ge=0, le=1000)
    electronic: bool = False

    def ref(self) -> ComponentRef:
        """The same for the domain; it has been validated."""
        return ComponentRef.model_construct(
            code=self.code, name=None, originals=self.originals, copies=self.copies, electronic=self.electronic
        )


def _each_once(parts: list[Part]) -> list[Part]:
    if len({part.code for part in parts}) != len(parts):
        raise ValueError("a component is listed twice")
    return parts


Parts = Annotated[list[Part], Field(max_length=200), AfterValidator(_each_once)]


def _writable(form: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What can be read but not written again, no agency could be told."""
    try:
        json.dumps(form, allow_nan=False)
    except ValueError:
        raise ValueError("a number of the form is infinite, no number, or too long") from None
    return form


Form = Annotated[dict[str, JsonValue], AfterValidator(_writable)]


class PromisedDate(_Body):
    """Ngày hẹn trả do cán bộ ấn định, only where the term gives none by itself."""

    due_at: PromisableAt
    reason: Prose


class AcceptanceBody(_Body):
    """Cán bộ tiếp nhận."""

    officer: OfficerCode
    promised: PromisedDate | None = None


class SuperiorBody(_Body):
    """Lãnh đạo đồng ý, cán bộ chấp nhận, with the reason; kept sealed."""

    officer: OfficerCode
    reason: Prose


class ProxyPaper(_Body):
    """Người được ủy quyền, with the paper that says so; all of it rests sealed.

    `scope`: what the paper allows, where it says so; without `valid_until` it is good for a year from `valid_from`.
    """

    full_name: Line
    personal_id: PersonalId | None = None
    phone: Phone | None = None
    authorisation: Line
    """Number and kind of the paper."""
    valid_from: BelievableDay | None = None
    valid_until: Day | None = None
    scope: Annotated[list[Act], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self

    def personal(self) -> dict[str, Any]:
        """As it is sealed."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"despite"})


class Proxy(ProxyPaper):
    """Người được ủy quyền nộp hồ sơ; `despite`: who accepts a paper that isn't in order, and why."""

    despite: SuperiorBody | None = None


class PaperShown(_Body):
    """Giấy ủy quyền xuất trình. `proxy`: who acts by another paper than that of the submission.

    `despite`: who accepts a paper that isn't in order, and why.
    """

    proxy: ProxyPaper | None = None
    despite: SuperiorBody | None = None

    @property
    @abstractmethod
    def by_proxy(self) -> bool:
        """Whether it is a proxy who acts."""

    @model_validator(mode="after")
    def _only_a_proxy(self) -> Self:
        if not self.by_proxy and (self.proxy is not None or self.despite is not None):
            raise ValueError("proxy and despite are for what a proxy does")
        return self


class ActedBody(PaperShown):
    """Ai bổ sung, rút hồ sơ. `acted_by`: who stands there, or sends it; null: not said, and no paper is checked."""

    acted_by: Actor | None = None

    @property
    def by_proxy(self) -> bool:
        return self.acted_by == "proxy"


class ResultWish(_Body):
    """Nơi, cách nhận kết quả. `desk_code`: at which desk, if not the receiving one; `address`: by post, sealed."""

    how: ResultBy
    desk_code: AgencyCode | None = None
    address: Line | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if (self.how == "post") != (self.address is not None):
            raise ValueError("an address is for the post, and the post needs one")
        if self.desk_code is not None and self.how != "desk":
            raise ValueError("a desk is where a result is collected")
        return self


class WhyLateBody(_Body):
    """Vì sao nhập sau ngày nhận; `note` is kept sealed."""

    reason_code: LateReason
    note: Prose | None = None

    def why(self) -> WhyLate:
        return WhyLate(self.reason_code, self.note)


class Submission(_Body):
    """Hồ sơ nộp vào. `received_at` defaults to now, `territory` to the desk's.

    `late_entry`: why it is entered later than on the working day of the receipt; without it the dossier is taken all
    the same, and listed (GET /v1/late-entries).
    """

    procedure_code: ProcedureCode
    desk_code: AgencyCode
    channel: Channel
    case: Slug | None = None
    territory: TerritoryCode | None = None
    received_at: At | None = None
    applicant: Applicant
    contact: Contact | None = None
    request: Prose | None = None
    form: Form | None = None
    components: Parts
    acceptance: AcceptanceBody | None = None
    late_entry: WhyLateBody | None = None
    proxy: Proxy | None = None
    result: ResultWish | None = None

    def personal_contact(self) -> dict[str, str]:
        """Whom to tell, by what; the applicant's name where the contact has none."""
        return (self.contact or Contact()).personal(self.applicant.full_name)

    def personal_form(self) -> dict[str, JsonValue]:
        """Applicant, request and form, as they are sealed."""
        content: dict[str, JsonValue] = {"applicant": self.applicant.model_dump(mode="json", exclude_none=True)}
        if self.request is not None:
            content["request"] = self.request
        if self.form is not None:
            content["form"] = self.form
        if self.proxy is not None:
            content["proxy"] = self.proxy.personal()
        if self.result is not None and self.result.address is not None:
            content["result_address"] = self.result.address
        return content


class SupplementWish(_Body):
    """Yêu cầu bổ sung: once, full and exact (NĐ 61/2018 Đ.17).

    A second one before acceptance, or a second one after it for the same `leg`, needs a `superior`.
    """

    officer: OfficerCode
    components: Annotated[list[Slug], Field(max_length=200)] = []
    reason: Prose
    leg: Slug | None = None
    superior: SuperiorBody | None = None


class SupplementBrought(ActedBody):
    """Hồ sơ bổ sung. `form` replaces the form sent before; `promised` as at acceptance; `acted_by`: who brings it."""

    officer: OfficerCode
    components: Parts
    received_at: At | None = None
    form: Form | None = None
    promised: PromisedDate | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.components and self.form is None:
            raise ValueError("a supplement brings components or a form")
        return self


class RefusalBody(_Body):
    """Từ chối tiếp nhận, with the reason that the applicant is told."""

    officer: OfficerCode
    reason_code: Slug
    reason: Prose
