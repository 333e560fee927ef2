"""One own event: into the outbox for the others, and into the timeline."""

from uuid import UUID

from hub_events.event import Event
from hub_messaging.clock import real_now
from services.intake.domain.timeline import step_of
from services.intake.handlers.ports import IntakeWork


def announce(event: Event, uow: IntakeWork, *, dossier_id: UUID, event_id: UUID) -> None:
    """Publishes `event`, born at HTTP, and records it as a step."""
    uow.publish(event, dossier_id=dossier_id, id=event_id)
    step = step_of(event, dossier_id=dossier_id, event_id=event_id, occurred_at=uow.now, recorded_at=real_now())
    uow.timeline.add(step)
