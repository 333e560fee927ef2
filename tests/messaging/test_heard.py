"""Đã nghe hết: nobody speaks of time before everything said up to then was read."""

from uuid import uuid4

import pytest

from hub_events import topics
from hub_messaging import heard
from hub_messaging.heard import Heard
from tests.messaging.conftest import Broker, ToyService, going, submitted
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest.fixture
def hearing(toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Heard:
    monkeypatch.setattr(heard, "PATIENCE_SECONDS", 2.0)
    return Heard(broker.servers, topics.topics_read_by(toy.name), toy.pool)


async def test_all_is_heard_when_nothing_was_said(hearing: Heard) -> None:
    assert await hearing.everything()
    await hearing.close()


async def test_what_waits_to_be_read_was_not_heard_until_somebody_reads_it(
    hearing: Heard, toy: ToyService, broker: Broker
) -> None:
    for partition in (0, 1):
        await broker.say(submitted(), partition=partition)
    assert not await hearing.everything()

    async with going(toy.consumer(broker.servers)):
        await until(hearing.everything, within=30)
    assert await hearing.everything(), "readers may rest; what they read stays read"
    await broker.say(submitted())
    assert not await hearing.everything()
    await hearing.close()


async def test_a_reader_that_stands_behind_the_end_of_the_log_has_not_heard_what_lies_there(
    hearing: Heard, toy: ToyService, broker: Broker
) -> None:
    """Its position is of another log: Kafka lost this one, or the database was restored."""
    await broker.say(submitted(), partition=0)
    await toy.pool.execute("INSERT INTO position VALUES ($1, 0, 1000)", broker.topic)
    assert not await hearing.everything()
    await hearing.close()


async def test_a_reader_of_a_topic_that_was_deleted_has_not_heard_what_the_new_one_says(
    hearing: Heard, toy: ToyService, broker: Broker
) -> None:
    await broker.say(submitted(), partition=0)
    await toy.pool.execute("INSERT INTO position VALUES ($1, 0, 1, $2)", broker.topic, uuid4())
    assert not await hearing.everything()
    await hearing.close()


async def test_without_kafka_nothing_is_known_to_be_heard(toy: ToyService, hearing: Heard) -> None:
    away = Heard("127.0.0.1:1", topics.topics_read_by(toy.name), toy.pool)
    assert not await away.everything()
    await away.close()
