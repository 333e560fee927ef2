"""Sending the outbox: in order per key, nothing lost, whoever dies and however long Kafka is away."""

import asyncio
import gc
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import LeaderNotAvailableError
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from hub_events import topics as event_topics
from hub_events.event import from_headers
from hub_events.ids import derive_id
from hub_events.routing import DossierRoutingFailedV1
from hub_local.stack import Stack
from hub_messaging import relay as relay_module
from hub_messaging.clock import real_now
from hub_messaging.jobs import Job
from hub_messaging.metrics import OUTBOX_OLDEST, OUTBOX_ROWS
from hub_messaging.outbox import MAX_RECORD_BYTES, RELAY
from hub_messaging.relay import KafkaSender, Relay, _waves, partition_of
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.toy import ToyUnitOfWork
from tests.waiting import until

pytestmark = pytest.mark.stack
Another = Callable[..., Awaitable[ToyService]]


async def say(toy: ToyService, dossier: UUID, number: int) -> None:
    await say_many(toy, [(dossier, number)])


async def say_many(toy: ToyService, said: Sequence[tuple[UUID, int]]) -> None:
    def run(uow: ToyUnitOfWork) -> None:
        for dossier, number in said:
            event = DossierRoutingFailedV1(reason="heard", leg="lead", competence=str(number))
            uow.publish(event, dossier_id=dossier, id=derive_id(dossier, str(number)))

    await toy.runner.run([Job(run=run)])


async def read_back(toy: ToyService, servers: str) -> dict[UUID, list[int]]:
    """What stands in the toy's topic: numbers by dossier, in order, repeats of one event id taken out."""
    topic = event_topics.topic_of(toy.name).name
    client = AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", max_partition_fetch_bytes=4_000_000
    )
    await client.start()
    found: defaultdict[UUID, list[int]] = defaultdict(list)
    seen = set()
    try:
        places = [TopicPartition(topic, n) for n in range(2)]
        client.assign(places)
        ends = await client.end_offsets(places)
        for place in places:
            await client.seek_to_beginning(place)
            while await client.position(place) < ends[place]:
                for record in (await client.getmany(place, timeout_ms=500)).get(place, []):
                    envelope = from_headers(record.headers)
                    assert record.key == envelope.subject.encode()
                    if envelope.id not in seen:
                        seen.add(envelope.id)
                        found[envelope.dossier_id].append(
                            int(DossierRoutingFailedV1.model_validate_json(record.value).competence)
                        )
    finally:
        await client.stop()
    return found


def nothing_pending(toy: ToyService) -> Callable[[], Awaitable[bool]]:
    async def sent() -> bool:
        return bool(await toy.pool.fetchval("SELECT count(*) FROM outbox_pending") == 0)

    return sent


async def test_events_of_a_dossier_arrive_in_the_order_in_which_they_became_true(
    toy: ToyService, broker: Broker
) -> None:
    dossiers = [uuid4() for _ in range(20)]
    async with going(toy.relay(broker.servers)):
        for number in range(30):
            await say_many(toy, [(dossier, number) for dossier in dossiers[: 1 + number % 20]])
        await until(nothing_pending(toy))
    said = {dossier: [n for n in range(30) if place <= n % 20] for place, dossier in enumerate(dossiers)}
    assert await read_back(toy, broker.servers) == said
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == sum(map(len, said.values()))


async def test_a_commit_beside_the_relay_is_sent_at_once(toy: ToyService, broker: Broker) -> None:
    async with going(toy.relay(broker.servers)):
        await say(toy, uuid4(), 0)
        await until(nothing_pending(toy))
        delays = []
        for _ in range(10):
            await asyncio.sleep(0.02)
            began = time.monotonic()
            await say(toy, uuid4(), 1)
            await until(nothing_pending(toy))
            delays.append(time.monotonic() - began)
    assert sorted(delays)[5] < 0.15


async def test_a_commit_in_another_process_wakes_the_owner_of_the_relay(another: Another, broker: Broker) -> None:
    owner, writer = await another(0), await another(1)
    async with going(owner.relay(broker.servers)):
        await say(owner, uuid4(), 0)
        await until(nothing_pending(owner))
        async with going(writer.relay(broker.servers), _Carrier(writer), _Carrier(owner)):
            await asyncio.sleep(1.2)  # the writer has found that the relay is the other's
            delays = []
            for _ in range(10):
                await asyncio.sleep(0.02)
                began = time.monotonic()
                await say(writer, uuid4(), 1)
                await until(nothing_pending(owner))
                delays.append(time.monotonic() - began)
    assert sorted(delays)[5] < 0.3


class _Carrier:
    def __init__(self, toy: ToyService) -> None:
        self._toy = toy

    async def run(self) -> None:
        await self._toy.bells.carry(self._toy.url)


