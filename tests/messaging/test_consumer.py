"""Reading from real Kafka: every record has exactly one end, whatever it holds and whatever dies meanwhile."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.errors import CorruptRecordException, KafkaError, NotCoordinatorForGroupError
from faststream import AckPolicy
from faststream.kafka.message import KafkaAckableMessage

from hub_events.event import Envelope, to_headers
from hub_events.intake import DossierRefusedV1
from hub_local.stack import Stack
from hub_messaging import consumer as consumer_module
from hub_messaging import refused
from hub_messaging.clock import real_now
from hub_messaging.consumer import Consumer
from hub_messaging.metrics import CONSUMED
from hub_messaging.positions import PositionMoved, stored_positions
from hub_messaging.refused import DEAD, WAITING, RawRecord, RefusedTable
from hub_messaging.replay import RefusedRecords
from hub_messaging.topics import administering
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.toy import DESK, RECEIVED, Mischief, ToyUnitOfWork, settled_state, submitted
from tests.stack import PostgresServer
from tests.waiting import until

pytestmark = pytest.mark.stack
Another = Callable[..., Awaitable[ToyService]]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look after their partitions every moment, and lose patience after seconds."""
    for name, seconds in (("TICK_SECONDS", 0.2), ("SUSPICIOUS_AFTER_SECONDS", 1.0), ("RECONNECT_AFTER_SECONDS", 2.0)):
        monkeypatch.setattr(consumer_module, name, seconds)


def heard(toy: ToyService, *dossiers: UUID) -> Callable[[], Awaitable[bool]]:
    async def all_heard() -> bool:
        known = await settled_state(toy.pool)
        return all(dossier in known for dossier in dossiers)

    return all_heard


async def read_all(toy: ToyService, broker: Broker) -> bool:
    """Whether the positions have reached the ends of the log."""
    places = [TopicPartition(broker.topic, n) for n in range(2)]
    client = AIOKafkaConsumer(bootstrap_servers=broker.servers)
    await client.start()
    try:
        ends = await client.end_offsets(places)
    finally:
        await client.stop()
    stored = await stored_positions(toy.pool)
    return all(stored.get((place.topic, place.partition), 0) == end for place, end in ends.items())


async def reading_through(toy: ToyService, broker: Broker, seconds: float = 20.0) -> None:
    """Reads until everything was read."""
    async with going(toy.consumer(broker.servers)):
        await until(lambda: read_all(toy, broker), within=seconds)


async def dead_letters(toy: ToyService, state: str = DEAD) -> list[dict[str, Any]]:
    return await RefusedTable(toy.pool).listed(state, 0, 1000)


async def test_kafka_never_moves_offsets_by_itself_and_every_subscriber_is_manual(
    toy: ToyService, broker: Broker
) -> None:
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(lambda: consumer._subscriber.consumer is not None)
        client = consumer._client
        assert consumer._subscriber.ack_policy is AckPolicy.MANUAL
        assert client._enable_auto_commit is False


async def test_an_event_is_heard_within_a_quarter_of_a_second_and_a_stop_takes_less_than_one(
    toy: ToyService, broker: Broker
) -> None:
    first = (await broker.say(submitted())).dossier_id
    async with going(toy.consumer(broker.servers)) as (task,):
        await until(heard(toy, first))
        delays = []
        for _ in range(10):
            began = time.monotonic()
            await until(heard(toy, (await broker.say(submitted())).dossier_id))
            delays.append(time.monotonic() - began)
        assert sorted(delays)[5] < 0.25
        began = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert time.monotonic() - began < 1
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted())).dossier_id))


