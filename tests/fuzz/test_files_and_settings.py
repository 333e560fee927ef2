"""Cấu hình và dữ liệu: a nearly right setting or data file is used, or refused in one line that shows no secret."""

import json
import os
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hub_local import steps
from hub_local.keys import ensure_keys
from hub_local.layout import SERVICES, Layout
from hub_messaging.settings import CONFIGURATION_EXIT_CODE, ServiceSettings, load
from hub_web.rates import rates_of
from hub_web.tokens import Verifier, create_issuer_key
from services.intake.domain.procedures.agency_kinds import kinds_of, why_unrouted
from services.intake.settings import PACKAGED_DATA
from services.intake.store.catalogue_files import CatalogueMistake, read_catalogue
from services.intake.store.procedures.reference_files import ENDED, KINDS, read_tables
from services.routing.store.competence_file import read_competence
from services.routing.store.endpoints_file import read_endpoints
from tests.deploy.test_containers import settings_kind
from tests.fuzz.mutations import STRANGE, Mutations, many, refused

ROOT = Path(__file__).parents[2]
SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def whole(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """Every setting that has a value, as it stands in an environment: what is `given`, and the defaults."""
    kind = settings_kind(service)
    defaults = {name: field.default for name, field in kind.model_fields.items() if not field.is_required()}
    prefix = kind.model_config["env_prefix"]
    return {prefix + name.upper(): str(value) for name, value in defaults.items() if value is not None} | dict(given)


def of_environment(given: Mapping[str, str], kind: type[ServiceSettings], slips: Mutations) -> dict[str, str]:
    """The environment with slips in it; now and then a setting that is usually left out is set."""
    changed = slips.of_json(given)
    texts = {str(name): str(value) for name, value in changed.items()} if isinstance(changed, dict) else {}
    if slips.often(0.2):
        name = kind.model_config["env_prefix"] + slips.one_of(list(kind.model_fields)).upper()
        texts[name] = str(slips.one_of(STRANGE))
    return {name: text for name, text in texts.items() if "\0" not in name + text and name and "=" not in name}


@many(quick=300, long=15_000)
@pytest.mark.parametrize("service", SERVICES)
def test_nearly_right_settings_are_used_or_refused_without_a_password(
    service: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path)
    keys = ensure_keys(layout)
    good, kind = whole(service, steps.service(service, layout, keys).environment), settings_kind(service)
    secret = [keys.passwords[service], keys.sms_token.read_text()]

    def load_one(slips: Mutations) -> None:
        with monkeypatch.context() as patch:
            for name, text in of_environment(good, kind, slips).items():
                patch.setenv(name, os.fsdecode(text.encode("utf-8", "surrogatepass")))
            try:
                load(kind)
            except SystemExit as end:
                lines = capsys.readouterr().err.splitlines()
                refused_in = [line for line in lines if line.startswith("settings: ")]
                told = (
                    end.code == CONFIGURATION_EXIT_CODE and refused_in and not any(s in "".join(lines) for s in secret)
                )
                if not told:
                    raise AssertionError(lines) from None

    with monkeypatch.context() as patch:
        for name, text in good.items():
            patch.setenv(name, text)
        load(kind)
    Mutations(seed=4).all_hold(count, load_one)


def reads(file: Path, good: Any, read: Callable[[], object], kind: type[Exception]) -> Callable[[Mutations], None]:
    """One nearly right file: it is read, or refused in one line by its name, without a secret."""

    def read_one(slips: Mutations) -> None:
        text = json.dumps(slips.of_json(good), ensure_ascii=slips.often(0.5)).encode("utf-8", "surrogatepass")
        file.write_bytes(slips.of_bytes(text) if slips.often(0.3) else text)
        said = refused(read, kind)
        assert said == "" or said.startswith(file.name), said
        assert SECRET not in said
        assert len(said.splitlines()) <= 1, said

    return read_one


@many(quick=500, long=50_000)
def test_a_nearly_right_list_of_endpoints(count: int, tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    good = {
        "*": {"url": "https://agencies.example/{agency_code}", "secrets": [SECRET]},
        "G01.26": {"url": "http://127.0.0.1:1/x", "secrets": [SECRET, SECRET]},
    }

    def read() -> None:
        endpoints = read_endpoints(file)
        endpoints.of("G01.26")
        endpoints.of("không có / ?#")

    Mutations(seed=5).all_hold(count, reads(file, good, read, ValueError))


def test_an_agency_that_stands_twice_in_the_list_of_endpoints_is_refused_by_the_files_name(tmp_path: Path) -> None:
    entry = json.dumps({"url": "http://127.0.0.1:1/x", "secrets": [SECRET]})
    file = tmp_path / "endpoints.json"
    file.write_text(f'{{"G01.26": {entry}, "G01.26": {entry}}}')
    with pytest.raises(ValueError, match=r"^endpoints\.json: "):
        read_endpoints(file)


@many(quick=200, long=20_000)
def test_a_nearly_right_competence_table(count: int, tmp_path: Path) -> None:
    file = tmp_path / "competence.json"
    found = json.loads((ROOT / "services/routing/data/competence.json").read_text())
    good = {**found, "agencies": found["agencies"][:5], "rules": found["rules"][:5]}
    good["communes"] = dict(list(found["communes"].items())[:5])
    known = {agency["code"] for agency in good["agencies"]}
    good["rules"] = [rule for rule in found["rules"] if rule["agency"] in known][:5]
    Mutations(seed=6).all_hold(count, reads(file, good, lambda: read_competence(file), ValueError))


@many(quick=200, long=20_000)
@pytest.mark.parametrize("name", ["procedures", "desks"])
def test_a_nearly_right_catalogue(name: str, count: int, tmp_path: Path) -> None:
    for data in ("procedures.json", "desks.json"):
        (tmp_path / data).write_bytes((ROOT / "tests/intake/data" / data).read_bytes())
    file = tmp_path / f"{name}.json"
    good = json.loads(file.read_text())[:3]

    def read() -> None:
        for procedure in read_catalogue(tmp_path).published():
            for case in (None, *(case.code for case in procedure.cases)):
                procedure.term_for("counter", case)

    Mutations(seed=7).all_hold(count, reads(file, good, read, CatalogueMistake))


@many(quick=300, long=20_000)
@pytest.mark.parametrize("name", [KINDS, ENDED])
def test_a_nearly_right_table_for_imports(name: str, count: int, tmp_path: Path) -> None:
    file = tmp_path / name
    good = json.loads((PACKAGED_DATA / name).read_text())[:3]

    def read() -> None:
        tables = read_tables(tmp_path, PACKAGED_DATA)
        for kind in kinds_of("Sở Y tế; Công an cấp xã; Cục Hải quan", tables.kinds):
            why_unrouted(kind or "tax", tables.kinds)
        for text in tables.ended.values():
            assert text.told() or text.has_ended(date(2026, 3, 2))

    Mutations(seed=10).all_hold(count, reads(file, good, read, ValueError))


@pytest.mark.parametrize("content", ["", "null", "5", '[{"number": 5}]', "[" * 100_000])
@pytest.mark.parametrize("name", [KINDS, ENDED])
def test_a_table_for_imports_that_is_none(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f"^{name}: [^\n]+$"):
        read_tables(tmp_path, PACKAGED_DATA)


@many(quick=300, long=20_000)
def test_a_nearly_right_list_of_callers_limits(count: int, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    good = {"desk": 5, "portal": 100_000, "cổng tỉnh": 1}

    def read() -> None:
        rates = rates_of(1, file)
        for subject in good:
            rates.take(subject)

    Mutations(seed=11).all_hold(count, reads(file, good, read, ValueError))


@many(quick=300, long=20_000)
def test_a_nearly_right_list_of_token_keys(count: int, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    create_issuer_key(tmp_path / "issuer.json", file)
    good = json.loads(file.read_text())
    Mutations(seed=8).all_hold(count, reads(file, good, lambda: Verifier(file), ValueError))
