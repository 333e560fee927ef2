"""Danh mục qua HTTP: procedures, as the service counts and checks with them."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import Annotated

from fastapi import Path as PathParameter
from fastapi import Query
from pydantic import BaseModel

from hub_events.intake import Channel, LegPlan, ProcedureRef
from hub_web.credentials import requires
from hub_web.cursors import decode_cursor
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_number, page_of
from hub_web.problems import NOT_FOUND, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_worktime import day_in_vietnam
from services.intake.api.procedures.catalogue_reading import CatalogueReading
from services.intake.api.procedures.published_views import (
    CitingView,
    PublishedView,
    VersionLineView,
    citing_view,
    published_view,
    version_line_view,
)
from services.intake.domain.catalogue import Procedure
from services.intake.domain.procedures.legal_bases import EndedTexts
from services.intake.domain.reference.folding import folded
from services.intake.domain.refusals import UnknownProcedure
from services.intake.handlers.live_catalogue import LiveCatalogue

CatalogueReader = Annotated[Caller, requires("dossiers:read")]
Find = Callable[[str, int | None], Awaitable[bool]]
"""Learns a version that another process published a moment ago; False: there is none."""
Wanted = Annotated[str | None, Query(max_length=200)]
HIGHEST_VERSION = 2**31 - 1
Number = Annotated[int, PathParameter(ge=1, le=HIGHEST_VERSION)]


class WithdrawnView(BaseModel):
    """Bãi bỏ: from that day on no new dossier is taken; `in_effect`: it has come."""

    effective_on: date
    in_effect: bool
    decision: str
    successor_code: str | None
    successor_name: str | None


class TermOffer(BaseModel):
    """Thời hạn for one channel and case (None: any). No unit: `reason` says why no date follows from it."""

    channel: Channel | None
    case: str | None
    text: str
    cut_off: str | None


class CaseView(BaseModel):
    """Trường hợp."""

    code: str
    name: str


class ComponentView(BaseModel):
    """Thành phần hồ sơ; `case` None: in every case."""

    code: str
    name: str
    required: bool
    originals: int
    copies: int
    case: str | None


class ProcedureLine(BaseModel):
    """One line of the list."""

    code: str
    version: int
    name: str
    field: str | None
    field_name: str | None = None
    agency: str | None = None
    levels: list[str] = []
    online_level: str | None = None
    base_code: str | None = None
    withdrawn: WithdrawnView | None = None


class ProcedureView(ProcedureLine):
    """Thủ tục hành chính in one published version; `published`: everything that an imported one says."""

    source: str
    certainty: str
    terms: list[TermOffer]
    cases: list[CaseView]
    components: list[ComponentView]
    legs: tuple[LegPlan, ...]
    published: PublishedView | None = None


class Shelves:
    """What the routes read: the catalogue of this process, and published versions in full."""

    def __init__(
        self,
        catalogue: LiveCatalogue,
        find: Find,
        queries: CatalogueReading,
        ended: EndedTexts,
        now: Callable[[], datetime],
    ) -> None:
        self.catalogue = catalogue
        self.queries = queries
        self._find = find
        self._ended = ended
        self._now = now

    async def procedure(self, code: str, version: int | None) -> ProcedureView:
        """One version, None: the newest. Raises Problem `not-found`."""
        try:
            found = self._known(code, version)
        except UnknownProcedure:
            if not await self._find(code, version):
                raise _no_procedure() from None
            found = self._known(code, version)
        published = None if found.listing is None else await self.queries.version(code, found.ref.version)
        day = day_in_vietnam(self._now())
        shown = _view(found, published and published_view(published, self._ended, day))
        return shown.model_copy(update={"withdrawn": self.withdrawn(found.ref)})

    def withdrawn(self, ref: ProcedureRef) -> WithdrawnView | None:
        """The end of that version."""
        return withdrawn_view(ref, self.catalogue, self._now())

    def line(self, procedure: Procedure) -> ProcedureLine:
        """One line of the list."""
        return _line(procedure).model_copy(update={"withdrawn": self.withdrawn(procedure.ref)})

    def _known(self, code: str, version: int | None) -> Procedure:
        if version is None:
            return self.catalogue.newest(code)
        return self.catalogue.numbered(code, version)

    async def versions(self, code: str, after: int, most: int) -> list[VersionLineView]:
        """The packaged versions, then the published ones."""
        packaged = [
            VersionLineView(version=one.ref.version, published_at=None, published_by=None, flags=0)
            for one in self.catalogue.packaged_versions(code)
        ]
        published = [version_line_view(line) for line in await self.queries.versions(code, after, most)]
        return [*(line for line in packaged if line.version > after), *published][:most]

    async def citing_ended(self, after: str, most: int) -> list[CitingView]:
        """Procedures that cite what has ended, today."""
        day = day_in_vietnam(self._now())
        return [citing_view(one) for one in await self.queries.citing_ended(day, after, most)]


def catalogue_router(shelves: Shelves) -> Router:
    """The reference data."""
    router = Router(tags=["catalogue"])
    catalogue = shelves.catalogue

    @router.get("/v1/procedures")
    async def list_procedures(
        _caller: CatalogueReader,
        field: Wanted = None,
        agency: Wanted = None,
        level: Wanted = None,
        text: Wanted = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Page[ProcedureLine]:
        """Danh sách thủ tục theo mã, lọc theo lĩnh vực, cơ quan, cấp thực hiện (commune …), chữ trong mã và tên."""
        found = _matching(catalogue, _after(cursor), field, agency, level, text)
        return page_of(list(islice(found, limit + 1)), limit, shelves.line, lambda procedure: (procedure.ref.code,))

    @router.get("/v1/procedures/{code}")
    async def show_procedure(code: str, _caller: CatalogueReader) -> ProcedureView:
        """Một thủ tục, phiên bản mới nhất."""
        return await shelves.procedure(code, None)

    @router.get("/v1/procedures/{code}/versions")
    async def list_versions(
        code: str, _caller: CatalogueReader, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[VersionLineView]:
        """Các phiên bản của một thủ tục, cũ nhất trước."""
        lines = await shelves.versions(code, min(after_number(cursor), HIGHEST_VERSION), limit + 1)
        if not lines and cursor is None:
            raise _no_procedure()
        return page_of(lines, limit, lambda line: line, lambda line: (line.version,))

    @router.get("/v1/procedures/{code}/versions/{number}")
    async def show_version(code: str, number: Number, _caller: CatalogueReader) -> ProcedureView:
        """Một phiên bản, như đã công bố."""
        return await shelves.procedure(code, number)

    @router.get("/v1/catalogue/expired-bases")
    async def list_expired_bases(
        _caller: CatalogueReader, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[CitingView]:
        """Thủ tục viện dẫn văn bản đã hết hiệu lực, theo mã."""
        lines = await shelves.citing_ended(_after(cursor), limit + 1)
        return page_of(lines, limit, lambda line: line, lambda line: (line.code,))

    return router


def _after(cursor: str | None) -> str:
    return "" if cursor is None else str(decode_cursor(cursor, [str])[0])


def withdrawn_view(ref: ProcedureRef, catalogue: LiveCatalogue, now: datetime) -> WithdrawnView | None:
    """The end of that version, with the successor's name."""
    ending = catalogue.ending_of(ref)
    if ending is None:
        return None
    instead = catalogue.newest(ending.successor) if ending.successor and catalogue.knows(ending.successor) else None
    return WithdrawnView(
        effective_on=ending.effective_on,
        in_effect=now >= ending.starts,
        decision=ending.decision,
        successor_code=ending.successor,
        successor_name=instead.ref.name if instead else None,
    )


