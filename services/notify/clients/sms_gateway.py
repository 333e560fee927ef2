"""Cổng tin nhắn: one attempt to hand a message to the SMS supplier, and what its answer means."""

from typing import Any

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hub_events.values import Phone
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.lanes import Blocked, Outcome, Refused, Sent, TryAgain, classify
from hub_messaging.sealing import SealingKeys
from hub_messaging.work import WorkRow

_PHONE: TypeAdapter[Phone] = TypeAdapter(Phone)


class Taken(BaseModel):
    """What the gateway answers when it has the message."""

    model_config = ConfigDict(hide_input_in_errors=True)

    message_id: str = Field(min_length=1, max_length=100)


class SmsGateway:
    """`POST {url}/messages`. The work row's id is the Idempotency-Key, so that no repeat makes a second message."""

    def __init__(self, client: httpx.AsyncClient, url: str, token: str, sender: str, keys: SealingKeys) -> None:
        self._client = client
        self._url = f"{url.rstrip('/')}/messages"
        self._authorization = f"Bearer {token}"
        self._sender = sender
        self._keys = keys

    async def deliver(self, row: WorkRow) -> Outcome:
        """Opens the phone number just for this call and sends.

        A key that is not here blocks the lane; a seal that is not ours, or a contact without a usable phone, is final.
        """
        message = orjson.loads(row.body)
        try:
            contact = self._keys.open("contact", row.dossier_id, message["sealed_contact"])
        except NotYet as missing:
            return Blocked(missing.reason)
        except CannotProcess as broken:
            return Refused(broken.reason)
        if not isinstance(contact, dict) or not contact.get("phone"):
            return Refused("no-phone")
        try:
            phone = _PHONE.validate_python(contact["phone"])
        except ValidationError:
            return Refused("phone-invalid")
        return await self._send(row, phone, message)

    async def _send(self, row: WorkRow, phone: str, message: dict[str, Any]) -> Outcome:
        body = {"to": phone, "text": message["text"], "sender": self._sender, "reference": message["reference"]}
        headers = {
            "Idempotency-Key": str(row.id),
            "Authorization": self._authorization,
            "Content-Type": "application/json",
        }
        try:
            answer = await self._client.post(self._url, content=orjson.dumps(body), headers=headers)
        except httpx.TransportError as trouble:
            return TryAgain(type(trouble).__name__)
        trouble_outcome = classify(answer.status_code, answer.headers.get("Retry-After"))
        if trouble_outcome is not None:
            return trouble_outcome
        try:
            return Sent(Taken.model_validate_json(answer.content).message_id)
        except ValidationError:
            # 2xx from something that is not the gateway says nothing about the message; the key makes a repeat safe.
            return TryAgain("answer-unreadable")
