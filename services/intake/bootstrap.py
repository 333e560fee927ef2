"""Where the parts of intake are joined; test and production differ in settings only."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import Gauge

from hub_messaging.consumer import Handler, on_dossier
from hub_messaging.database import UNAVAILABLE
from hub_messaging.process import Role, Spine
from hub_messaging.refused import RefusedTable
from hub_messaging.runner import GroupRunner
from hub_messaging.sealing import SealingKeys
from hub_messaging.settings import CONFIGURATION_EXIT_CODE
from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_worktime import load_calendar
from services.intake.api.catalogue import catalogue_router
from services.intake.api.commands import Commands
from services.intake.api.dossiers import command_router, read_router
from services.intake.api.operations import operations_router
from services.intake.handlers.office import Office
from services.intake.handlers.ports import PROGRESS
from services.intake.handlers.timeline import EVENTS, on_reported
from services.intake.settings import Settings
from services.intake.store.catalogue_files import CatalogueMistake, read_catalogue
from services.intake.store.queries import Queries
from services.intake.store.unit_of_work import IntakeUnitOfWork

STUCK = Gauge(
    "hub_stuck_dossiers",
    "Accepted 5 minutes ago and still without a route, a clock or a notice outcome. See `hub stuck`.",
    ["missing"],
)
HANDLERS: list[Handler[IntakeUnitOfWork]] = [Handler(event, on_reported, on_dossier(PROGRESS)) for event in EVENTS]


class Intake:
    """Dịch vụ tiếp nhận: its spine, and the roles that its processes are made of."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spine = Spine("intake", settings, IntakeUnitOfWork)
        self.office = Office(
            read_catalogue(settings.data_folder), load_calendar(), SealingKeys.read(settings.sealing_keys_file)
        )
        self.verifier = Verifier(settings.jwks_file)

    async def all_roles(self) -> Sequence[Role]:
        """Everything in one process; inputs last, so that they stop first."""
        return [*await self.worker_roles(), self.http()]

    async def web_roles(self) -> Sequence[Role]:
        """HTTP alone; another process sends the outbox."""
        return [*self.spine.housekeeping(), self.http()]

    async def worker_roles(self) -> Sequence[Role]:
        """Relay, consumer and measurements."""
        relay = self.spine.relay()
        consumer = self.spine.consumer(HANDLERS)
        self.spine.measured_by(self.measure_stuck)
        return [relay, *self.spine.housekeeping(), *consumer]

    async def measure_stuck(self) -> None:
        """Sets the gauge of what is stuck: one look at a partial index."""
        for missing, count in (await Queries(self.spine.pool).count_stuck()).items():
            STUCK.labels(missing).set(count)

    def app(self) -> FastAPI:
        """The routes, on the opened spine."""
        queries = Queries(self.spine.pool)
        commands = Commands(GroupRunner(self.spine.runner))
        routers = [
            command_router(commands, queries, self.office, self.spine.clock.now),
            read_router(queries),
            catalogue_router(self.office.catalogue),
            operations_router(queries),
            dead_letter_router("intake", RefusedTable(self.spine.pool)),
        ]
        return make_app("Tiếp nhận hồ sơ", version("hub-intake"), self.verifier, routers, outages=UNAVAILABLE)

    def http(self) -> Role:
        """Answers requests until it is cancelled, then drains."""
        return self.spine.http(HttpServer(self.app(), self.settings.http_host, self.settings.http_port))


def build(settings: Settings) -> Intake:
    """The service; a data or key file that can't be used ends the process with one clear line."""
    try:
        return Intake(settings)
    except (CatalogueMistake, ValueError, OSError) as mistake:
        sys.stderr.write(f"intake: {mistake}\n")
        raise SystemExit(CONFIGURATION_EXIT_CODE) from None
