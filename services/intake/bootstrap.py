"""Where the service's parts are joined."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from prometheus_client import Gauge

from hub_messaging.database import UNAVAILABLE
from hub_messaging.process import Role, Spine
from hub_messaging.reader import Handler, on_dossier
from hub_messaging.refused import RefusedTable
from hub_messaging.runner import GroupRunner, Runner
from hub_messaging.sealing import SealingKeys
from hub_messaging.settings import joined
from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.rates import rates_of
from hub_web.routes import Router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_worktime import day_in_vietnam, load_calendar
from services.intake.api.books.figures import figures_router
from services.intake.api.books.old_dossiers import old_dossier_router
from services.intake.api.books.period_figures import period_figures_router
from services.intake.api.citizen.citizen_page import ClientAddress, citizen_router
from services.intake.api.citizen.pages import TRACKING_PATH, Pages
from services.intake.api.commands import Commands
from services.intake.api.desk.by_proxy import proxy_router
from services.intake.api.desk.corrections import correction_router
from services.intake.api.desk.duplicates import duplicate_router
from services.intake.api.desk.fee_proposals import fee_proposal_router
from services.intake.api.desk.hand_over_lists import hand_over_router
from services.intake.api.desk.late_entries import late_entry_router
from services.intake.api.desk.life import AtTheDesk, fee_router, life_router
from services.intake.api.desk.results import result_router
from services.intake.api.dossiers import command_router, read_router
from services.intake.api.files.file_commands import FileCommands
from services.intake.api.files.file_links import LinkTokens, link_router
from services.intake.api.files.files import Files, file_router
from services.intake.api.files.uploads import Uploads, upload_router
from services.intake.api.forms.form_issuing import FormIssuing
from services.intake.api.forms.forms import form_router
from services.intake.api.operations import operations_router
from services.intake.api.procedures.catalogue import Shelves, catalogue_router
from services.intake.api.procedures.catalogue_imports import Imports, catalogue_import_router
from services.intake.api.procedures.withdrawals import Withdrawals, withdrawal_router
from services.intake.api.reference.directory import desk_router, directory_router
from services.intake.api.reference.publication_lists import InCatalogue, publication_router
from services.intake.api.reference.reference_imports import Surroundings, import_router
from services.intake.api.systems.bulk import bulk_router
from services.intake.api.systems.changes import Watch, changes_router
from services.intake.api.systems.lists import lists_router
from services.intake.api.systems.seals import seal_router
from services.intake.clients.clamd import Clamd
from services.intake.clients.scanning import Scanning
from services.intake.clients.signers import signer_called
from services.intake.clients.typst_printer import TypstPrinter
from services.intake.domain.procedures.assess_procedure import References
from services.intake.domain.procedures.publication import AssessedFile
from services.intake.handlers.live_catalogue import LiveCatalogue
from services.intake.handlers.office import Office
from services.intake.handlers.ports import PROGRESS
from services.intake.handlers.timeline import EVENTS, on_reported
from services.intake.settings import PACKAGED_DATA, Settings
from services.intake.store.books.period_figures import PeriodFigures
from services.intake.store.catalogue_files import read_catalogue
from services.intake.store.citizen.wrong_tries import WrongTries
from services.intake.store.desk.acts_by_proxy import ProxyQueries
from services.intake.store.desk.fee_offers import FeeOffers
from services.intake.store.desk.hand_overs import HandOverQueries
from services.intake.store.desk.life_queries import LifeQueries
from services.intake.store.desk.results import Results
from services.intake.store.files.file_objects import Objects
from services.intake.store.files.file_queries import FileQueries
from services.intake.store.files.file_sweeper import FileSweeper
from services.intake.store.files.file_tables import FilesUnitOfWork
from services.intake.store.files.file_vault import SealedVault
from services.intake.store.forms.forms import FormQueries
from services.intake.store.live_reference import DeskFeed, ProcedureFeed, Reference
from services.intake.store.procedures.assess_files import assess_file
from services.intake.store.procedures.catalogue_queries import CatalogueQueries
from services.intake.store.procedures.catalogue_tables import CatalogueUnitOfWork
from services.intake.store.procedures.reference_files import read_tables
from services.intake.store.queries import Queries
from services.intake.store.reference.directory import Directory
from services.intake.store.reference.places import communes, territories
from services.intake.store.reference.reference_tables import ReferenceUnitOfWork
from services.intake.store.reference.teller import Teller
from services.intake.store.reference.untold import Untold
from services.intake.store.systems.changes import ChangeFeed
from services.intake.store.systems.lists import Lists
from services.intake.store.systems.sealer import ROLE as SEALS
from services.intake.store.systems.sealer import Sealer
from services.intake.store.systems.seals import SealQueries
from services.intake.store.unit_of_work import IntakeUnitOfWork

NAME = "intake"
STUCK = Gauge(
    "hub_stuck_dossiers",
    "Accepted INTAKE_STUCK_AFTER_SECONDS ago, still without a route, a clock or a notice outcome. See `hub stuck`.",
    ["missing"],
)
KEPT = {"catalogue_run": "seen_at < now() - interval '7 days'"}
"""Table → what of it is past its time."""
HANDLERS: list[Handler[IntakeUnitOfWork]] = [
    Handler(event, on_reported, on_dossier(PROGRESS), repeatable=True) for event in EVENTS
]


class Service:
    """The service's roles; a process runs those that its entry point asks for.

    Raises OSError and ValueError for files it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spine: Spine[IntakeUnitOfWork] = Spine(NAME, settings, IntakeUnitOfWork, KEPT)
        self._packaged = read_catalogue(settings.data_folder)
        self._catalogue = LiveCatalogue(self._packaged)
        seals = SealingKeys.read(settings.sealing_keys_file)
        self._office = Office(self._catalogue, load_calendar(), seals, territories)
        self._tables = read_tables(settings.data_folder, PACKAGED_DATA)
        self._procedures = ProcedureFeed(self._catalogue.learn, self._catalogue.end)
        self._reference = Reference([self._procedures, DeskFeed(self._catalogue.take_desks, self.spine.clock.now)])
        self._verifier = Verifier.of(settings)
        self._rates = rates_of(settings.caller_requests_per_second, settings.caller_limits_file)
        keys = settings.form_signing_key_file, settings.form_signing_passphrase_file
        self._signer = signer_called(settings.signs_forms, *keys)
        self._objects = Objects(settings.files_url)
        self._vault = SealedVault(self._objects, self._office.seals)

    async def web(self) -> Sequence[Role]:
        """Takes and shows dossiers; another process sends the outbox."""
        return [*self.spine.housekeeping(), *self._front()]

    async def worker(self) -> Sequence[Role]:
        """Reads events and sends the service's own."""
        return [*self.spine.housekeeping(), *self._readers(), *self.file_keepers(), *self._beside()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._readers(), *self.file_keepers(), *self._beside(), *self._front()]

    def _front(self) -> list[Role]:
        """What keeps the reference data up to date, and the server, which waits until it is."""
        pool, server = self.spine.pool, self._server()

        async def serve() -> None:
            await self._reference.first.wait()
            await server.run()

        return [
            Role("reference", lambda: self._reference.follow(pool, self.spine.heart)),
            Role(server.name, serve),
            Role("changes", self._watch.run),  # last: it stops first, and lets go who waits for news
        ]

    def _readers(self) -> list[Role]:
        self.spine.measured_by(self.measure_stuck)
        return [self.spine.relay(), *self.spine.consumer(HANDLERS)]

    def file_keepers(self) -> list[Role]:
        """What looks after files outside of requests."""
        spine, url, seconds = self.spine, self.settings.scanner_url, self.settings.files_swept_every_seconds
        roles = [Role("file_sweeper", FileSweeper(spine.pool, spine.leases, self._objects, seconds).run)]
        if url is not None:
            queries, run = FileQueries(spine.pool), GroupRunner(self._files_runner()).run
            roles.append(Role("file_scan", Scanning(queries, self._vault, Clamd(url), run, spine.leases).run))
        return roles

    def _beside(self) -> list[Role]:
        """Seals the timeline, and tells what was not told of reference data, beside the way."""
        spine = self.spine
        sealer = Sealer(spine.pool, spine.leases, spine.clock.now, self.settings.seals_every_seconds)
        spine.measured_by(sealer.measure)
        untold = Untold(spine.pool, self._packaged)
        teller = Teller(spine.pool, spine.clock, spine.bells, spine.leases, untold)
        return [Role(SEALS, sealer.run), Role("teller", teller.run)]

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
        runner, now = GroupRunner(self.spine.runner), self.spine.clock.now
        commands = Commands(runner, self._find)
        lives = LifeQueries(self.spine.pool, timedelta(days=self.settings.duplicate_window_days))
        desk = AtTheDesk(commands, queries, lives)
        pages = Pages(self.settings.public_url)
        tries = WrongTries(self.spine.pool)
        address = ClientAddress(self.settings.proxies_in_front)
        feed = ChangeFeed(self.spine.pool)
        self._watch = Watch(feed)
        routers = [
            command_router(commands, queries, self._office, now),
            life_router(desk, queries, self._office, now),
            fee_router(desk, now),
            fee_proposal_router(desk, queries, lives, FeeOffers(self.spine.pool), now),
            correction_router(desk, queries, lives, self._office, now),
            bulk_router(commands, self._office, now),
            lists_router(Lists(self.spine.pool), now),
            read_router(queries, lives),
            changes_router(feed, self._watch),
            figures_router(lives),
            late_entry_router(lives),
            proxy_router(ProxyQueries(self.spine.pool)),
            old_dossier_router(runner.run, self._office, now),
            period_figures_router(PeriodFigures(self.spine.pool), now),
            duplicate_router(lives, now),
            *self._catalogue_routers(),
            *self._directory_routers(pages),
            hand_over_router(commands, queries, lives, HandOverQueries(self.spine.pool), self._office, now),
            result_router(desk, Results(self.spine.pool), self._office, now),
            operations_router(queries),
            seal_router(SealQueries(self.spine.pool)),
            self._forms(runner, queries),
            citizen_router(queries, lives, self._office, tries, pages, address, now),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
            *self._file_routers(queries),
        ]
        return make_app(
            "Tiếp nhận hồ sơ",
            version("hub-intake"),
            self._verifier,
            routers,
            outages=UNAVAILABLE,
            events=_events,
            refusal_pages=(TRACKING_PATH, pages.refusal),
            rates=self._rates,
        )

    def _forms(self, runner: GroupRunner[IntakeUnitOfWork], queries: Queries) -> Router:
        """Official forms: printed by typst from the packaged templates, signed as the settings say."""
        forms = FormQueries(self.spine.pool)
        printer = TypstPrinter(PACKAGED_DATA / "forms", self.settings.public_url)
        issuing = FormIssuing(runner, queries, forms, self._office, printer, self._signer, self.spine.clock.now)
        return form_router(issuing, queries, forms)

    async def _find(self, code: str, version: int | None) -> bool:
        return await self._procedures.find(self.spine.pool, code, version)

    def _catalogue_routers(self) -> list[Router]:
        """Procedures: what was published, and imports of more."""
        spine, ended = self.spine, self._tables.ended
        publishing = Runner(spine.pool, spine.clock, spine.bells, CatalogueUnitOfWork)

        async def refresh() -> None:
            await self._reference.refresh(spine.pool)

        imports = Imports(publishing, self._assess, self._catalogue.packaged, refresh)
        queries = CatalogueQueries(spine.pool, ended)
        shelves = Shelves(self._catalogue, self._find, queries, ended, spine.clock.now)
        withdrawals = Withdrawals(
            GroupRunner(publishing).run, queries, self._catalogue, self._find, self._office.seals, refresh
        )
        return [
            catalogue_router(shelves),
            catalogue_import_router(imports, spine.clock.now),
            withdrawal_router(withdrawals, spine.clock.now),
        ]

    def _assess(self, name: str, content: bytes, at: datetime) -> AssessedFile:
        day = day_in_vietnam(at)
        return assess_file(name, content, References(self._tables.kinds, self._tables.ended, day))

    def _directory_routers(self, pages: Pages) -> list[Router]:
        """Desks, units, officers, agencies and publication lists, which two persons keep."""
        directory, now = Directory(self.spine.pool), self.spine.clock.now
        imports = Runner(self.spine.pool, self.spine.clock, self.spine.bells, ReferenceUnitOfWork)
        listed = InCatalogue(self._catalogue, now)
        world = Surroundings(directory, communes, listed, self._office.seals, now)
        return [
            import_router(GroupRunner(imports), world),
            desk_router(directory, lambda: self._catalogue.packaged_desks, now),
            directory_router(directory, now),
            publication_router(directory, listed, lambda: self._catalogue.packaged_desks, pages, now),
        ]

    def _server(self) -> Role:
        return self.spine.http(
            HttpServer(self.app(), self.settings.http_host, self.settings.http_port), self._verifier.followed
        )


def _events() -> dict[str, Any]:
    from hub_events.asyncapi import asyncapi_document  # needed by the first reader, not by the start

    return asyncapi_document()


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)
