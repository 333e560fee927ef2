"""Hồ sơ cũ qua HTTP: lines of a desk's old books, up to 1,000 a request, a result for each line.

No Idempotency-Key: the number in the desk's book is the key. A line that was entered is not entered again, so a file
may be sent twice, or anew after it was cut in the middle.
"""

import asyncio
import unicodedata
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from asyncpg import UniqueViolationError
from fastapi import Depends
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)  # fmt: skip

from hub_events.intake import Channel, ProcedureRef
from hub_events.values import AgencyCode, DossierCode, OfficerCode, Phone, ProcedureCode, TerritoryCode, Text
from hub_messaging.jobs import Job
from hub_web.bodies import validate_body
from hub_web.credentials import requires
from hub_web.limits import takes_up_to
from hub_web.problems import BODY_TOO_LARGE, Problem, problem_type
from hub_web.routes import RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.bodies import Applicant, year_first
from services.intake.api.problems import no_such_desk, problem_of
from services.intake.api.systems.ndjson import only_ndjson
from services.intake.domain.books.old_dossier import OldDossier, OldResult, book_dates
from services.intake.domain.number_range import NumberRange
from services.intake.domain.refusals import UnknownProcedure
from services.intake.handlers.books.record_old_dossier import Recorded, RecordOldDossier, record_old_dossier
from services.intake.handlers.office import Office
from services.intake.handlers.ports import DOSSIERS, NUMBERS, PROGRESS

MOST_LINES = 1_000
MOST_BYTES = 8 * 1024 * 1024
UNNAMED_OFFICER = "old-book"
FIRST_YEAR, LAST_YEAR = 1990, 2100
CODE_ELSEWHERE = problem_type("dossier-code-elsewhere", 422, "Mã hồ sơ thuộc đơn vị khác")
CODE_TAKEN = problem_type("dossier-code-taken", 409, "Mã hồ sơ này đã có")

Importer = Annotated[Caller, requires("dossiers:import")]


Outcome = Literal["entered", "finished", "unchanged", "refused"]


def _of_our_time(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR} is expected")
    return day


def _written(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """One mistake, not one for each way to read it."""
    try:
        return read(year_first(value))
    except ValueError:
        raise ValueError("a date such as 2025-02-03, or a time with its offset, is expected") from None


Day = Annotated[
    AwareDatetime | date,
    Field(union_mode="left_to_right"),
    WrapValidator(_written),
    AfterValidator(_of_our_time),
]
"""A date, or a time with its offset (`book_dates` says how a date alone is read)."""


class OldLine(BaseModel):
    """Một dòng của sổ cũ: what the book says of one dossier."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    number: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]{1,60}$")]
    """Số trong sổ: with the desk, what the dossier is known by, however its letters are composed."""
    desk_code: AgencyCode
    procedure_code: ProcedureCode
    procedure_name: Text | None = None
    """Needed only for a procedure that the catalogue doesn't have (any more)."""
    code: DossierCode | None = None
    """Mã hồ sơ that it had already; without one it gets the next of its day."""
    channel: Channel = "counter"
    territory: TerritoryCode | None = None
    received_at: Day
    due_at: Day | None = None
    finished_at: Day | None = None
    result: OldResult | None = None
    returned_at: Day | None = None
    applicant: Applicant
    phone: Phone | None = None
    officer: OfficerCode | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.finished_at is None) != (self.result is None):
            raise ValueError("finished_at and result come together")
        if self.returned_at is not None and self.finished_at is None:
            raise ValueError("what was returned was finished before")
        return self


class OldLineResult(BaseModel):
    """What became of one line; `problem` where it was refused."""

    line: int
    outcome: Outcome
    dossier_id: UUID | None = None
    dossier_code: str | None = None
    problem: dict[str, Any] | None = None


class OldLinesResult(BaseModel):
    """Kết quả nhập: how many lines of each outcome, and each line."""

    lines: int
    entered: int
    finished: int
    unchanged: int
    refused: int
    items: list[OldLineResult]


_LINE = TypeAdapter(OldLine)
Run = Callable[[Job[Any, Recorded]], Coroutine[Any, Any, Recorded]]


