"""Tài liệu giao diện: the committed OpenAPI and AsyncAPI are valid by others' rules and say what the code says."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from hub_events.asyncapi import asyncapi_document
from hub_events.topics import EVENTS, TOPICS
from hub_local.layout import SERVICES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "api"
OFFICIAL = Path(__file__).parent / "official" / "asyncapi-3.0.0.json"
NEWER_THAN_DRAFT_7 = {"$defs", "prefixItems", "unevaluatedProperties", "dependentRequired", "minContains", "$anchor"}

Json = dict[str, Any]
each_service = pytest.mark.parametrize("service", SERVICES)
each_event = pytest.mark.parametrize("type", EVENTS)


def committed(file: str) -> Json:
    document: Json = json.loads((FOLDER / file).read_text())
    return document


@pytest.fixture(scope="module")
def events() -> Json:
    return committed("asyncapi.json")


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text()), format_checker=FormatChecker())


def objects(value: Any) -> Iterator[Json]:
    """Every JSON object inside, itself included."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


def found(document: Json, reference: str) -> Any:
    """What a reference points to. Raises KeyError when there is nothing."""
    place: Any = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step.replace("~1", "/").replace("~0", "~")]
    return place


def test_there_is_a_document_of_every_service_and_one_of_the_events() -> None:
    files = {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file()}
    assert files >= {"asyncapi.json", *(f"openapi/{service}.json" for service in SERVICES)}


@each_service
def test_a_services_document_is_openapi_by_an_independent_validator(service: str) -> None:
    document = committed(f"openapi/{service}.json")
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    document["paths"]["/v1/broken/{id}"] = {"get": {"responses": {"200": {}}}}
    assert len(list(OpenAPIV31SpecValidator(document).iter_errors())) >= 2, "a validator that finds nothing is none"


def test_the_events_document_is_asyncapi_by_the_official_schema(events: Json, official: Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(events)] == []


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document.update(asyncapi="3.0"),
        lambda document: document["channels"]["sla-deadline-events"].update(topic="x"),
        lambda document: document["operations"]["sla.send.sla-deadline-events"].update(action="publish"),
        lambda document: document["components"]["schemas"]["Promise"]["properties"].update(rule={"type": "text"}),
        lambda document: document["components"]["messages"]["message.sent.v1"].update(examples=[{"body": {}}]),
    ],
    ids=["version", "channel", "operation", "schema", "example"],
)
def test_the_official_schema_refuses_what_is_wrong(
    events: Json, official: Draft7Validator, break_it: Callable[[Json], None]
) -> None:
    document = copy.deepcopy(events)
    break_it(document)
    assert not official.is_valid(document)


def test_the_events_document_is_what_the_models_say(events: Json) -> None:
    assert events == asyncapi_document(), "run `make schemas`"


def test_every_reference_leads_somewhere(events: Json) -> None:
    for document in (events, *(committed(f"openapi/{service}.json") for service in SERVICES)):
        references = [one["$ref"] for one in objects(document) if isinstance(one.get("$ref"), str)]
        assert references
        assert all(isinstance(found(document, reference), dict) for reference in references)


def test_a_channel_is_a_topic_with_its_events_producer_and_readers(events: Json) -> None:
    assert events["channels"].keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = events["channels"][topic.name]
        assert channel["address"] == topic.name
        assert channel["messages"].keys() == {event.type for event in topic.events}
        configuration = channel["bindings"]["kafka"]["topicConfiguration"]
        assert configuration == {
            "cleanup.policy": ["compact" if topic.compacted else "delete"],
            "retention.ms": -1 if topic.compacted else topic.retention_days * 24 * 3600 * 1000,
        }
        channel_ref = {"$ref": f"#/channels/{topic.name}"}
        told = {
            (name.split(".")[0], operation["action"])
            for name, operation in events["operations"].items()
            if operation["channel"] == channel_ref
        }
        assert told == {(topic.producer, "send"), *((reader, "receive") for reader in topic.readers)}


def test_an_operation_names_messages_of_its_own_channel(events: Json) -> None:
    for operation in events["operations"].values():
        inside = operation["channel"]["$ref"] + "/messages/"
        assert operation["messages"]
        assert all(message["$ref"].startswith(inside) for message in operation["messages"])


@each_event
def test_the_examples_of_a_message_fit_its_headers_and_payload(events: Json, type: str) -> None:
    message = events["components"]["messages"][type]
    assert [example["name"] for example in message["examples"]] == ["minimal", "full"]
    for part in ("headers", "payload"):
        reader = Draft7Validator({"allOf": [message[part]], "components": events["components"]})
        for example in message["examples"]:
            reader.validate(example[part])
        assert not reader.is_valid({}), "a schema that takes anything says nothing"
    renamed = {**message["examples"][0]["headers"], "ce_type": "another.event.v1"}
    assert not Draft7Validator({**message["headers"], "components": events["components"]}).is_valid(renamed)


def test_payloads_stay_within_what_every_asyncapi_tool_reads(events: Json) -> None:
    schemas = events["components"]["schemas"]
    assert {word for one in objects(schemas) for word in one} & NEWER_THAN_DRAFT_7 == set()
    Draft7Validator.check_schema({"definitions": schemas})
