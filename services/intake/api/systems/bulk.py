"""Nộp nhiều hồ sơ một lần: NDJSON, each line a submission under a key of its own. One bad line never stops the others.

Lines take the way of POST /v1/dossiers, fifty at a time: they share its group commits, and leave room for others
between. A request that broke off is sent again as it was: lines that were taken are answered as before.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import orjson
import structlog
from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from hub_messaging.database import UNAVAILABLE as NO_DATABASE
from hub_web.app import MAX_BODY
from hub_web.bodies import read_json
from hub_web.credentials import requires
from hub_web.limits import takes_up_to
from hub_web.problems import (
    BODY_TOO_LARGE,
    INTERNAL,
    MALFORMED_JSON,
    UNAVAILABLE,
    Problem,
    from_validation,
    problem_type,
)
from hub_web.routes import RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.bodies import Submission
from services.intake.api.commands import Commands
from services.intake.api.dossiers import submit_one
from services.intake.api.systems.ndjson import NDJSON, only_ndjson
from services.intake.domain.dossier import State
from services.intake.handlers.office import Office

MOST_LINES = 1_000
MOST_BYTES = 16 * 1024 * 1024
AT_A_TIME = 50
TOO_MANY_LINES = problem_type("too-many-lines", 413, "Quá nhiều dòng trong một lần gửi")
NO_LINES = problem_type("no-lines", 400, "Không có dòng nào")

Submitter = Annotated[Caller, requires("dossiers:submit")]
LineKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
log = structlog.get_logger(__name__)


class BulkLine(BaseModel):
    """Một dòng. `key`: as the Idempotency-Key of a single submission, among the lines of this caller."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: LineKey
    submission: Submission


class LineResult(BaseModel):
    """Kết quả một dòng: the dossier, or the problem as its own POST would have been answered."""

    line: int
    key: str | None = None
    status: int
    dossier_id: str | None = None
    dossier_code: str | None = None
    state: State | None = None
    problem: dict[str, JsonValue] | None = None


class BulkView(BaseModel):
    """Kết quả theo từng dòng, in the order of the lines. `taken`: how many of them are stored."""

    taken: int
    not_taken: int
    results: list[LineResult] = Field(description="Mỗi dòng gửi đến một kết quả, theo thứ tự.")


_LINE = TypeAdapter(BulkLine)
_KEY = TypeAdapter(LineKey)


def bulk_router(commands: Commands, office: Office, now: Callable[[], datetime]) -> Router:
    """Many submissions at once. `now` is business time."""
    router = Router(tags=["dossiers"])
    content = {NDJSON: {"schema": {"type": "string", "description": "Mỗi dòng: {key, submission}"}}}

    @router.post("/v1/dossiers/bulk", openapi_extra={"requestBody": {"required": True, "content": content}})
    @takes_up_to(MOST_BYTES)
    async def submit_many(caller: Submitter, _ndjson: Annotated[None, Depends(only_ndjson)], body: RawBody) -> BulkView:
        """Nộp nhiều hồ sơ: up to 1,000 lines `{"key": …, "submission": …}`, each with its own result."""
        lines = _split(body)
        results: list[LineResult] = []
        for first in range(0, len(lines), AT_A_TIME):
            part = lines[first : first + AT_A_TIME]
            results += await asyncio.gather(
                *(_result(number, line, caller, commands, office, now()) for number, line in enumerate(part, first + 1))
            )
        taken = sum(result.problem is None for result in results)
        return BulkView(taken=taken, not_taken=len(results) - taken, results=results)

    return router


def _split(body: bytes) -> list[bytes]:
    lines = body.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    if not lines:
        raise Problem(NO_LINES, "Nội dung rỗng.", next_step="Gửi ít nhất một dòng {key, submission}.")
    if len(lines) > MOST_LINES:
        raise Problem(
            TOO_MANY_LINES,
            f"Có {len(lines)} dòng, nhiều nhất {MOST_LINES}.",
            next_step=f"Chia thành nhiều lần gửi, mỗi lần đến {MOST_LINES} dòng.",
            limit_lines=MOST_LINES,
        )
    return lines


async def _result(
    number: int, line: bytes, caller: Caller, commands: Commands, office: Office, at: datetime
) -> LineResult:
    key: str | None = None
    try:
        sent = _read(line)
        key = _key_of(sent)
        wanted = _validated(line)
        kept = await submit_one(
            wanted.submission,
            commands,
            office,
            at,
            caller=caller,
            route="bulk",
            key=wanted.key,
            body=_canonical(sent["submission"]),
        )
    except Problem as problem:
        return _refused(number, key, problem)
    except NO_DATABASE as trouble:
        log.warning("line_without_database", trouble=type(trouble).__name__)
        return _refused(number, key, _again(UNAVAILABLE, "Cơ sở dữ liệu tạm thời không phục vụ."))
    except Exception as error:  # a fault of ours in one line must not cost the others their answer
        log.error("line_failed", error=type(error).__name__)  # noqa: TRY400 — its text may hold what was typed
        return _refused(number, key, _again(INTERNAL, "Sự cố đã được ghi lại."))
    answer = orjson.loads(kept.body)
    shown = {name: answer[name] for name in ("dossier_id", "dossier_code", "state")}
    return LineResult(line=number, key=key, status=kept.status_code, **shown)


def _canonical(submission: Any) -> bytes:
    """What a repeat is compared by: the same for any order of names."""
    try:
        return orjson.dumps(submission, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(submission, ensure_ascii=False, sort_keys=True).encode()


def _read(line: bytes) -> Any:
    if not line.strip():
        raise Problem(MALFORMED_JSON, "Dòng trống.", next_step="Bỏ dòng này, hoặc gửi {key, submission}.")
    if len(line) > MAX_BODY:
        raise Problem(
            BODY_TOO_LARGE,
            f"Dòng dài hơn {MAX_BODY} byte.",
            next_step="Giảm nội dung; tệp đính kèm gửi bằng liên kết.",
            limit_bytes=MAX_BODY,
        )
    return read_json(line)


def _key_of(sent: Any) -> str | None:
    """The line's key, where it can be told though the rest is wrong."""
    try:
        return _KEY.validate_python(sent["key"], strict=True)
    except (ValidationError, TypeError, KeyError):
        return None


def _validated(line: bytes) -> BulkLine:
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        raise from_validation(error, "line") from None


def _again(kind: Any, detail: str) -> Problem:
    return Problem(kind, detail, next_step="Gửi lại cả tệp sau vài giây, giữ nguyên khóa và nội dung từng dòng.")


def _refused(number: int, key: str | None, problem: Problem) -> LineResult:
    return LineResult(line=number, key=key, status=problem.kind.status, problem=orjson.loads(problem.body()))
