"""Danh bạ qua HTTP: desks, units, officers, postings, roster, agencies, as they are valid on a day."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query

from hub_events.values import AgencyCode, OfficerCode, TerritoryCode
from hub_web.credentials import requires
from hub_web.cursors import decode_cursor
from hub_web.pages import USUAL_LIMIT, Limit, Page, page_of
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_worktime import day_in_vietnam
from services.intake.api.reference.directory_answers import (
    VIEWS,
    AgencyEntry,
    AgencyResolved,
    DeskInFull,
    DeskNormView,
    DeskView,
    OfficerView,
    PostingView,
    RosterView,
    UnitView,
    agency_entry,
    desk_view,
    in_full,
    packaged_view,
)
from services.intake.api.reference.directory_reading import DirectoryReading
from services.intake.api.reference.reference_problems import no_such_entry
from services.intake.domain.catalogue import Desk
from services.intake.domain.reference import directory as kinds
from services.intake.domain.reference.desk_norms import desk_norms
from services.intake.domain.reference.directory import Entry, Versions

DirectoryReader = Annotated[Caller, requires("dossiers:read")]
DeskClass = Literal["urban", "rural", "remote"]


def desk_router(
    reading: DirectoryReading, packaged: Callable[[], Sequence[Desk]], now: Callable[[], datetime]
) -> Router:
    """Desks and their norms. `packaged`: the desks that come with the service; the directory's go first."""
    router = Router(tags=["directory"])

    def on(day: date | None) -> date:
        return day or day_in_vietnam(now())

    @router.get("/v1/desks")
    async def list_desks(
        _caller: DirectoryReader,
        province: TerritoryCode | None = None,
        desk_class: Annotated[DeskClass | None, Query(alias="class")] = None,
        at: date | None = None,
    ) -> Page[DeskView]:
        """Danh sách Bộ phận Một cửa valid on a day (today), by code."""
        versions = Versions(await reading.everything(kinds.DESKS))
        valid = [entry for code in versions.by_code if (entry := versions.on(code, on(at)))]
        desks = [desk_view(entry) for entry in valid]
        desks += [packaged_view(desk) for desk in packaged() if not versions.speaks_of(desk.ref.code, on(at))]
        items = [desk for desk in desks if province in (None, desk.province) and desk_class in (None, desk.desk_class)]
        return Page(items=sorted(items, key=lambda desk: desk.code))

    @router.get("/v1/desks/{code}")
    async def show_desk(code: AgencyCode, _caller: DirectoryReader, at: date | None = None) -> DeskInFull:
        """Một Bộ phận Một cửa as on a day (today), also one that is no more: old dossiers name it."""
        versions = await reading.versions(kinds.DESKS, code)
        if versions:
            return in_full(desk_view(_as_on(versions, on(at))), versions)
        for desk in packaged():
            if desk.ref.code == code:
                return in_full(packaged_view(desk), [])
        raise no_such_entry("Bộ phận Một cửa", "/v1/desks")

    @router.get("/v1/figures/desk-norms")
    async def show_desk_norms(
        _caller: DirectoryReader, year: Annotated[int | None, Query(ge=2018, le=2100)] = None
    ) -> Page[DeskNormView]:
        """Định mức hồ sơ một năm của từng bộ phận: posts × norm of its class × part of the year."""
        desks = Versions(await reading.everything(kinds.DESKS))
        norms = desk_norms(desks, await reading.everything(kinds.ROSTER), year or on(None).year)
        return Page(
            items=[
                DeskNormView(desk=norm.desk, posts=round(float(norm.posts), 4), dossiers=round(norm.dossiers))
                for norm in norms
            ]
        )

    return router


def directory_router(reading: DirectoryReading, now: Callable[[], datetime]) -> Router:
    """Units, officers, postings, roster and agencies."""
    router = Router(tags=["directory"])

    def on(day: date | None) -> date:
        return day or day_in_vietnam(now())

    async def page(kind: str, at: date | None, said: dict[str, str | None], cursor: str | None, limit: int) -> Any:
        after = "" if cursor is None else str(decode_cursor(cursor, [str])[0])
        stated = {field: value for field, value in said.items() if value is not None}
        found = await reading.on(kind, on(at), stated, after, limit + 1)
        return page_of(found, limit, VIEWS[kind], lambda entry: (entry.code,))

    @router.get("/v1/units")
    async def list_units(
        _caller: DirectoryReader,
        superior: AgencyCode | None = None,
        at: date | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[UnitView]:
        """Danh sách đơn vị, by code; `superior`: those directly under it."""
        found: Page[UnitView] = await page(kinds.UNITS, at, {"superior": superior}, cursor, limit)
        return found

    @router.get("/v1/officers")
    async def list_officers(
        _caller: DirectoryReader,
        unit: AgencyCode | None = None,
        role: Literal["desk", "specialist", "head-of-division", "head-of-agency", "watching-leader"] | None = None,
        at: date | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[OfficerView]:
        """Danh sách cán bộ, công chức by code, without names."""
        found: Page[OfficerView] = await page(kinds.OFFICERS, at, {"unit": unit, "role": role}, cursor, limit)
        return found

    @router.get("/v1/postings")
    async def list_postings(
        _caller: DirectoryReader,
        desk: AgencyCode | None = None,
        officer: OfficerCode | None = None,
        at: date | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[PostingView]:
        """Cán bộ ngành dọc đang được cử đến các bộ phận."""
        found: Page[PostingView] = await page(kinds.POSTINGS, at, {"desk": desk, "officer": officer}, cursor, limit)
        return found

    @router.get("/v1/roster")
    async def list_roster(
        _caller: DirectoryReader,
        desk: AgencyCode | None = None,
        at: date | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[RosterView]:
        """Các vị trí trực tại các bộ phận."""
        found: Page[RosterView] = await page(kinds.ROSTER, at, {"desk": desk}, cursor, limit)
        return found

    @router.get("/v1/agencies")
    async def list_agencies(
        _caller: DirectoryReader,
        at: date | None = None,
        vertical: bool | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[AgencyEntry]:
        """Danh sách cơ quan, by code."""
        said = {"vertical": None if vertical is None else "yes" if vertical else "no"}
        found: Page[AgencyEntry] = await page(kinds.AGENCIES, at, said, cursor, limit)
        return found

    @router.get("/v1/agencies/{code}")
    async def resolve_agency(code: AgencyCode, _caller: DirectoryReader) -> AgencyResolved:
        """Một cơ quan by its code, new or old, and who has its tasks now."""
        asked = await _agency(reading, code)
        if asked is None:
            raise no_such_entry("cơ quan", "/v1/agencies")
        here, way = asked, [asked.code]
        while (successor := here.values.get("successor")) and successor not in way:
            versions = await reading.versions(kinds.AGENCIES, successor)
            if not versions:
                break
            here = versions[-1]
            way.append(here.code)
        return AgencyResolved(asked=code, agency=agency_entry(asked), way=way, now=agency_entry(here))

    return router


async def _agency(reading: DirectoryReading, code: str) -> Entry | None:
    """The newest version of the agency with that code, or with that code of the old order."""
    versions = await reading.versions(kinds.AGENCIES, code)
    if versions:
        return versions[-1]
    for other in await reading.agencies_once_called(code):
        versions = await reading.versions(kinds.AGENCIES, other)
        if any(version.values.get("old_code") == code for version in versions):
            return versions[-1]
    return None


def _as_on(versions: Sequence[Entry], day: date) -> Entry:
    """The version of that day; else the last one before it; else the first."""
    begun = [entry for entry in versions if entry.valid_from <= day]
    return begun[-1] if begun else versions[0]
