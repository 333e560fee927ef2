"""How much the spine carries in one process, as figures: run with `-s -m long` on a quiet machine."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psutil
import pytest

from hub_events.event import Envelope, to_headers
from hub_events.ids import derive_id
from hub_events.routing import DossierRoutingFailedV1
from hub_messaging import freed, work
from hub_messaging.backlog import by_lane
from hub_messaging.clock import real_now
from hub_messaging.jobs import Job
from hub_messaging.leases import Leases, lease_of
from hub_messaging.reader import Reader
from hub_messaging.refused import RawRecord
from hub_messaging.runner import GroupRunner
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.test_process import Start, start
from tests.messaging.toy import Mischief, ToyUnitOfWork, handlers, hear, settled_state, submitted
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.long]
__all__ = ["start"]
Count = Callable[[], Awaitable[bool]]


def rows(toy: ToyService, table: str, number: int) -> Count:
    async def are() -> bool:
        await asyncio.sleep(0.1)
        return bool(await toy.pool.fetchval(f"SELECT count(*) FROM {table}") == number)

    return are


def tell(what: str, number: int, began: tuple[float, float]) -> None:
    took, cpu = time.monotonic() - began[0], time.process_time() - began[1]
    print(f"\n{what}: {number / took:,.0f}/s, {cpu / number * 1e6:,.0f} µs of this process each")


def now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


async def test_reading(toy: ToyService, broker: Broker) -> None:
    """Each event: one aggregate written, one event published, on two partitions."""
    number = 20_000
    body = submitted().model_dump_json(exclude_none=True).encode()
    futures = []
    for _ in range(number):
        envelope = Envelope(uuid4(), "dossier.submitted.v1", "/hub/intake", str(uuid4()), real_now(), real_now())
        futures.append(
            await broker.producer.send(broker.topic, body, key=envelope.subject.encode(), headers=to_headers(envelope))
        )
    await asyncio.gather(*futures)
    began = now()
    async with going(toy.consumer(broker.servers)):
        await until(rows(toy, "toy", number), within=120)
        tell("read, handled, published", number, began)


async def test_relaying(toy: ToyService, broker: Broker) -> None:
    number = 20_000
    event = DossierRoutingFailedV1(reason="heard", leg="lead", competence="toy")

    def run(uow: ToyUnitOfWork) -> None:
        for _ in range(1000):
            dossier = uuid4()
            uow.publish(event, dossier_id=dossier, id=derive_id(dossier, "said"))

    for _ in range(number // 1000):
        await toy.runner.run([Job(run=run)])
    began = now()
    async with going(toy.relay(broker.servers)):
        await until(rows(toy, "outbox_pending", 0), within=120)
        tell("relayed", number, began)


async def test_requests(toy: ToyService) -> None:
    """64 clients at once, each commit one new aggregate and one event."""
    group, number = GroupRunner(toy.runner), 6_400
    began = now()

    async def client() -> None:
        for _ in range(number // 64):
            dossier = uuid4()

            def run(uow: ToyUnitOfWork, dossier: object = dossier) -> None:
                hear(uow, dossier, uuid4())  # type: ignore[arg-type]

            await group.run(Job(run=run, keys={"toys": (dossier,)}))

    await asyncio.gather(*(client() for _ in range(64)))
    tell("requests in groups", number, began)


async def test_understanding(own_topics: str) -> None:
    """From raw record to job and handler, without any server."""
    reader: Reader[ToyUnitOfWork] = Reader(f"toy-{own_topics}", handlers())
    body = submitted().model_dump_json(exclude_none=True).encode()
    records = []
    for offset in range(5000):
        envelope = Envelope(uuid4(), "dossier.submitted.v1", "/hub/intake", str(uuid4()), real_now(), real_now())
        records.append(RawRecord("t", 0, offset, tuple(to_headers(envelope)), None, body))
    uow = ToyUnitOfWork("intake", real_now())
    uow.outbox._types = {"dossier.routing_failed.v1"}
    began = now()
    for record in records:
        assert reader.handles(record)
        reader.job(record).run(uow)
        uow.keep()
    tell("understood and handled", len(records), began)


async def test_a_whole_process(start: Start, toy: ToyService, broker: Broker) -> None:
    """From the command to the first work; memory and CPU when idle."""
    first = (await broker.say(submitted(Mischief.WORK))).dossier_id
    began = time.monotonic()
    process = await start()
    await until(process.ready, within=30)
    print(f"\nready after {time.monotonic() - began:.2f} s", end="")

    async def sent() -> bool:
        known = (await settled_state(toy.pool)).get(first)
        return known is not None and known.sent is not None

    await until(sent, within=30)
    print(f", first event handled and its work sent after {time.monotonic() - began:.2f} s")
    await asyncio.sleep(3)
    os_process = psutil.Process(process.child.pid)
    cpu = sum(os_process.cpu_times()[:2])
    await asyncio.sleep(10)
    print(f"idle: {(sum(os_process.cpu_times()[:2]) - cpu) * 10:.1f} % of a core", end="")
    print(f", {os_process.memory_full_info().pss / 1e6:.0f} MB PSS, {os.cpu_count()} cores")


async def test_500_lanes(toy: ToyService) -> None:
    """One look at all lanes and one renewal of their leases, with 50,000 rows waiting for later."""
    await toy.pool.execute(
        "INSERT INTO work (id, lane, dossier_id, kind, state, fact_at, next_at)"
        " SELECT gen_random_uuid(), 'lane-' || n % 500, gen_random_uuid(), 'k', 'ready', now(), now() + interval '1 h'"
        " FROM generate_series(1, 50000) AS n"
    )
    await toy.pool.execute("ANALYZE work")
    lanes = [f"lane-{n}" for n in range(500)]
    names = [lease_of(lane) for lane in lanes]
    room = [(lease, 8) for lease in (await toy.leases.hold(names)).values()]
    for what, act in (
        ("a look at 500 lanes", lambda: work.due_heads(toy.pool, room, [])),
        ("a look at 1 lane", lambda: work.due_heads(toy.pool, room[:1], [])),
        ("freeing what stands behind nothing", lambda: freed.free(toy.pool, lanes)),
        ("counting what is due", lambda: by_lane(toy.pool)),
        ("500 leases taken or renewed", lambda: Leases(toy.pool, "slot").hold(names)),
    ):
        await act()
        began = time.monotonic()
        for _ in range(20):
            await act()
        print(f"\n{what}: {(time.monotonic() - began) / 20 * 1000:.1f} ms", end="")
    print()
