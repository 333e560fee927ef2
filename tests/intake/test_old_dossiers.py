"""Historic mode: a desk's old books, line by line; nobody is told, nothing is handed over, figures are right."""

import asyncio
import json
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hub_worktime import VIETNAM
from services.intake.domain.books.old_dossier import OldDossier, book_dates, old_dossier_id
from services.intake.domain.refusals import DatesOutOfOrder
from services.intake.settings import Settings
from tests.intake.conftest import ACCEPTANCE, FrontDoor, opened, residence
from tests.stack import PostgresServer

BOOK = {"Content-Type": "application/x-ndjson"}
NOW = datetime(2026, 3, 2, 8, tzinfo=VIETNAM)


def line(number: str = "12/2025", **changes: Any) -> dict[str, Any]:
    """A dossier of the old book: received on 03/02/2025, promised for the 12th, finished on the 11th."""
    return {
        "number": number,
        "desk_code": "H26.15.01",
        "procedure_code": "1.004222",
        "received_at": "2025-02-03",
        "due_at": "2025-02-12",
        "finished_at": "2025-02-11",
        "result": "approved",
        "applicant": {"kind": "citizen", "full_name": "Lò Thị Mẫu", "personal_id": "011090000002"},
        "phone": "0912 000 111",
        **changes,
    }


def book(*lines: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)


async def entered(door: FrontDoor, content: bytes, *, bearer: str | None = None) -> dict[str, Any]:
    headers = {**BOOK, "Authorization": bearer or door.bearer}
    response = await door.client.post("/v1/dossiers/old", content=content, headers=headers)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    assert result["lines"] == sum(result[what] for what in ("entered", "finished", "unchanged", "refused"))
    return result


async def figures(door: FrontDoor, begin: str, end: str, **more: str) -> dict[str, Any]:
    response = await door.client.get(
        "/v1/figures/dossiers", params={"from": begin, "to": end, **more}, headers={"Authorization": door.bearer}
    )
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_an_old_dossier_is_in_the_register_with_the_dates_of_the_book(door: FrontDoor) -> None:
    (item,) = (await entered(door, book(line())))["items"]
    assert (item["outcome"], item["dossier_code"]) == ("entered", "H26.15.01-250203-0001")
    shown = (await door.get(f"/v1/dossiers/{item['dossier_id']}")).json()
    assert (shown["state"], shown["result"]) == ("completed", "approved")
    assert shown["received_at"] == "2025-02-03T00:00:00+07:00"
    assert shown["promise"]["due_at"] == "2025-02-12T23:59:59+07:00"
    assert shown["promise"]["term"]["reason"] == "old-book"
    assert shown["completed_at"] == "2025-02-11T00:00:00+07:00"
    steps = (await door.get(f"/v1/dossiers/{item['dossier_id']}/timeline")).json()["steps"]
    assert [step["text"] for step in steps] == [
        "Nhận hồ sơ, số 12/2025 trong sổ cũ; nhập vào hệ thống lúc " + _local(steps[0]["facts"]["entered_at"]) + ".",
        "Giải quyết xong theo sổ cũ: được chấp thuận.",
    ]
    assert "Mẫu" not in json.dumps(shown) + json.dumps(steps)


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y")


async def test_a_number_is_one_however_its_letters_are_composed(door: FrontDoor) -> None:
    spelt = [unicodedata.normalize(form, "Hộ tịch-17") for form in ("NFC", "NFD")]
    (first,) = (await entered(door, book(line(number=spelt[0]))))["items"]
    (again,) = (await entered(door, book(line(number=spelt[1]))))["items"]
    assert (again["outcome"], again["dossier_id"]) == ("unchanged", first["dossier_id"])


