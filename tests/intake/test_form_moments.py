"""Biểu mẫu: what happens between the draft and the commit of a form; a form is printed anew, never wrong, never 500."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.intake.clients.typst_printer import TypstPrinter
from tests.intake.conftest import FrontDoor
from tests.intake.test_forms import a_book, accepted, fetched, issue, issued, said_by

pytestmark = pytest.mark.stack

Meanwhile = Callable[[], Any]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meanwhile], list[str]]:
    """Lets something happen while the first form is printed; the kinds that were printed."""

    def during(meanwhile: Meanwhile) -> list[str]:
        kinds: list[str] = []
        loop, as_it_is = asyncio.get_running_loop(), TypstPrinter.print

        def print_(self: TypstPrinter, kind: str, *more: Any) -> bytes:
            kinds.append(kind)
            if len(kinds) == 1:
                asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(30)
            return as_it_is(self, kind, *more)

        monkeypatch.setattr(TypstPrinter, "print", print_)
        return kinds

    return during


async def test_a_withdrawal_recorded_while_form_05_is_printed_has_it_printed_anew(
    door: FrontDoor, printed: Callable[[Meanwhile], list[str]]
) -> None:
    dossier = (await accepted(door))["dossier_id"]
    kinds = printed(lambda: door.decided(dossier, "request-withdrawal"))
    given = {"reason": "Rút hồ sơ.", "requested_by": "Người nộp hồ sơ", "stopped_at": "2026-03-02T09:00:00+07:00"}
    response = await issue(door, dossier, "05", **given)
    assert response.status_code == 201, response.text
    assert kinds == ["05", "05"], "what the first was drafted from stands no more"


async def test_an_apology_is_not_issued_once_papers_are_waited_for_though_its_printing_had_begun(
    door: FrontDoor, printed: Callable[[Meanwhile], list[str]]
) -> None:
    dossier = (await accepted(door))["dossier_id"]
    kinds = printed(lambda: door.decided(dossier, "request-supplement", reason="Thiếu chữ ký"))
    response = await issue(door, dossier, "04", reason="Cần xác minh.", new_due_at="2026-03-16T17:00:00+07:00")
    assert (response.status_code, response.json()["slug"]) == (409, "form-not-possible")
    assert kinds == ["04"]
    assert "dossier.form_issued.v1" not in dict(await door.outbox(dossier))


async def test_books_that_are_asked_for_at_once_are_printed_once_each(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(door)
    kinds: list[str] = []
    as_it_is = TypstPrinter.print

    def print_(self: TypstPrinter, kind: str, *more: Any) -> bytes:
        kinds.append(kind)
        return as_it_is(self, kind, *more)

    monkeypatch.setattr(TypstPrinter, "print", print_)
    asked = [door.post("/v1/desks/H26.15.01/register", a_book()) for _ in range(3)]
    books = [answer.json()["number"] for answer in await asyncio.gather(*asked)]
    assert sorted(books) == ["1/STDHS", "2/STDHS", "3/STDHS"]
    assert kinds == ["07"] * 3, "none again because another took its number"


async def test_the_receipt_names_the_book_of_its_number(door: FrontDoor) -> None:
    door.set_time("2026-12-31T16:00:00+07:00")
    dossier = str((await accepted(door, acceptance=None))["dossier_id"])
    door.set_time("2027-01-04T08:00:00+07:00")
    await door.decided(dossier, "accept")
    _, text = await issued(door, dossier, "01")
    assert "Quyển số: 2027" in text
    assert "Số thứ tự: 270104-0001" in text


async def test_two_officers_on_either_side_of_new_year_issue_one_form_after_the_other(
    door: FrontDoor, printed: Callable[[Meanwhile], list[str]]
) -> None:
    door.set_time("2026-12-31T08:00:00+07:00")
    dossier = (await accepted(door))["dossier_id"]
    door.set_time("2026-12-31T23:59:30+07:00")
    others = []

    async def next_year() -> None:
        door.set_time("2027-01-01T00:00:00+07:00")
        others.append((await issue(door, dossier, "01")).json())

    printed(next_year)
    response = await issue(door, dossier, "01")
    assert response.status_code == 201, response.text
    form, (other,) = response.json(), others
    assert (other["number"], form["number"]) == ("1/TNHS", "2/TNHS"), "both of the new year"
    assert (other["replaces"], form["replaces"]) == (None, other["form_id"])
    assert "1/TNHS" in said_by(await fetched(door, form))
