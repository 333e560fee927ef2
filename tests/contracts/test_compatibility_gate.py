"""Cửa tương thích: what was published is what git holds, however the files beside the code are edited."""

import json
import subprocess
from pathlib import Path

import pytest

from hub_events.schemas import schema_of
from hub_events.topics import EVENTS
from hub_local import compatibility_gate
from hub_local.compatibility_gate import API_DOCUMENTS, EVENT_SCHEMAS, ROOT, Files, breaks, main, published, written

ACCEPTED = f"{EVENT_SCHEMAS}/dossier.accepted.v1.json"
INTAKE = f"{API_DOCUMENTS}/openapi/intake.json"
TOPICS = f"{API_DOCUMENTS}/asyncapi.json"


@pytest.fixture(scope="module")
def now() -> Files:
    """What is committed and, by its own checks, what the code says."""
    return written(ROOT)


def without(document: Files, name: str, *path: str) -> Files:
    """The documents, one of them without what `path` leads to."""
    changed = json.loads(document[name])
    place = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return {**document, name: json.dumps(changed)}


@pytest.fixture
def project(tmp_path: Path, now: Files) -> Path:
    """A project with a history of its own: all that is published is in its first commit, which `main` is at."""
    for name, text in now.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git(tmp_path, "init", "--initial-branch=main")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.invalid", "-c", "commit.gpgsign=false")
    git(folder, *who, "commit", "--allow-empty", "--message", "work")


def test_all_that_is_published_is_asked_for(now: Files) -> None:
    assert {ACCEPTED, INTAKE, TOPICS} <= now.keys()
    assert breaks(now, now) == []


@pytest.mark.parametrize(
    ("name", "path", "sentence"),
    [
        (ACCEPTED, ("properties", "case"), "dossier.accepted.v1: case: the field is gone"),
        (TOPICS, ("channels", "sla-deadline-events"), "sla-deadline-events: the topic is gone or renamed"),
        (INTAKE, ("paths", "/v1/desks"), "GET /v1/desks: the endpoint is gone"),
    ],
)
def test_each_kind_of_document_is_compared(now: Files, name: str, path: tuple[str, ...], sentence: str) -> None:
    (found,) = breaks(now, without(now, name, *path))
    assert str(found).startswith(sentence)
    assert breaks(without(now, name, *path), now) == [], "what is new breaks nothing"


@pytest.mark.parametrize("name", [ACCEPTED, INTAKE, TOPICS])
def test_a_document_that_is_no_longer_made_is_a_break(now: Files, name: str) -> None:
    assert len(breaks(now, {other: text for other, text in now.items() if other != name})) == 1


def test_a_deleted_baseline_is_still_published(project: Path, now: Files) -> None:
    (project / ACCEPTED).unlink()
    assert published(project, "HEAD") == now
    assert [one.what for one in breaks(published(project, "HEAD"), written(project))] == ["the event is gone"]


def test_a_baseline_edited_and_committed_beside_the_code_is_still_published_on_main(project: Path, now: Files) -> None:
    git(project, "checkout", "-b", "work")
    (project / ACCEPTED).write_text(without(now, ACCEPTED, "properties", "case")[ACCEPTED])
    commit(project)
    assert published(project, "HEAD") != now
    assert published(project, "main") == now
    assert [one.what for one in breaks(published(project, "main"), written(project))] == ["the field is gone"]


def test_what_main_published_since_the_work_began_is_not_missed_by_it(project: Path, now: Files) -> None:
    git(project, "checkout", "-b", "work")
    commit(project)
    git(project, "checkout", "main")
    (project / EVENT_SCHEMAS / "dossier.moved.v1.json").write_text('{"type": "object"}')
    commit(project)
    git(project, "checkout", "work")
    assert published(project, "main") == now


def test_an_unpacked_archive_is_compared_with_its_own_files(tmp_path: Path) -> None:
    (tmp_path / EVENT_SCHEMAS).mkdir(parents=True)
    (tmp_path / ACCEPTED).write_text("{}")
    assert published(tmp_path, "HEAD") == {ACCEPTED: "{}"}


def test_a_break_is_printed_and_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], project: Path, now: Files
) -> None:
    monkeypatch.setattr(compatibility_gate, "ROOT", project)
    monkeypatch.setattr(compatibility_gate, "documents", lambda: documents_of(now))
    assert main([]) == 0
    monkeypatch.setattr(
        compatibility_gate, "documents", lambda: documents_of(without(now, INTAKE, "paths", "/v1/desks"))
    )
    assert main([]) == 1
    sentence, way_out = capsys.readouterr().out.splitlines()
    assert sentence == (
        "GET /v1/desks: the endpoint is gone, so its callers get 404 or 405; keep it until nobody calls it,"
        " beside what replaces it."
    )
    assert "git holds at HEAD" in way_out
    assert main(["--written"]) == 0, "nothing was written"
    (project / ACCEPTED).unlink()
    assert main(["--written"]) == 1


def documents_of(files: Files) -> dict[str, str]:
    prefix = f"{API_DOCUMENTS}/"
    return {name.removeprefix(prefix): text for name, text in files.items() if name.startswith(prefix)}


def test_a_commit_that_git_does_not_know_is_no_permission(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], project: Path
) -> None:
    monkeypatch.setattr(compatibility_gate, "ROOT", project)
    monkeypatch.setenv("PUBLISHED", "origin/main")
    assert main(["--written"]) == 2
    said = capsys.readouterr().out
    assert said.startswith("PUBLISHED=origin/main: ")
    assert "git fetch --unshallow" in said


def test_make_asks_the_gate_before_it_writes_and_when_it_checks() -> None:
    targets = {
        block.split(":")[0]: block for block in (ROOT / "Makefile").read_text().split("\n\n") if block[:1].isalpha()
    }
    gate = "python -m hub_local.compatibility_gate"
    writers = ("hub_events.schemas\n", "hub_local.api_documents\n")
    assert all(targets["schemas"].index(gate) < f"{targets['schemas']}\n".index(writer) for writer in writers)
    assert f"{gate} --written" in targets["check"]


def test_the_committed_schemas_are_those_of_the_models(now: Files) -> None:
    assert {f"{EVENT_SCHEMAS}/{event.type}.json": schema_of(event) for event in EVENTS.values()}.items() <= now.items()