async def test_what_was_entered_under_letters_taken_apart_is_found_when_the_book_comes_again(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = unicodedata.normalize("NFD", "Hộ tịch-17")
    by_the_former_rule = property(lambda one: old_dossier_id(one.desk.code, number))
    with monkeypatch.context() as former:
        former.setattr(OldDossier, "id", by_the_former_rule)
        (first,) = (await entered(door, book(line(number=number, finished_at=None, result=None))))["items"]
    ended = [(await entered(door, book(line(number=number))))["items"][0] for _ in range(2)]
    assert [item["outcome"] for item in ended] == ["finished", "unchanged"]
    assert {item["dossier_id"] for item in ended} == {first["dossier_id"]}


async def test_how_it_ended_in_the_book_is_its_national_status(door: FrontDoor) -> None:
    lines = [
        line("1", finished_at=None, result=None),
        line("2"),
        line("3", returned_at="2025-02-13"),
        line("4", result="withdrawn"),
    ]
    items = (await entered(door, book(*lines)))["items"]
    shown = [(await door.get(f"/v1/dossiers/{item['dossier_id']}")).json() for item in items]
    assert [one["national_status"]["code"] for one in shown] == [2, 9, 10, 8]
    assert all(one["possible"] == [] for one in shown)


async def test_nobody_is_told_nothing_is_handed_over_and_no_clock_starts(door: FrontDoor) -> None:
    result = await entered(door, book(line(), line("13/2025", finished_at=None, result=None)))
    assert result["entered"] == 2
    assert await door.outbox() == []
    assert (await door.get("/v1/intake/stuck")).json()["items"] == []


async def test_nothing_can_be_decided_about_an_old_dossier_that_others_would_have_to_hear_of(door: FrontDoor) -> None:
    (item,) = (await entered(door, book(line(finished_at=None, result=None))))["items"]
    assert (await door.get(f"/v1/dossiers/{item['dossier_id']}")).json()["possible"] == []
    body = {"officer": "cb-01", "reason": "thiếu bản sao"}
    refused = await door.post(f"/v1/dossiers/{item['dossier_id']}/request-supplement", body)
    assert refused.json()["slug"] == "wrong-state"


async def test_the_end_may_come_with_a_later_copy_of_the_book_and_an_older_copy_takes_nothing_back(
    door: FrontDoor,
) -> None:
    opening, ended = line(finished_at=None, result=None), line()
    assert (await entered(door, book(opening)))["entered"] == 1
    assert (await entered(door, book(ended)))["finished"] == 1
    assert (await entered(door, book(opening, ended)))["unchanged"] == 2

    (item,) = (await entered(door, book(line(returned_at="2025-02-13"))))["items"]
    assert item["outcome"] == "finished"
    assert (await entered(door, book(opening, ended, line(returned_at="2025-02-13"))))["unchanged"] == 3
    shown = (await door.get(f"/v1/dossiers/{item['dossier_id']}")).json()
    assert shown["national_status"]["code"] == 10
    steps = (await door.get(f"/v1/dossiers/{item['dossier_id']}/timeline")).json()["steps"]
    assert [step["text"] for step in steps[1:]] == [
        "Giải quyết xong theo sổ cũ: được chấp thuận.",
        "Đã trả kết quả theo sổ cũ.",
    ]


async def test_what_contradicts_the_first_entry_is_refused_and_says_in_which_fields(door: FrontDoor) -> None:
    await entered(door, book(line()))
    other = {**line()["applicant"], "full_name": "Lò Văn Khác"}
    for changes, fields in (
        ({"due_at": "2025-02-13"}, ["due_at"]),
        ({"applicant": other}, ["applicant"]),
        ({"result": "rejected", "finished_at": "2025-02-10"}, ["finished_at", "result"]),
    ):
        (item,) = (await entered(door, book(line(**changes))))["items"]
        assert item["problem"]["slug"] == "old-dossier-differs"
        assert item["problem"]["fields"] == fields
    assert "Khác" not in json.dumps(item)


async def test_one_bad_line_stops_no_other(door: FrontDoor) -> None:
    result = await entered(
        door,
        book(
            b"{",
            line("1"),
            b"",
            b'{"number": "\xff"}',
            line("2", desk_code="H26.15.99"),
            line("3", procedure_code="9.999999"),
            line("4", procedure_code="9.999999", procedure_name="Thủ tục đã bãi bỏ"),
            line("5", received_at="2025-02-30"),
            line("6", received_at="2025-02-12", finished_at="2025-02-11"),
            line("7", finished_at="2027-01-01"),
            line("8", result=None),
            line("9", code="H26.15.01-250203-0001"),
            b'{"number": "10", "number": "11"}',
            line("12", received_at="1889-01-01"),
            line("13", due_at="2205-02-12"),
            line("14", received_at="1738540800"),
        ),
    )
    slugs = {item["line"]: (item["problem"] or {}).get("slug", item["outcome"]) for item in result["items"]}
    assert slugs == {
        1: "malformed-json", 2: "entered", 4: "malformed-json", 5: "desk-unknown", 6: "procedure-unknown",
        7: "entered", 8: "invalid-request", 9: "dates-out-of-order", 10: "dates-out-of-order", 11: "invalid-request",
        12: "dossier-code-taken", 13: "malformed-json", 14: "invalid-request", 15: "invalid-request",
        16: "invalid-request",
    }  # fmt: skip


async def test_a_code_of_the_book_is_never_given_to_another_dossier(door: FrontDoor) -> None:
    """Else the desk could accept nothing more that day: each new dossier would get the code that is taken."""
    first = line(
        "1", code="H26.15.01-260302-0007", received_at="2026-03-01", finished_at=None, result=None, due_at=None
    )
    assert (await entered(door, book(first)))["entered"] == 1
    accepted = await door.submitted(residence(acceptance=ACCEPTANCE))
    assert accepted["dossier_code"] == "H26.15.01-260302-0008"
    older = [line("2", code="H26.15.01-250203-0001"), line("3"), line("4", code="H26.15.01-250203-20250001")]
    codes = [(await entered(door, book(one)))["items"][0]["dossier_code"] for one in (*older, line("5"))]
    assert [code[-4:] for code in codes] == ["0001", "0002", "0001", "0003"]


async def test_an_importer_takes_no_numbers_that_a_desk_of_others_has_still_to_give_out(door: FrontDoor) -> None:
    own = door.token(area=["H26.15.01"])
    unfinished = {"received_at": "2026-03-01", "due_at": None, "finished_at": None, "result": None}
    foreign = [
        line("1", code="H26.15.02-260302-900000", **unfinished),
        line("2", code="H26.15.02-260303-0001", **unfinished),
    ]
    refused = (await entered(door, book(*foreign), bearer=own))["items"]
    assert [item["problem"]["slug"] for item in refused] == ["dossier-code-elsewhere"] * 2
    before = line("3", code="H26.15.02-250203-0001")  # of a desk whose books it took over
    assert (await entered(door, book(before), bearer=own))["entered"] == 1
    accepted = await door.submitted(residence(desk_code="H26.15.02", acceptance=ACCEPTANCE))
    assert accepted["dossier_code"] == "H26.15.02-260302-0001"


async def test_a_desk_outside_the_area_is_as_unknown_as_one_that_is_not_there(door: FrontDoor) -> None:
    elsewhere = door.token(area=["H26.15.02"])
    (item,) = (await entered(door, book(line()), bearer=elsewhere))["items"]
    assert item["problem"]["slug"] == "not-found"
    without = door.token(scopes=["dossiers:submit"])
    answer = await door.client.post("/v1/dossiers/old", content=b"", headers={**BOOK, "Authorization": without})
    assert answer.status_code == 403


async def test_too_many_lines_and_other_media_are_refused_whole(door: FrontDoor) -> None:
    headers = {**BOOK, "Authorization": door.bearer}
    answer = await door.client.post("/v1/dossiers/old", content=b"{}\n" * 1001, headers=headers)
    assert (answer.status_code, answer.json()["limit"]) == (413, 1000)
    answer = await door.post("/v1/dossiers/old", line())
    assert answer.status_code == 415


def mountain_desk() -> list[dict[str, Any]]:
    """600 dossiers of 2025: every tenth still open (half of these late), every sixth of the others finished late."""
    lines = []
    for n in range(600):
        received = date(2025, 1, 2) + timedelta(days=n % 360)
        due = received + timedelta(days=10) if n % 20 != 10 else date(2026, 4, 1)
        finished = None if n % 10 == 0 else received + timedelta(days=12 if n % 6 == 1 else 8)
        lines.append(
            line(
                f"{n + 1}/2025",
                received_at=received.isoformat(),
                due_at=due.isoformat(),
                finished_at=finished.isoformat() if finished else None,
                result="approved" if finished else None,
            )
        )
    return lines


async def test_a_mountain_desk_loads_600_dossiers_twice_cut_in_the_middle(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path
) -> None:
    lines = mountain_desk()
    configured = settings(await postgres.database("intake"))
    async with opened(configured, tmp_path) as door:
        cut = asyncio.create_task(entered(door, book(*lines)))
        await asyncio.sleep(0.15)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
    async with opened(configured, tmp_path) as door:
        again = await entered(door, book(*lines))
        assert (again["entered"] + again["unchanged"], again["refused"]) == (600, 0)
        assert (await entered(door, book(*lines)))["unchanged"] == 600
        assert await door.outbox() == []
        assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM dossier") == 600

        counted = await figures(door, "2026-01-01", "2026-03-01")
        ends = [(one["due_at"], one["finished_at"]) for one in lines]
        still_open = [due for due, end in ends if end is None or end >= "2026-01-01"]
        assert counted["received"] == 0
        assert counted["carried_over"] == len(still_open)
        assert counted["open"]["late"] == sum(due < "2026-03-01" for due, end in ends if end is None)
        assert counted["open"]["in_time"] == sum(due >= "2026-03-01" for due, end in ends if end is None) > 0
        assert counted["finished"]["late"] == sum(end >= "2026-01-01" and end > due for due, end in ends if end)

        year = await figures(door, "2025-01-01", "2025-12-31")
        assert (year["received"], year["carried_over"]) == (600, 0)
        done = [(due, end) for due, end in ends if end and end <= "2025-12-31"]
        assert year["finished"]["late"] == sum(end > due for due, end in done) > 0
        assert year["finished"]["early"] == sum(end < due for due, end in done) > 0
        assert sum(year["finished"].values()) + sum(year["open"].values()) == 600


async def test_figures_of_a_period_count_dossiers_of_the_area_only(door: FrontDoor) -> None:
    await entered(door, book(line("1"), line("1", desk_code="H26.15.02")))
    await door.submitted(residence(acceptance={"officer": "cb-01"}))
    await door.submitted(residence())
    assert (await figures(door, "2025-01-01", "2026-12-31"))["received"] == 3
    assert (await figures(door, "2025-01-01", "2026-12-31", desk="H26.15.02"))["received"] == 1
    narrow = {"Authorization": door.token(area=["H26.15.02"])}
    seen = await door.client.get("/v1/figures/dossiers?from=2025-01-01&to=2026-12-31", headers=narrow)
    assert seen.json()["received"] == 1
    hidden = await door.client.get("/v1/figures/dossiers?from=2025-01-01&to=2026-12-31&desk=H26.15.01", headers=narrow)
    assert hidden.status_code == 404
    backwards = await door.get("/v1/figures/dossiers?from=2026-01-02&to=2026-01-01")
    assert backwards.json()["slug"] == "invalid-request"


async def test_two_processes_enter_the_same_book_at_once(door: FrontDoor, second_door: FrontDoor) -> None:
    content = book(*mountain_desk()[:100])
    one, other = await asyncio.gather(entered(door, content), entered(second_door, content))
    assert one["entered"] + other["entered"] == 100
    assert one["unchanged"] + other["unchanged"] == 100


DAYS = st.dates(date(2024, 1, 1), date(2026, 3, 1))


@given(DAYS, st.none() | DAYS, st.none() | DAYS, st.none() | DAYS)
@examples(max_examples=300)
def test_dates_without_a_time_are_read_in_the_dossiers_favour(
    received: date, due: date | None, finished: date | None, returned: date | None
) -> None:
    told = [day for day in (received, finished, returned) if day is not None]
    ordered = told == sorted(told) and (due is None or received <= due)
    try:
        dates = book_dates(received, due, finished, returned, NOW)
    except DatesOutOfOrder:
        assert not ordered
        return
    assert ordered
    assert dates.received_at.astimezone(VIETNAM).date() == received
    if due and finished:
        assert dates.due_at
        assert dates.finished_at
        assert (dates.finished_at <= dates.due_at) == (finished <= due)


async def test_whatever_is_sent_each_line_has_one_result_and_no_person_is_named(door: FrontDoor) -> None:
    lines: list[dict[str, Any] | bytes] = [
        line("1", applicant={"kind": "citizen", "full_name": "Bí Mật Canary", "personal_id": "x"}),
        line("2", phone="Bí Mật Canary"),
        line("3", **{"Bí Mật Canary": 1}),
        line("Bí\u0000Mật"),
        b"\xef\xbb\xbf" + json.dumps(line("5")).encode(),
        b"[" * 10_000,
        json.dumps(line("7", applicant={"kind": "citizen", "full_name": "M" * 100_000})).encode(),
    ]
    result = await entered(door, book(*lines))
    assert (result["lines"], result["refused"]) == (7, 7)
    assert "Canary" not in json.dumps(result, ensure_ascii=False)
