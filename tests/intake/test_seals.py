"""Niêm phong dòng thời gian: what a seal is, and that kills, late commits and other servers leave no gap, no double."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given, strategies

from hub_messaging.clock import real_now
from hub_messaging.errors import LostLease
from services.intake.domain.systems.seals import FaultKind, Finding, Seal, judge
from services.intake.store.systems.sealer import ROLE, UNSEALED
from services.intake.store.systems.seals import _FINDINGS, _SEAL, GENESIS, seal_steps
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.sealing import seal, sealer_of, steps, tampered, verified
from tests.intake.test_lists import acknowledged
from tests.intake.test_timeline import record, told

stack = pytest.mark.stack

ONE = "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts) VALUES ($1, $2, 'x', now(), now(), $3)"


def canonical(facts: Any) -> str:
    """A jsonb as PostgreSQL writes it: shorter keys first."""
    if isinstance(facts, dict):
        keys = sorted(facts, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {canonical(facts[key])}" for key in keys) + "}"
    if isinstance(facts, list):
        return "[" + ", ".join(map(canonical, facts)) + "]"
    return json.dumps(facts, ensure_ascii=False)


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def entry_hash(row: Any) -> bytes:
    """The hash of a step by another way than the service's."""
    times = microseconds(row["at"]), microseconds(row["recorded_at"])
    head = json.dumps([str(row["dossier_id"]), str(row["event_id"]), row["type"], *times], ensure_ascii=False)
    return sha256(head.encode() + sha256(canonical(json.loads(row["facts"])).encode()).digest()).digest()


