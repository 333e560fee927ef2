"""Phiên bản đã công bố, as it is shown: content in full, with the reasons to look at it."""

from datetime import date
from typing import Any

from pydantic import BaseModel

from services.intake.api.answers import Local
from services.intake.api.procedures.catalogue_imports import ReasonView
from services.intake.domain.procedures.legal_bases import EndedText, EndedTexts
from services.intake.domain.procedures.publication import Citing, Published, VersionLine


class FeeView(BaseModel):
    """Một mức phí, lệ phí: đồng, or null where it is only told in words."""

    amount: int | None
    text: str


class OfferView(BaseModel):
    """Cách thức thực hiện: one row, as published."""

    channel: str | None
    form: str
    case: str | None
    term: str
    fees: list[FeeView]
    description: str


class PaperView(BaseModel):
    """Thành phần hồ sơ; a count of null is not stated."""

    code: str
    name: str
    case: str | None
    required: bool
    originals: int | None
    copies: int | None
    electronic: int | None
    form: str


class EndedView(BaseModel):
    """Văn bản đã hết hiệu lực, and what replaces it."""

    number: str
    title: str
    ended_on: date | None
    replaced_by: list[str]
    certainty: str


class BasisView(BaseModel):
    """Căn cứ pháp lý; `ended`: known to be without effect now."""

    number: str | None
    text: str
    ended: EndedView | None


class StepOfProcessView(BaseModel):
    """Một bước của quy trình nội bộ."""

    name: str
    role: str
    share: str


class PublishedView(BaseModel):
    """Nội dung đã công bố của một phiên bản; `texts`: everything else by its key."""

    base_code: str
    suffix: str | None
    full_name: str
    field_name: str
    decision: str
    levels: list[str]
    online_level: str | None
    agency_kind: str | None
    offers: list[OfferView]
    papers: list[PaperView]
    legal_bases: list[BasisView]
    internal_process: list[StepOfProcessView]
    texts: dict[str, str]
    published_at: Local
    published_by: str
    flags: list[ReasonView]


class VersionLineView(BaseModel):
    """One version of a procedure; `published_at` null: of the packaged data."""

    version: int
    published_at: Local | None
    published_by: str | None
    flags: int


class CitingView(BaseModel):
    """Thủ tục viện dẫn văn bản đã hết hiệu lực."""

    code: str
    version: int
    name: str
    agency: str | None
    ended: list[EndedView]


def published_view(published: Published, ended: EndedTexts, day: date) -> PublishedView:
    """A version in full."""
    content = published.content
    rows: Any = content.content()
    return PublishedView(
        base_code=content.base_code,
        suffix=content.suffix,
        full_name=content.name,
        field_name=content.field,
        decision=content.decision,
        levels=list(content.levels),
        online_level=content.online_level,
        agency_kind=content.agency_kind,
        offers=[
            OfferView(**{**row, "fees": [FeeView(amount=fee[0], text=fee[1]) for fee in row["fees"]]})
            for row in rows["offers"]
        ],
        papers=[PaperView(**row) for row in rows["papers"]],
        legal_bases=[
            BasisView(number=basis.number, text=basis.text, ended=_ended_view(ended.get(basis.number or ""), day))
            for basis in content.bases
        ],
        internal_process=[StepOfProcessView(**row) for row in rows["process"]],
        texts=dict(content.texts),
        published_at=published.published_at,
        published_by=published.published_by,
        flags=[ReasonView(slug=slug, place=place, text=text) for slug, place, text in published.flags],
    )


def _ended_view(text: EndedText | None, day: date) -> EndedView | None:
    return ended_view(text) if text is not None and text.has_ended(day) else None


def ended_view(text: EndedText) -> EndedView:
    """A text that has ended."""
    return EndedView(
        number=text.number,
        title=text.title,
        ended_on=text.ended,
        replaced_by=list(text.replaced_by),
        certainty=text.certainty,
    )


def version_line_view(line: VersionLine) -> VersionLineView:
    """One line of the versions."""
    return VersionLineView(
        version=line.version, published_at=line.published_at, published_by=line.published_by, flags=line.flags
    )


def citing_view(citing: Citing) -> CitingView:
    """One line of the report."""
    return CitingView(
        code=citing.code,
        version=citing.version,
        name=citing.name,
        agency=citing.agency,
        ended=[ended_view(text) for text in citing.ended],
    )
