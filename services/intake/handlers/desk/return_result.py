"""Kết quả giải quyết: it is at the desk, and it is handed to the citizen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hub_events.intake import DossierResultReturnedV1
from services.intake.domain.desk.life import Collector
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import ResultUnderWay
from services.intake.domain.standing import Standing
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.desk_steps import announce_step, check_done
from services.intake.handlers.desk.ending import miss_nothing_more
from services.intake.handlers.desk.places import desk_called
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered

CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much may the clock that said when the result was there be ahead: `routing` takes no answer further ahead."""


@dataclass(frozen=True, slots=True)
class ResultReady:
    """`ready_at`: when the desk got the result; `at`: when it is entered."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    ready_at: datetime


@dataclass(frozen=True, slots=True)
class ReturnResult:
    """`returned_at`: when it was handed over, or given to the post."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    returned_at: datetime
    collected_by: Collector


def result_ready(command: ResultReady, uow: IntakeWork) -> Dossier:
    """Kết quả đã về Bộ phận Một cửa. Raises NoSuchDossier, WrongState, ReceiptNotBelievable."""
    standing = registered(command.dossier_id, uow)
    standing.check("result-ready")
    check_done(command.ready_at, standing.dossier.complete_since, command.at)
    ready = standing.life._replace(result_ready_at=command.ready_at, result_ready_by=command.officer)
    uow.lives.put(command.dossier_id, ready)
    miss_nothing_more(standing, uow)
    announce_step(standing.dossier, "result-ready", command.officer, command.ready_at, uow, event_id=command.event_id)
    return standing.dossier


def return_result(command: ReturnResult, uow: IntakeWork, office: Office) -> Dossier:
    """Đã trả kết quả, by the desk that has it: the dossier is closed. Raises as `result_ready`, and ResultUnderWay."""
    standing = registered(command.dossier_id, uow)
    dossier = standing.check("return-result")
    place = standing.life.result_at
    if place is None:
        raise ResultUnderWay
    check_done(command.returned_at, _there_since(standing), command.at)
    returned = dossier.hand_back()
    assert returned.code
    uow.dossiers.put(returned.id, returned)
    uow.lives.put(returned.id, standing.life.hand_back(command.returned_at, command.officer, command.collected_by))
    miss_nothing_more(standing, uow)
    event = DossierResultReturnedV1(
        returned_at=command.returned_at,
        returned_by=command.officer,
        collected_by=command.collected_by,
        dossier_code=returned.code,
        desk=returned.desk if place == returned.desk.code else desk_called(place, office) or returned.desk,
    )
    announce(event, uow, dossier_id=returned.id, event_id=command.event_id)
    return returned


def _there_since(standing: Standing) -> datetime:
    """Nobody hands over a result before there is one."""
    assert standing.ended_at
    return max(standing.ended_at - CLOCKS_DIFFER, standing.dossier.complete_since)
