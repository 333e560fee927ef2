"""Giờ của đơn vị đi hết đường: intake promises by a desk's own hours, and sla's clock says the same minute."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_events.intake import Promise
from hub_local.front_door import Refused
from hub_messaging.clock import VIETNAM
from hub_worktime import DEFAULT_HOURS, WorkingHours, late_from, load_calendar, parse_term
from services.intake.domain.promise import promise_for
from services.sla.domain.check import check
from services.sla.domain.warning import warn_at
from tests.flows.hub import OFFICER, Hub
from tests.hours import SOME_HOURS
from tests.waiting import until

ONE_HOUR = "2.001159"
DESK, HOURS = "H26.15.91", "08:00-12:00 13:00-18:00"
HEAD = "code,name,level,province,commune,class,counting_hours,valid_from,withdrawn\n"
LINE = f"{DESK},Điểm phục vụ mở đến 18 giờ,commune,01,00070,urban,{HOURS},2025-07-01,"
TERMS = (
    "5 ngày làm việc",
    "1.5 ngày làm việc",
    "0.5 ngày làm việc",
    "Trong ngày",
    "Trong ngày; sau 15 giờ thì trả kết quả vào ngày làm việc tiếp theo",
    "8 giờ làm việc",
    "20 ngày",
    "1 tháng",
)


@settings(max_examples=500, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda moment: moment.replace(tzinfo=VIETNAM)),  # noqa: DTZ001
    st.sampled_from(TERMS),
    SOME_HOURS | st.just(DEFAULT_HOURS),
)
def test_whatever_a_desks_hours_the_clock_confirms_its_date_and_warns_before_it(
    received_at: datetime, term: str, hours: WorkingHours
) -> None:
    promise = promise_for(parse_term(term), received_at, load_calendar(), hours, None)
    heard = Promise.model_validate_json(promise.model_dump_json(exclude_none=True))
    confirmed, warned_at = check(heard), warn_at(heard)

    assert promise.due_at is not None
    assert warned_at is not None
    assert (confirmed.agrees, confirmed.computed_due_at) == (True, promise.due_at)
    assert promise.counted_from <= warned_at < late_from(promise.due_at)
    assert (promise.hours is None) == (hours == DEFAULT_HOURS), "absent means the default, for every reader"


@asynccontextmanager
async def open_late(hub: Hub) -> AsyncIterator[None]:
    """A desk that is open until 18:00; afterwards it never was, for the tests that share this hub."""
    await hub.published("desks", f"{HEAD}{LINE}\n")
    body = await hub.body(ONE_HOUR, desk=DESK)

    async def takes_dossiers() -> bool:
        try:
            await hub.post("/v1/dossiers", body)
        except Refused:
            return False
        return True

    await until(takes_dossiers, what="the desk takes dossiers")
    try:
        yield
    finally:
        await hub.published("desks", f"{HEAD}{LINE}x\n")


@pytest.mark.stack
async def test_an_hour_from_twenty_past_five_at_a_desk_that_is_open_until_six(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"callback": "on_command"})
    async with open_late(hub):
        at = datetime(2026, 3, 2, 17, 20, tzinfo=VIETNAM)
        await hub.moved_to(at)
        body = {**await hub.body(ONE_HOUR, desk=DESK), "received_at": at.isoformat()}
        receipt = await hub.post("/v1/dossiers", {**body, "acceptance": {"officer": OFFICER}})
        here = receipt["dossier_id"]
        assert receipt["promise"]["due_at"] == "2026-03-03T08:20:00+07:00", "40 minutes today, 20 in the morning"
        await hub.reached(here, "clock_started")
        clock = await hub.clock(here)
        assert (clock["agrees"], clock["due_at"], clock["hours"]) == (True, "2026-03-03T01:20:00Z", HOURS)
        assert f"Giờ làm việc của đơn vị: {HOURS}." in clock["explanation"]

        await hub.decide(here, "request-supplement", reason="Thiếu địa chỉ")
        await hub.reached(here, "clock_paused")
        brought_at = datetime(2026, 3, 3, 17, 30, tzinfo=VIETNAM)
        await hub.moved_to(brought_at)
        answer = await hub.decide(
            here,
            "supplement",
            components=[{"code": "stay-notice", "originals": 1}],
            received_at=brought_at.isoformat(),
        )
        assert answer["promise"]["due_at"] == "2026-03-04T08:30:00+07:00"
        await hub.reached(here, "clock_restarted")
        clock = await hub.clock(here)
        assert (clock["agrees"], clock["due_at"]) == (True, "2026-03-04T01:30:00Z")
