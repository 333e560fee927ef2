"""Giờ gửi tin nhắn: nobody is woken; what waits goes out in the morning."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time
from uuid import uuid4

import pytest

from hub_messaging.clock import set_business_time
from hub_messaging.settings import load
from services.notify.bootstrap import build
from services.notify.domain.sending_hours import SendingHours
from services.notify.settings import Settings
from tests.hosted import retold, running
from tests.notify.conftest import Hub
from tests.notify.world import accepted, at
from tests.waiting import until

NEEDED = {
    "DATABASE_URL": "postgresql://notify@127.0.0.1/notify", "KAFKA_SERVERS": "127.0.0.1:9092", "HTTP_PORT": "8000",
    "PROBE_PORT": "8001", "JWKS_FILE": "/etc/jwks.json", "SEALING_KEYS_FILE": "/etc/keys.json",
    "SMS_URL": "https://sms.example", "SMS_TOKEN": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("opens", "closes", "local", "open_then"),
    [
        ("07:00", "21:00", "06:59:59", False),
        ("07:00", "21:00", "07:00:00", True),
        ("07:00", "21:00", "20:59:59", True),
        ("07:00", "21:00", "21:00:00", False),
        ("07:00", "00:00", "23:59:59", True),
        ("07:00", "00:00", "00:00:00", False),
        ("22:00", "05:00", "21:59:59", False),
        ("22:00", "05:00", "22:00:00", True),
        ("22:00", "05:00", "00:00:00", True),
        ("22:00", "05:00", "05:00:00", False),
    ],
)
def test_hours_begin_with_the_first_minute_and_end_before_the_last(
    opens: str, closes: str, local: str, open_then: bool
) -> None:
    hours = SendingHours(time.fromisoformat(opens), time.fromisoformat(closes))
    assert hours.open_at(time.fromisoformat(local)) is open_then


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SMS_FROM": "07:00"}, "NOTIFY: Value error, set SMS_FROM and SMS_UNTIL, or neither"),
        ({"SMS_UNTIL": "21:00"}, "NOTIFY: Value error, set SMS_FROM and SMS_UNTIL, or neither"),
        ({"SMS_FROM": "07:00", "SMS_UNTIL": "07:00"}, "NOTIFY: Value error, SMS_FROM and SMS_UNTIL must differ"),
        ({"SMS_FROM": "7", "SMS_UNTIL": "21:00"}, "NOTIFY_SMS_FROM: String should match pattern"),
        ({"SMS_FROM": "07:00", "SMS_UNTIL": "24:00"}, "NOTIFY_SMS_UNTIL: String should match pattern"),
    ],
)
def test_hours_that_are_none_stop_the_start_with_one_line(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**NEEDED, **given}.items():
        monkeypatch.setenv(f"NOTIFY_{name}", value)
    with pytest.raises(SystemExit):
        load(Settings)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"settings: {said}")


@pytest.fixture
async def nightly(idle_hub: Hub) -> AsyncIterator[Hub]:
    """Notify at nine in the evening, which sends from seven to nine."""
    file = idle_hub.settings.sealing_keys_file.with_name("clock.json")
    set_business_time(file, at("02/03 21:00"))
    settings = idle_hub.settings.model_copy(update={"sms_from": "07:00", "sms_until": "21:00", "clock_file": file})
    hub = replace(idle_hub, settings=settings, service=build(settings))
    async with running(hub, "lanes", "http"):
        yield hub


@pytest.mark.stack
async def test_a_message_of_the_night_waits_and_goes_out_in_the_morning(nightly: Hub) -> None:
    hub, dossier = nightly, uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))
    await asyncio.sleep(1)
    assert (await hub.states(dossier), await hub.effects(dossier)) == ({"accepted:1": "due"}, [])
    assert [one["due"] for one in (await hub.get("/v1/suppliers")).json()["items"]] == [1]

    set_business_time(hub.settings.clock_file, at("03/03 07:00"))
    await until(lambda: hub.settled(dossier, accepted="sent"))
