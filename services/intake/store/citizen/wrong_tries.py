"""Lượt thử sai: how often somebody typed wrong digits, counted together by all processes. Real time.

One row is one debt: each try adds its share of the limit's time to `free_at`, the passing of time pays it off. A try
is charged before it is judged, so that a hundred at once are a hundred, and given back when the digits were right.
"""

import hashlib
from datetime import timedelta

from hub_messaging.database import Pool
from services.intake.domain.citizen.look_up import Limit

_CHARGE = """
INSERT INTO wrong_try AS known (key, free_at) VALUES ($1, clock_timestamp() + $2::interval)
ON CONFLICT (key) DO UPDATE SET free_at = greatest(known.free_at, clock_timestamp()) + $2::interval
WHERE greatest(known.free_at, clock_timestamp()) + $2::interval <= clock_timestamp() + $3::interval
RETURNING true
"""
_WAIT = "SELECT free_at - clock_timestamp() + $2::interval - $3::interval FROM wrong_try WHERE key = $1"
_GIVE_BACK = "UPDATE wrong_try SET free_at = free_at - $2::interval WHERE key = $1"
_FORGET = """
DELETE FROM wrong_try WHERE key IN (
    SELECT key FROM wrong_try WHERE free_at < clock_timestamp() ORDER BY free_at LIMIT 20 FOR UPDATE SKIP LOCKED
)
"""
_SHORTEST_WAIT = timedelta(seconds=1)


class WrongTries:
    """Charges tries to whom or what they are counted for: `kind` and a name of that kind."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def charge(self, kind: str, name: str, limit: Limit) -> timedelta | None:
        """None: it may try. Otherwise how long until it may."""
        key = _key(kind, name)
        if await self._pool.fetchval(_CHARGE, key, limit.each, limit.within):
            return None
        wait: timedelta | None = await self._pool.fetchval(_WAIT, key, limit.each, limit.within)
        return max(wait or _SHORTEST_WAIT, _SHORTEST_WAIT)

    async def give_back(self, kind: str, name: str, limit: Limit) -> None:
        """The try was none: the digits were right."""
        await self._pool.execute(_GIVE_BACK, _key(kind, name), limit.each)

    async def forget(self) -> None:
        """Deletes some of the rows whose debt is paid: each wrong try clears up after twenty older ones."""
        await self._pool.execute(_FORGET)


def _key(kind: str, name: str) -> bytes:
    """A digest: neither codes nor addresses are read out of the table."""
    return hashlib.blake2b(name.encode(), digest_size=16, person=kind.encode()).digest()
