"""Which lanes the sender serves, and what it tells of them: one lane per agency, paused ones at rest."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from hub_messaging.database import UNAVAILABLE
from services.routing.handlers.ports import CompetenceNow
from services.routing.store.lanes import LaneTable

log = structlog.get_logger(__name__)
EVERY_SECONDS = 1.0


class Circuits(Protocol):
    """What the keeper of the lanes knows of its circuits."""

    def open_lanes(self) -> dict[str, str]: ...
    def owned_lanes(self) -> set[str]: ...


class LaneWatch:
    """Looks at pauses once a second, and keeps in the table which circuits are open."""

    def __init__(self, lanes: LaneTable, competence: CompetenceNow, concurrency: int) -> None:
        self._lanes = lanes
        self._competence = competence
        self._concurrency = concurrency
        self._paused: set[str] | None = None
        self._with_work: set[str] = set()
        self.known = asyncio.Event()
        """Set once the pauses are known; before, no lane is wanted."""

    def wanted(self) -> Iterable[tuple[str, int]]:
        """Every agency's lane and its concurrency, 0 while it is paused. None before the pauses are known."""
        if self._paused is None:
            return ()
        names = self._competence().agencies.keys() | self._with_work
        return [(name, 0 if name in self._paused else self._concurrency) for name in sorted(names)]

    async def run(self, circuits: Circuits, beat: Callable[[], None]) -> None:
        """Until cancelled."""
        while True:
            beat()
            try:
                self._paused, self._with_work = await self._lanes.paused(), await self._lanes.with_work()
                self.known.set()
                known, found = await self._lanes.open_now(), circuits.open_lanes()
                owned = circuits.owned_lanes()
                opened = {name: why for name, why in found.items() if known.get(name) != why}
                await self._lanes.report(opened, {name for name in known if name in owned and name not in found})
            except UNAVAILABLE as trouble:
                log.info("lane_watch_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(EVERY_SECONDS)
