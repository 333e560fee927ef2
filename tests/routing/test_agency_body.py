"""What an agency is told: all that a desk may enter can be written, and is what was entered."""

import base64
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from hub_messaging.clock import real_now
from hub_messaging.sealing import SealingKeys
from hub_messaging.work import NewWork, WorkRow
from hub_web.client import Client
from services.routing.clients.agency import FORM, AgencySystems, _detail
from services.routing.handlers.dossier_accepted import on_dossier_accepted
from tests.routing.facts import a_competence, a_uow, accepted

DOSSIER = UUID("0195c2f1-7c00-7a31-9d2e-5b1f0c9a4e11")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def keys(folder: Path) -> SealingKeys:
    file = folder / "keys.json"
    file.write_bytes(to_json({FORM: [{"kid": "f1", "k": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")}]}))
    return SealingKeys.read(file)


def parcel_with(form: dict[str, Any], seals: SealingKeys) -> WorkRow:
    uow = a_uow()
    sealed = seals.seal(FORM, DOSSIER, {"applicant": {}, "form": form})
    on_dossier_accepted(accepted(DOSSIER, sealed_form=sealed), uow, a_competence)
    uow.keep()
    (work,) = uow.work.kept
    return _due(work)


def _due(work: NewWork) -> WorkRow:
    return WorkRow(work.id, work.lane, work.dossier_id, work.kind, work.fact_at, real_now(), 0, 0, work.body)


def test_every_form_that_can_be_entered_reaches_the_agency_as_it_was(tmp_path: Path) -> None:
    seals = keys(tmp_path)
    systems = AgencySystems(Client(), lambda _agency: None, lambda: seals, "http://hub")

    @given(st.dictionaries(st.text(max_size=10), VALUES, max_size=4))
    def holds(form: dict[str, Any]) -> None:
        assert from_json(systems._body(parcel_with(form, seals)))["form"]["form"] == form

    holds()


def test_a_whole_number_of_any_size_is_written(tmp_path: Path) -> None:
    seals = keys(tmp_path)
    systems = AgencySystems(Client(), lambda _agency: None, lambda: seals, "http://hub")
    body = systems._body(parcel_with({"n": 10**40}, seals))
    assert b'"n":1' + b"0" * 40 in body


@pytest.mark.parametrize(
    ("said", "number"),
    [("CA-1", "CA-1"), (12345, "12345"), (10**40, str(10**40)), (True, None), (1.5, None), ("", None)],
)
def test_an_agencys_own_number_is_kept_as_text(tmp_path: Path, said: object, number: str | None) -> None:
    row = parcel_with({}, keys(tmp_path))
    assert _detail(row, to_json({"foreign_number": said})) == number
