"""Cổng tin nhắn: what is asked of the supplier, and what its answers mean."""

import json
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from hub_messaging.lanes import Blocked, Outcome, Refused, Sent, TryAgain
from hub_messaging.sealing import SealingKeys
from hub_messaging.work import WorkRow
from services.notify.clients.contacts import Contacts
from services.notify.clients.sms_gateway import SmsGateway
from tests.hosted import new_key
from tests.notify.world import DOSSIER, NOW

WORK_ID = UUID("01900000-0000-7000-8000-0000000000aa")


async def attempt(folder: Path, answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Outcome:
    """One attempt at a gateway that gives this answer."""
    file = folder / "sealing.json"
    file.write_text(json.dumps({"contact": [new_key("contact-1")]}))
    sealed = SealingKeys.read(file).seal("contact", DOSSIER, {"phone": "0912 345 678"})
    body = json.dumps({"sealed_contact": sealed, "text": "Ho so", "reference": f"{DOSSIER}:accepted"}).encode()
    row = WorkRow(WORK_ID, "sms:gateway", DOSSIER, "accepted:1", NOW, NOW, 0, 0, body)

    def respond(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        return await SmsGateway(client, "http://sms/", "secret", "MOTCUA", Contacts(file)).deliver(row)


async def test_the_message_is_asked_for_under_the_work_rows_id(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []
    assert await attempt(tmp_path, httpx.Response(200, json={"message_id": "m-1"}), seen) == Sent("m-1")

    (request,) = seen
    assert str(request.url) == "http://sms/messages"
    assert request.headers["idempotency-key"] == str(WORK_ID)
    assert request.headers["authorization"] == "Bearer secret"
    assert json.loads(request.content) == {
        "to": "+84912345678",
        "text": "Ho so",
        "sender": "MOTCUA",
        "reference": f"{DOSSIER}:accepted",
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(503, headers={"Retry-After": "7"}), TryAgain("http-503", 7.0)),
        (httpx.Response(429), TryAgain("http-429", 0.0)),
        (httpx.Response(422), Refused("http-422")),
        (httpx.Response(401), Blocked("http-401")),
        (httpx.ReadTimeout("no answer in time"), TryAgain("ReadTimeout")),
        (httpx.ConnectError("no connection"), TryAgain("ConnectError")),
        (httpx.Response(200, text="<html>welcome</html>"), TryAgain("answer-unreadable")),
        (httpx.Response(200, json={"message_id": ""}), TryAgain("answer-unreadable")),
    ],
)
async def test_only_an_answer_of_the_gateway_itself_counts_as_sent(
    tmp_path: Path, answer: httpx.Response | Exception, outcome: Outcome
) -> None:
    assert await attempt(tmp_path, answer) == outcome
