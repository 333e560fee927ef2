"""Tương thích: every way to break a published event or topic is found and named; whatever only adds is let through."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hub_events.asyncapi import asyncapi_document
from hub_events.compatibility import Flow, shape_breaks
from hub_events.promises import event_breaks, topic_breaks
from hub_events.schemas import schema_of
from hub_events.topics import EVENTS

Json = dict[str, Any]
Edit = Callable[[Json], Any]
PUBLISHED: dict[str, Json] = {event.type: json.loads(schema_of(event)) for event in EVENTS.values()}
ACCEPTED = "dossier.accepted.v1"
HEARD = Flow(heard="they are refused", said=None, instead="keep it")
SAID = Flow(heard=None, said="they can't read it", instead="keep it")


def edited(document: Json, edit: Edit) -> Json:
    changed = copy.deepcopy(document)
    edit(changed)
    return changed


def fields(schema: Json) -> Json:
    properties: Json = schema["properties"]
    return properties


def part(schema: Json, name: str) -> Json:
    found: Json = schema["$defs"][name]
    return found


BROKEN: dict[str, tuple[Edit, str]] = {
    "a field is removed": (
        lambda s: fields(s).pop("case"),
        "dossier.accepted.v1: case: the field is gone, so our services can't read as before what is in Kafka already;"
        " publish dossier.accepted.v2 beside dossier.accepted.v1.",
    ),
    "a field deep inside is removed": (lambda s: fields(part(s, "StatedTerm")).pop("unit"), "promise.term.unit"),
    "a required field is removed": (
        lambda s: (fields(s).pop("territory"), s["required"].remove("territory")),
        "territory: the field is gone",
    ),
    "a field is renamed": (
        lambda s: fields(s).update(which_case=fields(s).pop("case")),
        "case: the field is gone",
    ),
    "a field has another type": (
        lambda s: fields(part(s, "ProcedureRef"))["version"].update(type="string"),
        "procedure.version: the type was integer and is string",
    ),
    "a field is narrowed to integers": (
        lambda s: fields(part(s, "StatedTerm"))["amount"].update(anyOf=[{"type": "integer"}, {"type": "null"}]),
        "promise.term.amount: the type was string or null and is integer or null",
    ),
    "a required field is new": (
        lambda s: (fields(s).update(urgency={"type": "string"}), s["required"].append("urgency")),
        "urgency: the field is new and required, so our services can't read as before what is in Kafka already;"
        " add it as optional.",
    ),
    "an optional field becomes required": (
        lambda s: s["required"].append("case"),
        "case: the field was optional and is required",
    ),
    "a required field becomes optional": (
        lambda s: s["required"].remove("accepted_by"),
        "accepted_by: the field was required and is optional, so readers that know the published shape can't read what"
        " we write; keep it required.",
    ),
    "a value of a list is removed": (
        lambda s: fields(s)["channel"]["enum"].remove("post"),
        "channel: the value 'post' is gone",
    ),
    "a value of a list is new": (
        lambda s: fields(s)["contact_channels"]["items"]["enum"].append("zalo"),
        "contact_channels[]: the value 'zalo' is new, so readers that know the published shape can't read",
    ),
    "any text becomes one of a list": (
        lambda s: part(s, "Promise")["properties"]["rule"]["anyOf"][0].update(enum=["general@2026.1"]),
        "promise.rule: only 'general@2026.1' is taken now",
    ),
    "one of a list becomes any text": (lambda s: fields(s)["channel"].pop("enum"), "channel: it was one of"),
    "a pattern is another": (
        lambda s: fields(s)["territory"].update(pattern="^[0-9]{5}$"),
        "territory: `pattern` was",
    ),
    "a pattern is dropped": (lambda s: fields(s)["territory"].pop("pattern"), "and is not said"),
    "a limit is tightened": (
        lambda s: fields(part(s, "ComponentRef"))["copies"].update(maximum=10),
        "components[].copies: `maximum` was 1000 and is 10, so our services can't read",
    ),
    "a limit is loosened": (
        lambda s: fields(part(s, "ComponentRef"))["copies"].update(maximum=9999),
        "components[].copies: `maximum` was 1000 and is 9999, so readers that know",
    ),
    "a list may be empty": (lambda s: fields(s)["legs"].pop("minItems"), "legs: `minItems` was 1 and is not said"),
    "a moment becomes a date": (
        lambda s: fields(s)["received_at"].update(format="date"),
        "received_at: `format` was 'date-time' and is 'date'",
    ),
    "nothing may be said any more": (
        lambda s: fields(s)["case"].update(anyOf=fields(s)["case"]["anyOf"][:1]),
        "case: the type was string or null and is string",
    ),
    "nothing may be said now": (
        lambda s: fields(s).update(channel={"anyOf": [fields(s)["channel"], {"type": "null"}]}),
        "channel: the type was string and is string or null",
    ),
    "what is absent means something else": (
        lambda s: fields(part(s, "LegPlan"))["order"].update(default=2),
        "legs[].order: absent meant 1 and means 2",
    ),
    "unknown fields are refused": (
        lambda s: s.update(additionalProperties=False),
        "unknown fields were ignored and are refused",
    ),
    "something that has no rule here": (
        lambda s: s.update(dependentRequired={"case": ["territory"]}),
        "`dependentRequired` changed",
    ),
}
ADDED: dict[str, Edit] = {
    "an optional field": lambda s: fields(s).update(urgency={"type": "string", "default": "usual"}),
    "an optional field deep inside": lambda s: fields(part(s, "StatedTerm")).update(law={"type": "string"}),
    "an optional part": lambda s: (
        fields(s).update(payer={"anyOf": [{"$ref": "#/$defs/Payer"}, {"type": "null"}], "default": None}),
        s["$defs"].update(Payer={"type": "object", "properties": {"kind": {"enum": ["a"]}}, "required": ["kind"]}),
    ),
    "a description": lambda s: fields(s)["case"].update(description="which case", title="Trường hợp"),
    "another order": lambda s: (s["required"].reverse(), fields(s)["channel"]["enum"].reverse()),
    "another name of a part": lambda s: (
        s["$defs"].update(Desk=s["$defs"].pop("DeskRef")),
        fields(s).update(desk={"$ref": "#/$defs/Desk"}),
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_change_that_breaks_an_event_says_what_for_whom_and_what_instead(kind: str) -> None:
    edit, sentence = BROKEN[kind]
    (found,) = event_breaks(PUBLISHED, {**PUBLISHED, ACCEPTED: edited(PUBLISHED[ACCEPTED], edit)})[:1]
    assert sentence in str(found)
    assert str(found).startswith(ACCEPTED)
    assert ", so " in str(found)
    assert "; " in str(found)


@pytest.mark.parametrize("kind", ADDED)
def test_a_change_that_only_adds_to_an_event_passes(kind: str) -> None:
    assert event_breaks(PUBLISHED, {**PUBLISHED, ACCEPTED: edited(PUBLISHED[ACCEPTED], ADDED[kind])}) == []


def test_an_event_that_is_gone_breaks_and_a_new_one_does_not() -> None:
    more = {**PUBLISHED, "dossier.accepted.v2": {"type": "object"}}
    assert event_breaks(PUBLISHED, more) == []
    (found,) = event_breaks(more, PUBLISHED)
    assert str(found).startswith("dossier.accepted.v2: the event is gone, so its records in Kafka can't be read")


TOPICS: Json = asyncapi_document()
INTAKE = "intake-dossier-events"


def channel(document: Json) -> Json:
    found: Json = document["channels"][INTAKE]
    return found


def message(document: Json) -> Json:
    found: Json = document["components"]["messages"][ACCEPTED]
    return found


BROKEN_TOPICS: dict[str, tuple[Edit, str]] = {
    "a topic is removed": (lambda d: d["channels"].pop(INTAKE), "the topic is gone or renamed"),
    "a topic is renamed": (lambda d: channel(d).update(address="dossiers"), "the topic is gone or renamed"),
    "an event moves away": (
        lambda d: channel(d)["messages"].pop(ACCEPTED),
        f"{INTAKE}: {ACCEPTED} is no longer said here",
    ),
    "the key is another": (
        lambda d: message(d)["bindings"]["kafka"].update(key={"type": "string"}),
        f"{INTAKE}: {ACCEPTED}: the key changed, so events of one dossier may overtake each other",
    ),
    "the key is dropped": (lambda d: message(d).pop("bindings"), "the key changed"),
    "the number of partitions is another": (
        lambda d: channel(d)["bindings"]["kafka"].update(partitions=12),
        f"{INTAKE}: the number of partitions changed",
    ),
    "records are kept less long": (
        lambda d: channel(d)["bindings"]["kafka"]["topicConfiguration"].update({"retention.ms": 86_400_000}),
        "records are kept 86400000 ms instead of 1209600000",
    ),
    "records are kept by another rule": (
        lambda d: channel(d)["bindings"]["kafka"]["topicConfiguration"].update({"cleanup.policy": ["compact"]}),
        f"{INTAKE}: records are kept by another rule, so its readers rely on what is kept of it",
    ),
    "another service speaks": (
        lambda d: (
            d["operations"].update({f"sla.send.{INTAKE}": d["operations"].pop(f"intake.send.{INTAKE}")}),
            d["operations"][f"sla.send.{INTAKE}"].update(tags=[{"name": "sla"}]),
        ),
        f"{INTAKE}: intake no longer says it",
    ),
    "a header is dropped": (
        lambda d: d["components"]["schemas"]["EventHeaders"]["properties"].pop("traceparent"),
        "traceparent: the field is gone",
    ),
    "a header may be absent": (
        lambda d: d["components"]["schemas"]["EventHeaders"]["required"].remove("ce_id"),
        "ce_id: the field was required and is optional",
    ),
    "an event has the type of another": (
        lambda d: message(d)["headers"]["allOf"][1]["properties"]["ce_type"].update(const="dossier.taken.v1"),
        f"ce_type: the value '{ACCEPTED}' is gone",
    ),
}
ADDED_TO_TOPICS: dict[str, Edit] = {
    "a topic": lambda d: d["channels"].update(reference={**channel(d), "address": "reference"}),
    "an event": lambda d: (
        channel(d)["messages"].update({"dossier.moved.v1": {}}),
        d["components"]["messages"].update({"dossier.moved.v1": message(d)}),
    ),
    "a reader": lambda d: d["operations"].update(
        {f"new.receive.{INTAKE}": {**d["operations"][f"sla.receive.{INTAKE}"], "tags": [{"name": "new"}]}}
    ),
    "a reader that stops reading": lambda d: d["operations"].pop(f"notify.receive.{INTAKE}"),
    "a longer time": lambda d: channel(d)["bindings"]["kafka"]["topicConfiguration"].update({"retention.ms": 10**10}),
    "for ever": lambda d: channel(d)["bindings"]["kafka"]["topicConfiguration"].update({"retention.ms": -1}),
    "an optional header": lambda d: d["components"]["schemas"]["EventHeaders"]["properties"].update(
        ce_site={"type": "string"}
    ),
    "words": lambda d: (channel(d).update(description="…"), d["info"].update(version="9")),
}


@pytest.mark.parametrize("kind", BROKEN_TOPICS)
def test_a_change_that_breaks_a_topic_is_found(kind: str) -> None:
    edit, sentence = BROKEN_TOPICS[kind]
    assert any(sentence in str(found) for found in topic_breaks(TOPICS, edited(TOPICS, edit)))


@pytest.mark.parametrize("kind", ADDED_TO_TOPICS)
def test_a_change_that_only_adds_to_topics_passes(kind: str) -> None:
    assert topic_breaks(TOPICS, edited(TOPICS, ADDED_TO_TOPICS[kind])) == []


@pytest.mark.parametrize("way", [HEARD, SAID])
def test_a_shape_that_contains_itself_is_compared_to_the_end(way: Flow) -> None:
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/T"}]}}}
    document: Json = {"$ref": "#/$defs/T", "$defs": {"T": tree}}
    assert shape_breaks("tree", document, copy.deepcopy(document), way) == []
    (found,) = shape_breaks("tree", document, edited(document, lambda d: fields(part(d, "T")).pop("name")), way)
    assert found.place == "tree: name"


small = st.integers(0, 3)
limits = st.fixed_dictionaries({}, optional={"minLength": small, "maxLength": small})
bounds = st.fixed_dictionaries({}, optional={"minimum": small, "maximum": small})
leaves = st.one_of(
    limits.map(lambda more: {"type": "string", **more}),
    bounds.map(lambda more: {"type": "integer", **more}),
    bounds.map(lambda more: {"type": "number", **more}),
    st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(lambda values: {"type": "string", "enum": values}),
    st.sampled_from("ab").map(lambda value: {"type": "string", "const": value}),
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, {}]),
)


def objects(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    some = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    return some.flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties) or ["a"]), unique=True).map(
            lambda required: {"type": "object", "properties": properties, "required": required}
        )
    )


schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        objects(inner),
        inner.map(lambda items: {"type": "array", "items": items}),
        st.lists(inner, min_size=1, max_size=2).map(lambda forms: {"anyOf": forms}),
    ),
    max_leaves=4,
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b", "c", "ab", "abc"]) | st.just(1.5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
both_ways = st.sampled_from([HEARD, SAID])


@given(schemas, both_ways)
@settings(deadline=None)
def test_whatever_is_published_is_compatible_with_itself(schema: Json, way: Flow) -> None:
    assert shape_breaks("shape", schema, copy.deepcopy(schema), way) == []


@given(st.sampled_from(sorted(PUBLISHED)), schemas, st.data())
@settings(max_examples=50, deadline=None)
def test_optional_fields_may_be_added_anywhere(type: str, schema: Json, data: st.DataObject) -> None:
    def add(document: Json) -> None:
        places = [document, *document.get("$defs", {}).values()]
        fields(data.draw(st.sampled_from(places)))["said_later"] = schema

    assert event_breaks(PUBLISHED, {**PUBLISHED, type: edited(PUBLISHED[type], add)}) == []


def closed(schema: Any) -> Any:
    """The shape of a writer, who writes no fields but those it knows."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return {**inner, "additionalProperties": False} if schema.get("type") == "object" else inner


@given(schemas, schemas, st.lists(values, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_what_is_let_through_is_read(old: Json, new: Json, some: list[Any]) -> None:
    """Against an independent validator: no value that a writer may write is refused by the reader."""
    for way, writer, reader in ((HEARD, old, new), (SAID, new, old)):
        if shape_breaks("shape", old, new, way):
            continue
        for value in some:
            if Draft202012Validator(closed(writer)).is_valid(value):
                Draft202012Validator(reader).validate(value)
