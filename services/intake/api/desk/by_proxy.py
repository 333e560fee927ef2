"""Ủy quyền qua HTTP: the commands that a proxy's paper is checked before, and who answered for one not in order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import Local
from services.intake.api.bodies import PaperShown, Submission, SuperiorBody
from services.intake.domain.desk.authorisation import Act, ActByProxy
from services.intake.domain.dossier import Dossier
from services.intake.handlers.desk.act_by_proxy import ActingByProxy, Despite, act_by_proxy, submit_by_proxy
from services.intake.handlers.office import Office
from services.intake.handlers.submit_dossier import SubmitDossier, submit_dossier

Run = Callable[[Any], Dossier]


class ProxyReading(Protocol):
    """The query port. `desks` None: at all."""

    async def accepted(self, after: UUID | None, most: int, desks: Sequence[str] | None) -> Sequence[ActByProxy]: ...


class ActByProxyView(BaseModel):
    """Một lần chấp nhận giấy ủy quyền: `lack` says what the paper lacked; the reason is sealed."""

    dossier_id: UUID
    act: str
    at: Local
    desk_code: str
    lack: str
    officer: str


def submitting(submission: Submission, command: SubmitDossier, office: Office) -> Run:
    """How the dossier is registered: at once, or after a look at the proxy's paper."""
    proxy = submission.proxy
    if proxy is None:
        return lambda uow: submit_dossier(command, uow, office)
    despite = _despite(proxy.despite)
    return lambda uow: submit_by_proxy(command, despite, uow, office)


class Command(Protocol):
    """What is to be done with a dossier that is registered."""

    @property
    def dossier_id(self) -> UUID: ...
    @property
    def event_id(self) -> UUID: ...
    @property
    def at(self) -> datetime: ...


def acting(do: Run, act: Act, said: PaperShown, command: Command, on: datetime, office: Office) -> Run:
    """How `command` is done: at once, or with a look at the proxy's paper. `on`: when it was done in truth."""
    if not said.by_proxy:
        return do
    shown = None if said.proxy is None else said.proxy.personal()
    acting = ActingByProxy(act, command.dossier_id, command.event_id, command.at, on, shown, _despite(said.despite))
    return lambda uow: act_by_proxy(acting, do, uow, office)


def proxy_router(acts: ProxyReading) -> Router:
    """/v1/accepted-authorisations, within the caller's area."""
    router = Router(tags=["dossiers"])

    @router.get("/v1/accepted-authorisations")
    async def accepted(
        caller: Annotated[Caller, requires("dossiers:read")], cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[ActByProxyView]:
        """Các lần cán bộ chấp nhận giấy ủy quyền hết hạn, chưa đến hạn hoặc ngoài phạm vi, theo thời gian."""
        found = await acts.accepted(after_id(cursor), limit + 1, caller.codes)
        return page_of(found, limit, _view, lambda act: (str(act.event_id),))

    return router


def _despite(body: SuperiorBody | None) -> Despite | None:
    return None if body is None else Despite(body.officer, body.reason)


def _view(act: ActByProxy) -> ActByProxyView:
    return ActByProxyView.model_validate(act, from_attributes=True)
