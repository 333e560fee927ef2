"""Chủ đề Kafka: the one table of topics: who speaks, who reads, what is said, how long it is kept."""

from dataclasses import dataclass

from hub_events.event import Event
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierFeePaidV1,
    DossierFinishedOnTheSpotV1,
    DossierRefusedV1,
    DossierResultReturnedV1,
    DossierStoppedV1,
    DossierSubmittedV1,
    DossierSupplementReceivedV1,
    DossierSupplementRequestedV1,
    DossierWithdrawalRequestedV1,
)
from hub_events.notify import (
    CitizenUnreachedV1,
    CitizenUnreachedV2,
    MessageFailedV1,
    MessageFailedV2,
    MessageSentV1,
    MessageSentV2,
)
from hub_events.routing import (
    DossierAcknowledgedV1,
    DossierCompletedV1,
    DossierCorrectionHandedOverV1,
    DossierHandedOverV1,
    DossierHandOverRefusedV1,
    DossierRecalledV1,
    DossierRecallRefusedV1,
    DossierRoutedV1,
    DossierRoutingFailedV1,
    DossierStepRecordedV1,
    DossierSupplementAskedV1,
)
from hub_events.sla import (
    DeadlineClockPausedV1,
    DeadlineClockRestartedV1,
    DeadlineClockStartedV1,
    DeadlineClockStoppedV1,
    DeadlineMissedV1,
    DeadlineWarningRaisedV1,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. Key: the dossier id. One producer; types that belong together share it, so that their order holds."""

    name: str
    producer: str
    readers: tuple[str, ...]
    events: tuple[type[Event], ...]
    retention_days: int = 14


INTAKE = Topic(
    name="intake-dossier-events",
    producer="intake",
    readers=("routing", "notify", "sla"),
    events=(
        DossierSubmittedV1,
        DossierAcceptedV1,
        DossierSupplementRequestedV1,
        DossierSupplementReceivedV1,
        DossierRefusedV1,
        DossierWithdrawalRequestedV1,
        DossierStoppedV1,
        DossierDeskStepRecordedV1,
        DossierFeePaidV1,
        DossierResultReturnedV1,
        DossierFinishedOnTheSpotV1,
        DossierCorrectedV1,
    ),
)
ROUTING = Topic(
    name="routing-dossier-events",
    producer="routing",
    readers=("intake", "notify", "sla"),
    events=(
        DossierRoutedV1,
        DossierRoutingFailedV1,
        DossierHandedOverV1,
        DossierHandOverRefusedV1,
        DossierAcknowledgedV1,
        DossierStepRecordedV1,
        DossierSupplementAskedV1,
        DossierCompletedV1,
        DossierRecalledV1,
        DossierRecallRefusedV1,
        DossierCorrectionHandedOverV1,
    ),
)
SLA = Topic(
    name="sla-deadline-events",
    producer="sla",
    readers=("intake", "notify"),
    events=(
        DeadlineClockStartedV1,
        DeadlineClockPausedV1,
        DeadlineClockRestartedV1,
        DeadlineClockStoppedV1,
        DeadlineWarningRaisedV1,
        DeadlineMissedV1,
    ),
)
NOTIFY = Topic(
    name="notify-delivery-events",
    producer="notify",
    readers=("intake",),
    events=(MessageSentV1, MessageFailedV1, CitizenUnreachedV1, MessageSentV2, MessageFailedV2, CitizenUnreachedV2),
)

TOPICS: tuple[Topic, ...] = (INTAKE, ROUTING, SLA, NOTIFY)


def topics_read_by(service: str) -> tuple[Topic, ...]:
    """The topics that `service` reads."""
    return tuple(topic for topic in TOPICS if service in topic.readers)


def topic_of(producer: str) -> Topic:
    """The topic that `producer` writes. Raises KeyError for a service that writes none."""
    for topic in TOPICS:
        if topic.producer == producer:
            return topic
    raise KeyError(producer)


EVENTS: dict[str, type[Event]] = {event.type: event for topic in TOPICS for event in topic.events}
"""Every published event by its type."""
