"""Thời hạn qua cửa trước: events in, time moved, questions over HTTP, on a real database."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from hub_messaging.heard import Heard
from hub_worktime import load_calendar
from services.sla.store.queries import ClockQueries
from tests.hosted import retold, running
from tests.sla.conftest import Hub, all_heard
from tests.sla.world import accepted, at, by_officer, completed, promise, received, requested
from tests.waiting import until

pytestmark = pytest.mark.stack
MONDAY = at("02/03 08:00")
DUE = at("09/03 17:00")


async def test_a_date_is_warned_of_then_missed_and_the_history_tells_it(hub: Hub) -> None:
    dossier = uuid4()
    await hub.read(retold(dossier, accepted(MONDAY)))
    found = await hub.deadline(dossier)
    assert (found["state"], found["due_at"], found["agrees"]) == ("running", _written(DUE), True)
    assert found["explanation"][-1] == "Hạn trả kết quả: 17:00 ngày 09/03/2026."
    assert (found["rule"], found["calendar"], found["provisional"]) == ("general@2026.1", "vn@2026.1", False)

    hub.move_time(at("09/03 16:00"))
    await until(lambda: _told(hub, dossier, "warning_raised"))
    assert "missed" not in await hub.said(dossier)

    hub.move_time(DUE + timedelta(minutes=1))
    await until(lambda: _told(hub, dossier, "missed"))
    found = await hub.deadline(dossier)
    assert found["state"] == "overdue"
    assert [move["what"] for move in found["history"]] == ["started", "missed"]
    assert await hub.listed("state=overdue") == [str(dossier)]
    assert await hub.listed("state=running") == []

    await hub.read(retold(dossier, completed(DUE + timedelta(hours=1))))
    found = await hub.deadline(dossier)
    assert (found["state"], found["outcome"]) == ("stopped", "late")
    assert await hub.said(dossier) == ["clock_started", "warning_raised", "missed", "clock_stopped"]
    assert await hub.service.spine.pool.fetchval("SELECT count(*) FROM timer") == 0


async def test_a_supplement_moves_the_date_and_says_so(hub: Hub) -> None:
    dossier = uuid4()
    await hub.read(retold(dossier, accepted(MONDAY)), retold(dossier, requested(at("03/03 09:00"))))
    assert await hub.listed("state=paused") == [str(dossier)]
    await hub.read(retold(dossier, received(at("20/03 09:00"))))
    found = await hub.deadline(dossier)
    assert (found["state"], found["due_at"]) == ("running", _written(at("27/03 17:00")))
    assert found["explanation"][0].startswith("Hồ sơ đầy đủ lúc 09:00 ngày 20/03/2026;")
    assert any("bổ sung đầy đủ thì thời hạn tính lại từ đầu" in words for words in found["explanation"])
    assert [(move["what"], move["request"]) for move in found["history"]] == [
        ("started", None),
        ("paused", 1),
        ("restarted", 1),
    ]


async def test_a_batch_with_acceptance_and_result_after_the_date_was_never_missed(hub: Hub) -> None:
    hub.move_time(DUE + timedelta(days=2))
    dossier = uuid4()
    await hub.read(retold(dossier, accepted(MONDAY)), retold(dossier, completed(DUE - timedelta(hours=1))))
    await until(lambda: _told(hub, dossier, "clock_stopped"))
    assert await hub.said(dossier) == ["clock_started", "clock_stopped"]


async def test_dates_that_differ_are_listed_and_an_officers_date_is_not_one_of_them(hub: Hub) -> None:
    wrong, persons, right = sorted(uuid4() for _ in range(3))
    await hub.read(
        retold(wrong, accepted(MONDAY, promise(MONDAY, due_at=at("10/03 17:00")))),
        retold(persons, accepted(MONDAY, by_officer(MONDAY, at("31/03 10:00")))),
        retold(right, accepted(MONDAY)),
    )
    assert await hub.listed("differs=true") == [str(wrong)]
    assert await hub.listed("differs=false") == [str(persons), str(right)]
    found = await hub.deadline(wrong)
    assert (found["difference"], found["computed_due_at"]) == ("another-minute", _written(DUE))
    found = await hub.deadline(persons)
    assert (found["set_by"], found["difference"], found["agrees"]) == ("officer", "set-by-officer", True)


async def test_what_an_older_build_could_not_confirm_is_looked_at_again_when_a_newer_one_starts(
    idle_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Heard, "everything", all_heard)
    hub, dossier, ended = idle_hub, uuid4(), uuid4()
    early = promise(MONDAY, calendar="vn@2026.2")
    async with running(hub, "http"):
        await hub.read(*(retold(one, accepted(MONDAY, early)) for one in (dossier, ended)))
        await hub.read(retold(ended, completed(DUE)))
        await ClockQueries(hub.service.spine.pool).measure(MONDAY)
        assert _differing() == 1, "of what has ended nothing can be mended"
    monkeypatch.setattr("services.sla.domain.check.load_calendar", lambda _id: load_calendar("vn@2026.1"))
    async with running(hub, "timers", "http"):
        await until(lambda: _agrees(hub, dossier))
        await ClockQueries(hub.service.spine.pool).measure(MONDAY)
        assert _differing() == 0


async def test_lists_go_page_by_page_and_stay_within_the_callers_area(hub: Hub) -> None:
    dossiers = sorted(uuid4() for _ in range(5))
    facts = [retold(dossier, accepted(MONDAY)) for dossier in dossiers]
    await hub.read(*facts)
    await hub.read(retold(uuid4(), completed(DUE)))  # a stub is not a deadline

    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await hub.get(f"/v1/deadlines?limit=2{cursor and '&cursor='}{cursor}")).json()
        seen += [item["dossier_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [str(dossier) for dossier in dossiers]

    desk = facts[0].data.desk.code
    assert (await hub.get(f"/v1/deadlines/{dossiers[0]}", area=["H99.99.99"])).status_code == 404
    assert (await hub.get("/v1/deadlines", area=["H99.99.99"])).json()["items"] == []
    assert len((await hub.get("/v1/deadlines", area=[desk])).json()["items"]) == 5
    assert (await hub.get("/v1/deadlines", scopes=["notices:read"])).status_code == 403
    assert (await hub.get(f"/v1/deadlines/{uuid4()}")).status_code == 404
    assert (await hub.get("/v1/deadlines?cursor=x")).json()["slug"] == "cursor-invalid"


async def test_the_calendars_that_dates_are_counted_by_are_published(hub: Hub) -> None:
    (calendar,) = (await hub.get("/v1/calendars")).json()["items"]
    assert calendar["id"] == "vn@2026.1"
    assert calendar["official_years"] == [2024, 2025, 2026]
    assert "2026-01-10" in calendar["make_up_days"]


async def _agrees(hub: Hub, dossier: UUID) -> bool:
    return bool((await hub.deadline(dossier))["agrees"])


def _differing() -> float | None:
    return REGISTRY.get_sample_value("hub_sla_dates_differing")


async def _told(hub: Hub, dossier: UUID, what: str) -> bool:
    return what in await hub.said(dossier)


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
