"""A relay that is no longer the owner, or a producer that is given up: neither sends any more."""

import asyncio
import gc
from collections.abc import Iterable, Sequence
from uuid import uuid4

import asyncpg
import pytest

from hub_events import topics as event_topics
from hub_messaging import relay as relay_module
from hub_messaging.clock import real_now
from hub_messaging.leases import Lease
from hub_messaging.relay import KafkaSender, Relay
from tests.messaging.conftest import Broker, ToyService
from tests.messaging.test_relay import say

pytestmark = pytest.mark.stack
ROW = {"seq": 1, "key": "a", "headers": "[]", "body": b"{}", "recorded_at": real_now()}


async def test_a_producer_that_is_given_up_sends_no_more_and_leaves_nothing_behind(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left alone it would try for ever, and send a stale record behind newer ones once the partition has a leader."""
    monkeypatch.setattr(relay_module, "SEND_DEADLINE_SECONDS", 0.5)
    forgotten: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: forgotten.append(context))
    sender = KafkaSender(broker.servers)
    producer = await sender._ready()
    producer._message_accumulator._batch_ttl = 1.0
    monkeypatch.setattr(producer.client.cluster, "leader_for_partition", lambda _partition: -1)
    with pytest.raises(ConnectionError, match="TimeoutError"):
        await sender.send(broker.topic, [ROW])  # type: ignore[list-item]
    assert producer._sender.sender_task.done()
    assert producer.client._conns
    assert not any(connection.connected() for connection in producer.client._conns.values())
    del producer
    gc.collect()
    assert forgotten == []


async def test_a_producer_whose_end_does_not_come_is_cut_off(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "STOP_SECONDS", 0.2)
    sender = KafkaSender(broker.servers)
    producer = await sender._ready()
    monkeypatch.setattr(producer, "stop", asyncio.Event().wait)
    await sender.close()
    assert producer.client._conns
    assert not any(connection.connected() for connection in producer.client._conns.values())
    monkeypatch.undo()
    await producer.stop()


async def test_who_lost_the_lease_leaves_the_rest_of_its_chunk(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    dossier = uuid4()
    for number in range(3):
        await say(toy, dossier, number)
    sent: list[int] = []

    async def nothing(_names: Iterable[str]) -> dict[str, Lease]:
        return {}

    class Slow:
        async def send(self, _topic: str, rows: Sequence[asyncpg.Record]) -> list[int]:
            sent.extend(row["seq"] for row in rows)
            monkeypatch.setattr(toy.leases, "hold", nothing)
            return [row["seq"] for row in rows]

        async def close(self) -> None: ...

    relay = Relay(toy.pool, toy.leases, toy.bells, toy.heart, event_topics.destinations(toy.name), Slow())
    assert await relay.send_chunk() is False
    assert len(sent) == 1
    assert await toy.pool.fetchval("SELECT count(*) FROM outbox_pending") == 2
