"""Giới hạn lượt gọi: each system by its own limit, all others by one."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_web import watched_file
from hub_web.problems import Problem
from hub_web.rates import Rates, rates_of, read_limits


def passes(rates: Rates, subject: str) -> bool:
    try:
        rates.take(subject)
    except Problem:
        return False
    return True


def taken(rates: Rates, subject: str) -> int:
    """How many requests pass at once."""
    return next(number for number in range(1000) if not passes(rates, subject))


def test_a_system_has_its_own_limit_and_a_changed_file_counts_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_file, "LOOK_SECONDS", 0.0)
    file = tmp_path / "limits.json"
    file.write_text('{"cong-dvc": 30, "Phường Ba Đình": 1}')
    rates = rates_of(5, file)
    rates._clock = lambda: 0.0
    assert [taken(rates, subject) for subject in ("cong-dvc", "Phường Ba Đình", "another")] == [60, 2, 10]
    with pytest.raises(Problem) as refusal:
        rates.take("cong-dvc")
    assert (refusal.value.headers["RateLimit-Policy"], refusal.value.headers["Retry-After"]) == (
        '"caller";q=60;w=2',
        "1",
    )
    file.write_text("{broken")
    assert [taken(rates, subject) for subject in ("cong-dvc", "one more")] == [0, 10], "what was known stays"
    file.write_text('{"one more": 7, "x": 8}')
    assert [taken(rates, subject) for subject in ("x", "cong-dvc")] == [16, 0]
    rates._clock = lambda: 100.0
    assert [taken(rates, subject) for subject in ("cong-dvc", "one more")] == [10, 14]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[]", "must be an object"),
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"a": 0}', "entry 1: must be a name"),
        ('{"a": 1, "b": 100001}', "entry 2: must be a name"),
        ('{"a": true}', "entry 1"),
        ('{"a": 1.5}', "entry 1"),
        ('{"a": "5"}', "entry 1"),
        ('{" ": 5}', "entry 1"),
        ('{"a": 5, "a": 6}', "a system stands there twice"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, said: str, why: str) -> None:
    file = tmp_path / "limits.json"
    file.write_text(said)
    with pytest.raises(ValueError, match=rf"^limits\.json: {why}"):
        rates_of(5, file)


@given(st.dictionaries(st.text(min_size=1).filter(str.strip), st.integers(1, 100_000), max_size=20))
def test_sound_limits_are_read_as_they_stand(tmp_path_factory: pytest.TempPathFactory, limits: dict[str, int]) -> None:
    file = tmp_path_factory.mktemp("limits") / "limits.json"
    file.write_text(json.dumps(limits))
    assert read_limits(file) == limits
