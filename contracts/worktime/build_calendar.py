"""Lập lịch làm việc: writes a calendar version from the package `holidays` and the official swaps entered by hand.

    python contracts/worktime/build_calendar.py

A published version never changes: a new document means a new `version` in calendar_overrides.json, and a new file.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import holidays

HERE = Path(__file__).parent
OVERRIDES = HERE / "calendar_overrides.json"
CALENDARS = HERE / "hub_worktime" / "data" / "calendars"


def build(overrides: dict[str, Any]) -> str:
    """The calendar as JSON text: package rules first, then each entered year's days off and make-up working days."""
    years = range(overrides["first_year"], overrides["last_year"] + 1)
    computed = holidays.country_holidays("VN", years=years, language="vi")
    return json.dumps(
        {
            "id": "vn",
            "version": overrides["version"],
            "computed_with": f"holidays {version('holidays')}",
            "years": {str(year): _year(year, computed, overrides["years"].get(str(year))) for year in years},
        },
        ensure_ascii=False,
        indent=1,
    )


def _year(year: int, computed: holidays.HolidayBase, entered: dict[str, Any] | None) -> dict[str, Any]:
    off = {day.isoformat(): name for day, name in computed.items() if day.year == year}
    worked = {day.isoformat() for day in computed.weekend_workdays if day.year == year}
    if entered:
        off |= entered["off"]
        worked |= set(entered["worked"])
    return {
        "official": entered is not None,
        "sources": entered["sources"] if entered else [],
        "off": dict(sorted(off.items())),
        "worked": sorted(worked),
    }


def main() -> None:
    overrides = json.loads(OVERRIDES.read_text(encoding="utf-8"))
    target = CALENDARS / f"vn@{overrides['version']}.json"
    text = build(overrides) + "\n"
    if target.exists() and target.read_text(encoding="utf-8") != text:
        sys.exit(f"{target.name} is published and would change: raise `version` in {OVERRIDES.name}")
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
