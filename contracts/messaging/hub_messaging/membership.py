"""Thành viên nhóm: partitions that Kafka has and no member of the reading group was given.

A group's leader assigns what Kafka names at that moment; while Kafka starts, or a topic is made anew, that is too
little. The leader notices when the names change. But a static member that restarts gets its former assignment back,
and from then on nobody looks (KIP-345; aiokafka watches the names only in the member that assigned).
"""

from collections.abc import Collection

from aiokafka import TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocol

from hub_messaging.topics import administering


async def read_by_nobody(servers: str, group: str, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
    """Those of `partitions` that no member reads; none while the group is still sharing out. Raises KafkaError."""
    async with administering(servers) as admin:
        (answer,) = await admin.describe_consumer_groups([group])
    ((_error, _group, state, _type, _protocol, members, *_),) = answer.groups
    if state != "Stable":
        return set()
    given = [ConsumerProtocol.ASSIGNMENT.decode(member[-1]) for member in members if member[-1]]
    return set(partitions) - {partition for one in given for partition in one.partitions()}
