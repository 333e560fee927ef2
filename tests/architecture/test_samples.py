"""Ví dụ trong tài liệu: Python that documents show runs; commands, options and targets that they name are there."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from hub_cli.main import FILTERS, application

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "contracts/*/*.md", "services/*/README.md")
    for file in ROOT.glob(pattern)
)
A_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_LINE = re.compile(r"`([^`\n]+)`")
A_TARGET = re.compile(r"^(?:[A-Z]+=\S+ )*make ([a-z-]+)")
A_COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?hub ([a-z].*)")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())


def code_in(document: Path) -> Iterator[str]:
    """Each line of each block, and each piece of code between backticks."""
    text = document.read_text()
    for _, block in A_BLOCK.findall(text):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())
    yield from IN_LINE.findall(A_BLOCK.sub("", text))


@each_document
def test_python_runs(document: Path) -> None:
    for language, block in A_BLOCK.findall(document.read_text()):
        if language == "python":
            exec(compile(block, document.name, "exec"), {})


@each_document
def test_targets_that_are_named_are_there(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {found[1] for code in code_in(document) if (found := A_TARGET.match(code))} <= targets


@each_document
def test_commands_that_are_named_are_there_with_their_options(document: Path) -> None:
    unknown = [found[1] for code in code_in(document) if (found := A_COMMAND.match(code)) and not is_command(found[1])]
    assert unknown == []


def is_command(text: str) -> bool:
    """Whether `hub` knows these words, and the command these options. `…` and `|` stand for what is left out."""
    words = shlex.split(re.split(r"[#|]", text, maxsplit=1)[0].replace("…", ""))
    if words[0] in FILTERS:
        source = Path(str(import_module(FILTERS[words[0]][0]).__file__)).read_text()
        return all(f'"{word}"' in source for word in words if word.startswith("--"))
    command = get_command(application())
    for word in words:
        if isinstance(command, TyperGroup):
            if word not in command.commands:
                return False
            command = command.commands[word]
    options = {name for parameter in command.params for name in parameter.opts}
    return all(word.split("=")[0] in options for word in words if word.startswith("-"))


def test_a_command_or_option_that_is_not_there_is_found() -> None:
    assert is_command("status --json")
    assert is_command("dead-letters list intake --state dead")
    assert is_command("due --received 2026-02-13T15:30:00+07:00 --term '5 ngày làm việc'")
    assert not is_command("status --jsn")
    assert not is_command("dead-letters lst")
    assert not is_command("due --recieved x")
