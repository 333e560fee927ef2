"""Khởi động nhẹ: what a process of the hub loads. Loading is nearly all of its start, and half of its memory."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from hub_local.layout import SERVICES
from hub_local.steps import SHARED

ROOT = Path(__file__).parents[2]
NOWHERE = {
    "alembic": "migrations are a job of their own",
    "sqlalchemy": "migrations are a job of their own",
    "opentelemetry.sdk": "traces are off unless a collector is named",
    "opentelemetry.exporter": "traces are off unless a collector is named",
    "hub_events.asyncapi": "documents are made for their first reader",
    "hub_events.examples": "documents are made for their first reader",
    "hub_events.schemas": "schemas are made by `make schemas`",
    "hub_web.compatibility": "documents are compared by `make schemas`",
    "jsonschema": "pydantic validates",
    "openapi_spec_validator": "documents are proved by tests",
    "pydantic_settings": "pydantic reads the settings",
    "holidays": "calendars are data",
    "httpx": "calls go out by aiohttp",
    "requests": "calls go out by aiohttp",
    "rich": "logs are JSON lines",
    "pygments": "logs are JSON lines",
    "typer": "a service is no command",
    "psutil": "the supervisor alone looks at processes",
    "hub_local": "the supervisor is another process",
    "hub_cli": "a service is no command",
    "hub_sandbox": "the other side is another process",
}
"""Package → why no service loads it."""
NOT_HERE = {
    "intake": {"aiohttp": "calls nobody", "jinja2": "fills no template"},
    "routing": {"jinja2": "fills no template"},
    "notify": {},
    "sla": {"aiohttp": "calls nobody", "jinja2": "fills no template"},
    "hub_sandbox": {
        "fastapi": "plain HTTP",
        "uvicorn": "serves by httptools alone",
        "aiohttp": "calls out by httptools alone",
        "faststream": "reads no topic",
        "aiokafka": "reads no topic",
        "asyncpg": "keeps no table",
        "joserfc": "asks for no token of ours",
        "jinja2": "fills no template",
    },
}
ENTRY_POINTS = [*(f"services.{name}.entrypoints.service" for name in SERVICES), "hub_sandbox.__main__"]
MOST_MODULES = 1040
"""A service loads 920 to 1,036 modules that are not ours, each about a millisecond: one more library shows here."""

MOST_OF_ONE_SERVICE = 40
"""Of all libraries' modules, so many may one service need alone: notify its templates."""

each_process = pytest.mark.parametrize("module", ENTRY_POINTS)


@cache
def loaded(module: str) -> frozenset[str]:
    """What a fresh interpreter holds once it has imported `module`."""
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout))


def unwanted(module: str, packages: dict[str, str]) -> dict[str, str]:
    names = loaded(module)
    return {name: why for name, why in packages.items() if any((found + ".").startswith(name + ".") for found in names)}


@each_process
def test_a_process_loads_only_what_it_works_with(module: str) -> None:
    name = module.removeprefix("services.").split(".")[0]
    own = {key: why for key, why in (NOWHERE | NOT_HERE[name]).items() if key != name}
    assert unwanted(module, own) == {}, f"find what brings it: python -X importtime -c 'import {module}'"


@each_process
def test_a_process_loads_no_other_service(module: str) -> None:
    others = {f"services.{name}": "services talk by events" for name in SERVICES if name not in module.split(".")}
    assert unwanted(module, others) == {}


@each_process
def test_a_process_stays_small(module: str) -> None:
    libraries = [name for name in loaded(module) if not name.startswith(("services.", "hub_"))]
    assert len(libraries) <= MOST_MODULES, "a new library is loaded by every process: is it needed at run time?"


@pytest.mark.parametrize("module", ENTRY_POINTS[:-1])
def test_what_is_imported_ahead_is_nearly_all_that_a_service_needs_and_nothing_of_its_own(module: str) -> None:
    ahead = loaded(", ".join(SHARED))
    assert {name for name in ahead if name.startswith("services")} == set()
    assert len({name for name in loaded(module) - ahead if not name.startswith("services")}) <= MOST_OF_ONE_SERVICE
