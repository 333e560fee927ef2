"""Quét vi-rút bằng ClamAV: clamd's INSTREAM over TCP.

Its `StreamMaxLength` must be at least INTAKE_FILES_MOST_BYTES: what is longer it refuses to look at.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterable
from urllib.parse import urlsplit

CONNECT_SECONDS, PIECE_SECONDS, VERDICT_SECONDS = 5.0, 20.0, 120.0


class ScannerTrouble(OSError):
    """The scanner answered something else than a verdict."""


class Clamd:
    """A scanner at `clamd://host:port`."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname or "", place.port or 3310

    async def finds(self, pieces: AsyncIterable[bytes]) -> bool:
        """Whether it names something. Raises OSError, TimeoutError; ScannerTrouble when it can't tell."""
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"zINSTREAM\0")
            async for piece in pieces:
                writer.write(len(piece).to_bytes(4, "big") + piece)
                async with asyncio.timeout(PIECE_SECONDS):
                    await writer.drain()
            writer.write(bytes(4))
            async with asyncio.timeout(VERDICT_SECONDS):
                answer = await reader.readuntil(b"\0")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise ScannerTrouble("no verdict") from None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return _verdict(answer.rstrip(b"\0\n"))


def _verdict(answer: bytes) -> bool:
    if answer == b"stream: OK":
        return False
    if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
        return True
    raise ScannerTrouble("no verdict")
