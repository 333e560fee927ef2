"""Where the service's parts are joined."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from prometheus_client import Gauge

from hub_messaging.consumer import Handler, on_dossier
from hub_messaging.database import UNAVAILABLE
from hub_messaging.process import Role, Spine
from hub_messaging.refused import RefusedTable
from hub_messaging.runner import GroupRunner, Runner
from hub_messaging.sealing import SealingKeys
from hub_messaging.settings import joined
from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.routes import Router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_worktime import VIETNAM, load_calendar
from services.intake.api.catalogue import Shelves, catalogue_router
from services.intake.api.catalogue_imports import Imports, import_router
from services.intake.api.commands import Commands
from services.intake.api.dossiers import command_router, read_router
from services.intake.api.operations import operations_router
from services.intake.domain.assess_procedure import References
from services.intake.domain.publication import AssessedFile
from services.intake.handlers.live_catalogue import LiveCatalogue
from services.intake.handlers.office import Office
from services.intake.handlers.ports import PROGRESS
from services.intake.handlers.timeline import EVENTS, on_reported
from services.intake.settings import PACKAGED_DATA, Settings
from services.intake.store.assess_files import assess_file
from services.intake.store.catalogue_files import read_catalogue
from services.intake.store.queries import Queries
from services.intake.store.reference import ProcedureFeed, Reference
from services.intake.store.reference_files import read_tables
from services.intake.store.reference_queries import ReferenceQueries
from services.intake.store.reference_tables import ReferenceUnitOfWork
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
        self._catalogue = LiveCatalogue(read_catalogue(settings.data_folder))
        self._office = Office(self._catalogue, load_calendar(), SealingKeys.read(settings.sealing_keys_file))
        self._tables = read_tables(settings.data_folder, PACKAGED_DATA)
        self._procedures = ProcedureFeed(self._catalogue.learn)
        self._reference = Reference([self._procedures])
        self._verifier = Verifier(settings.jwks_file)

    async def web(self) -> Sequence[Role]:
        """Takes and shows dossiers; another process sends the outbox."""
        return [*self.spine.housekeeping(), *self._front()]

    async def worker(self) -> Sequence[Role]:
        """Reads events and sends the service's own."""
        return [*self.spine.housekeeping(), *self._readers()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._readers(), *self._front()]

    def _front(self) -> list[Role]:
        """What keeps the catalogue up to date, and the server, which waits until it is."""
        pool, server = self.spine.pool, self._server()

        async def serve() -> None:
            await self._reference.first.wait()
            await server.run()

        return [Role("reference", lambda: self._reference.follow(pool, self.spine.heart)), Role(server.name, serve)]

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
        commands = Commands(GroupRunner(self.spine.runner), self._find)
        routers = [
            command_router(commands, queries, self._office, self.spine.clock.now),
            read_router(queries),
            *self._catalogue_routers(),
            operations_router(queries),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
        ]
        return make_app(
            "Tiếp nhận hồ sơ", version("hub-intake"), self._verifier, routers, outages=UNAVAILABLE, events=_events
        )

    async def _find(self, code: str, version: int | None) -> bool:
        return await self._procedures.find(self.spine.pool, code, version)

    def _catalogue_routers(self) -> list[Router]:
        spine, ended = self.spine, self._tables.ended
        publishing = Runner(spine.pool, spine.clock, spine.bells, ReferenceUnitOfWork)
        imports = Imports(
            publishing, self._assess, self._catalogue.packaged, lambda: self._reference.refresh(spine.pool)
        )
        queries = ReferenceQueries(spine.pool, ended)
        shelves = Shelves(self._catalogue, self._find, queries, ended, spine.clock.now)
        return [catalogue_router(shelves), import_router(imports, spine.clock.now)]

    def _assess(self, name: str, content: bytes, at: datetime) -> AssessedFile:
        day = at.astimezone(VIETNAM).date()
        return assess_file(name, content, References(self._tables.kinds, self._tables.ended, day))

    def _server(self) -> Role:
        return self.spine.http(HttpServer(self.app(), self.settings.http_host, self.settings.http_port))


def _events() -> dict[str, Any]:
    from hub_events.asyncapi import asyncapi_document  # needed by the first reader, not by the start

    return asyncapi_document()


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)
