"""Nhật ký Kafka: where a topic's partitions begin and end, and the records that lie between, read from outside."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from hub_local.layout import StackNotUsable
from hub_messaging.topics import administering

TOPIC_KNOWN_WITHIN_SECONDS = 20.0
RECORDS_AT_ONCE = 5000

Log = Mapping[TopicPartition, tuple[int, int]]
"""Partition → first offset, next offset to be written."""


async def log_of(servers: str, topic: str) -> Log:
    """Where each partition of `topic` begins and ends. Raises StackNotUsable when there is no such topic."""
    until = time.monotonic() + TOPIC_KNOWN_WITHIN_SECONDS
    while not (partitions := await _partitions(servers, topic)):
        if time.monotonic() > until:
            raise StackNotUsable(f"there is no topic {topic}; `hub topics apply` creates it")
        await asyncio.sleep(0.2)  # one that has just been created is known to clients a moment later
    async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return {partition: (begins[partition], ends[partition]) for partition in partitions}


async def records_of(servers: str, log: Log) -> AsyncIterator[list[ConsumerRecord[Any, Any]]]:
    """The records within `log`, in pieces; each partition in its order."""
    full = {partition: bounds for partition, bounds in log.items() if bounds[0] < bounds[1]}
    if not full:
        return
    async with AIOKafkaConsumer(bootstrap_servers=servers, max_partition_fetch_bytes=8 * 1024 * 1024) as consumer:
        consumer.assign(list(full))
        for partition, (begin, _) in full.items():
            consumer.seek(partition, begin)
        while any([await consumer.position(partition) < end for partition, (_, end) in full.items()]):
            batches = await consumer.getmany(timeout_ms=500, max_records=RECORDS_AT_ONCE)
            yield [record for batch in batches.values() for record in batch]


async def _partitions(servers: str, topic: str) -> list[TopicPartition]:
    """The topic's partitions, in order; none while Kafka does not know it."""
    async with administering(servers) as admin:
        (found,) = await admin.describe_topics([topic])
    return sorted(TopicPartition(topic, one["partition"]) for one in found["partitions"])