async def test_a_commit_that_comes_late_is_sent_though_later_ones_have_gone(toy: ToyService, broker: Broker) -> None:
    late, early = uuid4(), uuid4()

    def run(uow: ToyUnitOfWork) -> None:
        event = DossierRoutingFailedV1(reason="heard", leg="lead", competence="0")
        uow.publish(event, dossier_id=late, id=uuid4())

    async def hold(_connection: Any) -> None:
        await say(toy, early, 0)
        await until(nothing_pending(toy))

    async with going(toy.relay(broker.servers)):
        await toy.runner.run([Job(run=run)], also=hold)
        await until(nothing_pending(toy))
    assert set(await read_back(toy, broker.servers)) == {late, early}


async def test_kafka_away_and_back_loses_nothing_and_keeps_the_order(
    toy: ToyService, broker: Broker, kafka: Stack
) -> None:
    dossiers = [uuid4() for _ in range(5)]
    async with going(toy.relay(broker.servers)):
        await say_many(toy, [(dossier, 0) for dossier in dossiers])
        await until(nothing_pending(toy))
        await kafka.stop_one("kafka")
        for number in range(1, 10):
            await say_many(toy, [(dossier, number) for dossier in dossiers])
            await asyncio.sleep(0.1)
        relay = toy.relay(broker.servers)
        await relay.measure()
        assert OUTBOX_ROWS._value.get() == 45
        assert 0.5 < OUTBOX_OLDEST._value.get() < 60
        await kafka.start_one("kafka")
        await until(nothing_pending(toy), within=60)
    assert await read_back(toy, broker.servers) == {dossier: list(range(10)) for dossier in dossiers}


async def test_a_producer_that_fails_is_built_anew(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "SEND_DEADLINE_SECONDS", 1.0)
    sender = KafkaSender(broker.servers)
    relay = Relay(toy.pool, toy.leases, toy.bells, toy.heart, event_topics.destinations(toy.name), sender)
    async with going(relay):
        dossier = uuid4()
        await say(toy, dossier, 0)
        await until(nothing_pending(toy))
        first = sender._producer
        assert first is not None
        first._sender._sender_task.cancel()  # a producer that takes records and never sends them
        await say(toy, dossier, 1)
        await until(nothing_pending(toy))
        assert sender._producer is not first
    assert (await read_back(toy, broker.servers))[dossier] == [0, 1]


async def test_records_as_large_as_they_may_be_go_out_among_small_ones(toy: ToyService, broker: Broker) -> None:
    """Each large one fills a batch of the producer by itself, or overflows the one that was begun."""
    largest = MAX_RECORD_BYTES - 100
    said = [
        (uuid4(), "x" * size)
        for size in (1, largest, 1, 1, largest // 2, largest // 2, largest // 2, 1, largest, largest, 1)
    ]

    def run(uow: ToyUnitOfWork) -> None:
        for dossier, text in said:
            event = DossierRoutingFailedV1.model_construct(reason="heard", leg="lead", competence=text)
            uow.publish(event, dossier_id=dossier, id=uuid4())

    await toy.runner.run([Job(run=run)])
    async with going(toy.relay(broker.servers)):
        await until(nothing_pending(toy))
    client = AIOKafkaConsumer(
        event_topics.topic_of(toy.name).name, bootstrap_servers=broker.servers, auto_offset_reset="earliest"
    )
    await client.start()
    try:
        found: dict[UUID, str] = {}
        while len(found) < len(said):
            record = await asyncio.wait_for(client.getone(), 10)
            found[UUID(record.key.decode())] = json.loads(record.value)["competence"]
    finally:
        await client.stop()
    assert found == dict(said)


class Reluctant:
    """Acknowledges some records of each wave; notes which it was asked to send."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.acknowledged: list[int] = []

    async def send(self, topic: str, rows: Sequence[asyncpg.Record]) -> list[int]:
        self.asked.append([row["key"] for row in rows])
        sent = [row["seq"] for n, row in enumerate(rows) if (n + len(self.asked)) % 3]
        self.acknowledged += sent
        return sent

    async def close(self) -> None:
        """Nothing to close."""


async def test_what_is_not_acknowledged_is_sent_again_and_nothing_of_its_key_overtakes_it(toy: ToyService) -> None:
    sender = Reluctant()
    relay = Relay(toy.pool, toy.leases, toy.bells, toy.heart, event_topics.destinations(toy.name), sender)
    dossiers = [uuid4() for _ in range(7)]
    await say_many(toy, [(dossier, number) for number in range(4) for dossier in dossiers])
    async with going(relay):
        await until(nothing_pending(toy))
    assert all(len(keys) == len(set(keys)) for keys in sender.asked)
    keys = {row["seq"]: row["key"] for row in await toy.pool.fetch("SELECT seq, key FROM outbox")}
    by_key: defaultdict[str, list[int]] = defaultdict(list)
    for seq in sender.acknowledged:
        by_key[keys[seq]].append(seq)
    assert by_key.keys() == {str(dossier) for dossier in dossiers}
    assert all(seqs == sorted(seqs) and len(seqs) == 4 for seqs in by_key.values())


async def test_a_batch_that_fails_when_nobody_waits_for_it_any_more_is_no_forgotten_failure(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch finds no room in time, and the first one, given up with it, fails afterwards."""
    monkeypatch.setattr(relay_module, "SEND_DEADLINE_SECONDS", 0.2)
    forgotten: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: forgotten.append(context))
    handed_over: list[asyncio.Future[Any]] = []

    async def one_and_no_more(self: AIOKafkaProducer, *_: Any, **__: Any) -> asyncio.Future[Any]:
        if handed_over:
            await asyncio.sleep(60)
        handed_over.append(asyncio.get_running_loop().create_future())
        return asyncio.shield(handed_over[0])

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", one_and_no_more)
    row = {"headers": "[]", "body": b"{}", "recorded_at": real_now()}
    keys = (str(uuid4()) for _ in range(100))
    rows = [{**row, "seq": seq, "key": key} for seq, key in enumerate(keys)]  # in both partitions
    with pytest.raises(ConnectionError, match="TimeoutError"):
        await KafkaSender(broker.servers).send(broker.topic, rows)  # type: ignore[arg-type]
    handed_over[0].set_exception(LeaderNotAvailableError())
    handed_over.clear()
    await asyncio.sleep(0.05)
    gc.collect()
    assert forgotten == []


