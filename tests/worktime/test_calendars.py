"""Lịch làm việc: what is committed is true, complete and never changes."""

import hashlib
import importlib.util
import json
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import holidays
import pytest

from hub_worktime import OutsideCalendar, load_calendar

WORKTIME = Path(__file__).parents[2] / "contracts" / "worktime"
DATA = WORKTIME / "hub_worktime" / "data"

# A published version is referred to by receipts: change nothing in it, publish the next one.
PUBLISHED = {
    "calendars/vn@2026.1.json": "ed3c32587896abdcbd8afcfd0518e68bb5962c0a09cf050c60e5d6b6a0c8ce3b",
    "rules/general@2026.1.json": "4a685c8487b00bbfe67ae19b9b2ebfd781017c7dc449a3f7c5a55f533804fe2f",
}

# Days off from Monday to Friday, and worked Saturdays, from the Government's documents for each year.
OFF = {
    2024: [
        "01-01",
        *(f"02-{day:02}" for day in (8, 9, 12, 13, 14)),
        "04-18",
        "04-29",
        "04-30",
        "05-01",
        "09-02",
        "09-03",
    ],
    2025: ["01-01", *(f"01-{day}" for day in range(27, 32)), "04-07", "04-30", "05-01", "05-02", "09-01", "09-02"],
    2026: [
        *("01-01", "01-02", "02-16", "02-17", "02-18", "02-19", "02-20", "04-27", "04-30", "05-01"),
        *("08-31", "09-01", "09-02", "11-24"),
    ],
}
WORKED = {2024: ["05-04"], 2025: ["04-26"], 2026: ["01-10", "08-22"]}


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_day_of_an_entered_year_is_as_the_government_announced(year: int) -> None:
    calendar = load_calendar()
    off = {date.fromisoformat(f"{year}-{day}") for day in OFF[year]}
    worked = {date.fromisoformat(f"{year}-{day}") for day in WORKED[year]}
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    expected = {day: day in worked or (day.isoweekday() <= 5 and day not in off) for day in days}
    assert {day: calendar.is_working_day(day) for day in days} == expected
    assert calendar.official(year)


def test_the_swap_that_the_package_doesnt_know_is_entered() -> None:
    package = holidays.country_holidays("VN", years=2026)
    assert package.is_working_day(date(2026, 1, 2))
    assert not package.is_working_day(date(2026, 1, 10))
    assert not load_calendar().is_working_day(date(2026, 1, 2))
    assert load_calendar().is_working_day(date(2026, 1, 10))


def test_other_years_are_computed_and_say_so() -> None:
    calendar = load_calendar()
    assert [year for year in range(2000, 2101) if calendar.official(year)] == [2024, 2025, 2026]
    tet_2027 = [date(2027, 2, day) for day in (4, 5, 8, 9, 10)]
    assert not any(calendar.is_working_day(day) for day in [*tet_2027, date(2027, 5, 3), date(2027, 11, 24)])


def test_a_day_outside_the_calendar_is_refused_with_its_range() -> None:
    for day in (date(1999, 12, 31), date(2101, 1, 1)):
        with pytest.raises(OutsideCalendar, match="2000–2100"):
            load_calendar().is_working_day(day)


def test_a_calendar_is_loaded_by_version_or_the_newest_of_its_name() -> None:
    assert load_calendar("vn@2026.1").id == "vn@2026.1"
    assert load_calendar("vn") is load_calendar(load_calendar("vn").id)
    for unknown in ("vn@1999.1", "la"):
        with pytest.raises(LookupError):
            load_calendar(unknown)


def test_the_committed_calendar_is_the_package_plus_the_overrides() -> None:
    overrides = json.loads((WORKTIME / "calendar_overrides.json").read_text(encoding="utf-8"))
    committed = (DATA / "calendars" / f"vn@{overrides['version']}.json").read_text(encoding="utf-8")
    assert json.loads(committed)["computed_with"] == f"holidays {version('holidays')}"
    assert _builder().build(overrides) + "\n" == committed


def test_every_entered_year_names_its_documents() -> None:
    overrides = json.loads((WORKTIME / "calendar_overrides.json").read_text(encoding="utf-8"))
    for year, entered in overrides["years"].items():
        assert entered["sources"], year
        assert len(entered["off"]) == len(entered["worked"]), f"{year}: each swapped day off has its make-up day"


def test_published_data_never_changes() -> None:
    found = {
        path.relative_to(DATA).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in DATA.glob("*/*.json")
    }
    assert found == PUBLISHED


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_calendar", WORKTIME / "build_calendar.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
