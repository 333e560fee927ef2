"""Bộ phận Một cửa theo mã: its name and hours as the directory has them now."""

from hub_events.intake import DeskRef
from hub_worktime import DEFAULT_HOURS, WorkingHours
from services.intake.domain.refusals import UnknownDesk
from services.intake.handlers.office import Office


def desk_called(code: str, office: Office) -> DeskRef | None:
    """None: no longer in the directory."""
    try:
        return office.catalogue.desk(code).ref
    except UnknownDesk:
        return None


def hours_at(code: str, office: Office) -> WorkingHours:
    """Giờ tính hạn; the default where the desk is no longer in the directory."""
    try:
        return office.catalogue.desk(code).hours
    except UnknownDesk:
        return DEFAULT_HOURS