@stack
async def test_seals_follow_each_other_and_can_be_computed_without_us(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await told(door, record(acknowledged(), id))
    await seal(door)
    await steps(door, 2_300)
    await seal(door)
    await seal(door)  # nothing new, no seal
    chain = GENESIS
    seals = await pool.fetch("SELECT * FROM seal ORDER BY number")
    assert [(one["number"], one["entries"]) for one in seals] == [(1, 2), (2, 1000), (3, 1000), (4, 300)]
    for one in seals:
        hashes = b""
        for dossier, event in zip(one["dossier_ids"], one["event_ids"], strict=True):
            row = await pool.fetchrow("SELECT * FROM step WHERE (dossier_id, event_id) = ($1, $2)", dossier, event)
            hashes += entry_hash(row)
        head = json.dumps([one["number"], microseconds(one["sealed_at"]), one["entries"]])
        chain = sha256(chain + head.encode() + hashes).digest()
        assert (one["hashes"], one["chain"]) == (hashes, chain)
    result = await verified(door)
    assert (result["entries"], result["seals"], result["fault"], result["unsealed"]) == (2302, 4, None, 0)
    assert result["through"] == {
        "number": 4, "sealed_at": result["through"]["sealed_at"], "entries": 300, "chain": chain.hex(),
    }  # fmt: skip
    listed = (await door.get("/v1/timeline/seals?after=1&limit=2")).json()
    assert [item["number"] for item in listed["items"]] == [2, 3]
    assert listed["newest"] == result["through"]


@stack
async def test_the_form_of_a_hash_is_pinned(door: FrontDoor) -> None:
    """Whoever changes it makes every seal that there is wrong."""
    pool = door.intake.spine.pool
    moment = datetime.fromisoformat("2026-03-02T08:00:00.000001+07:00")
    await pool.execute(
        "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts) VALUES ($1, $2, $3, $4, $4, $5)",
        UUID(int=1), UUID(int=2), "dossier.accepted.v1", moment, '{"b": 1.50, "desk": {"name": "Một cửa"}, "a": []}',
    )  # fmt: skip
    async with pool.acquire() as connection:
        await connection.execute("SET timezone = 'Asia/Ho_Chi_Minh'")
        await seal_steps(connection, moment)
        await connection.execute("RESET timezone")
    row = await pool.fetchrow("SELECT hashes, chain FROM seal")
    assert row is not None
    facts = '{"a": [], "b": 1.50, "desk": {"name": "Một cửa"}}'
    head = f'["{UUID(int=1)}", "{UUID(int=2)}", "dossier.accepted.v1", 1772413200000001, 1772413200000001]'
    hash = sha256(head.encode() + sha256(facts.encode()).digest()).digest()
    assert row["hashes"] == hash
    assert row["chain"] == sha256(bytes(32) + b"[1, 1772413200000001, 1]" + hash).digest()


@stack
async def test_an_empty_register_is_as_it_was_sealed(door: FrontDoor) -> None:
    await seal(door)
    assert (await door.get("/v1/timeline/seals")).json() == {"items": [], "newest": None}
    result = await verified(door)
    assert (result["entries"], result["through"], result["fault"], result["more"]) == (0, None, None, False)
    for path in ("/v1/timeline/seals", "/v1/timeline/verification"):
        assert (await door.get(path, bearer=door.token(["dossiers:read"]))).status_code == 403
        assert (await door.get(f"{path}?after=-1")).status_code == 422
        assert (await door.get(f"{path}?after={2**63}")).status_code == 422
        assert (await door.get(f"{path}?after={2**63 - 1}")).status_code == 200


@stack
async def test_a_late_commit_is_sealed_in_its_turn(door: FrontDoor, second_door: FrontDoor) -> None:
    """What began earlier and ends later is neither skipped nor found to be inserted."""
    pool = door.intake.spine.pool
    async with second_door.intake.spine.pool.acquire() as connection:
        late = connection.transaction()
        await late.start()
        await connection.execute(ONE, uuid4(), uuid4(), "{}")
        await steps(door, 3)
        await seal(door)
        assert await pool.fetchval("SELECT count(*) FROM seal") == 0, "an earlier one may still come"
        await late.commit()
    await seal(door)
    assert await pool.fetchval("SELECT sum(entries) FROM seal") == 4
    assert (await verified(door))["fault"] is None


@stack
async def test_two_that_think_themselves_alone_write_nothing_twice(door: FrontDoor, second_door: FrontDoor) -> None:
    doors = [door, second_door]
    now = door.intake.spine.clock.now

    async def recorded() -> None:
        for _ in range(40):
            await steps(door, 30)

    async def sealed(one: FrontDoor) -> int:
        refused = 0
        for _ in range(60):
            try:
                async with one.intake.spine.pool.acquire() as connection, connection.transaction():
                    await seal_steps(connection, now())
            except asyncpg.UniqueViolationError:
                refused += 1
        return refused

    await asyncio.gather(recorded(), *(sealed(one) for one in doors for _ in range(2)))
    await seal(door)
    result = await verified(door, limit=50)
    while result["more"]:
        result = await verified(door, after=result["through"]["number"], limit=50)
    assert result["fault"] is None
    pool = door.intake.spine.pool
    named = "SELECT unnest(event_ids) AS event_id FROM seal"
    assert await pool.fetchval(f"SELECT count(*) FROM ({named}) AS named") == 1_200
    assert await pool.fetchval(f"SELECT count(DISTINCT event_id) FROM ({named}) AS named") == 1_200


@stack
async def test_who_has_lost_the_lease_seals_nothing(door: FrontDoor, second_door: FrontDoor) -> None:
    await steps(door, 2)
    lost = await door.intake.spine.leases.hold([ROLE])
    held = await second_door.intake.spine.leases.hold([ROLE])  # the same slot: started again, it takes over at once
    with pytest.raises(LostLease):
        await sealer_of(door).seal(lost)
    assert await sealer_of(second_door).seal(held) == 2


KILLED = """
import asyncio, sys
from hub_messaging.clock import real_now
from hub_messaging.database import open_pool
from services.intake.store.systems.seals import seal_steps

async def main():
    pool = await open_pool(sys.argv[1], 1)
    print("sealing", flush=True)
    while True:
        async with pool.acquire() as connection, connection.transaction():
            await seal_steps(connection, real_now())

asyncio.run(main())
"""


@stack
async def test_killed_anywhere_there_is_no_gap_and_no_double(door: FrontDoor) -> None:
    await steps(door, 12_000)
    pool = door.intake.spine.pool
    for pause in (0.0, 0.004, 0.011, 0.023, 0.037):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, door.intake.settings.database_url],
            stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        await asyncio.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    await asyncio.sleep(0.2)
    await seal(door)
    result = await verified(door)
    assert (result["fault"], result["unsealed"]) == (None, 0)
    assert result["entries"] == 12_000
    assert await pool.fetchval("SELECT count(*) FROM seal") == 12


