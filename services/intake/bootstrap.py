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
from hub_messaging.runner import GroupRunner, Runner
from hub_messaging.sealing import SealingKeys
from hub_messaging.settings import joined
from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.routes import Router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_worktime import load_calendar
from services.intake.api.catalogue import catalogue_router
from services.intake.api.commands import Commands
from services.intake.api.dossiers import command_router, read_router
from services.intake.api.file_commands import FileCommands
from services.intake.api.file_links import LinkTokens, link_router
from services.intake.api.files import Files, file_router
from services.intake.api.operations import operations_router
from services.intake.api.uploads import Uploads, upload_router
from services.intake.clients.clamd import Clamd
from services.intake.clients.scanning import Scanning
from services.intake.handlers.office import Office
from services.intake.handlers.ports import PROGRESS
from services.intake.handlers.timeline import EVENTS, on_reported
from services.intake.settings import Settings
from services.intake.store.catalogue_files import read_catalogue
from services.intake.store.file_objects import Objects
from services.intake.store.file_queries import FileQueries
from services.intake.store.file_sweeper import FileSweeper
from services.intake.store.file_tables import FilesUnitOfWork
from services.intake.store.file_vault import SealedVault
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
        self._verifier = Verifier(settings.jwks_file)
        self._objects = Objects(settings.files_url)
        self._vault = SealedVault(self._objects, self._office.seals)

    async def web(self) -> Sequence[Role]:
        """Takes and shows dossiers; another process sends the outbox."""
        return [*self.spine.housekeeping(), self._server()]

    async def worker(self) -> Sequence[Role]:
        """Reads events and sends the service's own."""
        return [*self.spine.housekeeping(), *self._readers(), *self.file_keepers()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._readers(), *self.file_keepers(), self._server()]

    def _readers(self) -> list[Role]:
        self.spine.measured_by(self.measure_stuck)
        return [self.spine.relay(), *self.spine.consumer(HANDLERS)]

    def file_keepers(self) -> list[Role]:
        """What looks after files outside of requests."""
        spine, url = self.spine, self.settings.scanner_url
        roles = [Role("file_sweeper", FileSweeper(spine.pool, spine.leases, self._objects).run)]
        if url is not None:
            queries, run = FileQueries(spine.pool), GroupRunner(self._files_runner()).run
            roles.append(Role("file_scan", Scanning(queries, self._vault, Clamd(url), run, spine.leases).run))
        return roles

    def _files_runner(self) -> Runner[FilesUnitOfWork]:
        """Files have a group commit of their own: what accepts dossiers carries none of their tables."""
        return Runner(self.spine.pool, self.spine.clock, self.spine.bells, FilesUnitOfWork)

    def _file_routers(self, reading: Queries) -> list[Router]:
        files, commands = FileQueries(self.spine.pool), FileCommands(GroupRunner(self._files_runner()))
        parts = reading, files, commands, self._office, self._vault
        giving = Files(*parts, scanned=self.settings.scanner_url is not None)
        return [
            upload_router(Uploads(*parts, most_bytes=self.settings.files_most_bytes)),
            file_router(giving, self.spine.clock.now),
            link_router(giving, LinkTokens(self._office.seals), self.settings.public_url),
        ]

    def _queries(self) -> Queries:
        return Queries(self.spine.pool, timedelta(seconds=self.settings.stuck_after_seconds))

    async def measure_stuck(self) -> None:
        """Sets the gauge of what is stuck: one look at a partial index."""
        for missing, count in (await self._queries().count_stuck()).items():
            STUCK.labels(missing).set(count)

    def app(self) -> FastAPI:
        """The routes, on the opened spine."""
        queries = self._queries()
        commands = Commands(GroupRunner(self.spine.runner))
        routers = [
            command_router(commands, queries, self._office, self.spine.clock.now),
            read_router(queries),
            catalogue_router(self._office.catalogue),
            operations_router(queries),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
            *self._file_routers(queries),
        ]
        return make_app(
            "Tiếp nhận hồ sơ", version("hub-intake"), self._verifier, routers, outages=UNAVAILABLE, events=_events
        )

    def _server(self) -> Role:
        return self.spine.http(HttpServer(self.app(), self.settings.http_host, self.settings.http_port))


def _events() -> dict[str, Any]:
    from hub_events.asyncapi import asyncapi_document  # needed by the first reader, not by the start

    return asyncapi_document()


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)