async def test_one_process_sends_at_a_time_and_the_next_takes_over(another: Another, broker: Broker) -> None:
    first, second = await another(0), await another(1)
    one, two = Reluctant(), Reluctant()
    relays = [
        Relay(toy.pool, toy.leases, toy.bells, toy.heart, event_topics.destinations(toy.name), sender)
        for toy, sender in ((first, one), (second, two))
    ]
    async with going(relays[0]) as (task,):
        await say(first, uuid4(), 0)
        await until(nothing_pending(first))
        async with going(relays[1]):
            await say(first, uuid4(), 0)
            await until(nothing_pending(first))
            assert two.asked == []
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            began = time.monotonic()
            await say(first, uuid4(), 0)
            await until(nothing_pending(first))
            assert time.monotonic() - began < 4
            assert two.asked


async def test_an_owner_that_slept_over_its_lease_wakes_and_changes_no_order(another: Another, broker: Broker) -> None:
    """It may send again what was sent, never first what came later; what it sends again has the same id."""
    frozen, other = await another(0), await another(1)
    dossier = uuid4()
    waking = asyncio.Event()

    class Sleepy(KafkaSender):
        async def send(self, topic: str, rows: Sequence[asyncpg.Record]) -> list[int]:
            await waking.wait()
            return await super().send(topic, rows)

    sleepy = Relay(
        frozen.pool, frozen.leases, frozen.bells, frozen.heart, event_topics.destinations(frozen.name),
        Sleepy(broker.servers),
    )  # fmt: skip
    await say_many(frozen, [(dossier, number) for number in range(3)])
    async with going(sleepy):
        await asyncio.sleep(0.2)
        await frozen.pool.execute("UPDATE lease SET until = now() - interval '1 s' WHERE name = $1", RELAY)
        async with going(other.relay(broker.servers)):
            await until(nothing_pending(other))
            await say(other, dossier, 3)
            await until(nothing_pending(other))
            waking.set()
            await asyncio.sleep(0.5)
    assert (await read_back(frozen, broker.servers))[dossier] == [0, 1, 2, 3]


@given(st.lists(st.integers(0, 5), max_size=60))
def test_waves_hold_each_key_once_and_keep_its_order(keys: list[int]) -> None:
    rows: Any = [{"seq": seq, "key": str(key)} for seq, key in enumerate(keys)]
    waves = _waves(rows)
    sent = [row for wave in waves for row in wave]
    assert sorted(row["seq"] for row in sent) == list(range(len(keys)))
    for wave in waves:
        assert len({row["key"] for row in wave}) == len(wave)
    for key in set(keys):
        seqs = [row["seq"] for row in sent if row["key"] == str(key)]
        assert seqs == sorted(seqs)


@given(st.binary(min_size=1, max_size=60), st.integers(min_value=1, max_value=48))
def test_a_key_has_the_partition_that_every_client_of_kafka_gives_it(key: bytes, count: int) -> None:
    partitions = list(range(count))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, partitions, partitions)
