"""Two versions of the services on one stack: this one, and a next one made of it by `next_version.patch`.

The next version has an optional field more in an event (`dossier.accepted.v1`: language), an event type more
(`dossier.receipt_printed.v1`, said by intake, handled by notify), a new version of an event (`dossier.refused.v2`, said
by intake in the place of v1, handled by notify and sla), and three columns more in notify's table `notices`: one of
them, `procedure_name`, is the new name of `procedure`, and both are written. The releases after it are in
`another_name`: fill up and read the new name, write it alone, drop the old one.

When the tree moves away from the patch: `git apply --reject tests/upgrade/next_version.patch` in a copy of the
repository, mend what was rejected, `git add -A contracts services`, `git diff --cached -U1 > next_version.patch`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from hub_local.keys import Keys
from hub_local.layout import SERVICES, Layout
from hub_local.postgres import database_url
from hub_local.stack import Stack
from hub_local.steps import service
from hub_local.supervisor import Program, http_ok, run_once

THIS = Path(__file__).parents[2]
PATCH = Path(__file__).with_name("next_version.patch")
ANOTHER_NAME = Path(__file__).with_name("another_name")
PORTS_ABOVE = 30
"""The processes in slot 1 listen so far above those in slot 0, still within the stack's own ports."""


def make_next_version(tree: Path) -> Path:
    """Copies the services and what they share to `tree`, and makes the next version of them."""
    return _make_version(tree, THIS, PATCH)


def make_later_versions(folder: Path, next_version: Path) -> list[Path]:
    """What follows on the next version, release by release, until `procedure` has got another name."""
    versions = [next_version]
    for patch in sorted(ANOTHER_NAME.glob("*.patch")):
        versions.append(_make_version(folder / patch.stem, versions[-1], patch))
    return versions[1:]


def _make_version(tree: Path, before: Path, patch: Path) -> Path:
    for part in ("contracts", "services"):
        shutil.copytree(before / part, tree / part)
    done = subprocess.run(
        ["git", "apply", "-C1", str(patch)],
        cwd=tree,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the tree has moved away from {patch.name}; make it fit again: {done.stderr}"
    return tree


def python_path(tree: Path) -> dict[str, str]:
    """The environment in which Python finds the version in `tree` before any other."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (tree, *sorted((tree / "contracts").iterdir()))))}


async def migrate(stack: Stack, tree: Path, urls: Mapping[str, str] | None = None) -> None:
    """The migrations of the version in `tree`, as its job runs them; `urls` by service: all of `stack` by default.

    Raises StackNotUsable with the end of the log.
    """
    layout = stack.layout
    urls = urls or {name: database_url(layout, stack.keys.passwords, name) for name in SERVICES}
    await run_once(
        (sys.executable, "-m", "hub_messaging.migrations", *urls),
        stack=layout.folder,
        environment={**{f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()}, **python_path(tree)},
        log=layout.logs / "migrations-of-a-version.log",
        folder=tree,
    )


class Slot:
    """One place of a service, in which one version after the other runs."""

    def __init__(self, layout: Layout, keys: Keys, name: str, number: int) -> None:
        self.name = name
        self._layout = layout
        self._number = number
        self._program = self._in_slot(service(name, layout, keys))
        self._stack: Stack | None = None

    @property
    def ready(self) -> bool:
        return self._stack is not None and self._stack.statuses[0].state == "ready"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port(self.name)}"

    @property
    def probe_url(self) -> str:
        return f"http://127.0.0.1:{self._port(f'{self.name}-probe')}"

    async def run(self, tree: Path) -> None:
        """Ends the version that runs here, in an orderly way; returns once the one in `tree` is ready."""
        await self.stop()
        environment = {**self._program.environment, **python_path(tree)}
        program = replace(self._program, folder=tree, environment=environment, ahead=())
        layout = replace(Layout(self._layout.folder / program.name), port_base=self._layout.port_base)
        stack = Stack(layout, plan=lambda *_: [program])
        await stack.start()
        self._stack = stack

    async def stop(self) -> None:
        """Out of the balancer first, then asked to end."""
        if self._stack is not None:
            stack, self._stack = self._stack, None
            restarts = stack.statuses[0].restarts
            await stack.stop()
            assert restarts == 0, f"{self._program.name} ended by itself {restarts} times"

    def _port(self, name: str) -> int:
        return self._layout.port(name) + PORTS_ABOVE * self._number

    def _in_slot(self, program: Program) -> Program:
        prefix, probe = self.name.upper(), self._port(f"{self.name}-probe")
        return replace(
            program,
            name=f"{self.name}-{self._number}",
            needs=(),
            after=(),
            ports=(),
            ready=partial(http_ok, probe, "/ready"),
            environment={
                **program.environment,
                f"{prefix}_SLOT": str(self._number),
                f"{prefix}_HTTP_PORT": str(self._port(self.name)),
                f"{prefix}_PROBE_PORT": str(probe),
            },
        )


@dataclass(frozen=True)
class Balanced(Layout):
    """A layout whose intake is each of the processes that are ready, in turns, as behind a load balancer."""

    intakes: list[Slot] = field(default_factory=list)
    turns: "count[int]" = field(default_factory=count)

    def url(self, name: str) -> str:
        ready = [slot for slot in self.intakes if slot.ready]
        if name != "intake" or not ready:
            return super().url(name)
        return ready[next(self.turns) % len(ready)].url
