"""A system that hands in files, and what it hands in."""

import asyncio
import hashlib
import io
import random
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.intake.conftest import FrontDoor

OCTETS = "application/offset+octet-stream"
DESK, OTHER_DESK = "H26.15.01", "H26.15.02"


def pdf(size: int, seed: int = 1) -> bytes:
    """Bytes that begin as a PDF does."""
    return b"%PDF-1.7\n" + random.Random(seed).randbytes(size - 9)


def archive(*members: str) -> bytes:
    """A ZIP archive with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for member in members:
            packed.writestr(member, "x" * 100)
    return stream.getvalue()


def wish(content: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "component": "to-khai",
        "name": "CT01 của Nguyễn Văn Mẫu.pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "application/pdf",
        **changes,
    }


class Desk:
    """A system that hands in files for one dossier."""

    def __init__(self, door: "FrontDoor", dossier_id: str) -> None:
        self.door = door
        self.dossier_id = dossier_id

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.door.bearer}

    async def start(self, content: bytes, *, key: str | None = None, **changes: Any) -> httpx.Response:
        return await self.door.post(f"/v1/dossiers/{self.dossier_id}/files", wish(content, **changes), key=key)

    async def started(self, content: bytes, **changes: Any) -> str:
        response = await self.start(content, **changes)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def send(self, upload_id: str, offset: int, chunk: bytes, **headers: str) -> httpx.Response:
        sent = {**self.headers, "Upload-Offset": str(offset), "Content-Type": OCTETS, **headers}
        return await self.door.client.patch(f"/v1/uploads/{upload_id}", content=chunk, headers=sent)

    async def half_sent(
        self, upload_id: str, offset: int, declared: int, content: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A chunk of which only the beginning was written."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.door.url.rsplit(":", 1)[1]))
        head = (
            f"PATCH /v1/uploads/{upload_id} HTTP/1.1\r\nHost: x\r\nAuthorization: {self.door.bearer}\r\n"
            f"Content-Type: {OCTETS}\r\nUpload-Offset: {offset}\r\nContent-Length: {declared}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await writer.drain()
        return reader, writer

    async def offset(self, upload_id: str) -> int:
        response = await self.door.client.head(f"/v1/uploads/{upload_id}", headers=self.headers)
        assert response.status_code == 200
        return int(response.headers["Upload-Offset"])

    async def brought(self, content: bytes, **changes: Any) -> str:
        """The id of a file that was handed in whole."""
        upload_id = await self.started(content, **changes)
        response = await self.send(upload_id, 0, content)
        assert response.status_code == 204, response.text
        return upload_id

    async def content(self, file_id: str, **headers: str) -> httpx.Response:
        return await self.door.client.get(f"/v1/files/{file_id}/content", headers={**self.headers, **headers})

    async def listed(self) -> list[dict[str, Any]]:
        response = await self.door.get(f"/v1/dossiers/{self.dossier_id}/files")
        assert response.status_code == 200
        items: list[dict[str, Any]] = response.json()["items"]
        return items


def stored(door: "FrontDoor") -> list[Path]:
    folder = Path(door.intake.settings.files_url.removeprefix("file://"))
    return [file for file in folder.rglob("*") if file.is_file()]
