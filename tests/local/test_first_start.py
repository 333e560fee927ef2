"""A first start that is interrupted, or finds no network, is made good by the next one."""

import asyncio
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hub_local.kafka_jars import Jar, ensure_jars, kafka_home, listed
from hub_local.layout import StackNotUsable, here
from hub_local.spawn import left_behind
from hub_local.stack import Stack
from hub_local.steps import schemas
from tests.local.stand_ins import servers, settings_of
from tests.stack import Place


def unheard(text: str) -> None:
    """Nobody listens to what is reported."""


@pytest.fixture
def repository() -> Iterator[str]:
    """A Maven repository that serves files nobody published."""

    class Forger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"not the jar")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def almost_full(tmp_path: Path, kafka: Stack) -> tuple[Path, Jar]:
    """A cache that lacks one small jar."""
    home, missing = tmp_path / "home", next(jar for jar in listed() if jar.artifact == "slf4j-simple")
    shutil.copytree(kafka_home(here().cache) / "jars", home / "jars")
    (home / "jars" / missing.name).unlink()
    return home, missing


@pytest.mark.stack
def test_without_a_network_the_message_says_what_to_do_and_keeps_what_is_there(
    almost_full: tuple[Path, Jar],
) -> None:
    home, missing = almost_full
    with pytest.raises(StackNotUsable, match=rf"{missing.name} can't be fetched .*HUB_MAVEN_MIRROR.*is kept"):
        ensure_jars(home, "http://127.0.0.1:9", unheard)
    assert len(list((home / "jars").iterdir())) == len(listed()) - 1


@pytest.mark.stack
def test_a_jar_that_is_not_the_committed_one_is_refused_and_removed(
    almost_full: tuple[Path, Jar], repository: str
) -> None:
    home, missing = almost_full
    with pytest.raises(StackNotUsable, match=rf"{missing.name} is not the file whose SHA-256 is committed"):
        ensure_jars(home, repository, unheard)
    assert not list(home.rglob(missing.name))


@pytest.mark.stack
def test_a_jar_that_was_cut_short_is_fetched_again(almost_full: tuple[Path, Jar]) -> None:
    home, missing = almost_full
    (home / "jars" / missing.name).write_bytes(b"half of")
    half = home / "download" / Path(*missing.group.split(".")) / missing.artifact / missing.version / missing.name
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half of")
    told: list[str] = []
    ensure_jars(home, here().maven_mirror, told.append)
    ensure_jars(home, "http://127.0.0.1:9", unheard)
    assert told == ["fetching 1 jars of Kafka, once"]


@pytest.mark.stack
@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.6])
async def test_a_first_start_killed_at_any_moment_is_made_good_by_the_next(
    kafka: Stack, place: Place, seconds: float
) -> None:
    """`kafka` has filled the cache: what is killed here is making this stack's own folder."""
    layout = place.layout(f"killed-{seconds}")
    first = subprocess.Popen([sys.executable, "-m", "tests.local.stand_ins"], env=settings_of(layout))
    await asyncio.sleep(seconds)
    first.send_signal(signal.SIGKILL)
    first.wait()

    async with Stack(layout, plan=servers) as stack:
        assert {status.state for status in stack.statuses} == {"ready"}
    assert left_behind(layout.folder) == []


@pytest.mark.stack
async def test_a_template_half_copied_and_databases_half_made_are_begun_anew(kafka: Stack, place: Place) -> None:
    layout = place.layout("half")
    for part in ("kafka", "postgres"):
        (layout.folder / part / "data.new").mkdir(parents=True)
        (layout.folder / part / "data.new" / "PG_VERSION").write_text("1")
    async with Stack(layout, plan=servers):
        assert not list(layout.folder.glob("*/data.new"))


@pytest.mark.stack
async def test_databases_and_kafka_survive_a_kill_and_another_port_base(kafka: Stack, place: Place) -> None:
    layout = place.layout("survivor")
    async with Stack(layout, plan=servers) as stack:
        stack.kill("kafka")
        stack.kill("postgres")
        began = time.monotonic()
        await asyncio.sleep(0.1)
        await stack.ready("kafka", within=20)
        await stack.ready("postgres", within=20)
        assert time.monotonic() - began < 15
    elsewhere = replace(layout, port_base=place.layout("unused").port_base)
    async with Stack(elsewhere, plan=servers) as stack:
        assert {status.restarts for status in stack.statuses} == {0}


@pytest.mark.stack
async def test_schemas_are_applied_once_to_the_same_data_and_again_to_new_data(kafka: Stack, place: Place) -> None:
    layout = place.layout("schemas")

    async def jobs_run() -> set[str]:
        """Which schema jobs a start ran: each writes its log anew."""
        logs = [layout.logs / "migrations.log", layout.logs / "topics.log"]
        for log in logs:
            log.unlink(missing_ok=True)
        async with Stack(layout, lambda layout, keys, report: [*servers(layout, keys, report), *schemas(layout, keys)]):
            return {log.stem for log in logs if log.exists()}

    assert await jobs_run() == {"migrations", "topics"}
    assert await jobs_run() == set()
    shutil.rmtree(layout.folder / "postgres" / "data")
    assert await jobs_run() == {"migrations"}
    shutil.rmtree(layout.folder / "kafka" / "data")
    assert await jobs_run() == {"topics"}
