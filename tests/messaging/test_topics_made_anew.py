"""A topic that was deleted and made anew is another topic, however far it has grown: nothing of it is jumped."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from hub_events import topics as event_topics
from hub_local.republish import Since, republish
from hub_local.stack import say_nothing
from hub_messaging import consumer as consumer_module
from hub_messaging.positions import stored_positions
from hub_messaging.topic_ids import topic_ids
from hub_messaging.topics import administering, apply_topics
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.toy import settled_state, submitted
from tests.waiting import until

pytestmark = pytest.mark.stack
Another = Callable[..., Awaitable[ToyService]]
STORED_ID = "SELECT topic_id FROM position WHERE topic = $1 AND partition = 0"


async def say(broker: Broker, count: int) -> list[UUID]:
    return [(await broker.say(submitted(), partition=0)).dossier_id for _ in range(count)]


async def made_anew(broker: Broker) -> list[UUID]:
    """The topic is deleted, made again under its name, and grows past where its readers stood; what it tells then."""
    async with administering(broker.servers) as admin:
        await admin.delete_topics([broker.topic])

        async def exists() -> bool:
            return broker.topic in await admin.list_topics()

        await until(exists, lambda there: not there, "the topic is gone")

    async def made() -> bool:
        try:
            await apply_topics(broker.servers, partitions=2)
            return bool(await topic_ids(broker.servers, {broker.topic}))
        except KafkaError:
            return False

    await until(made, what="the topic is there again")
    await broker.producer.client.force_metadata_update()
    return await say(broker, 8)


async def read(toy: ToyService, dossiers: list[UUID]) -> bool:
    return (await settled_state(toy.pool)).keys() >= set(dossiers)


def stopped(toy: ToyService) -> bool:
    return "made anew" in toy.heart.unready().get("consumer", "")


async def test_a_reader_that_comes_back_does_not_read_on_in_a_topic_that_was_made_anew_until_it_is_told_anew(
    another: Another, broker: Broker
) -> None:
    first, again = await another(), await another()
    async with going(first.consumer(broker.servers)):
        before = await say(broker, 3)
        await until(lambda: read(first, before))
    after = await made_anew(broker)

    async with going(again.consumer(broker.servers)):
        await until(lambda: stopped(again))
    assert (await settled_state(again.pool)).keys() == set(before)
    assert (await stored_positions(again.pool))[broker.topic, 0] == 3

    topic, told = event_topics.topic_of("intake"), await another()
    urls = {"intake": told.url, told.name: told.url}
    await republish(broker.servers, urls, [topic], Since(), again=True, report=say_nothing)
    async with going(told.consumer(broker.servers)):
        await until(lambda: read(told, after))
    assert not stopped(told)


async def test_a_topic_that_is_made_anew_under_a_reader_is_noticed(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "TICK_SECONDS", 2.0)
    monkeypatch.setattr(consumer_module, "NAMES_EVERY_SECONDS", 1.0)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        before = await say(broker, 3)
        await until(lambda: read(toy, before))
        consumer._client.pause(TopicPartition(broker.topic, 0))  # nothing is asked for while the topic is away
        await made_anew(broker)
        await until(lambda: stopped(toy))
    assert (
        await toy.pool.fetchval(STORED_ID, broker.topic)
        not in (await topic_ids(broker.servers, {broker.topic})).values()
    )


async def test_a_position_of_the_version_before_takes_the_id_of_the_topic_it_finds(
    toy: ToyService, broker: Broker
) -> None:
    dossiers = await say(broker, 3)
    await toy.pool.execute("INSERT INTO position VALUES ($1, 0, 1)", broker.topic)
    async with going(toy.consumer(broker.servers)):
        await until(lambda: read(toy, dossiers[1:]))
    assert (await settled_state(toy.pool)).keys() == set(dossiers[1:])
    assert (
        await toy.pool.fetchval(STORED_ID, broker.topic)
        == (await topic_ids(broker.servers, {broker.topic}))[broker.topic]
    )


async def test_kafka_is_asked_for_ids_without_making_topics(broker: Broker) -> None:
    asked = {broker.topic, f"{broker.topic}-nobody-made"}
    ids = await topic_ids(broker.servers, asked)
    assert ids.keys() == {broker.topic}
    assert all(id.int for id in ids.values())
    async with administering(broker.servers) as admin:
        assert asked & set(await admin.list_topics()) == {broker.topic}
