"""Niêm phong tệp: bytes rest sealed, each content by a key of its own, which is itself sealed beside its row.

An object is 8 random bytes, then frames of 256 KB, each AES-256-GCM: its nonce is those bytes and the frame's number,
and it is bound to its content and its place in it. So any part can be read without the rest, and nothing be moved.
"""

import base64
import os
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.domain.files.file_refusals import FileDamaged
from services.intake.domain.files.files import Content, Part
from services.intake.handlers.ports import Seals
from services.intake.store.files.file_objects import Objects

log = structlog.get_logger(__name__)

PURPOSE = "form"
"""Files are what a form has beside it: the same key seals theirs."""
FRAME, SALT_BYTES, TAG_BYTES, KEY_BYTES = 256 * 1024, 8, 16, 32
FRAMES_AT_ONCE = 4
"""Frames of one read: a request to S3 is paid and waited for each time."""


class SealedVault:
    """Keeps and reads the bytes of contents. Raises StorageFull, StorageAway, FileDamaged."""

    def __init__(self, objects: Objects, seals: Seals) -> None:
        self._objects = objects
        self._seals = seals

    def new_key(self, content_id: UUID) -> str:
        """A key for one content, sealed and bound to it."""
        return self._seals.seal(PURPOSE, content_id, base64.b64encode(os.urandom(KEY_BYTES)).decode())

    def _cipher(self, content: Content) -> AESGCM:
        return AESGCM(base64.b64decode(self._seals.open(PURPOSE, content.id, content.sealed_key)))

    async def keep(self, content: Content, start: int, object_id: UUID, pieces: AsyncIterable[bytes]) -> int:
        """Seals the pieces, which begin at `start` of the content, into one object; how many bytes they were."""
        cipher, salt = self._cipher(content), os.urandom(SALT_BYTES)
        sealed, waiting, length, number = bytearray(salt), bytearray(), 0, 0

        def seal() -> None:
            nonlocal number
            frame = bytes(waiting[:FRAME])
            sealed.extend(cipher.encrypt(_nonce(salt, number), frame, _place(content.id, start, number)))
            del waiting[:FRAME]
            number += 1

        async for piece in pieces:
            length += len(piece)
            waiting += piece
            while len(waiting) >= FRAME:
                seal()
        if waiting:
            seal()
        if length:
            await self._objects.put(object_id, sealed)
        return length

    async def read(self, content: Content, parts: Sequence[Part], first: int, last: int) -> AsyncIterator[bytes]:
        """Bytes `first` to `last` of the content, a frame at a time. `parts`: those they lie in, in order."""
        try:
            async for piece in self._read(content, parts, first, last):
                yield piece
        except FileDamaged:
            log.critical("file_damaged", content_id=str(content.id))
            raise

    async def _read(self, content: Content, parts: Sequence[Part], first: int, last: int) -> AsyncIterator[bytes]:
        cipher, given = self._cipher(content), first
        for part in parts:
            if part.start + part.length <= given:
                continue
            if part.start > given:
                break
            until = min(last + 1, part.start + part.length)
            async for number, frame in self._frames(cipher, part, given - part.start, until - part.start):
                begin = max(0, given - part.start - number * FRAME)
                piece = frame[begin : until - part.start - number * FRAME]
                given += len(piece)
                yield piece
            if given > last:
                return
        raise FileDamaged

    async def _frames(self, cipher: AESGCM, part: Part, first: int, until: int) -> AsyncIterator[tuple[int, bytes]]:
        """The frames of a part that hold its bytes from `first` to before `until`, with their numbers."""
        salt = await self._objects.get(part.object_id, 0, SALT_BYTES)
        for begin in range(first // FRAME, (until - 1) // FRAME + 1, FRAMES_AT_ONCE):
            numbers = range(begin, min(begin + FRAMES_AT_ONCE, (until - 1) // FRAME + 1))
            lengths = [min(FRAME, part.length - number * FRAME) + TAG_BYTES for number in numbers]
            place = SALT_BYTES + begin * (FRAME + TAG_BYTES)
            sealed = memoryview(await self._objects.get(part.object_id, place, sum(lengths)))
            for number, length in zip(numbers, lengths, strict=True):
                place_in_it = (number - begin) * (FRAME + TAG_BYTES)
                frame = sealed[place_in_it : place_in_it + length]
                try:
                    where = _place(part.content_id, part.start, number)
                    yield number, cipher.decrypt(_nonce(salt, number), frame, where)
                except (InvalidTag, ValueError):
                    raise FileDamaged from None

    async def drop(self, object_ids: Sequence[UUID]) -> None:
        """Bytes that nothing names any more; one that is gone already is no error."""
        await self._objects.delete(object_ids)


def _nonce(salt: bytes, number: int) -> bytes:
    return salt + number.to_bytes(4, "big")


def _place(content_id: UUID, start: int, number: int) -> bytes:
    return content_id.bytes + start.to_bytes(8, "big") + number.to_bytes(4, "big")
