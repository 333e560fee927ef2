"""Where a stack lives: its data folder, its ports, the cache it shares with others; four settings by environment.

| Setting           | Default          | Meaning                                                         |
|-------------------|------------------|-----------------------------------------------------------------|
| HUB_FOLDER        | `.hub`           | data folder: databases, Kafka's log, keys, logs                 |
| HUB_PORT_BASE     | 18000            | every port is this number plus its place in `PORTS`             |
| HUB_CACHE         | the user's cache | Kafka's jars, fetched once for all stacks of this user          |
| HUB_MAVEN_MIRROR  | none             | address of a Maven repository to use instead of the default one |
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

SERVICES = ("intake", "routing", "notify", "sla")
"""The four services; also the names of their databases and roles."""

PORTS: Mapping[str, int] = MappingProxyType(
    {
        "intake": 1,
        "routing": 2,
        "notify": 3,
        "sla": 4,
        "sandbox": 5,
        "intake-probe": 11,
        "routing-probe": 12,
        "notify-probe": 13,
        "sla-probe": 14,
        "sandbox-probe": 15,
        "postgres": 20,
        "kafka": 21,
        "kafka-controller": 22,
    }
)
"""Every port of a stack, as its distance from the base."""

SETTINGS = ("HUB_FOLDER", "HUB_PORT_BASE", "HUB_CACHE", "HUB_MAVEN_MIRROR")
DEFAULT_PORT_BASE = 18_000
HIGHEST_PORT_BASE = 65_500


class SettingWrong(Exception):
    """A setting that can't be used: the message names it and says what is expected."""


class StackNotUsable(Exception):
    """The stack can't start or go on: the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one stack. Two stacks live side by side when folder and port base differ."""

    folder: Path
    port_base: int = DEFAULT_PORT_BASE
    cache: Path = Path.home() / ".cache" / "mot-cua-hub"
    maven_mirror: str | None = None

    def port(self, name: str) -> int:
        """The port called `name` in PORTS."""
        return self.port_base + PORTS[name]

    def url(self, name: str) -> str:
        """Base address of an HTTP port of PORTS."""
        return f"http://127.0.0.1:{self.port(name)}"

    @property
    def kafka_servers(self) -> str:
        return f"127.0.0.1:{self.port('kafka')}"

    @property
    def keys(self) -> Path:
        """Folder of all secrets of this stack."""
        return self.folder / "keys"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def files(self) -> Path:
        """Folder of dossiers' files, sealed."""
        return self.folder / "files"

    @property
    def clock_file(self) -> Path:
        """The file that moves business time for every process of this stack."""
        return self.folder / "clock.json"

    @property
    def state_file(self) -> Path:
        """What `hub status` reads: written by the stack whenever something changes."""
        return self.folder / "state.json"

    @property
    def unfinished_restore(self) -> Path:
        """There from the moment a restore begins to change this folder until it has reported."""
        return self.folder / "restore-unfinished"


def refuse_unfinished_restore(layout: Layout) -> None:
    """Raises StackNotUsable: numbers may be given twice, or a database be missing, and nobody would notice."""
    if layout.unfinished_restore.exists():
        raise StackNotUsable(
            "a restore into this folder was not finished: say `hub restore` again, with --force, and with --keep-kafka "
            f"if it was said before. What was in {layout.folder} before lies in replaced-…"
        )


def layout_from(environment: Mapping[str, str]) -> Layout:
    """The layout that the HUB_* settings describe. Raises SettingWrong on a bad value or a near miss of a name."""
    for name in environment:
        near = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.85)
        if name.startswith("HUB_") and name not in SETTINGS and near:
            raise SettingWrong(f"{name} is not a setting; did you mean {near[0]}?")
    cache = environment.get("HUB_CACHE") or environment.get("XDG_CACHE_HOME")
    return Layout(
        folder=Path(environment.get("HUB_FOLDER") or ".hub").expanduser().resolve(),
        port_base=_port_base(environment.get("HUB_PORT_BASE") or str(DEFAULT_PORT_BASE)),
        cache=(Path(cache).expanduser().resolve() if cache else Path.home() / ".cache") / "mot-cua-hub",
        maven_mirror=_mirror(environment.get("HUB_MAVEN_MIRROR")),
    )


def _port_base(text: str) -> int:
    base = int(text) if text.isascii() and text.isdigit() else 0
    if not 1024 <= base <= HIGHEST_PORT_BASE:
        raise SettingWrong(f"HUB_PORT_BASE={text!r}: expected a whole number from 1024 to {HIGHEST_PORT_BASE}")
    return base


def _mirror(text: str | None) -> str | None:
    if text and not text.startswith(("https://", "http://")):
        raise SettingWrong("HUB_MAVEN_MIRROR: expected an address that starts with https:// or http://")
    return text.rstrip("/") if text else None


def here() -> Layout:
    """The layout of this process's environment."""
    return layout_from(os.environ)
