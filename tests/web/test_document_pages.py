"""Trang tài liệu: everything of the documents is on the pages, the pages are whole, and they load nothing."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub_events.asyncapi import asyncapi_document
from hub_local.layout import SERVICES
from hub_web.app import make_app
from hub_web.document_pages import asyncapi_page, openapi_page
from hub_web.routes import Router
from hub_web.tokens import Verifier

API = Path(__file__).parents[2] / "docs" / "api"
EMPTY = {"meta", "br"}
LOADING = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "source"}


class Page(HTMLParser):
    """What a browser would find in a page. Raises AssertionError where tags don't close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.examples: list[Any] = []
        self.feed(text)
        self.close()
        assert self.open == [], "tags left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in EMPTY:
            self.open.append(tag)
        if "href" in given:
            self.links.append(given["href"] or "")
        if "id" in given:
            self.ids.append(given["id"] or "")
        assert not any(name.startswith("on") or name == "src" for name in given)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1] == "pre":
            self.examples.append(json.loads(data))


def openapi_of(service: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((API / "openapi" / f"{service}.json").read_text())
    return document


PAGES = {service: openapi_page(openapi_of(service), with_events=service == "intake") for service in SERVICES}
PAGES["events"] = asyncapi_page(asyncapi_document())
each_page = pytest.mark.parametrize("name", PAGES)


@each_page
def test_a_page_is_whole_and_its_links_lead_somewhere(name: str) -> None:
    page = Page(PAGES[name])
    assert len(set(page.ids)) == len(page.ids)
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside
    assert inside - set(page.ids) == set()
    outside = {link for link in page.links if not link.startswith("#")}
    assert outside <= {"/openapi.json", "/asyncapi.json", "/docs", "/docs/events"}


@each_page
def test_a_page_loads_nothing_and_runs_nothing(name: str) -> None:
    assert Page(PAGES[name]).tags & LOADING == set()
    assert "@import" not in PAGES[name]
    assert "url(" not in PAGES[name].partition("</style>")[0]


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_parameter_and_field_of_a_service_is_on_its_page(service: str) -> None:
    document, text = openapi_of(service), Page(PAGES[service]).text
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            assert f"{verb.upper()} {path}" in text
            for parameter in operation.get("parameters", ()):
                assert parameter["name"] in text
            for scope in operation["security"][0].get("bearer", ()):
                assert scope in text
    for name, schema in document["components"]["schemas"].items():
        assert name in text
        for field in schema.get("properties", ()):
            assert field in text


def test_every_event_field_and_example_is_on_the_page_of_events() -> None:
    document, page = asyncapi_document(), Page(PAGES["events"])
    for topic, channel in document["channels"].items():
        assert topic in page.text
        assert channel["description"] in page.text
    for message in document["components"]["messages"].values():
        assert message["name"] in page.text
        for example in message["examples"]:
            assert {"headers": example["headers"], "payload": example["payload"]} in page.examples
    for schema in document["components"]["schemas"].values():
        assert all(field in page.text for field in schema["properties"])


def test_what_a_document_says_is_text_and_never_markup() -> None:
    evil = "<script>alert('x')</script>"
    document = openapi_of("sla")
    document["info"]["title"] = document["components"]["schemas"]["Deadline"]["description"] = evil
    next(iter(document["paths"].values()))["get"]["description"] = f"`{evil}`"
    page = Page(openapi_page(document))
    assert "script" not in page.tags
    assert page.text.count(evil) >= 4


def test_the_page_says_in_words_what_a_value_may_be() -> None:
    fields = {
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "default": None},
        "kind": {"enum": ["a", "b"]},
        "many": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}, "maxItems": 3},
        "count": {"type": "integer", "minimum": 1, "default": 7},
        "free": {},
    }
    document = {
        "info": {"title": "Thử", "version": "1"},
        "paths": {},
        "components": {"schemas": {"Part": {"type": "object", "properties": fields, "required": ["kind"]}}},
    }
    text = Page(openapi_page(document)).text
    for words in (
        "whenkhông có hoặc chuỗidạng date-timekhông",
        "kinda · bcó",
        "manydanh sách Partđến 3 mục",
        "countsố nguyêntừ 1không mặc định 7",
        "freegiá trị JSON bất kỳ",
    ):
        assert words in text


async def test_a_service_shows_its_pages_to_everybody(app: FastAPI, verifier: Verifier) -> None:
    with_events = make_app("Things", "1", verifier, [Router()], events=asyncapi_document)
    for served, path, kind in (
        (app, "/docs", "text/html"),
        (with_events, "/docs", "text/html"),
        (with_events, "/docs/events", "text/html"),
        (with_events, "/asyncapi.json", "application/json"),
    ):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://hub") as client:
            answers = [await client.get(path), await client.get(path)]
            assert (await client.post(path)).status_code == 405
        for answer in answers:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(kind)
            if kind == "text/html":
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                Page(answer.text)
            else:
                assert answer.json() == asyncapi_document()
    assert not {"/docs", "/docs/events", "/asyncapi.json"} & with_events.openapi()["paths"].keys()
