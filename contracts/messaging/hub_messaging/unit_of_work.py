"""Đơn vị công việc: what one handler call sees and changes, and the parts that a batch writes together.

A unit of work is filled for a whole batch (aggregates loaded and locked in key order), handed to the handlers one
job at a time, and written once. What a job changes is *staged*: kept when it succeeds, dropped when it raises.
Aggregates are frozen, so no job can spoil another's. Handlers never commit and never wait.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from hub_messaging.database import Connection, Writes
from hub_messaging.outbox import Outbox
from hub_messaging.refused import Refusals
from hub_messaging.requests import ANSWERS, SHELF, Answer
from hub_messaging.timers import Timers
from hub_messaging.work import WorkRows

K = TypeVar("K", bound=Hashable)
A = TypeVar("A")


class Part(Protocol):
    """One kind of thing that a unit of work holds."""

    def keep(self) -> None:
        """The job succeeded: its staged changes stay."""

    def discard(self) -> None:
        """The job raised: its staged changes are dropped."""

    async def flush(self, connection: Connection, writes: Writes) -> None:
        """Writes everything kept: into `writes`, or at once where the answer or the order matters."""

    def bells(self) -> Iterable[str]:
        """Whom to wake after the commit."""


class Store(Protocol[A]):
    """How aggregates of one kind are read (locked, in key order) and written."""

    async def load_many(self, connection: Connection, keys: Sequence[Any]) -> Mapping[Any, A]: ...
    def insert_many(self, writes: Writes, aggregates: Sequence[A]) -> None: ...
    def update_many(self, writes: Writes, aggregates: Sequence[A]) -> None: ...


class Shelf(Generic[K, A]):
    """The aggregates of one kind that a batch works on, by key."""

    def __init__(self, store: Store[A]) -> None:
        self._store = store
        self._loaded: dict[K, A] = {}
        self._known: set[K] = set()
        self._changed: set[K] = set()
        self._staged: dict[K, A] = {}

    def get(self, key: K) -> A | None:
        """The aggregate, or None when there is none yet."""
        staged = self._staged.get(key)
        return staged if staged is not None else self._loaded.get(key)

    def put(self, key: K, aggregate: A) -> None:
        """Stages the aggregate's new state."""
        self._staged[key] = aggregate

    async def load(self, connection: Connection, keys: Iterable[K]) -> None:
        """Reads and locks, in key order."""
        wanted = sorted(set(keys))  # type: ignore[type-var]
        if wanted:
            self._loaded.update(await self._store.load_many(connection, wanted))
            self._known = set(self._loaded)

    def keep(self) -> None:
        if self._staged:
            self._changed.update(self._staged)
            self._loaded.update(self._staged)
            self._staged.clear()

    def discard(self) -> None:
        self._staged.clear()

    async def flush(self, _connection: Connection, writes: Writes) -> None:
        """New ones are inserted, not merged: if somebody was quicker, the batch runs again on what is there then."""
        if not self._changed:
            return
        keys = sorted(self._changed)  # type: ignore[type-var]
        new = [self._loaded[key] for key in keys if key not in self._known]
        old = [self._loaded[key] for key in keys if key in self._known]
        if new:
            self._store.insert_many(writes, new)
        if old:
            self._store.update_many(writes, old)

    def bells(self) -> Iterable[str]:
        return ()


class Journal(Generic[A]):
    """Rows that are only ever added."""

    def __init__(self, insert: Callable[[Writes, Sequence[A]], None]) -> None:
        self._insert = insert
        self.kept: list[A] = []
        self._staged: list[A] = []

    def add(self, row: A) -> None:
        self._staged.append(row)

    def keep(self) -> None:
        if self._staged:
            self.kept += self._staged
            self._staged.clear()

    def discard(self) -> None:
        self._staged.clear()

    async def flush(self, _connection: Connection, writes: Writes) -> None:
        if self.kept:
            self._insert(writes, self.kept)

    def bells(self) -> Iterable[str]:
        return ()


class UnitOfWork:
    """What every service's unit of work has; a service adds its own shelves and journals.

    What locks rows does so in one order: aggregates when they are loaded, then work rows, then all else in one trip.
    """

    def __init__(self, service: str, now: datetime) -> None:
        self.now = now
        """Business time of this batch, aware, UTC."""
        self.work = WorkRows()
        self.timers = Timers()
        self.refusals = Refusals()
        self.outbox = Outbox(service, now)
        self.publish = self.outbox.publish
        self.publish_reference = self.outbox.publish_reference
        self._shelves: dict[str, Shelf[Any, Any]] = {}
        self._journals: list[Part] = []
        self.requests: Shelf[str, Answer] = self.shelf(SHELF, ANSWERS)

    def shelf(self, name: str, store: Store[A]) -> "Shelf[Any, A]":
        """Adds a shelf; jobs name it in `keys`."""
        shelf: Shelf[Any, A] = Shelf(store)
        self._shelves[name] = shelf
        return shelf

    def journal(self, insert: Callable[[Writes, Sequence[A]], None]) -> "Journal[A]":
        """Adds a journal, written after the shelves."""
        journal: Journal[A] = Journal(insert)
        self._journals.append(journal)
        return journal

    @cached_property
    def _parts(self) -> list[Part]:
        return [*self._shelves.values(), *self._journals, self.work, self.timers, self.refusals, self.outbox]

    async def load(self, connection: Connection, keys: Mapping[str, Iterable[Any]]) -> None:
        for name, shelf in self._shelves.items():
            await shelf.load(connection, keys.get(name, ()))

    def keep(self) -> None:
        for part in self._parts:
            part.keep()

    def discard(self) -> None:
        for part in self._parts:
            part.discard()

    async def flush(self, connection: Connection) -> None:
        writes = Writes()
        for part in self._parts:
            await part.flush(connection, writes)
        await writes.send(connection)

    def bells(self) -> set[str]:
        return {bell for part in self._parts for bell in part.bells()}
