"""Dữ liệu tham chiếu được công bố: what others are told of a procedure or of an entry of the directory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.reference import (
    AgencyPublishedV1,
    DeskPublishedV1,
    DirectoryEntry,
    OfficerPublishedV1,
    ProcedurePublishedV1,
    ProcedureWithdrawnV1,
    UnitPublishedV1,
)
from services.intake.domain.procedures.published_procedure import PublishedProcedure
from services.intake.domain.procedures.withdrawal import Ending
from services.intake.domain.reference.directory import AGENCIES, DESKS, OFFICERS, UNITS

LARGEST = 500_000
"""Bytes of a procedure in full, as JSON in UTF-8: a record of 512 KB holds that and what comes with it."""

Said = Mapping[str, str]
Told = Callable[[Mapping[str, Any], Said], DirectoryEntry]
TOLD = UUID("0b5c1f0e-6f0d-4f0a-9b52-2f4f6f3c7d21")
"""The name space of ids that follow from what is told, not from an import."""


def procedure_event(procedure: PublishedProcedure, version: int, at: datetime) -> ProcedurePublishedV1:
    """The version in full; the same whenever it is made, from the file or from what was kept of it."""
    return ProcedurePublishedV1(
        **{
            **procedure.content(),
            "offers": [
                {name: getattr(offer, name) for name in offer.__slots__}
                | {"fees": [fee._asdict() for fee in offer.fees]}
                for offer in procedure.offers
            ],
            "cases": [{"code": code, "name": name} for code, name in procedure.cases],
            "bases": [basis._asdict() for basis in procedure.bases],
            "texts": [{"key": key, "text": text} for key, text in sorted(procedure.texts.items())],
        },
        version=version,
        published_at=at,
    )


def version_told(code: str, version: int, published_at: datetime) -> UUID:
    """The id under which a published version is told: it follows from the version, so that telling again is known.

    After a restore a number may be used a second time, at another time: that is another event.
    """
    return derive_id(TOLD, "published", code, str(version), published_at.astimezone(UTC).isoformat())


def withdrawal_event(ending: Ending, version: int, at: datetime) -> ProcedureWithdrawnV1:
    """The end of a procedure's versions up to `version`, or that it was taken back."""
    return ProcedureWithdrawnV1(
        code=ending.code,
        version=version,
        effective_on=ending.effective_on,
        decision=ending.decision,
        successor=ending.successor,
        taken_back=not ending.ends(version),
        edition=ending.edition,
        withdrawn_at=at,
    )


def directory_events(kind: str, entries: Sequence[Mapping[str, Any]], edition: int) -> Iterator[DirectoryEntry]:
    """One event for each entry of an approved import; none for kinds that only intake's own rules look at."""
    told = _TOLD.get(kind)
    if told is None:
        return
    for entry in entries:
        about = {name: entry[name] for name in ("code", "valid_from", "valid_to", "withdrawn")}
        yield told({**about, "edition": edition}, entry["said"])


def _desk(about: Mapping[str, Any], said: Said) -> DirectoryEntry:
    return DeskPublishedV1(**{**said, **about}, category=said.get("class"))


def _unit(about: Mapping[str, Any], said: Said) -> DirectoryEntry:
    return UnitPublishedV1(**{**said, **about})


def _officer(about: Mapping[str, Any], said: Said) -> DirectoryEntry:
    return OfficerPublishedV1(**{**said, **about, "area": said.get("area", "").split()})


def _agency(about: Mapping[str, Any], said: Said) -> DirectoryEntry:
    return AgencyPublishedV1(**{**said, **about, "vertical": said["vertical"] == "yes"})


_TOLD: Mapping[str, Told] = MappingProxyType({DESKS: _desk, UNITS: _unit, OFFICERS: _officer, AGENCIES: _agency})
DIRECTORY: Mapping[str, type[DirectoryEntry]] = MappingProxyType(
    {DESKS: DeskPublishedV1, UNITS: UnitPublishedV1, OFFICERS: OfficerPublishedV1, AGENCIES: AgencyPublishedV1}
)
"""The kinds of the directory that others are told of."""
