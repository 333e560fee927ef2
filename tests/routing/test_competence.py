"""Who is competent: the most specific rule, and tables that contradict themselves are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub_web.watched_file import WatchedFile
from services.routing.domain.competence import ANY, CompetenceWrong, Rule
from services.routing.settings import Settings
from services.routing.store.competence_file import FILE_NAME, read_competence
from tests.routing.conftest import COMPETENCE
from tests.routing.facts import COMMITTEE, COMMUNE, POLICE, a_competence

KIND, PROCEDURE = "commune-police", "1.004222"
EVERYWHERE = Rule(KIND, (ANY,), ANY, COMMITTEE.code)


@pytest.mark.parametrize(
    "specific",
    [
        Rule(KIND, (ANY,), "01", POLICE.code),
        Rule(KIND, (ANY,), COMMUNE, POLICE.code),
        Rule(KIND, (PROCEDURE,), ANY, POLICE.code),
    ],
)
def test_a_more_specific_rule_wins_whatever_the_order_of_the_table(specific: Rule) -> None:
    for rules in ([EVERYWHERE, specific], [specific, EVERYWHERE]):
        assert a_competence(*rules).competent(KIND, PROCEDURE, COMMUNE) == POLICE


def test_territory_counts_before_procedure() -> None:
    competence = a_competence(Rule(KIND, (ANY,), COMMUNE, POLICE.code), Rule(KIND, (PROCEDURE,), "01", COMMITTEE.code))

    assert competence.competent(KIND, PROCEDURE, COMMUNE) == POLICE


def test_within_one_territory_the_procedures_own_rule_wins() -> None:
    competence = a_competence(
        Rule(KIND, (ANY,), COMMUNE, COMMITTEE.code), Rule(KIND, (PROCEDURE,), COMMUNE, POLICE.code)
    )

    assert competence.competent(KIND, PROCEDURE, COMMUNE) == POLICE
    assert competence.competent(KIND, "1.000001", COMMUNE) == COMMITTEE


def test_a_matter_of_a_province_finds_the_provinces_rule_and_never_a_communes() -> None:
    competence = a_competence(Rule(KIND, (ANY,), COMMUNE, COMMITTEE.code), Rule(KIND, (ANY,), "01", POLICE.code))

    assert competence.competent(KIND, PROCEDURE, "01") == POLICE


@pytest.mark.parametrize(
    ("kind", "territory"), [("tax-office", COMMUNE), (KIND, "00167"), (KIND, "01273"), (KIND, "99999"), (KIND, "79")]
)
def test_without_a_rule_nobody_is_competent(kind: str, territory: str) -> None:
    assert a_competence().competent(kind, PROCEDURE, territory) is None


def test_two_equally_specific_rules_are_refused_by_name() -> None:
    twice = [Rule(KIND, (PROCEDURE,), COMMUNE, POLICE.code), Rule(KIND, (PROCEDURE, "1.1"), COMMUNE, COMMITTEE.code)]

    with pytest.raises(CompetenceWrong, match=rf"{POLICE.code} and {COMMITTEE.code}"):
        a_competence(*twice)


def test_the_packaged_table_is_sound_and_knows_where_its_communes_lie() -> None:
    folder = Settings.model_fields["data_folder"].default
    competence = read_competence(folder / FILE_NAME)

    assert competence.agencies
    assert competence.version.startswith("competence@")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"agencies": []}, "not among the agencies"),
        ({"communes": {}}, "has no province"),
        ({"rules": [{"agency_kind": "x", "procedures": ["*"], "territory": "1", "agency": POLICE.code}]}, "territory"),
        ({"rules": [{"agency_kind": "x", "procedures": [], "territory": "*", "agency": POLICE.code}]}, "procedures"),
        ({"rulez": []}, "rulez"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(json.dumps({**COMPETENCE, **change}))

    with pytest.raises(ValueError, match=says):
        read_competence(file)


def test_a_file_that_is_spoilt_later_leaves_the_last_good_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub_web.watched_file.LOOK_SECONDS", 0.0)
    file = tmp_path / FILE_NAME
    file.write_text(json.dumps(COMPETENCE))
    table = WatchedFile(file, read_competence)
    first = table.now()

    file.write_text('{"version": ')
    assert table.now() is first

    file.write_text(json.dumps({**COMPETENCE, "rules": []}))
    mended = table.now()
    assert mended.version == first.version
    assert mended.edition != first.edition
