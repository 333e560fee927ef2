"""Bộ phận Một cửa theo mã: its name and hours as the directory has them now, or had them when it ended."""

from hub_events.intake import DeskRef
from hub_worktime import DEFAULT_HOURS, WorkingHours
from services.intake.handlers.office import Office


def desk_called(code: str, office: Office) -> DeskRef | None:
    """None: the directory never had it."""
    desk = office.catalogue.known_desk(code)
    return desk.ref if desk else None


def hours_at(code: str, office: Office) -> WorkingHours:
    """Giờ tính hạn; the default for a desk that the directory never had."""
    desk = office.catalogue.known_desk(code)
    return desk.hours if desk else DEFAULT_HOURS
