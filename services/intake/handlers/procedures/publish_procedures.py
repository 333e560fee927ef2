"""Công bố thủ tục: assessed files become versions; the same content again makes none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_events.ids import derive_id
from hub_messaging.outbox import PublishReference
from hub_messaging.unit_of_work import Journal, Shelf
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
from services.intake.domain.procedures.quirks import flag, refusal

COUNTERS, HEADS, SEEN = "counters", "heads", "seen"
"""The shelves, in the order in which their rows are locked: publications follow one another."""


class PublishingWork(Protocol):
    """The unit of work of a publication."""

    counters: Shelf[str, ReferenceVersion]
    heads: Shelf[str, Head]
    seen: Shelf[str, Seen]
    versions: Journal[NewVersion]
    publish_reference: PublishReference


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
        return {COUNTERS: counters, HEADS: codes, SEEN: [self.seen_key(code) for code in codes]}


def publish_procedures(command: PublishProcedures, uow: PublishingWork) -> list[Item]:
    """Publishes what is new; a dry run says what would become of each file."""
    counter = (uow.counters.get(PROCEDURES) or ReferenceVersion(PROCEDURES, 0)).next()
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
    head = uow.heads.get(code)
    if head is not None and head.fingerprint == fingerprint:
        return Outcome(assessed.place, code, head.version, unchanged=True, reasons=reasons)
    version = max(head.version if head else 0, command.packaged.get(code, 0)) + 1
    if not command.dry_run:
        _add(assessed, version, command, counter, uow)
    return Outcome(assessed.place, code, version, unchanged=False, reasons=reasons)


def _add(
    assessed: Assessed, version: int, command: PublishProcedures, counter: ReferenceVersion, uow: PublishingWork
) -> None:
    procedure = assessed.procedure
    uow.heads.put(procedure.code, Head(procedure.code, version, assessed.fingerprint, tuple(sorted(procedure.numbers))))
    uow.versions.add(
        NewVersion(
            code=procedure.code,
            version=version,
            content=assessed.written,
            flags=assessed.reasons,
            fingerprint=assessed.fingerprint,
            published_at=command.at,
            published_by=command.officer,
            reference_version=counter.version,
        )
    )
    told = assessed.told.model_copy(update={"version": version, "published_at": command.at})
    uow.publish_reference(told, id=derive_id(command.run, told.key))
