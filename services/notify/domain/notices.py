"""Nghĩa vụ thông báo của một hồ sơ: who must be told what, and what became of it.

A duty arises from a fact once per occasion, however often and in whatever order facts come. It ends sent, failed or
unreached; until contact and dossier code are known it waits.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple, Self, get_args
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.notify import TOLD_OTHERWISE, Duty
from hub_events.values import Slug

State = Literal["waiting_contact", "due", "sent", "failed", "unreached"]
SMS: Literal["sms"] = "sms"
FIRST_DUTIES = frozenset(get_args(Duty))
"""Those that the first versions of the events, and of the API, can name."""
NAMING_THE_CODE = frozenset({"accepted", "supplement", "completed", "late", "reappointed", "stopped"})
"""Templates that name the dossier code: a fact that does not carry it waits for the acceptance."""

STOPPED = "stopped"
NO_MORE_AFTER: Mapping[str, frozenset[str]] = MappingProxyType(
    {STOPPED: frozenset({"completed", "late", "reappointed"}), "completed": frozenset({"late", "reappointed"})}
)
"""Nobody whose dossier is stopped is to come for its result, nobody whose result is there is told to wait for it."""


class Contact(NamedTuple):
    """Người cần báo, sealed. `at`, `source`: business time and id of the fact that named it; the newest one holds."""

    sealed: str | None
    channels: tuple[str, ...]
    at: datetime
    source: UUID

    @property
    def barrier(self) -> str | None:
        """Why nobody can be told, or None."""
        if self.sealed is None:
            return "no-contact"
        return None if SMS in self.channels else "no-phone"


class Told(NamedTuple):
    """Đã báo bằng cách khác: the officer who told the citizen, and how, if that was said; who entered it, and why."""

    entered_by: str
    sealed_why: str
    officer: str | None = None
    how: str | None = None


class DutyToInform(NamedTuple):
    """One thing that must be told. `cause`: the fact; `fields`: what the fact itself gives the text."""

    duty: Slug
    occasion: int
    cause: UUID
    template: str
    fields: Mapping[str, str]
    state: State = "waiting_contact"
    ended_at: datetime | None = None
    reason: str | None = None
    attempts: int = 0
    supplier_reference: str | None = None
    told: Told | None = None

    @property
    def key(self) -> str:
        """Its name within the dossier, e.g. `supplement:1`."""
        return f"{self.duty}:{self.occasion}"

    @property
    def newer(self) -> bool:
        """It came to be told after the first versions of the events were published."""
        return self.duty not in FIRST_DUTIES

    @property
    def message_id(self) -> UUID:
        """Its message by SMS: the id of the work row and the Idempotency-Key of every attempt."""
        return derive_id(self.cause, "duty", self.duty, SMS)

    def message_to(self, contact: Contact) -> UUID:
        """The id of a message that is sent anew, to a contact that became known after the first."""
        return derive_id(self.message_id, str(contact.sealed))

    @property
    def told_otherwise(self) -> bool:
        """A person has told the citizen, and nothing is left to do."""
        return self.reason == TOLD_OTHERWISE

    @property
    def reference(self) -> str:
        """Its name for the supplier: with the number for a duty that may arise again."""
        return self.key if self.duty == "supplement" or self.occasion > 1 else self.duty


def told_all_the_same(key: str, message_id: UUID) -> DutyToInform:
    """Báo rồi dù không còn cần: the supplier took the message of a duty that was owed no more by then."""
    duty, _, occasion = key.rpartition(":")
    return DutyToInform(duty, int(occasion), message_id, duty, {})


def result_told(dossier_id: UUID) -> DutyToInform:
    """Báo đã có kết quả: the agency reports it, or the desk, or both, in any order: one duty and one message.

    Its ids follow from the dossier, not from the fact that came first: after a restore it may be the other one.
    """
    return DutyToInform("completed", 1, derive_id(dossier_id, "result"), "completed", {})


class Notices(NamedTuple):
    """What notify knows of one dossier. Unknown parts are None: a fact may come before the acceptance."""

    dossier_id: UUID
    dossier_code: str | None = None
    procedure: str | None = None
    desk: str | None = None
    due_at: datetime | None = None
    contact: Contact | None = None
    duties: Mapping[str, DutyToInform] = MappingProxyType({})
    overtaken: frozenset[str] = frozenset()
    """Keys of what need not be told any more, whoever asks for it once more or only now."""
    due_request: int = 0
    """Which date `due_at` is: 0 the receipt's, n the one that the n-th supplement brought."""

    def with_contact(self, contact: Contact) -> Self:
        """Knows whom to tell; of two the one that was named later."""
        known = self.contact
        if known is not None and (known.at, known.source) >= (contact.at, contact.source):
            return self
        return self._replace(contact=contact)

    def at_desk(self, desk: str, procedure: str | None = None) -> Self:
        """Knows where it is dealt with, and what it is about, unless that is known: the acceptance says it anew."""
        return self._replace(desk=self.desk or desk, procedure=self.procedure or procedure)

    def with_date(self, request: int, due_at: datetime | None) -> Self:
        """Knows the promised date of this number; of two the higher one holds, whichever is heard first."""
        return self._replace(due_at=due_at, due_request=request) if request >= self.due_request else self

    def with_duty(self, duty: DutyToInform) -> Self:
        """Owes `duty`; one that is owed or done already stays as it is, and what is overtaken or moot is not owed."""
        if duty.key in self.duties or self.is_moot(duty):
            return self
        return self._replace(duties={**self.duties, duty.key: duty})

    def is_moot(self, duty: DutyToInform) -> bool:
        """What is owed besides has overtaken it: a stop is the last word, a result that before it.

        So is the miss of a date that another one has replaced, or that counts no more while papers are waited for.
        """
        replaced = duty.duty == "late" and duty.occasion <= self.newest_request
        overtaken = replaced or duty.key in self.overtaken
        return overtaken or any(duty.duty in NO_MORE_AFTER.get(other.duty, ()) for other in self.duties.values())

    @property
    def newest_request(self) -> int:
        """For papers after the acceptance, whether they have come or not; 0: there was none."""
        asked_for = (duty.occasion for duty in self.duties.values() if duty.template == "supplement")
        return max(self.due_request, *asked_for, 0)

    @property
    def stopped(self) -> bool:
        """The desk has stopped the dossier."""
        return any(duty.duty == STOPPED for duty in self.duties.values())

    def without(self, *keys: str) -> Self:
        """Owes these no more, nor ever again."""
        owed = {key: duty for key, duty in self.duties.items() if key not in keys}
        return self._replace(duties=owed, overtaken=self.overtaken.union(keys))

    def without_letters(self) -> Self:
        """Owes no date of an apology letter so far: papers are waited for, or have brought a date that replaces it."""
        letters = {duty.key for duty in self.duties.values() if duty.duty == "reappointed"}
        return self._replace(overtaken=self.overtaken | letters)

    def changed(self, *duties: DutyToInform) -> Self:
        """With the new state of some duties."""
        return self._replace(duties={**self.duties, **{duty.key: duty for duty in duties}})

    def ready(self) -> Iterable[DutyToInform]:
        """Duties that wait for nothing any more."""
        if self.contact is None:
            return ()
        return [
            duty
            for duty in self.duties.values()
            if duty.state == "waiting_contact"
            and (duty.template not in NAMING_THE_CODE or "code" in self.fields_of(duty))
        ]

    def fields_of(self, duty: DutyToInform) -> dict[str, str]:
        """What is known for the text of `duty`; what is not known is absent."""
        known = {"code": self.dossier_code, "procedure": self.procedure}
        return {**{name: value for name, value in known.items() if value is not None}, **duty.fields}

    def in_state(self, state: State) -> list[DutyToInform]:
        """Duties in `state`, but those whose citizen a person has told."""
        return [duty for duty in self.duties.values() if duty.state == state and not duty.told_otherwise]

    def has(self, state: State) -> bool:
        """Some duty is in `state`."""
        return bool(self.in_state(state))
