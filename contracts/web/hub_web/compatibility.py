"""Tương thích của giao diện: what a change of a service's OpenAPI 3.1 document breaks for its callers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hub_events.compatibility import Break, Flow, Schema, shape_breaks

METHODS = ("get", "head", "put", "post", "delete", "patch")
ASKED = Flow(
    heard="callers that send what was published are refused or misread",
    said=None,
    instead="take the published form too, or add an endpoint beside this one",
)
ANSWERED = Flow(
    heard=None,
    said="callers that know what was published can't read the answer",
    instead="answer as before and say more in new fields, or add an endpoint beside this one",
)


def endpoint_breaks(published: Schema, current: Schema) -> list[Break]:
    """What breaks when one OpenAPI document becomes the other. New endpoints, parameters and answers break nothing."""
    roots = _with_open_slugs(published), _with_open_slugs(current)
    news = _operations(current)
    found = list(_problem_breaks(published, current))
    for key, old in _operations(published).items():
        name = old["name"]
        if key not in news:
            keep = "keep it until nobody calls it, beside what replaces it"
            found.append(Break(name, "the endpoint is gone", "its callers get 404 or 405", keep))
            continue
        new = news[key]
        found += shape_breaks(name, _parameters(old), _parameters(new), ASKED, roots)
        found += _body_breaks(name, old, new, roots)
        found += _answer_breaks(name, old, new, roots)
        found += _credential_breaks(name, old.get("security"), new.get("security"), (published, current))
    return found


def _operations(document: Schema) -> dict[tuple[str, str], Schema]:
    """Every operation by method and path; a path parameter's name is not part of the promise, its place is."""
    return {
        (method, _without_names(path)): {
            **operation,
            "name": f"{method.upper()} {path}",
            "path": path,
            "shared": item.get("parameters", ()),
        }
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
        if method in METHODS
    }


def _without_names(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def _parameters(operation: Schema) -> Schema:
    """All that is asked beside the body, as one shape; parameters of the path go by their place in it."""
    steps = re.findall(r"\{(\w+)\}", operation["path"])
    properties, required = {}, []
    for one in (*operation["shared"], *operation.get("parameters", ())):
        said = {"path": lambda name: f"step {steps.index(name) + 1}", "header": str.lower}.get(one["in"], str)
        name = f"{one['in']} {said(one['name'])}"
        properties[name] = one["schema"]
        if one.get("required"):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _body_breaks(name: str, old: Schema, new: Schema, roots: tuple[Schema, Schema]) -> Iterator[Break]:
    place = f"{name}: body"
    before, after = old.get("requestBody", {}), new.get("requestBody", {})
    if after.get("required") and not before.get("required"):
        yield Break(place, "a body is required now", "callers that send none are refused", "make it optional")
    yield from _content_breaks(place, before.get("content", {}), after.get("content", {}), ASKED, roots)


def _content_breaks(
    place: str, old: Mapping[str, Any], new: Mapping[str, Any], flow: Flow, roots: tuple[Schema, Schema]
) -> Iterator[Break]:
    harm = flow.heard or flow.said or ""
    for media, content in old.items():
        if media in new:
            yield from shape_breaks(place, content.get("schema", {}), new[media].get("schema", {}), flow, roots)
        else:
            yield Break(place, f"{media} is gone", harm, flow.instead)


def _answer_breaks(name: str, old: Schema, new: Schema, roots: tuple[Schema, Schema]) -> Iterator[Break]:
    before, after = old.get("responses", {}), new.get("responses", {})
    was, now = (sorted(status for status in answers if status.startswith("2")) for answers in (before, after))
    if was != now:
        what = f"success was {' or '.join(was)} and is {' or '.join(now)}"
        yield Break(name, what, "callers take the answer for a failure or misread it", "keep the status")
    for status in before:
        if status in after:
            contents = before[status].get("content", {}), after[status].get("content", {})
            yield from _content_breaks(f"{name}: {status}", *contents, ANSWERED, roots)
        elif not status.startswith("2"):
            yield Break(name, f"the answer {status} is gone", "callers wait for it in vain", "keep saying it")


def _credential_breaks(name: str, old: Any, new: Any, documents: tuple[Schema, Schema]) -> Iterator[Break]:
    before, after = (
        (document.get("security") if own is None else own) or [{}]
        for own, document in zip((old, new), documents, strict=True)
    )
    schemes = [document.get("components", {}).get("securitySchemes", {}) for document in documents]
    for held in before:
        changed = [scheme for scheme in held if schemes[0].get(scheme) != schemes[1].get(scheme)]
        if changed or not any(_opens(held, asked) for asked in after):
            what = f"who held {_credential(held)} must now hold {' or '.join(map(_credential, after))}"
            yield Break(
                name, what, "callers with the published credential are refused", "go on taking the published one"
            )


def _opens(held: Schema, asked: Schema) -> bool:
    return all(scheme in held and set(scopes) <= set(held[scheme]) for scheme, scopes in asked.items())


def _credential(security: Schema) -> str:
    return " and ".join(f"{scheme} {' '.join(scopes)}".strip() for scheme, scopes in security.items()) or "nothing"


def _problem_breaks(published: Schema, current: Schema) -> Iterator[Break]:
    """A new kind of problem breaks nobody: callers that don't know a slug go by the status."""
    for slug in _slugs(published):
        if slug not in _slugs(current):
            harm = "callers that act on it no longer recognise the case"
            yield Break("problems", f"the type {slug} is gone", harm, "keep the slug, or answer both cases with it")


def _problem(document: Schema) -> Schema:
    problem: Schema = document.get("components", {}).get("schemas", {}).get("Problem", {})
    return problem


def _slugs(document: Schema) -> list[str]:
    slugs: list[str] = _problem(document).get("properties", {}).get("slug", {}).get("enum", [])
    return slugs


def _with_open_slugs(document: Schema) -> Schema:
    """The document, with a Problem that doesn't close the list of slugs."""
    problem = _problem(document)
    if not problem:
        return document
    fields = {**problem["properties"], "slug": {"type": "string"}}
    components = document["components"]
    schemas = {**components["schemas"], "Problem": {**problem, "properties": fields}}
    return {**document, "components": {**components, "schemas": schemas}}
