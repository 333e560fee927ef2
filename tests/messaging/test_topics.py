"""Chủ đề Kafka: what a topic keeps goes when its time is over, and nobody who needed it goes on as if nothing were."""

import runpy
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from hub_events import topics as event_topics
from hub_messaging import topics
from hub_messaging.positions import stored_positions
from hub_messaging.topics import administering, settings_of
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.test_consumer import heard
from tests.messaging.toy import settled_state, submitted
from tests.waiting import until

pytestmark = pytest.mark.stack


async def keep(broker: Broker, **changed: str) -> None:
    """The topic's settings as the job makes them, but for what is `changed`."""
    settings = {**settings_of(event_topics.topic_of("intake"), 1), **changed}
    async with administering(broker.servers) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, broker.topic, configs=settings)])


async def test_a_topic_with_one_copy_stays_flushed_whatever_new_ones_are_to_have(broker: Broker) -> None:
    assert await topics.apply_topics(broker.servers, replication=3) == []

    async with administering(broker.servers) as admin:
        asked = [ConfigResource(ConfigResourceType.TOPIC, broker.topic)]
        found = [one for answer in await admin.describe_configs(asked) for one in answer.resources]
    settings = {setting[0]: setting[1] for one in found for setting in one[4]}
    assert settings["flush.messages"] == "1", "acknowledged means on disk"
    assert settings["min.insync.replicas"] == "1"


async def begin_of(broker: Broker, place: TopicPartition) -> int:
    client = AIOKafkaConsumer(bootstrap_servers=broker.servers)
    await client.start()
    try:
        return int((await client.beginning_offsets([place]))[place])
    finally:
        await client.stop()


async def test_old_records_go_and_a_reader_that_needed_them_stops(toy: ToyService, broker: Broker) -> None:
    place = TopicPartition(broker.topic, 0)
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
    await keep(broker, **{"retention.ms": "1000", "segment.ms": "100"})
    for _ in range(5):
        await broker.say(submitted(), partition=0)
    await until(lambda: begin_of(broker, place), lambda begin: begin > 1, "Kafka deletes", within=90, every=0.5)
    await keep(broker)

    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted(), partition=1)).dossier_id))
        await until(lambda: "not in the log" in toy.heart.unready().get("consumer", ""))
    assert (await stored_positions(toy.pool))[broker.topic, 0] == 1
    assert len(await settled_state(toy.pool)) == 2, "nothing after the gap was read"


def test_how_many_partitions_and_replicas_is_said_and_never_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["topics", "127.0.0.1:1"])
    with pytest.raises(ValueError, match="not enough values"):
        runpy.run_path(topics.__file__, run_name="__main__")
