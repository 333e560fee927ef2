"""Dữ liệu đóng gói được công bố: what others are told of procedures and desks that come with the service.

They name no first day. That which they are told with comes before any that a file can name, so that no import ever
tells under their keys.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.reference import (
    DeskPublishedV1,
    ProcedureCase,
    ProcedureOffer,
    ProcedurePaper,
    ProcedurePublishedV1,
    ProcedureText,
)
from hub_worktime import TermRow
from services.intake.domain.catalogue import Component, Desk, Procedure
from services.intake.domain.procedures.published_procedure import read_code
from services.intake.domain.reference.columns import EARLIEST
from services.intake.domain.reference.directory import COMMUNE, PROVINCIAL
from services.intake.domain.reference.reference_events import TOLD

UNDATED = EARLIEST - timedelta(days=1)
_FORMS: Mapping[str | None, str] = MappingProxyType(
    {None: "Mọi hình thức nộp", "counter": "Trực tiếp", "online": "Trực tuyến", "post": "Bưu chính"}
)


def packaged_procedure_told(code: str, version: int) -> UUID:
    """The id under which that version is told, once: a correction is a new version."""
    return derive_id(TOLD, "packaged procedure", code, str(version))


def packaged_desk_told(code: str, edition: int) -> UUID:
    """The id of what is told of a desk the first time, the second …: so the last one can be found."""
    return derive_id(TOLD, "packaged desk", code, str(edition))


def packaged_procedure_event(procedure: Procedure) -> ProcedurePublishedV1:
    """The version in full, with where it was read and how sure that is."""
    ref, code = procedure.ref, read_code(procedure.ref.code)
    return ProcedurePublishedV1(
        code=ref.code,
        version=ref.version,
        base_code=code.base if code else ref.code,
        suffix=code.suffix if code else None,
        name=ref.name,
        field=ref.field or "",
        agency_kind=next((leg.agency_kind for leg in procedure.legs if leg.role == "lead"), None),
        offers=tuple(map(_offer, procedure.term_rows)),
        cases=tuple(ProcedureCase(code=case.code, name=case.name) for case in procedure.cases),
        papers=tuple(map(_paper, procedure.components)),
        texts=(
            ProcedureText(key="certainty", text=procedure.certainty),
            ProcedureText(key="source", text=procedure.source),
        ),
        published_at=datetime.combine(UNDATED, time(), UTC),
    )


def packaged_desk_event(desk: Desk, edition: int, replaced_from: date | None) -> DeskPublishedV1:
    """The desk, to the day before `replaced_from`: the first one of which the directory speaks of that code itself."""
    commune = desk.ref.territory if desk.ref.territory != desk.province else None
    return DeskPublishedV1(
        code=desk.ref.code,
        valid_from=UNDATED,
        valid_to=replaced_from - timedelta(days=1) if replaced_from else None,
        edition=edition,
        name=desk.ref.name,
        level=COMMUNE if commune else PROVINCIAL,
        province=desk.province,
        commune=commune,
        phone=desk.phone or None,
    )


def _offer(row: TermRow) -> ProcedureOffer:
    until = f"Sau {row.cut_off:%H:%M}: ngày làm việc tiếp theo." if row.cut_off else ""
    return ProcedureOffer.model_validate(
        {"channel": row.channel, "form": _FORMS[row.channel], "case": row.case, "term": row.text, "description": until}
    )


def _paper(part: Component) -> ProcedurePaper:
    return ProcedurePaper(
        code=part.code,
        name=part.name,
        case=part.case,
        required=part.required,
        originals=part.originals,
        copies=part.copies,
    )
