"""Hệ thống để quấy phá: what `hub up` runs, with a wire before Kafka, PostgreSQL and the other side."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from hub_local.chaos_wires import Wire
from hub_local.files import write_whole
from hub_local.keys import Keys
from hub_local.layout import Layout
from hub_local.steps import Step, everything, service
from hub_local.supervisor import Job, Program, Report, http_ok

WIRED: Mapping[str, int] = {"kafka": 23, "postgres": 24, "sandbox": 25}
"""What stands behind a wire, and how far above the port base the wire listens."""
WIRED_SETTINGS = {"DATABASE_URL": "postgres", "KAFKA_SERVERS": "kafka", "SMS_URL": "sandbox"}
"""Settings of the services that name one of them."""
SECOND_PORTS_ABOVE = 30
"""A second process of a service listens so far above the first one, still within the stack's own ports."""
STUCK_AFTER_SECONDS = 20
SWEPT_EVERY_SECONDS = 15


def wire_port(layout: Layout, name: str) -> int:
    """Where the wire before `name` listens."""
    return layout.port_base + WIRED[name]


class Wires:
    """The three wires, by name, for the time of a `with` block."""

    def __init__(self, layout: Layout) -> None:
        self._by_name = {name: Wire(wire_port(layout, name), layout.port(name)) for name in WIRED}
        self._open = AsyncExitStack()

    def __getitem__(self, name: str) -> Wire:
        return self._by_name[name]

    async def __aenter__(self) -> Self:
        for wire in self._by_name.values():
            await wire.open()
            self._open.push_async_callback(wire.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()


def wired_hub(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
    """The steps of `hub up`, with the services on the near side of the wires."""
    _write_endpoints(layout, keys)
    return [_wired(step, layout) for step in everything(layout, keys, report)]


def second_port(layout: Layout, place: str) -> int:
    """Where a second process of a service listens that has `place` in the first one's layout."""
    return layout.port(place) + SECOND_PORTS_ABOVE


def second_process(name: str, slot: int, layout: Layout, keys: Keys) -> Program:
    """Another process of a service on the same database and Kafka; with slot 0 it claims the first one's place."""
    first = _wired(service(name, layout, keys), layout)
    assert isinstance(first, Program)
    http, probe = second_port(layout, name), second_port(layout, f"{name}-probe")
    prefix = name.upper()
    own = {f"{prefix}_SLOT": str(slot), f"{prefix}_HTTP_PORT": str(http), f"{prefix}_PROBE_PORT": str(probe)}
    return replace(
        first,
        name=f"{name}-second",
        needs=(),
        after=(),
        ports=(),
        ready=partial(http_ok, probe, "/ready"),
        environment={**first.environment, **own},
    )


def _wired(step: Step, layout: Layout) -> Step:
    if isinstance(step, Job):
        return replace(step, run=partial(_advertise_wire, step.run, layout)) if step.name == "kafka-files" else step
    environment = dict(step.environment)
    for setting, value in step.environment.items():
        if server := WIRED_SETTINGS.get(setting.partition("_")[2]):
            environment[setting] = value.replace(f":{layout.port(server)}", f":{wire_port(layout, server)}")
    if step.name == "routing":
        environment["ROUTING_ENDPOINTS_FILE"] = str(layout.folder / "endpoints-by-wire.json")
    if step.name == "intake":
        environment["INTAKE_STUCK_AFTER_SECONDS"] = str(STUCK_AFTER_SECONDS)
        environment["INTAKE_FILES_SWEPT_EVERY_SECONDS"] = str(SWEPT_EVERY_SECONDS)
    return replace(step, environment=environment)


async def _advertise_wire(prepare: Callable[[], Awaitable[None]], layout: Layout) -> None:
    """Kafka tells its clients where to go; here it names the wire."""
    await prepare()
    file = layout.folder / "kafka" / "server.properties"
    there, wire = f"127.0.0.1:{layout.port('kafka')}", f"127.0.0.1:{wire_port(layout, 'kafka')}"
    advertised = "advertised.listeners=PLAINTEXT://"
    write_whole(file, file.read_text().replace(advertised + there, advertised + wire))


def _write_endpoints(layout: Layout, keys: Keys) -> None:
    endpoints = json.loads(keys.endpoints.read_text())
    for endpoint in endpoints.values():
        endpoint["url"] = endpoint["url"].replace(f":{layout.port('sandbox')}/", f":{wire_port(layout, 'sandbox')}/")
    write_whole(layout.folder / "endpoints-by-wire.json", json.dumps(endpoints))
