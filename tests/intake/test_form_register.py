"""Sổ theo dõi hồ sơ (mẫu 07): a desk's book for a period, through the front door."""

from datetime import date, datetime

import pytest

from hub_events.routing import DossierCompletedV1
from hub_worktime import span_in_vietnam
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence
from tests.intake.test_forms import BY, a_book, accepted, fetched, issued, person, said_by
from tests.intake.test_old_dossiers import book, entered, line
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack
MARCH = date(2026, 3, 1), date(2026, 3, 31)


async def test_the_register_holds_the_desk_s_dossiers_of_the_period(door: FrontDoor) -> None:
    for n in range(3):
        await accepted(door, applicant=person(f"Người Mẫu {n}"))
    await door.submitted(residence())  # not accepted: no number, no line
    await door.submitted(birth(desk_code="H26.15.02", acceptance=ACCEPTANCE, applicant=person("Nơi Khác")))
    door.set_time("2026-04-01T08:00:00+07:00")
    await accepted(door, applicant=person("Tháng Sau"))
    answer = await door.post("/v1/desks/H26.15.01/register", a_book())
    assert answer.status_code == 201, answer.text
    book = answer.json()
    assert (book["kind"], book["number"], book["lines"], book["next_after"]) == ("07", "1/STDHS", 3, None)
    text = said_by(await fetched(door, book))
    for n in range(3):
        assert f"Người Mẫu {n}" in text
        assert f"H26.15.01-260302-000{n + 1}" in text.replace("- ", "-")
    assert "Nơi Khác" not in text
    assert "Tháng Sau" not in text
    for part in ("SỔ THEO DÕI HỒ SƠ", "từ ngày 01/03/2026 đến ngày 31/03/2026", "0912345678", "17:00 11/03/2026"):
        assert part in text, part


