"""Tra cứu danh bạ và danh mục công bố: what was approved, as it counts now."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import asyncpg
import orjson

from hub_events.intake import DeskRef
from hub_messaging.database import Pool
from hub_worktime import read_hours
from services.intake.domain.catalogue import Desk
from services.intake.domain.reference.directory import DESKS, Entry, Versions
from services.intake.domain.reference.publication_list import Decided, PublicationList
from services.intake.domain.reference.reference_import import Import
from services.intake.store.reference.reference_tables import IMPORT, import_from

_COUNTING = """
SELECT code, valid_from, valid_to, said FROM (
    SELECT DISTINCT ON (code, valid_from) * FROM directory_entry
    WHERE kind = $1 {more} ORDER BY code, valid_from, edition DESC
) AS counting WHERE NOT withdrawn
"""
_ALL = _COUNTING.format(more="")
_OF_ONE = _COUNTING.format(more="AND code = $2") + "ORDER BY valid_from"
_ON_A_DAY = (
    _COUNTING.format(more="AND code > $3 AND valid_from <= $2")
    + "AND (valid_to IS NULL OR valid_to >= $2) AND said @> $4::jsonb ORDER BY code LIMIT $5"
)
_OLD_CODE = """
SELECT DISTINCT code FROM directory_entry WHERE kind = 'agencies' AND said ->> 'old_code' = $1 ORDER BY code
"""
_SHORT = {"content": "'null'::jsonb", "report": "jsonb_build_object('counts', report -> 'counts')"}
_IMPORTS = f"""
SELECT {", ".join(f"{_SHORT.get(name, name)} AS {name}" for name in IMPORT.columns)}
FROM reference_import WHERE id < $1 AND ($2::text IS NULL OR state = $2) ORDER BY id DESC LIMIT $3
"""  # noqa: S608
_LISTS = """
SELECT kind, edition, decision, decided_on, published_on, valid_from, valid_to, lines
FROM publication_list WHERE kind = $1 ORDER BY edition DESC
"""
LAST_ID = UUID(int=2**128 - 1)


class Directory:
    """Reads of what imports brought."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def editions(self, kinds: Sequence[str]) -> dict[str, int]:
        """The number of the newest edition of each kind, 0: none. Ask for it before what rests on it."""
        rows = await self._pool.fetch("SELECT kind, number FROM edition WHERE kind = ANY($1)", kinds)
        return dict.fromkeys(kinds, 0) | {row["kind"]: row["number"] for row in rows}

    async def everything(self, kind: str) -> Sequence[Entry]:
        """All versions that count, of one kind."""
        return [_entry(row) for row in await self._pool.fetch(_ALL, kind)]

    async def versions(self, kind: str, code: str) -> Sequence[Entry]:
        """All versions of one code that count, in order of their days."""
        return [_entry(row) for row in await self._pool.fetch(_OF_ONE, kind, code)]

    async def on(self, kind: str, day: date, said: Mapping[str, str], after: str, most: int) -> Sequence[Entry]:
        """Up to `most` entries valid on `day` that say this, by code, following the one called `after`."""
        rows = await self._pool.fetch(_ON_A_DAY, kind, day, after, orjson.dumps(said).decode(), most)
        return [_entry(row) for row in rows]

    async def agencies_once_called(self, old_code: str) -> Sequence[str]:
        """The codes of the agencies that have or had this old code."""
        return [row["code"] for row in await self._pool.fetch(_OLD_CODE, old_code)]

    async def import_of(self, import_id: UUID) -> Import | None:
        """One import, with its report."""
        row = await self._pool.fetchrow("SELECT * FROM reference_import WHERE id = $1", import_id)
        return None if row is None else import_from(row)

    async def imports(self, state: str | None, before: UUID | None, most: int) -> Sequence[Import]:
        """Up to `most` imports, newest first, without what they would write and the details of their report."""
        return [import_from(row) for row in await self._pool.fetch(_IMPORTS, before or LAST_ID, state, most)]

    async def lists(self, kind: str) -> Sequence[PublicationList]:
        """All versions of a publication list, newest first."""
        return [_list(row) for row in await self._pool.fetch(_LISTS, kind)]

    async def list_on(self, kind: str, day: date) -> PublicationList | None:
        """The version that is valid on `day`; None: there is none."""
        statement = _LISTS.replace("ORDER BY", "AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2) ORDER BY")
        row = await self._pool.fetchrow(statement + " LIMIT 1", kind, day)
        return None if row is None else _list(row)


async def published_desks(pool: Pool, on: date) -> Mapping[str, Desk]:
    """The desks that the directory speaks of by that day, each as it is, or as it was last."""
    versions = Versions(await Directory(pool).everything(DESKS))
    return {code: desk_of(entry, on) for code in versions.by_code if (entry := versions.begun(code, on)) is not None}


def desk_of(entry: Entry, on: date) -> Desk:
    """Bộ phận Một cửa, as dossiers are checked against it on that day."""
    said = entry.values
    ref = DeskRef(code=entry.code, name=said["name"], territory=said.get("commune") or said["province"])
    last_day = None if entry.holds_on(on) else entry.valid_to
    return Desk(ref, said["province"], said.get("phone", ""), read_hours(said.get("counting_hours")), last_day)


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(row["code"], row["valid_from"], row["valid_to"], orjson.loads(row["said"]))


def _list(row: asyncpg.Record) -> PublicationList:
    decided = Decided(row["decision"], row["decided_on"], row["published_on"], row["valid_from"], row["valid_to"])
    return PublicationList(row["kind"], row["edition"], decided, tuple(orjson.loads(row["lines"])))
