"""Nhập hồ sơ cũ: one line of a desk's old book; the same line again changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub_messaging.clock import real_now
from services.intake.domain.books.old_dossier import OldDossier, Outcome
from services.intake.domain.number_range import NumberRange
from services.intake.domain.progress import Progress
from services.intake.handlers.accept_dossier import next_code
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork


@dataclass(frozen=True, slots=True)
class RecordOldDossier:
    """`code`: the official number that it had already. `applicant` and `contact` are personal and leave sealed only.

    The line's number is in NFC; until ids were made from that, they were made from the number as it was sent.
    """

    line: OldDossier
    number_as_sent: str
    code: str | None
    officer: str
    applicant: Mapping[str, Any]
    contact: Mapping[str, str]

    @property
    def line_as_sent(self) -> OldDossier:
        """The line under the id that it may have been entered by."""
        return self.line._replace(number=self.number_as_sent)

    @property
    def ids(self) -> tuple[UUID, ...]:
        """Those under which it is looked for."""
        return tuple({self.line.id, self.line_as_sent.id})

    @property
    def numbers_key(self) -> str:
        """The range whose numbers it touches."""
        given = NumberRange.after(self.code) if self.code else None
        return given.key if given else NumberRange.key_for(self.line.desk.code, self.line.received_at)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a line."""

    outcome: Outcome
    dossier_id: UUID
    dossier_code: str


def record_old_dossier(command: RecordOldDossier, uow: IntakeWork, office: Office) -> Recorded:
    """Enters the dossier, or adds its end or return if that was not known. Raises OldDossierDiffers."""
    lines = (command.line_as_sent, command.line)
    line = next((one for one in lines if uow.dossiers.get(one.id) is not None), command.line)
    known = uow.dossiers.get(line.id)
    if known is None:
        return Recorded("entered", line.id, _enter(command, uow, office))
    progress = uow.progress.get(line.id) or Progress(line.id)
    applicant = office.seals.open("form", line.id, known.sealed_form)["applicant"]
    line.check_same(known, progress, same_applicant=applicant == command.applicant)
    assert known.code
    if not line.tells_more(known, progress):
        return Recorded("unchanged", line.id, known.code)
    uow.dossiers.put(line.id, known._replace(state=line.state))
    _finish(line, command.officer, progress, uow)
    return Recorded("finished", line.id, known.code)


def _enter(command: RecordOldDossier, uow: IntakeWork, office: Office) -> str:
    line, seals = command.line, office.seals
    code = _taken(command.code, uow) if command.code else next_code(line.desk.code, line.received_at, uow)
    sealed_form = seals.seal("form", line.id, {"applicant": command.applicant})
    sealed_contact = seals.seal("contact", line.id, command.contact) if command.contact else None
    uow.dossiers.put(line.id, line.registered(code, command.officer, sealed_form, sealed_contact))
    uow.timeline.add(line.entered_step(command.officer, real_now()))
    if line.finished_at is not None:
        _finish(line, command.officer, Progress(line.id), uow)
    return code


def _taken(code: str, uow: IntakeWork) -> str:
    """The code, never to be given out again: the desk's next dossier of that day gets a later one."""
    given = NumberRange.after(code)
    if given is not None and (uow.numbers.get(given.key) or NumberRange(given.key)).last < given.last:
        uow.numbers.put(given.key, given)
    return code


def _finish(line: OldDossier, officer: str, progress: Progress, uow: IntakeWork) -> None:
    uow.progress.put(line.id, line.finished(progress))
    uow.timeline.add(line.finished_step(officer, real_now()))
    if line.returned_at is not None:
        uow.timeline.add(line.returned_step(officer, real_now()))
