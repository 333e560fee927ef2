"""Một tiến trình của dịch vụ: starts its roles, keeps them going, and drains them in order on SIGTERM or Ctrl-C."""

import asyncio
import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

import structlog
import uvloop

from hub_events.topics import destinations, topics_read_by
from hub_messaging import backlog, logs, refused, tracing
from hub_messaging.bells import Bells
from hub_messaging.clock import Clock
from hub_messaging.consumer import Consumer
from hub_messaging.database import UNAVAILABLE, open_pool
from hub_messaging.gauges import Gauge, Gauges
from hub_messaging.health import Heart, Probes
from hub_messaging.heard import Heard
from hub_messaging.jobs import Job
from hub_messaging.lanes import LaneKeeper
from hub_messaging.leases import Leases
from hub_messaging.metrics import ISSUER_KEYS_AGE
from hub_messaging.outbox import RELAY
from hub_messaging.outcomes import Outcome
from hub_messaging.reader import Handler, Reader
from hub_messaging.relay import KafkaSender, Relay
from hub_messaging.replay import RefusedRecords
from hub_messaging.retention import Retention
from hub_messaging.runner import Runner
from hub_messaging.settings import ServiceSettings
from hub_messaging.timer_keeper import TimerKeeper
from hub_messaging.timers import Timer
from hub_messaging.unit_of_work import UnitOfWork
from hub_messaging.unknown import ROLE, Ask, Questions, Settle, UnknownOutcomes
from hub_messaging.work import LANES, WorkRow

log = structlog.get_logger(__name__)

