"""Phạm vi: whose dossiers a caller may see. Outside it a dossier is answered as if it didn't exist."""

from uuid import UUID

from hub_web.tokens import Caller
from services.intake.api.problems import no_such_dossier
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
