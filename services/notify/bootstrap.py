"""Where the service's parts are joined."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from hub_events.event import Event, Fact
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierFormIssuedV1,
    DossierRefusedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
    DossierSupplementRequestedV1,
)
from hub_events.routing import DossierCompletedV1
from hub_events.sla import DeadlineMissedV1
from hub_messaging.clock import VIETNAM
from hub_messaging.database import UNAVAILABLE
from hub_messaging.jobs import Job
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.process import Role, Spine
from hub_messaging.reader import Handler
from hub_messaging.refused import RefusedTable
from hub_messaging.settings import joined
from hub_messaging.work import WorkRow
from hub_web.app import make_app
from hub_web.client import Client, ClientLimits
from hub_web.dead_letters import dead_letter_router
from hub_web.server import HttpServer
from hub_web.tokens import Verifier
from services.notify.api.notices import notice_router
from services.notify.api.suppliers import supplier_router
from services.notify.clients.contacts import Contacts
from services.notify.clients.sms_gateway import SmsGateway
from services.notify.handlers.deadline_missed import on_deadline_missed
from services.notify.handlers.dossier_accepted import on_dossier_accepted
from services.notify.handlers.dossier_completed import on_dossier_completed
from services.notify.handlers.dossier_corrected import on_dossier_corrected
from services.notify.handlers.dossier_desk_step_recorded import on_dossier_desk_step_recorded
from services.notify.handlers.dossier_form_issued import on_dossier_form_issued
from services.notify.handlers.dossier_refused import on_dossier_refused
from services.notify.handlers.dossier_stopped import on_dossier_stopped
from services.notify.handlers.dossier_supplement_received import on_dossier_supplement_received
from services.notify.handlers.dossier_supplement_requested import on_dossier_supplement_requested
from services.notify.handlers.message_settled import on_message_overtaken, on_message_refused, on_message_sent
from services.notify.handlers.ports import Sending
from services.notify.handlers.texts import TextTemplates
from services.notify.settings import Settings
from services.notify.store.messages import StoredMessages
from services.notify.store.queries import StoredNotices
from services.notify.store.unit_of_work import NOTICES_SHELF, WAITING, NotifyUnitOfWork

NAME = "notify"
ATTEMPT_SECONDS = 8.0  # shorter than the lane's own bound, so that the client says what happened


class Service:
    """The service's roles; a process runs those that its entry point asks for.

    Raises OSError and ValueError for files and templates it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._verifier = Verifier.of(settings)
        self._contacts = Contacts(settings.sealing_keys_file)
        self._sending = Sending(TextTemplates(), settings.sms_supplier)
        self.spine: Spine[NotifyUnitOfWork] = Spine(NAME, settings, NotifyUnitOfWork)

    async def worker(self) -> Sequence[Role]:
        """Reads events and sends the service's own."""
        return [*self.spine.housekeeping(), *self._readers()]

    async def sender(self) -> Sequence[Role]:
        """Hands messages to the supplier."""
        return [*self.spine.housekeeping(), *self._lanes()]

    async def web(self) -> Sequence[Role]:
        """Answers people's questions."""
        return [*self.spine.housekeeping(), self._server()]

    async def everything(self) -> Sequence[Role]:
        """All roles in one process; inputs last, so that they stop first."""
        return [*self.spine.housekeeping(), *self._lanes(), *self._readers(), self._server()]

    def _readers(self) -> list[Role]:
        self.spine.measured_by(StoredNotices(self.spine.pool).measure)
        return [self.spine.relay(), *self.spine.consumer(handlers(self._sending))]

    def app(self) -> FastAPI:
        """The routes, on the opened spine."""
        queries, settle = StoredNotices(self.spine.pool), partial(settled, self._sending)
        messages = StoredMessages(self.spine.runner, self._sending, settle)
        routers = [
            notice_router(queries, messages, self._contacts.seal),
            supplier_router(queries, [self._sending]),
            dead_letter_router(NAME, RefusedTable(self.spine.pool)),
        ]
        return make_app("Thông báo", version("hub-notify"), self._verifier, routers, outages=UNAVAILABLE)

    def _server(self) -> Role:
        return self.spine.http(
            HttpServer(self.app(), self._settings.http_host, self._settings.http_port), self._verifier.followed
        )

    def _lanes(self) -> list[Role]:
        settings, lane = self._settings, self._sending.lane
        settle = partial(settled, self._sending)
        client = Client(ClientLimits(connections=settings.sms_concurrency, total_seconds=ATTEMPT_SECONDS))
        gateway = SmsGateway(client, settings.sms_url, settings.sms_token, settings.sms_sender, self._contacts)
        keeper = self.spine.lanes(
            lambda: [(lane, self._at_once())], gateway.deliver, settle, lambda _lane: settings.sms_repeat_safe
        )

        async def run() -> None:
            async with client:
                await keeper.run()

        questions = [self.spine.questions(settle, gateway.ask)] if settings.sms_status_query else []
        return [Role("lanes", run), *questions]

    def _at_once(self) -> int:
        """So many messages may be on their way; none in the hours in which citizens are not written to."""
        hours, local = self._settings.sms_hours, self.spine.clock.now().astimezone(VIETNAM).time()
        return self._settings.sms_concurrency if hours is None or hours.open_at(local) else 0


def build(settings: Settings) -> Service:
    """The service, or the end of the process with one clear line (exit code 78)."""
    return joined(Service, settings)


def handlers(sending: Sending) -> list[Handler[NotifyUnitOfWork]]:
    """How each event is handled."""
    by_event: dict[type[Event], Any] = {
        DossierAcceptedV1: on_dossier_accepted,
        DossierSupplementRequestedV1: on_dossier_supplement_requested,
        DossierRefusedV1: on_dossier_refused,
        DossierStoppedV1: on_dossier_stopped,
        DossierSupplementReceivedV1: on_dossier_supplement_received,
        DossierCorrectedV1: on_dossier_corrected,
        DossierDeskStepRecordedV1: on_dossier_desk_step_recorded,
        DossierFormIssuedV1: on_dossier_form_issued,
        DossierCompletedV1: on_dossier_completed,
        DeadlineMissedV1: on_deadline_missed,
    }

    def keys(fact: Fact[Any]) -> dict[str, tuple[Any, ...]]:
        return {NOTICES_SHELF: (fact.dossier_id,), WAITING: ((sending.lane, fact.dossier_id),)}

    return [Handler(event, partial(handle, sending=sending), keys) for event, handle in by_event.items()]


def settled(sending: Sending, row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[NotifyUnitOfWork, None]:
    """The job that notes a message's final outcome."""

    def run(uow: NotifyUnitOfWork) -> None:
        if on_message_overtaken(row, outcome, uow, sending):
            return
        match outcome:
            case Sent(detail):
                on_message_sent(row.dossier_id, row.kind, sending.supplier, detail, attempts, uow)
            case Refused(reason):
                on_message_refused(row.dossier_id, row.kind, sending.supplier, reason, attempts, uow)

    return Job(run=run, keys={NOTICES_SHELF: (row.dossier_id,)})
