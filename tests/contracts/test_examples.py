"""Ví dụ và lược đồ: what is published is what the models say, and two examples of everything show it."""

import base64
import json
from collections.abc import Iterator
from typing import Any, get_args
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from pydantic import BaseModel, ValidationError

from hub_events import schemas
from hub_events.event import Event, Part, ReferenceEvent
from hub_events.examples import FOLDER, Example, examples_of, examples_read_by
from hub_events.topics import EVENTS, TOPICS, topics_of

EXAMPLES = [example for type in EVENTS for example in examples_of(type)]
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
each_event = pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.type)


def committed_schema(type: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((schemas.FOLDER / f"{type}.json").read_text())
    return schema


def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and every part inside it."""
    yield model
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            yield from parts(inner)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def objects(model: BaseModel) -> Iterator[BaseModel]:
    """The value and every part inside it, as it was read."""
    yield model
    for name in type(model).model_fields:
        value = getattr(model, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, BaseModel):
                yield from objects(inner)


def test_published_schemas_are_unchanged() -> None:
    assert schemas.differing() == [], "run `python -m hub_events.schemas`; if readers break, add a V2"


@each_event
def test_a_schema_is_a_schema(event: type[Event]) -> None:
    schema = committed_schema(event.type)
    assert validator_for(schema) is Draft202012Validator
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == event.type


def test_every_event_has_its_two_examples_and_nothing_else_has() -> None:
    assert {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.json")} == {
        f"{type}/{kind}.json" for type in EVENTS for kind in ("minimal", "full")
    }


@each_example
def test_an_example_fits_model_and_schema(example: Example) -> None:
    Draft202012Validator(committed_schema(example.type)).validate(example.body)
    assert isinstance(example.fact.data, EVENTS[example.type])


@each_example
def test_the_headers_of_an_example_fit_its_topic(example: Example) -> None:
    envelope = example.fact.envelope
    topic = next(topic for topic in TOPICS if EVENTS[example.type] in topic.events)
    assert envelope.type == example.type
    assert envelope.source == f"/hub/{topic.producer}"
    about = example.fact.data
    if isinstance(about, ReferenceEvent):
        assert envelope.subject == about.key
    else:
        assert isinstance(envelope.dossier_id, UUID)
    assert envelope.recorded_at >= envelope.occurred_at
    told = (envelope.caused_by, envelope.story, envelope.traceparent)
    assert all(told) if example.kind == "full" else not any(told)


@each_event
def test_minimal_says_only_what_must_be_said(event: type[Event]) -> None:
    minimal, _ = examples_of(event.type)
    for part in objects(minimal.fact.data):
        fields = type(part).model_fields
        assert part.model_fields_set == {name for name in fields if fields[name].is_required()}


@each_event
def test_full_names_every_field(event: type[Event]) -> None:
    _, full = examples_of(event.type)
    for part in objects(full.fact.data):
        assert part.model_fields_set == set(type(part).model_fields)
    assert full.fact.data.model_dump(mode="json") == full.body, "written as a service would write it"


@each_example
def test_what_the_outbox_writes_is_read_back(example: Example) -> None:
    written = example.fact.data.model_dump_json(exclude_none=True)
    assert EVENTS[example.type].model_validate_json(written) == example.fact.data


@each_event
def test_a_field_that_may_be_none_may_be_absent(event: type[Event]) -> None:
    for part in parts(event):
        for name, field in part.model_fields.items():
            if type(None) in get_args(field.annotation):
                assert not field.is_required(), f"{part.__name__}.{name}: the outbox leaves out what is none"


@each_event
def test_a_later_version_may_say_more(event: type[Event]) -> None:
    _, full = examples_of(event.type)

    def more(value: Any) -> Any:
        if isinstance(value, dict):
            return {"said_later": {"x": [1]}, **{name: more(inner) for name, inner in value.items()}}
        return [more(inner) for inner in value] if isinstance(value, list) else value

    assert event.model_validate(more(full.body)) == full.fact.data


@each_event
def test_events_do_not_change(event: type[Event]) -> None:
    assert all(issubclass(part, Part) and part.model_config["frozen"] for part in parts(event))


@each_example
def test_a_refused_value_is_not_repeated_in_the_error(example: Example) -> None:
    canary = "Nguyễn Thị Canary +84900000199"
    for path in _leaves(example.body):
        broken = json.loads(example.value)
        place = broken
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = {"canary": canary} if isinstance(place[path[-1]], str) else canary
        with pytest.raises(ValidationError) as refused:
            EVENTS[example.type].model_validate(broken)
        assert "Canary" not in str(refused.value)
        assert "900000199" not in repr(refused.value)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        if isinstance(inner, dict | list):
            yield from _leaves(inner, (*path, step))
        elif inner is not None and not isinstance(inner, bool):
            yield (*path, step)


def test_a_body_that_is_not_json_is_refused_without_its_text() -> None:
    for body in (b"canary", b'{"canary": ', b"\xff canary", b"[]", b"null", b'"canary"'):
        for event in EVENTS.values():
            with pytest.raises(ValidationError) as refused:
                event.model_validate_json(body)
            assert "canary" not in str(refused.value)


@each_example
def test_sealed_parts_are_sealed_for_their_dossier(example: Example) -> None:
    sealed = [value for key, value in _named(example.body) if key.startswith("sealed_") and value]
    assert sealed or example.kind == "minimal" or "sealed" not in json.dumps(committed_schema(example.type))
    for text in sealed:
        protected, key, *rest = text.split(".")
        header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
        assert header["alg"] == "dir"
        assert header["enc"] == "A256GCM"
        assert header["dossier"] == str(example.fact.dossier_id)
        assert key == ""
        assert len(rest) == 3


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key, inner
        yield from _named(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _named(inner)


def test_a_reader_finds_its_examples() -> None:
    read = {example.type for example in examples_read_by("routing")}
    assert read == {event.type for topic in topics_of("intake") for event in topic.events}
    with pytest.raises(FileNotFoundError):
        examples_of("dossier.invented.v1")