@stack
async def test_on_another_server_it_goes_on(door: FrontDoor) -> None:
    """As `hub restore` does it: the numbers of transactions are others, what they order is the same."""
    pool = door.intake.spine.pool
    for count in (5, 1_500, 1):
        await steps(door, count)
        await seal(door)
    await steps(door, 7)
    chain = (await verified(door))["through"]["chain"]
    await tampered(door, "UPDATE step SET tx = (tx::text::bigint + 1000000000)::text::xid8")
    await tampered(door, "UPDATE seal SET tx = (tx::text::bigint + 1000000000)::text::xid8")
    with pytest.raises(asyncpg.ObjectInUseError, match="somebody is at work"):
        await pool.execute("CALL number_steps_anew()")
    await door.intake.spine.leases.give_back([ROLE])
    await pool.execute("CALL number_steps_anew()")
    await pool.execute("CALL number_steps_anew()")  # interrupted, it is called again
    result = await verified(door)
    assert (result["fault"], result["entries"], result["unsealed"]) == (None, 1_506, 7)
    assert result["through"]["chain"] == chain
    await seal(door)
    result = await verified(door)
    assert (result["fault"], result["entries"], result["unsealed"]) == (None, 1_513, 0)
    await tampered(
        door,
        "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts, tx)"
        " SELECT dossier_id, gen_random_uuid(), type, at, recorded_at, facts, tx FROM step ORDER BY step.tx LIMIT 1",
    )
    assert (await verified(door))["fault"]["kind"] == "inserted"
    await door.intake.spine.leases.give_back([ROLE])
    await pool.execute("CALL number_steps_anew()")
    assert (await verified(door))["fault"]["kind"] == "inserted", "a restore covers nothing"


@stack
async def test_how_long_nothing_was_sealed_is_measured(door: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("services.intake.store.systems.sealer.time.monotonic", lambda: now[0])
    sealer = sealer_of(door)

    async def measured() -> float:
        await sealer.measure()
        return float(UNSEALED._value.get())

    now[0] += 500
    assert await measured() == 0, "nothing is there to be sealed"
    await steps(door, 1)
    now[0] += 400
    assert await measured() == 400
    await sealer.seal(await door.intake.spine.leases.hold([ROLE]))
    assert await measured() == 0
    now[0] += 400
    assert await measured() == 0


@stack
async def test_the_role_seals_and_lives_through_a_database_that_goes_away(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    role = asyncio.create_task(sealer_of(door).run())
    try:
        for expected in (3, 6):
            await steps(door, 3)
            for _ in range(200):
                if await pool.fetchval("SELECT coalesce(sum(entries), 0) FROM seal") == expected:
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail("not sealed")
            await pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.1)
        assert not role.done()
    finally:
        role.cancel()


@stack
async def test_sealing_and_verifying_walk_along_indexes(door: FrontDoor) -> None:
    await steps(door, 30_000)
    await seal(door)
    await steps(door, 1_000)
    pool = door.intake.spine.pool
    await pool.execute("ANALYZE step")
    newest = await pool.fetchrow("SELECT tx::text, event_id, number, chain FROM seal ORDER BY number DESC LIMIT 1")
    assert newest is not None
    values = (newest["tx"], newest["event_id"], 1000, newest["number"] + 1, newest["chain"], real_now())
    for statement, used in ((_SEAL, values), (_FINDINGS, (20, 5, GENESIS))):
        plan = "\n".join(row[0] for row in await pool.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", *used))
        assert "step_by_tx" in plan
        assert "Seq Scan on step" not in plan, plan
        assert "Hash Join" not in plan, plan


MOMENT = datetime.fromisoformat("2026-03-02T08:00:00+07:00")


def finding(number: int, **changes: Any) -> Finding:
    whole = Finding(Seal(number, MOMENT, 5, bytes(32)), True, True, None, None, None, 0, 5)
    return whole._replace(**changes)


@given(strategies.integers(0, 5), strategies.integers(1, 8), strategies.integers(0, 9), strategies.data())
def test_the_first_fault_counts(after: int, count: int, wrong: int, data: strategies.DataObject) -> None:
    faults: dict[str, Any] = {
        "follows": False, "chained": False, "removed": 1, "changed": 5, "moved": 2, "between": 6,
    }  # fmt: skip
    findings = [finding(number) for number in range(after + 1, after + 1 + count)]
    if wrong < count:
        name = data.draw(strategies.sampled_from(sorted(faults)))
        findings[wrong] = findings[wrong]._replace(**{name: faults[name]})
        for later in range(wrong + 1, count):
            findings[later] = findings[later]._replace(changed=1)
    verdict = judge(after, findings)
    assert len(verdict.good) == min(wrong, count)
    assert (verdict.fault is None) == (wrong >= count)


def test_the_first_place_in_a_seal_counts() -> None:
    fault = judge(0, [finding(1, changed=3, removed=4, moved=2, between=9)]).fault
    assert fault is not None
    assert (fault.kind, fault.entry) == (FaultKind.MOVED, 2)
    assert judge(3, [finding(5)]).fault == (FaultKind.SEAL_MISSING, 4, None, None, None)
