"""Kafka's records as they lie there, and records that no service of the hub would write."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from hub_events.topics import REFERENCE, TOPICS
from hub_local.topic_log import log_of, records_of
from services.intake.settings import PACKAGED_DATA
from tests.flows.hub import Hub
from tests.flows.load import database
from tests.waiting import until

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic; a new one has no offset."""

    topic: str
    key: bytes | None
    headers: Headers
    body: bytes | None
    partition: int | None = None
    offset: int | None = None

    @property
    def as_bytes(self) -> bytes:
        """All of it, for searching."""
        headers = b" ".join(name.encode() + b"=" + value for name, value in self.headers)
        return b" ".join((self.key or b"", headers, self.body or b""))

    @property
    def type(self) -> str:
        return dict(self.headers)["ce_type"].decode()

    @property
    def event_id(self) -> str:
        return dict(self.headers)["ce_id"].decode()


async def all_records(hub: Hub) -> list[Record]:
    """Everything that lies in the hub's topics, in the order of each partition."""
    servers = hub.layout.kafka_servers
    return [
        Record(found.topic, found.key, tuple(found.headers), found.value, found.partition, found.offset)
        for topic in TOPICS
        async for records in records_of(servers, await log_of(servers, topic.name))
        for found in records
    ]


def keys_of_what_is_packaged() -> set[str]:
    """The keys of the procedures and desks that come with intake, in one version each."""
    procedures, desks = (json.loads((PACKAGED_DATA / f"{name}.json").read_text()) for name in ("procedures", "desks"))
    return {f"procedure/{one['code']}@{one['version']}" for one in procedures} | {
        f"desk/{one['code']}@1899-12-31" for one in desks
    }


async def reference_told(hub: Hub) -> dict[str, set[str]]:
    """By key, the ids of what is on the topic about procedures and desks, once what is packaged is there."""

    async def told() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for record in await all_records(hub):
            key = (record.key or b"").decode(errors="replace")
            if record.topic == REFERENCE.name and key.startswith(("procedure/", "desk/")):
                found.setdefault(key, set()).add(record.event_id)
        return found

    return await until(told, lambda found: keys_of_what_is_packaged() <= found.keys(), every=0.5)


async def produce(hub: Hub, records: Iterable[Record]) -> None:
    """Writes records in this order, without asking the hub."""
    async with AIOKafkaProducer(bootstrap_servers=hub.layout.kafka_servers) as writer:
        sent = [
            await writer.send(record.topic, record.body, key=record.key, headers=list(record.headers))
            for record in records
        ]
        await asyncio.gather(*sent)


async def all_is_read(hub: Hub, within: float = 60.0) -> None:
    """Waits until every service stands at the end of each topic it reads."""
    names = {topic.name for topic in TOPICS}
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=hub.layout.kafka_servers)
    await consumer.start()
    try:
        while {partition.topic for partition in consumer.assignment()} != names:
            await asyncio.sleep(0.05)
        for service in sorted({reader for topic in TOPICS for reader in topic.readers}):
            await until(
                partial(_behind, hub, consumer, service),
                lambda behind: not behind,
                f"{service} has read everything; still to read by topic and partition",
                within=within,
            )
    finally:
        await consumer.stop()


async def _behind(hub: Hub, consumer: AIOKafkaConsumer, service: str) -> dict[str, int]:
    async with database(hub, service) as connection:
        rows = await connection.fetch("SELECT topic, partition, next_offset FROM position")
    positions = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    names = {topic.name for topic in TOPICS if service in topic.readers}
    partitions = [partition for partition in consumer.assignment() if partition.topic in names]
    ends = await consumer.end_offsets(partitions)
    behind = {f"{p.topic}/{p.partition}": end - positions.get((p.topic, p.partition), 0) for p, end in ends.items()}
    return {place: count for place, count in behind.items() if count}
