"""Nhập dữ liệu tham chiếu: keep a preview; approve it by a second person, or reject it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from hub_events.ids import derive_id
from hub_messaging.outbox import PublishReference
from hub_messaging.unit_of_work import Journal, Shelf
from services.intake.domain.reference.reference_events import directory_events
from services.intake.domain.reference.reference_import import Edition, Import, NoSuchImport
from services.intake.handlers.ports import Seals

IMPORTS, EDITIONS = "reference_imports", "editions"
"""The shelves, by which jobs name what they need."""


class ReferenceWork(Protocol):
    """The unit of work of imports."""

    now: datetime
    imports: Shelf[UUID, Import]
    editions: Shelf[str, Edition]
    published: Journal[Import]
    publish_reference: PublishReference


@dataclass(frozen=True, slots=True)
class Decision:
    """Quyết định about one import. `base`: the kinds that its preview rests on."""

    import_id: UUID
    who: str
    base: tuple[str, ...] = ()

    def keys(self) -> dict[str, Iterable[Any]]:
        """What must be loaded for it."""
        return {IMPORTS: (self.import_id,), EDITIONS: self.base}


def keep_preview(preview: Import, uow: ReferenceWork) -> Import:
    """Lưu bản xem trước: nothing takes effect."""
    uow.imports.put(preview.id, preview)
    return preview


def approve_import(command: Decision, uow: ReferenceWork) -> Import:
    """Duyệt: published as the next edition of its kind, and all are told. Raises what `approve` raises."""
    found = _found(command, uow)
    numbers = {kind: edition.number for kind in found.base if (edition := uow.editions.get(kind))}
    approved = found.approve(command.who, uow.now, {kind: numbers.get(kind, 0) for kind in found.base})
    uow.imports.put(approved.id, approved)
    assert approved.edition is not None
    uow.editions.put(approved.kind, Edition(approved.kind, approved.edition))
    uow.published.add(approved)
    for event in directory_events(approved.kind, approved.content, approved.edition):
        uow.publish_reference(event, id=derive_id(approved.id, event.key))
    return approved


def reject_import(command: Decision, why: str, uow: ReferenceWork, seals: Seals) -> Import:
    """Từ chối: nothing of it takes effect. Raises NoSuchImport, AlreadyDecidedOn."""
    rejected = _found(command, uow).reject(command.who, uow.now, seals.seal("form", command.import_id, why))
    uow.imports.put(rejected.id, rejected)
    return rejected


def _found(command: Decision, uow: ReferenceWork) -> Import:
    found = uow.imports.get(command.import_id)
    if found is None:
        raise NoSuchImport
    return found