async def test_a_reader_that_is_behind_does_not_pause_and_one_that_is_not_does(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lingers for an hour after a batch that is not full; so whatever it hears in time, it heard without."""
    monkeypatch.setattr(consumer_module, "MAX_BATCH", 5)
    dossiers = [(await broker.say(submitted(), partition=0)).dossier_id for _ in range(13)]
    batches: list[tuple[int, float]] = []
    rest = Consumer._rest

    async def noted(self: Consumer[ToyUnitOfWork], seconds: float) -> None:
        batches.append((len(await settled_state(toy.pool)), seconds))
        await rest(self, seconds)

    monkeypatch.setattr(Consumer, "_rest", noted)
    consumer = Consumer(toy.name, broker.servers, 0, toy.runner, toy.reader, toy.heart, linger_seconds=3600)
    async with going(consumer):
        await until(heard(toy, *dossiers))
        await until(lambda: bool(batches))
    assert batches == [(13, 3600)], "after two full batches of five it read on, after one of three it waits for more"


async def test_a_batch_is_let_go_whatever_lives_on_of_what_was_made_meanwhile(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastStream's context holds the batch, and a connection opened under it holds the context for all its life."""
    contexts: list[Context] = []
    process = Consumer._process

    async def noted(self: Consumer[ToyUnitOfWork], records: list[RawRecord]) -> None:
        contexts.append(copy_context())
        await process(self, records)

    monkeypatch.setattr(Consumer, "_process", noted)
    await broker.say(submitted())
    await reading_through(toy, broker)
    held = [value for context in contexts for value in context.values() if isinstance(value, KafkaAckableMessage)]
    assert held
    assert not any(message.raw_message for message in held)


async def test_each_event_twice_is_one_effect(toy: ToyService, broker: Broker) -> None:
    envelope = await broker.say(submitted(), partition=0)
    await broker.say(submitted(), envelope.dossier_id, id=envelope.id, partition=0)
    await broker.say(submitted(), envelope.dossier_id, id=envelope.id, partition=1)
    await reading_through(toy, broker)
    assert (await settled_state(toy.pool))[envelope.dossier_id].facts == (str(envelope.id),)
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_poison_of_every_kind_becomes_dead_letters_that_say_why_and_blocks_nothing(
    toy: ToyService, broker: Broker
) -> None:
    def headers(**changes: bytes | None) -> list[tuple[str, bytes]]:
        envelope = Envelope(uuid4(), "dossier.submitted.v1", "/hub/intake", str(uuid4()), real_now(), real_now())
        return [*(dict(to_headers(envelope)) | changes).items()]  # type: ignore[list-item]

    body = submitted().model_dump_json(exclude_none=True).encode()
    poison: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (b"{not json", headers()),
        (b"\xff\xfe\x00", headers()),
        (b'{"procedure": {"code": "0912345678"}}', headers()),
        (None, headers()),  # a tombstone
        (b"", headers()),
        (body, []),
        (body, headers(ce_id=b"\xff\xfe")),
        (body, headers(ce_id=None)),
        (body, headers(ce_id=b"not-a-uuid")),
        (body, headers(ce_type=b"\xff")),
        (body, headers(ce_type=None)),
        (body, headers(ce_type=b"dossier.submitted.v2")),
        (body, headers(ce_type=b"dossier.submitted.v\x00")),
        (body, headers(ce_time=b"yesterday")),
        (body, headers(ce_subject=b"not-a-dossier")),
        (body, headers(ce_specversion=b"0.3")),
        (body, [(name, b"\x00") for name, _ in headers()]),
    ]
    good = []
    for number, (value, given) in enumerate(poison):
        await broker.raw(value, given, key=b"key", partition=0)
        if number % 5 == 0:
            good.append((await broker.say(submitted(), partition=number % 2)).dossier_id)
    await reading_through(toy, broker)
    assert set(await settled_state(toy.pool)) == set(good)
    letters = await dead_letters(toy)
    assert len(letters) == len(poison)
    assert {letter["reason"] for letter in letters} == {
        "invalid-body", "unreadable-headers", "unknown-version", "invalid-subject",
    }  # fmt: skip
    for letter in letters:
        shown = await RefusedTable(toy.pool).shown(int(str(letter["id"])))
        assert shown is not None
        assert "0912345678" not in str(letter["detail"])


async def test_a_type_of_no_interest_or_not_known_yet_is_skipped_and_counted(toy: ToyService, broker: Broker) -> None:
    before = CONSUMED.labels(broker.topic, "skipped")._value.get()
    envelope = Envelope(uuid4(), "dossier.accepted.v1", "/hub/intake", str(uuid4()), real_now(), real_now())
    await broker.raw(b"whatever", to_headers(envelope))
    envelope = Envelope(uuid4(), "dossier.fee_paid.v1", "/hub/intake", str(uuid4()), real_now(), real_now())
    await broker.raw(b"whatever", to_headers(envelope))
    await reading_through(toy, broker)
    assert CONSUMED.labels(broker.topic, "skipped")._value.get() == before + 2
    assert await dead_letters(toy) == []


