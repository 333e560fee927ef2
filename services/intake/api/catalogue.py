"""Danh mục qua HTTP: procedures, as the service counts and checks with them."""

from typing import Annotated

from pydantic import BaseModel

from hub_events.intake import Channel, LegPlan
from hub_web.credentials import requires
from hub_web.pages import Page
from hub_web.problems import NOT_FOUND, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.domain.catalogue import Catalogue, Procedure
from services.intake.domain.refusals import UnknownProcedure

CatalogueReader = Annotated[Caller, requires("dossiers:read")]


class TermOffer(BaseModel):
    """Thời hạn for one channel and case (None: any). No unit: `reason` says why no date follows from it."""

    channel: Channel | None
    case: str | None
    text: str
    cut_off: str | None


class CaseView(BaseModel):
    """Trường hợp."""

    code: str
    name: str


class ComponentView(BaseModel):
    """Thành phần hồ sơ; `case` None: in every case."""

    code: str
    name: str
    required: bool
    originals: int
    copies: int
    case: str | None


class ProcedureLine(BaseModel):
    """One line of the list."""

    code: str
    version: int
    name: str
    field: str | None


class ProcedureView(ProcedureLine):
    """Thủ tục hành chính in its newest published version."""

    source: str
    certainty: str
    terms: list[TermOffer]
    cases: list[CaseView]
    components: list[ComponentView]
    legs: tuple[LegPlan, ...]


def catalogue_router(catalogue: Catalogue) -> Router:
    """The reference data."""
    router = Router(tags=["catalogue"])
    procedures = Page[ProcedureLine](items=[ProcedureLine(**_line(procedure)) for procedure in catalogue.published()])

    @router.get("/v1/procedures")
    async def list_procedures(_caller: CatalogueReader) -> Page[ProcedureLine]:
        """Danh sách thủ tục, by code."""
        return procedures

    @router.get("/v1/procedures/{code}")
    async def show_procedure(code: str, _caller: CatalogueReader) -> ProcedureView:
        """Một thủ tục."""
        try:
            return _view(catalogue.newest(code))
        except UnknownProcedure:
            raise Problem(NOT_FOUND, "Không có thủ tục này.", next_step="Xem GET /v1/procedures.") from None

    return router


def _line(procedure: Procedure) -> dict[str, str | int | None]:
    return procedure.ref.model_dump()


def _view(procedure: Procedure) -> ProcedureView:
    return ProcedureView(
        **procedure.ref.model_dump(),
        source=procedure.source,
        certainty=procedure.certainty,
        terms=[
            TermOffer(
                channel=row.channel,
                case=row.case,
                text=row.text,
                cut_off=row.cut_off.strftime("%H:%M") if row.cut_off else None,
            )
            for row in procedure.term_rows
        ],
        cases=[CaseView(code=case.code, name=case.name) for case in procedure.cases],
        components=[
            ComponentView(
                code=part.code,
                name=part.name,
                required=part.required,
                originals=part.originals,
                copies=part.copies,
                case=part.case,
            )
            for part in procedure.components
        ],
        legs=procedure.legs,
    )
