"""Chữ ký của thông điệp: Standard Webhooks 1.0 (symmetric, `v1`), in both directions.

Signed is `<webhook-id>.<webhook-timestamp>.<body>` by HMAC-SHA256; secrets are `whsec_` + base64 of 24 to 64 bytes.
Several secrets may be good at once, so that they can be changed without a gap. Time is real time, never business time.
"""

import base64
import binascii
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
SIGNATURES_LOOKED_AT = 8

_ID = re.compile(r"[!-~]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")


class SignatureRefused(Exception):
    """The message isn't to be trusted; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ClocksDiffer(SignatureRefused):
    """The signature is good, but the message is more than 5 minutes off: its sender's clock is wrong, or ours."""


@lru_cache(maxsize=4096)
def secret_key(secret: str) -> bytes:
    """The key in a `whsec_…` secret. Raises ValueError, without the secret, when it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ followed by base64") from None
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a webhook secret is whsec_ followed by base64 of 24 to 64 bytes")
    return key


def sign(message_id: str, body: bytes, secret: str, now: float | None = None) -> dict[str, str]:
    """The three headers for `body`. Raises ValueError for an id or secret that no receiver would take."""
    if not _ID.fullmatch(message_id) or "." in message_id:
        raise ValueError("a webhook-id is 1 to 128 printable characters without a dot")
    timestamp = str(int(time.time() if now is None else now))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_signature(message_id, timestamp, body, secret)}",
    }


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float | None = None) -> str:
    """The webhook-id of a message signed with one of `secrets`, at most 5 minutes off.

    Raises SignatureRefused, and its kind ClocksDiffer when nothing but the time is wrong.
    `headers` must find names in lower case. Every secret is tried against every signature in constant time.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    offered = headers.get("webhook-signature", "").split(" ")[:SIGNATURES_LOOKED_AT]
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp) or offered == [""]:
        raise SignatureRefused("thiếu hoặc sai webhook-id, webhook-timestamp, webhook-signature")
    good = False
    for secret in secrets:
        expected = f"v1,{_signature(message_id, timestamp, body, secret)}".encode()
        for one in offered:
            good |= hmac.compare_digest(expected, one.encode("utf-8", "surrogateescape"))
    if not good:
        raise SignatureRefused("không khớp")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_SECONDS:
        raise ClocksDiffer(f"webhook-timestamp lệch quá {TOLERANCE_SECONDS} giây")
    return message_id


def _signature(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret_key(secret), signed, "sha256")).decode()
