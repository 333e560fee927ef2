"""Leases: which process owns a role (relay, timers, a lane). Real time; what an owner writes is fenced by its epoch."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuids

from hub_messaging.database import Connection, Pool, locked_in_order
from hub_messaging.errors import LostLease

DURATION = timedelta(seconds=3)
BEAT_SECONDS = 1.0

# A transaction of its owner may hold a lease for long: nobody waits for one that is not the own slot's.
_TAKE = """
WITH run_out AS (
    SELECT name FROM lease WHERE name = ANY($1) AND slot <> $2 AND until < now() ORDER BY name FOR UPDATE SKIP LOCKED
), own_or_new AS (
    SELECT name FROM unnest($1::text[]) AS wanted(name)
    WHERE NOT EXISTS (SELECT FROM lease AS others WHERE others.name = wanted.name AND others.slot <> $2)
), abandoned AS (
    SELECT name, until FROM lease WHERE name = ANY($1) AND (holder <> $3 OR name = ANY($5)) AND until > '-infinity'
)
INSERT INTO lease AS held (name, slot, holder, epoch, until)
SELECT name, $2, $3, 1, now() + $4 FROM (TABLE run_out UNION ALL TABLE own_or_new) AS takeable ORDER BY name
ON CONFLICT (name) DO UPDATE SET
    slot = excluded.slot, holder = excluded.holder, until = excluded.until,
    epoch = held.epoch + CASE WHEN held.holder = excluded.holder THEN 0 ELSE 1 END
WHERE held.holder = excluded.holder OR held.slot = excluded.slot OR held.until < now()
RETURNING name, epoch, (SELECT until FROM abandoned WHERE abandoned.name = held.name) AS abandoned_at
"""
_GIVE_BACK = f"""
UPDATE lease SET until = '-infinity' {locked_in_order("lease", "name", "name = ANY($1) AND holder = $2")}
"""  # noqa: S608
_CHECK = """
SELECT name FROM lease
WHERE (name, epoch) IN (SELECT name, epoch FROM unnest($1::text[], $2::bigint[]) AS mine(name, epoch))
ORDER BY name FOR SHARE
"""
LANES_OF_OURS = """lane = ANY(ARRAY(
    SELECT substr(name, length('lane:') + 1) FROM lease
    JOIN unnest($1::text[], $2::bigint[]) AS ours(name, epoch) USING (name, epoch)
))"""
"""A condition for work: of leases $1 with epochs $2, the lanes that nobody else has taken meanwhile."""


def lease_of(lane: str) -> str:
    """The name of a lane's lease; `withdrawn.WITHDRAW` knows it too."""
    return f"lane:{lane}"


def lane_of(lease: "Lease") -> str:
    """The lane that this lease is for."""
    return lease.name.removeprefix("lane:")


Moment = tuple[float, float]
"""By two clocks: one stands still while the machine is suspended, the other may be set back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Proof of ownership: valid while nobody has raised the epoch."""

    name: str
    epoch: int
    abandoned_at: datetime | None = field(default=None, compare=False)
    """When its former owner, which did not give it back, was to be heard of at the latest."""


def names_and_epochs(leases: Collection[Lease]) -> tuple[list[str], list[int]]:
    """The first two values of a statement that asks whether they are still ours."""
    return [lease.name for lease in leases], [lease.epoch for lease in leases]


class Leases:
    """The leases that this process holds. A slot that starts again takes back its own at once."""

    def __init__(self, pool: Pool, slot: str) -> None:
        self._pool = pool
        self._slot = slot
        self._holder: UUID = uuids.uuid7()
        self._held: dict[str, tuple[Lease, Moment]] = {}
        self._unanswered: set[str] = set()
        """Asked for in vain: they may be ours without our knowing from whom we took them."""

    async def hold(self, names: Iterable[str]) -> dict[str, Lease]:
        """Takes, or renews what was not renewed for a second; returns those that are ours now."""
        wanted = set(names)
        stale = sorted(name for name in wanted if name not in self._held or _age(self._held[name][1]) > BEAT_SECONDS)
        if stale:
            asked_at = _moment()
            unanswered = sorted(self._unanswered.intersection(stale))
            self._unanswered.update(stale)
            rows = await self._pool.fetch(_TAKE, stale, self._slot, self._holder, DURATION, unanswered)
            self._unanswered.difference_update(stale)
            before = {name: self._held.pop(name)[0] for name in stale if name in self._held}
            for lease in [Lease(**row) for row in rows]:
                known = before.get(lease.name)  # renewed, it is as it was taken
                self._held[lease.name] = (known if known == lease else lease, asked_at)
        return {name: self._held[name][0] for name in wanted if name in self._held}

    def lasts(self, lease: Lease) -> bool:
        """Whether nobody else can have taken it yet, but a rival in our own slot. Asks no server: it costs nothing."""
        held, asked_at = self._held.get(lease.name, (None, (0.0, 0.0)))
        return held == lease and _age(asked_at) < DURATION.total_seconds()

    async def renew(self) -> None:
        """All that is ours, in the middle of what takes long."""
        await self.hold(list(self._held))

    async def give_back(self, names: Iterable[str]) -> None:
        given = sorted(names)
        for name in given:
            self._held.pop(name, None)
        await self._pool.execute(_GIVE_BACK, given, self._holder)


def _moment() -> Moment:
    return time.monotonic(), time.time()


def _age(moment: Moment) -> float:
    """Seconds, by the clock that says more."""
    return max(now - then for now, then in zip(_moment(), moment, strict=True))


async def check(connection: Connection, leases: Mapping[str, Lease]) -> None:
    """Holds off a take-over until the end of the transaction. Raises LostLease when one is no longer ours."""
    rows = await connection.fetch(_CHECK, *names_and_epochs(leases.values()))
    if len(rows) != len(leases):
        raise LostLease(frozenset(leases.keys() - {row["name"] for row in rows}))