U = TypeVar("U", bound=UnitOfWork)
LOOKUPS = "16"
"""Threads of the event loop; half of them may look up names at once: some names that hang must not hold up all."""
MEASURE_SECONDS = 5.0
DRAIN_SECONDS = 12.0
CALM_AFTER_SECONDS = 2.0
"""What can wait until a process has done its first work waits for so long."""
_trim_heap = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Role:
    """A long-running part of a process. Roles start in the order given and stop in reverse: inputs first."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


class Serves(Protocol):
    """An HTTP server (hub_web.server.HttpServer)."""

    def surround(self, layer: Callable[[tracing.Asgi], tracing.Asgi]) -> None:
        """Puts a layer around the application."""

    async def start(self) -> None:
        """Listening when it returns."""

    async def stop(self) -> None:
        """Requests under way are answered."""


class Followed(Protocol):
    """Keys of who issues tokens, fetched again and again (hub_web.issuer_keys.IssuerKeys)."""

    async def follow(self, set_unready: Callable[[str | None], None]) -> None:
        """Until it is cancelled."""

    def age(self) -> float:
        """Seconds since they were fetched."""


class Spine(Generic[U]):
    """What every role of a service stands on: database, clock, leases, bells, runner, health.

    `kept`: tables of the service's own that are kept for days only (`hub_messaging.retention.KEPT` says how).
    """

    def __init__(
        self,
        service: str,
        settings: ServiceSettings,
        make: Callable[[Any], U],
        kept: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        tracing.start(service, settings.slot, settings.traces_url, settings.traces_share)
        self.service = service
        self.settings = settings
        self.clock = Clock(settings.clock_file)
        self.bells = Bells()
        self.heart = Heart()
        self._make = make
        self._kept = kept
        self._gauges = Gauges()

    async def open(self) -> None:
        """Connects to the database, with patience."""
        beat = self.heart.rhythm("database", limit_seconds=60)
        while True:
            beat()
            try:
                self.pool = await open_pool(self.settings.database_url, self.settings.pool_size)
                break
            except UNAVAILABLE as trouble:
                self.heart.set_unready("database", type(trouble).__name__)
                log.warning("database_not_reached", trouble=type(trouble).__name__)
                await asyncio.sleep(0.5)
        self.heart.stop_watching("database")
        self.heart.set_unready("database", None)
        self.leases = Leases(self.pool, f"{self.service}-{self.settings.slot}")
        self.runner: Runner[U] = Runner(self.pool, self.clock, self.bells, self._make)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(1):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    def measured_by(self, gauge: Gauge) -> None:
        """Adds a measurement that is taken every 5 s; less often if it takes longer than a quarter of one."""
        self._gauges.add(gauge)

    def relay(self) -> Role:
        """Sends the outbox to Kafka."""
        self.bells.answer(RELAY)
        sender = KafkaSender(self.settings.kafka_servers)
        topics, linger = destinations(self.service), self.settings.relay_linger_ms / 1000
        relay = Relay(self.pool, self.leases, self.bells, self.heart, topics, sender, linger)
        self.measured_by(relay.measure)
        return Role("relay", relay.run)

    def consumer(self, handlers: Sequence[Handler[U]]) -> list[Role]:
        """Reads the service's topics, and tries refused records again."""
        reader = Reader(self.service, handlers)
        consumer = Consumer(
            self.service,
            self.settings.kafka_servers,
            self.settings.slot,
            self.runner,
            reader,
            self.heart,
            self.settings.consumer_linger_ms / 1000,
        )
        again = RefusedRecords(self.runner, reader, self.heart)
        self.measured_by(lambda: refused.measure(self.pool))
        return [Role("refused_records", again.run), Role("consumer", consumer.run)]

    def timers(self, ring: Callable[[Timer], Job[U, None]]) -> Role:
        """Rings the due timers once all facts up to then were read; `ring` makes the job of one."""
        heard = Heard(self.settings.kafka_servers, topics_read_by(self.service), self.pool)
        keeper = TimerKeeper(self.runner, self.leases, self.bells, self.clock, self.heart, ring, heard.everything)
        self.measured_by(keeper.measure)

        async def run() -> None:
            try:
                await keeper.run()
            finally:
                await heard.close()

        return Role("timers", run)

    def lanes(
        self,
        lanes: Callable[[], Iterable[tuple[str, int]]],
        deliver: Callable[[WorkRow], Awaitable[Outcome]],
        settle: Settle[U],
        repeat_safe: Callable[[str], bool],
        attempt_seconds: float = 10.0,
    ) -> LaneKeeper[U]:
        """What sends the due work of the service's lanes: a role of that service runs it."""
        self.bells.answer(LANES)
        self.measured_by(lambda: backlog.measure(self.pool))
        return LaneKeeper(
            runner=self.runner,
            leases=self.leases,
            bells=self.bells,
            heart=self.heart,
            lanes=lanes,
            deliver=deliver,
            settle=settle,
            repeat_safe=repeat_safe,
            attempt_seconds=attempt_seconds,
        )

    def questions(self, settle: Settle[U], ask: Ask) -> Role:
        """Asks what became of work whose outcome is unknown; see hub_messaging.unknown."""
        return Role(ROLE, Questions(UnknownOutcomes(self.runner, settle), self.leases, self.heart, ask).run)

    def http(self, server: Serves, issuer: Followed | None = None) -> Role:
        """Answers requests until it is cancelled, then drains. The process isn't ready before it listens.

        `issuer`: keys that are fetched from elsewhere meanwhile.
        """
        self.heart.set_unready("http", "not listening yet")
        server.surround(tracing.served)
        if issuer is not None:
            self.heart.set_unready("issuer", "not asked yet")
            self.measured_by(partial(_measure_age, issuer))

        async def serve() -> None:
            await server.start()
            self.heart.set_unready("http", None)
            try:
                if issuer is not None:
                    await issuer.follow(partial(self.heart.set_unready, "issuer"))
                await asyncio.Event().wait()
            finally:
                await server.stop()

        return Role("http", serve)

    def housekeeping(self) -> list[Role]:
        """What every worker process does beside its work."""
        retention = Retention(self.pool, self.leases, self._kept)
        return [
            Role("bells", lambda: self.bells.carry(self.settings.database_url)),
            Role("measure", self._measure),
            Role("retention", retention.run),
        ]

    async def _measure(self) -> None:
        while True:
            try:
                await self._gauges.take()
                self.heart.set_unready("database", None)
            except UNAVAILABLE as trouble:
                self.heart.set_unready("database", type(trouble).__name__)
            _give_memory_back()
            await asyncio.sleep(MEASURE_SECONDS)


