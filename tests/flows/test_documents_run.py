"""Tài liệu chạy được: what integrators are told to copy and paste is run, block after block, against a hub."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from hub_local.layout import DEFAULT_PORT_BASE, PORTS, Layout
from hub_messaging.clock import VIETNAM
from tests.flows.hub import Hub
from tests.hosted import free_port

pytestmark = pytest.mark.stack

DOCUMENT = Path(__file__).parents[2] / "docs" / "integrators.md"
A_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AGENCY_PORT = 18_090
SECONDS = 90


@pytest.fixture
def desk(hub: Hub, tmp_path: Path) -> Iterator[Path]:
    """A folder as a reader's own: the hub's data and programs under their usual names. Endpoints are left as found."""
    endpoints = hub.stack.keys.endpoints
    found = endpoints.read_text()
    (tmp_path / ".hub").symlink_to(hub.layout.folder)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    yield tmp_path
    endpoints.write_text(found)


def on_ports_of(layout: Layout, text: str) -> str:
    """The commands with the ports of `layout` instead of the usual ones."""
    for name, distance in PORTS.items():
        text = text.replace(f"127.0.0.1:{DEFAULT_PORT_BASE + distance}", f"127.0.0.1:{layout.port(name)}")
    return text.replace(str(AGENCY_PORT), str(free_port()))


def a_readers_environment() -> dict[str, str]:
    """Ours without the hub's settings: the page relies on the usual folder, whatever this run was told."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}


async def test_the_integrators_page_runs_as_it_is_written(hub: Hub, desk: Path) -> None:
    await hub.moved_to(datetime.now(VIETNAM))
    blocks = A_BLOCK.findall(DOCUMENT.read_text())
    script = on_ports_of(hub.layout, "\n".join(blocks))
    shell = await asyncio.create_subprocess_exec(
        shutil.which("bash") or "bash",
        "-euo",
        "pipefail",
        "-c",
        f'trap "kill \\$(jobs -p) 2>/dev/null || true" EXIT\n{script}',
        cwd=desk,
        env=a_readers_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(shell.communicate(), SECONDS)
    except TimeoutError:
        shell.terminate()
        raise AssertionError(f"the blocks did not end within {SECONDS} s") from None
    assert shell.returncode == 0, said.decode()
    assert len(blocks) >= 9
    for word in ("1.004194", "vẫn là hồ sơ", "procedure-unknown", "đã giải quyết xong", "đã nhận H26.15.01-"):
        assert word in said.decode(), word
