"""Danh sách và đếm: filters, cursors, areas."""

import dataclasses
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from hub_events.event import Event
from hub_events.routing import DossierAcknowledgedV1, DossierCompletedV1
from services.intake.domain.desk.life import Fee, Life
from services.intake.domain.national_status import STATUSES, line_phase
from services.intake.domain.progress import Progress
from services.intake.store.desk.lives import LIVES
from services.intake.store.tables import PROGRESSES
from tests.intake.conftest import ACCEPTANCE, MONDAY_MORNING, FrontDoor, birth, residence
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack
HERE, THERE = "H26.15.01", "H26.15.02"


def acknowledged() -> Event:
    return DossierAcknowledgedV1(leg="lead", agency=POLICE, acknowledged_at=MONDAY_MORNING + timedelta(hours=1))


def completed(at: datetime) -> Event:
    return DossierCompletedV1(leg="lead", agency=POLICE, completed_at=at, result="approved")


@pytest.fixture
async def register(door: FrontDoor) -> list[dict[str, Any]]:
    """Ten dossiers of two desks in all states, as each is shown by itself, the one received last first."""
    ids = []
    for number, (desk, kind, acceptance) in enumerate(
        itertools.product((HERE, THERE), (residence, birth), (None, ACCEPTANCE))
    ):
        door.set_time(f"2026-03-02T0{8 + number // 6}:{number % 6}0:00+07:00")
        channel = "counter" if number % 3 else "online"
        extra = {} if acceptance is None else {"acceptance": acceptance}
        ids.append((await door.submitted(kind(desk_code=desk, channel=channel, **extra)))["dossier_id"])
    door.set_time("2026-03-02T09:30:00+07:00")
    ids.append((await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"])
    ids.append((await door.submitted(birth(acceptance=ACCEPTANCE)))["dossier_id"])
    await door.decided(ids[0], "refuse", reason_code="wrong-place", reason="không đúng nơi")
    await door.decided(ids[5], "request-supplement", reason="thiếu", components=["to-khai"])
    late = MONDAY_MORNING + timedelta(days=20)
    await told(door, record(routed(POLICE), ids[1]), record(acknowledged(), ids[1]))
    await told(door, record(routed(POLICE), ids[3]), record(completed(late), ids[3]))
    await told(door, record(completed(MONDAY_MORNING), ids[8]))
    door.set_time("2026-03-05T09:00:00+07:00")
    alone: dict[str, Any] = {"possible_duplicates": []}  # a list doesn't look for similar ones
    shown = [{**(await door.get(f"/v1/dossiers/{id}")).json(), **alone} for id in ids]
    return sorted(shown, key=lambda one: (one["received_at"], one["dossier_id"]), reverse=True)


async def listed(door: FrontDoor, query: str = "", limit: int = 200, bearer: str | None = None) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        response = await door.get(f"/v1/dossiers?limit={limit}&{query}{cursor}", bearer=bearer)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def counted(door: FrontDoor, query: str = "", bearer: str | None = None) -> int:
    answer = (await door.get(f"/v1/dossiers/count?{query}", bearer=bearer)).json()
    assert answer["more"] is False
    number: int = answer["count"]
    return number


def due(one: dict[str, Any]) -> Any:
    promise = one["promise"]
    return promise and promise["due_at"]


def is_late(one: dict[str, Any]) -> bool:
    end = one["completed_at"] or ("2026-03-05T09:00:00+07:00" if one["state"] == "accepted" else "")
    return bool(due(one) and str(due(one))[:16] < end[:16])


STATES = ("submitted", "supplement_requested", "accepted", "refused", "completed")


def stands(wanted: str | int, one: dict[str, Any]) -> bool:
    return wanted in (one["state"], one["national_status"]["code"])


FILTERS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "": lambda one: True,
    f"desk={THERE}": lambda one: one["desk"]["code"] == THERE,
    "procedure=1.001193": lambda one: one["procedure"]["code"] == "1.001193",
    "channel=online": lambda one: one["channel"] == "online",
    f"agency={POLICE.code}": lambda one: one["agency"] is not None,
    **{f"state={state}": partial(stands, state) for state in STATES},
    **{f"national_status={code}": partial(stands, code) for code in range(1, 11)},
    "state=accepted&national_status=4": lambda one: one["national_status"]["code"] == 4,
    "state=refused&national_status=4": lambda one: False,
    "received_from=2026-03-02T08:30:00%2B07:00&received_to=2026-03-02T09:00:00%2B07:00":
        lambda one: "2026-03-02T08:30" <= one["received_at"] < "2026-03-02T09:00:00",
    "accepted_from=2026-03-02T02:30:00Z": lambda one: (one["accepted_at"] or "") >= "2026-03-02T09:30",
    "due_to=2026-03-03T00:00:00%2B07:00": lambda one: bool(due(one)) and str(due(one)) < "2026-03-03",
    f"late=yes&desk={HERE}": lambda one: is_late(one) and one["desk"]["code"] == HERE,
    "late=yes": is_late,
    "late=no": lambda one: not is_late(one),
}  # fmt: skip


async def test_each_filter_finds_what_the_dossiers_say_of_themselves(
    door: FrontDoor, register: list[dict[str, Any]]
) -> None:
    for query, fits in FILTERS.items():
        wanted = [one for one in register if fits(one)]
        assert await listed(door, query) == wanted, query
        assert await listed(door, query, limit=1) == wanted, query
        assert await counted(door, query) == len(wanted), query
    found = {query: sum(map(fits, register)) for query, fits in FILTERS.items()}
    assert [query for query, number in found.items() if not number] == [
        *(f"national_status={code}" for code in (6, 7, 8, 10)), "state=refused&national_status=4"
    ]  # fmt: skip


async def test_what_is_under_way_comes_by_its_date(door: FrontDoor, register: list[dict[str, Any]]) -> None:
    under_way = [one for one in register if one["state"] in ("submitted", "supplement_requested", "accepted")]
    wanted = sorted((one for one in under_way if due(one)), key=lambda one: (due(one), one["dossier_id"]))
    assert len(wanted) > 3
    for query in ("order=due", f"order=due&desk={HERE}", f"order=due&desk={THERE}"):
        desk = query.partition("desk=")[2]
        assert await listed(door, query, limit=2) == [one for one in wanted if desk in ("", one["desk"]["code"])]


async def test_a_code_finds_its_dossier_whatever_else_is_asked(door: FrontDoor, register: list[dict[str, Any]]) -> None:
    one = next(one for one in register if one["dossier_code"])
    code = f"code={one['dossier_code']}"
    assert await listed(door, code) == [one]
    assert await counted(door, code) == 1
    assert await listed(door, f"{code}&desk={one['desk']['code']}&order=due") == [one]
    assert await listed(door, f"{code}&state=refused") == []
    assert await listed(door, f"{code}&received_to=2026-01-01T00:00:00Z") == []
    assert await listed(door, "code=H26.15.01-260302-9999") == []


async def test_a_list_goes_on_where_it_was_though_new_dossiers_come(
    door: FrontDoor, register: list[dict[str, Any]]
) -> None:
    first = (await door.get("/v1/dossiers?limit=4")).json()
    await door.submitted(residence())
    rest = (await door.get(f"/v1/dossiers?cursor={first['next_cursor']}")).json()
    assert first["items"] + rest["items"] == register


async def test_a_filter_that_is_misspelt_or_a_foreign_cursor_is_refused(door: FrontDoor) -> None:
    by_due = (await door.get("/v1/dossiers?order=due")).json()["next_cursor"]
    assert by_due is None
    for query, status in (
        ("dekk=H26.15.01", 422), ("received_from=2026-03-02T08:00:00", 422), ("received_from=hôm qua", 422),
        ("received_to=20261101", 422), ("due_from=20261101000000", 422),
        ("limit=201", 422), ("limit=0", 422), ("national_status=11", 422), ("late=maybe", 422), ("state=lost", 422),
        ("cursor=abc", 400), ("cursor=WyJkdWUiLDEsImEiXQ", 400),
    ):  # fmt: skip
        response = await door.get(f"/v1/dossiers?{query}")
        assert response.status_code == status, query
    for query in ("received_from=0002-01-01T00:00:00Z", "received_to=9998-12-31T00:00:00Z"):
        assert (await door.get(f"/v1/dossiers?{query}")).status_code == 200


async def test_nothing_leaks_out_of_an_area_by_whatever_door(door: FrontDoor, register: list[dict[str, Any]]) -> None:
    for mine, other in ((HERE, THERE), (THERE, HERE)):
        me = door.token(area=[mine])
        theirs = [one for one in register if one["desk"]["code"] == other]
        own = [one for one in register if one["desk"]["code"] == mine]
        for query, fits in FILTERS.items():
            wanted = [one for one in own if fits(one)]
            assert await listed(door, query, bearer=me) == wanted, query
            assert await counted(door, query, bearer=me) == len(wanted), query
        assert await listed(door, f"desk={other}", bearer=me) == []
        assert {one["desk"]["code"] for one in await listed(door, "order=due", bearer=me)} == {mine}
        changed = (await door.get("/v1/changes?limit=200", bearer=me)).json()["items"]
        assert {change["dossier_id"] for change in changed} == {one["dossier_id"] for one in own}
        for one in theirs:
            place = f"/v1/dossiers/{one['dossier_id']}"
            for path in (place, f"{place}/timeline"):
                assert (await door.get(path, bearer=me)).status_code == 404
            if one["dossier_code"]:
                assert await listed(door, f"code={one['dossier_code']}", bearer=me) == []
                assert await counted(door, f"code={one['dossier_code']}", bearer=me) == 0
        assert [one async for one in nothing(door)] == []
    nobody = door.token(area=[])
    assert await listed(door, bearer=nobody) == []
    assert await counted(door, bearer=nobody) == 0


async def nothing(door: FrontDoor) -> AsyncIterator[str]:
    """Lists that are open to one who may not read."""
    for path in ("/v1/dossiers", "/v1/dossiers/count", "/v1/changes"):
        if (await door.get(path, bearer=door.token(scopes=["dossiers:submit"]))).status_code != 403:
            yield path


async def test_the_database_and_the_domain_agree_where_a_dossier_is(door: FrontDoor) -> None:
    """The rule is written twice, in SQL for the line and in Python for the dossier itself."""
    moments = ("handed_over_at", "acknowledged_at", "supplement_asked_at", "completed_at", "routed_at")
    open_fee = Fee(1, "le-phi", 10_000, MONDAY_MORNING, "cb-01")
    paid = dataclasses.replace(open_fee, paid_at=MONDAY_MORNING, paid_by="cash", reference="1")
    waived = dataclasses.replace(open_fee, waived_at=MONDAY_MORNING, waived_by="cb-01", waived_reason="ngheo")
    at_the_desk: list[dict[str, Any] | None] = [None] + [
        {"withdrawal_requested_at": asked, "result_ready_at": ready, "fees": fees}
        for asked in (None, MONDAY_MORNING)
        for ready in (None, MONDAY_MORNING)
        for fees in ((), (open_fee,), (paid, waived), (paid, open_fee))
    ]
    async with door.intake.spine.pool.acquire() as connection:
        for known in itertools.product((None, MONDAY_MORNING), repeat=len(moments)):
            progress = Progress(uuid4())._replace(**dict[str, Any](zip(moments, known, strict=True)))
            row = PROGRESSES._to_row(progress)
            await connection.execute(PROGRESSES._table.insert, *([value] for value in row))
            for done in at_the_desk if known[1:3] == (None, None) else at_the_desk[:2]:
                life = None if done is None else Life(progress.dossier_id, "H26.15.01", **done)
                await connection.execute("DELETE FROM dossier_life WHERE dossier_id = $1", progress.dossier_id)
                if life is not None:
                    await connection.execute(LIVES._table.insert, *([value] for value in LIVES._to_row(life)))
                phase = await connection.fetchval(_PHASE, progress.dossier_id)
                assert phase == line_phase(progress, life)


_PHASE = """
SELECT line_phase(progress, dossier_life) FROM progress LEFT JOIN dossier_life USING (dossier_id) WHERE dossier_id = $1
"""


async def test_what_happens_at_the_desk_is_found_by_its_status(door: FrontDoor) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]

    async def found(status: int) -> bool:
        items = (await door.get(f"/v1/dossiers?national_status={status}")).json()["items"]
        assert all(item["national_status"]["code"] == status for item in items)
        return dossier in [item["dossier_id"] for item in items]

    assert await found(2)
    await door.decided(dossier, "fees", purpose="le-phi", amount=10_000)
    assert await found(6)
    await door.decided(dossier, "request-withdrawal")
    assert await found(7)
    await door.decided(dossier, "stop", reason_code="rut-ho-so", reason="Người nộp rút hồ sơ.")
    assert await found(8)
    assert not await found(7)


# ── a large register ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_standing_has_a_state_and_a_status() -> None:
    assert {standing.national.code for standing in STATUSES} == set(range(1, 11))
    assert {standing.state for standing in STATUSES} >= {"submitted", "accepted", "refused", "completed"}
