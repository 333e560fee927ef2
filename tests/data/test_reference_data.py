"""Dữ liệu tham chiếu: procedures, desks and competence rules fit together before any service reads them."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from hub_events.intake import ComponentRef, DeskRef, LegPlan, ProcedureRef, StatedTerm
from hub_events.routing import AgencyRef
from hub_events.values import Phone, Slug, TerritoryCode
from hub_local.dossiers import UNCOVERED
from hub_worktime.terms import Reason, Unit
from hub_worktime.wording import parse_term

ROOT = Path(__file__).parents[2]
CHANNELS = {"online", "counter", "post"}


def read(path: str) -> Any:
    return json.loads((ROOT / path).read_text())


PROCEDURES: list[dict[str, Any]] = read("services/intake/data/procedures.json")
DESKS: list[dict[str, Any]] = read("services/intake/data/desks.json")
COMPETENCE: dict[str, Any] = read("services/routing/data/competence.json")
each_procedure = pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda procedure: procedure["code"])
SLUG: TypeAdapter[str] = TypeAdapter(Slug)
TERRITORY: TypeAdapter[str] = TypeAdapter(TerritoryCode)


def competent(kind: str, procedure: str, commune: str) -> list[str]:
    """The agencies whose rule fits best: the nearest territory first, then a rule that names the procedure."""
    places = [commune, COMPETENCE["communes"].get(commune), "*"]
    fitting = [
        (places.index(rule["territory"]), procedure not in rule["procedures"], rule["agency"])
        for rule in COMPETENCE["rules"]
        if rule["agency_kind"] == kind
        and rule["territory"] in places
        and (procedure in rule["procedures"] or "*" in rule["procedures"])
    ]
    best = min((rank[:2] for rank in fitting), default=None)
    return [rank[2] for rank in fitting if rank[:2] == best]


def test_enough_procedures_over_enough_fields() -> None:
    assert len({procedure["code"] for procedure in PROCEDURES}) >= 32
    assert len({procedure["field"] for procedure in PROCEDURES}) >= 8
    assert max(Counter((procedure["code"], procedure["version"]) for procedure in PROCEDURES).values()) == 1


def test_the_page_about_the_data_counts_right() -> None:
    page = (ROOT / "docs/reference-data.md").read_text()
    codes, fields = ({procedure[word] for procedure in PROCEDURES} for word in ("code", "field"))
    assert f"{len(codes)} thủ tục hành chính in {len(fields)} fields" in page
    provinces = {desk["province"] for desk in DESKS}
    assert f"{len(DESKS)} một cửa desks in {len(DESKS)} communes of {len(provinces)} provinces" in page


@each_procedure
def test_a_procedure_has_the_published_shape(procedure: dict[str, Any]) -> None:
    assert set(procedure) == {
        *("code", "version", "name", "field", "agency_kind", "source"),
        *("certainty", "terms", "cases", "components", "legs"),
    }
    ProcedureRef(code=procedure["code"], version=procedure["version"], name=procedure["name"], field=procedure["field"])
    SLUG.validate_python(procedure["agency_kind"])
    assert procedure["certainty"] in {"V", "V2", "R"}
    assert "(R)" in procedure["source"], "the components are written from general knowledge, and say so"
    assert procedure["legs"][0] == {
        "leg": "lead",
        "role": "lead",
        "order": 1,
        "agency_kind": procedure["agency_kind"],
    }
    for leg in procedure["legs"]:
        LegPlan.model_validate(leg)


@each_procedure
def test_terms_and_components_name_only_known_channels_and_cases(procedure: dict[str, Any]) -> None:
    cases = {case["code"] for case in procedure["cases"]}
    assert all(SLUG.validate_python(case) for case in cases)
    assert {term["channel"] for term in procedure["terms"]} <= {None, *CHANNELS}
    assert {term["case"] for term in procedure["terms"]} <= {None, *cases}
    assert {component["case"] for component in procedure["components"]} <= {None, *cases}
    assert cases <= {term["case"] for term in procedure["terms"]}, "a case is there because its term differs"
    rows = Counter((term["channel"], term["case"]) for term in procedure["terms"])
    assert max(rows.values()) == 1, "two rows for one channel and case"


@each_procedure
def test_a_term_is_read_or_says_why_not(procedure: dict[str, Any]) -> None:
    for row in procedure["terms"]:
        term = parse_term(row["text"])
        assert term.reason is not Reason.BAD_INPUT
        StatedTerm(
            text=row["text"],
            unit=term.unit,
            amount=term.amount,
            reason=term.reason,
            cut_off=row["cut_off"],
        )


@each_procedure
def test_components_are_few_and_countable(procedure: dict[str, Any]) -> None:
    components = procedure["components"]
    assert 1 <= len(components) <= 4
    assert len({component["code"] for component in components}) == len(components)
    for component in components:
        assert set(component) == {"code", "name", "required", "originals", "copies", "case"}
        ref = ComponentRef(code=component["code"], originals=component["originals"], copies=component["copies"])
        assert ref.originals + ref.copies >= 1


def test_terms_of_every_kind_occur() -> None:
    terms = [(parse_term(row["text"]), row) for procedure in PROCEDURES for row in procedure["terms"]]
    assert {term.unit for term, _ in terms} >= {
        Unit.WORKING_HOUR,
        Unit.WORKING_DAY,
        Unit.CALENDAR_DAY,
        Unit.MONTH,
    }
    assert {term.reason for term, _ in terms} >= {Reason.NEEDS_A_PERSON, Reason.UNSTATED}
    assert any(term.unit is Unit.WORKING_HOUR and term.amount == 1 for term, _ in terms)
    assert any(term.amount is not None and term.amount % 1 for term, _ in terms), "a fraction"
    assert any(row["channel"] for _, row in terms)
    assert any(row["case"] for _, row in terms)


def test_civil_status_is_decided_the_same_day_or_after_15_00_the_next() -> None:
    for code in ("1.001193", "1.000656", "1.000894", "2.000635"):
        procedure = next(procedure for procedure in PROCEDURES if procedure["code"] == code)
        assert procedure["terms"] == [{"channel": None, "case": None, "text": "trong ngày", "cut_off": "15:00"}]


def test_desks_stand_in_several_communes_and_provinces() -> None:
    assert len(DESKS) >= 10
    assert len({desk["province"] for desk in DESKS}) >= 5
    assert len({desk["code"] for desk in DESKS}) == len({desk["territory"] for desk in DESKS}) == len(DESKS)
    for desk in DESKS:
        assert set(desk) == {"code", "name", "territory", "province", "phone"}
        DeskRef(code=desk["code"], name=desk["name"], territory=desk["territory"])
        TypeAdapter(Phone).validate_python(desk["phone"])
        assert re.fullmatch(r"H\d{2}\.15\.\d{2}", desk["code"])
        assert re.fullmatch(r"\d{5}", desk["territory"])
        assert COMPETENCE["communes"][desk["territory"]] == desk["province"]


def test_competence_refers_only_to_what_is_entered() -> None:
    agencies = [AgencyRef.model_validate(agency).code for agency in COMPETENCE["agencies"]]
    assert len(set(agencies)) == len(agencies)
    codes = {procedure["code"] for procedure in PROCEDURES}
    places = {*COMPETENCE["communes"], *COMPETENCE["communes"].values(), "*"}
    for place in places - {"*"}:
        TERRITORY.validate_python(place)
    for rule in COMPETENCE["rules"]:
        SLUG.validate_python(rule["agency_kind"])
        assert rule["territory"] in places
        assert rule["agency"] in agencies
        assert set(rule["procedures"]) <= codes | {"*"}
    assert set(agencies) == {rule["agency"] for rule in COMPETENCE["rules"]}, "an agency without competence"


@each_procedure
def test_one_agency_is_competent_wherever_a_desk_stands(procedure: dict[str, Any]) -> None:
    kind = procedure["agency_kind"]
    found = {desk["code"]: competent(kind, procedure["code"], desk["territory"]) for desk in DESKS}
    expected = 0 if kind in UNCOVERED else 1
    assert {desk: agencies for desk, agencies in found.items() if len(agencies) != expected} == {}


KINDS: list[dict[str, Any]] = read("services/intake/data/agency_kinds.json")


@pytest.mark.parametrize("kind", sorted({line["kind"] for line in KINDS}))
def test_every_kind_that_an_import_can_derive_finds_its_agency_or_says_why_not(kind: str) -> None:
    SLUG.validate_python(kind)
    reasons = {line.get("unrouted") for line in KINDS if line["kind"] == kind}
    assert len(reasons) == 1, "one kind, one answer"
    found = {desk["code"]: competent(kind, "1.999001", desk["territory"]) for desk in DESKS}
    if reasons == {None}:
        assert {desk: agencies for desk, agencies in found.items() if len(agencies) != 1} == {}
    else:
        assert all(reasons)
        assert set(map(tuple, found.values())) == {()}, "it has rules: it is routed"


def test_a_named_procedure_in_a_nearer_territory_wins() -> None:
    assert competent("traffic-police", "1.013067", "26732") == ["G01.29.20.04"]
    assert competent("traffic-police", "3.000347", "26732") == ["G01.29.08"]


def test_all_text_is_composed() -> None:
    for path in ("intake/data/procedures.json", "intake/data/desks.json", "routing/data/competence.json"):
        assert unicodedata.is_normalized("NFC", (ROOT / "services" / path).read_text())
