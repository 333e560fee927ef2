"""Nhập danh mục thủ tục: many files a request, each in exactly one class, published in one transaction."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub_messaging.jobs import Done, Failed, Job, once
from hub_messaging.requests import Answer
from hub_web.credentials import requires
from hub_web.limits import takes_up_to
from hub_web.problems import INVALID_REQUEST, Problem
from hub_web.routes import IdempotencyKey, RawBody, Router, answer
from hub_web.tokens import Caller
from services.intake.api.problems import problem_of
from services.intake.domain.procedures.publication import AssessedFile, Item, Outcome
from services.intake.handlers.procedures.publish_procedures import PublishProcedures, publish_procedures

Editor = Annotated[Caller, requires("reference:edit")]
MOST_BODY = 12_000_000
MOST_FILES = 200
Assess = Callable[[str, bytes, datetime], AssessedFile]


class FileSent(BaseModel):
    """Một tệp: its name, and its bytes in base64."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=1000)
    content: str


class ImportSent(BaseModel):
    """Các tệp của một lượt. `run`: the same for all requests of one import."""

    model_config = ConfigDict(extra="forbid")

    run: UUID
    files: list[FileSent] = Field(min_length=1, max_length=MOST_FILES)


class ReasonView(BaseModel):
    """Lý do: stable slug, place in the file, words."""

    slug: str
    place: str
    text: str


class OutcomeView(BaseModel):
    """One procedure of a file that holds several."""

    place: str
    code: str
    version: int | None
    class_: str = Field(alias="class")
    unchanged: bool
    reasons: list[ReasonView]


class ItemView(BaseModel):
    """Một tệp: in exactly one class. `code` and `version` where it holds one procedure."""

    file: str
    class_: str = Field(alias="class")
    code: str | None
    version: int | None
    unchanged: bool
    reasons: list[ReasonView]
    procedures: list[OutcomeView]


class ImportedView(BaseModel):
    """Kết quả: published + flagged + refused = files."""

    dry_run: bool
    files: int
    published: int
    flagged: int
    refused: int
    items: list[ItemView]


class Runs(Protocol):
    """Runs jobs in one transaction (hub_messaging.runner.Runner)."""

    async def run(self, jobs: Sequence[Job[Any, Answer]]) -> Sequence[Any]: ...


class Imports:
    """Carries out imports. `assess` judges one file; `packaged` are the versions of the packaged data."""

    def __init__(self, runner: Runs, assess: Assess, packaged: dict[str, int], refresh: Any) -> None:
        self._runner = runner
        self._assess = assess
        self._packaged = packaged
        self._refresh = refresh

    async def carry_out(
        self, sent: ImportSent, *, dry_run: bool, at: datetime, caller: Caller, key: str, body: bytes
    ) -> Response:
        """The answer, committed; known to this process when it is given. Raises Problem."""
        files = await asyncio.to_thread(self._assessed, sent.files, at)
        command = PublishProcedures(files, sent.run, dry_run, at, caller.subject, self._packaged)

        def run(uow: Any) -> tuple[int, bytes]:
            return 200, imported(publish_procedures(command, uow), dry_run)

        route = f"POST /v1/catalogue/imports?dry_run={dry_run}"
        digest = hashlib.sha256(body).digest()
        job: Job[Any, Answer] = once(f"{caller.subject} {route} {key}", digest, run, {**command.keys()})
        (result,) = await self._runner.run([job])
        if isinstance(result, Failed):
            raise problem_of(result.error) or result.error
        assert isinstance(result, Done)
        await self._refresh()
        return answer(result.value.body, result.value.status)

    def _assessed(self, files: Sequence[FileSent], at: datetime) -> list[AssessedFile]:
        """In a thread: dossiers are accepted meanwhile."""
        return [self._assess(file.name, _bytes(number, file), at) for number, file in enumerate(files)]


def catalogue_import_router(imports: Imports, now: Callable[[], datetime]) -> Router:
    """The import."""
    router = Router(tags=["catalogue"])

    @router.post("/v1/catalogue/imports", response_model=ImportedView)
    @takes_up_to(MOST_BODY)
    async def import_procedures(
        sent: ImportSent, caller: Editor, key: IdempotencyKey, body: RawBody, dry_run: bool = False
    ) -> Response:
        """Nhập thủ tục đã công bố: .txt, .md, .json, .csv, .xlsx; `dry_run` chỉ xem trước."""
        return await imports.carry_out(sent, dry_run=dry_run, at=now(), caller=caller, key=key, body=body)

    return router


def _bytes(number: int, file: FileSent) -> bytes:
    try:
        return base64.b64decode(file.content, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(
            INVALID_REQUEST,
            f"files[{number}].content không phải base64.",
            next_step="Mã hóa nội dung tệp bằng base64 rồi gửi lại.",
        ) from None


def imported(items: Sequence[Item], dry_run: bool) -> bytes:
    """The answer's bytes: they are kept for a repeated request."""
    classes = [item.file_class for item in items]
    counts = {name: classes.count(name) for name in ("published", "flagged", "refused")}
    return orjson.dumps({"dry_run": dry_run, "files": len(items), **counts, "items": [_item(item) for item in items]})


def _item(item: Item) -> dict[str, Any]:
    only = item.outcomes[0] if len(item.outcomes) == 1 else None
    return {
        "file": item.file,
        "class": item.file_class,
        "code": only.code if only else None,
        "version": only.version if only else None,
        "unchanged": bool(item.outcomes) and all(one.unchanged for one in item.outcomes),
        "reasons": [reason._asdict() for reason in item.reasons],
        "procedures": [_outcome(one) for one in item.outcomes] if only is None else [],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "place": outcome.place,
        "code": outcome.code,
        "version": outcome.version,
        "class": "refused" if outcome.refused else "flagged" if outcome.reasons else "published",
        "unchanged": outcome.unchanged,
        "reasons": [reason._asdict() for reason in outcome.reasons],
    }
