"""Tài liệu giao diện: OpenAPI 3.1 of each service and AsyncAPI 3.0 of the topics, made from the code and committed.

`python -m hub_local.api_documents` writes `docs/api`; `--check` exits 1 when the code would make others than committed.
No server is needed: a service is built from the settings that `hub up` would give it, and its routes are only read.
"""

import importlib
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hub_events.asyncapi import asyncapi_document
from hub_local.keys import ensure_keys
from hub_local.layout import SERVICES, Layout
from hub_local.steps import service as program_of

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "api"


def documents() -> dict[str, str]:
    """Every document as its committed file holds it, by the file's path below `docs/api`."""
    # A process for each: a document lists the problems that its process knows, so one service must not see another's.
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as processes:
        found = dict(zip(SERVICES, processes.map(openapi_document, SERVICES), strict=True))
    made = {f"openapi/{name}.json": document for name, document in found.items()}
    made["asyncapi.json"] = asyncapi_document()
    return {
        file: json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        for file, document in made.items()
    }


def openapi_document(name: str) -> dict[str, Any]:
    """The OpenAPI document of the service called `name`, as its process would serve it."""
    # By name, as its process is started: the tools import no service.
    settings = importlib.import_module(f"services.{name}.settings").Settings
    bootstrap = importlib.import_module(f"services.{name}.bootstrap")
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        given = program_of(name, layout, ensure_keys(layout)).environment
        values = {setting.removeprefix(f"{name.upper()}_").lower(): value for setting, value in given.items()}
        service = bootstrap.Service(settings(**values))
    service.spine.pool = service.spine.runner = None  # made when the database answers; routes only keep them
    document: dict[str, Any] = service.app().openapi()
    return document


def differing(current: dict[str, str]) -> list[str]:
    """Files below `docs/api` that are absent, stale, or no longer made."""
    committed = {file.relative_to(FOLDER).as_posix(): file.read_text() for file in FOLDER.rglob("*.json")}
    return sorted(name for name in committed.keys() | current.keys() if committed.get(name) != current.get(name))


def main(arguments: list[str]) -> int:
    current = documents()
    changed = differing(current)
    if arguments == ["--check"]:
        for name in changed:
            print(f"docs/api/{name}: differs from the code; run `make schemas` and look at what changed")
        return 1 if changed else 0
    for name in changed:
        file = FOLDER / name
        if name in current:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(current[name])
        else:
            file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