async def test_a_record_older_than_the_inbox_reaches_is_not_taken_for_new(toy: ToyService, broker: Broker) -> None:
    await broker.say(submitted(), recorded_at=real_now() - timedelta(days=31))
    await reading_through(toy, broker)
    assert [letter["reason"] for letter in await dead_letters(toy)] == ["too-old"]
    assert await settled_state(toy.pool) == {}


async def test_what_a_handler_refuses_fails_at_or_waits_for_ends_alone(toy: ToyService, broker: Broker) -> None:
    ends = {}
    for mischief in (Mischief.BUG, Mischief.CANNOT, Mischief.DATA_ERROR, Mischief.NOT_YET, Mischief.NONE):
        ends[mischief] = (await broker.say(submitted(mischief), partition=0)).dossier_id
    await reading_through(toy, broker)
    assert set(await settled_state(toy.pool)) == {ends[Mischief.NONE]}
    assert sorted(letter["reason"] for letter in await dead_letters(toy)) == ["bug", "bug", "not-for-us"]
    (waiting,) = await dead_letters(toy, WAITING)
    assert waiting["reason"] == "no-such-procedure"
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_many_bugs_in_a_row_stop_the_partition_and_lose_nothing_while_others_go_on(
    another: Another, broker: Broker
) -> None:
    toy = await another()
    buggy = [(await broker.say(submitted(Mischief.BUG), partition=0)).dossier_id for _ in range(30)]
    other = (await broker.say(submitted(), partition=1)).dossier_id
    async with going(toy.consumer(broker.servers)):
        await until(lambda: "consumer" in toy.heart.unready())
        await until(heard(toy, other))
        later = (await broker.say(submitted(), partition=1)).dossier_id
        await until(heard(toy, later))
        assert "bug" in toy.heart.unready()["consumer"]
        assert toy.heart.stuck() == []
        assert (await stored_positions(toy.pool))[broker.topic, 0] == 0
    assert await dead_letters(toy) == []
    mended = await another()
    mended.mended.yes = True
    async with going(mended.consumer(broker.servers)):
        await until(heard(mended, *buggy))
    assert "consumer" not in mended.heart.unready()


async def test_bugs_that_other_records_interrupt_do_not_stop_reading(toy: ToyService, broker: Broker) -> None:
    for number in range(60):
        await broker.say(submitted(Mischief.BUG if number % 3 else Mischief.NONE), partition=0)
    await reading_through(toy, broker)
    assert len(await dead_letters(toy)) == 40
    assert "consumer" not in toy.heart.unready()


async def test_the_position_in_the_database_decides_and_not_kafkas(toy: ToyService, broker: Broker) -> None:
    dossiers = [(await broker.say(submitted(), partition=0)).dossier_id for _ in range(10)]
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, *dossiers))
        consumer._tell_kafka()
        assert consumer._telling is not None
        await consumer._telling
    # A database restored from a backup: Kafka's committed offset is ahead of it.
    await toy.pool.execute("TRUNCATE toy, inbox, outbox, outbox_pending")
    await toy.pool.execute("UPDATE position SET next_offset = 3 WHERE partition = 0")
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, *dossiers[3:]))
    assert set(await settled_state(toy.pool)) == set(dossiers[3:])


async def test_a_position_outside_the_log_stops_that_partition_while_others_go_on(
    toy: ToyService, broker: Broker
) -> None:
    await toy.pool.execute("INSERT INTO position VALUES ($1, 0, 1000)", broker.topic)
    await broker.say(submitted(), partition=0)
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted(), partition=1)).dossier_id))
        await until(lambda: "not in the log" in toy.heart.unready().get("consumer", ""))
    assert (await stored_positions(toy.pool))[broker.topic, 0] == 1000


async def delete_before(broker: Broker, partition: int, offset: int) -> None:
    async with administering(broker.servers) as admin:
        await admin.delete_records({TopicPartition(broker.topic, partition): RecordsToDelete(offset)})


