"""Số liệu của kỳ: late is what it is for the clock and for lists: one fact, one number."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence
from tests.intake.test_lists import completed, counted
from tests.intake.test_old_dossiers import figures
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack


async def _late(door: FrontDoor) -> tuple[int, int]:
    """By the figures of the period, and by the list."""
    period: dict[str, Any] = await figures(door, "2026-01-01", "2026-12-31")
    return period["finished"]["late"] + period["open"]["late"], await counted(door, "late=yes")


async def test_the_minute_on_the_receipt_is_on_time_in_figures_too(door: FrontDoor) -> None:
    first, second = [await door.submitted(birth(acceptance=ACCEPTANCE)) for _ in range(2)]
    due_at = datetime.fromisoformat(first["promise"]["due_at"])
    await told(door, record(completed(due_at + timedelta(seconds=59)), first["dossier_id"]))
    door.set_time((due_at + timedelta(seconds=59)).isoformat())
    assert await _late(door) == (0, 0), "the minute has not passed"
    await told(door, record(completed(due_at + timedelta(seconds=60)), second["dossier_id"]))
    assert await _late(door) == (1, 1)


async def test_what_waits_for_the_applicant_after_acceptance_is_not_late(door: FrontDoor) -> None:
    asked, waiting = [await door.submitted(residence(acceptance=ACCEPTANCE)) for _ in range(2)]
    await door.decided(asked["dossier_id"], "request-supplement", reason="thiếu", components=["to-khai"])
    door.set_time("2026-04-01T09:00:00+07:00")
    assert await _late(door) == (1, 1), waiting
    period = await figures(door, "2026-01-01", "2026-12-31")
    assert period["open"] == {"in_time": 1, "late": 1, "no_term": 0}


async def test_what_comes_later_changes_no_past_period(door: FrontDoor) -> None:
    late, waiting, ended = [str((await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]) for _ in "123"]
    door.set_time("2026-03-31T09:00:00+07:00")
    thieu = {"reason": "thiếu", "components": ["to-khai"]}
    await door.decided(waiting, "request-supplement", **thieu)
    march, open_then = ("2026-03-01", "2026-03-31"), {"in_time": 1, "late": 2, "no_term": 0}
    door.set_time("2026-04-01T09:00:00+07:00")
    assert (await figures(door, *march))["open"] == open_then

    await told(door, record(completed(datetime.fromisoformat("2026-04-01T08:00:00+07:00")), ended))
    await door.decided(late, "request-supplement", **thieu)
    assert (await figures(door, *march))["open"] == open_then, "asked for since then"
    door.set_time("2026-04-03T09:00:00+07:00")
    for one in (late, waiting):
        await door.decided(one, "supplement", components=[{"code": "to-khai", "originals": 1}])
    assert (await figures(door, *march))["open"] == open_then, "promised anew since then"
    april = await figures(door, "2026-04-01", "2026-04-30")
    assert (april["open"]["in_time"], april["finished"]["late"]) == (2, 1)


async def test_an_acceptance_counts_in_the_period_in_which_it_was_given(door: FrontDoor) -> None:
    march, april = ("2026-03-01", "2026-03-31"), ("2026-04-01", "2026-04-30")
    door.set_time("2026-03-31T16:50:00+07:00")
    submitted = await door.submitted(residence())
    door.set_time("2026-04-01T09:00:00+07:00")
    before = await figures(door, *march)
    assert (before["received"], sum(before["open"].values())) == (0, 0)

    door.set_time("2026-04-02T09:00:00+07:00")
    await door.decided(submitted["dossier_id"], "accept")
    assert await figures(door, *march) == before
    since = await figures(door, *april)
    assert (since["received"], since["carried_over"], since["open"]["in_time"]) == (1, 0, 1)
    may = await figures(door, "2026-05-01", "2026-05-31")
    assert (may["received"], may["carried_over"], sum(may["open"].values())) == (0, 1, 1)


async def test_what_was_done_before_its_acceptance_was_entered_is_finished_in_the_period_of_the_entry(
    door: FrontDoor,
) -> None:
    march, april = ("2026-03-01", "2026-03-31"), ("2026-04-01", "2026-04-30")
    door.set_time("2026-04-01T09:00:00+07:00")
    late = await door.submitted(residence(received_at="2026-03-30T09:00:00+07:00", acceptance=ACCEPTANCE))
    await door.decided(late["dossier_id"], "result-ready", at="2026-03-31T09:00:00+07:00")
    nothing, counted = [await figures(door, *month) for month in (march, april)]
    assert nothing["received"] + sum(nothing["finished"].values()) + sum(nothing["open"].values()) == 0
    assert (counted["received"], counted["carried_over"], counted["finished"]["early"]) == (1, 0, 1)


async def test_a_receipt_from_a_clock_that_is_ahead_is_in_the_period_of_its_acceptance(door: FrontDoor) -> None:
    door.set_time("2026-03-31T23:59:00+07:00")
    await door.submitted(residence(received_at="2026-04-01T00:00:30+07:00", acceptance=ACCEPTANCE))
    assert (await figures(door, "2026-03-01", "2026-03-31"))["received"] == 1


@pytest.mark.parametrize("path", ["/v1/figures/dossiers", "/v1/figures/on-the-spot"])
@pytest.mark.parametrize(
    ("begin", "end", "status"),
    [
        ("1900-01-01", "9000-12-31", 200),
        ("2026-03-02", "2026-03-01", 422),
        ("0001-01-01", "0001-01-01", 422),
        ("2026-01-01", "9999-12-31", 422),
    ],
)
async def test_a_period_that_cannot_be_is_refused(
    door: FrontDoor, path: str, begin: str, end: str, status: int
) -> None:
    answer = await door.get(f"{path}?from={begin}&to={end}")
    assert answer.status_code == status
    if status == 422:
        assert "từ năm 1900" in answer.json()["detail"]
