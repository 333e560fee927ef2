"""Nhận một đoạn: a chunk on its way from the socket into the vault, and the look at the whole with the last one.

The bytes are stored first and named by a row afterwards, in one commit with the new offset: killed in between, an
object is left that no row names. Where the connection breaks or the line is too slow, what has arrived counts.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from uuid_utils.compat import uuid7

from hub_messaging.clock import real_now
from hub_messaging.jobs import Job
from hub_web.problems import REQUEST_TIMEOUT, UNAVAILABLE, Problem
from services.intake.api.files.file_bodies import CHUNK_BYTES
from services.intake.api.files.file_commands import FileCommands, as_problems
from services.intake.api.files.file_reading import FileReading
from services.intake.domain.files.file_kinds import HEAD_BYTES, TAIL_BYTES, Kind, check_head, check_tail, kind_of
from services.intake.domain.files.file_refusals import ContentDiffers, KindRefused, MoreThanDeclared, StorageAway
from services.intake.domain.files.files import Content, Part, Upload
from services.intake.domain.refusals import Refusal
from services.intake.handlers.files.file_ports import CONTENTS, UPLOADS, Vault
from services.intake.handlers.files.upload_file import KeepChunk, keep_chunk, refuse_upload

CHUNK_SECONDS = 60.0
"""Within which a chunk must have arrived; what came until then is kept."""
ROOM_BYTES = 48 * 1024 * 1024
"""Of chunks on their way, in memory: 48 slow lines with 1 MB each, or 6 with 8 MB."""
WAIT_SECONDS = 10.0


class _Incoming:
    """A body as it arrives. `head`: its first bytes; `cut`: it ended before its end."""

    def __init__(self, request: Request, most: int, size: int) -> None:
        self._request = request
        self._left = most
        self._size = size
        self.head = bytearray()
        self.cut = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream, until = self._request.stream(), asyncio.get_running_loop().time() + CHUNK_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(until):
                    piece = await anext(stream, None)
            except (ClientDisconnect, TimeoutError):
                self.cut = True
                return
            if piece is None:
                return
            self._left -= len(piece)
            if self._left < 0:
                raise MoreThanDeclared(self._size)
            if len(self.head) < HEAD_BYTES:
                self.head += piece[: HEAD_BYTES - len(self.head)]
            yield piece


class _Room:
    """Memory that chunks share: each takes what it may need until it is stored."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._freed:
                await self._freed.wait_for(lambda: self._left >= size)
                self._left -= size
        except TimeoutError:
            raise Problem(
                UNAVAILABLE,
                "Đang nhận nhiều tệp cùng lúc.",
                next_step="Gửi lại đoạn này sau ít giây.",
                headers={"Retry-After": "2"},
            ) from None
        try:
            yield
        finally:
            self._left += size
            async with self._freed:
                self._freed.notify_all()


class Receiving:
    """Takes chunks."""

    def __init__(self, commands: FileCommands, files: FileReading, vault: Vault) -> None:
        self._commands = commands
        self._files = files
        self._vault = vault
        self._room = _Room(ROOM_BYTES)

    async def take(self, upload: Upload, content: Content, start: int, request: Request) -> Upload:
        """The upload with the chunk. Raises Problem."""
        said = request.headers.get("content-length")
        with as_problems():
            upload.check_chunk(start, int(said or 0), content.size)
            most = min(CHUNK_BYTES, content.size - start)
            async with self._room.taken(most if said is None else int(said)):
                return await self._take(upload, content, start, request)

    async def _take(self, upload: Upload, content: Content, start: int, request: Request) -> Upload:
        incoming = _Incoming(request, content.size - start, content.size)
        object_id = uuid7()
        length = await self._vault.keep(content, start, object_id, incoming)
        if length:
            part = Part(content.id, start, length, object_id)
            try:
                await self._look_at(content, part, bytes(incoming.head))
                upload = await self._keep(part)
            except Refusal as refusal:
                await self._undo(part, isinstance(refusal, ContentDiffers | KindRefused))
                raise
        if incoming.cut:
            raise Problem(
                REQUEST_TIMEOUT,
                f"Đoạn chưa đến đủ; đã giữ đến byte {upload.received}.",
                next_step="Hỏi lại bằng HEAD rồi gửi tiếp từ Upload-Offset, với đoạn nhỏ hơn.",
                headers={"Connection": "close", "Upload-Offset": str(upload.received)},
                offset=upload.received,
            )
        return upload

    async def _keep(self, part: Part) -> Upload:
        command, keys = KeepChunk(part, real_now()), {UPLOADS: (part.content_id,), CONTENTS: (part.content_id,)}
        return await self._commands.run_as_is(Job(lambda uow: keep_chunk(command, uow), keys))

    async def _look_at(self, content: Content, part: Part, head: bytes) -> None:
        """Refuses what is no file of its kind as early as it shows. Raises KindRefused, ContentDiffers."""
        kind = kind_of(content.media_type)
        whole = part.start + part.length == content.size
        if part.start == 0 and (whole or len(head) == HEAD_BYTES):
            check_head(head, kind)
        if whole:
            before = [one for one in await self._files.parts(content.id) if one.start < part.start]
            await self._look_at_all(content, kind, [*before, part])

    async def _look_at_all(self, content: Content, kind: Kind, parts: Sequence[Part]) -> None:
        """Everything is read again from where it lies: what is answered for is what was stored."""
        digest, head, tail = hashlib.sha256(), bytearray(), bytearray()
        async for piece in self._vault.read(content, parts, 0, content.size - 1):
            digest.update(piece)
            if len(head) < HEAD_BYTES:
                head += piece[: HEAD_BYTES - len(head)]
            if kind.members:
                tail += piece
                del tail[:-TAIL_BYTES]
        if digest.digest() != content.sha256:
            raise ContentDiffers
        check_head(bytes(head), kind)
        await asyncio.to_thread(check_tail, bytes(tail), kind)

    async def _undo(self, part: Part, for_good: bool) -> None:
        """The chunk's object goes; `for_good`: so does the upload with all parts, unless it was kept meanwhile."""
        gone: list[UUID] = [part.object_id]
        if for_good:
            parts = await self._files.parts(part.content_id)
            job: Job[Any, bool] = Job(lambda uow: refuse_upload(part.content_id, uow), {UPLOADS: (part.content_id,)})
            if await self._commands.run_as_is(job):
                gone += [one.object_id for one in parts]
        with suppress(StorageAway):  # the sweeper finds them
            await self._vault.drop(gone)
