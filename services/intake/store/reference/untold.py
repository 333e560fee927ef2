"""Điều chưa báo: what of the reference data counts and was not told, in batches.

What is told is in the outbox for good, under an id that follows from what is told: so the ids alone say what is
missing, whoever asks and however often.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import date
from functools import partial
from typing import TypeVar
from uuid import UUID

import asyncpg
import orjson

from hub_events.event import ReferenceEvent
from hub_events.ids import derive_id
from hub_events.reference import DeskPublishedV1
from hub_messaging.database import Connection, Pool
from services.intake.domain.catalogue import Catalogue
from services.intake.domain.procedures.publication import PROCEDURES
from services.intake.domain.reference.directory import DESKS
from services.intake.domain.reference.packaged_events import (
    packaged_desk_event,
    packaged_desk_told,
    packaged_procedure_event,
    packaged_procedure_told,
)
from services.intake.domain.reference.reference_events import (
    DIRECTORY,
    directory_events,
    procedure_event,
    version_told,
)
from services.intake.store.live_reference import published_from

Batch = Mapping[UUID, Callable[[], ReferenceEvent]]
"""Events by the ids under which they are to be told, made when they are."""
Counters = Mapping[str, int]
F = TypeVar("F")

AT_ONCE = 8
"""Events in a batch: of 500 KB at most, usually of some 5."""
LOOKED_AT = 500
_COUNTERS = "SELECT kind, number::bigint AS number FROM edition UNION ALL SELECT kind, version FROM reference_version"
_EDITIONS = "SELECT kind, number FROM edition FOR SHARE"
_TOLD = "SELECT event_id FROM outbox WHERE event_id = ANY($1)"
_BODIES = "SELECT event_id, body FROM outbox WHERE event_id = ANY($1)"
_VERSIONS = """
SELECT code, version, published_at FROM procedure_version
WHERE reference_version > $1 AND (code, version) > ($2, $3) ORDER BY code, version LIMIT $4
"""
_THESE = "FROM procedure_version WHERE (code, version) IN (SELECT * FROM unnest($1::text[], $2::int[]))"
_NUMBERED = f"SELECT code, version {_THESE}"
_CONTENTS = f"SELECT code, version, published_at, content {_THESE}"
_ENTRIES = """
SELECT DISTINCT ON (code, valid_from) code, valid_from, valid_to, said, withdrawn, edition, import_id
FROM directory_entry WHERE kind = $1 AND edition > $2 AND (code, valid_from) > ($3, $4)
ORDER BY code, valid_from, edition DESC LIMIT $5
"""
_FIRST_DAYS = f"""
SELECT code, min(valid_from) AS day FROM (
    SELECT DISTINCT ON (code, valid_from) code, valid_from, withdrawn FROM directory_entry
    WHERE kind = '{DESKS}' AND code = ANY($1) ORDER BY code, valid_from, edition DESC
) AS counting WHERE NOT withdrawn GROUP BY code
"""  # noqa: S608


class PublishedMeanwhile(Exception):
    """What was read of the directory may not count any more."""


async def hold_editions(seen: Counters, connection: Connection) -> None:
    """Approvals wait until the end of the transaction: what they tell comes behind. Raises PublishedMeanwhile."""
    if any(seen.get(row["kind"]) != row["number"] for row in await connection.fetch(_EDITIONS)):
        raise PublishedMeanwhile


class Untold:
    """Looks at all that counts: versions of procedures, entries of the directory, and what is packaged."""

    def __init__(self, pool: Pool, packaged: Catalogue) -> None:
        self._pool = pool
        self._packaged = packaged

    async def counters(self) -> Counters:
        """How many publications there were of each kind; ask for it before what rests on it."""
        return {row["kind"]: row["number"] for row in await self._pool.fetch(_COUNTERS)}

    async def since(self, seen: Counters) -> AsyncIterator[Batch]:
        """What is to be told of what was published after the publications `seen`, and of what is packaged."""
        async for batch in self._of(await self._packaged_procedures()):
            yield batch
        async for batch in self._of(await self._packaged_desks()):
            yield batch
        async for batch in self._versions(seen.get(PROCEDURES, 0)):
            yield batch
        for kind in DIRECTORY:
            async for batch in self._entries(kind, seen.get(kind, 0)):
                yield batch

    async def _of(self, found: Mapping[UUID, F]) -> AsyncIterator[Mapping[UUID, F]]:
        """Those that were not told, few at once."""
        told = {row["event_id"] for row in await self._pool.fetch(_TOLD, list(found))}
        untold = [id for id in found if id not in told]
        for start in range(0, len(untold), AT_ONCE):
            yield {id: found[id] for id in untold[start : start + AT_ONCE]}

    async def _versions(self, seen: int) -> AsyncIterator[Batch]:
        last = "", 0
        while rows := await self._pool.fetch(_VERSIONS, seen, *last, LOOKED_AT):
            last = rows[-1]["code"], rows[-1]["version"]
            async for some in self._of({version_told(*row): (row["code"], row["version"]) for row in rows}):
                contents = await self._pool.fetch(_CONTENTS, *map(list, zip(*some.values(), strict=True)))
                yield {
                    version_told(row["code"], row["version"], row["published_at"]): partial(_version, row)
                    for row in contents
                }

    async def _entries(self, kind: str, seen: int) -> AsyncIterator[Batch]:
        last, key_of = ("", date.min), DIRECTORY[kind].key_of
        while rows := await self._pool.fetch(_ENTRIES, kind, seen, *last, LOOKED_AT):
            last = rows[-1]["code"], rows[-1]["valid_from"]
            keys = {derive_id(row["import_id"], key_of(row["code"], row["valid_from"])): row for row in rows}
            async for batch in self._of({id: partial(_entry, kind, row) for id, row in keys.items()}):
                yield batch

    async def _packaged_procedures(self) -> Batch:
        """All versions but those whose number was published too: these count."""
        versions = {(one.ref.code, one.ref.version): one for one in self._packaged.procedures}
        published = await self._pool.fetch(_NUMBERED, *map(list, zip(*versions, strict=True)))
        for row in published:
            del versions[row["code"], row["version"]]
        return {packaged_procedure_told(*key): partial(packaged_procedure_event, one) for key, one in versions.items()}

    async def _packaged_desks(self) -> Batch:
        """Those of which something else is to be said than was said last."""
        codes = [desk.ref.code for desk in self._packaged.desks]
        replaced = {row["code"]: row["day"] for row in await self._pool.fetch(_FIRST_DAYS, codes)}
        told = await self._last_told(codes)
        found: dict[UUID, Callable[[], ReferenceEvent]] = {}
        for desk in self._packaged.desks:
            code = desk.ref.code
            last = told.get(code)
            edition = last.edition if last else 0
            say = partial(packaged_desk_event, desk, replaced_from=replaced.get(code))
            if last is None or last != say(edition=edition):
                found[packaged_desk_told(code, edition + 1)] = partial(say, edition=edition + 1)
        return found

    async def _last_told(self, codes: Iterable[str]) -> Mapping[str, DeskPublishedV1]:
        """What was last told of packaged desks."""
        last: dict[str, DeskPublishedV1] = {}
        asked, edition = list(codes), 1
        while asked:
            ids = {packaged_desk_told(code, edition): code for code in asked}
            rows = await self._pool.fetch(_BODIES, list(ids))
            told = {ids[row["event_id"]]: DeskPublishedV1.model_validate_json(row["body"]) for row in rows}
            last |= told
            asked, edition = list(told), edition + 1
        return last


def _version(row: asyncpg.Record) -> ReferenceEvent:
    return procedure_event(published_from(row["content"]), row["version"], row["published_at"])


def _entry(kind: str, row: asyncpg.Record) -> ReferenceEvent:
    (event,) = directory_events(kind, [{**row, "said": orjson.loads(row["said"])}], row["edition"])
    return event
