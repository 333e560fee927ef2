"""Đã nghe hết: has everything been read that Kafka held a moment ago, in whatever process of the service?

Whoever says that time has passed ("overdue") must not speak while a fact that denies it waits to be read: after an
outage, while a partition is stopped, or while Kafka is away.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from hub_events.topics import Topic
from hub_messaging import positions
from hub_messaging.database import Pool
from hub_messaging.positions import Position
from hub_messaging.topic_ids import topic_ids

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 5.0
LOOKS: Final = 100


class Heard:
    """Compares the ends of the service's topics with the positions of its readers."""

    def __init__(self, servers: str, topics: Iterable[Topic], pool: Pool) -> None:
        self._servers = servers
        self._topics = [topic.name for topic in topics]
        self._pool = pool
        self._client: AIOKafkaConsumer | None = None

    async def everything(self) -> bool:
        """Waits up to 5 s until the readers have come as far as the logs reach now.

        False: they have not, they stand outside the logs, or Kafka could not be asked. Raises what is in
        database.UNAVAILABLE.
        """
        stood = await positions.stored(self._pool, self._topics)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                ids = await topic_ids(self._servers, self._topics)
                ends = await self._ends()
        except (KafkaError, OSError) as trouble:
            log.warning("kafka_not_asked", trouble=type(trouble).__name__)
            await self.close()
            return False
        if ids.keys() != set(self._topics) or any(
            stood.get(place, Position(0)).misfit(ids[place.topic], 0, end) for place, end in ends.items()
        ):
            log.warning("facts_out_of_reach")
            return False
        for _ in range(LOOKS):
            if await self._read_up_to(ends):
                return True
            await asyncio.sleep(PATIENCE_SECONDS / LOOKS)
        log.warning("facts_not_all_heard")
        return False

    async def close(self) -> None:
        """Gives the connection up; the next question makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError, OSError):
                await client.stop()

    async def _ends(self) -> Mapping[TopicPartition, int]:
        if self._client is None:
            self._client = AIOKafkaConsumer(bootstrap_servers=self._servers, group_id=None, request_timeout_ms=3000)
            await self._client.start()
            # The first question about a topic is what makes the client learn its partitions.
            await self._client.end_offsets([TopicPartition(topic, 0) for topic in self._topics])
        client = self._client
        places = [TopicPartition(name, n) for name in self._topics for n in client.partitions_for_topic(name) or ()]
        ends: Mapping[TopicPartition, int] = await client.end_offsets(places)
        return ends

    async def _read_up_to(self, ends: Mapping[TopicPartition, int]) -> bool:
        stored = await positions.stored(self._pool, self._topics)
        return all(stored.get(place, Position(0)).next_offset >= end for place, end in ends.items())
