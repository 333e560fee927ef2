"""Tệp của hồ sơ qua HTTP: the list, the bytes, and a file of an earlier dossier used again."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Header
from starlette.responses import Response, StreamingResponse
from uuid_utils.compat import uuid7

from hub_messaging.clock import real_now
from hub_messaging.jobs import Job
from hub_web.credentials import requires
from hub_web.pages import Page
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.files.file_bodies import FileView, ReuseWish, file_view
from services.intake.api.files.file_commands import FileCommands, as_problems
from services.intake.api.files.file_reading import FileReading, content_of, dossier_in_area, file_in_area
from services.intake.api.reading import Reading
from services.intake.domain.dossier import Dossier
from services.intake.domain.files.byte_range import span_of
from services.intake.domain.files.file_kinds import check_name, kind_of
from services.intake.domain.files.file_refusals import TooManyFiles
from services.intake.domain.files.files import (
    MOST_FILES,
    Access,
    Content,
    StoredFile,
    check_same_person,
    check_takes_files,
)
from services.intake.handlers.files.file_ports import CONTENTS, LINKS, Vault
from services.intake.handlers.files.give_file import record_access, reuse_file
from services.intake.handlers.office import Office

DossierReader = Annotated[Caller, requires("dossiers:read")]
Submitter = Annotated[Caller, requires("dossiers:submit")]
RangeAsked = Annotated[str | None, Header(alias="Range", description="Một khoảng byte, ví dụ bytes=0-1023.")]
IfRange = Annotated[str | None, Header(alias="If-Range", description="ETag mà phần tải trước đã nhận.")]


class Files:
    """What the routes of files stand on. `scanned`: a scanner looks at every file."""

    def __init__(
        self,
        reading: Reading,
        files: FileReading,
        commands: FileCommands,
        office: Office,
        vault: Vault,
        *,
        scanned: bool,
    ) -> None:
        self.reading = reading
        self.files = files
        self.commands = commands
        self.scanned = scanned
        self._office = office
        self._vault = vault

    async def give(
        self, file: StoredFile, taken_by: str, link_id: UUID | None, name: str, asked: str | None, if_range: str | None
    ) -> Response:
        """The bytes, as an attachment called `name`; who took them is written down first. Raises Problem."""
        content = await content_of(self.files, file)
        etag = f'"{content.sha256.hex()}"'
        with as_problems():
            content.check_fit_to_give(self.scanned)
            span = span_of(asked if if_range in (None, etag) else None, content.size)
        now = real_now()
        access = Access(uuid7(), file.id, link_id, taken_by, now, span.first, span.last)
        keys = {LINKS: () if link_id is None else (link_id,)}
        await self.commands.run(Job(lambda uow: record_access(access, now, uow), keys))
        parts = await self.files.parts(content.id)
        headers = {
            "Content-Length": str(span.length),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Cache-Control": "private, no-store",
        }
        if span.partial:
            headers["Content-Range"] = f"bytes {span.first}-{span.last}/{content.size}"
        pieces = self._vault.read(content, parts, span.first, span.last)
        return StreamingResponse(pieces, 206 if span.partial else 200, headers, content.media_type)

    def name_of(self, file: StoredFile) -> str:
        """What its owner called it: for officers of its own area."""
        return str(self._office.seals.open("form", file.dossier_id, file.sealed_name))

    async def again(
        self, dossier: Dossier, source: StoredFile, content: Content, component: str, caller: Caller, at: datetime
    ) -> StoredFile:
        """The file that shows an earlier one's content in another dossier of the same person. Raises Problem."""
        earlier = await dossier_in_area(self.reading, source.dossier_id, caller)
        seals, name = self._office.seals, self.name_of(source)
        with as_problems():
            check_takes_files(dossier, self._office.catalogue.version(dossier.procedure), component)
            content.check_fit_to_give(self.scanned)
            check_name(name, kind_of(content.media_type))
            forms = [seals.open("form", one.id, one.sealed_form) for one in (earlier, dossier)]
            check_same_person(*forms)
            if await self.files.count_of(dossier.id) >= MOST_FILES:
                raise TooManyFiles(MOST_FILES)
        sealed = seals.seal("form", dossier.id, name)
        return StoredFile(uuid7(), dossier.id, content.id, component, sealed, caller.subject, at, source.id)


def file_router(files: Files, now: Callable[[], datetime]) -> Router:
    """What shows, gives and reuses files. `now` is business time."""
    router = Router(tags=["files"])

    @router.get("/v1/dossiers/{dossier_id}/files")
    async def show(dossier_id: UUID, caller: DossierReader) -> Page[FileView]:
        """Tệp của hồ sơ, cũ nhất trước."""
        await dossier_in_area(files.reading, dossier_id, caller)
        return Page(items=[file_view(line, files.scanned) for line in await files.files.files_of(dossier_id)])

    @router.get("/v1/files/{file_id}/content", response_class=Response)
    async def content(
        file_id: UUID, caller: DossierReader, asked: RangeAsked = None, if_range: IfRange = None
    ) -> Response:
        """Tải nội dung tệp, cả tệp hoặc một khoảng; each download is written down."""
        file, _ = await file_in_area(files.files, file_id, caller)
        return await files.give(file, caller.subject, None, files.name_of(file), asked, if_range)

    @router.post("/v1/dossiers/{dossier_id}/files/reuse", status_code=201, response_model=FileView)
    async def reuse(
        dossier_id: UUID, wish: ReuseWish, caller: Submitter, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Sử dụng lại tệp, kết quả điện tử của hồ sơ trước của cùng người nộp; its bytes are not copied."""
        dossier = await dossier_in_area(files.reading, dossier_id, caller)
        route = f"{dossier_id} reuse"
        kept = await files.commands.repeated(caller=caller, route=route, key=key, body=body)
        if kept is not None:
            return kept
        source, content = await file_in_area(files.files, wish.file_id, caller)
        file = await files.again(dossier, source, content, wish.component, caller, now())

        def command(uow: object) -> FileView:
            return file_view(_Line(reuse_file(file, uow), content), files.scanned)  # type: ignore[arg-type]

        return await files.commands.once(
            command, keys={CONTENTS: (content.id,)}, caller=caller, route=route, key=key, body=body
        )

    return router


class _Line:
    """A file with its content, as a line of the list."""

    def __init__(self, file: StoredFile, content: Content) -> None:
        self.id, self.component = file.id, file.component
        self.size, self.sha256, self.media_type = content.size, content.sha256, content.media_type
        self.verdict, self.scanned_at = content.verdict, content.scanned_at
        self.uploaded_by, self.uploaded_at, self.reused_from = file.uploaded_by, file.uploaded_at, file.reused_from
