"""Cổng tin nhắn: an SMS gateway that honours the key it is given."""

import hashlib
import re

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

LONGEST_TEXT = 670
"""Ten parts of 67 characters, which is what UCS-2 text takes."""

_REFERENCE = re.compile(
    r"^(?P<dossier>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r":(?P<duty>(accepted|supplement|refusal|completed|late|reappointed|stopped)(:\d{1,4})?)$"
)


class Message(BaseModel):
    """Tin nhắn: what notify sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    to: str = Field(pattern=r"^\+[1-9]\d{7,14}$")
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    sender: str = Field(min_length=1, max_length=11)
    reference: str = Field(pattern=_REFERENCE.pattern)

    def about(self) -> tuple[str, str]:
        """The dossier's id and the duty to inform."""
        parts = _REFERENCE.match(self.reference)
        assert parts is not None
        return parts["dossier"], parts["duty"]


MESSAGE = TypeAdapter(Message)


def recipient_hash(number: str, token: str) -> str:
    """A hash that nobody without the gateway's token can turn back into a number."""
    return hashlib.blake2b(number.encode(), key=token.encode()[:64], digest_size=8).hexdigest()