def _no_procedure() -> Problem:
    return Problem(NOT_FOUND, "Không có thủ tục này.", next_step="Xem GET /v1/procedures.")


def _matching(
    catalogue: LiveCatalogue, after: str, field: str | None, agency: str | None, level: str | None, text: str | None
) -> Iterator[Procedure]:
    """What fits all filters; field and agency by slug or by part of the name, with or without accents."""
    for procedure in catalogue.published(after, folded(text or "").split()):
        listing, kinds = procedure.listing, [leg.agency_kind for leg in procedure.legs]
        said_field, said_agency = (listing.field, listing.agency) if listing else ("", "")
        levels = listing.levels if listing else ()
        in_field = not field or procedure.ref.field == field or folded(field) in folded(said_field)
        by_agency = not agency or agency in kinds or folded(agency) in folded(said_agency)
        if in_field and by_agency and (not level or level in levels):
            yield procedure


def _line(procedure: Procedure) -> ProcedureLine:
    listing = procedure.listing
    ref = procedure.ref
    if listing is None:
        return ProcedureLine(code=ref.code, version=ref.version, name=ref.name, field=ref.field)
    return ProcedureLine(
        code=ref.code,
        version=ref.version,
        name=ref.name,
        field=ref.field,
        field_name=listing.field,
        agency=listing.agency,
        levels=list(listing.levels),
        online_level=listing.online_level,
        base_code=listing.base_code,
    )


def _view(procedure: Procedure, published: PublishedView | None) -> ProcedureView:
    return ProcedureView(
        **_line(procedure).model_dump(),
        source=procedure.source,
        certainty=procedure.certainty,
        terms=[
            TermOffer(
                channel=row.channel,
                case=row.case,
                text=row.text,
                cut_off=row.cut_off.strftime("%H:%M") if row.cut_off else None,
            )
            for row in procedure.term_rows
        ],
        cases=[CaseView(code=case.code, name=case.name) for case in procedure.cases],
        components=[
            ComponentView(
                code=part.code,
                name=part.name,
                required=part.required,
                originals=part.originals,
                copies=part.copies,
                case=part.case,
            )
            for part in procedure.components
        ],
        legs=procedure.legs,
        published=published,
    )
