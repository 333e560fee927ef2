"""Công bố thủ tục: assessed files become versions; the same content again makes none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.intake.domain.procedures.assess_procedure import Assessed
from services.intake.domain.procedures.publication import (
    PROCEDURES,
    AssessedFile,
    Head,
    Item,
    NewVersion,
    Outcome,
    ReferenceVersion,
    Seen,
    item_of,
)
from services.intake.domain.procedures.quirks import Reason, flag, refusal
from services.intake.domain.procedures.withdrawal import Ending
from services.intake.domain.reference.reference_events import version_told
from services.intake.handlers.procedures.publishing import (
    COUNTERS,
    ENDINGS,
    HEADS,
    SEEN,
    PublishingWork,
    newest_version,
    next_counter,
    say_ending,
)


@dataclass(frozen=True, slots=True)
class PublishProcedures:
    """`run`: the import that the files belong to; `packaged`: the newest versions of the packaged data, by code."""

    files: Sequence[AssessedFile]
    run: UUID
    dry_run: bool
    at: datetime
    officer: str
    packaged: Mapping[str, int]

    def seen_key(self, code: str) -> str:
        return f"{self.run} {code}"

    def keys(self) -> dict[str, Sequence[str]]:
        """The aggregates it needs."""
        codes = sorted({one.procedure.code for file in self.files for one in file.procedures})
        counters = () if self.dry_run else (PROCEDURES,)
        return {COUNTERS: counters, HEADS: codes, SEEN: [self.seen_key(code) for code in codes], ENDINGS: codes}


def publish_procedures(command: PublishProcedures, uow: PublishingWork) -> list[Item]:
    """Publishes what is new; a dry run says what would become of each file."""
    counter = next_counter(uow)
    items = [
        item_of(file, [_publish(one, file.name, command, counter, uow) for one in file.procedures])
        for file in command.files
    ]
    changed = any(not one.refused and not one.unchanged for item in items for one in item.outcomes)
    if changed and not command.dry_run:
        uow.counters.put(PROCEDURES, counter)
    return items


def _publish(
    assessed: Assessed, file: str, command: PublishProcedures, counter: ReferenceVersion, uow: PublishingWork
) -> Outcome:
    code, fingerprint, reasons = assessed.procedure.code, assessed.fingerprint, assessed.reasons
    key = command.seen_key(code)
    before = uow.seen.get(key)
    if before is not None and before.fingerprint != fingerprint:
        why = refusal("code-twice-in-run", assessed.place, f"Tệp kia: {before.file}.").reason
        return Outcome(assessed.place, code, None, unchanged=False, reasons=(why,), refused=True)
    if before is not None and before.file != file:
        reasons = (*reasons, flag("repeated-in-run", assessed.place, f"Tệp kia: {before.file}."))
    uow.seen.put(key, before or Seen(key, fingerprint, file))
    head, newest = uow.heads.get(code), newest_version(code, command.packaged, uow)
    ending = _ending_of(code, newest, uow)
    if head is not None and head.fingerprint == fingerprint:
        if ending is not None:
            reasons = (*reasons, flag("procedure-withdrawn", assessed.place, ending.told()))
        return Outcome(assessed.place, code, head.version, unchanged=True, reasons=reasons)
    doubts = () if ending is None else (_against(ending, assessed, command),)
    if not command.dry_run:
        _add(assessed, newest + 1, doubts, command, counter, uow)
        if ending is not None and command.at < ending.starts:
            say_ending(replace(ending, through=newest + 1, edition=counter.version), newest + 1, uow)
    return Outcome(assessed.place, code, newest + 1, unchanged=False, reasons=(*reasons, *doubts))


def _ending_of(code: str, version: int, uow: PublishingWork) -> Ending | None:
    """The end that a decision has set to this version."""
    ending = uow.endings.get(code)
    return ending if ending is not None and ending.ends(version) else None


def _against(ending: Ending, assessed: Assessed, command: PublishProcedures) -> Reason:
    """Why to look at other content of what is withdrawn: from its day on it publishes again, before it ends too."""
    slug = "published-again" if command.at >= ending.starts else "withdrawal-covers-version"
    return flag(slug, assessed.place, ending.told())


def _add(
    assessed: Assessed,
    version: int,
    doubts: tuple[Reason, ...],
    command: PublishProcedures,
    counter: ReferenceVersion,
    uow: PublishingWork,
) -> None:
    procedure = assessed.procedure
    uow.heads.put(procedure.code, Head(procedure.code, version, assessed.fingerprint, tuple(sorted(procedure.numbers))))
    uow.versions.add(
        NewVersion(
            code=procedure.code,
            version=version,
            content=assessed.written,
            flags=(*assessed.reasons, *doubts),
            fingerprint=assessed.fingerprint,
            published_at=command.at,
            published_by=command.officer,
            reference_version=counter.version,
        )
    )
    told = assessed.told.model_copy(update={"version": version, "published_at": command.at})
    uow.publish_reference(told, id=version_told(told.code, version, command.at))
