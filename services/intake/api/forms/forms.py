"""Biểu mẫu chính thức 01–07 qua HTTP: draft, issue, list, fetch. Outside the caller's area: as if it didn't exist."""

import hashlib
from base64 import b64encode
from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response

from hub_events.values import AgencyCode
from hub_web.credentials import requires
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from hub_worktime import VIETNAM
from services.intake.api.forms.form_bodies import (
    FormBody,
    FormDraftView,
    FormList,
    FormView,
    RegisterBody,
    RegisterView,
    draft_view,
    file_name,
    form_view,
)
from services.intake.api.forms.form_issuing import Asked, FormIssuing, FormReading, method_of
from services.intake.api.forms.form_problems import no_such_form
from services.intake.api.problems import no_such_desk, no_such_dossier
from services.intake.api.reading import Reading
from services.intake.domain.forms.forms import REGISTER, Given, Kind

Drafter = Annotated[Caller, requires("dossiers:decide")]
FormReader = Annotated[Caller, requires("dossiers:read")]
_A_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}


def form_router(issuing: FormIssuing, reading: Reading, forms: FormReading) -> Router:
    """Official forms of dossiers, and the book of a desk."""
    router = Router(tags=["forms"])

    @router.post("/v1/dossiers/{dossier_id}/forms/{kind}/draft")
    async def draft(
        dossier_id: UUID, kind: Kind, body: FormBody, caller: Drafter, _key: IdempotencyKey
    ) -> FormDraftView:
        """Dự thảo biểu mẫu: what it would say now, what is missing. Keeps nothing; shows personal data."""
        await _desk_in_area(reading, dossier_id, caller)
        return draft_view(await issuing.draft(dossier_id, kind, body.given()))

    @router.post("/v1/dossiers/{dossier_id}/forms/{kind}", status_code=201, response_model=FormView)
    async def issue(
        dossier_id: UUID, kind: Kind, body: FormBody, caller: Drafter, key: IdempotencyKey, raw: RawBody
    ) -> Response:
        """Phát hành biểu mẫu: signed, numbered, kept as it is. A second one of a kind replaces the first."""
        desk_code = await _desk_in_area(reading, dossier_id, caller)
        place = f"{caller.subject} {dossier_id} forms/{kind} {key}"
        return await issuing.issue(dossier_id, Asked(desk_code, kind, body.given(), place, _sha256(raw)))

    @router.get("/v1/dossiers/{dossier_id}/forms")
    async def list_forms(dossier_id: UUID, caller: FormReader) -> FormList:
        """Các biểu mẫu đã phát hành của hồ sơ."""
        await _desk_in_area(reading, dossier_id, caller)
        return FormList(items=[form_view(form, method_of(form)) for form in await forms.of_dossier(dossier_id)])

    @router.get("/v1/forms/{form_id}.pdf", response_class=Response, responses=_A_PDF)
    async def fetch(form_id: UUID, caller: FormReader) -> Response:
        """Tải biểu mẫu: the same bytes each time."""
        form = await forms.form(form_id)
        if form is None or not caller.covers(form.desk_code):
            raise no_such_form()
        headers = {
            "Content-Disposition": f'inline; filename="{file_name(form, form.issued_at.astimezone(VIETNAM))}"',
            "Cache-Control": "private, no-store",
            "Repr-Digest": f"sha-256=:{b64encode(form.sha256).decode()}:",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(await issuing.pdf(form), headers=headers, media_type="application/pdf")

    @router.post("/v1/desks/{code}/register", status_code=201, response_model=RegisterView)
    async def register(
        code: AgencyCode, body: RegisterBody, caller: Drafter, key: IdempotencyKey, raw: RawBody
    ) -> Response:
        """Lập sổ theo dõi hồ sơ (mẫu 07) of a period, at most 1,000 lines each."""
        if not caller.covers(code):
            raise no_such_desk()
        given = Given(body.officer, body.signer.name, body.signer.title)
        asked = Asked(code, REGISTER, given, f"{caller.subject} {code} register {key}", _sha256(raw))
        return await issuing.register(asked, body.first, body.last, body.after)

    return router


async def _desk_in_area(reading: Reading, dossier_id: UUID, caller: Caller) -> str:
    desk_code = await reading.desk_of(dossier_id)
    if desk_code is None or not caller.covers(desk_code):
        raise no_such_dossier()
    return desk_code


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
