"""Quét vi-rút bằng ClamAV: clamd's INSTREAM over TCP.

Its StreamMaxLength, MaxFileSize and MaxScanSize must be at least INTAKE_FILES_MOST_BYTES, with AlertExceedsMax: else
clamd calls clean what it hasn't looked at.
"""

import asyncio
from collections.abc import AsyncIterable
from urllib.parse import urlsplit

CONNECT_SECONDS, PIECE_SECONDS, VERDICT_SECONDS = 5.0, 20.0, 120.0


class ScannerTrouble(OSError):
    """The scanner answered something else than a verdict; the text says what, in our words."""


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
            await _show(writer, pieces)
            async with asyncio.timeout(VERDICT_SECONDS):
                answer = await reader.readuntil(b"\0")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise ScannerTrouble("no verdict") from None
        except ConnectionError:  # what it said of that is lost with the connection
            raise ScannerTrouble("it hung up: is the file longer than its StreamMaxLength?") from None
        finally:
            writer.transport.abort()  # closing would wait for a peer that no longer reads
        return _verdict(answer.rstrip(b"\0\n"))


async def _show(writer: asyncio.StreamWriter, pieces: AsyncIterable[bytes]) -> None:
    writer.write(b"zINSTREAM\0")
    async for piece in pieces:
        writer.write(len(piece).to_bytes(4, "big") + piece)
        async with asyncio.timeout(PIECE_SECONDS):
            await writer.drain()
    writer.write(bytes(4))


def _verdict(answer: bytes) -> bool:
    if answer == b"stream: OK":
        return False
    if b"size limit exceeded" in answer:
        raise ScannerTrouble("longer than its StreamMaxLength")
    if answer.startswith(b"stream: Heuristics.Limits.Exceeded"):
        raise ScannerTrouble("beyond its limits (MaxFileSize, MaxScanSize, MaxScanTime)")
    if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
        return True
    raise ScannerTrouble("no verdict")
