"""Lập sổ theo dõi hồ sơ (mẫu 07): the lines of a desk's book, their names opened one by one."""

from collections.abc import Iterable
from datetime import date

from services.intake.domain.forms.form_fields import desk_fields
from services.intake.domain.forms.forms import Fields, Given, printable
from services.intake.domain.forms.register import BookEntry, line_of
from services.intake.handlers.office import Office


def lines_of(found: Iterable[BookEntry], office: Office) -> list[Fields]:
    """The lines of some dossiers; of what was opened, only the line is kept."""
    return [_line(entry, office) for entry in found]


def _line(entry: BookEntry, office: Office) -> Fields:
    dossier = entry.dossier
    seals, sealed = office.seals, dossier.sealed_contact
    contact = {} if sealed is None else seals.open("contact", dossier.id, sealed)
    return line_of(entry, seals.open("form", dossier.id, dossier.sealed_form), contact)


def register_fields(
    desk_code: str, period: tuple[date, date], after: str | None, lines: list[Fields], given: Given, office: Office
) -> Fields:
    """The book's cover and lines; `after`: the number that ended the part before. Raises UnknownDesk."""
    desk = office.catalogue.desk_ever(desk_code)
    first, last = period
    fields: Fields = printable(
        {
            **desk_fields(desk.ref.name, desk.phone),
            "desk_code": desk_code,
            "from": f"{first:%d/%m/%Y}",
            "to": f"{last:%d/%m/%Y}",
            "after": after,
            "signer_name": given.signer_name,
            "signer_title": given.signer_title,
        }
    )
    return {**fields, "lines": lines}
