"""Ngôi nhà: the same rooms everywhere, and rules that a reader may rely on without looking."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

from hub_local.layout import SERVICES

ROOT = Path(__file__).parents[2]
LINES = 400
HANDLER_LINES = 25
LONGER: dict[str, str] = {
    "contracts/messaging/hub_messaging/consumer.py": "what a reader believes of its partitions is in one place",
    "tests/messaging/test_lanes.py": "every rule of a lane, one after the other",
    "tests/messaging/test_consumer.py": "every way in which reading can go wrong",
}
"""Files over 400 lines, and why."""

ROOMS = {"domain", "handlers", "store", "clients", "api", "data", "entrypoints", "migrations"}
FILES = {"__init__.py", "settings.py", "bootstrap.py", "README.md", "pyproject.toml", "Dockerfile", "py.typed"}
MUST = {"domain", "handlers", "store", "api", "entrypoints", "migrations", "README.md", "Dockerfile"} | {
    "__init__.py",
    "settings.py",
    "bootstrap.py",
    "pyproject.toml",
}
ENTRYPOINTS = {"service.py", "web.py", "worker.py"}
DOMAIN_MAY_IMPORT = {"hub_events", "hub_worktime", *sys.stdlib_module_names}
CHANCE_AND_CLOCK = {"now", "utcnow", "today", "real_now", "monotonic", "perf_counter", "uuid1", "uuid4", "uuid7"}
CHANCE_MODULES = {"random", "secrets", "time"}
each_service = pytest.mark.parametrize("service", SERVICES)


def source_files() -> list[Path]:
    return [
        file
        for folder in ("contracts", "services", "deploy", "tests")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if ".venv" not in file.parts
    ]


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


each_file = pytest.mark.parametrize("file", source_files(), ids=name_of)


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text()))


def imports(file: Path) -> Iterator[str]:
    """The full names of imported modules; a relative import begins with a dot."""
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@each_service
def test_a_service_has_the_same_rooms_as_the_others(service: str) -> None:
    found = {entry.name for entry in (ROOT / "services" / service).iterdir() if entry.name != "__pycache__"}
    assert found - ROOMS - FILES == set(), "a room that the house does not have"
    assert MUST - found == set()


@each_service
def test_entry_points_are_there_and_short(service: str) -> None:
    files = {file.name: file for file in (ROOT / "services" / service / "entrypoints").glob("*.py")}
    assert ENTRYPOINTS - files.keys() == set()
    for name, file in files.items():
        assert len(file.read_text().splitlines()) <= 30, f"{name}: an entry point joins nothing by itself"


def domain_files() -> list[Path]:
    return sorted((ROOT / "services").glob("*/domain/*.py"))


@pytest.mark.parametrize("file", domain_files(), ids=name_of)
def test_rules_are_functions_of_their_arguments(file: Path) -> None:
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in nodes(file)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    assert called & CHANCE_AND_CLOCK == set(), "time and chance come in as arguments"
    assert CHANCE_MODULES & set(imports(file)) == set()


@pytest.mark.parametrize("file", domain_files(), ids=name_of)
def test_the_domain_knows_no_library(file: Path) -> None:
    service = file.relative_to(ROOT).parts[1]
    for module in imports(file):
        assert module.split(".")[0] in DOMAIN_MAY_IMPORT or module.startswith(f"services.{service}.domain")


@each_file
def test_a_file_is_short_or_says_why_not(file: Path) -> None:
    lines = len(file.read_text().splitlines())
    if name_of(file) in LONGER:
        assert lines > LINES, "short again: take it off the list"
    else:
        assert lines <= LINES


@pytest.mark.parametrize("file", sorted((ROOT / "services").glob("*/handlers/*.py")), ids=name_of)
def test_a_handler_is_read_at_a_glance(file: Path) -> None:
    lines = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in nodes(file) if is_function(node)}
    assert {name: count for name, count in lines.items() if count > HANDLER_LINES} == {}


def is_function(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


@each_file
def test_imports_are_absolute(file: Path) -> None:
    assert [module for module in imports(file) if module.startswith(".")] == []


@each_file
def test_a_module_says_what_it_is(file: Path) -> None:
    if not name_of(file).startswith("tests/") and file.read_text().strip():
        assert ast.get_docstring(ast.parse(file.read_text())), "the first line of a module says what it is for"


def importable() -> list[Path]:
    return [file for file in sorted((ROOT / "services").rglob("*.py")) if "migrations" not in file.parts]


@pytest.mark.parametrize("file", importable(), ids=name_of)
def test_path_equals_import(file: Path) -> None:
    parts = file.relative_to(ROOT).with_suffix("").parts
    dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    found = importlib.util.find_spec(dotted)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).resolve() == file.resolve()
