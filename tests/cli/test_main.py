"""`hub`: one command, to which others add theirs; the filters start without them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HUB = Path(sys.executable).with_name("hub")


def test_help_lists_the_filters() -> None:
    told = subprocess.run([HUB, "--help"], capture_output=True, check=True).stdout.decode()
    assert "due" in told
    assert "terms" in told


def test_the_filters_start_without_the_rest() -> None:
    slow = ("typer", "rich", "httpx", "pydantic", "importlib.metadata", "hub_local")
    code = (
        "import sys; sys.argv = ['hub', 'terms', '1 HOUR']\n"
        "from hub_cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"sys.exit(' '.join(name for name in {slow} if name in sys.modules) or None)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (run.returncode, run.stderr.strip()) == (0, b"")


@pytest.mark.parametrize(
    ("command", "slow"),
    [
        (["--help"], ("rich", "httpx", "pydantic", "joserfc", "structlog", "psutil", "sqlalchemy", "aiokafka")),
        (["token", "--help"], ("rich", "httpx", "pydantic", "joserfc", "structlog", "psutil")),
        (["status"], ("httpx", "pydantic", "joserfc", "structlog", "sqlalchemy", "aiokafka")),
    ],
)
def test_a_command_starts_without_what_only_others_need(
    command: list[str], slow: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.argv = ['hub', *{command}]\n"
        "from hub_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"sys.exit(' '.join(name for name in {slow} if name in sys.modules) or None)"
    )
    environment = {**os.environ, "HUB_FOLDER": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment)
    assert (run.returncode, run.stderr.strip()) == (0, b"")


def test_a_filter_can_be_asked_for_help() -> None:
    for command in ("due", "terms"):
        run = subprocess.run([HUB, command, "--help"], capture_output=True, check=True)
        assert f"usage: hub {command}".encode() in run.stdout


def test_an_unknown_command_is_refused() -> None:
    assert subprocess.run([HUB, "nonsense"], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["migrate", "sla"], "sla: its database can't be used"),
        (["topics", "apply", "--servers", "127.0.0.1:1"], "Kafka at 127.0.0.1:1 refused or did not answer"),
    ],
)
def test_a_job_whose_server_is_away_says_so_in_one_line(command: list[str], told: str) -> None:
    environment = {**os.environ, "SLA_DATABASE_URL": "postgresql://sla:not-to-be-told@127.0.0.1:1/sla"}
    run = subprocess.run([HUB, *command], capture_output=True, check=False, env=environment, text=True)
    last = run.stderr.splitlines()[-1]
    assert (run.returncode, last.startswith(f"hub: {told}")) == (1, True), run.stderr
    assert "Traceback" not in run.stderr
    assert "not-to-be-told" not in run.stderr
