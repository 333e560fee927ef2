"""Seals open with the right key, for the right dossier and purpose, unchanged; and never otherwise."""

import base64
import json
import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter
from pydantic import TypeAdapter

from hub_events.values import SealedText
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.sealing import SealingKeys

DOSSIER = UUID("01a20275-c3d9-73ea-a8d8-c3252160873f")
PERSON = {"name": "Nguyễn Văn An", "phone": "+84912345678"}


def key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


FIRST, SECOND, FORM = key(), key(), key()


def keys(tmp_path: Path, **purposes: list[dict[str, str]]) -> SealingKeys:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(purposes))
    return SealingKeys.read(file)


@pytest.fixture
def sealing(tmp_path: Path) -> SealingKeys:
    return keys(tmp_path, contact=[{"kid": "c1", "k": FIRST}], form=[{"kid": "f1", "k": FORM}])


def test_a_seal_opens_to_what_was_sealed_and_shows_nothing(sealing: SealingKeys) -> None:
    sealed = sealing.seal("contact", DOSSIER, PERSON)
    assert sealing.open("contact", DOSSIER, sealed) == PERSON
    assert TypeAdapter(SealedText).validate_python(sealed) == sealed
    for part in sealed.split("."):
        shown = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        assert b"Nguy" not in shown
        assert b"912345678" not in shown
    assert sealing.seal("contact", DOSSIER, PERSON) != sealed


def test_a_seal_moved_to_another_dossier_or_purpose_stays_shut(sealing: SealingKeys) -> None:
    sealed = sealing.seal("contact", DOSSIER, PERSON)
    with pytest.raises(CannotProcess, match="seal-misplaced"):
        sealing.open("contact", uuid4(), sealed)
    with pytest.raises(NotYet, match="sealing-key-unknown"):
        sealing.open("form", DOSSIER, sealed)


def test_a_key_file_that_gives_two_purposes_one_key_still_keeps_them_apart(tmp_path: Path) -> None:
    same = [{"kid": "s", "k": FIRST}]
    sealing = keys(tmp_path, contact=same, form=same)
    with pytest.raises(CannotProcess, match="seal-misplaced"):
        sealing.open("form", DOSSIER, sealing.seal("contact", DOSSIER, PERSON))


def test_an_older_key_still_opens_and_the_newest_seals(tmp_path: Path, sealing: SealingKeys) -> None:
    old = sealing.seal("contact", DOSSIER, PERSON)
    rotated = keys(tmp_path, contact=[{"kid": "c2", "k": SECOND}, {"kid": "c1", "k": FIRST}])
    assert rotated.open("contact", DOSSIER, old) == PERSON
    with pytest.raises(NotYet, match="c2"):
        sealing.open("contact", DOSSIER, rotated.seal("contact", DOSSIER, PERSON))


def test_a_key_id_that_names_another_key_does_not_open(tmp_path: Path, sealing: SealingKeys) -> None:
    sealed = sealing.seal("contact", DOSSIER, PERSON)
    impostor = keys(tmp_path, contact=[{"kid": "c1", "k": SECOND}])
    with pytest.raises(CannotProcess, match="seal-broken"):
        impostor.open("contact", DOSSIER, sealed)


@pytest.fixture(scope="module")
def one_seal(tmp_path_factory: pytest.TempPathFactory) -> tuple[SealingKeys, str]:
    sealing = keys(tmp_path_factory.mktemp("keys"), contact=[{"kid": "c1", "k": FIRST}])
    return sealing, sealing.seal("contact", DOSSIER, PERSON)


@given(at=st.integers(0, 10_000), instead=st.sampled_from("ABab01-_.{}é"))
@settings(max_examples=300, deadline=None)
def test_no_changed_seal_opens(one_seal: tuple[SealingKeys, str], at: int, instead: str) -> None:
    sealing, sealed = one_seal
    at %= len(sealed)
    changed = sealed[:at] + instead + sealed[at + 1 :]
    try:
        opened = sealing.open("contact", DOSSIER, changed)
    except (CannotProcess, NotYet):
        return
    # base64 has spare bits at the end of a part: another text, the same bytes.
    assert opened == PERSON
    assert [_bytes(part) for part in changed.split(".")] == [_bytes(part) for part in sealed.split(".")]


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.x"))
@settings(max_examples=300, deadline=None)
def test_nothing_that_is_not_a_seal_opens_or_raises_anything_else(one_seal: tuple[SealingKeys, str], text: str) -> None:
    with pytest.raises((CannotProcess, NotYet)):
        one_seal[0].open("contact", DOSSIER, text)


@pytest.mark.parametrize(
    "header", ['{"alg":"none"}', '{"alg":"dir","enc":"A256GCM","kid":"c1","zip":"DEF"}', "[]", "1"]
)
def test_headers_of_another_kind_are_broken_seals(one_seal: tuple[SealingKeys, str], header: str) -> None:
    sealing, sealed = one_seal
    protected = base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode()
    with pytest.raises((CannotProcess, NotYet)):
        sealing.open("contact", DOSSIER, ".".join([protected, *sealed.split(".")[1:]]))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"contact": []}', '{"contact": [{"kid": "a"}]}', '{"contact": [{"kid": "a", "k": "short"}]}',
     '{"contact": "a"}', '{"contact": [{"kid": "a", "k": 5}]}', '{"contact": {"kid": "a"}}'],
)  # fmt: skip
def test_a_key_file_that_is_not_one_says_so_and_shows_no_key(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sealing.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"sealing\.json is not a sealing key file") as error:
        SealingKeys.read(file)
    assert "short" not in str(error.value)
    assert error.value.__suppress_context__


def test_another_library_opens_our_seals_and_we_open_its(sealing: SealingKeys) -> None:
    registry = jwe.JWERegistry(
        header_registry={
            "dossier": HeaderParameter("Dossier id", "str", True),
            "purpose": HeaderParameter("What it is for", "str", True),
        },
        algorithms=["dir", "A256GCM"],
    )
    theirs = OctKey.import_key({"kty": "oct", "k": FIRST})
    opened = jwe.decrypt_compact(sealing.seal("contact", DOSSIER, PERSON), theirs, registry=registry)
    assert json.loads(opened.plaintext or b"") == PERSON
    header = {"alg": "dir", "enc": "A256GCM", "kid": "c1", "dossier": str(DOSSIER), "purpose": "contact"}
    assert sealing.open("contact", DOSSIER, jwe.encrypt_compact(header, b'"x"', theirs, registry=registry)) == "x"
