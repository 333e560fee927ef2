"""Tải tệp lên qua HTTP: a JSON POST begins it, then as in tus 1.0: HEAD tells the offset, PATCH appends at it."""

from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_messaging.clock import real_now
from hub_web.credentials import requires
from hub_web.limits import takes_up_to
from hub_web.problems import MEDIA_TYPE_UNSUPPORTED, Problem
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.files.file_bodies import CHUNK_BYTES, UploadView, UploadWish, upload_view
from services.intake.api.files.file_commands import FileCommands, as_problems
from services.intake.api.files.file_problems import TUS, TUS_VERSION
from services.intake.api.files.file_reading import FileReading, dossier_in_area, upload_in_area
from services.intake.api.files.receiving import Receiving
from services.intake.api.reading import Reading
from services.intake.domain.dossier import Dossier
from services.intake.domain.files.file_kinds import check_name, kind_of
from services.intake.domain.files.file_refusals import FileTooLarge, TooManyFiles, UploadRefused
from services.intake.domain.files.files import MOST_FILES, Content, Upload, check_takes_files
from services.intake.handlers.files.file_ports import Vault
from services.intake.handlers.files.upload_file import StartUpload, start_upload
from services.intake.handlers.office import Office

Submitter = Annotated[Caller, requires("dossiers:submit")]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, lt=2**53, description="Vị trí byte đầu tiên của đoạn.")]
Protocol = Annotated[str | None, Header(alias="Tus-Resumable", description="Nếu có, phải là 1.0.0.")]
OCTETS = "application/offset+octet-stream"
_CHUNK: dict[str, Any] = {
    "requestBody": {"required": True, "content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}
}


class Uploads:
    """What the routes of uploads stand on. `most_bytes`: of one file."""

    def __init__(
        self,
        reading: Reading,
        files: FileReading,
        commands: FileCommands,
        office: Office,
        vault: Vault,
        *,
        most_bytes: int,
    ) -> None:
        self.reading = reading
        self.files = files
        self.commands = commands
        self.receiving = Receiving(commands, files, vault)
        self._office = office
        self._vault = vault
        self._most_bytes = most_bytes

    async def start(self, dossier: Dossier, wish: UploadWish, caller: Caller) -> Callable[[Any], UploadView]:
        """The command that opens an upload. Raises Problem."""
        with as_problems():
            procedure = self._office.catalogue.version(dossier.procedure)
            check_takes_files(dossier, procedure, wish.component)
            check_name(wish.name, kind_of(wish.media_type))
            if wish.size > self._most_bytes:
                raise FileTooLarge(self._most_bytes)
            if await self.files.count_of(dossier.id) >= MOST_FILES:
                raise TooManyFiles(MOST_FILES)
        upload_id = uuid7()
        key = self._vault.new_key(upload_id)
        content = Content(upload_id, wish.size, bytes.fromhex(wish.sha256), wish.media_type, key)
        name = self._office.seals.seal("form", dossier.id, wish.composed_name)
        command = StartUpload(content, dossier.id, wish.component, name, caller.subject, real_now())
        return lambda uow: upload_view(start_upload(command, uow), content)


def upload_router(uploads: Uploads) -> Router:
    """What brings files."""
    router = Router(tags=["files"])

    @router.post("/v1/dossiers/{dossier_id}/files", status_code=201, response_model=UploadView)
    async def start(
        dossier_id: UUID, wish: UploadWish, caller: Submitter, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Bắt đầu tải một tệp của hồ sơ lên; its bytes follow by PATCH to `upload_url`."""
        dossier = await dossier_in_area(uploads.reading, dossier_id, caller)
        route = f"{dossier_id} files"
        response = await uploads.commands.repeated(caller=caller, route=route, key=key, body=body)
        if response is None:
            command = await uploads.start(dossier, wish, caller)
            response = await uploads.commands.once(command, keys={}, caller=caller, route=route, key=key, body=body)
        made = UploadView.model_validate_json(bytes(response.body))
        response.headers.update({"Location": made.upload_url, "Tus-Resumable": TUS})
        return response

    @router.head("/v1/uploads/{upload_id}")
    async def stand(upload_id: UUID, caller: Submitter, tus: Protocol = None) -> Response:
        """Đã nhận đến đâu: header Upload-Offset."""
        _check_protocol(tus)
        upload, content = await upload_in_area(uploads.files, upload_id, caller)
        with as_problems():
            if upload.state == "refused":
                raise UploadRefused
        return Response(headers={**_headers(upload), "Upload-Length": str(content.size), "Cache-Control": "no-store"})

    @router.patch("/v1/uploads/{upload_id}", status_code=204, openapi_extra=_CHUNK)
    @takes_up_to(CHUNK_BYTES)
    async def append(
        upload_id: UUID, offset: Offset, caller: Submitter, request: Request, tus: Protocol = None
    ) -> Response:
        """Gửi một đoạn, nhiều nhất 8 MB; with the last one the upload is a file under the same id."""
        _check_protocol(tus)
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != OCTETS:
            raise Problem(
                MEDIA_TYPE_UNSUPPORTED,
                f"Đoạn của tệp phải có kiểu {OCTETS}.",
                next_step=f"Gửi lại với Content-Type: {OCTETS}.",
            )
        upload, content = await upload_in_area(uploads.files, upload_id, caller)
        return Response(
            status_code=204, headers=_headers(await uploads.receiving.take(upload, content, offset, request))
        )

    return router


def _headers(upload: Upload) -> dict[str, str]:
    return {
        "Tus-Resumable": TUS,
        "Upload-Offset": str(upload.received),
        "Upload-Expires": _http_date(upload.expires_at),
    }


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _check_protocol(version: str | None) -> None:
    if version not in (None, TUS):
        raise Problem(
            TUS_VERSION,
            f"Chỉ hỗ trợ tus {TUS}.",
            next_step=f"Gửi Tus-Resumable: {TUS}, hoặc bỏ tiêu đề này.",
            headers={"Tus-Version": TUS},
        )
