"""Người đọc dòng thay đổi: systems that follow /v1/changes through the whole run, as docs/integrators.md says.

What they hold in the end must be what the register holds, within their area, and no change may have come twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from hub_local.chaos_ways import NO_ANSWER
from hub_local.front_door import FrontDoor, Reply

PAGE = 200
WAIT_SECONDS = 5
AGAIN_SECONDS = 0.5
GONE = 410

Standing = tuple[str, int]
"""The state of a dossier and its national status, as lists and changes both tell it."""


@dataclass
class Follower:
    """One system. `area` None: all desks. `copy` is what it knows; `twice`: changes that came more than once."""

    door: FrontDoor
    name: str
    area: Sequence[str] | None = None
    copy: dict[str, Standing] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    times_begun: int = 0
    read: int = 0
    _cursor: str | None = None
    _read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._bearer = self.door.bearer(self.name, self.area)

    async def follow(self) -> None:
        """For as long as it is let."""
        while True:
            await self.step(WAIT_SECONDS)

    async def step(self, wait: int) -> bool:
        """One look, which waits so many seconds for news. Whether there was any. Raises Refused."""
        if self._cursor is None:
            await self._begin()
        reply = await self._asked("/v1/changes", after=self._cursor, limit=PAGE, wait=wait)
        if reply.status == GONE:
            self._cursor = None  # the databases were set back: the copy is made anew
            return True
        page = reply.content()
        for item in page["items"]:
            if item["cursor"] in self._read:
                self.twice.append(item["dossier_id"])
            self._read.add(item["cursor"])
            self.copy[item["dossier_id"]] = standing(item)
        self.read += len(page["items"])
        self._cursor = page["next_cursor"]
        return bool(page["items"] or page["more"])

    async def catch_up(self) -> None:
        """Reads on until there is nothing new."""
        while await self.step(wait=0):
            pass

    async def listed(self) -> dict[str, Any]:
        """Every dossier of the list, read page by page."""
        found: dict[str, Any] = {}
        query: dict[str, Any] = {"limit": PAGE}
        while True:
            page = (await self._asked("/v1/dossiers", **query)).content()
            found |= {one["dossier_id"]: one for one in page["items"]}
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    async def counted(self, **filters: Any) -> int:
        """How many dossiers fit, by the register's own count."""
        count: int = (await self._asked("/v1/dossiers/count", **filters)).content()["count"]
        return count

    async def _begin(self) -> None:
        """A cursor first, then the list: nothing in between is missed."""
        self.times_begun += 1
        self._read.clear()
        cursor = (await self._asked("/v1/changes", after="now")).content()["next_cursor"]
        self.copy = {id: standing(one) for id, one in (await self.listed()).items()}
        self._cursor = cursor

    async def _asked(self, path: str, **query: Any) -> Reply:
        while True:
            try:
                reply = await self.door.ask("intake", "GET", f"{path}?{urlencode(query)}", authorization=self._bearer)
            except NO_ANSWER:
                pass
            else:
                if reply.status < 500 and reply.status != 429:
                    return reply
            await asyncio.sleep(AGAIN_SECONDS)


def standing(one: Any) -> Standing:
    """Where a dossier stands, by a change or a line of the list."""
    return one["state"], one["national_status"]["code"]
