"""Quét mã độc: what the scanner's words mean, and a real clamd where there is one, with a signature of our own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.intake.clients import clamd, scanning
from services.intake.clients.clamd import Clamd, ScannerTrouble, _verdict
from tests.hosted import free_port
from tests.intake.conftest import FrontDoor, opened, residence
from tests.intake.filing import Desk, pdf
from tests.waiting import until

SIGNATURE = b"HUB-TEST-SIGNATURE-26"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def pieces(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@given(st.binary().filter(lambda said: said != b"stream: OK" and not said.endswith(b" FOUND")))
def test_only_two_answers_are_verdicts(answer: bytes) -> None:
    with pytest.raises(ScannerTrouble):
        _verdict(answer)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"INSTREAM size limit exceeded. ERROR", "StreamMaxLength"),
        (b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", "beyond its limits"),
        (b"stream: Can't allocate memory ERROR", "no verdict"),
        (b"stream: OK\0stream: OK", "no verdict"),
    ],
)
def test_what_it_could_not_look_at_is_neither_clean_nor_infected(answer: bytes, why: str) -> None:
    with pytest.raises(ScannerTrouble, match=why):
        _verdict(answer)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    writer.close()


async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)
    writer.close()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.close()


async def chatters(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()


@pytest.mark.parametrize(
    ("serve", "trouble"),
    [(silent, TimeoutError), (deaf, TimeoutError), (hangs_up, ScannerTrouble), (chatters, OSError)],
)
async def test_a_scanner_that_is_not_itself_gives_no_verdict_in_bounded_time(
    serve: Serve, trouble: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clamd, "PIECE_SECONDS", 0.2)
    monkeypatch.setattr(clamd, "VERDICT_SECONDS", 0.2)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    scanner = Clamd(f"clamd://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with asyncio.timeout(5):
        with pytest.raises(trouble):
            await scanner.finds(pieces(b"x" * 20_000_000))
    server.close()


async def test_a_scanner_that_is_away_gives_no_verdict() -> None:
    with pytest.raises(OSError, match="Connect"):
        await Clamd(f"clamd://127.0.0.1:{free_port()}").finds(pieces(b"x"))


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[str]:
    """Debian's clamd (clamav-daemon), that knows one signature and looks at 2 MB."""
    program = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin")
    if program is None:
        pytest.skip("no clamd on this machine (apt install clamav-daemon)")
    (tmp_path / "signatures").mkdir()
    (tmp_path / "signatures" / "own.ndb").write_text(f"Hub.Test.Signature:0:*:{SIGNATURE.hex()}\n")
    port = free_port()
    settings = {
        "DatabaseDirectory": tmp_path / "signatures", "TCPSocket": port, "TCPAddr": "127.0.0.1", "Foreground": "yes",
        "StreamMaxLength": "2M", "MaxFileSize": "1M", "AlertExceedsMax": "yes",
    }  # fmt: skip
    (tmp_path / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    told = asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(program, "-c", tmp_path / "clamd.conf", stdout=told, stderr=told)
    yield f"clamd://127.0.0.1:{port}"
    child.kill()
    await child.wait()


async def answers(scanner: Clamd) -> bool:
    try:
        return not await scanner.finds(pieces(b"x"))
    except OSError:
        return False


async def test_a_real_clamd_finds_its_signature_wherever_it_stands_and_says_what_it_did_not_look_at(real: str) -> None:
    scanner = Clamd(real)
    await until(lambda: answers(scanner))
    assert not await scanner.finds(pieces(pdf(900_000)))
    assert await scanner.finds(pieces(SIGNATURE))
    assert await scanner.finds(pieces(pdf(900_000) + SIGNATURE, size=262_144))
    with pytest.raises(ScannerTrouble, match="beyond its limits"):
        await scanner.finds(pieces(pdf(1_500_000)))
    with pytest.raises(ScannerTrouble, match="StreamMaxLength"):
        await scanner.finds(pieces(bytes(40_000_000), size=262_144))


async def test_files_wait_while_a_real_clamd_is_away_and_are_judged_when_it_is_back(
    door: FrontDoor, real: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(scanning, "TRY_AGAIN_AFTER", timedelta(0))
    away = f"clamd://127.0.0.1:{free_port()}"
    for url, states in ((away, ["waiting"] * 3), (real, ["clean", "infected", "waiting"])):
        settings = door.intake.settings.model_copy(update={"scanner_url": url})
        async with opened(settings, tmp_path) as scanned:
            if url == away:
                desk = Desk(scanned, (await scanned.submitted(residence()))["dossier_id"])
                for content in (pdf(700_000), pdf(700_000) + SIGNATURE, pdf(1_500_000)):
                    await desk.brought(content)
            desk = Desk(scanned, desk.dossier_id)
            (role,) = [role for role in scanned.intake.file_keepers() if role.name == "file_scan"]
            task = asyncio.create_task(role.run())
            with capture_logs() as logs:
                await until(lambda: any(line["event"] == "file_not_scanned" for line in logs))
                await until(desk.listed, lambda lines: [line["scan"]["state"] for line in lines] == states)  # noqa: B023
            task.cancel()
            await asyncio.wait([task])
            told = {line["trouble"] for line in logs if line["event"] == "file_not_scanned"}
            assert told <= {"ConnectionRefusedError", "beyond its limits (MaxFileSize, MaxScanSize, MaxScanTime)"}
