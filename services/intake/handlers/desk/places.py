"""Bộ phận Một cửa theo mã: its name as the directory has it now."""

from hub_events.intake import DeskRef
from services.intake.domain.refusals import UnknownDesk
from services.intake.handlers.office import Office


def desk_called(code: str, office: Office) -> DeskRef | None:
    """None: no longer in the directory."""
    try:
        return office.catalogue.desk(code).ref
    except UnknownDesk:
        return None