async def test_no_position_on_a_log_that_no_longer_starts_at_0_stops_that_partition(
    toy: ToyService, broker: Broker
) -> None:
    for _ in range(5):
        await broker.say(submitted(), partition=0)
    await delete_before(broker, 0, 3)
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted(), partition=1)).dossier_id))
        await until(lambda: "not in the log" in toy.heart.unready().get("consumer", ""))
    assert (broker.topic, 0) not in await stored_positions(toy.pool)
    assert len(await settled_state(toy.pool)) == 1


async def test_a_log_that_is_cut_under_a_reader_is_noticed_and_not_jumped(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "TICK_SECONDS", 0.2)
    monkeypatch.setattr(consumer_module, "SUSPICIOUS_AFTER_SECONDS", 1.0)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
        place = TopicPartition(broker.topic, 0)
        consumer._client.pause(place)
        for _ in range(5):
            await broker.say(submitted(), partition=0)
        await delete_before(broker, 0, 4)
        consumer._client.resume(place)
        await until(lambda: "left the log" in toy.heart.unready().get("consumer", ""))
        await until(heard(toy, (await broker.say(submitted(), partition=1)).dossier_id))
    assert (await stored_positions(toy.pool))[broker.topic, 0] == 1
    assert len(await settled_state(toy.pool)) == 2


@pytest.mark.usefixtures("impatient")
async def test_a_partition_that_stands_still_is_read_on_over_a_new_connection(toy: ToyService, broker: Broker) -> None:
    """Whatever holds it up; here the client was left paused, as after a rebalance at the wrong moment."""
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
        consumer._client.pause(TopicPartition(broker.topic, 0))
        left = (await broker.say(submitted(), partition=0)).dossier_id
        await until(heard(toy, (await broker.say(submitted(), partition=1)).dossier_id))
        await until(heard(toy, left), within=30)


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_fails_at_every_look_is_made_anew_and_blames_no_record(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its part in the group has died: Kafka still answers, yet each look raises."""
    monkeypatch.setattr(consumer_module, "RECONNECT_AFTER_SECONDS", 60.0)
    monkeypatch.setattr(consumer_module, "LOOKS_AGAIN_AFTER_SECONDS", 0.05)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))

        def fails() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(consumer._client._coordinator, "check_errors", fails)
        left = [(await broker.say(submitted(), partition=n)).dossier_id for n in (0, 1)]
        await until(heard(toy, *left), within=30)
        assert "consumer" not in toy.heart.unready()


@pytest.mark.usefixtures("impatient")
async def test_what_came_while_kafka_answered_nobody_is_read_and_blamed_on_no_record(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage the first look finds a partition that has long stood still and has much to read."""
    monkeypatch.setattr(consumer_module, "RECONNECT_AFTER_SECONDS", 60.0)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
        goes_on = asyncio.Event()
        look = consumer._client.getmany

        async def waits(**how: Any) -> Any:
            await goes_on.wait()
            return await look(**how)

        monkeypatch.setattr(consumer._client, "getmany", waits)
        await asyncio.sleep(1.2)  # the look that had begun is over
        place = TopicPartition(broker.topic, 0)
        left = (await broker.say(submitted(), partition=0)).dossier_id
        await until(lambda: consumer._client.highwater(place) == 2, every=0.01)
        consumer._moved_at[place] -= 60
        consumer._look.set()
        await asyncio.sleep(0.1)
        goes_on.set()
        await until(heard(toy, left))
        assert "consumer" not in toy.heart.unready()


@pytest.mark.usefixtures("impatient")
async def test_a_record_that_is_broken_on_disk_stops_its_partition_while_others_go_on(
    toy: ToyService, broker: Broker, kafka: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("RECONNECT_AFTER_SECONDS", 4.0), ("LOOKS_AGAIN_AFTER_SECONDS", 0.05)):
        monkeypatch.setattr(consumer_module, name, seconds)
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
    await broker.say(submitted(), partition=0)
    (segment,) = kafka.layout.folder.glob(f"**/{broker.topic}-0/*.log")
    content = bytearray(segment.read_bytes())
    content[-1] ^= 0xFF
    segment.write_bytes(content)
    async with going(toy.consumer(broker.servers)):

        def gave_up() -> bool:
            return "from 1 on can't be read" in toy.heart.unready().get("consumer", "")

        await until(gave_up)
        for _ in range(20):  # it stays given up: a connection made anew would read it again
            await asyncio.sleep(0.1)
            assert gave_up()
        await until(heard(toy, (await broker.say(submitted(), partition=1)).dossier_id))
        assert toy.heart.stuck() == []
    assert (await stored_positions(toy.pool))[broker.topic, 0] == 1


@pytest.mark.usefixtures("impatient")
async def test_a_partition_that_kafkas_client_has_given_up_already_ends_no_reader(
    toy: ToyService, broker: Broker
) -> None:
    """While the group shares out anew, the client may know nothing of a partition that we still believe to read."""
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
        given_up = TopicPartition(broker.topic, 99)
        consumer._next[given_up], consumer._moved_at[given_up] = 0, time.monotonic()
        await until(lambda: given_up not in consumer._next)
        await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))


