"""Bản ghi lặp lại: records of all topics told once more, as a producer that was restored or a mirror would."""

import asyncio
import random
from dataclasses import dataclass
from uuid import UUID

from aiokafka import AIOKafkaProducer

from hub_events.topics import TOPICS
from hub_local.topic_log import log_of, records_of

MOST = 400
"""So many records at a time, out of the last ones of each partition."""
LAST = 100
PATIENCE_SECONDS = 60.0

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in its topic."""

    topic: str
    key: bytes | None
    headers: Headers
    body: bytes | None


async def tell_again(servers: str, chance: random.Random, *, new_ids: bool) -> int:
    """Writes records once more in an order by chance; with `new_ids` as other events. How many. Raises KafkaError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        records = await last_records(servers)
        chosen = chance.sample(records, min(MOST, len(records)))
        async with AIOKafkaProducer(bootstrap_servers=servers) as writer:
            sent = [
                await writer.send(
                    record.topic, record.body, key=record.key, headers=_headers(record, chance, new_ids=new_ids)
                )
                for record in chosen
            ]
            await asyncio.gather(*sent)
    return len(chosen)


async def last_records(servers: str) -> list[Record]:
    """The last records of every partition of the hub's topics."""
    found: list[Record] = []
    for topic in TOPICS:
        log = await log_of(servers, topic.name)
        last = {partition: (max(begin, end - LAST), end) for partition, (begin, end) in log.items()}
        async for records in records_of(servers, last):
            found += [Record(one.topic, one.key, list(one.headers), one.value) for one in records]
    return found


def _headers(record: Record, chance: random.Random, *, new_ids: bool) -> Headers:
    if not new_ids:
        return record.headers
    other = str(UUID(int=chance.getrandbits(128), version=4)).encode()
    return [(name, other if name == "ce_id" else value) for name, value in record.headers]
