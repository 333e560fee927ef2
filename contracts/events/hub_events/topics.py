"""Chủ đề Kafka: the one table of topics: who speaks, who reads, what is said, how long it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from hub_events.event import Event
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierFeePaidV1,
    DossierFinishedOnTheSpotV1,
    DossierFormIssuedV1,
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
from hub_events.reference import (
    AgencyPublishedV1,
    DeskPublishedV1,
    OfficerPublishedV1,
    ProcedurePublishedV1,
    ProcedureWithdrawnV1,
    UnitPublishedV1,
)
from hub_events.routing import (
    DossierAcknowledgedV1,
    DossierCompletedV1,
    DossierCorrectionHandedOverV1,
    DossierHandedOverV1,
    DossierHandOverRefusedV1,
    DossierLegCompletedV1,
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
    """One topic. One producer; types that belong together share it, so that their order holds.

    Key: the dossier id; where it is `compacted`: kind/code@version, and the last record of each key is kept for good.
    """

    name: str
    producer: str
    readers: tuple[str, ...]
    events: tuple[type[Event], ...]
    retention_days: int = 14
    compacted: bool = False


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
        DossierFormIssuedV1,
    ),
)
REFERENCE = Topic(
    name="intake-reference-events",
    producer="intake",
    readers=("routing",),
    events=(
        ProcedurePublishedV1,
        ProcedureWithdrawnV1,
        DeskPublishedV1,
        UnitPublishedV1,
        OfficerPublishedV1,
        AgencyPublishedV1,
    ),
    compacted=True,
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
        DossierLegCompletedV1,
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

TOPICS: tuple[Topic, ...] = (INTAKE, REFERENCE, ROUTING, SLA, NOTIFY)


def topics_read_by(service: str) -> tuple[Topic, ...]:
    """The topics that `service` reads."""
    return tuple(topic for topic in TOPICS if service in topic.readers)


def topics_of(producer: str) -> tuple[Topic, ...]:
    """The topics that `producer` writes, that about dossiers first. Raises KeyError for a service that writes none."""
    found = tuple(topic for topic in TOPICS if topic.producer == producer)
    if not found:
        raise KeyError(producer)
    return found


def topic_of(producer: str) -> Topic:
    """The topic in which `producer` tells of dossiers. Raises KeyError for a service that writes none."""
    return topics_of(producer)[0]


def destinations(producer: str) -> Mapping[str, str]:
    """Which topic each type of event goes to. Raises KeyError for a service that writes none."""
    return {event.type: topic.name for topic in topics_of(producer) for event in topic.events}


EVENTS: dict[str, type[Event]] = {event.type: event for topic in TOPICS for event in topic.events}
"""Every published event by its type."""
ABOUT_DOSSIERS = {event.type: event for topic in TOPICS if not topic.compacted for event in topic.events}
COMPACTED = {event.type: event for topic in TOPICS if topic.compacted for event in topic.events}
