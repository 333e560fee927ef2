"""Danh sách và đếm hồ sơ: pages and counts over the narrow `register_line`, each a bounded walk along one index.

A walk goes along the index of the narrowest thing asked for and passes over at most so many lines; what else is asked
is looked up in each line. So a page may end before it is full, and a count at a least number, but neither ever takes
long. See docs/decisions/0020-lists-and-changes.md.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from hub_messaging.database import Connection, Pool
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier, State
from services.intake.domain.national_status import RegisterStatus
from services.intake.domain.progress import Progress
from services.intake.domain.systems.search import Count, Order, Place, Search, Span
from services.intake.store.desk.lives import LIFE, life_from
from services.intake.store.systems.lateness import is_late
from services.intake.store.tables import DOSSIER, PROGRESS, dossier_from, progress_from

LINES_IN_TIME, LINES_IN_INDEX, LINES_BY_KEY = 40_000, 25_000, 5_000
"""The most that one request passes over. Lines received together lie together; the indexes by desk and of what is under
way hold all that is asked; the lines of one agency or procedure lie apart.
"""
LINES_COUNTED = 80_000
"""The most of what is under way, and where nothing is asked but what the index is of."""
MOST_BRANCHES = 50
"""An area of more desks is no narrow thing: its list walks along time."""

ALONG_THE_INDEX = (
    "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL plan_cache_mode = force_custom_plan"
)
"""A walk that ends early must not begin by gathering and sorting all that it might pass. Planned with its values: a
hundred desks are looked up by hash then, instead of one after the other for each line.
"""

_UNDER_WAY = (
    "state IN ('submitted', 'supplement_requested', 'accepted') AND phase NOT IN ('completed', 'completed_payment')"
)
_SEALED = {"sealed_contact": "NULL AS sealed_contact", "sealed_form": "'' AS sealed_form"}
_SHOWN = f"""
SELECT {", ".join(_SEALED.get(name, f"dossier.{name}") for name in DOSSIER.columns)},
       {", ".join(f"progress.{name}" for name in PROGRESS.columns)}
FROM dossier LEFT JOIN progress ON progress.dossier_id = dossier.id WHERE dossier.id = ANY($1)
"""  # noqa: S608
"""A list shows nothing sealed, so it doesn't read it."""
_LIVES = f"SELECT {', '.join(LIFE.columns)} FROM dossier_life WHERE dossier_id = ANY($1)"  # noqa: S608

Shown = tuple[Dossier, Progress, Life | None]


