"""Tài liệu giao diện: what is committed is compared with what the code makes, and written anew on demand."""

from pathlib import Path

import pytest

from hub_local import api_documents
from hub_local.api_documents import main

MADE = {"openapi/sla.json": '{"info": 2}\n', "asyncapi.json": "{}\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of committed documents: one stale, one that nothing makes any more, one absent."""
    (tmp_path / "openapi").mkdir()
    (tmp_path / "openapi/sla.json").write_text('{"info": 1}\n')
    (tmp_path / "openapi/gone.json").write_text("{}\n")
    monkeypatch.setattr(api_documents, "FOLDER", tmp_path)
    monkeypatch.setattr(api_documents, "documents", lambda: MADE)
    return tmp_path


def test_a_check_names_each_difference_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_text() for file in folder.rglob("*.json")}
    assert main(["--check"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == [
        "docs/api/asyncapi.json",
        "docs/api/openapi/gone.json",
        "docs/api/openapi/sla.json",
    ]
    assert all("make schemas" in line for line in said)
    assert {file: file.read_text() for file in folder.rglob("*.json")} == before


def test_what_is_written_is_what_the_next_check_finds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*.json")} == MADE
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""
