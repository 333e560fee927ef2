"""Danh mục: what the packaged files hold, and how a wrong file is refused before the service starts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.intake.bootstrap import build
from services.intake.settings import PACKAGED_DATA, Settings
from services.intake.store.catalogue_files import CatalogueMistake, read_catalogue
from tests.intake.conftest import DATA


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def change(file: Path, mend: Callable[[list[Any]], object]) -> None:
    entries = json.loads(file.read_text())
    mend(entries)
    file.write_text(json.dumps(entries))


def test_the_packaged_catalogue_is_sound() -> None:
    catalogue = read_catalogue(PACKAGED_DATA)
    assert len(catalogue.published()) >= 25
    assert len(catalogue.desks) >= 3
    for procedure in catalogue.published():
        assert procedure.source
        for row in procedure.term_rows:
            procedure.term_for(row.channel or "counter", row.case)


@pytest.mark.parametrize(
    ("file", "mend", "told"),
    [
        ("procedures.json", lambda e: e[1].update(code="1"), "procedures.json, entry 2 (1), field code"),
        ("procedures.json", lambda e: e[0]["terms"][0].update(channel="fax"), "field terms.0.channel"),
        ("procedures.json", lambda e: e[1]["terms"][0].update(cut_off="25:00"), "field terms.0.cut_off"),
        ("procedures.json", lambda e: e[1]["terms"][0].update(case="gap"), "case 'gap' is used, but not listed"),
        (
            "procedures.json",
            lambda e: e[0]["components"].append(e[0]["components"][0]),
            "component 'to-khai' is listed twice",
        ),
        ("procedures.json", lambda e: e[0].update(legs=[]), "field legs"),
        ("procedures.json", lambda e: e[0].update(fee=1), "field fee"),
        ("procedures.json", lambda e: e.append(e[0]), "entry 5 (1.004222): listed twice"),
        ("desks.json", lambda e: e[0].update(territory="BaDinh"), "desks.json, entry 1 (H26.15.01), field territory"),
        ("desks.json", lambda e: e.clear(), "the list is empty"),
    ],
)
def test_a_wrong_entry_is_named(folder: Path, file: str, mend: Callable[[list[Any]], object], told: str) -> None:
    change(folder / file, mend)
    with pytest.raises(CatalogueMistake) as mistake:
        read_catalogue(folder)
    assert told in str(mistake.value)


def test_a_wrong_file_ends_the_start_with_one_clear_line(
    folder: Path, settings: Callable[[str], Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "desks.json").unlink()
    with pytest.raises(SystemExit) as ended:
        build(settings("postgresql://nobody@localhost/nothing").model_copy(update={"data_folder": folder}))
    assert ended.value.code == 78
    assert capsys.readouterr().err.startswith("settings: desks.json in ")


def test_a_new_version_is_for_new_dossiers_only(folder: Path) -> None:
    change(folder / "procedures.json", lambda e: e.append({**e[0], "version": 2, "components": []}))
    catalogue = read_catalogue(folder)
    newest = catalogue.newest("1.004222")
    assert newest.ref.version == 2
    assert catalogue.version(newest.ref.model_copy(update={"version": 1})).components
