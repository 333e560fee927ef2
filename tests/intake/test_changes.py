"""Dòng thay đổi: nothing skipped, nothing twice, however late a commit ends; and only what the caller may see."""

import asyncio
import gc
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from hub_web.cursors import decode_cursor, encode_cursor
from services.intake.api.systems.changes import Watch
from services.intake.domain.systems.changes import Mark
from services.intake.store.systems import changes as feed
from tests.intake.conftest import ACCEPTANCE, MONDAY_MORNING, FrontDoor, residence
from tests.intake.test_lists import HERE, THERE, acknowledged, completed
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack

A_STEP = "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts) VALUES ($1, $2, $3, now(), now(), '{}')"


async def changes(door: FrontDoor, after: str | None = None, **options: Any) -> dict[str, Any]:
    wait, limit = options.pop("wait", 0), options.pop("limit", 50)
    place = f"/v1/changes?wait={wait}&limit={limit}" + (f"&after={after}" if after else "")
    response = await door.get(place, **options)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def followed(door: FrontDoor, after: str | None = None, limit: int = 50, **options: Any) -> list[dict[str, Any]]:
    """All that there is after `after`, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = await changes(door, after, limit=limit, **options)
        assert len(page["items"]) <= limit
        found += page["items"]
        after = page["next_cursor"]
        if not page["more"]:
            return found


async def test_every_fact_is_a_change_with_what_is_true_now(door: FrontDoor) -> None:
    id = (await door.submitted(residence()))["dossier_id"]
    await door.decided(id, "accept")
    await told(door, record(routed(POLICE), id), record(acknowledged(), id))
    items = await followed(door)
    types = [item["type"] for item in items]
    assert types[:2] == ["dossier.submitted.v1", "dossier.accepted.v1"]
    assert set(types[2:]) == {"dossier.routed.v1", "dossier.acknowledged.v1"}, "one transaction: in any order"
    assert {(item["dossier_id"], item["dossier_code"]) for item in items} == {(id, "H26.15.01-260302-0001")}
    assert {(item["state"], item["national_status"]["code"]) for item in items} == {("accepted", 4)}
    assert items[0]["at"].startswith("2026-03-02T08:00:")
    await told(door, record(completed(MONDAY_MORNING + timedelta(hours=3)), id))
    (last,) = await followed(door, items[-1]["cursor"])
    assert (last["type"], last["state"], last["national_status"]["code"]) == ("dossier.completed.v1", "completed", 9)
    assert await followed(door, items[1]["cursor"], limit=1) == [
        *({**item, "state": "completed", "national_status": last["national_status"]} for item in items[2:]), last
    ]  # fmt: skip


async def test_now_is_behind_all_that_was(door: FrontDoor) -> None:
    empty = await changes(door, "now")
    assert (empty["items"], empty["more"]) == ([], False)
    id = (await door.submitted(residence()))["dossier_id"]
    assert [item["dossier_id"] for item in await followed(door, empty["next_cursor"])] == [id]
    now = await changes(door, "now")
    assert await followed(door, now["next_cursor"]) == []
    other = (await door.submitted(residence()))["dossier_id"]
    assert [item["dossier_id"] for item in await followed(door, now["next_cursor"])] == [other]


async def test_what_is_committed_late_comes_late_and_is_not_skipped(door: FrontDoor) -> None:
    """A transaction that began first and ends last: its rows have the lowest number and come when they can."""
    ids = [UUID((await door.submitted(residence()))["dossier_id"]) for _ in range(2)]
    start = (await changes(door, "now"))["next_cursor"]
    slow = await asyncpg.connect(door.intake.settings.database_url)
    open_one = slow.transaction()
    await open_one.start()
    await slow.execute(A_STEP, ids[0], uuid4(), "slow.first")
    quick = [(await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"] for _ in range(5)]
    while_open = await changes(door, start)
    assert while_open["items"] == []
    await slow.execute(A_STEP, ids[1], uuid4(), "slow.second")
    await open_one.commit()
    await slow.close()
    items = await followed(door, while_open["next_cursor"], limit=2)
    assert sorted(item["type"] for item in items[:2]) == ["slow.first", "slow.second"]
    assert [item["dossier_id"] for item in items[2:]] == quick
    assert await followed(door, items[-1]["cursor"]) == []


async def test_what_was_rolled_back_is_no_change_and_holds_nothing_up(door: FrontDoor) -> None:
    id = UUID((await door.submitted(residence()))["dossier_id"])
    start = (await changes(door, "now"))["next_cursor"]
    broken = await asyncpg.connect(door.intake.settings.database_url)
    await broken.execute("BEGIN")
    await broken.execute(A_STEP, id, uuid4(), "broken")
    broken.terminate()
    later = (await door.submitted(residence()))["dossier_id"]
    await asyncio.sleep(0.3)  # until the server has seen that the client is gone
    assert [item["dossier_id"] for item in await followed(door, start)] == [later]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writers=strategies.lists(
        strategies.lists(strategies.integers(1, 3), min_size=1, max_size=4), min_size=2, max_size=4
    ),
    limit=strategies.integers(1, 4),
    seed=strategies.randoms(use_true_random=False),
)
async def test_whoever_commits_when_a_follower_gets_each_change_once(
    door: FrontDoor, writers: list[list[int]], limit: int, seed: Any
) -> None:
    """Transactions begin, write, and end in any order, some in a rollback, while somebody follows."""
    id = UUID((await door.submitted(residence()))["dossier_id"])
    mark = (await changes(door, "now"))["next_cursor"]
    connections = [await asyncpg.connect(door.intake.settings.database_url) for _ in writers]
    todo = [(number, count) for number, counts in enumerate(writers) for count in counts]
    seed.shuffle(todo)
    open_ones: dict[int, Any] = {}
    pending: dict[int, list[str]] = {}
    committed: list[str] = []
    seen: list[str] = []
    try:
        for number, count in todo:
            if number not in open_ones:
                open_ones[number], pending[number] = connections[number].transaction(), []
                await open_ones[number].start()
            for _ in range(count):
                event = uuid4()
                await connections[number].execute(A_STEP, id, event, str(event))
                pending[number].append(str(event))
            if seed.random() < 0.5:
                transaction = open_ones.pop(number)
                if seed.random() < 0.8:
                    await transaction.commit()
                    committed += pending.pop(number)
                else:
                    await transaction.rollback()
            page = await changes(door, mark, limit=limit)
            seen += [item["type"] for item in page["items"]]
            mark = page["next_cursor"]
        for number, transaction in open_ones.items():
            await transaction.commit()
            committed += pending[number]
        seen += [item["type"] for item in await followed(door, mark, limit=limit)]
        assert sorted(seen) == sorted(committed)
    finally:
        for connection in connections:
            await connection.close()


async def test_a_desk_follows_its_own_dossiers_over_thousands_of_others(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PASSED_OVER", 4)
    me = {"bearer": door.token(area=[THERE])}
    mine = [(await door.submitted(residence(desk_code=THERE)))["dossier_id"]]
    for _ in range(9):
        await door.submitted(residence(desk_code=HERE))
    mine.append((await door.submitted(residence(desk_code=THERE)))["dossier_id"])
    assert [item["dossier_id"] for item in await followed(door, limit=2, **me)] == mine
    first = await changes(door, limit=2, **me)
    second = await changes(door, first["next_cursor"], limit=2, **me)
    assert (len(first["items"]), len(second["items"]), second["more"]) == (1, 0, True)
    stranger = str(uuid4())
    await told(door, record(routed(POLICE), stranger))
    assert stranger not in {item["dossier_id"] for item in await followed(door)}


async def test_who_waits_is_told_at_once_and_who_waits_in_vain_is_answered_in_time(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    start = (await changes(door, "now"))["next_cursor"]
    began = time.monotonic()
    vain = await changes(door, start, wait=1)
    assert (vain["items"], vain["more"]) == ([], False)
    assert 0.9 < time.monotonic() - began < 10

    there = {"bearer": door.token(area=[THERE])}
    waiting = [asyncio.create_task(changes(door, start, wait=20)) for _ in range(20)]
    other = asyncio.create_task(changes(door, start, wait=20, **there))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    id = (await second_door.submitted(residence(desk_code=HERE)))["dossier_id"]
    answers = await asyncio.gather(*waiting)
    assert time.monotonic() - began < 10
    assert {item["dossier_id"] for answer in answers for item in answer["items"]} == {id}
    await asyncio.sleep(0.5)
    assert not other.done()
    theirs = (await second_door.submitted(residence(desk_code=THERE)))["dossier_id"]
    assert [item["dossier_id"] for item in (await other)["items"]] == [theirs]


async def test_nobody_looks_while_nobody_waits(door: FrontDoor) -> None:
    start = (await changes(door, "now"))["next_cursor"]
    await changes(door, start, wait=1)
    watch = door.intake._watch
    await asyncio.sleep(0.5)
    assert watch._looking is not None
    assert watch._looking.done()


async def test_a_process_that_stops_lets_those_who_wait_go(door: FrontDoor) -> None:
    start = (await changes(door, "now"))["next_cursor"]
    role = asyncio.create_task(door.intake._watch.run())
    waiting = asyncio.create_task(changes(door, start, wait=20))
    await asyncio.sleep(0.3)
    role.cancel()
    assert (await asyncio.wait_for(waiting, 2))["items"] == []


async def test_a_cursor_outlives_the_process_but_not_the_history_it_is_of(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    await door.submitted(residence())
    cursor = (await followed(door))[0]["cursor"]
    id = (await door.submitted(residence()))["dossier_id"]
    assert [item["dossier_id"] for item in await followed(second_door, cursor)] == [id]

    server, tx, event = decode_cursor(cursor, [int, int, str])
    for foreign in (
        encode_cursor(int(server) + 1, tx, event), encode_cursor(server, tx, str(uuid4())),
        encode_cursor(server, int(tx) + 10_000, event), encode_cursor(int(server) + 1, 0, "-"),
    ):  # fmt: skip
        refused = await door.get(f"/v1/changes?after={foreign}")
        assert (refused.status_code, refused.json()["slug"]) == (410, "changes-history-lost")
        assert "GET /v1/dossiers" in refused.json()["next_step"]
    await door.intake.spine.pool.execute("UPDATE step SET tx = pg_current_xact_id()")  # as `hub restore` does
    assert (await door.get(f"/v1/changes?after={cursor}")).status_code == 410
    assert len(await followed(door)) == 2
    for broken in ("x", "WzEsMl0", encode_cursor(server, -1, event), encode_cursor(server, tx, "x")):
        assert (await door.get(f"/v1/changes?after={broken}")).status_code == 400
    for query in ("wait=26", "wait=-1", "limit=201", "limit=0"):
        assert (await door.get(f"/v1/changes?{query}")).status_code == 422


async def test_following_reads_along_one_index(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    id = UUID((await door.submitted(residence()))["dossier_id"])
    for _ in range(20):
        await pool.execute(
            "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts)"
            " SELECT $1, gen_random_uuid(), 'x', now(), now(), '{}' FROM generate_series(1, 1000)",
            id,
        )
    await pool.execute("ANALYZE step")
    for statement, values in ((feed._AFTER, (1, feed._NOBODY, 51, None)), (feed._NEWEST, ())):
        plan = "\n".join(row[0] for row in await pool.fetch(f"EXPLAIN ANALYZE {statement}", *values))
        assert "Index" in plan
        assert "step_by_tx" in plan
        assert "Seq Scan" not in plan
        assert "Sort  " not in plan, plan


async def test_a_database_that_goes_away_while_somebody_waits_is_no_fault_of_the_watch() -> None:
    class Gone:
        """A register whose database goes away after the first look."""

        looks = 0

        async def newest(self) -> Mark:
            self.looks += 1
            if self.looks > 1:
                raise ConnectionResetError
            return Mark(1, 0, None)

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    watch = Watch(Gone())  # type: ignore[arg-type]
    ticket = watch.ticket()
    assert await watch.news(ticket, 0.1), "everybody looks for himself"
    await asyncio.sleep(0.3)
    del watch
    gc.collect()
    await asyncio.sleep(0)
    assert faults == [], "what everybody waits for is nobody's error"
