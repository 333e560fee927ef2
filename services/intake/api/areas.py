"""Phạm vi: whose dossiers a caller may see. Outside it a dossier is answered as if it didn't exist."""

from uuid import UUID

from hub_web.tokens import Caller
from services.intake.api.life_reading import LifeReading
from services.intake.api.problems import no_such_dossier, result_elsewhere
from services.intake.api.reading import Reading
from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress


async def in_area(reading: Reading, dossier_id: UUID, caller: Caller) -> tuple[Dossier, Progress]:
    """The dossier. Raises Problem."""
    found = await reading.by_id(dossier_id)
    if found is None or not caller.covers(found[0].desk.code):
        raise no_such_dossier()
    return found


async def desk_in_area(reading: Reading, dossier_id: UUID, caller: Caller) -> str:
    """The code of the desk that holds the dossier. Raises Problem."""
    desk_code = await reading.desk_of(dossier_id)
    if desk_code is None or not caller.covers(desk_code):
        raise no_such_dossier()
    return desk_code


async def receives(reading: Reading, _lives: LifeReading, dossier_id: UUID, caller: Caller) -> None:
    """That the caller's desk received the dossier. Raises Problem."""
    await desk_in_area(reading, dossier_id, caller)


async def hands_out(reading: Reading, lives: LifeReading, dossier_id: UUID, caller: Caller) -> None:
    """That the caller's desk has the result: the receiving one, or another once it signed for it. Raises Problem."""
    desk_code, place = await _desks(reading, lives, dossier_id)
    if not caller.covers(place):
        raise result_elsewhere(place) if caller.covers(desk_code) else no_such_dossier()


async def has_part(reading: Reading, lives: LifeReading, dossier_id: UUID, caller: Caller) -> None:
    """That it is the receiving desk, or the one that has the result. Raises Problem."""
    if not any(map(caller.covers, await _desks(reading, lives, dossier_id))):
        raise no_such_dossier()


async def _desks(reading: Reading, lives: LifeReading, dossier_id: UUID) -> tuple[str, str]:
    """The desk that received it, and the one that has its result. Raises Problem."""
    desk_code = await reading.desk_of(dossier_id)
    if desk_code is None:
        raise no_such_dossier()
    life = await lives.life_of(dossier_id)
    return desk_code, (life.result_at if life else None) or desk_code
