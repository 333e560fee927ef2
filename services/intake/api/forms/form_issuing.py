"""Phát hành biểu mẫu: print and sign first, in a thread; then one short commit that keeps all or nothing.

    kept answer? → next number → facts → print, sign, seal (a thread) → commit, if number and facts still are as printed

Nothing is reserved: a process that dies on the way leaves no number and no half of a form. Who comes second prints
again with the next number, so that numbers have no gaps.
"""

import asyncio
import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from asyncpg import UniqueViolationError
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_messaging.jobs import Job, kept_answer, once
from hub_messaging.requests import SHELF, Answer
from hub_web.routes import answer
from services.intake.api.forms.form_bodies import FormView, RegisterView, form_view
from services.intake.api.forms.form_problems import form_problem, too_busy
from services.intake.api.problems import no_such_dossier
from services.intake.api.reading import Reading
from services.intake.domain.desk.life import Life
from services.intake.domain.forms.form_fields import long_day
from services.intake.domain.forms.forms import (
    FactsMoved,
    Fields,
    FormIncomplete,
    Given,
    IssuedForm,
    NotInTheBook,
    number_key,
    written_number,
    year_of,
)
from services.intake.domain.forms.register import MOST_LINES, BookEntry
from services.intake.handlers.forms.draft_form import FormDraft, Recorded, draft_form
from services.intake.handlers.forms.draft_register import lines_of, register_fields
from services.intake.handlers.forms.issue_form import DraftedFrom, issue_form, next_number
from services.intake.handlers.office import Office
from services.intake.handlers.ports import DOSSIERS, LIVES, NUMBERS, PROGRESS, FormPrinter, Signer

TRIES = 30
"""How often a form is printed anew because others of its kind took its number: each time, one of them was issued."""
PAGE = 100
R = TypeVar("R")
_DECISION = {"02": "supplement", "03": "refusal"}


class Runs(Protocol):
    """The group commit (hub_messaging.runner.GroupRunner)."""

    async def run(self, job: Job[Any, R]) -> R: ...


class FormReading(Protocol):
    """What is read of issued forms."""

    async def of_dossier(self, dossier_id: UUID) -> Sequence[IssuedForm]: ...
    async def form(self, form_id: UUID) -> IssuedForm | None: ...
    async def last_reason(self, dossier_id: UUID, decision: str) -> str | None: ...
    async def in_book(self, desk_code: str, number: str) -> bool: ...
    async def numbers(
        self, desk_code: str, period: tuple[date, date], after: str | None, most: int
    ) -> Sequence[str]: ...
    async def book(self, numbers: Sequence[str]) -> Sequence[BookEntry]: ...
    async def life_of(self, dossier_id: UUID) -> Life | None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to issue: `key` is its scope and Idempotency-Key."""

    desk_code: str
    kind: str
    given: Given
    key: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be printed, and what must still hold when it is kept."""

    fields: Fields
    dossier_id: UUID | None = None
    drafted_from: DraftedFrom | None = None
    replaces: IssuedForm | None = None
    view: Callable[[FormView], FormView] = lambda view: view


