"""Tài liệu: what the documents name is there, and what is there is named."""

import re
import tomllib
from collections import ChainMap
from pathlib import Path

import pytest

from hub_messaging.retention import KEPT
from tests.joined import Joined

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "contracts/*/*.md", "services/*/README.md")
    for file in ROOT.glob(pattern)
)
DECISIONS = ROOT / "docs" / "decisions"
A_FILE = re.compile(r"`((?:services|contracts|deploy|tests|docs)/[\w./-]+)`")
A_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
A_MAKE_OR_HUB = re.compile(r"`(?:[\w.=/ ]*[ /])?(?:make|hub) [^`\n]*`|^(?:make|\$) .*?(?=  |$)", re.MULTILINE)
A_TABLE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (\w+)")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    missing = [link for link in A_LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


@each_document
def test_files_that_are_named_are_there(document: Path) -> None:
    missing = [name for name in A_FILE.findall(document.read_text()) if not (ROOT / name).exists()]
    assert missing == []


def test_the_first_page_says_the_same_in_both_languages() -> None:
    pages = [(ROOT / name).read_text() for name in ("README.md", "README.en.md")]
    (here, *links), (there, *same_links) = map(A_LINK.findall, pages)
    assert (here, there) == ("README.en.md", "README.md")
    assert links == same_links
    commands, same_commands = map(A_MAKE_OR_HUB.findall, pages)
    assert commands == same_commands
    headings, same_headings = (re.findall(r"^#+ ", page, re.MULTILINE) for page in pages)
    assert headings == same_headings


def test_every_decision_is_listed_once_under_a_number_of_its_own() -> None:
    pages = sorted(file.name for file in DECISIONS.glob("[0-9]*.md"))
    numbers = [page[:4] for page in pages]
    assert len(set(numbers)) == len(numbers)
    index = (DECISIONS / "README.md").read_text()
    assert re.findall(r"^\| \[(\d{4})\]\((\S+)\)", index, re.MULTILINE) == list(zip(numbers, pages, strict=True))
    for page in pages:
        assert (DECISIONS / page).read_text().startswith(f"# {page[:4]} ")


def test_how_long_each_table_is_kept_is_said(services: dict[str, Joined]) -> None:
    sources = [*ROOT.glob("services/*/migrations/versions/*.py"), *ROOT.glob("contracts/messaging/**/migrations.py")]
    tables = {table for source in sources for table in A_TABLE.findall(source.read_text())}
    said = (ROOT / "docs/delivery.md").read_text().split("## What is kept how long")[1].split("\n## ")[0]
    assert {table for table in tables if f"`{table}`" not in said} == set()
    for table, past in {**KEPT, **ChainMap(*(service.spine._kept for service in services.values()))}.items():
        (line,) = (line for line in said.splitlines() if f"| `{table}`" in line)
        days = re.search(r"interval '(\d+ days)'", past)
        assert days is not None
        assert days[1] in line, table


def test_every_part_says_under_which_licence_it_is() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    projects = [ROOT / "pyproject.toml", *ROOT.glob("*/*/pyproject.toml")]
    assert {tomllib.loads(file.read_text())["project"]["license"] for file in projects} == {"Apache-2.0"}
