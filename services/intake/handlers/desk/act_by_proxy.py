"""Việc làm theo ủy quyền, from submission to collection: the paper is checked; what it lacks, a person answers for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from hub_events.ids import derive_id
from hub_events.intake import DeskRef
from hub_messaging.errors import HubError
from hub_worktime import day_in_vietnam
from services.intake.domain.desk.authorisation import Act, ActByProxy, Authorisation, Lack, written_authorisation
from services.intake.domain.dossier import Dossier
from services.intake.handlers.desk.desk_steps import announce_step
from services.intake.handlers.desk.places import desk_called
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered
from services.intake.handlers.submit_dossier import SubmitDossier, submit_dossier

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Despite:
    """Cán bộ hoặc lãnh đạo chấp nhận: who answers for a paper that isn't in order, and why."""

    officer: str
    reason: str


@dataclass(frozen=True, slots=True)
class ActingByProxy:
    """`proxy`: who came, with which paper, as it is sealed; None: the one of the submission. `on`: when."""

    act: Act
    dossier_id: UUID
    event_id: UUID
    at: datetime
    on: datetime
    proxy: Mapping[str, Any] | None
    despite: Despite | None


def submit_by_proxy(command: SubmitDossier, despite: Despite | None, uow: IntakeWork, office: Office) -> Dossier:
    """Registers what a proxy hands in. Raises AuthorisationLacking, and what `submit_dossier` raises."""
    paper = written_authorisation(command.form["proxy"])
    assert paper
    lack = _checked(paper, "submit", command.received_at, despite)
    dossier = submit_dossier(command, uow, office)
    if lack is not None and despite is not None:
        act = _Done(dossier.desk, "submit", command.event_id, command.at, lack)
        _keep(act, dossier, despite, None, uow, office)
    return dossier


def act_by_proxy(
    command: ActingByProxy, do: Callable[[IntakeWork], Dossier], uow: IntakeWork, office: Office
) -> Dossier:
    """Does for a proxy what `do` does: a supplement, a withdrawal, the return of the result.

    Raises NoSuchDossier, AuthorisationLacking, and first what `do` raises.
    """
    dossier, _, life = registered(command.dossier_id, uow)
    paper = written_authorisation(command.proxy) or _of_submission(dossier, office)
    desk = desk_called(life.result_at or dossier.desk.code, office) or dossier.desk
    done = do(uow)
    lack = None if paper is None else _checked(paper, command.act, command.on, command.despite)
    if lack is not None or command.proxy is not None:
        act = _Done(desk, command.act, command.event_id, command.at, lack)
        _keep(act, done, command.despite, command.proxy, uow, office)
    return done


def _of_submission(dossier: Dossier, office: Office) -> Authorisation | None:
    """The paper by which it was handed in; None: it was by nobody's."""
    try:
        return written_authorisation(office.seals.open("form", dossier.id, dossier.sealed_form).get("proxy"))
    except HubError as trouble:  # no key, or a broken seal: an operator's affair; the desk can take the paper anew
        log.warning("seal_not_opened", dossier_id=str(dossier.id), purpose="form", reason=trouble.reason)
        return Authorisation(readable=False)


def _checked(paper: Authorisation, act: Act, moment: datetime, despite: Despite | None) -> Lack | None:
    return paper.check(act, day_in_vietnam(moment), accepted=despite is not None)


@dataclass(frozen=True, slots=True)
class _Done:
    """What was done by proxy, where and when, and what the paper lacked."""

    desk: DeskRef
    act: Act
    event_id: UUID
    at: datetime
    lack: Lack | None


def _keep(
    done: _Done,
    dossier: Dossier,
    despite: Despite | None,
    shown: Mapping[str, Any] | None,
    uow: IntakeWork,
    office: Office,
) -> None:
    """The paper shown and the reason rest sealed; that somebody answers for a lack is a step of the timeline."""
    answers, own_id = (despite if done.lack is not None else None), derive_id(done.event_id, "authorisation")
    content = {"proxy": shown, "reason": answers.reason if answers else None}
    officer, sealed = answers.officer if answers else None, office.seals.seal("form", dossier.id, content)
    uow.acts_by_proxy.add(ActByProxy(dossier.id, own_id, done.act, done.at, done.desk.code, done.lack, officer, sealed))
    if answers is not None:
        step = "authorisation-accepted"
        announce_step(dossier, step, answers.officer, done.at, uow, event_id=own_id, reason=done.lack, desk=done.desk)
