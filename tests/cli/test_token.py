from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hub_cli.token import register
from hub_web.tokens import Verifier, create_issuer_key

Keys = tuple[Path, Path]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    return tmp_path / "issuer.json", tmp_path / "jwks.json"


def run(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["token", *arguments])
    return result.exit_code, result.stdout.strip(), result.stderr


def test_the_printed_token_is_good_for_what_was_asked(keys: Keys) -> None:
    asked = ("--kind", "officer", "--subject", "CB-07", "--scope", "dossiers:decide", "--scope", "dossiers:read")
    code, printed, _ = run(*asked, "--area", "H26.15", "--area", "H26.16", "--key", str(keys[0]))
    caller = Verifier(keys[1]).caller(printed)
    assert code == 0
    assert (caller.subject, caller.kind) == ("CB-07", "officer")
    assert caller.scopes == {"dossiers:decide", "dossiers:read"}
    assert caller.covers("H26.16")
    assert not caller.covers("H26.17")


def test_a_star_covers_every_area(keys: Keys) -> None:
    _, printed, _ = run("--subject", "a", "--scope", "operations", "--area", "*", "--key", str(keys[0]))
    assert Verifier(keys[1]).caller(printed).covers("anything")


def test_what_is_wrong_is_said_in_one_line(keys: Keys, tmp_path: Path) -> None:
    sound = ("--subject", "a", "--scope", "operations", "--area", "*", "--key")
    code, printed, said = run(*sound, str(tmp_path / "none.json"))
    assert (code, printed) == (1, "")
    assert "hub up" in said
    assert run(*sound, str(keys[1]))[0] == 1
    code, _, said = run("--subject", "a", "--scope", "root", "--area", "*", "--key", str(keys[0]))
    assert code == 1
    assert "unknown scope 'root'" in said
    assert run("--subject", "a", "--scope", "operations", "--key", str(keys[0]))[0] == 2


def test_the_key_of_the_stack_that_runs_is_found(keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stack" / "keys").mkdir(parents=True)
    keys[0].rename(tmp_path / "stack" / "keys" / "issuer.json")
    monkeypatch.setenv("HUB_FOLDER", str(tmp_path / "stack"))
    _, printed, said = run("--subject", "a", "--scope", "operations", "--area", "*")
    assert Verifier(keys[1]).caller(printed).subject == "a"
    assert str(tmp_path / "stack" / "keys" / "issuer.json") in said, "two stacks have two keys: which one was it"
