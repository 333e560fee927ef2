"""Quy tắc tính thời hạn: the law that is quoted is the law in force."""

from datetime import date

import pytest

from hub_worktime import load_rules


def _articles(rule: str, day: date) -> list[str]:
    return [source.article for source in load_rules().rules[rule].sources_on(day)]


@pytest.mark.parametrize("rule", ["supplement-restarts", "forwarded-next-morning"])
def test_expired_law_is_never_quoted_as_in_force(rule: str) -> None:
    assert any("61/2018" in article for article in _articles(rule, date(2025, 6, 30)))
    assert not any("118/2025" in article for article in _articles(rule, date(2025, 6, 30)))
    for day in (date(2025, 7, 1), date(2026, 3, 2)):
        assert not any("61/2018" in article for article in _articles(rule, day))
        assert any("118/2025" in article for article in _articles(rule, day))


def test_no_rule_quotes_a_law_before_it_was_made() -> None:
    assert _articles("receipt-day-not-counted", date(2016, 12, 31)) == []
    assert _articles("forwarded-next-morning", date(2018, 6, 20)) == []


def test_every_rule_has_a_sentence_and_marked_sources() -> None:
    for rule in load_rules().rules.values():
        assert rule.says.endswith(".")
        assert rule.sources
        for source in rule.sources:
            assert source.certainty in {"V", "V2", "R", "U", "D"}
            assert not source.valid_from or not source.valid_to or source.valid_from <= source.valid_to


def test_an_unknown_rule_set_is_refused() -> None:
    with pytest.raises(LookupError):
        load_rules("general@1999.1")
