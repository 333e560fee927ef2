"""Chủ đề và tên sự kiện: one table, one producer per topic, names that follow from each other."""

import re
from collections import Counter

import pytest

from hub_events.event import Event, ReferenceEvent
from hub_events.topics import (
    ABOUT_DOSSIERS,
    COMPACTED,
    EVENTS,
    TOPICS,
    Topic,
    destinations,
    topic_of,
    topics_of,
    topics_read_by,
)

SERVICES = {"intake", "routing", "notify", "sla"}
each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
each_event = pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.type)


@each_event
def test_class_and_type_carry_the_same_words_and_version(event: type[Event]) -> None:
    *words, version = re.findall(r"[A-Z][a-z]+|V[0-9]+", event.__name__)
    subject, *what = (word.lower() for word in words)
    assert event.type == f"{subject}.{'_'.join(what)}.{version.lower()}"
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*\.v[1-9][0-9]*", event.type)


@each_event
def test_an_event_begins_with_its_vietnamese_name(event: type[Event]) -> None:
    first = (event.__doc__ or "").splitlines()[0]
    assert re.match(r"[^\x00-\x7f]|[A-ZĐ]", first)
    assert re.search(r"[À-ỹĐđ]", first), "the first line of the docstring carries the Vietnamese term"


def test_every_event_is_on_one_topic() -> None:
    on_topics = Counter(event for topic in TOPICS for event in topic.events)
    assert set(on_topics.values()) == {1}
    assert len(EVENTS) == len(on_topics), "two classes share a type"
    assert set(on_topics) == {*_all_events()}, "an event class that no topic carries"


def _all_events(kind: type[Event] = Event) -> set[type[Event]]:
    below = kind.__subclasses__()
    if not below:
        return {kind} if kind.__module__.startswith("hub_events.") else set()
    return {event for one in below for event in _all_events(one)}


@each_topic
def test_a_topic_is_named_after_its_only_producer(topic: Topic) -> None:
    assert re.fullmatch(rf"{topic.producer}-[a-z]+-events", topic.name)
    assert topic in topics_of(topic.producer)
    assert [other.name for other in TOPICS].count(topic.name) == 1


@pytest.mark.parametrize("producer", sorted(SERVICES))
def test_a_producer_tells_of_dossiers_in_one_topic_and_each_type_has_its_place(producer: str) -> None:
    first, *others = topics_of(producer)
    assert topic_of(producer) is first
    assert not first.compacted
    assert all(topic.compacted for topic in others)
    assert destinations(producer) == {event.type: topic.name for topic in (first, *others) for event in topic.events}


def test_what_is_no_dossier_says_what_it_is_about() -> None:
    assert ABOUT_DOSSIERS | COMPACTED == EVENTS
    assert all(issubclass(event, ReferenceEvent) for event in COMPACTED.values())
    assert not any(issubclass(event, ReferenceEvent) for event in ABOUT_DOSSIERS.values())


@each_topic
def test_a_topic_has_readers_and_its_producer_is_none_of_them(topic: Topic) -> None:
    assert topic.readers
    assert set(topic.readers) | {topic.producer} <= SERVICES
    assert topic.producer not in topic.readers
    assert len(set(topic.readers)) == len(topic.readers)
    assert topic.retention_days >= 7


def test_topics_read_by_is_the_other_side_of_readers() -> None:
    for service in SERVICES:
        assert {topic.name for topic in topics_read_by(service)} == {
            topic.name for topic in TOPICS if service in topic.readers
        }
    assert topics_read_by("nobody") == ()
    with pytest.raises(KeyError):
        topic_of("nobody")
    with pytest.raises(KeyError):
        destinations("nobody")
