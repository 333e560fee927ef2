"""Dãy số sau khôi phục: numbers that may have been given after a backup are never given again.

A receipt or form with such a number is in a citizen's hand, though no database knows it any more. What is left out,
and why: docs/decisions/0071-numbers-after-a-restore.md.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any

import asyncpg

from hub_local.layout import Layout
from hub_worktime import day_in_vietnam

LEFT_OUT = 1000
"""So many numbers of a range are taken as given each day; more than any desk gives in one."""
ENTERED_LATE_DAYS = 31
"""So long after its day a number may still be given: to a dossier that is entered late."""
MOST_DAYS = 366
SYMBOLS = ("TNHS", "YCBS", "TCHS", "PXL", "TBDGQ", "PKSHS", "STDHS")
"""Ký hiệu of forms 01 to 07: each has a range of its own for each desk and year."""

Reserved = Mapping[str, Mapping[str, int]]
"""By range the last number of the backup, and the one that counting goes on after."""

_LAST = "SELECT key, last FROM number_range"
_DESKS = "SELECT DISTINCT desk_code FROM dossier"
_RAISE = """
INSERT INTO number_range (key, last) SELECT * FROM unnest($1::text[], $2::int[])
ON CONFLICT (key) DO UPDATE SET last = greatest(number_range.last, excluded.last)
"""


async def reserve_numbers(url: str, known: Mapping[str, int], since: datetime, now: datetime) -> Reserved:
    """Moves every range on that may have given numbers from the backup to now, by business time, and over `known`.

    `known`: by range the highest number that anybody knows.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        before = {row["key"]: row["last"] for row in await connection.fetch(_LAST)}
        desks = {row["desk_code"] for row in await connection.fetch(_DESKS)}
        desks |= {key.partition("/")[0] for key in before.keys() | known.keys()}
        gaps = _gaps(desks, before.keys() | known.keys(), day_in_vietnam(since), day_in_vietnam(now))
        raised = {key: max(known.get(key, 0), before.get(key, 0)) + gap for key, gap in sorted(gaps.items())}
        await connection.execute(_RAISE, list(raised), list(raised.values()))
    finally:
        await connection.close()
    return {key: {"backup": before.get(key, 0), "goes_on_after": last} for key, last in raised.items()}


def _gaps(desks: Iterable[str], there: Iterable[str], since: date, now: date) -> dict[str, int]:
    """How far each range is moved on: one of a day by what a day gives; one of a year by that for each day."""
    first = max(min(since - timedelta(days=ENTERED_LATE_DAYS), now), now - timedelta(days=MOST_DAYS))
    days = [now - timedelta(days=back) for back in range((now - first).days + 1)]
    years = {str(year) for year in range(min(since, now).year, max(since, now).year + 1)}
    begun = [f"{desk}/{day:%y%m%d}" for desk in desks for day in days]
    begun += [f"{desk}/{symbol}/{year}" for desk in desks for symbol in SYMBOLS for year in years]
    days_passed = max((now - since).days, 0) + 1
    return {
        key: LEFT_OUT * (days_passed if _of_a_year(key) else 1)
        for key in chain(begun, there)
        if not _of_a_year(key) or key.rpartition("/")[2] in years
    }


def _of_a_year(key: str) -> bool:
    """`<desk>/<symbol>/<year>`, not `<desk>/<YYMMDD>`."""
    return key.count("/") == 2


def reserved_earlier(layout: Layout) -> list[Reserved]:
    """What earlier restores into this folder left out: what was given after them may be lost as well."""
    return [json.loads(file.read_text())["numbers"] for file in (layout.folder / "reports").glob("restore-*.json")]


def highest_known(codes: Iterable[str], forms: Iterable[str], earlier: Iterable[Reserved]) -> dict[str, int]:
    """By range the highest number of dossier `codes`, of `forms` (`<range>/<number>`) and of `earlier` restores.

    A code of another form counts for none.
    """
    highest: dict[str, int] = {}
    numbers: Iterable[tuple[str, Any]] = chain(
        (_of_code(code) for code in codes),
        ((key, number) for key, _, number in (form.rpartition("/") for form in forms)),
        ((key, about["goes_on_after"]) for reserved in earlier for key, about in reserved.items()),
    )
    for key, number in numbers:
        highest[key] = max(highest.get(key, 0), int(number))
    highest.pop("", None)
    return highest


def _of_code(code: str) -> tuple[str, str]:
    parts = code.rsplit("-", 2)
    if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():
        return f"{parts[0]}/{parts[1]}", parts[2]
    return "", "0"
