"""Sổ theo dõi hồ sơ (mẫu 07): one line for each dossier that a desk accepted in a period."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from hub_worktime import VIETNAM
from services.intake.domain.desk.life import Collector
from services.intake.domain.dossier import Dossier
from services.intake.domain.forms.form_fields import person_fields
from services.intake.domain.forms.forms import Fields, printable
from services.intake.domain.progress import Progress

MOST_LINES = 1000
"""Of one PDF: what comes after is the next part of the book."""
LONGEST_DAYS = 366


_COLLECTED: Mapping[str, str] = {
    "applicant": "người nộp nhận",
    "proxy": "người được ủy quyền nhận",
    "post": "qua bưu chính",
}


class Returned(NamedTuple):
    """When the result came to the desk, when it was handed over and how, as far as that is known."""

    ready_at: datetime | None = None
    returned_at: datetime | None = None
    collected_by: Collector | None = None

    @property
    def written(self) -> str | None:
        """Trả ngày, phương thức."""
        how = self.collected_by and _COLLECTED[self.collected_by]
        return "\n".join(part for part in (_short(self.returned_at), how) if part) or None


class BookEntry(NamedTuple):
    """One dossier as the book needs it."""

    dossier: Dossier
    progress: Progress
    returned: Returned = Returned()

    @property
    def ready_at(self) -> datetime | None:
        """Có kết quả: the earlier of what the agencies and the desk said, as everything is judged."""
        said = (self.progress.completed_at, self.returned.ready_at)
        return min((at for at in said if at is not None), default=None)


def codes_between(desk_code: str, first: date, last: date) -> tuple[str, str]:
    """The official numbers that a desk gave from one day to another lie between these two."""
    return f"{desk_code}-{first:%y%m%d}-", f"{desk_code}-{last:%y%m%d}-99999999"


def line_of(entry: BookEntry, form: Mapping[str, Any], contact: Mapping[str, Any]) -> Fields:
    """One line; a signature for the result is given by hand."""
    dossier, progress, returned = entry
    line: Fields = printable(
        {
            **person_fields(form, contact),
            "dossier_code": dossier.code,
            "procedure": f"{dossier.procedure.name} ({dossier.procedure.code})",
            "agency": progress.agency_name,
            "received_at": _short(dossier.received_at),
            "due_at": _short(dossier.due_at),
            "ready_at": _short(entry.ready_at),
            "returned": returned.written,
        }
    )
    return line


def _short(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(VIETNAM).strftime("%H:%M\n%d/%m/%Y")
