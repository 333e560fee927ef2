"""Quá hạn: one rule, whoever judges: the list, the count, the figures of a period, the citizen's page, the clock."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hub_events.routing import DossierCompletedV1
from hub_worktime import VIETNAM, is_late, late_from, outcome
from services.intake.store.systems import lateness
from tests.intake.citizen import Visitor
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.test_forms import issued
from tests.intake.test_lists import counted, listed
from tests.intake.test_old_dossiers import figures
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told
from tests.stack import PostgresServer

DUE = datetime.fromisoformat("2026-03-11T17:00:00+07:00")
MOMENTS = some.integers(631_152_000, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, VIETNAM))
EDGES = some.builds(
    lambda at, minutes, seconds: at + timedelta(minutes=minutes, seconds=seconds),
    MOMENTS, some.sampled_from((0, 1, -1, 1_440)), some.sampled_from((0, 59, 60, 59.999999, -0.000001)),
)  # fmt: skip


@given(MOMENTS, MOMENTS | EDGES)
def test_a_due_minute_is_on_time_to_its_end(due_at: datetime, at: datetime) -> None:
    assert is_late(due_at, at) == (at.timestamp() // 60 > due_at.timestamp() // 60)
    assert is_late(due_at, late_from(due_at))
    assert not is_late(due_at, late_from(due_at) - timedelta(microseconds=1))
    assert outcome(due_at, at) == ("late" if is_late(due_at, at) else outcome(due_at, at))
    assert outcome(due_at, due_at) == "on_time"
    assert outcome(due_at, due_at - timedelta(days=1)) == "early"


async def test_the_database_judges_as_the_domain_does(postgres: PostgresServer) -> None:
    begin = datetime(2026, 3, 11, 16, 58, 30, tzinfo=VIETNAM)
    steps = (0, 29, 29.999999, 30, 59, 59.999999, 60, 89, 90, 119, 120, 86_400, 25_290, 25_289.999999)
    moments = [begin + timedelta(seconds=step) for step in steps] + [datetime(1969, 12, 31, 23, 59, 30, tzinfo=UTC)]
    pairs = [(due_at, at) for due_at in moments for at in moments]
    connection = await asyncpg.connect(await postgres.database("intake"))
    judged = await connection.fetch(
        f"SELECT {lateness.is_late('due_at', 'at')} AS late, {lateness.is_early('due_at', 'at')} AS early"
        " FROM unnest($1::timestamptz[], $2::timestamptz[]) WITH ORDINALITY AS given (due_at, at, n) ORDER BY n",
        *map(list, zip(*pairs, strict=True)),
    )
    await connection.close()
    for (due_at, at), row in zip(pairs, judged, strict=True):
        expected = "late" if row["late"] else "early" if row["early"] else "on_time"
        assert (row["late"], expected) == (is_late(due_at, at), outcome(due_at, at)), (due_at, at)


async def everywhere(door: FrontDoor) -> dict[str, Any]:
    """What each part of the register says of the only dossier."""
    period = await figures(door, "2026-03-01", "2026-03-31")
    return {
        "late in lists": bool(await listed(door, "late=yes")),
        "not late in lists": bool(await listed(door, "late=no")),
        "late by count": await counted(door, "late=yes"),
        "open": period["open"],
        "finished": period["finished"],
    }


def expected(*, late: bool, finished: bool) -> dict[str, Any]:
    return {
        "late in lists": late,
        "not late in lists": not late,
        "late by count": int(late),
        "open": {"in_time": int(not finished and not late), "late": int(not finished and late), "no_term": 0},
        "finished": {"early": 0, "on_time": int(finished and not late), "late": int(finished and late), "no_term": 0},
    }


@pytest.mark.parametrize(("seconds", "late"), [(0, False), (59, False), (59.999999, False), (60, True)])
async def test_every_view_judges_the_edge_alike(door: FrontDoor, seconds: float, late: bool) -> None:
    answer = await door.submitted(residence(acceptance=ACCEPTANCE))
    assert answer["promise"]["due_at"] == DUE.isoformat()
    door.set_time((DUE + timedelta(minutes=late)).isoformat())  # this clock goes on while the test runs
    assert await everywhere(door) == expected(late=late, finished=False)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    assert await everywhere(door) == expected(late=True, finished=False)
    done = DossierCompletedV1(
        leg="lead", agency=POLICE, completed_at=DUE + timedelta(seconds=seconds), result="approved"
    )
    await told(door, record(done, answer["dossier_id"]))
    assert await everywhere(door) == expected(late=late, finished=True)


async def test_what_waits_for_a_supplement_is_late_nowhere(door: FrontDoor) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await door.decided(dossier, "request-supplement", reason="thiếu", components=["to-khai"], superior=SUPERIOR)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    assert await everywhere(door) == expected(late=False, finished=False)


SUPERIOR = {"officer": "lanh-dao-01", "reason": "thiếu giấy tờ"}
STOP = {"reason_code": "rut-ho-so", "reason": "Người nộp rút hồ sơ."}


@pytest.mark.parametrize(("seconds", "late"), [(-120, False), (70, True)])
async def test_what_was_stopped_is_judged_by_when_it_was(door: FrontDoor, seconds: float, late: bool) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    door.set_time((DUE + timedelta(seconds=seconds)).isoformat())
    await door.decided(dossier, "stop", **STOP)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    assert await everywhere(door) == expected(late=late, finished=True)
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=DUE + timedelta(days=2), result="approved")
    await told(door, record(done, dossier))
    assert await everywhere(door) == expected(late=late, finished=True), "an agency that heard late changes nothing"


async def waiting(door: FrontDoor, since: timedelta) -> str:
    """A dossier that has been with its agency, and whose clock stands still from so long after its date on."""
    dossier: str = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await told(door, record(routed(POLICE), dossier))
    door.set_time((DUE + since).isoformat())
    await door.decided(dossier, "request-supplement", reason="thiếu", components=["to-khai"], superior=SUPERIOR)
    return dossier


async def finished(door: FrontDoor, dossier: str, after: timedelta) -> None:
    """The agency says so, however late."""
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=DUE + after, result="approved")
    await told(door, record(done, dossier))


async def on_paper(door: FrontDoor, dossier: str) -> dict[str, bool]:
    """Whether what its owner sees, and the slip that goes with the papers, call the result late."""
    page = await Visitor(door).sees()
    _, slip = await issued(door, dossier, "06")
    assert ("Quá hạn" in slip) != ("Đúng hạn" in slip)
    return {"page": "muộn hơn ngày hẹn" in page, "slip": "Quá hạn" in slip}


BEFORE_OR_AFTER_ITS_DATE = pytest.mark.parametrize(
    ("since", "late"), [(timedelta(minutes=-5), False), (timedelta(seconds=59), False), (timedelta(seconds=70), True)]
)


@BEFORE_OR_AFTER_ITS_DATE
async def test_what_was_stopped_while_its_clock_stood_still_is_judged_by_when_it_stood(
    door: FrontDoor, since: timedelta, late: bool
) -> None:
    dossier = await waiting(door, since)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    await door.decided(dossier, "request-withdrawal")
    await door.decided(dossier, "stop", **STOP)
    assert await everywhere(door) == expected(late=late, finished=True)
    await finished(door, dossier, timedelta(days=4))
    assert await everywhere(door) == expected(late=late, finished=True)


@BEFORE_OR_AFTER_ITS_DATE
async def test_what_was_finished_while_its_clock_stood_still_is_judged_by_when_it_stood(
    door: FrontDoor, since: timedelta, late: bool
) -> None:
    dossier = await waiting(door, since)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    await finished(door, dossier, timedelta(days=2))
    assert await everywhere(door) == expected(late=late, finished=True)
    assert await on_paper(door, dossier) == {"page": late, "slip": late}
    await door.decided(dossier, "return-result", collected_by="applicant")
    assert await everywhere(door) == expected(late=late, finished=True)
    assert (await on_paper(door, dossier))["slip"] == late


@BEFORE_OR_AFTER_ITS_DATE
async def test_a_result_of_the_time_of_waiting_that_is_heard_after_the_supplement_is_judged_by_the_date_before(
    door: FrontDoor, since: timedelta, late: bool
) -> None:
    """A second date, in weeks, makes nothing of the first one good."""
    dossier = await waiting(door, since)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    await door.decided(dossier, "supplement", components=[{"code": "to-khai", "originals": 1}])
    assert await everywhere(door) == expected(late=False, finished=False)
    await finished(door, dossier, timedelta(days=2))
    assert await everywhere(door) == expected(late=late, finished=True)
    assert await on_paper(door, dossier) == {"page": late, "slip": late}


async def test_what_waited_and_went_on_is_judged_by_its_second_date(door: FrontDoor) -> None:
    dossier = await waiting(door, timedelta(minutes=5))
    door.set_time((DUE + timedelta(days=2)).isoformat())
    again = await door.decided(dossier, "supplement", components=[{"code": "to-khai", "originals": 1}])
    assert again["promise"]["due_at"] == "2026-03-25T17:00:00+07:00"
    await finished(door, dossier, timedelta(days=14, seconds=59))
    assert await everywhere(door) == expected(late=False, finished=True)
    await finished(door, dossier, timedelta(days=2, minutes=-1))
    assert await everywhere(door) == expected(late=True, finished=True), "an earlier end, while it waited"


@BEFORE_OR_AFTER_ITS_DATE
async def test_what_ended_while_it_waited_before_the_upgrade_is_judged_too(
    door: FrontDoor, since: timedelta, late: bool
) -> None:
    pool, dossier = door.intake.spine.pool, await waiting(door, since)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    await finished(door, dossier, timedelta(days=2))
    for as_before in ("judged_at = NULL", "judged_at = NULL, completed_at = judged_at"):
        await pool.execute(f"UPDATE register_line SET {as_before}")
        await pool.execute(import_module("services.intake.migrations.versions.0017_judged_lines").ENDED_BEFORE)
        assert await everywhere(door) == expected(late=late, finished=True)
        assert await pool.fetchval("SELECT completed_at FROM register_line") == DUE + timedelta(days=2)


async def test_a_fee_due_hides_no_lateness(door: FrontDoor) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await door.decided(dossier, "fees", purpose="le-phi", amount=8000)
    door.set_time((DUE + timedelta(days=3)).isoformat())
    assert await everywhere(door) == expected(late=True, finished=False)
    page = await Visitor(door).sees()
    assert ("nộp phí" in page, "Đã quá ngày hẹn" in page) == (True, True)
    await finished(door, dossier, timedelta(days=1))
    assert "muộn hơn ngày hẹn" in await Visitor(door).sees()


async def test_what_was_stopped_before_the_upgrade_is_judged_too(door: FrontDoor) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    door.set_time((DUE + timedelta(minutes=5)).isoformat())
    await door.decided(dossier, "stop", **STOP)
    pool = door.intake.spine.pool
    await pool.execute("UPDATE register_line SET completed_at = NULL")  # as triggers wrote it before
    assert (await everywhere(door))["late by count"] == 0
    await pool.execute(import_module("services.intake.migrations.versions.0015_withdrawals").STOPPED_BEFORE)
    assert await everywhere(door) == expected(late=True, finished=True)
