"""Kiểm tra ngày hẹn: the clock's own computation confirms a date or raises an alarm."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from hub_events.intake import Promise
from hub_events.sla import DeadlineClockStartedV1
from hub_worktime import DueDate, compute_due, load_calendar
from services.sla.domain import check as check_module
from services.sla.domain.check import check, explain, term_of
from tests.sla.world import World, accepted, at, by_officer, promise, received, requested

MONDAY = at("02/03 08:00")
EARLY, LATE = "08:00-12:00 13:00-16:30", "08:00-12:00 13:00-18:00"


@pytest.mark.parametrize(
    ("received_at", "term"),
    [
        ("02/03 08:00", "5 ngày làm việc"),
        ("13/02 15:20", "Trong ngày; sau 15 giờ thì trả kết quả vào ngày làm việc tiếp theo"),
        ("01/03 23:00", "8 giờ làm việc"),
        ("02/03 12:00", "2.5 WORKING_DAY"),
        ("02/03 08:00", "20 ngày"),
        ("31/01 09:00", "1 tháng"),
        ("02/03 08:00", "Không quy định"),
        ("02/03 08:00", "Giải quyết ngay"),
    ],
)
def test_what_intake_promises_is_confirmed(received_at: str, term: str) -> None:
    given = promise(at(received_at), term)
    confirmed = check(given)
    assert (confirmed.agrees, confirmed.computed_due_at) == (True, given.due_at)


@pytest.mark.parametrize(
    ("received_at", "term", "hours", "due_at"),
    [
        ("02/03 08:00", "5 ngày làm việc", EARLY, "09/03 16:30"),
        ("02/03 17:20", "5 ngày làm việc", LATE, "09/03 18:00"),
        ("02/03 17:20", "8 giờ làm việc", LATE, "03/03 16:20"),
    ],
)
def test_a_date_by_the_desks_own_hours_is_confirmed_by_them(
    received_at: str, term: str, hours: str, due_at: str
) -> None:
    given = promise(at(received_at), term, hours)
    assert given.due_at == at(due_at)
    assert check(given).agrees
    assert check(given.model_copy(update={"hours": None})).reason == "another-minute"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"due_at": at("09/03 16:59")}, "another-minute"),
        ({"due_at": None}, "another-minute"),
        ({"calendar": "vn@1999.1"}, "calendar-unknown"),
        ({"calendar": None}, "calendar-unknown"),
        ({"rule": "general@1999.1"}, "rule-unknown"),
        ({"counted_from": at("04/03 08:00")}, "another-minute"),
        ({"counted_from": at("02/03 08:00").replace(year=1950)}, "not-computable.bad-input"),
    ],
)
def test_a_date_that_the_clock_does_not_compute_differs(changes: dict[str, Any], reason: str) -> None:
    found = check(promise(MONDAY, **changes))
    assert (found.agrees, found.reason) == (False, reason)


def test_a_term_that_reads_otherwise_than_it_was_counted_differs() -> None:
    given = promise(MONDAY)
    term = given.term.model_copy(update={"text": "7 ngày làm việc"})
    assert check(given.model_copy(update={"term": term})).reason == "term-reads-otherwise"


def test_a_date_where_the_term_is_none_differs() -> None:
    assert check(promise(MONDAY, "Không quy định", due_at=at("09/03 17:00"))).reason == "date-without-term"


def test_seconds_do_not_make_a_difference() -> None:
    given = promise(MONDAY)
    assert given.due_at is not None
    assert check(given.model_copy(update={"due_at": given.due_at + timedelta(seconds=40)})).agrees


def test_an_officers_date_is_not_compared_and_says_so() -> None:
    found = check(by_officer(MONDAY, at("31/03 10:00")))
    assert (found.agrees, found.computed_due_at, found.reason) == (True, None, "set-by-officer")


def test_a_difference_is_announced_counted_and_kept_until_a_date_that_agrees_holds() -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("hub_sla_date_differences_total", {"reason": "another-minute"}) or 0.0

    before, world = count(), World()
    world.hear(accepted(MONDAY, promise(MONDAY, due_at=at("10/03 17:00"))))
    (started,) = world.said(DeadlineClockStartedV1)
    assert (started.agrees, started.computed_due_at) == (False, at("09/03 17:00"))
    assert started.due_at == at("10/03 17:00"), "the date on the receipt stays the date"
    assert count() == before + 1
    assert world.clock().differs

    world.hear(requested(at("03/03 08:00")), received(at("04/03 08:00")))
    assert not world.clock().differs


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (promise(MONDAY), "Hạn trả kết quả: 17:00 ngày 09/03/2026."),
        (promise(MONDAY, hours=EARLY), f"Giờ làm việc của đơn vị: {EARLY}."),
        (by_officer(MONDAY, at("31/03 10:00")), "Ngày hẹn do cán bộ CB-01 ấn định"),
        (promise(MONDAY, "Không quy định"), "không có ngày hẹn"),
        (promise(MONDAY, calendar="vn@1999.1"), "Không tính lại được ngày hẹn"),
    ],
)
def test_every_date_is_explained_in_words(given: Promise, words: str) -> None:
    assert words in " ".join(explain(given, restarted=False))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rule": "general@1999.1"}, "bộ quy tắc general@1999.1"),
        ({"calendar": "vn@1999.1"}, "lịch vn@1999.1"),
        ({"rule": None}, "bộ quy tắc (giấy tiếp nhận không nêu)"),
    ],
)
def test_a_date_is_never_explained_by_other_rules_than_those_of_its_receipt(
    changes: dict[str, Any], named: str
) -> None:
    said = " ".join(explain(promise(MONDAY, **changes), restarted=False))
    assert f"Ở đây không có {named}" in said
    assert "Ngày hẹn trên giấy vẫn giữ nguyên" in said
    assert "nâng cấp sla" in said
    for other in ("general@2026.1", "Thời hạn 5", "Hạn trả kết quả", "Đ."):
        assert other not in said


def test_what_the_calendar_does_not_reach_is_said_to_be_that() -> None:
    given = promise(MONDAY, counted_from=MONDAY.replace(year=1950))
    said = " ".join(explain(given, restarted=False))
    assert f"Không tính lại được ngày hẹn: lịch {given.calendar}" in said
    assert "Ở đây không có" not in said, "calendar and rules are here"


@pytest.mark.parametrize("changes", [{"calendar": "vn@2026.2"}, {"rule": "general@2026.2"}])
def test_what_named_a_version_that_was_not_here_is_confirmed_once_it_is(
    changes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intake was rolled out first; then sla, which has the calendar and the rules that it promises by."""
    world = World()
    world.hear(accepted(MONDAY, promise(MONDAY, **changes)))
    assert world.clock().differs
    with monkeypatch.context() as newer:
        newer.setattr(check_module, "recompute", rebuilt(**changes))
        world.ring(kind="check")
    assert not world.clock().differs
    assert world.types() == ["clock_started"], "nothing is told twice"
    world.ring(kind="check")
    assert not world.clock().differs, "what was confirmed once stays so"


def test_a_date_that_is_plainly_another_one_stays_so_however_often_it_is_looked_at() -> None:
    world = World()
    world.hear(accepted(MONDAY, promise(MONDAY, due_at=at("10/03 17:00"))))
    world.ring(kind="check")
    assert world.clock().differs


def rebuilt(calendar: str = "vn@2026.1", rule: str = "general@2026.1") -> Callable[[Promise], DueDate]:
    """The computation of a build that has these versions, in which nothing is another date."""

    def recompute(given: Promise) -> DueDate:
        due = compute_due(given.counted_from, term_of(given.term), calendar=load_calendar())
        return replace(due, calendar=calendar, rule=rule)

    return recompute
