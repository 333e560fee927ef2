"""Chủ đề và tên sự kiện: one table, one producer per topic, names that follow from each other."""

import re
from collections import Counter

import pytest

from hub_events.event import Event
from hub_events.topics import EVENTS, TOPICS, Topic, topic_of, topics_read_by

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


def _all_events() -> set[type[Event]]:
    return {event for event in Event.__subclasses__() if event.__module__.startswith("hub_events.")}


@each_topic
def test_a_topic_is_named_after_its_only_producer(topic: Topic) -> None:
    assert re.fullmatch(rf"{topic.producer}-[a-z]+-events", topic.name)
    assert [other.name for other in TOPICS if other.producer == topic.producer] == [topic.name]
    assert topic_of(topic.producer) is topic


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
