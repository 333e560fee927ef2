"""Nhập danh bạ và danh mục qua HTTP: upload → preview → approved by a second person, or rejected."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_web.credentials import requires
from hub_web.limits import takes_up_to
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.problems import Problem
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import EVERYWHERE, Caller
from services.intake.api.commands import Runs, once_for_its_key
from services.intake.api.reference.directory_reading import DirectoryReading
from services.intake.api.reference.reference_answers import ImportLine, ImportView, import_line, import_view, report_of
from services.intake.api.reference.reference_problems import (
    DECISION_UNSOUND,
    no_such_import,
    not_everywhere,
    problem_of,
)
from services.intake.api.reference.sheets import MOST_BYTES, read_sheet
from services.intake.domain.reference.directory import KINDS
from services.intake.domain.reference.directory_plan import make_plan
from services.intake.domain.reference.publication_list import Decided, check_days, plan_list
from services.intake.domain.reference.reference_import import Import
from services.intake.handlers.ports import Seals
from services.intake.handlers.reference.reference_import import (
    IMPORTS,
    Decision,
    approve_import,
    keep_preview,
    reject_import,
)

Editor = Annotated[Caller, requires("reference:edit")]
Approver = Annotated[Caller, requires("reference:approve")]
DirectoryKind = Literal["desks", "units", "officers", "postings", "roster", "agencies"]
ListKind = Literal["tiep-nhan-o-cap-duoi", "phi-dia-gioi-cap-tinh", "phi-dia-gioi-cap-xa", "nganh-doc"]
ImportState = Literal["previewed", "faulty", "approved", "rejected"]


class WhyNot(BaseModel):
    """Lý do từ chối; kept sealed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    why: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What previews are made with. `name_of`: what the catalogue calls a procedure; `communes`: commune → province."""

    reading: DirectoryReading
    communes: Callable[[], Mapping[str, str]]
    name_of: Callable[[str], str | None]
    seals: Seals
    now: Callable[[], datetime]


def import_router(runs: Runs, world: Surroundings) -> Router:
    """What brings reference data in. Nothing takes effect before a second person approves it."""
    router = Router(tags=["directory"])
    reading, carry_out = world.reading, _Carried(runs).out

    @router.post("/v1/directory/imports", status_code=201, response_model=ImportView)
    @takes_up_to(MOST_BYTES)
    async def upload(kind: DirectoryKind, caller: Editor, key: IdempotencyKey, body: RawBody) -> Response:
        """Gửi tệp danh bạ (CSV, XLSX, JSON): differences and mistakes, line by line; nothing takes effect."""
        _check_area(caller)
        sheet = await asyncio.to_thread(read_sheet, body)
        kinds = KINDS[kind].rests_on
        base = await reading.editions(kinds)
        known = {name: await reading.everything(name) for name in kinds}
        plan = await asyncio.to_thread(lambda: make_plan(KINDS[kind], known, sheet, world.communes()))
        content = [
            {
                "code": entry.code,
                "valid_from": entry.valid_from,
                "valid_to": entry.valid_to,
                "said": entry.values,
                "withdrawn": entry.withdrawn,
            }
            for entry in plan.entries
        ]
        report = report_of(plan.diff, plan.mistakes, plan.doubts)
        preview = _preview(kind, caller, world.now(), body, base, content, report)
        return await carry_out(
            lambda uow: keep_preview(preview, uow), {IMPORTS: (preview.id,)}, caller, f"import {kind}", key, body, 201
        )

    @router.post("/v1/publication-lists/{kind}/imports", status_code=201, response_model=ImportView)
    @takes_up_to(MOST_BYTES)
    async def upload_list(
        kind: ListKind,
        decision: Annotated[str, Query(min_length=1, max_length=100, description="Số quyết định.")],
        decided_on: date,
        published_on: date,
        valid_from: date,
        caller: Editor,
        key: IdempotencyKey,
        body: RawBody,
        valid_to: date | None = None,
    ) -> Response:
        """Gửi tệp danh mục công bố: approved, it replaces the former version of that list as a whole."""
        _check_area(caller)
        decided = Decided(decision, decided_on, published_on, valid_from, valid_to)
        if wrong := check_days(decided):
            raise Problem(DECISION_UNSOUND, wrong, next_step="Sửa các ngày trong địa chỉ rồi gửi lại.")
        sheet = await asyncio.to_thread(read_sheet, body)
        base = await reading.editions([kind])
        former = next(iter(await reading.lists(kind)), None)
        plan = await asyncio.to_thread(plan_list, former, sheet, lambda code: world.name_of(code) is not None)
        stated = {name: getattr(decided, name) for name in Decided.__slots__}
        shown = {name: str(value) for name, value in stated.items() if value is not None}
        report = report_of(plan.diff, plan.mistakes, plan.doubts, decision=shown)
        preview = _preview(kind, caller, world.now(), body, base, {**stated, "lines": plan.lines}, report)
        route = f"import {kind} {sorted(shown.items())}"
        return await carry_out(
            lambda uow: keep_preview(preview, uow), {IMPORTS: (preview.id,)}, caller, route, key, body, 201
        )

    @router.post("/v1/directory/imports/{import_id}/approve", response_model=ImportView)
    async def approve(import_id: UUID, caller: Approver, key: IdempotencyKey, body: RawBody) -> Response:
        """Duyệt, by another person than who uploaded; it takes effect at once. Publication lists too."""
        _check_area(caller)
        decision = Decision(import_id, caller.subject, tuple((await _found(reading, import_id)).base))
        return await carry_out(
            lambda uow: approve_import(decision, uow),
            decision.keys(),
            caller,
            f"approve {import_id}",
            key,
            body,
        )

    @router.post("/v1/directory/imports/{import_id}/reject", response_model=ImportView)
    async def reject(import_id: UUID, why: WhyNot, caller: Approver, key: IdempotencyKey, body: RawBody) -> Response:
        """Từ chối, with the reason; nothing of it takes effect."""
        _check_area(caller)
        decision = Decision(import_id, caller.subject)
        return await carry_out(
            lambda uow: reject_import(decision, why.why, uow, world.seals),
            decision.keys(),
            caller,
            f"reject {import_id}",
            key,
            body,
        )

    @router.get("/v1/directory/imports")
    async def list_imports(
        caller: Editor, state: ImportState | None = None, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[ImportLine]:
        """Các lần nhập, newest first: who uploaded, who decided, when."""
        _check_area(caller)
        found = await reading.imports(state, after_id(cursor), limit + 1)
        return page_of(found, limit, import_line, lambda one: (str(one.id),))

    @router.get("/v1/directory/imports/{import_id}")
    async def show_import(import_id: UUID, caller: Editor) -> ImportView:
        """Một lần nhập: differences, mistakes, who decided and why."""
        _check_area(caller)
        found = await _found(reading, import_id)
        why = None if found.sealed_why is None else world.seals.open("form", found.id, found.sealed_why)
        return import_view(found, why)

    return router


class _Carried:
    """Each command once per Idempotency-Key, in one transaction."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def out(
        self,
        command: Callable[[Any], Import],
        keys: dict[str, Iterable[Any]],
        caller: Caller,
        route: str,
        key: str,
        body: bytes,
        status: int = 200,
    ) -> Response:
        def answered(uow: Any) -> bytes:
            return import_view(command(uow)).model_dump_json().encode()

        return await once_for_its_key(
            self._runs.run,
            answered,
            keys=keys,
            caller=caller,
            route=route,
            key=key,
            body=body,
            status=status,
            problems=problem_of,
        )


def _preview(
    kind: str,
    caller: Caller,
    at: datetime,
    body: bytes,
    base: Mapping[str, int],
    content: Any,
    report: Mapping[str, Any],
) -> Import:
    return Import(
        id=uuid7(),
        kind=kind,
        state="faulty" if report["counts"]["error_count"] else "previewed",
        uploaded_by=caller.subject,
        uploaded_at=at,
        sha256=hashlib.sha256(body).digest(),
        bytes=len(body),
        base=base,
        content=content,
        report=report,
    )


def _check_area(caller: Caller) -> None:
    if not caller.covers(EVERYWHERE):
        raise not_everywhere()


async def _found(reading: DirectoryReading, import_id: UUID) -> Import:
    found = await reading.import_of(import_id)
    if found is None:
        raise no_such_import()
    return found