async def dropped(
    toy: ToyService, broker: Broker, consumer: Consumer[ToyUnitOfWork], *, reads_on_at: int
) -> list[UUID]:
    """After one that is heard come three more, over some of which the client goes on: the dossiers of the three."""
    await until(heard(toy, (await broker.say(submitted(), partition=0)).dossier_id))
    place = TopicPartition(broker.topic, 0)
    consumer._client.pause(place)
    skipped = [(await broker.say(submitted(), partition=0)).dossier_id for _ in range(3)]
    consumer._client.seek(place, reads_on_at)
    consumer._client.resume(place)
    return skipped


async def test_records_that_the_client_dropped_are_read_again(toy: ToyService, broker: Broker) -> None:
    """The client loses what it drained of one partition when another one of the same poll fails."""
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, *await dropped(toy, broker, consumer, reads_on_at=3)))
    assert len(await settled_state(toy.pool)) == 4


async def test_dropped_records_that_nothing_follows_are_read_again_too(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No later record shows the gap: it is found by the client standing further than the database."""
    monkeypatch.setattr(consumer_module, "TICK_SECONDS", 2.0)
    monkeypatch.setattr(consumer_module, "SUSPICIOUS_AFTER_SECONDS", 1.0)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, *await dropped(toy, broker, consumer, reads_on_at=4)))
        assert "consumer" not in toy.heart.unready()


async def test_a_partition_that_a_restarted_process_was_not_given_is_read_all_the_same(
    another: Another, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that comes back within its session is given what it had, whatever there is by now."""
    for name, seconds in (("TICK_SECONDS", 2.0), ("SESSION_SECONDS", 6.0), ("NAMES_EVERY_SECONDS", 1.0)):
        monkeypatch.setattr(consumer_module, name, seconds)
    first, again = await another(), await another()
    async with going(first.consumer(broker.servers)):
        await until(heard(first, (await broker.say(submitted(), partition=1)).dossier_id))
    async with administering(broker.servers) as admin:
        await admin.create_partitions({broker.topic: NewPartitions(total_count=3)})
    await broker.producer.client.force_metadata_update()
    new = (await broker.say(submitted(), partition=2)).dossier_id
    async with going(again.consumer(broker.servers)):
        await until(heard(again, new))


async def test_what_the_framework_would_drop_is_read_again(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = Consumer._contiguous

    def fails_at_first(self: Consumer[ToyUnitOfWork], records: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError
        return original(self, records)

    monkeypatch.setattr(Consumer, "_contiguous", fails_at_first)
    monkeypatch.setattr(consumer_module, "LONGEST_PAUSE_SECONDS", 0.1)
    async with going(toy.consumer(broker.servers)):
        await until(heard(toy, (await broker.say(submitted())).dossier_id))
    assert len(calls) > 1


async def test_a_process_that_lost_its_partitions_unawares_commits_nothing(another: Another, broker: Broker) -> None:
    first, second = await another(), await another()
    frozen = first.consumer(broker.servers)
    async with going(frozen):
        await until(heard(first, (await broker.say(submitted(), partition=0)).dossier_id))
        batch = [_record(broker.topic, 0, 1, await broker.say(submitted(), partition=0))]
        await until(lambda: read_all(first, broker))
    frozen._next = {TopicPartition(broker.topic, 0): 1}
    with pytest.raises(PositionMoved):
        await frozen._process(batch)
    assert (await stored_positions(second.pool))[broker.topic, 0] == 2


def _record(topic: str, partition: int, offset: int, envelope: Envelope) -> ConsumerRecord[Any, Any]:
    body = submitted().model_dump_json(exclude_none=True).encode()
    headers = tuple(to_headers(envelope))
    return ConsumerRecord(topic, partition, offset, 0, 0, None, body, None, -1, len(body), headers)


async def test_the_same_topics_read_by_two_processes_and_one_killed(another: Another, broker: Broker) -> None:
    first, second = await another(0), await another(1)
    async with going(first.consumer(broker.servers)):
        async with going(second.consumer(broker.servers)):
            dossiers = [(await broker.say(submitted())).dossier_id for _ in range(200)]
            await until(heard(first, *dossiers), within=40)
        # The other one's partitions come over when its session has run out; it did not leave.
        later = [(await broker.say(submitted(), partition=n % 2)).dossier_id for n in range(4)]
        await until(heard(first, *later), within=40)
    facts = [fact for toy in (await settled_state(first.pool)).values() for fact in toy.facts]
    assert len(facts) == len(set(facts)) == 204


async def test_postgresql_restarted_in_the_middle_loses_nothing_and_doubles_nothing(
    toy: ToyService, broker: Broker, postgres: PostgresServer
) -> None:
    async def speak() -> list[UUID]:
        return [(await broker.say(submitted())).dossier_id for _ in range(300)]

    async with going(toy.consumer(broker.servers)):
        speaking = asyncio.create_task(speak())
        await asyncio.sleep(0.5)
        await postgres.stack.restart("postgres")
        dossiers = await speaking
        await until(heard(toy, *dossiers), within=40)
    facts = [fact for toy in (await settled_state(toy.pool)).values() for fact in toy.facts]
    assert len(facts) == len(set(facts)) == 300
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == 300


async def test_kafka_restarted_in_the_middle_loses_nothing_and_reading_goes_on(
    toy: ToyService, broker: Broker, kafka: Stack
) -> None:
    async with going(toy.consumer(broker.servers)):
        before = [(await broker.say(submitted())).dossier_id for _ in range(20)]
        await until(heard(toy, *before))
        await kafka.restart("kafka")
        after = [(await broker.say(submitted())).dossier_id for _ in range(20)]
        await until(heard(toy, *after), within=60)
    assert len(await settled_state(toy.pool)) == 40


async def died() -> None:
    raise KafkaError("fetching has died")


@pytest.mark.parametrize("end", [asyncio.Event().wait, died])
async def test_a_connection_that_stays_silent_is_made_anew(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch, end: Callable[[], Coroutine[Any, Any, Any]]
) -> None:
    """The client can be alive and yet fetch no more (aiokafka 1154); one that has died fails at its end once more."""
    monkeypatch.setattr(consumer_module, "TICK_SECONDS", 0.2)
    monkeypatch.setattr(consumer_module, "SUSPICIOUS_AFTER_SECONDS", 1.0)
    monkeypatch.setattr(consumer_module, "RECONNECT_AFTER_SECONDS", 2.0)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted())).dossier_id))
        consumer._client._fetcher._fetch_task.cancel()
        consumer._client._fetcher._fetch_task = asyncio.create_task(end())
        await until(heard(toy, (await broker.say(submitted())).dossier_id), within=30)


