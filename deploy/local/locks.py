"""Committed requirement locks, with hashes and without addresses: `python deploy/local/locks.py [--check]`.

One lock per service (what its image installs), `intake-pades` (with that extra), `all` (development, tests, the local
stack) and `bootstrap` (what installs the rest). Without `--check` they are resolved anew; a `uv.lock` beside them,
never committed, keeps versions.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hub_local.layout import SERVICES

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "locks"
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<marker> ;[^\\]+)?")
ADDRESS = re.compile(r"://|^-|\s@\s|file:")
SCOPES = {
    "bootstrap": ("--only-group", "bootstrap"),
    "all": ("--all-packages", "--all-groups"),
    **{service: ("--package", f"hub-{service}", "--no-default-groups") for service in SERVICES},
    "intake-pades": ("--package", "hub-intake", "--extra", "pades", "--no-default-groups"),
}


def write() -> None:
    """Resolves every lock and writes it."""
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "lock", "--quiet"], cwd=ROOT, check=True)
    for name, scope in SCOPES.items():
        command = [uv, "export", "--quiet", "--frozen", "--no-emit-workspace", "--no-header", *scope]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        (FOLDER / f"{name}.txt").write_text(done.stdout)


def mistakes() -> Iterator[str]:
    """What is wrong with the committed locks: addresses, missing hashes, or versions that the members don't allow."""
    members = _members()
    pins_of_all = _pins("all")
    for name in SCOPES:
        text = (FOLDER / f"{name}.txt").read_text()
        yield from (f"{name}: an address in {line!r}" for line in text.splitlines() if ADDRESS.search(line))
        unhashed = [line for line in text.splitlines() if PIN.match(line) and not line.endswith("\\")]
        yield from (f"{name}: no hash for {line!r}" for line in unhashed)
        pins = _pins(name)
        differing = [pin for pin, version in pins.items() if pins_of_all.get(pin) != version]
        yield from (f"{name}: {pin} differs from `all`" for pin in differing)
        yield from (f"{name}: {text}" for text in _unmet(_wanted(name, members), pins, members))


def _members() -> dict[str, list[str]]:
    """Workspace member → what it depends on; what its extras do stands with a marker, as in an installed package."""
    files = [
        file for pattern in ("contracts/*", "services/*", "deploy/*") for file in ROOT.glob(f"{pattern}/pyproject.toml")
    ]
    projects = [tomllib.loads(file.read_text())["project"] for file in files]
    return {project["name"]: [*project["dependencies"], *_of_extras(project)] for project in projects}


def _of_extras(project: dict[str, Any]) -> list[str]:
    extras = project.get("optional-dependencies", {})
    return [f"{need} ; extra == '{extra}'" for extra, needs in extras.items() for need in needs]


def _wanted(name: str, members: dict[str, list[str]]) -> list[str]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    if name == "bootstrap":
        return list(groups["bootstrap"])
    if name == "all":
        return [*groups["bootstrap"], *groups["dev"], *members]
    service, _, extra = name.partition("-")
    return [f"hub-{service}[{extra}]"] if extra else [f"hub-{service}"]


def _pins(name: str) -> dict[str, str]:
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return {canonicalize_name(pin["name"]): pin["version"] for pin in map(PIN.match, lines) if pin}


def _unmet(wanted: Iterable[str], pins: dict[str, str], members: dict[str, list[str]]) -> Iterator[str]:
    """Walks from what is wanted through members and installed packages; names what the pins don't satisfy."""
    waiting = [Requirement(text) for text in wanted]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in members:
            version = pins.get(name)
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                yield f"needs {requirement}, has {version or 'none'}; run `make lock`"
                continue
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key not in seen:
            seen.add(key)
            waiting += _needs(name, requirement.extras, members)


def _needs(name: str, extras: set[str], members: dict[str, list[str]]) -> list[Requirement]:
    texts = members[name] if name in members else metadata.requires(name) or []
    needs = [Requirement(text) for text in texts]
    return [
        need
        for need in needs
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        found = list(mistakes())
        print("\n".join(found))
        sys.exit(1 if found else 0)
    FOLDER.mkdir(exist_ok=True)
    write()
