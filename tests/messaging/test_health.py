"""What a process says of itself: whether it gets on, what it waits for, its figures; a stuck one ends itself."""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from hub_messaging.health import STUCK_EXIT_CODE, Heart, Probes


@pytest.fixture
def heart() -> Heart:
    return Heart()


@pytest.fixture
def ask(heart: Heart) -> Iterator[httpx.Client]:
    probes = Probes(heart, "127.0.0.1", 0)
    probes.start()
    port = probes._server.server_port
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    probes.stop()


def test_live_as_long_as_every_loop_beats(heart: Heart, ask: httpx.Client) -> None:
    heart.rhythm("relay", limit_seconds=60)()
    assert ask.get("/live").status_code == 200
    heart.rhythm("lanes", limit_seconds=-1)()
    answer = ask.get("/live")
    assert (answer.status_code, answer.json()["stuck"]) == (503, ["lanes"])
    heart.stop_watching("lanes")
    assert ask.get("/live").status_code == 200


def test_ready_when_its_own_needs_are_met(heart: Heart, ask: httpx.Client) -> None:
    assert ask.get("/ready").json() == {"ready": False, "waiting_for": {"start": "starting"}}
    heart.set_unready("start", None)
    assert ask.get("/ready").status_code == 200
    heart.set_unready("consumer", "stopped")
    assert ask.get("/ready").status_code == 503
    assert ask.get("/live").status_code == 200
    heart.set_unready("consumer", None)
    heart.set_unready("consumer", None)
    assert ask.get("/ready").status_code == 200


def test_metrics_are_readable_and_other_paths_are_not_there(ask: httpx.Client) -> None:
    assert "hub_outbox_rows" in ask.get("/metrics").text
    assert ask.get("/").status_code == 404


def test_a_stuck_process_answers_that_it_is_not_live_and_ends_itself() -> None:
    program = (
        "import asyncio, time\n"
        "from hub_messaging import health\n"
        "health.WATCH_SECONDS = 0.3\n"
        "heart = health.Heart()\n"
        "health.Probes(heart, '127.0.0.1', 0).start()\n"
        "heart.rhythm('event loop', limit_seconds=0.3)()\n"
        "async def block(): time.sleep(60)\n"
        "asyncio.run(block())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=30, capture_output=True, check=False)
    assert ended.returncode == STUCK_EXIT_CODE
    assert b"stuck_process_ends_itself" in ended.stdout
