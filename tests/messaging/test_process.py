"""A whole process: it starts when its servers come, drains on SIGTERM, and a killed one is replaced at once."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import pytest

from hub_local.stack import Stack
from hub_messaging.process import _give_memory_back
from tests.messaging.conftest import Broker, ToyService
from tests.messaging.toy import Mischief, settled_state, submitted
from tests.waiting import until

pytestmark = pytest.mark.stack
Start = Callable[..., Awaitable["Process"]]


class Process:
    """A toy process, its probe port and what it logged."""

    def __init__(self, child: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.child = child
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    def raw(self) -> str:
        return self._log.read_text()

    def logged(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.logged())

    async def ask(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(self.url + path)

    async def ready(self) -> bool:
        try:
            return (await self.ask("/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def ended(self, within: float) -> int:
        return await asyncio.wait_for(self.child.wait(), within)


@pytest.fixture
async def start(database: str, kafka: Stack, own_topics: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts toy processes on the test's database and topics."""
    started: list[Process] = []
    (tmp_path / "empty").write_text("{}")

    async def one(slot: int = 0, **settings: str) -> Process:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            "DATABASE_URL": database,
            "KAFKA_SERVERS": kafka.layout.kafka_servers,
            "HTTP_PORT": "1",
            "PROBE_PORT": str(port),
            "ENVIRONMENT": "test",
            "JWKS_FILE": str(tmp_path / "empty"),
            "SLOT": str(slot),
            "TOPICS": own_topics,
            **settings,
        }
        log = tmp_path / f"log-{len(started)}"
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.messaging.toy_process",
                env=os.environ | {f"TOY_{name}": value for name, value in environment.items()},
                stdout=output, stderr=output,
            )  # fmt: skip
        started.append(Process(child, port, log))
        return started[-1]

    yield one
    for process in started:
        if process.child.returncode is None:
            process.child.kill()
            await process.child.wait()


async def test_it_reads_sends_and_relays_and_sigterm_drains_it_soon(
    start: Start, toy: ToyService, broker: Broker
) -> None:
    process = await start()
    dossiers = [uuid4() for _ in range(50)]
    for dossier in dossiers:
        await broker.say(submitted(Mischief.WORK), dossier)

    async def all_sent() -> bool:
        return [toy.sent for toy in (await settled_state(toy.pool)).values()] == ["sent after 1"] * 50

    await until(all_sent, within=30)
    began = time.monotonic()
    process.child.send_signal(signal.SIGTERM)
    assert await process.ended(12) == 0
    assert time.monotonic() - began < 3
    assert process.said("stopped")
    assert await toy.pool.fetchval("SELECT count(*) FROM lease WHERE until > now() AND name LIKE 'lane:%'") == 0


async def test_it_waits_for_its_turn_where_cores_are_shared(start: Start, toy: ToyService, broker: Broker) -> None:
    process = await start()
    await until(process.ready)
    assert os.sched_getscheduler(process.child.pid) == os.SCHED_BATCH


async def test_it_waits_for_kafka_and_a_signal_ends_the_waiting(start: Start, toy: ToyService, broker: Broker) -> None:
    process = await start(KAFKA_SERVERS="127.0.0.1:1")
    await until(process.ready, within=30)  # its own needs: the database
    process.child.send_signal(signal.SIGTERM)
    assert await process.ended(12) == 0


async def test_it_waits_for_the_database_and_a_signal_ends_the_waiting(start: Start, broker: Broker) -> None:
    process = await start(DATABASE_URL="postgresql://sla:x@127.0.0.1:1/nowhere")
    await until(lambda: process.said("database_not_reached"), within=30)
    assert (await process.ask("/ready")).json()["waiting_for"]["database"]
    assert (await process.ask("/live")).status_code == 200
    process.child.send_signal(signal.SIGINT)
    assert await process.ended(12) == 0


