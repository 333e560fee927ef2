"""Connections to a service's own PostgreSQL database, and set-based statements for its tables.

The hot paths speak plain SQL through asyncpg, one statement per table and batch; see
docs/decisions/0002-sql-by-hand.md for why no mapper stands in between.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = Pool = Any

_PARAMETER = re.compile(r"\$(\d+)")

SESSION = {
    "application_name": "hub",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "20s",
    # Every statement here finds its rows by key, whatever the length of its arrays and however old the statistics: one
    # plan by index serves all, is made once, and never walks a table that has grown.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

UNAVAILABLE: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server said good-bye to an idle connection whose end has not come yet
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,  # it can't read or write a file
    asyncpg.InternalServerError,  # nor say why, as when a file must not grow; the last word before it goes down
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""The database's or the connection's trouble, not the record's: roll back, back off, try the same again."""


async def open_pool(url: str, size: int) -> Pool:
    """A pool of at most `size` connections. Raises what is in UNAVAILABLE when the database can't be reached."""
    return await asyncpg.create_pool(
        url, min_size=1, max_size=size, server_settings=SESSION, command_timeout=20, timeout=5, reset=_nothing_to_reset
    )


async def _nothing_to_reset(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No statement of ours changes the session: asyncpg's own reset would be one more round trip for each use.

    A transaction that a cancelled task left open is still rolled back by asyncpg.
    """


def locked_in_order(table: str, key: str, condition: str) -> str:
    """The end of an UPDATE of what `condition` finds: locked in the order of the keys, as everywhere, no deadlock."""
    found = f"SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} FOR UPDATE"
    return f"FROM ({found}) AS locked WHERE {table}.{key} = locked.{key}"


@dataclass(frozen=True)
class Table:
    """A table as the code writes it: name, key columns, and the PostgreSQL type of each column in order."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]

    @cached_property
    def _names(self) -> str:
        return ", ".join(self.columns)

    @cached_property
    def _rows(self) -> str:
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(self.columns.values(), start=1))
        return f"unnest({arrays}) AS given({self._names})"

    @cached_property
    def insert(self) -> str:
        """Inserts rows; a key that exists is an error."""
        return f"INSERT INTO {self.name} ({self._names}) SELECT {self._names} FROM {self._rows}"

    @cached_property
    def insert_new(self) -> str:
        """Inserts rows whose key does not exist yet."""
        return f"{self.insert} ON CONFLICT DO NOTHING"

    @cached_property
    def update(self) -> str:
        """Overwrites rows by key."""
        changes = ", ".join(f"{name} = given.{name}" for name in self.columns if name not in self.key)
        match = " AND ".join(f"{self.name}.{name} = given.{name}" for name in self.key)
        return f"UPDATE {self.name} SET {changes} FROM {self._rows} WHERE {match}"

    @cached_property
    def lock(self) -> str:
        """Selects and locks rows by (single) key, in the order of the keys: one order everywhere, no deadlock."""
        (key,) = self.key
        return f"SELECT {self._names} FROM {self.name} WHERE {key} = ANY($1) ORDER BY {key} FOR UPDATE"


class Writes:
    """What a transaction still has to write, sent in one trip: at low load each trip costs more than its work.

    One statement of many parts, so none sees what another wrote, except by the name of a part that returns rows.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[str, str]] = []
        self._values: list[tuple[Any, ...]] = []

    def add(self, statement: str, *values: Any, name: str = "") -> None:
        """Adds a statement. `name`: how later ones refer to the rows that it returns."""
        self._parts.append((name, statement))
        self._values.append(values)

    def rows(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Adds a `Table` statement for all rows at once."""
        self.add(statement, *(list(column) for column in zip(*rows, strict=True)))

    async def send(self, connection: Connection) -> None:
        if self._parts:
            counts = tuple(map(len, self._values))
            await connection.execute(_joined(tuple(self._parts), counts), *chain.from_iterable(self._values))


@lru_cache(maxsize=256)  # a service has a few kinds of batches
def _joined(parts: tuple[tuple[str, str], ...], counts: tuple[int, ...]) -> str:
    """The parts as one statement; their parameters numbered through."""
    befores = accumulate(counts, initial=0)
    numbered = [
        (name or f"part_{place}", _numbered_from(before, statement))
        for place, ((name, statement), before) in enumerate(zip(parts, befores, strict=False))
    ]
    *first, (_, last) = numbered
    named = ", ".join(f"{name} AS ({statement})" for name, statement in first)
    return f"WITH {named} {last}" if first else last


def _numbered_from(before: int, statement: str) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + before}", statement)


A = TypeVar("A")


class TableStore(Generic[A]):
    """Aggregates of one kind, one row each: how they are read, locked and written in batches."""

    def __init__(
        self,
        table: Table,
        to_row: Callable[[A], Sequence[Any]],
        from_row: Callable[[asyncpg.Record], A],
    ) -> None:
        self._table = table
        self._to_row = to_row
        self._from_row = from_row

    async def load_many(self, connection: Connection, keys: Sequence[Any]) -> dict[Any, A]:
        rows = await connection.fetch(self._table.lock, keys)
        (key,) = self._table.key
        return {row[key]: self._from_row(row) for row in rows}

    def insert_many(self, writes: Writes, aggregates: Sequence[A]) -> None:
        writes.rows(self._table.insert, map(self._to_row, aggregates))

    def update_many(self, writes: Writes, aggregates: Sequence[A]) -> None:
        writes.rows(self._table.update, map(self._to_row, aggregates))
