"""A whole process: it starts when its servers come, drains on SIGTERM, and a killed one is replaced at once."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from hub_local.stack import Stack
from tests.messaging.conftest import Broker, ToyService, until
from tests.messaging.toy import Mischief, settled_state, submitted

pytestmark = pytest.mark.stack
Start = Callable[..., Awaitable["Process"]]


class Process:
    """A toy process, its probe port and what it logged."""

    def __init__(self, child: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.child = child
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

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


async def test_it_reads_sends_and_relays_and_sigterm_drains_it_within_a_second(
    start: Start, toy: ToyService, broker: Broker
) -> None:
    process = await start()
    dossiers = [uuid4() for _ in range(50)]
    for dossier in dossiers:
        await broker.say(submitted(Mischief.WORK), dossier)

    async def all_sent() -> bool:
        return [toy.sent for toy in (await settled_state(toy.pool)).values()] == ["sent after 1"] * 50

    await until(all_sent, 30)
    began = time.monotonic()
    process.child.send_signal(signal.SIGTERM)
    assert await process.ended(12) == 0
    took = time.monotonic() - began
    print("drain took", took)
    print(process.logged())
    assert process.said("stopped")
    assert await toy.pool.fetchval("SELECT count(*) FROM lease WHERE until > now() AND name LIKE 'lane:%'") == 0
