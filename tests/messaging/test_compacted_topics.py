"""Dữ liệu tham chiếu qua Kafka: each type on its own topic, the last of each key is kept, and repeats do no harm."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from hub_events import topics as event_topics
from hub_events.event import Fact, ReferenceEvent, from_headers
from hub_events.ids import derive_id
from hub_events.reference import AgencyPublishedV1
from hub_events.routing import DossierRoutingFailedV1
from hub_events.topics import INTAKE, REFERENCE, ROUTING
from hub_local.stack import Stack
from hub_messaging import relay as relay_module
from hub_messaging.clock import real_now
from hub_messaging.consumer import Consumer
from hub_messaging.jobs import Job
from hub_messaging.outbox import MAX_RECORD_BYTES
from hub_messaging.reader import Handler, Reader
from hub_messaging.retention import Retention
from hub_messaging.topics import administering, apply_topics, settings_of
from services.intake.domain.reference.reference_events import LARGEST
from tests.messaging.conftest import ToyService, going
from tests.messaging.test_relay import nothing_pending
from tests.messaging.toy import ToyUnitOfWork
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest.fixture
def own_topics(request: pytest.FixtureRequest) -> Iterator[str]:
    """A toy that tells of dossiers and of agencies, and reads of agencies what it has told itself."""
    before, suffix = event_topics.TOPICS, f"reference-{uuid4().hex[:8]}"
    name = f"toy-{suffix}"
    event_topics.TOPICS = (
        replace(INTAKE, name=f"{INTAKE.name}-{suffix}", readers=(name,)),
        replace(ROUTING, name=f"{ROUTING.name}-{suffix}", producer=name, readers=("nobody",)),
        replace(REFERENCE, name=f"{REFERENCE.name}-{suffix}", producer=name, readers=(name,)),
    )
    yield suffix
    event_topics.TOPICS = before


@pytest.fixture
async def servers(kafka: Stack, own_topics: str) -> str:
    await apply_topics(kafka.layout.kafka_servers, partitions=2)
    return kafka.layout.kafka_servers


def agency(code: int, edition: int, **changes: Any) -> AgencyPublishedV1:
    about = {"code": f"H26.{code}", "valid_from": date(2025, 7, 1), "edition": edition, "name": "Sở", "vertical": False}
    return AgencyPublishedV1.model_validate({**about, **changes})


async def publish(toy: ToyService, *events: ReferenceEvent) -> None:
    def run(uow: ToyUnitOfWork) -> None:
        for event in events:
            uow.publish_reference(event, id=derive_id(uuid4(), event.key))

    await toy.runner.run([Job(run=run)])


async def records(servers: str, topic: str) -> list[ConsumerRecord[Any, Any]]:
    client = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await client.start()
    try:
        ends = await client.end_offsets(client.assignment())
        found: list[ConsumerRecord[Any, Any]] = []
        while any([await client.position(place) < end for place, end in ends.items()]):
            for batch in (await client.getmany(timeout_ms=500)).values():
                found += batch
        return found
    finally:
        await client.stop()


def editions(found: list[ConsumerRecord[Any, Any]]) -> dict[str, list[int]]:
    by_key: dict[str, list[int]] = {}
    for record in found:
        assert from_headers(record.headers).subject == record.key.decode()
        by_key.setdefault(record.key.decode(), []).append(AgencyPublishedV1.model_validate_json(record.value).edition)
    return by_key


async def test_each_type_goes_to_its_own_topic_and_the_order_of_a_key_is_kept(toy: ToyService, servers: str) -> None:
    dossier = uuid4()

    def run(uow: ToyUnitOfWork) -> None:
        for number in range(20):
            failed = DossierRoutingFailedV1(reason="heard", leg="lead", competence=str(number))
            uow.publish(failed, dossier_id=dossier, id=uuid4())
            uow.publish_reference(agency(number % 3, number + 1), id=uuid4())

    await toy.runner.run([Job(run=run)])
    async with going(toy.relay(servers)):
        await until(nothing_pending(toy))
    dossiers, reference = event_topics.topics_of(toy.name)
    told = [DossierRoutingFailedV1.model_validate_json(one.value) for one in await records(servers, dossiers.name)]
    assert [one.competence for one in told] == [str(number) for number in range(20)]
    assert editions(await records(servers, reference.name)) == {
        f"agency/H26.{code}@2025-07-01": [n + 1 for n in range(20) if n % 3 == code] for code in range(3)
    }


async def test_a_type_that_a_newer_version_has_left_is_sent_with_what_is_said_of_dossiers(
    toy: ToyService, servers: str
) -> None:
    await publish(toy, agency(1, 1))
    await toy.pool.execute("UPDATE outbox SET type = 'dossier.not_known_yet.v1'")
    async with going(toy.relay(servers)):
        await until(nothing_pending(toy))
    dossiers, reference = event_topics.topics_of(toy.name)
    assert (len(await records(servers, dossiers.name)), await records(servers, reference.name)) == (1, [])


async def test_what_is_not_acknowledged_is_sent_again_after_a_crash_of_the_relay(toy: ToyService, servers: str) -> None:
    """Committed, then killed before or after Kafka has it: it arrives, at least once, by the same id."""
    await publish(toy, agency(1, 1))

    class Killed(BaseException):
        pass

    relay = toy.relay(servers)

    async def killed(*_: Any) -> None:
        raise Killed

    relay._pool = type("Pool", (), {"fetch": toy.pool.fetch, "execute": staticmethod(killed)})()
    with pytest.raises(Killed):
        await relay.send_chunk()
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox_pending") == 1
    async with going(toy.relay(servers)):
        await until(nothing_pending(toy))
    found = await records(servers, event_topics.topics_of(toy.name)[1].name)
    assert len({from_headers(record.headers).id for record in found}) == 1
    assert len(found) == 2


async def test_a_chunk_of_large_records_is_bounded_by_its_bytes(
    toy: ToyService, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with few, takes as many as the last ones' size allows, and finds back to many."""
    monkeypatch.setattr(relay_module, "CHUNK_BYTES", 1_100_000)
    monkeypatch.setattr(relay_module, "FEW", 4)
    await publish(toy, *(agency(n, 1, name="x" * (LARGEST if n < 8 else 10)) for n in range(100)))
    relay, left = toy.relay(servers), []
    busy = True
    while busy:
        busy = await relay.send_chunk()
        left.append(await toy.pool.fetchval("SELECT count(*) FROM outbox_pending"))
    assert left[:6] == [96, 94, 92, 90, 86, 78]
    assert left[-1] == 0
    assert len(left) < 11
    await relay._sender.close()


