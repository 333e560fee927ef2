"""Giữ lý do: what an officer wrote stays, sealed, with the decision, for the official form about it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.intake.domain.desk.reasons import TypedReason
from services.intake.handlers.ports import IntakeWork


def keep_reason(
    decision: Literal["supplement", "refusal"],
    sealed_reason: str,
    uow: IntakeWork,
    *,
    dossier_id: UUID,
    event_id: UUID,
    at: datetime,
) -> None:
    """Keeps the reason as it was sealed for the event."""
    uow.reasons.add(TypedReason(dossier_id, event_id, decision, at, sealed_reason))
