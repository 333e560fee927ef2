"""Hồ sơ cũ: a dossier from before the hub, entered from the desk's old books (historic mode).

Its dates are those of the books. It is told to nobody, handed over to nobody, and no clock is started for it; lists,
look-up and figures count it like every other. Its promise says so: the reason of its term is `old-book`.
"""

import json
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any, Literal, NamedTuple
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.intake import Channel, DeskRef, ProcedureRef, Promise, StatedTerm
from hub_worktime import VIETNAM, day_in_vietnam
from services.intake.domain.dossier import OLD_BOOK, Dossier, State
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import DatesOutOfOrder, OldDossierDiffers
from services.intake.domain.timeline import OLD_DOSSIER_ENTERED, OLD_DOSSIER_FINISHED, OLD_DOSSIER_RETURNED, Step

Outcome = Literal["entered", "finished", "unchanged"]
OldResult = Literal["approved", "rejected", "stopped", "withdrawn"]

_BOOKS = UUID("5c1ff8a4-7f1f-5d0e-9a52-0d3bb4c6a001")
"""Name space of the ids: one number of one desk's book is one dossier, however often it is entered."""


class BookDates(NamedTuple):
    """When it was received, promised for, finished and returned, as the book has it."""

    received_at: datetime
    due_at: datetime | None = None
    finished_at: datetime | None = None
    returned_at: datetime | None = None


class OldDossier(NamedTuple):
    """A line of an old book. `finished_at` with `result`, or neither: then it is carried over."""

    number: str
    procedure: ProcedureRef
    desk: DeskRef
    territory: str
    channel: Channel
    received_at: datetime
    due_at: datetime | None
    finished_at: datetime | None
    result: OldResult | None
    returned_at: datetime | None

    @property
    def id(self) -> UUID:
        return old_dossier_id(self.desk.code, self.number)

    @property
    def state(self) -> State:
        """What the register calls it: handed back, stopped, or with nothing more known than its acceptance and end."""
        if self.returned_at is not None:
            return "returned"
        return "stopped" if self.result in ("stopped", "withdrawn") else "accepted"

    def registered(self, code: str, officer: str, sealed_form: str, sealed_contact: str | None) -> Dossier:
        """Its entry in the register: accepted when it was received, nobody to be told."""
        promise = Promise(
            due_at=self.due_at,
            counted_from=self.received_at,
            term=StatedTerm(text="Theo sổ cũ", reason=OLD_BOOK),
            set_by="officer",
            officer=officer,
        )
        return Dossier(
            id=self.id,
            state=self.state,
            procedure=self.procedure,
            desk=self.desk,
            territory=self.territory,
            channel=self.channel,
            case=None,
            received_at=self.received_at,
            components=(),
            findings=(),
            contact_channels=(),
            sealed_contact=sealed_contact,
            sealed_form=sealed_form,
            code=code,
            accepted_at=self.received_at,
            accepted_by=officer,
            promise=promise,
        )

    def finished(self, progress: Progress) -> Progress:
        """The progress with how the book says that it ended; nobody waits for a route, a clock or a notice."""
        return progress._replace(expects_clock=False, completed_at=self.finished_at, result=self.result)

    def tells_more(self, known: Dossier, progress: Progress) -> bool:
        """Whether a later copy of the book says how it ended, or that its result was returned, for the first time."""
        ended, returned = progress.completed_at is not None, known.state == "returned"
        return (self.finished_at is not None and not ended) or (self.returned_at is not None and not returned)

    def check_same(self, known: Dossier, progress: Progress, same_applicant: bool) -> None:
        """That the line says what was entered before. Raises OldDossierDiffers with what does not agree.

        A line that knows less (no end, while the end is known) is an older copy of the book, no contradiction.
        """
        assert known.promise is not None
        pairs = {
            "procedure_code": (known.procedure.code, self.procedure.code),
            "territory": (known.territory, self.territory),
            "channel": (known.channel, self.channel),
            "received_at": (known.received_at, self.received_at),
            "due_at": (known.promise.due_at, self.due_at),
        }
        if self.finished_at is not None and progress.completed_at is not None:
            pairs["finished_at"] = (progress.completed_at, self.finished_at)
            pairs["result"] = (progress.result, self.result)
        fields = [name for name, (entered, stated) in pairs.items() if entered != stated]
        if not same_applicant:
            fields.append("applicant")
        if fields:
            raise OldDossierDiffers(fields)

    def entered_step(self, officer: str, recorded_at: datetime) -> Step:
        """The step that says when it was received, and that it was entered afterwards."""
        facts = {
            "number": self.number,
            "officer": officer,
            "desk": {"code": self.desk.code, "name": self.desk.name},
            "due_at": None if self.due_at is None else self.due_at.isoformat(),
            "entered_at": recorded_at.isoformat(),
        }
        return self._step(OLD_DOSSIER_ENTERED, self.received_at, recorded_at, facts)

    def finished_step(self, officer: str, recorded_at: datetime) -> Step:
        """The step that says how it ended."""
        assert self.finished_at is not None
        facts = {
            "result": self.result,
            "officer": officer,
            "desk": {"code": self.desk.code, "name": self.desk.name},
            "returned_at": None if self.returned_at is None else self.returned_at.isoformat(),
        }
        return self._step(OLD_DOSSIER_FINISHED, self.finished_at, recorded_at, facts)

    def returned_step(self, officer: str, recorded_at: datetime) -> Step:
        """The step that says when its result was returned."""
        assert self.returned_at is not None
        facts = {"officer": officer, "desk": {"code": self.desk.code, "name": self.desk.name}}
        return self._step(OLD_DOSSIER_RETURNED, self.returned_at, recorded_at, facts)

    def _step(self, type: str, at: datetime, recorded_at: datetime, facts: dict[str, Any]) -> Step:
        text = json.dumps({name: fact for name, fact in facts.items() if fact is not None}, ensure_ascii=False)
        return Step(self.id, derive_id(self.id, type), type, at, recorded_at, text)


def book_dates(
    received: date, due: date | None, finished: date | None, returned: date | None, now: datetime
) -> BookDates:
    """The moments that the book's dates mean; times (aware) are taken as they are.

    A date alone is read in the dossier's favour: received when that day began, due when it ended, finished and
    returned as early on their day as the one before allows. Raises DatesOutOfOrder, also for what lies ahead of `now`.
    """
    at = _moment(received, time.min)
    due_at = None if due is None else _moment(due, time(23, 59, 59))
    finished_at = None if finished is None else _not_before(at, finished)
    returned_at = None if returned is None else _not_before(finished_at or at, returned)
    named = [("received_at", at), ("finished_at", finished_at), ("returned_at", returned_at), ("now", now)]
    known = [(name, moment) for name, moment in named if moment is not None]
    for (earlier, one), (later, other) in [*pairwise(known), (known[0], ("due_at", due_at or at))]:
        if one > other:
            raise DatesOutOfOrder(earlier, later)
    return BookDates(at, due_at, finished_at, returned_at)


def _moment(day: date, if_a_day: time) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, if_a_day, VIETNAM)


def _not_before(earliest: datetime, day: date) -> datetime:
    moment = _moment(day, time.min)
    same_day = moment.date() == day_in_vietnam(earliest)
    return earliest if same_day and not isinstance(day, datetime) else moment


def old_dossier_id(desk_code: str, number: str) -> UUID:
    """The id of the dossier that stands under `number` in the desk's old book."""
    return derive_id(_BOOKS, desk_code, number)
