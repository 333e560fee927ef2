"""Dãy số hồ sơ sau khôi phục: numbers that may have been given after a backup are never given again.

A receipt with such a number is in a citizen's hand, though no database knows it any more. Gaps are allowed.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import asyncpg

from hub_worktime import day_in_vietnam

LEFT_OUT = 1000
"""So many numbers of each desk and day are taken as given; more than any desk takes in a day."""
MOST_DAYS = 31

_DESKS = "SELECT desk_code FROM dossier UNION SELECT split_part(key, '/', 1) FROM number_range"
_RAISE = """
INSERT INTO number_range (key, last) SELECT * FROM unnest($1::text[], $2::int[])
ON CONFLICT (key) DO UPDATE SET last = greatest(number_range.last, excluded.last)
"""
_LAST = "SELECT key, last FROM number_range WHERE key = ANY($1)"


async def reserve_numbers(url: str, codes: Iterable[str], since: datetime, now: datetime) -> dict[str, dict[str, int]]:
    """Raises each desk's counter for the days from the backup to now, by business time, and over every known code.

    Returns by range (`<desk>/<YYMMDD>`) the last number of the backup, and the one that counting goes on after.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        seen = _highest(codes)
        desks = {row["desk_code"] for row in await connection.fetch(_DESKS)} | {key.split("/")[0] for key in seen}
        keys = {f"{desk}/{day:%y%m%d}" for desk in desks for day in _days(since, now)}
        before = {row["key"]: row["last"] for row in await connection.fetch(_LAST, sorted(keys | seen.keys()))}
        after = {key: max(seen.get(key, 0), before.get(key, 0)) for key in seen.keys() | keys}
        raised = {key: last + (LEFT_OUT if key in keys else 0) for key, last in sorted(after.items())}
        changed = {key: last for key, last in raised.items() if last > before.get(key, 0)}
        await connection.execute(_RAISE, list(changed), list(changed.values()))
    finally:
        await connection.close()
    return {key: {"backup": before.get(key, 0), "goes_on_after": last} for key, last in changed.items()}


def _days(since: datetime, now: datetime) -> list[date]:
    first, last = day_in_vietnam(since), day_in_vietnam(now)
    count = min((last - first).days, MOST_DAYS)
    return [last - timedelta(days=back) for back in range(max(count, 0) + 1)]


def _highest(codes: Iterable[str]) -> dict[str, int]:
    """By range the highest number of `codes`; a code of another form counts for none."""
    highest: dict[str, int] = {}
    for code in codes:
        parts = code.rsplit("-", 2)
        if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
            key = f"{parts[0]}/{parts[1]}"
            highest[key] = max(highest.get(key, 0), int(parts[2]))
    return highest
