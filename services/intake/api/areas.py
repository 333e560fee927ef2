"""Phạm vi: whose dossiers a caller may see. Outside it a dossier is answered as if it didn't exist."""

from uuid import UUID

from hub_web.tokens import Caller
from services.intake.api.desk.life_reading import LifeReading
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
    """That the caller's desk has the result: the receiving one, or another once it signed for it. Raises Problem.

    One that has part in it, but not the result, hears where it is.
    """
    desk_code, life = await reading.desk_of(dossier_id), await lives.life_of(dossier_id)
    place = life.result_at if life else desk_code
    waits = life.wanted_at if life and (life.result_ready_at or life.result_sent_at) else None
    if desk_code is None or not any(code and caller.covers(code) for code in (desk_code, waits)):
        raise no_such_dossier()
    if place is not None and not caller.covers(place):
        raise result_elsewhere(place)


async def has_part(reading: Reading, lives: LifeReading, dossier_id: UUID, caller: Caller) -> None:
    """That it is the receiving desk, or the one that has the result. Raises Problem."""
    desk_code, life = await reading.desk_of(dossier_id), await lives.life_of(dossier_id)
    place = life.result_at if life else desk_code
    if desk_code is None or not any(code and caller.covers(code) for code in (desk_code, place)):
        raise no_such_dossier()
