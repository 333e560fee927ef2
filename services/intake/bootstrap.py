"""Where the service's parts are joined."""

from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from prometheus_client import Gauge

from hub_messaging.consumer import Handler, on_dossier
from hub_messaging.database import UNAVAILABLE
from hub_messaging.process import Role, Spine
from hub_messaging.refused import RefusedTable
from hub_messaging.runner import GroupRunner
from hub_messaging.sealing import SealingKeys
from hub_messaging.settings import joined
from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.rates import Rates
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_worktime import load_calendar
from services.intake.api.bulk import bulk_router
from services.intake.api.catalogue import catalogue_router
from services.intake.api.changes import Watch, changes_router
from services.intake.api.commands import Commands
from services.intake.api.dossiers import command_router, read_router
from services.intake.api.lists import lists_router
from services.intake.api.operations import operations_router
from services.intake.handlers.office import Office
from services.intake.handlers.ports import PROGRESS
from services.intake.handlers.timeline import EVENTS, on_reported
from services.intake.settings import Settings
from services.intake.store.catalogue_files import read_catalogue
from services.intake.store.changes import ChangeFeed
from services.intake.store.lists import Lists
from services.intake.store.queries import Queries
from services.intake.store.unit_of_work import IntakeUnitOfWork

NAME = "intake"
STUCK = Gauge(
    "hub_stuck_dossiers",
    "Accepted INTAKE_STUCK_AFTER_SECONDS ago, still without a route, a clock or a notice outcome. See `hub stuck`.",
    ["missing"],
)
HANDLERS: list[Handler[IntakeUnitOfWork]] = [
    Handler(event, on_reported, on_dossier(PROGRESS), repeatable=True) for event in EVENTS
]


class Service:
    """The service's roles; a process runs those that its entry point asks for.

    Raises OSError and ValueError for files it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spine: Spine[IntakeUnitOfWork] = Spine(NAME, settings, IntakeUnitOfWork)
        self._office = Office(
            read_catalogue(settings.data_folder), load_calendar(), SealingKeys.read(settings.sealing_keys_file)
        )
        self._verifier = Verifier(settings.jwks_file, settings.token_issuer)

    async def web(self) -> Sequence[Role]:
        """Takes and shows dossiers; another process sends the outbox."""
        return [*self.spine.housekeeping(), *self._serving()]

    async def worker(self) -> Sequence[Role]:
        """Reads events and sends the service's own."""
        return [*self.spine.housekeeping(), *self._readers()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._readers(), *self._serving()]

    def _readers(self) -> list[Role]:
        self.spine.measured_by(self.measure_stuck)
        return [self.spine.relay(), *self.spine.consumer(HANDLERS)]

    def _queries(self) -> Queries:
        return Queries(self.spine.pool, timedelta(seconds=self.settings.stuck_after_seconds))

    async def measure_stuck(self) -> None:
        """Sets the gauge of what is stuck: one look at a partial index."""
        for missing, count in (await self._queries().count_stuck()).items():
            STUCK.labels(missing).set(count)

    def app(self) -> FastAPI:
        """The routes, on the opened spine."""
        queries = self._queries()
        feed = ChangeFeed(self.spine.pool)
        self._watch = Watch(feed)
        commands = Commands(GroupRunner(self.spine.runner))
        routers = [
            command_router(commands, queries, self._office, self.spine.clock.now),
            bulk_router(commands, self._office, self.spine.clock.now),
            lists_router(Lists(self.spine.pool), self.spine.clock.now),
            read_router(queries),
            changes_router(feed, self._watch),
            catalogue_router(self._office.catalogue),
            operations_router(queries),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
        ]
        return make_app(
            "Tiếp nhận hồ sơ",
            version("hub-intake"),
            self._verifier,
            routers,
            outages=UNAVAILABLE,
            events=_events,
            rates=Rates(self.settings.caller_requests_per_second),
        )

    def _serving(self) -> list[Role]:
        server = HttpServer(self.app(), self.settings.http_host, self.settings.http_port)
        return [self.spine.http(server), Role("changes", self._watch.run)]


def _events() -> dict[str, Any]:
    from hub_events.asyncapi import asyncapi_document  # needed by the first reader, not by the start

    return asyncapi_document()


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)