def run_process(spine: Spine[U], roles: Callable[[], Awaitable[Sequence[Role]]]) -> None:
    """Runs the roles until a signal or until one of them fails; exits 0 after a drain, 1 after a failure."""
    logs.configure(spine.service, spine.settings.log_level)
    _wait_for_its_turn()
    os.environ.setdefault("UV_THREADPOOL_SIZE", LOOKUPS)
    port = spine.settings.probe_port
    try:
        Probes(spine.heart, spine.settings.http_host, port).start()
    except OSError as error:
        sys.exit(f"settings: PROBE_PORT: port {port} can't be had: {error.strerror}")
    sys.exit(0 if uvloop.run(_live(spine, roles)) else 1)


def _wait_for_its_turn() -> None:
    """Where many share few cores: who wakes up takes no core from who works. A tenth less CPU (docs/performance.md)."""
    with suppress(AttributeError, OSError):  # not Linux, or a container that does not let us
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


async def _live(spine: Spine[U], roles: Callable[[], Awaitable[Sequence[Role]]]) -> bool:
    """True when it was asked to stop and has drained."""
    asked_to_stop = asyncio.Event()
    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, asked_to_stop.set)
    pulse = asyncio.create_task(_pulse(spine.heart.rhythm("event loop", limit_seconds=20)))
    opening = asyncio.create_task(spine.open())
    stop = asyncio.create_task(asked_to_stop.wait())
    await asyncio.wait([opening, stop], return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
        return True
    if refusal := opening.exception():
        log.critical("database_refuses_us", error=type(refusal).__name__, exc_info=refusal)
        return False
    running = {role.name: asyncio.create_task(role.run(), name=role.name) for role in await roles()}
    asyncio.get_running_loop().call_later(CALM_AFTER_SECONDS, _spare_the_collector)
    spine.heart.set_unready("start", None)
    log.info("started", roles=list(running))
    await asyncio.wait([stop, *running.values()], return_when=asyncio.FIRST_COMPLETED)
    failed = [name for name, task in running.items() if task.done()]
    for name in failed:
        log.critical("role_ended", role=name, exc_info=running[name].exception())
    spine.heart.set_unready("stop", "draining")
    await _drain(spine.heart, running)
    await spine.close()
    pulse.cancel()
    log.info("stopped")
    return not failed


async def _drain(heart: Heart, running: Mapping[str, asyncio.Task[None]]) -> None:
    """Stops the roles in reverse order, each when the one before has ended; 12 s for all of them."""
    until = time.monotonic() + DRAIN_SECONDS
    for name, task in reversed(list(running.items())):
        ended_before = task.done()
        heart.stop_watching(name)
        task.cancel()
        await asyncio.wait([task], timeout=max(0.1, until - time.monotonic()))
        if not task.done():
            log.error("role_did_not_stop_in_time", role=name)
        elif not ended_before and not task.cancelled() and (error := task.exception()):
            log.error("role_did_not_stop_cleanly", role=name, exc_info=error)


def _spare_the_collector() -> None:
    """What was loaded stays: the garbage collector need not walk it again."""
    gc.collect()
    gc.freeze()


async def _measure_age(issuer: Followed) -> None:
    ISSUER_KEYS_AGE.set(issuer.age())


def _give_memory_back() -> None:
    """What a burst has used and freed: glibc keeps all that lies below its highest piece in use (about 1 ms)."""
    if _trim_heap is not None:
        _trim_heap(0)


async def _pulse(beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(1)
