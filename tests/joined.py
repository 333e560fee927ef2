"""Each service joined as its entry point joins it, without database, Kafka or sockets."""

import asyncio
import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from fastapi import FastAPI

from hub_local import steps
from hub_local.keys import ensure_keys
from hub_local.layout import Layout
from hub_messaging.process import Spine
from hub_messaging.reader import Handler


@dataclass
class Joined:
    """What a service's process is made of."""

    name: str
    handlers: list[Handler[Any]] = field(default_factory=list)
    apps: list[FastAPI] = field(default_factory=list)
    spine: Any = None

    @property
    def app(self) -> FastAPI:
        (app,) = self.apps
        return app


def join(name: str, folder: Path) -> Joined:
    """The service called `name`, joined with the settings that `hub up` gives it; its keys are kept in `folder`."""
    layout = Layout(folder)
    joined = Joined(name)
    program = steps.service(name, layout, ensure_keys(layout))
    entry = importlib.import_module(program.command[-1])
    bootstrap = importlib.import_module(f"services.{name}.bootstrap")

    def subscribe(spine: Spine[Any], handlers: Sequence[Handler[Any]]) -> list[Any]:
        joined.handlers.extend(handlers)
        return []

    def serve(app: FastAPI, *_: object) -> MagicMock:
        joined.apps.append(app)
        return MagicMock()

    def run(spine: Any, roles: Any) -> None:
        joined.spine = spine
        spine.pool, spine.leases, spine.runner = AsyncMock(), MagicMock(), MagicMock()
        asyncio.run(roles())

    with pytest.MonkeyPatch.context() as patch:
        for setting, value in program.environment.items():
            patch.setenv(setting, value)
        patch.setattr(Spine, "consumer", subscribe)
        patch.setattr(bootstrap, "HttpServer", serve)
        patch.setattr(entry, "run_process", run)
        entry.main()
    return joined
