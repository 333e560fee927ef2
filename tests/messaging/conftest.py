"""The toy service on real servers: each test has a database and topics of its own."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog
from aiokafka import AIOKafkaProducer

from hub_events import topics as event_topics
from hub_events.event import Envelope, Event, to_headers
from hub_local.stack import Stack
from hub_messaging import logs
from hub_messaging.bells import Bells
from hub_messaging.clock import Clock, real_now
from hub_messaging.consumer import Consumer
from hub_messaging.database import Pool, open_pool
from hub_messaging.health import Heart
from hub_messaging.leases import Leases
from hub_messaging.migrations import SPINE_V1, TIMERS_V1, TOPIC_IDS_V1, UNKNOWN_OUTCOMES_V1, WITHDRAWN_V1, WORK_V1
from hub_messaging.outbox import RELAY
from hub_messaging.reader import Reader
from hub_messaging.relay import KafkaSender, Relay
from hub_messaging.runner import Runner
from hub_messaging.topics import apply_topics
from hub_messaging.work import LANES
from tests.messaging.toy import Mended, ToyUnitOfWork, handlers, maker, submitted, use_topics
from tests.stack import PostgresServer

_numbers = itertools.count(1)
SCHEMA = (
    SPINE_V1
    + TIMERS_V1
    + WORK_V1
    + UNKNOWN_OUTCOMES_V1
    + WITHDRAWN_V1
    + TOPIC_IDS_V1
    + """;
CREATE TABLE toy (dossier_id uuid PRIMARY KEY, facts text NOT NULL, sent text, rang int NOT NULL, note text UNIQUE);
CREATE TABLE known_procedure (code text PRIMARY KEY);
"""
)


@pytest.fixture(autouse=True)
def terse_logs() -> Iterator[None]:
    """The spine's log lines as processes write them; never whole tracebacks with local values."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            logs.without_the_exceptions_words,
            structlog.processors.JSONRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()


@asynccontextmanager
async def going(*roles: Any) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Roles that run for the time of a `with` block; one that ends by itself fails the test."""
    tasks = [asyncio.create_task(role.run()) for role in roles]
    try:
        yield tasks
    finally:
        ended = [task for task in tasks if task.done() and not task.cancelled()]
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()


@dataclass
class ToyService:
    """The parts of one toy process."""

    name: str
    url: str
    pool: Pool
    clock: Clock
    slot: int = 0
    heart: Heart = field(default_factory=Heart)
    bells: Bells = field(default_factory=Bells)
    mended: Mended = field(default_factory=Mended)

    def __post_init__(self) -> None:
        self.bells.answer(RELAY)
        self.bells.answer(LANES)
        self.leases = Leases(self.pool, f"{self.name}-{self.slot}")
        self.runner: Runner[ToyUnitOfWork] = Runner(self.pool, self.clock, self.bells, maker(self.name))
        self.reader: Reader[ToyUnitOfWork] = Reader(self.name, handlers(self.mended))

    def consumer(self, servers: str) -> Consumer[ToyUnitOfWork]:
        return Consumer(self.name, servers, self.slot, self.runner, self.reader, self.heart)

    def relay(self, servers: str) -> Relay:
        topics = event_topics.destinations(self.name)
        return Relay(self.pool, self.leases, self.bells, self.heart, topics, KafkaSender(servers))


@pytest.fixture
def own_topics() -> Iterator[str]:
    """A suffix that makes topics, service and group of this test its own."""
    before = event_topics.TOPICS
    suffix = f"{os.getpid()}-{next(_numbers)}"
    use_topics(suffix)
    yield suffix
    event_topics.TOPICS = before


@pytest.fixture
async def database(postgres: PostgresServer) -> str:
    """A new database with the toy's tables."""
    url = await postgres.empty_database("sla")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(SCHEMA)
    finally:
        await connection.close()
    return url


@pytest.fixture
async def another(database: str, own_topics: str) -> AsyncIterator[Callable[..., Awaitable[ToyService]]]:
    """Makes one more process of the toy on the same database."""
    opened: list[Pool] = []

    async def make(slot: int = 0, clock: Clock | None = None, size: int = 8) -> ToyService:
        pool = await open_pool(database, size)
        opened.append(pool)
        return ToyService(f"toy-{own_topics}", database, pool, clock or Clock(), slot)

    yield make
    for pool in opened:
        pool.terminate()


@pytest.fixture
async def toy(another: Callable[..., Awaitable[ToyService]]) -> ToyService:
    """The toy, one process."""
    return await another()


@dataclass
class Broker:
    """Kafka with the test's own topics, and a producer that writes what nobody checked."""

    servers: str
    topic: str
    producer: AIOKafkaProducer

    async def say(
        self,
        event: Event,
        dossier_id: UUID | None = None,
        *,
        id: UUID | None = None,
        recorded_at: datetime | None = None,
        partition: int | None = None,
    ) -> Envelope:
        """Writes `event` as intake would."""
        now = real_now()
        envelope = Envelope(
            id=id or uuid4(),
            type=event.type,
            source="/hub/intake",
            subject=str(dossier_id or uuid4()),
            occurred_at=now,
            recorded_at=recorded_at or now,
        )
        body = event.model_dump_json(exclude_none=True).encode()
        await self.raw(body, to_headers(envelope), key=envelope.subject.encode(), partition=partition)
        return envelope

    async def raw(
        self,
        body: bytes | None,
        headers: list[tuple[str, bytes]],
        key: bytes | None = None,
        partition: int | None = None,
    ) -> Any:
        return await self.producer.send_and_wait(self.topic, body, key=key, headers=headers, partition=partition)


@pytest.fixture
async def broker(kafka: Stack, own_topics: str) -> AsyncIterator[Broker]:
    """The test's own topics, two partitions each."""
    servers = kafka.layout.kafka_servers
    await apply_topics(servers, partitions=2)
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    yield Broker(servers, event_topics.topic_of("intake").name, producer)
    await producer.stop()


__all__ = ["Broker", "ToyService", "going", "submitted"]
