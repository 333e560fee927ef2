"""Kịch bản tăng trưởng: the same load on databases that hold millions of dossiers, and on more processes.

Dossiers of the past are copies of one that the hub itself has finished: each of its rows in the tables that keep it
for long, with ids and codes of their own, before all that come later. What is kept for days only (outbox, inbox,
requests, bodies of done work) is not multiplied: its size follows the daily load, not the register's.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg

from hub_local.bench_hub import Bench, Figures, Hub, with_workers
from hub_local.bench_load import POLL_SECONDS, closed_loop
from hub_local.layout import StackNotUsable
from hub_local.postgres import database_url

AT_ONCE = 100_000
"""Dossiers copied in one statement: its progress is told, and its transaction stays small."""
WIDE = ("lifecycles_per_s", "cpu_s_per_1000")

ID_OF = "('01000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
"""An id for dossier `n` of the past; ids are in order of time, so it lies before all that are made now."""
ROW_OF = "md5(n::text || copied.id::text)::uuid"
KEPT_FOR_LONG: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "intake": {
        "dossier": {"id": ID_OF, "code": "'past-' || n"},
        "progress": {"dossier_id": ID_OF},
        "step": {"dossier_id": ID_OF},
    },
    "routing": {"transfer": {"dossier_id": ID_OF}, "work": {"dossier_id": ID_OF, "id": ROW_OF}},
    "notify": {"notices": {"dossier_id": ID_OF}, "work": {"dossier_id": ID_OF, "id": ROW_OF}},
    "sla": {"clock": {"dossier_id": ID_OF}},
}
"""By service, the tables that keep a dossier for long, and what differs from copy to copy."""
_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_identity = 'NO' ORDER BY ordinal_position
"""
_FINISHED = "SELECT dossier_id FROM progress WHERE settled AND completed_at IS NOT NULL LIMIT 1"


async def growth(bench: Bench) -> Figures:
    """Sổ lớn dần: lifecycles a second with 0, 1 million, 5 million finished dossiers in the databases."""
    async with bench.hub() as hub:
        figures: Figures = {name: {} for name in WIDE}
        present = 0
        for wanted in bench.sizes.growth:
            async for grown in grow(hub, present, wanted):
                bench.say(f"{grown:,} of {wanted:,} dossiers of the past")
            present = wanted
            bench.say(f"closed loop over {wanted:,} dossiers")
            _note(figures, wanted, (await hub.load.run(closed_loop(bench.sizes.lifecycles))).figures())
        return {**figures, **await hub.ending()}


async def workers(bench: Bench) -> Figures:
    """Nhiều tiến trình: lifecycles a second by number of reading processes and of partitions."""
    figures: Figures = {name: {} for name in WIDE} | {"lost": 0, "duplicates": 0, "lifecycles": 0}
    for count in bench.sizes.workers:
        for partitions in bench.sizes.partitions:
            async with bench.hub(with_workers(count, partitions)) as hub:
                bench.say(f"{count} processes, {partitions} partitions")
                run = await hub.load.run(closed_loop(bench.sizes.lifecycles))
                _note(figures, f"{count} x {partitions}", run.figures())
                for name, number in (await hub.load.verdict()).items():
                    figures[name] += number
    return figures


def _note(figures: Figures, place: object, measured: Figures) -> None:
    for name in WIDE:
        figures[name][str(place)] = measured[name]


async def grow(hub: Hub, present: int, wanted: int) -> AsyncIterator[int]:
    """Copies a finished dossier until there are `wanted` of the past; yields how many there are, again and again."""
    if wanted == present:
        return
    connections = {
        service: await asyncpg.connect(database_url(hub.layout, hub.stack.keys.passwords, service))
        for service in KEPT_FOR_LONG
    }
    try:
        template = await finished(connections["intake"])
        began_with = await _bytes(connections)
        for start in range(present, wanted, AT_ONCE):
            end = min(start + AT_ONCE, wanted)
            await asyncio.gather(
                *(
                    _copy(connections[service], start + 1, end, template, tables)
                    for service, tables in KEPT_FOR_LONG.items()
                )
            )
            per_dossier = (await _bytes(connections) - began_with) / (end - present)
            refuse_too_many(wanted - end, per_dossier, shutil.disk_usage(hub.layout.folder).free)
            yield end
        await asyncio.gather(*(connection.execute("VACUUM (ANALYZE)") for connection in connections.values()))
    finally:
        for connection in connections.values():
            await connection.close()


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]",
    first: int,
    last: int,
    template: Any,
    tables: Mapping[str, Mapping[str, str]],
) -> None:
    for table, differs in tables.items():
        await connection.execute(await copies(connection, table, differs), first, last, template)


def refuse_too_many(more: int, bytes_each: float, free: int) -> None:
    """Raises StackNotUsable when so many dossiers would leave less than a tenth of the free disk."""
    if more * bytes_each > 0.9 * free:
        raise StackNotUsable(
            f"{more:,} more dossiers need about {more * bytes_each / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free:"
            " fewer with --size growth=0,1000000"
        )


async def _bytes(connections: Mapping[str, "asyncpg.Connection[asyncpg.Record]"]) -> int:
    sizes = [await one.fetchval("SELECT pg_database_size(current_database())") for one in connections.values()]
    return int(sum(sizes))


async def finished(connection: "asyncpg.Connection[asyncpg.Record]") -> Any:
    """The id of a dossier of which all is told; the timeline lags a little."""
    async with asyncio.timeout(60):
        while (found := await connection.fetchval(_FINISHED)) is None:
            await asyncio.sleep(POLL_SECONDS)
    return found


async def copies(connection: "asyncpg.Connection[asyncpg.Record]", table: str, differs: Mapping[str, str]) -> str:
    """The statement that copies rows of dossier $3 as those of dossiers $1 to $2 of the past."""
    columns = [row["column_name"] for row in await connection.fetch(_COLUMNS, table)]
    values = [differs.get(column, f"copied.{column}") for column in columns]
    key = "id" if table == "dossier" else "dossier_id"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"  # noqa: S608 - names of the schema
        f" FROM generate_series($1::bigint, $2::bigint) AS n, (SELECT * FROM {table} WHERE {key} = $3) AS copied"
    )
