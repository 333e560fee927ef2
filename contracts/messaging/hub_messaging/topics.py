"""Tạo chủ đề Kafka: a job that creates what `hub_events.topics` lists and mends settings; it never deletes.

`python -m hub_messaging.topics SERVERS PARTITIONS REPLICATION`: a cluster needs other numbers than one broker.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from hub_events import topics
from hub_events.topics import Topic

DAY_MS = 86_400_000
SEGMENT_DAYS = 1
"""Kafka deletes whole segments, once the newest record in them is past its time: others stay up to so much longer."""


def settings_of(topic: Topic, replication: int) -> dict[str, str]:
    """Topic settings. On a single broker every append is flushed, so that an acknowledgement means fsync."""
    durable = {"flush.messages": "1"} if replication == 1 else {"min.insync.replicas": "2"}
    kept = {"retention.ms": str(topic.retention_days * DAY_MS), "segment.ms": str(SEGMENT_DAYS * DAY_MS)}
    if topic.compacted:
        # Kafka looks at a log once it has grown by as much again, or after a day.
        kept = {"retention.ms": "-1", "cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
    return {
        **kept,
        "max.message.bytes": str(1024 * 1024),
        "unclean.leader.election.enable": "false",
        **durable,
    }


@asynccontextmanager
async def administering(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connection for what is done to Kafka itself; unlike its other clients, this one is no context of its own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def apply_topics(servers: str, partitions: int = 6, replication: int = 1) -> list[str]:
    """Creates the missing topics and returns their names. Raises aiokafka's KafkaError.

    `partitions` and `replication` are those of new ones. What is there is set by the copies that it has: a topic with a
    single one would no longer be flushed otherwise, and lose what was acknowledged.
    """
    async with administering(servers) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics.TOPICS if topic.name not in existing]
        if missing:
            answer = await admin.create_topics(
                [
                    NewTopic(topic.name, partitions, replication, topic_configs=settings_of(topic, replication))
                    for topic in missing
                ]
            )
            for _name, code, *_rest in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise for_code(code)(_name)
        kept = [topic for topic in topics.TOPICS if topic.name in existing]
        copies = await _copies(admin, [topic.name for topic in kept])
        await admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=settings_of(topic, copies[topic.name]))
                for topic in kept
            ]
        )
        return [topic.name for topic in missing]


async def _copies(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    found = await admin.describe_topics(names) if names else []
    return {one["topic"]: len(one["partitions"][0]["replicas"]) for one in found}


if __name__ == "__main__":
    servers, partitions, replication = sys.argv[1:]
    created = asyncio.run(apply_topics(servers, int(partitions), int(replication)))
    print("created:", ", ".join(created) or "nothing")
