"""Dòng thời gian và tiến độ: each event of routing, sla and notify is a step and a piece of progress."""

from typing import Any

from hub_events.event import Event, Fact
from hub_events.topics import topics_read_by
from services.intake.domain.progress import Progress
from services.intake.domain.timeline import step_of
from services.intake.handlers.ports import IntakeWork

EVENTS: tuple[type[Event], ...] = tuple(event for topic in topics_read_by("intake") for event in topic.events)
"""All of them: nothing that another service says about a dossier is left out of its timeline."""


def on_reported(fact: Fact[Any], uow: IntakeWork) -> None:
    """Adds the fact to the dossier's progress and timeline. Repeat, or in another order: the same end."""
    envelope = fact.envelope
    known = uow.progress.get(fact.dossier_id) or Progress(fact.dossier_id)
    progress = known.after(fact.data, envelope.occurred_at)
    if progress != known:
        uow.progress.put(fact.dossier_id, progress)
    uow.timeline.add(
        step_of(
            fact.data,
            dossier_id=fact.dossier_id,
            event_id=fact.id,
            occurred_at=envelope.occurred_at,
            recorded_at=envelope.recorded_at,
        )
    )
