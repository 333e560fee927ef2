"""Tương thích của giao diện: every way to break a caller is found and named; whatever only adds is let through."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_web.compatibility import endpoint_breaks

Json = dict[str, Any]
Edit = Callable[[Json], Any]
FILES = sorted((Path(__file__).parents[2] / "docs" / "api" / "openapi").glob("*.json"))
REQUEST = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "maxLength": 20},
        "channel": {"type": "string", "enum": ["counter", "online"]},
        "copies": {"type": "integer", "minimum": 0, "default": 1},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["code"],
    "additionalProperties": False,
}
ANSWER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["open", "closed"]},
        "due_at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    },
    "required": ["id", "state"],
}
PROBLEM = {
    "type": "object",
    "properties": {
        "slug": {"type": "string", "enum": ["not-found", "wrong-state"]},
        "fault": {"type": "string", "enum": ["sender", "hub"]},
        "status": {"type": "integer"},
    },
    "required": ["slug", "fault", "status"],
}
PUBLISHED: Json = {
    "openapi": "3.1.0",
    "paths": {
        "/v1/things/{thing_id}": {
            "post": {
                "parameters": [
                    {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 200, "default": 50}},
                    {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Request"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}},
                    "404": {"description": "unknown"},
                    "default": {
                        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                    },
                },
                "security": [{"bearer": ["things:write"]}],
            },
            "get": {"responses": {"200": {}}, "security": []},
        },
    },
    "components": {
        "schemas": {"Request": REQUEST, "Answer": ANSWER, "Problem": PROBLEM},
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    },
}
POST = "POST /v1/things/{thing_id}"


def edited(edit: Edit) -> Json:
    changed = copy.deepcopy(PUBLISHED)
    edit(changed)
    return changed


def post(document: Json) -> Json:
    found: Json = document["paths"]["/v1/things/{thing_id}"]["post"]
    return found


def shape(document: Json, name: str) -> Json:
    found: Json = document["components"]["schemas"][name]
    return found


def fields(document: Json, name: str) -> Json:
    found: Json = shape(document, name)["properties"]
    return found


def parameter(document: Json, name: str) -> Json:
    found: Json = next(one for one in post(document)["parameters"] if one["name"] == name)
    return found


BROKEN: dict[str, tuple[Edit, str]] = {
    "an endpoint is removed": (
        lambda d: d["paths"].clear(),
        f"{POST}: the endpoint is gone, so its callers get 404 or 405; keep it until nobody calls it,"
        " beside what replaces it.",
    ),
    "an endpoint is renamed": (
        lambda d: d["paths"].update({"/v1/stuff/{thing_id}": d["paths"].pop("/v1/things/{thing_id}")}),
        f"{POST}: the endpoint is gone",
    ),
    "a method is removed": (lambda d: d["paths"]["/v1/things/{thing_id}"].pop("post"), f"{POST}: the endpoint is gone"),
    "a required parameter is new": (
        lambda d: post(d)["parameters"].append(
            {"name": "area", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        f"{POST}: query area: the field is new and required, so callers that send what was published are refused or"
        " misread; add it as optional.",
    ),
    "a parameter becomes required": (
        lambda d: parameter(d, "limit").update(required=True),
        "query limit: the field was optional and is required",
    ),
    "a parameter is removed": (
        lambda d: post(d)["parameters"].remove(parameter(d, "limit")),
        "query limit: the field is gone",
    ),
    "a parameter's limit is tightened": (
        lambda d: parameter(d, "limit")["schema"].update(maximum=100),
        "query limit: `maximum` was 200 and is 100",
    ),
    "an absent parameter means something else": (
        lambda d: parameter(d, "limit")["schema"].update(default=10),
        "query limit: absent meant 50 and means 10",
    ),
    "a step of the path is narrowed": (
        lambda d: parameter(d, "thing_id")["schema"].update(format="uuid"),
        "path step 1: `format` was not said and is 'uuid'",
    ),
    "a header has another name": (
        lambda d: parameter(d, "Idempotency-Key").update(name="Request-Key"),
        "header idempotency-key: the field is gone",
    ),
    "a body is asked where none was": (
        lambda d: d["paths"]["/v1/things/{thing_id}"]["get"].update(requestBody={"required": True, "content": {}}),
        "GET /v1/things/{thing_id}: body: a body is required now",
    ),
    "a body is taken in another form only": (
        lambda d: post(d)["requestBody"].update(content={"application/xml": {}}),
        f"{POST}: body: application/json is gone",
    ),
    "a required field of the body is new": (
        lambda d: (
            fields(d, "Request").update(desk={"type": "string"}),
            shape(d, "Request")["required"].append("desk"),
        ),
        f"{POST}: body.desk: the field is new and required",
    ),
    "a field of the body becomes required": (
        lambda d: shape(d, "Request")["required"].append("note"),
        "body.note: the field was optional and is required",
    ),
    "a field of the body is removed": (lambda d: fields(d, "Request").pop("note"), "body.note: the field is gone"),
    "a value of the body is no longer taken": (
        lambda d: fields(d, "Request")["channel"]["enum"].remove("online"),
        "body.channel: the value 'online' is gone",
    ),
    "a limit of the body is tightened": (
        lambda d: fields(d, "Request")["code"].update(maxLength=10),
        "body.code: `maxLength` was 20 and is 10",
    ),
    "an absent field of the body means something else": (
        lambda d: fields(d, "Request")["copies"].update(default=2),
        "body.copies: absent meant 1 and means 2",
    ),
    "success has another status": (
        lambda d: post(d)["responses"].update({"202": post(d)["responses"].pop("201")}),
        f"{POST}: success was 201 and is 202",
    ),
    "an answer is removed": (lambda d: post(d)["responses"].pop("404"), f"{POST}: the answer 404 is gone"),
    "a field of the answer is removed": (
        lambda d: fields(d, "Answer").pop("due_at"),
        f"{POST}: 201.due_at: the field is gone, so callers that know what was published can't read the answer; answer"
        " as before and say more in new fields, or add an endpoint beside this one.",
    ),
    "a field of the answer may be absent": (
        lambda d: shape(d, "Answer")["required"].remove("state"),
        "201.state: the field was required and is optional",
    ),
    "a value of the answer is new": (
        lambda d: fields(d, "Answer")["state"]["enum"].append("paused"),
        "201.state: the value 'paused' is new",
    ),
    "a field of the answer has another type": (
        lambda d: fields(d, "Answer")["id"].update(type="integer"),
        "201.id: the type was string and is integer",
    ),
    "an answer may say nothing": (
        lambda d: fields(d, "Answer").update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "201.id: the type was string and is string or null",
    ),
    "an answer comes in another form": (
        lambda d: post(d)["responses"]["201"].update(content={"text/plain": {}}),
        f"{POST}: 201: application/json is gone",
    ),
    "a type of problem is removed": (
        lambda d: fields(d, "Problem")["slug"]["enum"].remove("wrong-state"),
        "problems: the type wrong-state is gone, so callers that act on it no longer recognise the case",
    ),
    "a problem says less": (
        lambda d: (fields(d, "Problem").pop("fault"), shape(d, "Problem")["required"].remove("fault")),
        "default.fault: the field is gone",
    ),
    "another scope is asked": (
        lambda d: post(d).update(security=[{"bearer": ["things:manage"]}]),
        f"{POST}: who held bearer things:write must now hold bearer things:manage",
    ),
    "one more scope is asked": (
        lambda d: post(d)["security"][0]["bearer"].append("things:manage"),
        "must now hold bearer things:write things:manage",
    ),
    "an open endpoint asks for a credential": (
        lambda d: d["paths"]["/v1/things/{thing_id}"]["get"].update(security=[{"bearer": []}]),
        "GET /v1/things/{thing_id}: who held nothing must now hold bearer",
    ),
    "a credential of the same name is another": (
        lambda d: d["components"]["securitySchemes"].update(bearer={"type": "mutualTLS"}),
        f"{POST}: who held bearer things:write must now hold",
    ),
}
ADDED: dict[str, Edit] = {
    "an endpoint": lambda d: d["paths"].update({"/v1/more": {"get": {"responses": {"200": {}}}}}),
    "a method": lambda d: d["paths"]["/v1/things/{thing_id}"].update(put={"responses": {"200": {}}}),
    "an optional parameter": lambda d: post(d)["parameters"].append(
        {"name": "area", "in": "query", "schema": {"type": "string"}}
    ),
    "a parameter that may be left out now": lambda d: parameter(d, "Idempotency-Key").update(required=False),
    "a wider limit of a parameter": lambda d: parameter(d, "limit")["schema"].update(maximum=500),
    "another name for a step of the path": lambda d: (
        parameter(d, "thing_id").update(name="id"),
        d["paths"].update({"/v1/things/{id}": d["paths"].pop("/v1/things/{thing_id}")}),
    ),
    "an optional field of the body": lambda d: fields(d, "Request").update(desk={"type": "string"}),
    "a field of the body that may be left out now": lambda d: shape(d, "Request")["required"].clear(),
    "one more value in the body": lambda d: fields(d, "Request")["channel"]["enum"].append("post"),
    "a wider limit in the body": lambda d: fields(d, "Request")["code"].update(maxLength=99),
    "one more form of the body": lambda d: post(d)["requestBody"]["content"].update({"application/cbor": {}}),
    "a field of the answer": lambda d: fields(d, "Answer").update(colour={"enum": ["red"]}),
    "a field of the answer that is always there now": lambda d: shape(d, "Answer")["required"].append("due_at"),
    "one value less in the answer": lambda d: fields(d, "Answer")["state"]["enum"].remove("closed"),
    "a type of problem": lambda d: fields(d, "Problem")["slug"]["enum"].append("too-late"),
    "an answer that is no success": lambda d: post(d)["responses"].update({"409": {}}),
    "another way in": lambda d: post(d)["security"].append({"signature": []}),
    "less to hold": lambda d: post(d).update(security=[{"bearer": []}]),
    "words": lambda d: (post(d).update(summary="…", operationId="x"), shape(d, "Answer").update(description="…")),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_change_that_breaks_callers_says_what_for_whom_and_what_instead(kind: str) -> None:
    edit, sentence = BROKEN[kind]
    found = [str(one) for one in endpoint_breaks(PUBLISHED, edited(edit))]
    assert any(sentence in one for one in found), found
    assert all(", so " in one and "; " in one for one in found)


@pytest.mark.parametrize("kind", ADDED)
def test_a_change_that_only_adds_passes(kind: str) -> None:
    assert endpoint_breaks(PUBLISHED, edited(ADDED[kind])) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_service_is_compatible_with_itself(file: Path) -> None:
    assert endpoint_breaks(json.loads(file.read_text()), json.loads(file.read_text())) == []


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=50, deadline=None)
def test_optional_fields_may_be_added_anywhere(file: Path, data: st.DataObject) -> None:
    published = json.loads(file.read_text())
    current = copy.deepcopy(published)
    shapes = [one for one in current["components"]["schemas"].values() if "properties" in one]
    data.draw(st.sampled_from(shapes))["properties"]["said_later"] = {"type": "string"}
    assert endpoint_breaks(published, current) == []


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=50, deadline=None)
def test_no_endpoint_goes_unnoticed(file: Path, data: st.DataObject) -> None:
    published = json.loads(file.read_text())
    current = copy.deepcopy(published)
    path = data.draw(st.sampled_from(sorted(published["paths"])))
    method = data.draw(st.sampled_from(sorted(published["paths"][path])))
    del current["paths"][path][method]
    (found,) = endpoint_breaks(published, current)
    assert found.place == f"{method.upper()} {path}"