class _Walk(NamedTuple):
    """Along which index: of `column` (one branch for each of `keys`, or for every desk), in the order of `by`."""

    by: str
    column: str | None = None
    keys: tuple[str, ...] | None = ()
    only: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """It has one branch."""
        return self.column is None or (self.keys is not None and len(self.keys) <= 1)

    @property
    def most(self) -> int | None:
        """Lines that each branch may pass over; None: it depends on how many desks there are."""
        return None if self.keys is None else max(1, self.together // max(1, len(self.keys)))

    @property
    def sql_most(self) -> str:
        """The same in a statement."""
        return str(self.most or f"(SELECT greatest(1, {self.together} / count(*)) FROM branch)")  # noqa: S608

    @property
    def together(self) -> int:
        """Lines that all branches may pass over."""
        if self.column == "desk_code" or self.by == "due_at":
            return LINES_IN_INDEX
        return LINES_BY_KEY if self.column else LINES_IN_TIME


class _Sql:
    """Conditions with their values."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def span(self, column: str, span: Span) -> list[str]:
        since = [] if span.since is None else [f"{column} >= {self.value(span.since)}"]
        until = [] if span.until is None else [f"{column} < {self.value(span.until)}"]
        return since + until


class Lists:
    """Pages and counts of dossiers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self, search: Search, order: Order, after: Place | None, limit: int
    ) -> tuple[list[Shown], Place | None]:
        """Up to `limit` dossiers following `after`, and where the next page begins; None: this is the end."""
        async with self._reading() as connection:
            if search.code is not None:
                return await _shown(connection, await _of_code(connection, search)), None
            walk = _walk(search, order)
            statement, values = listing(search, walk, after, limit + 1)
            found = [Place(*row) for row in await connection.fetch(statement, *values)]
            reached = await _reached(connection, search, walk, after, full=len(found) > limit)
            if reached is not None:
                found = [place for place in found if not _follows(place, reached, walk)]
            following = found[limit - 1] if len(found) > limit else reached
            return await _shown(connection, [place.dossier_id for place in found[:limit]]), following

    async def count(self, search: Search) -> Count:
        """How many there are."""
        async with self._reading() as connection:
            if search.code is not None:
                return Count(len(await _of_code(connection, search)), more=False)
            statement, values, most = counting(search)
            row = await connection.fetchrow(statement, *values)
            assert row is not None
            return Count(row["fitting"], row["passed"] == most)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        """One state of the register for all that a page is made of."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(ALONG_THE_INDEX)
            yield connection


async def _of_code(connection: Connection, search: Search) -> list[UUID]:
    sql = _Sql()
    code = sql.value(search.code)
    conditions = _conditions(search, _Walk("received_at"), sql)
    statement = f"""
        SELECT dossier_id FROM register_line WHERE dossier_id = (SELECT id FROM dossier WHERE code = {code})
        AND {_all(conditions)}"""  # noqa: S608
    return [row["dossier_id"] for row in await connection.fetch(statement, *sql.values)]


async def _reached(
    connection: Connection, search: Search, walk: _Walk, after: Place | None, *, full: bool
) -> Place | None:
    """How far the walk came, where it ended before the index did; of several branches the one that came least.

    Where all lines fit, each branch has found a whole page or its end.
    """
    all_fit = not _conditions(search, walk, _Sql())
    if all_fit or (full and walk.alone):
        return None
    statement, values = reaching(search, walk, after)
    row = await connection.fetchrow(statement, *values)
    return None if row is None else Place(*row)


async def _shown(connection: Connection, ids: Sequence[UUID]) -> list[Shown]:
    if not ids:
        return []
    rows = {row["id"]: row for row in await connection.fetch(_SHOWN, ids)}
    lives = {row["dossier_id"]: life_from(row) for row in await connection.fetch(_LIVES, ids)}
    return [(*_dossier(rows[id]), lives.get(id)) for id in ids if id in rows]


def listing(search: Search, walk: _Walk, after: Place | None, most: int) -> tuple[str, list[Any]]:
    """The statement that finds a page."""
    sql = _Sql()
    order = _order(walk)
    conditions = _conditions(search, walk, sql)
    walked = _walked(search, walk, after, sql, walk.sql_most if conditions else str(most))
    fitting = f"""
        SELECT {walk.by}, dossier_id FROM ({walked}) AS walked
        WHERE {_all(conditions)} {order} LIMIT {most}"""  # noqa: S608
    return _branched(fitting, walk, sql, f"{order} LIMIT {most}"), sql.values


def reaching(search: Search, walk: _Walk, after: Place | None) -> tuple[str, list[Any]]:
    """The statement that finds how far `listing` came."""
    sql = _Sql()
    last = f"SELECT {walk.by}, dossier_id FROM ({_walked(search, walk, after, sql, walk.sql_most)}) AS walked"  # noqa: S608
    last += f" OFFSET {walk.sql_most} - 1 LIMIT 1"
    return _branched(last, walk, sql, f"{_order(walk)} LIMIT 1"), sql.values


def counting(search: Search) -> tuple[str, list[Any], int]:
    """The statement that counts, and how many lines it passes over at most."""
    sql = _Sql()
    walk = _walk(search, "due" if _is_under_way(search) and not (search.procedure or search.agency) else "newest")
    walk = walk._replace(only=tuple(part for part in walk.only if part != "due_at IS NOT NULL"))
    prefix = [*walk.only, *sql.span(walk.by, _span(search, walk))]
    by_desk = walk.column == "desk_code" or walk.by == "due_at"  # the indexes by desk hold all; else newest are at hand
    order = "" if by_desk else _order(walk)
    if walk.column and walk.keys is not None:
        one = len(walk.keys) == 1
        prefix.append(
            f"{walk.column} = {sql.value(walk.keys[0])}"
            if one
            else f"{walk.column} = ANY({sql.value(list(walk.keys))})"
        )
    fitting = _conditions(search, walk, sql)
    most = walk.together if fitting and walk.by != "due_at" else LINES_COUNTED
    statement = f"""
        SELECT count(*) FILTER (WHERE {_all(fitting)}) AS fitting, count(*) AS passed
        FROM (SELECT * FROM register_line WHERE {_all(prefix)} {order} LIMIT {most}) AS walked"""  # noqa: S608
    return statement, sql.values, most


def _walk(search: Search, order: Order) -> _Walk:
    few = search.desks if search.desks is not None and len(search.desks) <= MOST_BRANCHES else None
    if order == "due":
        return _Walk("due_at", "desk_code", search.desks, (_UNDER_WAY, "due_at IS NOT NULL"))
    if few is not None:
        return _Walk("received_at", "desk_code", few)
    if search.agency is not None:
        return _Walk("received_at", "agency_code", (search.agency,))
    if search.procedure is not None:
        return _Walk("received_at", "procedure_code", (search.procedure,))
    return _Walk("received_at")


def _walked(search: Search, walk: _Walk, after: Place | None, sql: _Sql, most: str) -> str:
    prefix = [*walk.only, *sql.span(walk.by, _span(search, walk))]
    if walk.column:
        prefix.append(f"{walk.column} = branch.key")
    if after is not None:
        sign = "<" if walk.by == "received_at" else ">"
        prefix.append(f"({walk.by}, dossier_id) {sign} ({sql.value(after.at)}, {sql.value(after.dossier_id)})")
    return f"SELECT * FROM register_line WHERE {_all(prefix)} {_order(walk)} LIMIT {most}"  # noqa: S608


def _branched(one: str, walk: _Walk, sql: _Sql, together: str) -> str:
    if not walk.column:
        return one
    keys = _every_desk(walk) if walk.keys is None else f"SELECT unnest({sql.value(list(walk.keys))}::text[])"
    return f"""
        WITH branch (key) AS MATERIALIZED ({keys})
        SELECT found.* FROM branch CROSS JOIN LATERAL ({one}) AS found {together}"""  # noqa: S608


def _every_desk(walk: _Walk) -> str:
    """The desks that have such lines: the index is asked for the next one, not for its lines."""
    first = f"SELECT desk_code FROM register_line WHERE {_all(walk.only)} ORDER BY desk_code LIMIT 1"  # noqa: S608
    following = first.replace("WHERE", "WHERE desk_code > desk.code AND")
    return f"""
        WITH RECURSIVE desk (code) AS (
            ({first}) UNION ALL SELECT ({following}) FROM desk WHERE code IS NOT NULL
        ) SELECT code FROM desk WHERE code IS NOT NULL"""  # noqa: S608


def _conditions(search: Search, walk: _Walk, sql: _Sql) -> list[str]:
    """What is asked and the walk doesn't answer."""
    found: list[str] = []
    for column, wanted in (
        ("procedure_code", search.procedure), ("agency_code", search.agency), ("channel", search.channel),
    ):  # fmt: skip
        if wanted is not None and walk.column != column:
            found.append(f"{column} = {sql.value(wanted)}")
    if search.desks is not None and walk.column != "desk_code":
        found.append(f"desk_code = ANY({sql.value(list(search.desks))})")
    if search.statuses is not None:
        found.append(_standing(search.statuses, sql))
    for column, span in (("received_at", search.received), ("accepted_at", search.accepted), ("due_at", search.due)):
        if column != walk.by or search.code is not None:
            found += sql.span(column, span)
    return found + _lateness(search, walk, sql)


