import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_sandbox.journal import Journal
from tests.sandbox.conftest import TOKEN, Other, Routing

Run = Any


async def test_effects_are_read_page_by_page_and_filtered(other: Other) -> None:
    dossiers = [str(uuid4()) for _ in range(5)]
    for dossier in dossiers:
        await other.text(reference=f"{dossier}:accepted")
    url = f"{other.url}/ledger/effects"
    first = (await other.client.get(url, params={"limit": 3})).json()
    rest = (await other.client.get(url, params={"limit": 3, "after": first["after"]})).json()
    assert [effect["dossier_id"] for effect in first["effects"] + rest["effects"]] == dossiers
    assert (await other.client.get(url, params={"after": rest["after"]})).json() == {"effects": [], "after": 5}
    one = (await other.client.get(url, params={"dossier_id": dossiers[2], "kind": "sms"})).json()["effects"]
    assert [effect["number"] for effect in one] == [3]
    assert abs(one[0]["first_at"] - time.time()) < 5
    assert (await other.client.get(url, params={"after": "-1"})).status_code == 422


async def test_a_cleared_ledger_is_empty_and_stays_so(run: Run, tmp_path: Path, routing: Routing) -> None:
    other = await run(ledger_file=tmp_path / "ledger")
    await other.behave(callback="on_command")
    await other.hand_over(other.handover())
    assert (await other.client.delete(f"{other.url}/ledger")).status_code == 204
    assert (await other.summary())["effects"]["handover"] == 0
    after = await run(ledger_file=tmp_path / "ledger")
    assert (await after.summary())["callbacks"]["planned"] == 0
    assert routing.taken == []


async def test_a_restarted_sandbox_remembers_effects_and_says_what_is_still_to_say(
    run: Run, tmp_path: Path, routing: Routing
) -> None:
    before = await run(ledger_file=tmp_path / "ledger")
    await before.behave(callback_seconds=30)
    handed, key = before.handover(), str(uuid4())
    answer = await before.hand_over(handed, key)
    await before.hand_over(handed, key)
    await before.behave(callback="on_command")
    await before.hand_over(before.handover())
    after = await run(ledger_file=tmp_path / "ledger")
    again = await after.hand_over(handed, key)
    assert again.json() == answer.json()
    counts = await after.summary()
    assert (counts["effects"]["handover"], counts["repeats"], counts["duplicates"]) == (2, 2, 0)
    assert counts["callbacks"]["waiting"] == 2
    released = await after.client.post(f"{after.url}/agencies/H26.15/callbacks/release")
    assert released.json() == {"released": 1}
    assert await routing.heard(1) == ["completed"]


async def test_what_was_released_is_said_by_the_next_process_without_another_command(
    run: Run, tmp_path: Path, routing: Routing
) -> None:
    before = await run(ledger_file=tmp_path / "ledger")
    await before.behave(callback="on_command")
    await before.hand_over(before.handover())
    routing.answers = [503] * 2
    released = await before.client.post(f"{before.url}/agencies/H26.15/callbacks/release")
    assert released.json() == {"released": 1}
    await routing.heard(1)
    after = await run(ledger_file=tmp_path / "ledger")
    await after.settled(taken=1)
    assert (await after.client.post(f"{after.url}/agencies/H26.15/callbacks/release")).json() == {"released": 0}


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2), max_size=5), st.binary(max_size=9))
def test_an_unfinished_last_line_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, int]], torn: bytes
) -> None:
    file = tmp_path_factory.mktemp("journal") / "ledger"
    whole = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    file.write_bytes(whole + torn.replace(b"\n", b""))
    journal = Journal(file)
    assert list(journal.read()) == lines
    journal.close()
    assert file.read_bytes() == whole


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_killed_process_loses_nothing_it_answered_and_a_drained_one_exits_0(
    settings: Any, tmp_path: Path, routing: Routing
) -> None:
    environment = {
        **os.environ,
        "SANDBOX_HTTP_PORT": str(free_port()),
        "SANDBOX_SECRETS_FILE": str(settings().secrets_file),
        "SANDBOX_SMS_TOKEN": TOKEN,
        "SANDBOX_LEDGER_FILE": str(tmp_path / "ledger"),
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "hub_sandbox"], env=environment, stdout=subprocess.PIPE)

    async with httpx.AsyncClient() as client:
        other = Other(client, f"http://127.0.0.1:{environment['SANDBOX_HTTP_PORT']}", routing)
        process = start()
        await _answers(other)
        await other.behave(callback_seconds=1.5)
        handed, key = other.handover(), str(uuid4())
        first = await other.hand_over(handed, key)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start()
        await _answers(other)
        assert (await other.hand_over(handed, key)).json() == first.json()
        assert await routing.heard(1) == ["completed"]
        counts = await other.summary()
        assert (counts["effects"]["handover"], counts["repeats"]) == (1, 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


async def _answers(other: Other) -> None:
    async with asyncio.timeout(15):
        while True:
            try:
                await other.summary()
                return
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


def test_a_misspelt_or_missing_setting_stops_the_start_with_a_line() -> None:
    environment = {**os.environ, "SANDBOX_HTTP_PROT": "1", "SANDBOX_SMS_TOKEN": TOKEN}
    command = [sys.executable, "-m", "hub_sandbox"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "SANDBOX_HTTP_PROT: no such setting" in ended.stderr
    assert TOKEN not in ended.stderr
