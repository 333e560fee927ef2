"""Dòng sổ: what the ledger holds, an effect at a party or a message of an agency."""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["handover", "supplement", "cancellation", "correction", "sms"]


@dataclass(slots=True)
class Effect:
    """`duty`: the leg (hand-over, cancellation), leg and number (supplement, correction) or duty to inform (SMS).

    `first_at`: epoch, real.
    """

    number: int
    kind: Kind
    party: str
    key: str
    dossier_id: str
    duty: str
    first_at: float
    body_hash: str
    answer: str
    """The foreign number, outcome or message id that was answered, and is answered again."""
    duplicate: bool
    repeats: int = 0
    recipient: str | None = None
    """A keyed hash of the telephone number (SMS): equal numbers, equal hashes."""


@dataclass(slots=True)
class Callback:
    """One message of an agency, from when it is planned until it is taken, refused or given up."""

    id: str
    plan: str
    party: str
    url: str
    dossier_id: str
    type: str
    members: dict[str, Any]
    """The body without `at`, which is set when it is first sent."""
    due_at: float | None
    """Epoch, real; None: on command."""
    said_as: str | None = None
    """The webhook-id, when it is not `id` but that of another message."""
    traceparent: str | None = None
    """Of the hand-over: an agency that takes part in tracing hands it back."""
    times: int = 1
    at: str | None = None
    attempts: int = 0
    taken: int = 0
    outcome: Literal["waiting", "taken", "refused", "given_up"] = "waiting"
    status: int | None = None
