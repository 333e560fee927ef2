"""Bàn giao bản giấy giữa Bộ phận Một cửa và cơ quan giải quyết."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intake.domain.desk.hand_over_list import Carries, HandOverList, Side, due_of
from services.intake.domain.refusals import NoSuchList
from services.intake.handlers.desk.places import hours_at
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork


@dataclass(frozen=True, slots=True)
class MakeList:
    """The dossiers have been looked at: they are the desk's, and accepted; of `results` those wanted at that desk."""

    id: UUID
    desk_code: str
    agency_code: str
    dossiers: tuple[UUID, ...]
    at: datetime
    officer: str
    carries: Carries = "originals"


@dataclass(frozen=True, slots=True)
class SignList:
    """One side's signature."""

    id: UUID
    side: Side
    at: datetime
    officer: str


def make_list(command: MakeList, uow: IntakeWork, office: Office) -> HandOverList:
    """Lập danh sách bàn giao."""
    made = HandOverList(
        command.id,
        command.desk_code,
        command.agency_code,
        command.dossiers,
        command.at,
        command.officer,
        due_of(command.at, office.calendar, hours_at(command.desk_code, office)),
        carries=command.carries,
    )
    uow.hand_overs.put(made.id, made)
    return made


def sign_list(command: SignList, uow: IntakeWork) -> HandOverList:
    """Ký danh sách bàn giao. Raises NoSuchList, SignedAlready."""
    found = uow.hand_overs.get(command.id)
    if found is None:
        raise NoSuchList
    signed = found.sign(command.side, command.at, command.officer)
    uow.hand_overs.put(signed.id, signed)
    return signed
