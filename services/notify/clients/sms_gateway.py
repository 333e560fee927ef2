"""Cổng tin nhắn: one attempt to hand a message to the SMS supplier, and what its answer means."""

from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub_messaging import tracing
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.outcomes import Blocked, Outcome, Refused, Sent, TryAgain, classify
from hub_messaging.unknown import NotSent
from hub_messaging.work import WorkRow
from hub_web.client import CallFailed, Client
from services.notify.clients.contacts import Contacts


class Taken(BaseModel):
    """What the gateway answers when it has the message."""

    model_config = ConfigDict(hide_input_in_errors=True)

    message_id: str = Field(min_length=1, max_length=100)


class SmsGateway:
    """`POST {url}/messages`. The work row's id is the Idempotency-Key, so that no repeat makes a second message."""

    def __init__(self, client: Client, url: str, token: str, sender: str, contacts: Contacts) -> None:
        self._client = client
        self._url = f"{url.rstrip('/')}/messages"
        self._authorization = f"Bearer {token}"
        self._sender = sender
        self._contacts = contacts

    async def deliver(self, row: WorkRow) -> Outcome:
        """Opens the phone number just for this call and sends.

        A key that is not here blocks the lane; a seal that is not ours, or a contact without a usable phone, is final.
        """
        message = orjson.loads(row.body)
        try:
            phone = self._contacts.phone(row.dossier_id, message["sealed_contact"])
        except NotYet as missing:
            return Blocked(missing.reason)
        except CannotProcess as broken:
            return Refused(broken.reason)
        return await self._send(row, phone, message)

    async def ask(self, row: WorkRow) -> Sent | NotSent | None:
        """Whether the supplier has the message, asked by its key; None: it doesn't tell."""
        try:
            answer = await self._client.get(f"{self._url}/{row.id}", {"Authorization": self._authorization})
            if answer.status == HTTPStatus.OK:
                return Sent(Taken.model_validate_json(answer.content).message_id)
        except (CallFailed, ValidationError):
            return None
        return NotSent() if answer.status == HTTPStatus.NOT_FOUND else None

    async def _send(self, row: WorkRow, phone: str, message: dict[str, Any]) -> Outcome:
        body = {"to": phone, "text": message["text"], "sender": self._sender, "reference": message["reference"]}
        headers = {
            "Idempotency-Key": str(row.id),
            "Authorization": self._authorization,
            "Content-Type": "application/json",
            **tracing.headers(),
        }
        try:
            answer = await self._client.post(self._url, orjson.dumps(body), headers)
        except CallFailed as failed:
            return TryAgain(failed.reason)
        trouble_outcome = classify(answer.status, answer.headers.get("Retry-After"))
        if trouble_outcome is not None:
            return trouble_outcome
        try:
            return Sent(Taken.model_validate_json(answer.content).message_id)
        except ValidationError:
            # 2xx from something that is not the gateway says nothing about the message.
            return TryAgain("answer-unreadable")
