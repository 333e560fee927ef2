"""Chuyển kết quả đến Bộ phận Một cửa mà người nộp chọn: what each side's signature says about each result."""

from uuid import UUID

from hub_events.ids import derive_id
from services.intake.domain.desk.hand_over_list import HandOverList
from services.intake.domain.refusals import NothingToSend
from services.intake.domain.standing import Standing
from services.intake.handlers.desk.desk_steps import announce_step
from services.intake.handlers.desk.hand_over_lists import SignList, sign_list
from services.intake.handlers.desk.places import desk_called
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered


def can_send(standing: Standing, to: str) -> bool:
    """The result is there, at the receiving desk, and wanted at that other one."""
    life = standing.life
    here = standing.to_be_returned and life.result_sent_at is None
    return here and life.result_by == "desk" and life.wanted_at == to


def sign_results(command: SignList, uow: IntakeWork, office: Office) -> HandOverList:
    """Ký bàn giao kết quả. Raises as `sign_list`, and NothingToSend.

    What was handed out after the list was made falls off it when the desk signs.
    """
    signed = sign_list(command, uow)
    found = [registered(dossier_id, uow) for dossier_id in signed.dossiers]
    if command.side == "desk" and signed.agency_signed_at is None:
        found = [standing for standing in found if can_send(standing, signed.agency_code)]
        if not found:
            raise NothingToSend
        signed = signed._replace(dossiers=tuple(standing.dossier.id for standing in found))
        uow.hand_overs.put(signed.id, signed)
    for standing in found:
        _note(standing, signed, command, uow, office)
    return signed


def _note(standing: Standing, made: HandOverList, command: SignList, uow: IntakeWork, office: Office) -> None:
    life, dossier = standing.life, standing.dossier
    leaves = command.side == "desk"
    noted = life.send_result(command.at) if leaves else life.receive_result(command.at)
    if not standing.to_be_returned or life.wanted_at != made.agency_code or noted == life:
        return  # handed out, or wanted elsewhere meanwhile
    uow.lives.put(dossier.id, noted)
    step, desk = ("result-sent", dossier.desk) if leaves else ("result-arrived", desk_called(made.agency_code, office))
    event_id = _step_id(made.id, step, dossier.id)
    announce_step(dossier, step, command.officer, command.at, uow, event_id=event_id, desk=desk)


def _step_id(list_id: UUID, step: str, dossier_id: UUID) -> UUID:
    return derive_id(list_id, step, str(dossier_id))
