"""Danh mục công bố qua HTTP: JSON and a page for everybody, and the comparison with the national portal."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from hub_web.credentials import open_to_all, requires
from hub_web.limits import takes_up_to
from hub_web.problems import Problem, problem_type
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from hub_worktime import day_in_vietnam
from services.intake.api.citizen.pages import LISTS_PATH, Pages
from services.intake.api.procedures.catalogue import WithdrawnView, withdrawn_view
from services.intake.api.reference.directory_reading import DirectoryReading
from services.intake.api.reference.reference_answers import MistakeView
from services.intake.api.reference.reference_imports import ListKind
from services.intake.api.reference.reference_problems import no_such_entry
from services.intake.api.reference.sheets import MOST_BYTES, read_sheet
from services.intake.domain.catalogue import Desk, Procedure
from services.intake.domain.reference.directory import DESKS
from services.intake.domain.reference.publication_list import LISTS, Decided, PublicationList, compare
from services.intake.handlers.live_catalogue import LiveCatalogue

LIST_BUSY = problem_type("list-busy", 429, "Quá nhiều lượt xem danh mục cùng lúc", fault="hub")
FILE_FAULTY = problem_type("file-faulty", 422, "Tệp có lỗi")
PAGES_A_SECOND = 200
_KEPT_PAGES, _KEPT_SECONDS = 16, 30


class ListedProcedure(BaseModel):
    """Một thủ tục trong danh mục; `in_catalogue`: whether the register's catalogue has it."""

    procedure: str
    name: str | None
    level: str | None
    desks: list[str]
    agency: str | None
    note: str | None
    in_catalogue: bool
    withdrawn: WithdrawnView | None


class ListVersion(BaseModel):
    """Một phiên bản của danh mục. `days_to_publication`: from the decision to the day it became public."""

    edition: int
    decision: str
    decided_on: date
    published_on: date
    days_to_publication: int
    valid_from: date
    valid_to: date | None


class PublicationListView(ListVersion):
    """Danh mục công bố with its entries and its history."""

    kind: str
    title: str
    entries: list[ListedProcedure]
    not_in_catalogue: int
    versions: list[ListVersion]


class DifferenceView(BaseModel):
    """Khác biệt của một thủ tục."""

    procedure: str
    here: str | None
    there: str | None


class ComparisonView(BaseModel):
    """Đối chiếu với Cổng Dịch vụ công quốc gia; an empty name: that side gives none."""

    edition: int
    same: int
    only_here: list[DifferenceView]
    only_there: list[DifferenceView]
    other_name: list[DifferenceView]


