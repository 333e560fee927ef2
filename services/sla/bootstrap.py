"""Where the service's parts are joined."""

from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version

from fastapi import FastAPI

from hub_events.intake import (
    DossierAcceptedV1,
    DossierDeskStepRecordedV1,
    DossierFinishedOnTheSpotV1,
    DossierRefusedV1,
    DossierResultReturnedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
    DossierSupplementRequestedV1,
)
from hub_events.routing import DossierCompletedV1
from hub_messaging.database import UNAVAILABLE
from hub_messaging.jobs import Job
from hub_messaging.process import Role, Spine
from hub_messaging.reader import Handler, on_dossier
from hub_messaging.refused import RefusedTable
from hub_messaging.settings import joined
from hub_messaging.timers import Timer
from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from services.sla.api.calendars import calendar_router
from services.sla.api.deadlines import deadline_router
from services.sla.handlers.dossier_accepted import on_dossier_accepted
from services.sla.handlers.dossier_completed import on_dossier_completed
from services.sla.handlers.dossier_desk_step_recorded import on_dossier_desk_step_recorded
from services.sla.handlers.dossier_finished_on_the_spot import on_dossier_finished_on_the_spot
from services.sla.handlers.dossier_refused import on_dossier_refused
from services.sla.handlers.dossier_result_returned import on_dossier_result_returned
from services.sla.handlers.dossier_stopped import on_dossier_stopped
from services.sla.handlers.dossier_supplement_received import on_dossier_supplement_received
from services.sla.handlers.dossier_supplement_requested import on_dossier_supplement_requested
from services.sla.handlers.timer_rang import on_timer_rang
from services.sla.settings import Settings
from services.sla.store.queries import ClockQueries
from services.sla.store.unit_of_work import CLOCKS_SHELF, SlaUnitOfWork

NAME = "sla"
KEYS = on_dossier(CLOCKS_SHELF)
HANDLERS: tuple[Handler[SlaUnitOfWork], ...] = (
    Handler(DossierAcceptedV1, on_dossier_accepted, KEYS),
    Handler(DossierSupplementRequestedV1, on_dossier_supplement_requested, KEYS),
    Handler(DossierSupplementReceivedV1, on_dossier_supplement_received, KEYS),
    Handler(DossierRefusedV1, on_dossier_refused, KEYS),
    Handler(DossierStoppedV1, on_dossier_stopped, KEYS),
    Handler(DossierDeskStepRecordedV1, on_dossier_desk_step_recorded, KEYS),
    Handler(DossierResultReturnedV1, on_dossier_result_returned, KEYS),
    Handler(DossierFinishedOnTheSpotV1, on_dossier_finished_on_the_spot, KEYS),
    Handler(DossierCompletedV1, on_dossier_completed, KEYS),
)


class Service:
    """The service's roles; a process runs those that its entry point asks for.

    Raises OSError and ValueError for files it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._verifier = Verifier.of(settings)
        self.spine: Spine[SlaUnitOfWork] = Spine(NAME, settings, SlaUnitOfWork)

    async def worker(self) -> Sequence[Role]:
        """Reads events, rings timers, sends its own events."""
        return [*self.spine.housekeeping(), *self._readers()]

    async def web(self) -> Sequence[Role]:
        """Answers people's questions."""
        return [*self.spine.housekeeping(), self._server()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._readers(), self._server()]

    def _readers(self) -> list[Role]:
        spine = self.spine
        queries = ClockQueries(spine.pool)
        spine.measured_by(lambda: queries.measure(spine.clock.now()))
        return [spine.relay(), self._timers(queries), *spine.consumer(HANDLERS)]

    def _timers(self, queries: ClockQueries) -> Role:
        """Rings timers; first those of dates that a build before this one could not confirm."""
        timers = self.spine.timers(ring)

        async def run() -> None:
            with suppress(*UNAVAILABLE):  # the next start, or a timer of the clock's own, does it then
                await queries.ring_differing(self.spine.clock.now())
            await timers.run()

        return Role(timers.name, run)

    def app(self) -> FastAPI:
        """The routes, on the opened spine."""
        routers = [
            deadline_router(ClockQueries(self.spine.pool), self.spine.clock.now),
            calendar_router(),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
        ]
        return make_app("Theo dõi thời hạn", version("hub-sla"), self._verifier, routers, outages=UNAVAILABLE)

    def _server(self) -> Role:
        return self.spine.http(
            HttpServer(self.app(), self._settings.http_host, self._settings.http_port), self._verifier.followed
        )


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)


def ring(timer: Timer) -> Job[SlaUnitOfWork, None]:
    """The job of one due timer."""
    return Job(run=lambda uow: on_timer_rang(timer.dossier_id, uow), keys={CLOCKS_SHELF: (timer.dossier_id,)})
