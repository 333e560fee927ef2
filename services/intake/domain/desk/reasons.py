"""Lý do đã ghi: what an officer wrote when deciding, kept sealed for the form that tells the applicant."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID


class TypedReason(NamedTuple):
    """The reason of one decision; `event_id` is the event's that told of it."""

    dossier_id: UUID
    event_id: UUID
    decision: Literal["supplement", "refusal"]
    at: datetime
    sealed_reason: str
