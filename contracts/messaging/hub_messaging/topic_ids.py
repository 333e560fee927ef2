"""Mã chủ đề: the id that Kafka gave a topic when it was created; one that was deleted and made anew has another.

aiokafka 0.14 speaks Metadata up to version 5 and topics have ids from version 10 on (KIP-516), so version 12 is
described here, out of aiokafka's own parts: https://kafka.apache.org/protocol (Metadata).
"""

from collections.abc import Collection, Mapping
from io import BytesIO
from uuid import UUID

from aiokafka import AIOKafkaClient
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

NO_ID = UUID(int=0)


class _Uuid(AbstractType[UUID]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_TEXT = CompactString("utf-8")


class _Topics(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_ms", Int32),
        (
            "brokers",
            CompactArray(("node", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("_", TaggedFields)),
        ),
        ("cluster", _TEXT),
        ("controller", Int32),
        (
            "topics",
            CompactArray(
                ("error", Int16),
                ("name", _TEXT),
                ("id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error", Int16),
                        ("number", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("_", TaggedFields),
                    ),
                ),
                ("operations", Int32),
                ("_", TaggedFields),
            ),
        ),
        ("_", TaggedFields),
    )


class _TopicsRequest(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _Topics
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Uuid), ("name", _TEXT), ("_", TaggedFields))),
        ("creates_missing", Boolean),
        ("tells_operations", Boolean),
        ("_", TaggedFields),
    )


class _WhichTopics(Request[_TopicsRequest]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_TopicsRequest]) -> _TopicsRequest:
        return request_struct_class([(NO_ID, name, {}) for name in sorted(self._names)], False, False, {})


async def topic_ids(servers: str, names: Collection[str]) -> Mapping[str, UUID]:
    """The ids of those of `names` that Kafka (from 2.8 on) knows. Raises KafkaError."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    try:
        await client.bootstrap()
        answer = await client.send(client.get_random_node(), _WhichTopics(names))
    finally:
        await client.close()
    return {name: topic_id for error, name, topic_id, *_ in answer.topics if not error}