def old_dossier_router(run: Run, office: Office, now: Callable[[], datetime]) -> Router:
    """Historic mode. `run` is the group commit, `now` business time."""
    router = Router(tags=["old dossiers"])

    @router.post("/v1/dossiers/old")
    @takes_up_to(MOST_BYTES)
    async def enter(caller: Importer, _ndjson: Annotated[None, Depends(only_ndjson)], body: RawBody) -> OldLinesResult:
        """Nhập hồ sơ cũ (NDJSON): no message, no hand-over, no clock. Repeating a file changes nothing more."""
        lines = list(_lines(body))
        if len(lines) > MOST_LINES:
            raise Problem(
                BODY_TOO_LARGE, f"Quá {MOST_LINES} dòng.", next_step="Chia tệp thành nhiều yêu cầu.", limit=MOST_LINES
            )
        entry = _Entry(run, office, caller, now())
        items = await asyncio.gather(*(entry.result(number, line) for number, line in lines))
        counted = Counter(item.outcome for item in items)
        return OldLinesResult(
            lines=len(items),
            entered=counted["entered"],
            finished=counted["finished"],
            unchanged=counted["unchanged"],
            refused=counted["refused"],
            items=list(items),
        )

    return router


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            yield number, line


class _Entry:
    """The entry of one request's lines."""

    def __init__(self, run: Run, office: Office, caller: Caller, now: datetime) -> None:
        self._run = run
        self._office = office
        self._caller = caller
        self._now = now

    async def result(self, number: int, raw: bytes) -> OldLineResult:
        """What becomes of one line. Raises the database's trouble only: then nothing is known of it."""
        try:
            command = self._command(validate_body(_LINE, raw))
            recorded = await self._run(self._job(command))
        except Problem as problem:
            return _refused(number, problem)
        except UniqueViolationError:
            taken = Problem(CODE_TAKEN, "Mã hồ sơ thuộc một hồ sơ khác.", next_step="Kiểm tra mã hồ sơ trong sổ.")
            return _refused(number, taken)
        except Exception as error:
            known = problem_of(error)
            if known is None:
                raise
            return _refused(number, known)
        return OldLineResult(
            line=number, outcome=recorded.outcome, dossier_id=recorded.dossier_id, dossier_code=recorded.dossier_code
        )

    def _job(self, command: RecordOldDossier) -> Job[Any, Recorded]:
        return Job(
            run=lambda uow: record_old_dossier(command, uow, self._office),
            keys={DOSSIERS: command.ids, PROGRESS: command.ids, NUMBERS: (command.numbers_key,)},
        )

    def _command(self, given: OldLine) -> RecordOldDossier:
        if not self._caller.covers(given.desk_code):
            raise no_such_desk()
        desk = self._office.catalogue.desk_ever(given.desk_code).ref
        if given.code is not None:
            self._check_numbers(given.code)
        dates = book_dates(given.received_at, given.due_at, given.finished_at, given.returned_at, self._now)
        applicant = given.applicant
        return RecordOldDossier(
            line=OldDossier(
                number=unicodedata.normalize("NFC", given.number),
                procedure=self._procedure(given),
                desk=desk,
                territory=given.territory or desk.territory,
                channel=given.channel,
                result=given.result,
                **dates._asdict(),
            ),
            number_as_sent=given.number,
            code=given.code,
            officer=given.officer or UNNAMED_OFFICER,
            applicant=applicant.model_dump(mode="json", exclude_none=True),
            contact={"full_name": applicant.full_name, "phone": str(given.phone)} if given.phone else {},
        )

    def _check_numbers(self, code: str) -> None:
        """Raises Problem: it would take numbers that a desk of others has still to give out."""
        numbers = NumberRange.after(code)
        if numbers is None or self._caller.covers(numbers.unit):
            return
        if numbers.key >= NumberRange.key_for(numbers.unit, self._now):
            raise Problem(
                CODE_ELSEWHERE,
                "Mã hồ sơ từ hôm nay trở đi của một đơn vị ngoài phạm vi của mã truy cập.",
                next_step="Kiểm tra mã hồ sơ trong sổ; bỏ code để hệ thống cấp mã theo ngày nhận.",
            )

    def _procedure(self, given: OldLine) -> ProcedureRef:
        try:
            return self._office.catalogue.newest(given.procedure_code).ref
        except UnknownProcedure:
            if given.procedure_name is None:
                raise
            return ProcedureRef(code=given.procedure_code, version=1, name=given.procedure_name)


def _refused(line: int, problem: Problem) -> OldLineResult:
    return OldLineResult(line=line, outcome="refused", problem=orjson.loads(problem.body()))
