"""Cổng tin nhắn: what is asked of the supplier, and what its answers mean."""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from hub_messaging.outcomes import Blocked, Outcome, Refused, Sent, TryAgain
from hub_messaging.sealing import SealingKeys
from hub_messaging.work import WorkRow
from hub_web.client import Answer, CallFailed, Client
from services.notify.clients.contacts import Contacts
from services.notify.clients.sms_gateway import SmsGateway
from tests.hosted import new_key
from tests.notify.world import DOSSIER, NOW

WORK_ID = UUID("01900000-0000-7000-8000-0000000000aa")


class Gateway(Client):
    """A gateway that gives one answer."""

    def __init__(self, answer: Answer | CallFailed) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[tuple[str, bytes, Mapping[str, str]]] = []

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        self.asked.append((url, content, headers))
        if isinstance(self._answer, CallFailed):
            raise self._answer
        return self._answer


async def attempt(folder: Path, gateway: Gateway) -> Outcome:
    """One attempt at this gateway."""
    file = folder / "sealing.json"
    file.write_text(json.dumps({"contact": [new_key("contact-1")]}))
    sealed = SealingKeys.read(file).seal("contact", DOSSIER, {"phone": "0912 345 678"})
    body = json.dumps({"sealed_contact": sealed, "text": "Ho so", "reference": f"{DOSSIER}:accepted"}).encode()
    row = WorkRow(WORK_ID, "sms:gateway", DOSSIER, "accepted:1", NOW, NOW, 0, 0, body)
    return await SmsGateway(gateway, "http://sms/", "secret", "MOTCUA", Contacts(file)).deliver(row)


async def test_the_message_is_asked_for_under_the_work_rows_id(tmp_path: Path) -> None:
    gateway = Gateway(Answer(200, {}, b'{"message_id": "m-1"}'))
    assert await attempt(tmp_path, gateway) == Sent("m-1")

    ((url, content, headers),) = gateway.asked
    assert url == "http://sms/messages"
    assert headers["Idempotency-Key"] == str(WORK_ID)
    assert headers["Authorization"] == "Bearer secret"
    assert json.loads(content) == {
        "to": "+84912345678",
        "text": "Ho so",
        "sender": "MOTCUA",
        "reference": f"{DOSSIER}:accepted",
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(503, {"Retry-After": "7"}, b""), TryAgain("http-503", 7.0)),
        (Answer(429, {}, b""), TryAgain("http-429", 0.0)),
        (Answer(422, {}, b""), Refused("http-422")),
        (Answer(401, {}, b""), Blocked("http-401")),
        (CallFailed("timeout"), TryAgain("timeout")),
        (CallFailed("no-connection"), TryAgain("no-connection")),
        (Answer(200, {}, b"<html>welcome</html>"), TryAgain("answer-unreadable")),
        (Answer(200, {}, b'{"message_id": ""}'), TryAgain("answer-unreadable")),
    ],
)
async def test_only_an_answer_of_the_gateway_itself_counts_as_sent(
    tmp_path: Path, answer: Answer | CallFailed, outcome: Outcome
) -> None:
    assert await attempt(tmp_path, Gateway(answer)) == outcome