def test_the_largest_procedure_fits_a_record() -> None:
    assert LARGEST + 4096 < MAX_RECORD_BYTES


async def test_a_type_of_another_service_is_refused(toy: ToyService) -> None:
    with pytest.raises(ValueError, match=r"agency\.published\.v1 is not an event of /hub/intake"):
        ToyUnitOfWork("intake", real_now()).publish_reference(agency(1, 1), id=uuid4())


async def test_the_outbox_keeps_for_good_what_a_compacted_topic_keeps(toy: ToyService) -> None:
    await publish(toy, agency(1, 1), agency(1, 2))
    await toy.pool.execute("UPDATE outbox SET recorded_at = now() - interval '3 years'")
    await toy.pool.execute("DELETE FROM outbox_pending")
    assert await Retention(toy.pool, toy.leases).purge("outbox") == 0
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox") == 2


def reading(toy: ToyService, servers: str, heard: list[tuple[str, int]]) -> Consumer[ToyUnitOfWork]:
    def on_agency(fact: Fact[AgencyPublishedV1], _uow: ToyUnitOfWork) -> None:
        heard.append((fact.data.key, fact.data.edition))

    handler: Handler[ToyUnitOfWork] = Handler(AgencyPublishedV1, on_agency, lambda _fact: {}, repeatable=True)
    return Consumer(toy.name, servers, toy.slot, toy.runner, Reader(toy.name, [handler]), toy.heart)


async def test_what_was_said_years_ago_is_read_by_who_comes_today(toy: ToyService, servers: str) -> None:
    await publish(toy, agency(1, 1))
    years_ago = real_now() - timedelta(days=900)
    heard: list[tuple[str, int]] = []
    await toy.pool.execute(
        "UPDATE outbox SET recorded_at = $1, headers = regexp_replace(headers, '(ce_recordedtime\",\")[^\"]+', $2)",
        years_ago, f"\\1{years_ago.isoformat().replace('+00:00', 'Z')}",
    )  # fmt: skip
    async with going(toy.relay(servers), reading(toy, servers, heard)):
        await until(lambda: asyncio.sleep(0, heard), bool)
    assert heard == [(agency(1, 1).key, 1)]
    assert await toy.pool.fetchval("SELECT count(*) FROM refused_record") == 0


def test_a_reader_that_cannot_tell_repeats_of_reference_data_is_refused_at_the_start(own_topics: str) -> None:
    handler: Handler[ToyUnitOfWork] = Handler(AgencyPublishedV1, lambda _fact, _uow: None, lambda _fact: {})
    with pytest.raises(ValueError, match="can't tell repeats"):
        Reader(f"toy-{own_topics}", [handler])


async def test_kafka_keeps_the_last_of_each_key_and_a_new_reader_gets_by_the_gaps(
    toy: ToyService, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = event_topics.topics_of(toy.name)[1]
    assert settings_of(topic, 1)["cleanup.policy"] == "compact"
    soon = {"segment.ms": "100", "max.compaction.lag.ms": "1", "min.cleanable.dirty.ratio": "0.001"}
    async with administering(servers) as admin:
        settings = {**settings_of(topic, 1), **soon}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=settings)])
    relay = toy.relay(servers)
    for edition in range(1, 7):
        await publish(toy, *(agency(code, edition) for code in range(10)))
        while await relay.send_chunk():
            pass
        await asyncio.sleep(0.2)
    await relay._sender.close()

    async def compacted() -> bool:
        return len(await records(servers, topic.name)) < 40

    await until(compacted, within=90)
    by_key = editions(await records(servers, topic.name))
    assert len(by_key) == 10
    assert all(kept == sorted(kept) and kept[-1] == 6 for kept in by_key.values())

    heard: list[tuple[str, int]] = []
    async with going(reading(toy, servers, heard)):
        await until(lambda: asyncio.sleep(0, sum(edition == 6 for _, edition in heard)), lambda last: last == 10)
    assert dict(heard) == {agency(code, 6).key: 6 for code in range(10)}
    assert "consumer" not in toy.heart.unready(), "a gap that compaction left stops nobody"