class FormIssuing:
    """Drafts and issues official forms. `now` is business time."""

    def __init__(
        self,
        runner: Runs,
        reading: Reading,
        forms: FormReading,
        office: Office,
        printer: FormPrinter,
        signer: Signer,
        now: Callable[[], datetime],
    ) -> None:
        self._runner = runner
        self._reading = reading
        self._forms = forms
        self._office = office
        self._printer = printer
        self._signer = signer
        self._now = now
        self._book = asyncio.Lock()

    async def draft(self, dossier_id: UUID, kind: str, given: Given) -> FormDraft:
        """What the form would say now. Raises Problem."""
        try:
            return draft_form(kind, await self._recorded(dossier_id, kind), given, self._office, self._now())
        except Exception as error:
            raise form_problem(error) or error from None

    async def issue(self, dossier_id: UUID, asked: Asked) -> Response:
        """Issues a form of a dossier, once for its key. Raises Problem."""

        async def content() -> Content:
            recorded = await self._recorded(dossier_id, asked.kind)
            draft = draft_form(asked.kind, recorded, asked.given, self._office, self._now())
            if draft.missing:
                raise FormIncomplete(draft.missing)
            drafted_from = DraftedFrom(recorded.dossier, recorded.progress, recorded.life)
            return Content(draft.fields, dossier_id, drafted_from, draft.replaces)

        return await self._issued(asked, content)

    async def register(self, asked: Asked, first: date, last: date, after: str | None) -> Response:
        """Issues one part of a desk's book, once for its key. Raises Problem.

        One at a time in a process: a thousand lines take seconds and 120 MB; who lost the number prints them again.
        """

        async def content() -> Content:
            if after is not None and not await self._forms.in_book(asked.desk_code, after):
                raise NotInTheBook
            lines, following = await self._lines(asked.desk_code, (first, last), after)
            fields = register_fields(asked.desk_code, (first, last), after, lines, asked.given, self._office)
            count = len(lines)
            return Content(
                fields,
                view=lambda view: RegisterView(**dict(view), lines=count, next_after=following),
            )

        async with self._book:
            return await self._issued(asked, content)

    async def pdf(self, form: IssuedForm) -> bytes:
        """The bytes as they were issued."""
        opened = await asyncio.to_thread(self._office.seals.open, "form", form.id, form.sealed_pdf)
        return b64decode(opened)

    async def _recorded(self, dossier_id: UUID, kind: str) -> Recorded:
        found = await self._reading.by_id(dossier_id)
        if found is None:
            raise no_such_dossier()
        life = await self._forms.life_of(dossier_id)
        decision = _DECISION.get(kind)
        sealed = await self._forms.last_reason(dossier_id, decision) if decision else None
        return Recorded(
            *found,
            steps=await self._reading.steps(dossier_id) if kind == "06" else (),
            earlier=await self._forms.of_dossier(dossier_id),
            sealed_reason=life.sealed_stop_reason if life and kind == "05" else sealed,
            life=life,
        )

    async def _lines(
        self, desk_code: str, period: tuple[date, date], after: str | None
    ) -> tuple[list[Fields], str | None]:
        """The lines of one PDF, some dossiers at a time; where the next part begins."""
        numbers = await self._forms.numbers(desk_code, period, after, MOST_LINES + 1)
        part = numbers[:MOST_LINES]
        lines: list[Fields] = []
        for start in range(0, len(part), PAGE):
            found = await self._forms.book(part[start : start + PAGE])
            lines += await asyncio.to_thread(lines_of, found, self._office)
        return lines, part[-1] if len(numbers) > len(part) else None

    async def _issued(self, asked: Asked, content: Callable[[], Awaitable[Content]]) -> Response:
        try:
            for _ in range(TRIES):
                kept = await self._attempt(asked, content)
                if kept is not None:
                    return answer(kept.body, kept.status)
        except Exception as error:
            raise form_problem(error) or error from None
        raise too_busy()

    async def _attempt(self, asked: Asked, content: Callable[[], Awaitable[Content]]) -> Answer | None:
        """One try; None when somebody was quicker."""
        at = self._now()
        key = number_key(asked.desk_code, asked.kind, at)
        kept, number = await self._runner.run(_peek(asked, key))
        if kept is not None:
            return kept
        printed = await content()
        form, method = await asyncio.to_thread(self._made, asked, printed, number, at)

        def run(uow: Any) -> tuple[int, bytes]:
            issue_form(form, printed.drafted_from, uow, asked.given.new_due_at)
            return 201, printed.view(form_view(form, method)).model_dump_json().encode()

        ids = () if printed.dossier_id is None else (printed.dossier_id,)
        try:
            return await self._runner.run(
                once(asked.key, asked.sha256, run, {NUMBERS: (key,), DOSSIERS: ids, PROGRESS: ids, LIVES: ids})
            )
        except (FactsMoved, UniqueViolationError):  # the latter at New Year: a former year's number was another's
            return None

    def _made(self, asked: Asked, content: Content, number: int, at: datetime) -> tuple[IssuedForm, str]:
        """Prints, signs and seals; in a thread."""
        given, form_id = asked.given, uuid7()
        replaced = content.replaces
        fields = {
            **content.fields,
            "number": written_number(asked.kind, number),
            "issued_on": long_day(at),
            "replaces": f"số {replaced.written_number}, {long_day(replaced.issued_at)}" if replaced else None,
            "mark": self._signer.mark(content.fields["signer_name"], at) if given.signer_name else (),
        }
        pdf, record = self._signer.sign(self._printer.print(asked.kind, fields, at), at)
        form = IssuedForm(
            id=form_id,
            desk_code=asked.desk_code,
            dossier_id=content.dossier_id,
            kind=asked.kind,
            year=year_of(at),
            number=number,
            issued_at=at,
            issued_by=given.officer,
            replaces=replaced.id if replaced else None,
            sha256=hashlib.sha256(pdf).digest(),
            signature=json.dumps(dict(record)),
            sealed_pdf=self._office.seals.seal("form", form_id, b64encode(pdf).decode()),
        )
        return form, record["method"]


def _peek(asked: Asked, number_range: str) -> Job[Any, tuple[Answer | None, int]]:
    """Looks for the answer to a repeat, and for the next number."""

    def run(uow: Any) -> tuple[Answer | None, int]:
        return kept_answer(asked.key, asked.sha256, uow), next_number(number_range, uow)

    return Job(run=run, keys={SHELF: (asked.key,), NUMBERS: (number_range,)})


def method_of(form: IssuedForm) -> str:
    """How an issued form was signed."""
    record: Mapping[str, str] = json.loads(form.signature)
    return record["method"]