def _standing(wanted: frozenset[RegisterStatus], sql: _Sql) -> str:
    """One of these: states that share their phases are asked for together, which is looked up in every line."""
    phases: defaultdict[tuple[State, bool], set[str]] = defaultdict(set)
    for one in wanted:
        phases[one.decided, one.accepted].add(one.phase)
    states: defaultdict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for (state, accepted), found in phases.items():
        either = phases.get((state, not accepted)) == found
        which = "true" if either else f"accepted_at IS {'NOT ' if accepted else ''}NULL"
        states[which, tuple(sorted(found))].add(state)
    alternatives = [
        f"({which} AND state = ANY({sql.value(sorted(of))}) AND phase = ANY({sql.value(list(named))}))"
        for (which, named), of in sorted(states.items())
    ]
    return f"({' OR '.join(alternatives) or 'false'})"


def _lateness(search: Search, walk: _Walk, sql: _Sql) -> list[str]:
    """Quá hạn: ended too late (result or stop), or not by now. What waits for a supplement, or was refused, isn't.

    Nothing that is under way has ended: the index by date holds no moment of an end.
    """
    if search.late is None:
        return []
    ended = "" if walk.by == "due_at" else "judged_at, completed_at, "
    late = is_late("due_at", f"coalesce({ended}{sql.value(search.as_of)}::timestamptz)")
    late = f"(coalesce({late}, false) AND (completed_at IS NOT NULL OR state = 'accepted'))"
    return [late if search.late else f"NOT {late}"]


def _span(search: Search, walk: _Walk) -> Span:
    return search.received if walk.by == "received_at" else search.due


def _is_under_way(search: Search) -> bool:
    return search.statuses is not None and all(one.under_way for one in search.statuses)


def _order(walk: _Walk) -> str:
    way = "DESC" if walk.by == "received_at" else "ASC"
    return f"ORDER BY {walk.by} {way}, dossier_id {way}"


def _follows(place: Place, reached: Place, walk: _Walk) -> bool:
    return place < reached if walk.by == "received_at" else place > reached


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "true"


def _dossier(row: asyncpg.Record) -> tuple[Dossier, Progress]:
    dossier = dossier_from(row)
    return dossier, Progress(dossier.id) if row["dossier_id"] is None else progress_from(row)
