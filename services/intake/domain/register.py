"""Sổ theo dõi hồ sơ (mẫu 07): one line for each dossier that a desk accepted in a period."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from hub_worktime import VIETNAM
from services.intake.domain.dossier import Dossier
from services.intake.domain.form_fields import person_fields
from services.intake.domain.forms import Fields, printable
from services.intake.domain.progress import Progress

MOST_LINES = 1000
"""Of one PDF: what comes after is the next part of the book."""
LONGEST_DAYS = 366


def codes_between(desk_code: str, first: date, last: date) -> tuple[str, str]:
    """The official numbers that a desk gave from one day to another lie between these two."""
    return f"{desk_code}-{first:%y%m%d}-", f"{desk_code}-{last:%y%m%d}-99999999"


def line_of(dossier: Dossier, progress: Progress, form: Mapping[str, Any], contact: Mapping[str, Any]) -> Fields:
    """One line. When and how the result is collected is written, and signed, by hand: nobody reported it yet."""
    promised = dossier.promise.due_at if dossier.promise else None
    line: Fields = printable(
        {
            **person_fields(form, contact),
            "dossier_code": dossier.code,
            "procedure": f"{dossier.procedure.name} ({dossier.procedure.code})",
            "agency": progress.agency_name,
            "received_at": _short(dossier.received_at),
            "due_at": _short(progress.clock_due_at or promised),
            "ready_at": _short(progress.completed_at),
        }
    )
    return line


def _short(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(VIETNAM).strftime("%H:%M\n%d/%m/%Y")