async def test_a_long_register_comes_in_parts_without_a_line_lost(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.intake.api.forms import form_issuing

    monkeypatch.setattr(form_issuing, "MOST_LINES", 5)
    monkeypatch.setattr(form_issuing, "PAGE", 2)
    for _ in range(12):
        await accepted(door)
    parts, after = [], None
    for _ in range(4):
        part = (await door.post("/v1/desks/H26.15.01/register", a_book(after=after))).json()
        parts.append(part["lines"])
        text = said_by(await fetched(door, part))
        assert (after is None) == ("tiếp theo mã hồ sơ" not in text)
        after = part["next_after"]
        if after is None:
            break
    assert parts == [5, 5, 2]
    empty = (await door.post("/v1/desks/H26.15.02/register", a_book())).json()
    assert "Không có hồ sơ nào" in said_by(await fetched(door, empty))
    for body in (a_book(to="2026-02-28"), a_book(to="2028-03-01"), {**BY, "from": "x", "to": "y"}):
        assert (await door.post("/v1/desks/H26.15.01/register", body)).status_code == 422
    assert (await door.post("/v1/desks/H26.99.99/register", a_book())).json()["slug"] == "desk-unknown"


async def test_the_register_reads_by_the_official_number(door: FrontDoor) -> None:
    """However many dossiers there are: no walk through the table, or through all that the desk received by then."""
    from services.intake.domain.forms.register import codes_between
    from services.intake.store.forms.forms import _BOOK, _NUMBERS

    codes, days = codes_between("H26.15.01", *MARCH), span_in_vietnam(*MARCH)
    async with door.intake.spine.pool.acquire() as connection:
        numbers = await connection.fetch("EXPLAIN " + _NUMBERS, "H26.15.01", "", 1001, *codes, *days)
        entries = await connection.fetch("EXPLAIN " + _BOOK, ["H26.15.01-260301-0001"])
    for plan, indexes in ((numbers, ("dossier_code_key", "dossier_of_old_book")), (entries, ("dossier_code_key",))):
        written = "\n".join(row[0] for row in plan)
        assert all(index in written for index in indexes), written
        assert "Seq Scan on dossier" not in written, written
        assert "register_line" not in written, "all that the desk received in the period"


async def test_no_dossier_of_an_old_book_is_left_out_whatever_number_it_had(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.intake.api.forms import form_issuing

    monkeypatch.setattr(form_issuing, "MOST_LINES", 2)
    codes = ["H26.15.01-250305-0001", "H26.15.01-20250305-0725", "000.00.05.H26-250305-0725"]
    still_open = {"due_at": None, "finished_at": None, "result": None}
    lines = [
        line(code, code=code, received_at=f"2025-03-{day}", **still_open)
        for day, code in zip(("01", "05", "31"), codes, strict=True)
    ]
    neighbours = [
        line("1", received_at="2025-02-28", **still_open),
        line("1", received_at="2025-03-05", **still_open, desk_code="H26.15.02"),
        line("2", received_at="2025-04-01", **still_open),
    ]
    assert (await entered(door, book(*lines, *neighbours)))["entered"] == 6
    march = {"from": "2025-03-01", "to": "2025-03-31"}
    first = (await door.post("/v1/desks/H26.15.01/register", a_book(**march))).json()
    rest = (await door.post("/v1/desks/H26.15.01/register", a_book(**march, after=first["next_after"]))).json()
    assert [(part["lines"], part["next_after"] is None) for part in (first, rest)] == [(2, False), (1, True)]
    printed = "".join([said_by(await fetched(door, part)) for part in (first, rest)]).replace("- ", "-")
    assert all(code in printed for code in codes)


async def test_a_part_follows_a_number_of_the_same_desk_only(door: FrontDoor) -> None:
    await accepted(door)
    foreign = (await door.submitted(birth(desk_code="H26.15.02", acceptance=ACCEPTANCE)))["dossier_code"]
    for after in (foreign, "H26.15.01-260302-0009"):
        refused = await door.post("/v1/desks/H26.15.01/register", a_book(after=after))
        assert (refused.status_code, refused.json()["slug"]) == (422, "not-in-the-book")


async def test_the_book_and_the_slip_tell_how_the_result_was_returned(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    done_at = datetime.fromisoformat("2026-03-03T09:00:00+07:00")
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=done_at, result="approved")
    await told(door, record(routed(POLICE), dossier_id), record(done, dossier_id))
    door.set_time("2026-03-03T10:00:00+07:00")
    await door.decided(dossier_id, "return-result", collected_by="proxy")
    book = (await door.post("/v1/desks/H26.15.01/register", a_book())).json()
    assert "10:00 03/03/2026 người được ủy quyền nhận" in said_by(await fetched(door, book))
    _, slip = await issued(door, dossier_id, "06")
    assert "10:00 03/03/2026 Trả kết quả" in slip


async def test_the_book_says_the_earlier_of_what_desk_and_agency_called_the_result(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    door.set_time("2026-03-03T20:00:00+07:00")
    await door.decided(dossier_id, "result-ready", at="2026-03-03T16:50:00+07:00")
    done_at = datetime.fromisoformat("2026-03-03T19:00:00+07:00")
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=done_at, result="approved")
    await told(door, record(routed(POLICE), dossier_id), record(done, dossier_id))
    book = (await door.post("/v1/desks/H26.15.01/register", a_book())).json()
    text = said_by(await fetched(door, book))
    assert "16:50 03/03/2026" in text
    assert "19:00" not in text


async def test_what_was_returned_by_an_old_book_is_returned_in_the_book(door: FrontDoor) -> None:
    await entered(door, book(line(returned_at="2025-02-13T15:20:00+07:00"), line("13/2025")))
    february = {"from": "2025-02-01", "to": "2025-02-28"}
    part = (await door.post("/v1/desks/H26.15.01/register", a_book(**february))).json()
    assert part["lines"] == 2
    assert said_by(await fetched(door, part)).count("15:20 13/02/2025") == 1