async def test_offsets_that_cannot_be_told_are_no_forgotten_failure(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short, the client's request would go on by itself and fail unheard."""
    monkeypatch.setattr(consumer_module, "TICK_SECONDS", 0.2)
    forgotten: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: forgotten.append(context))
    asked: list[int] = []

    async def slowly_refused(*_: Any) -> None:
        asked.append(1)
        await asyncio.sleep(0.5)
        raise NotCoordinatorForGroupError

    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted())).dossier_id))
        monkeypatch.setattr(consumer._client._coordinator, "_do_commit_offsets", slowly_refused)
        await until(lambda: asyncio.sleep(0, len(asked) > 2))
        monkeypatch.undo()
    gc.collect()
    assert forgotten == []


async def test_a_group_that_never_answers_is_asked_anew(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client waits for its coordinator without an end, and the process must not end itself for that."""
    monkeypatch.setattr(consumer_module, "RECONNECT_AFTER_SECONDS", 1.0)
    consumer = toy.consumer(broker.servers)
    start, calls = consumer._broker.start, []

    async def hangs_at_first() -> None:
        calls.append(1)
        await (asyncio.Event().wait() if len(calls) == 1 else start())

    monkeypatch.setattr(consumer._broker, "start", hangs_at_first)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted())).dossier_id), within=30)


async def test_a_gap_counts_only_between_looks_that_succeeded(
    toy: ToyService, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one fails, the client drops what it had drained of other partitions, perhaps the same again and again."""
    monkeypatch.setattr(consumer_module, "LOOKS_AGAIN_AFTER_SECONDS", 0.1)
    consumer = toy.consumer(broker.servers)
    async with going(consumer):
        await until(heard(toy, (await broker.say(submitted())).dossier_id))
        consumer._gaps[TopicPartition(broker.topic, 0)] = 7
        look = consumer._client._fetcher.fetched_records

        async def broken(*_: Any, **__: Any) -> Any:
            monkeypatch.setattr(consumer._client._fetcher, "fetched_records", look)
            raise CorruptRecordException

        monkeypatch.setattr(consumer._client._fetcher, "fetched_records", broken)
        await until(lambda: asyncio.sleep(0, not consumer._gaps))


async def test_the_dead_are_replayed_inside_the_service_once_the_reason_is_gone(
    toy: ToyService, broker: Broker
) -> None:
    dossiers = [
        (await broker.say(submitted(mischief), partition=0)).dossier_id
        for mischief in (Mischief.BUG, Mischief.CANNOT, Mischief.DATA_ERROR, Mischief.NOT_YET)
    ]
    await reading_through(toy, broker)
    replays = RefusedRecords(toy.runner, toy.reader, toy.heart)
    letters = await dead_letters(toy)
    # Replayed too early it is refused again, and its count grows.
    assert await RefusedTable(toy.pool).decide(int(letters[0]["id"]), WAITING, "officer-1", "try")
    await replays.try_again()
    shown = await RefusedTable(toy.pool).shown(int(letters[0]["id"]))
    assert shown is not None
    assert (shown["state"], shown["attempts"], shown["decided_by"]) == (DEAD, 2, "officer-1")
    toy.mended.yes = True
    for letter in letters:
        assert await RefusedTable(toy.pool).decide(int(letter["id"]), WAITING, "officer-1", "mended")
    await toy.pool.execute("UPDATE refused_record SET next_at = now()")
    await asyncio.gather(replays.try_again(), replays.try_again())
    assert set(await settled_state(toy.pool)) == set(dossiers)
    assert len(await dead_letters(toy, refused.REPLAYED)) == 4
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == 4


async def test_a_discarded_letter_is_never_run_and_keeps_who_and_why(toy: ToyService, broker: Broker) -> None:
    await broker.say(submitted(Mischief.CANNOT))
    await reading_through(toy, broker)
    (letter,) = await dead_letters(toy)
    assert await RefusedTable(toy.pool).decide(int(letter["id"]), refused.DISCARDED, "officer-1", "a test record")
    assert not await RefusedTable(toy.pool).decide(int(letter["id"]), WAITING, "officer-2", "no")
    toy.mended.yes = True
    await RefusedRecords(toy.runner, toy.reader, toy.heart).try_again()
    assert await settled_state(toy.pool) == {}
    (kept,) = await dead_letters(toy, refused.DISCARDED)
    assert (kept["decided_by"], kept["decided_why"]) == ("officer-1", "a test record")


async def test_facts_withheld_and_replayed_later_end_in_the_same_state(toy: ToyService, broker: Broker) -> None:
    dossier = uuid4()
    await broker.say(submitted(Mischief.NOT_YET), dossier, partition=0)
    second = DossierRefusedV1(
        refused_at=RECEIVED, refused_by="cb01", reason="not-ours", sealed_reason="a..b.c.d",
        procedure=submitted().procedure, desk=DESK,
    )  # fmt: skip
    await broker.say(second, dossier, partition=0)
    await reading_through(toy, broker)
    assert len((await settled_state(toy.pool))[dossier].facts) == 1
    toy.mended.yes = True
    await toy.pool.execute("UPDATE refused_record SET next_at = now()")
    await RefusedRecords(toy.runner, toy.reader, toy.heart).try_again()
    assert len((await settled_state(toy.pool))[dossier].facts) == 2
