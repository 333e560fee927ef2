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
from hub_web.routes import Router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_worktime import load_calendar
from services.intake.api.catalogue import catalogue_router
from services.intake.api.citizen_page import TRACKING_PATH, ClientAddress, citizen_router
from services.intake.api.commands import Commands
from services.intake.api.corrections import correction_router
from services.intake.api.dossiers import command_router, read_router
from services.intake.api.duplicates import duplicate_router
from services.intake.api.figures import figures_router
from services.intake.api.form_issuing import FormIssuing
from services.intake.api.forms import form_router
from services.intake.api.late_entries import late_entry_router
from services.intake.api.life import AtTheDesk, fee_router, life_router
from services.intake.api.old_dossiers import old_dossier_router
from services.intake.api.operations import operations_router
from services.intake.api.pages import Pages
from services.intake.api.period_figures import period_figures_router
from services.intake.clients.signers import signer_called
from services.intake.clients.typst_printer import TypstPrinter
from services.intake.handlers.office import Office
from services.intake.handlers.ports import PROGRESS
from services.intake.handlers.timeline import EVENTS, on_reported
from services.intake.settings import PACKAGED_DATA, Settings
from services.intake.store.catalogue_files import read_catalogue
from services.intake.store.forms import FormQueries
from services.intake.store.life_queries import LifeQueries
from services.intake.store.period_figures import PeriodFigures
from services.intake.store.queries import Queries
from services.intake.store.unit_of_work import IntakeUnitOfWork
from services.intake.store.wrong_tries import WrongTries

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

    async def web(self) -> Sequence[Role]:
        """Takes and shows dossiers; another process sends the outbox."""
        return [*self.spine.housekeeping(), self._server()]

    async def worker(self) -> Sequence[Role]:
        """Reads events and sends the service's own."""
        return [*self.spine.housekeeping(), *self._readers()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._readers(), self._server()]

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
        runner, now = GroupRunner(self.spine.runner), self.spine.clock.now
        commands = Commands(runner)
        lives = LifeQueries(self.spine.pool, timedelta(days=self.settings.duplicate_window_days))
        desk = AtTheDesk(commands, queries)
        pages = Pages(self.settings.public_url)
        tries = WrongTries(self.spine.pool)
        address = ClientAddress(self.settings.proxies_in_front)
        routers = [
            command_router(commands, queries, self._office, now),
            life_router(desk, queries, self._office, now),
            fee_router(desk, now),
            correction_router(desk, queries, lives, self._office, now),
            read_router(queries, lives),
            figures_router(lives),
            late_entry_router(lives),
            old_dossier_router(runner.run, self._office, now),
            period_figures_router(PeriodFigures(self.spine.pool), now),
            duplicate_router(lives, now),
            catalogue_router(self._office.catalogue),
            operations_router(queries),
            self._forms(runner, queries),
            citizen_router(queries, lives, self._office, tries, pages, address, now),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
        ]
        return make_app(
            "Tiếp nhận hồ sơ",
            version("hub-intake"),
            self._verifier,
            routers,
            outages=UNAVAILABLE,
            events=_events,
            refusal_pages=(TRACKING_PATH, pages.refusal),
        )

    def _forms(self, runner: GroupRunner[IntakeUnitOfWork], queries: Queries) -> Router:
        """Official forms: printed by typst from the packaged templates, signed as the settings say."""
        forms = FormQueries(self.spine.pool)
        printer = TypstPrinter(PACKAGED_DATA / "forms", self.settings.public_url)
        signer = signer_called(self.settings.signs_forms)
        issuing = FormIssuing(runner, queries, forms, self._office, printer, signer, self.spine.clock.now)
        return form_router(issuing, queries, forms)

    def _server(self) -> Role:
        return self.spine.http(HttpServer(self.app(), self.settings.http_host, self.settings.http_port))


def _events() -> dict[str, Any]:
    from hub_events.asyncapi import asyncapi_document  # needed by the first reader, not by the start

    return asyncapi_document()


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)
