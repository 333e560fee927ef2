"""Where the service's parts are joined."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierResultReturnedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
)
from hub_events.reference import AgencyPublishedV1
from hub_messaging.database import UNAVAILABLE
from hub_messaging.jobs import Job
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.process import Role, Spine
from hub_messaging.reader import Handler, on_dossier
from hub_messaging.refused import RefusedTable
from hub_messaging.runner import GroupRunner
from hub_messaging.sealing import SealingKeys
from hub_messaging.settings import joined
from hub_messaging.unknown import UnknownOutcomes
from hub_messaging.work import WorkRow
from hub_web.app import make_app
from hub_web.client import Client, ClientLimits
from hub_web.dead_letters import dead_letter_router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from hub_web.watched_file import WatchedFile
from services.routing.api.callbacks import callbacks_router
from services.routing.api.lanes import lanes_router
from services.routing.api.recall import recall_router
from services.routing.api.transfers import transfers_router
from services.routing.clients.agency import AgencySystems
from services.routing.domain.endpoint import Endpoint, Offer
from services.routing.handlers.agency_published import on_agency_published
from services.routing.handlers.dossier_accepted import on_dossier_accepted
from services.routing.handlers.dossier_corrected import CORRECTION, on_correction_settled, on_dossier_corrected
from services.routing.handlers.dossier_desk_step_recorded import on_dossier_desk_step_recorded
from services.routing.handlers.dossier_result_returned import on_dossier_result_returned
from services.routing.handlers.dossier_stopped import on_dossier_stopped
from services.routing.handlers.dossier_supplement_received import on_dossier_supplement_received
from services.routing.handlers.hand_over_settled import on_hand_over_settled
from services.routing.handlers.recall import CANCELLATION, on_cancellation_settled
from services.routing.handlers.unknown_hand_over import find_out
from services.routing.settings import Settings
from services.routing.store.agencies import Successions
from services.routing.store.commands import Commands
from services.routing.store.competence_file import FILE_NAME, read_competence
from services.routing.store.endpoints_file import read_endpoints
from services.routing.store.lane_watch import LaneWatch
from services.routing.store.lanes import LaneTable
from services.routing.store.queries import TransferTable
from services.routing.store.rerouting import Rerouting, measure
from services.routing.store.unit_of_work import AGENCIES_SHELF, TRANSFERS_SHELF, RoutingUnitOfWork

NAME = "routing"
CONNECTIONS = 4096  # the lanes bound themselves; one dead agency must not hold the connections of the others


class Service:
    """The service's roles; a process runs those that its entry point asks for.

    Raises OSError and ValueError for files it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spine: Spine[RoutingUnitOfWork] = Spine(NAME, settings, RoutingUnitOfWork)
        table = WatchedFile(settings.data_folder / FILE_NAME, read_competence).now
        self._successions = Successions(table, self.spine.clock.now)
        self.competence = self._successions.competence
        self._endpoints = WatchedFile(settings.endpoints_file, read_endpoints).now
        self._keys = WatchedFile(settings.sealing_keys_file, SealingKeys.read).now
        self._verifier = Verifier.of(settings)

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [
            *self.spine.housekeeping(),
            self._directory(),
            self.spine.relay(),
            *self._lanes(),
            *self._readers(),
            self._server(),
        ]

    async def web(self) -> Sequence[Role]:
        """The API."""
        return [*self.spine.housekeeping(), self._directory(), self._server()]

    async def worker(self) -> Sequence[Role]:
        """Reads events, sends events."""
        return [*self.spine.housekeeping(), self._directory(), self.spine.relay(), *self._readers()]

    async def sender(self) -> Sequence[Role]:
        """Hands over to the agencies."""
        return [*self.spine.housekeeping(), self._directory(), *self._lanes()]

    def _directory(self) -> Role:
        """Keeps up with the agencies that are no more."""
        beat = self.spine.heart.rhythm("agencies", limit_seconds=60)
        return Role("agencies", lambda: self._successions.run(self.spine.pool, beat))

    def endpoint_of(self, agency_code: str) -> Endpoint | None:
        return self._endpoints().of(agency_code)

    def offers(self, agency_code: str, offer: Offer) -> bool:
        return self._endpoints().offers(agency_code, offer)

    def _settled(self, row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[RoutingUnitOfWork, None]:
        def run(uow: RoutingUnitOfWork) -> None:
            if row.kind == CANCELLATION:
                on_cancellation_settled(row, outcome, uow)
            elif row.kind == CORRECTION:
                on_correction_settled(row, outcome, uow)
            else:
                on_hand_over_settled(row, outcome, attempts, uow, self.offers)

        return Job(run=run, keys={TRANSFERS_SHELF: (row.dossier_id,)})

    def _readers(self) -> list[Role]:
        rerouting = Rerouting(self.spine.runner, self.competence, self.offers)
        self.spine.measured_by(lambda: measure(self.spine.pool, self.spine.clock.now()))
        beat = self.spine.heart.rhythm("rerouting", limit_seconds=60)
        roles = [Role("rerouting", lambda: rerouting.run(beat)), *self.spine.consumer(self.handlers())]
        return [replace(role, run=partial(self._informed, role.run)) for role in roles]

    async def _informed(self, run: Callable[[], Awaitable[None]]) -> None:
        """Nothing is routed before it is known which agencies are no more."""
        await self._successions.first.wait()
        await run()

    def handlers(self) -> list[Handler[RoutingUnitOfWork]]:
        """What is done with which event."""
        accepted = partial(on_dossier_accepted, competence=self.competence)
        keys = on_dossier(TRANSFERS_SHELF)
        return [
            Handler(DossierAcceptedV1, accepted, keys),
            Handler(DossierSupplementReceivedV1, on_dossier_supplement_received, keys),
            Handler(DossierCorrectedV1, partial(on_dossier_corrected, offers=self.offers), keys),
            Handler(DossierStoppedV1, partial(on_dossier_stopped, offers=self.offers), keys),
            Handler(DossierDeskStepRecordedV1, on_dossier_desk_step_recorded, keys),
            Handler(DossierResultReturnedV1, on_dossier_result_returned, keys),
            Handler(AgencyPublishedV1, on_agency_published, lambda fact: {AGENCIES_SHELF: (fact.data.key,)}, True),
        ]

    def _lanes(self) -> list[Role]:
        spine, settings = self.spine, self.settings
        http = Client(ClientLimits(connections=CONNECTIONS, total_seconds=settings.attempt_seconds))
        systems = AgencySystems(http, self.endpoint_of, self._keys, settings.callback_base_url)
        watch = LaneWatch(LaneTable(spine.pool, spine.bells), self.competence, settings.lane_concurrency)
        keeper = spine.lanes(
            watch.wanted,
            systems.send,
            self._settled,
            repeat_safe=lambda lane: self._endpoints().repeat_safe(lane),
            attempt_seconds=settings.attempt_seconds + 1,
        )
        ask = partial(find_out, transfers=TransferTable(spine.pool), systems=systems)
        beat = spine.heart.rhythm("lane_watch", limit_seconds=60)

        async def send() -> None:
            try:
                await watch.known.wait()  # a keeper that finds no lanes at first looks again half a second later
                await keeper.run()
            finally:
                await http.aclose()

        return [
            Role("lanes", send),
            Role("lane_watch", lambda: watch.run(keeper, beat)),
            spine.questions(self._settled, ask),
        ]

    def app(self) -> FastAPI:
        """The routes, on the opened spine."""
        spine = self.spine
        commands = Commands(GroupRunner(spine.runner), self.competence, self.offers)
        routers = [
            transfers_router(TransferTable(spine.pool), commands),
            recall_router(TransferTable(spine.pool), commands, spine.clock.now, self._keys),
            lanes_router(
                LaneTable(spine.pool, spine.bells),
                UnknownOutcomes(spine.runner, self._settled),
                self.competence,
                self.endpoint_of,
            ),
            callbacks_router(commands, spine.clock.now, self.endpoint_of, self._keys),
            dead_letter_router(NAME, RefusedTable(spine.pool)),
        ]
        return make_app("Chuyển hồ sơ", version("hub-routing"), self._verifier, routers, outages=UNAVAILABLE)

    def _server(self) -> Role:
        return self.spine.http(
            HttpServer(self.app(), self.settings.http_host, self.settings.http_port), self._verifier.followed
        )


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)
