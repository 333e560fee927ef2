"""What is sent again, where its readers begin, and when a republication is refused."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import NewTopic

from hub_events.intake import DossierRefusedV1, DossierStoppedV1
from hub_events.topics import Topic
from hub_local.layout import StackNotUsable
from hub_local.republish import Republished, Since, republish
from hub_local.stack import Stack, say_nothing
from hub_local.topic_log import log_of
from hub_messaging.clock import real_now
from hub_messaging.database import open_pool
from hub_messaging.leases import Leases
from hub_messaging.outbox import RELAY
from hub_messaging.topic_ids import topic_ids
from hub_messaging.topics import administering
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack

_EVENT = """
INSERT INTO outbox (event_id, type, key, headers, body, recorded_at) VALUES ($1, $4, 'k', $2, 'b', $3)
"""


class Outboxed:
    """A topic of its own with two partitions, intake's outbox, and routing as its one reader."""

    def __init__(self, kafka: Stack, urls: dict[str, str]) -> None:
        self.servers = kafka.layout.kafka_servers
        self.urls = urls
        self.topic = Topic(f"again-{uuid4()}", producer="intake", readers=("routing",), events=(DossierRefusedV1,))

    async def created(self, topic: Topic | None = None) -> None:
        name = (topic or self.topic).name
        async with administering(self.servers) as admin:
            await admin.create_topics([NewTopic(name, 2, 1, topic_configs={"retention.ms": "-1"})])

    async def published(self, *days_ago: int) -> None:
        connection = await asyncpg.connect(self.urls["intake"])
        for days in days_ago:
            at = real_now() - timedelta(days=days)
            await connection.execute(_EVENT, uuid4(), json.dumps([["ce_id", "x"]]), at, DossierRefusedV1.type)
        await connection.close()

    async def positions(self) -> dict[int, int]:
        connection = await asyncpg.connect(self.urls["routing"])
        rows = await connection.fetch("SELECT partition, next_offset FROM position WHERE topic = $1", self.topic.name)
        await connection.close()
        return {row["partition"]: row["next_offset"] for row in rows}

    async def belongs_to(self) -> set[UUID]:
        """The topics, by id, that the reader's positions are of."""
        connection = await asyncpg.connect(self.urls["routing"])
        rows = await connection.fetch("SELECT topic_id FROM position WHERE topic = $1", self.topic.name)
        await connection.close()
        return {row["topic_id"] for row in rows}

    async def again(self, since: Since | None = None, *, again: bool = False) -> Republished:
        (done,) = await self.all_again([self.topic], since, again=again)
        return done

    async def all_again(
        self, topics: Sequence[Topic], since: Since | None = None, *, again: bool = False
    ) -> list[Republished]:
        return await republish(self.servers, self.urls, topics, since or Since(), again=again, report=say_nothing)

    async def records(self) -> int:
        return sum(end - begin for begin, end in (await log_of(self.servers, self.topic.name)).values())


@pytest.fixture
async def told(kafka: Stack, postgres: PostgresServer) -> Outboxed:
    found = Outboxed(kafka, {name: await postgres.database(name) for name in ("intake", "routing")})
    await found.created()
    return found


async def test_what_the_topic_still_keeps_is_sent_and_its_reader_begins_anew(told: Outboxed) -> None:
    await told.published(40, 15, 13, 1, 0)
    reader = await asyncpg.connect(told.urls["routing"])
    await reader.execute("INSERT INTO position VALUES ($1, 0, 99), ($1, 7, 5)", told.topic.name)
    await reader.close()

    assert await told.again() == Republished(told.topic.name, sent=3, left_out=2)

    assert await told.records() == 3
    assert await told.positions() == {0: 0, 1: 0}, "partitions that are no more have no position"
    assert await told.belongs_to() == set((await topic_ids(told.servers, {told.topic.name})).values())


async def test_a_compacted_topic_is_made_anew_whole_however_old_its_events_are(told: Outboxed) -> None:
    told.topic = replace(told.topic, compacted=True)
    await told.published(900, 40, 0)
    other = await asyncpg.connect(told.urls["intake"])
    await other.execute(_EVENT, uuid4(), json.dumps([["ce_id", "x"]]), real_now(), DossierStoppedV1.type)
    await other.close()
    assert await told.again() == Republished(told.topic.name, sent=3, left_out=0), "and nothing of another topic"
    assert await told.positions() == {0: 0, 1: 0}


async def test_a_topic_that_is_not_empty_is_sent_again_only_when_asked(told: Outboxed) -> None:
    await told.published(2, 0)
    await told.again()
    with pytest.raises(StackNotUsable, match=r"is not empty: it holds 2 records\. --again"):
        await told.again()
    assert await told.records() == 2

    assert (await told.again(Since(moment=real_now() - timedelta(days=1)), again=True)).sent == 1
    assert (await told.again(Since(seq=2), again=True)).sent == 1
    assert await told.records() == 4


async def test_what_is_pending_of_one_topic_goes_with_another_and_refuses_none(told: Outboxed) -> None:
    other = replace(told.topic, name=f"other-{uuid4()}", events=(DossierStoppedV1,), compacted=True)
    await told.created(other)
    await told.published(0)
    outbox = await asyncpg.connect(told.urls["intake"])
    await outbox.execute(_EVENT, uuid4(), json.dumps([["ce_id", "x"]]), real_now(), DossierStoppedV1.type)
    await outbox.execute("INSERT INTO outbox_pending SELECT seq FROM outbox")  # never sent: the hub went down before
    await outbox.close()

    sent = await told.all_again([told.topic, other])

    assert sent == [Republished(told.topic.name, 1, 0), Republished(other.name, 1, 0)]
    assert await told.records() == 1
    assert sum(end for _, end in (await log_of(told.servers, other.name)).values()) == 1


async def test_one_topic_that_is_not_empty_refuses_all_before_anything_is_sent(told: Outboxed) -> None:
    full = replace(told.topic, name=f"full-{uuid4()}")
    await told.created(full)
    await told.published(0)
    await told.all_again([full])
    with pytest.raises(StackNotUsable, match=f"{full.name} is not empty"):
        await told.all_again([told.topic, full])
    assert await told.records() == 0


async def test_nothing_happens_while_another_relay_is_at_work(told: Outboxed) -> None:
    await told.published(0)
    pool = await open_pool(told.urls["intake"], size=1)
    await pool.execute("INSERT INTO lease VALUES ($1, '0', $2, 1, now() + interval '1 hour')", RELAY, uuid4())
    with pytest.raises(StackNotUsable, match="relay of intake is at work: stop intake's workers first"):
        await told.again()
    assert not await Leases(pool, "republish").hold([RELAY])
    await pool.close()
    assert await told.positions() == {}
    assert await told.records() == 0


async def test_a_topic_that_is_not_there_is_named(told: Outboxed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_local.topic_log.TOPIC_KNOWN_WITHIN_SECONDS", 0.5)
    with pytest.raises(StackNotUsable, match="there is no topic nowhere; `hub topics apply` creates it"):
        await log_of(told.servers, "nowhere")