class Turnstile:
    """Giới hạn lượt xem: the pages are the same for all, so all are counted together; no address is looked at."""

    def __init__(self, a_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = a_second
        self._clock = clock
        self._second, self._count = 0, 0

    async def __call__(self, _request: Request) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        if self._count > self._most:
            raise Problem(
                LIST_BUSY,
                "Máy chủ đang có quá nhiều lượt xem.",
                next_step="Thử lại sau vài giây.",
                headers={"Retry-After": "2"},
            )


@dataclass(frozen=True, slots=True)
class InCatalogue:
    """What the register's catalogue says of a procedure, by its code or by that without the province's suffix."""

    catalogue: LiveCatalogue
    now: Callable[[], datetime]

    def __call__(self, code: str) -> str | None:
        """What it is called."""
        found = self._newest(code)
        return None if found is None else found.ref.name

    def withdrawn(self, code: str) -> WithdrawnView | None:
        """Its end, if it has one."""
        found = self._newest(code)
        return None if found is None else withdrawn_view(found.ref, self.catalogue, self.now())

    def _newest(self, code: str) -> Procedure | None:
        known = (one for one in (code, ".".join(code.split(".")[:2])) if self.catalogue.knows(one))
        return next(map(self.catalogue.newest, known), None)


def publication_router(
    reading: DirectoryReading,
    name_of: InCatalogue,
    packaged: Callable[[], Sequence[Desk]],
    frame: Pages,
    now: Callable[[], datetime],
) -> Router:
    """What is published; its pages are no part of the API's document.

    `name_of`: what the catalogue says of a procedure; `packaged`: desks outside the directory.
    """
    router = Router(tags=["publication-lists"])
    anybody = open_to_all(Turnstile(PAGES_A_SECOND))
    pages: dict[tuple[str, int, int], bytes] = {}

    async def desk_names() -> dict[str, str]:
        names = {desk.ref.code: desk.ref.name for desk in packaged()}
        return names | {entry.code: entry.values["name"] for entry in await reading.everything(DESKS)}

    async def valid(kind: str, at: date | None) -> PublicationList:
        found = await reading.list_on(kind, at or day_in_vietnam(now()))
        if found is None:
            raise no_such_entry("danh mục có hiệu lực vào ngày", LISTS_PATH)
        return found

    @router.get("/v1/publication-lists/{kind}")
    async def show_list(
        kind: ListKind, _anybody: Annotated[None, anybody], at: date | None = None
    ) -> PublicationListView:
        """Danh mục công bố valid on a day (today), for everybody."""
        found = await valid(kind, at)
        return _view(found, [_version(one.number, one.decided) for one in await reading.lists(kind)], name_of)

    @router.post("/v1/publication-lists/{kind}/comparison")
    @takes_up_to(MOST_BYTES)
    async def compare_with_portal(
        kind: ListKind, _caller: Annotated[Caller, requires("reference:edit")], _key: IdempotencyKey, body: RawBody
    ) -> ComparisonView:
        """Đối chiếu with the portal's file (CSV, XLSX, JSON: code, name). It changes nothing."""
        found = await valid(kind, None)
        sheet = await asyncio.to_thread(read_sheet, body)
        ours = [{**line, "name": _name(line, name_of) or ""} for line in found.lines]
        differences, mistakes = compare(ours, sheet)
        if mistakes:
            raise Problem(
                FILE_FAULTY,
                f"Có {len(mistakes)} chỗ chưa đúng.",
                next_step="Sửa các chỗ nêu trong errors rồi gửi lại.",
                errors=[MistakeView.model_validate(mistake, from_attributes=True).model_dump() for mistake in mistakes],
            )
        views = [DifferenceView(procedure=one.procedure, here=one.here, there=one.there) for one in differences]
        return ComparisonView(
            edition=found.number,
            same=len({line["procedure"] for line in ours} - {one.procedure for one in views}),
            only_here=[one for one in views if one.there is None],
            only_there=[one for one in views if one.here is None],
            other_name=[one for one in views if None not in (one.here, one.there)],
        )

    @router.get(LISTS_PATH, include_in_schema=False)
    async def index_page(_anybody: Annotated[None, anybody]) -> Response:
        """Trang các danh mục công bố, for everybody."""
        found = {kind: await reading.list_on(kind, day_in_vietnam(now())) for kind in LISTS}
        lists = [_shown(kind, one) for kind, one in found.items()]
        return frame.publish(frame.render("publication-lists.html.j2", published=lists))

    @router.get(f"{LISTS_PATH}/{{kind}}", include_in_schema=False)
    async def list_page(kind: str, _anybody: Annotated[None, anybody]) -> Response:
        """Trang một danh mục công bố, for everybody."""
        found = await reading.list_on(kind, day_in_vietnam(now()))
        if found is None:
            return frame.show("no-publication-list.html.j2", 404)
        key = kind, found.number, int(time.monotonic() / _KEPT_SECONDS)
        content = pages.get(key)
        if content is None:
            shown, desks = _view(found, [], name_of), await desk_names()
            content = await asyncio.to_thread(frame.render, "publication-list.html.j2", list=shown, desks=desks)
            if len(pages) >= _KEPT_PAGES:
                pages.clear()
            pages[key] = content
        return frame.publish(content)

    return router


def _view(found: PublicationList, versions: list[ListVersion], name_of: InCatalogue) -> PublicationListView:
    entries = [
        ListedProcedure(
            procedure=line["procedure"],
            name=_name(line, name_of),
            level=line.get("level"),
            desks=line.get("desks", "").split(),
            agency=line.get("agency"),
            note=line.get("note"),
            in_catalogue=name_of(line["procedure"]) is not None,
            withdrawn=name_of.withdrawn(line["procedure"]),
        )
        for line in found.lines
    ]
    return PublicationListView(
        **_version(found.number, found.decided).model_dump(),
        kind=found.kind,
        title=LISTS[found.kind],
        entries=entries,
        not_in_catalogue=sum(not entry.in_catalogue for entry in entries),
        versions=versions,
    )


def _name(line: Any, name_of: Callable[[str], str | None]) -> str | None:
    return line.get("name") or name_of(line["procedure"])


def _version(number: int, decided: Decided) -> ListVersion:
    return ListVersion(
        edition=number,
        decision=decided.decision,
        decided_on=decided.decided_on,
        published_on=decided.published_on,
        days_to_publication=decided.days_to_publication,
        valid_from=decided.valid_from,
        valid_to=decided.valid_to,
    )


def _shown(kind: str, found: PublicationList | None) -> dict[str, Any]:
    count = 0 if found is None else len(found.lines)
    return {"kind": kind, "title": LISTS[kind], "decided": found and found.decided, "count": count}
