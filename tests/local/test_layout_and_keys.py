"""Settings are refused clearly; secrets are made once and readable by their owner only."""

import json
import stat
from pathlib import Path

import pytest

from hub_local.files import Held, Lock, write_whole
from hub_local.keys import ensure_keys
from hub_local.layout import PORTS, SETTINGS, Layout, SettingWrong, StackNotUsable, layout_from
from hub_messaging.sealing import SealingKeys
from hub_web.signatures import secret_key
from hub_web.tokens import ALL, Issuer, Verifier


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "hub")


def test_ports_follow_the_base() -> None:
    layout = layout_from({"HUB_PORT_BASE": "25000"})
    assert layout.port("intake") == 25_001
    assert len(set(PORTS.values())) == len(PORTS)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"HUB_PORT_BASE": "eighteen"}, "HUB_PORT_BASE='eighteen': expected a whole number from 1024 to"),
        ({"HUB_PORT_BASE": "80"}, "expected a whole number from 1024 to"),
        ({"HUB_PORT_BAES": "18000"}, "HUB_PORT_BAES is not a setting; did you mean HUB_PORT_BASE?"),
        ({"HUB_MAVEN_MIRROR": "mirror"}, "expected an address that starts with https://"),
    ],
)
def test_a_wrong_or_misspelt_setting_is_refused_by_name(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingWrong) as refused:
        layout_from(environment)
    assert message in str(refused.value)


def test_every_setting_is_documented() -> None:
    from hub_local import layout

    assert all(name in str(layout.__doc__) for name in SETTINGS)


def test_secrets_are_made_once_and_only_their_owner_can_read_them(layout: Layout) -> None:
    ensure_keys(layout)
    first = {file.name: file.read_text() for file in layout.keys.iterdir()}
    ensure_keys(layout)
    assert {file.name: file.read_text() for file in layout.keys.iterdir()} == first
    readable = {file.name for file in layout.keys.iterdir() if stat.S_IMODE(file.stat().st_mode) != 0o600}
    assert readable == {"jwks.json"}, "public keys alone may be read by others"


@pytest.mark.parametrize("lost", ["issuer.json", "jwks.json", "postgres.json", "sealing.json", "webhook-secret"])
def test_what_an_interruption_left_out_is_completed(layout: Layout, lost: str) -> None:
    ensure_keys(layout)
    (layout.keys / lost).unlink()
    keys = ensure_keys(layout)
    token = Issuer(keys.issuer).issue("desk-1", "system", ["dossiers:submit"], ALL)
    assert Verifier(keys.jwks).caller(token).subject == "desk-1"
    assert keys.passwords.keys() == {"postgres", "intake", "routing", "notify", "sla"}


def test_each_service_gets_the_sealing_keys_it_needs_and_no_others(layout: Layout) -> None:
    keys = ensure_keys(layout)
    purposes = {service: set(json.loads(file.read_text())) for service, file in keys.sealing.items()}
    assert purposes == {
        "intake": {"contact", "form"},
        "routing": {"contact", "form"},
        "notify": {"contact"},
    }
    SealingKeys.read(keys.sealing["notify"])


def test_every_agency_is_played_by_the_sandbox_until_someone_says_otherwise(layout: Layout) -> None:
    endpoint = json.loads(ensure_keys(layout).endpoints.read_text())["*"]
    assert endpoint["url"] == "http://127.0.0.1:18005/agencies/{agency_code}"
    assert len(secret_key(endpoint["secrets"][0])) == 32


def test_agencies_that_were_entered_stay_when_the_sandbox_moves(layout: Layout) -> None:
    table = ensure_keys(layout).endpoints
    entered = {"url": "https://agency.example/hub", "secrets": ["whsec_aaaa"]}
    table.write_text(json.dumps({"G01": entered, "*": {"url": "http://127.0.0.1:1/elsewhere", "secrets": []}}))
    assert (again := json.loads(ensure_keys(layout).endpoints.read_text()))["G01"] == entered
    assert again["*"]["url"] == "http://127.0.0.1:18005/agencies/{agency_code}"


@pytest.mark.parametrize("broken", ["{", "[]", "5"])
def test_agencies_that_cannot_be_read_are_told_as_such_and_kept(layout: Layout, broken: str) -> None:
    table = ensure_keys(layout).endpoints
    table.write_text(broken)
    with pytest.raises(StackNotUsable, match=r"endpoints\.json is no JSON object"):
        ensure_keys(layout)
    assert table.read_text() == broken


def test_a_lock_names_its_owner_and_ends_with_it(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    first.take({"pid": 7})
    assert second.owner() == {"pid": 7}
    with pytest.raises(Held) as held:
        second.take({"pid": 8})
    assert held.value.owner == {"pid": 7}
    first.release()
    assert second.owner() is None
    second.take({"pid": 8})


def test_a_file_is_written_in_full_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_whole(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "half \udcff")
    assert file.read_text() == "old"
