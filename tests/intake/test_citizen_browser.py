"""Trang tra cứu in a real browser, without scripts: from the QR's address to the dossier, on a phone and a laptop.

`PICTURES=docs/pictures pytest tests/intake/test_citizen_browser.py` makes the documents' pictures anew.
"""

import io
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pypdf import PdfReader

from hub_events.notify import MessageSentV1
from hub_events.routing import DossierCompletedV1, DossierHandedOverV1, DossierStepRecordedV1
from tests.intake.browser import CHROMIUM, LAPTOP, PHONE, WHY_NOT, Browser, browser
from tests.intake.citizen import CODE, PHONE_DIGITS
from tests.intake.conftest import ACCEPTANCE, MONDAY_MORNING, FrontDoor, residence
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told

pytestmark = [pytest.mark.stack, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]

PICTURES = os.environ.get("PICTURES")
SHOWN = {"form-phone", "in-progress-laptop", "supplement-phone", "late-phone"}
"""The pictures in docs/citizen-page.md."""
LARGEST_PICTURE = 150_000


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(str(tmp_path / "profile")) as one:
        yield one


async def taken(tab: Browser, name: str) -> None:
    """Looks at the page in both sizes: nothing sticks out, everything is large enough for a finger."""
    for size in (LAPTOP, PHONE):
        await tab.sized(*size)
        assert await tab.value("document.documentElement.scrollWidth") == size[0], f"{name}: sticks out at {size[0]} px"
        outside = await tab.value(
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5"
            " && !e.closest('.skip, .hidden')).length"
        )
        assert outside == 0, name
    low = await tab.value(
        "[...document.querySelectorAll('input, button')].filter(e => e.getBoundingClientRect().height < 44).length"
    )
    assert low == 0, name
    assert await tab.value("parseFloat(getComputedStyle(document.body).fontSize)") >= 18
    for size, kind, longest in ((PHONE, "phone", 1500), (LAPTOP, "laptop", 900)):
        if PICTURES and f"{name}-{kind}" in SHOWN:
            await tab.sized(*size)
            png = await tab.picture(longest)
            assert len(png) <= LARGEST_PICTURE, f"{name}-{kind}: {len(png)} bytes"
            (Path(PICTURES) / f"{name}-{kind}.png").write_bytes(png)


async def looked_up(tab: Browser, door: FrontDoor, digits: str = PHONE_DIGITS) -> None:
    await tab.goes_to(f"{door.url}/tra-cuu/{CODE}")
    await tab.types("#digits", digits)
    await tab.presses("button")


async def test_from_the_qr_to_the_dossier(door: FrontDoor, tab: Browser) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    handed_over = DossierHandedOverV1(
        leg="lead", agency=POLICE, handed_over_at=MONDAY_MORNING + timedelta(minutes=1), attempts=1
    )
    sent = MessageSentV1(
        duty="accepted", channel="sms", supplier="sms", sent_at=MONDAY_MORNING + timedelta(minutes=2), attempts=1
    )
    step = DossierStepRecordedV1(
        leg="lead", agency=POLICE, step="check", step_name="Xác minh nơi ở",
        recorded_at=MONDAY_MORNING + timedelta(days=1, hours=2),
    )  # fmt: skip
    await told(door, *(record(event, id) for event in (routed(POLICE), handed_over, sent, step)))
    door.set_time("2026-03-04T09:12:00+07:00")

    await tab.goes_to(f"{door.url}/tra-cuu/{CODE}")
    assert await tab.value("document.querySelector('#code').value") == CODE
    await taken(tab, "form")
    await tab.types("#digits", "0000")
    await tab.presses("button")
    assert "không khớp" in await tab.value("document.querySelector('.errors').innerText")
    assert await tab.value("document.querySelector('#digits').value") == ""
    await taken(tab, "form-wrong")
    await tab.types("#digits", PHONE_DIGITS)
    await tab.presses("button")
    assert await tab.value("document.querySelector('h1').innerText") == "Hồ sơ đang được giải quyết"
    assert await tab.value("location.pathname + location.search") == "/tra-cuu"
    assert await tab.value("document.cookie + Object.keys(localStorage)") == ""
    assert await tab.value("getComputedStyle(document.querySelector('.state')).borderLeftStyle") == "solid", "styled"
    assert len(PdfReader(io.BytesIO(await tab.printed())).pages) == 1
    await taken(tab, "in-progress")


async def test_what_is_asked_for_and_what_is_late(door: FrontDoor, tab: Browser) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    handed_over = DossierHandedOverV1(
        leg="lead", agency=POLICE, handed_over_at=MONDAY_MORNING + timedelta(minutes=1), attempts=1
    )
    await told(door, record(routed(POLICE), id), record(handed_over, id))
    door.set_time("2026-03-13T10:05:00+07:00")
    await looked_up(tab, door)
    assert "Đã quá ngày hẹn 2 ngày làm việc" in await tab.value("document.body.innerText")
    await taken(tab, "late")

    await door.decided(id, "request-supplement", components=["cho-o"], reason="giấy tờ mờ")
    await looked_up(tab, door)
    await taken(tab, "supplement")

    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=MONDAY_MORNING, result="approved")
    await told(door, record(done, id))
    await looked_up(tab, door)
    await taken(tab, "result")


async def test_names_without_a_space_and_a_long_history_stay_inside(door: FrontDoor, tab: Browser) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    agency = POLICE.model_copy(update={"name": "Ủyban" * 150})
    step = DossierStepRecordedV1(
        leg="lead", agency=agency, step="x", step_name="ﷺ" + "W" * 900, recorded_at=MONDAY_MORNING
    )
    await told(door, record(routed(agency), id), record(step, id))
    await looked_up(tab, door)
    for size in (PHONE, LAPTOP):
        await tab.sized(*size)
        assert await tab.value("document.documentElement.scrollWidth") == size[0]