async def test_a_database_that_refuses_it_ends_the_start_with_one_clear_line(
    start: Start, database: str, broker: Broker
) -> None:
    process = await start(DATABASE_URL=database.replace("postgresql://sla:", "postgresql://sla:wrong"))
    assert await process.ended(30) == 1
    assert process.said("database_refuses_us")
    assert "wrong" not in process.raw()


async def test_a_wrong_setting_ends_the_start_with_78(start: Start, broker: Broker) -> None:
    process = await start(PROBE_PORT="70000", NO_SUCH_THING="1")
    assert await process.ended(30) == 78
    assert process.raw().splitlines()[0] == "settings: TOY_NO_SUCH_THING: no such setting"


async def _sent(toy: ToyService, dossier: UUID) -> bool:
    known = (await settled_state(toy.pool)).get(dossier)
    return known is not None and known.sent is not None


async def test_killed_under_load_its_successor_takes_over_at_once_and_nothing_is_lost_or_doubled(
    start: Start, toy: ToyService, broker: Broker
) -> None:
    dossiers = []
    process = await start(DELIVER_SECONDS="0.01")
    await until(process.ready, within=30)
    pauses = []
    for _ in range(4):
        dossiers += [(await broker.say(submitted(Mischief.WORK))).dossier_id for _ in range(60)]
        process.child.kill()
        await process.child.wait()
        process = await start(DELIVER_SECONDS="0.01")
        await until(partial(process.said, "started"), within=30)
        began = time.monotonic()
        dossiers.append((await broker.say(submitted(Mischief.WORK))).dossier_id)
        await until(partial(_sent, toy, dossiers[-1]), within=30)
        pauses.append(time.monotonic() - began)
    assert max(pauses) < 3

    async def all_sent() -> bool:
        known = await settled_state(toy.pool)
        return len(known) == len(dossiers) and all(one.sent for one in known.values())

    await until(all_sent, within=30)
    known = await settled_state(toy.pool)
    assert set(known) == set(dossiers)
    assert all(len(one.facts) == 1 for one in known.values())
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == len(dossiers)
    assert await toy.pool.fetchval("SELECT count(*) FROM work WHERE state <> 'done'") == 0


async def test_personal_values_never_reach_logs_or_metrics(start: Start, toy: ToyService, broker: Broker) -> None:
    canary = "0912345678"
    # Said before the start and into one partition, so that they stand in one batch.
    for mischief in (Mischief.BUG, Mischief.CANNOT, Mischief.DATA_ERROR, Mischief.NOT_YET, Mischief.WORK):
        await broker.say(submitted(f"{mischief}: {canary}"), partition=0)
    process = await start(LOG_LEVEL="DEBUG")
    good = [("ce_type", b"dossier.submitted.v1")]
    await broker.raw(f'{{"procedure": "{canary}"}}'.encode(), good, key=b"k")
    await broker.raw(b"{}", [("ce_id", canary.encode()), *good, (canary, b"1")], key=canary.encode())
    plain = (await broker.say(submitted())).dossier_id

    async def handled() -> bool:
        return plain in await settled_state(toy.pool)

    await until(handled, within=30)
    await until(lambda: process.said("delivery_met_a_bug"))
    for event in ("bug_in_handler", "batch_runs_one_by_one"):
        assert process.said(event)
    assert canary not in process.raw()
    assert canary not in (await process.ask("/metrics")).text
    assert "ZeroDivisionError" in process.raw()
    assert re.search(r"/toy\.py:\d+ handle\b", process.raw()), "where it was raised"


def test_a_running_service_imports_no_migration_tools() -> None:
    program = "import sys, hub_messaging.process; print(*{'sqlalchemy', 'alembic', 'psycopg'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"\n"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's habit")
def test_what_a_burst_has_used_goes_back_to_the_machine() -> None:
    burst = [bytes(2_000) for _ in range(30_000)]
    kept = burst[-1]
    held = psutil.Process().memory_info().rss
    del burst
    _give_memory_back()
    assert held - psutil.Process().memory_info().rss > 40_000_000
    assert kept
