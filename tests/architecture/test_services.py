"""Dịch vụ: what services promise each other holds for the parts they are really joined of."""

import ast
import re
from functools import partial
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from hub_events.topics import ABOUT_DOSSIERS, EVENTS, TOPICS, topic_of, topics_read_by
from hub_web.credentials import Anybody, Bearer, Signature, credential_of, unprotected_routes
from services.intake.domain.timeline import SHAPES
from tests.joined import Joined

ROOT = Path(__file__).parents[2]
OPERATORS = {"operations", "lanes:manage"}
"""Scopes of the hub's own operators: what they do to a record or lane, done again, changes nothing."""
KEYS_IN_LINES = {"/v1/dossiers/bulk"}
"""Each line of these carries a key of its own."""
OPEN_PATHS = {"/openapi.json", "/docs"}
EVENT_PATHS = {"/docs/events", "/asyncapi.json"}
"""Documents are open; those of the events are at intake."""
PREFIXES = {
    "intake": {
        "dossiers", "procedures", "desks", "agencies", "changes", "stuck", "intake",
        "catalogue", "directory", "units", "officers", "postings", "roster", "publication-lists",
        "figures", "files", "uploads", "forms", "hand-over-lists", "late-entries", "timeline", "possible-duplicates",
        "accepted-authorisations",
    },
    "routing": {"transfers", "lanes", "callbacks", "routing"},
    "notify": {"notices", "suppliers", "notify"},
    "sla": {"deadlines", "calendars", "statistics", "sla"},
}  # fmt: skip
"""First word of each service's paths: one ingress can front them all."""
PAGES = {"tra-cuu", "danh-muc"}
"""First word of the pages for citizens, which are open to all."""
PUBLISHED = {"/v1/publication-lists/{kind}", "/v1/files/{file_id}/by-link"}
"""Open to all: what a page shows as well; and a file, to whom the token in the address was given."""
ITS_OWN_KEY = {"/v1/dossiers/old": "the number in the desk's book is the key"}
"""POSTs that may be repeated because of what they bring."""
NOT_READ_YET = {
    "dossier.submitted.v1": "told for the services that will count and inform before acceptance",
    "dossier.withdrawal_requested.v1": "nothing follows until the desk has checked: dossier.stopped.v1",
    "dossier.fee_paid.v1": "told for the timeline and for systems that follow a dossier",
    "procedure.published.v1": "told for the systems of a province that show or search procedures (docs/integrators.md)",
    "procedure.withdrawn.v1": "told for the same systems; who accepts dossiers is intake itself",
    "desk.published.v1": "told for other systems",
    "unit.published.v1": "told for other systems",
    "officer.published.v1": "told for other systems",
}


def test_a_reader_handles_something_of_every_topic_it_reads(joined: Joined) -> None:
    handled = {handler.event for handler in joined.handlers}
    for topic in topics_read_by(joined.name):
        assert handled & set(topic.events), f"{joined.name} reads {topic.name} and handles nothing of it"


def test_a_service_handles_only_what_it_reads_and_once(joined: Joined) -> None:
    handled = [handler.event for handler in joined.handlers]
    readable = {event for topic in topics_read_by(joined.name) for event in topic.events}
    assert set(handled) <= readable
    assert len(handled) == len(set(handled))


def test_every_event_has_a_reader(services: dict[str, Joined]) -> None:
    handled = {handler.event for joined in services.values() for handler in joined.handlers}
    assert {event.type for event in EVENTS.values() if event not in handled} == NOT_READ_YET.keys()


def test_every_event_is_said_by_its_producer() -> None:
    for topic in TOPICS:
        code = "\n".join(file.read_text() for file in (ROOT / "services" / topic.producer).rglob("*.py"))
        unsaid = {event.__name__ for event in topic.events if not re.search(rf"\b{event.__name__}\(", code)}
        assert unsaid == set(), f"{topic.producer} never says it"


def test_every_event_is_a_step_of_the_timeline() -> None:
    assert SHAPES.keys() == ABOUT_DOSSIERS.keys()


def test_every_handler_is_subscribed(joined: Joined) -> None:
    service = ROOT / "services" / joined.name
    written = {
        node.name
        for file in (service / "handlers").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("on_")
    }
    joining = (service / "bootstrap.py").read_text()
    assert {name for name in written if not re.search(rf"\b{name}\b", joining)} == set()


def test_a_handler_is_named_after_its_event(joined: Joined) -> None:
    functions = [(handler.event, function_of(handler.handle)) for handler in joined.handlers]
    for event, function in functions:
        if [other for _, other in functions].count(function) == 1:  # intake keeps all that others say alike
            name = event.type.rpartition(".v")[0].replace(".", "_")
            assert function == (f"services.{joined.name}.handlers.{name}", f"on_{name}")


def function_of(handle: Any) -> tuple[str, str]:
    """Module and name of a handler, without what its service has joined to it."""
    function = handle.func if isinstance(handle, partial) else handle
    return function.__module__, function.__name__


def test_every_route_asks_for_a_credential(joined: Joined) -> None:
    assert unprotected_routes(joined.app) == []
    documents = OPEN_PATHS | EVENT_PATHS if joined.name == "intake" else OPEN_PATHS
    for route in joined.app.routes:
        assert isinstance(route, APIRoute) or getattr(route, "path", None) in documents
        if isinstance(route, APIRoute):
            for_all = route.path.split("/")[1] in PAGES or (route.path in PUBLISHED and route.methods == {"GET"})
            assert isinstance(credential_of(route), Anybody if for_all else Bearer | Signature)


def test_the_document_says_which_credential(joined: Joined) -> None:
    document = joined.app.openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert operations
    for path, methods in document["paths"].items():
        unbound = any({} in operation["security"] for operation in methods.values())
        assert unbound == (path in PUBLISHED or path.split("/")[1] in PAGES), path
    assert all(operation["security"] for operation in operations)
    assert [one["operationId"] for one in operations if not one.get("description")] == [], "a route says what it does"
    assert document["openapi"].startswith("3.1")


def test_signatures_are_for_callbacks_only(joined: Joined) -> None:
    signed = {
        route.path
        for route in joined.app.routes
        if isinstance(route, APIRoute) and isinstance(credential_of(route), Signature)
    }
    assert signed == ({"/v1/callbacks/{agency_code}"} if joined.name == "routing" else set())


def test_a_system_or_officer_may_repeat_every_post(joined: Joined) -> None:
    for route in joined.app.routes:
        credential = credential_of(route) if isinstance(route, APIRoute) and "POST" in (route.methods or ()) else None
        if isinstance(route, APIRoute) and route.path in ITS_OWN_KEY:
            continue
        if isinstance(route, APIRoute) and isinstance(credential, Bearer) and credential.scope not in OPERATORS:
            if route.path in KEYS_IN_LINES:
                continue
            headers = {parameter.alias for parameter in route.dependant.header_params}
            assert "Idempotency-Key" in headers, f"POST {route.path} takes no Idempotency-Key"


def test_paths_of_services_do_not_overlap(joined: Joined) -> None:
    for route in joined.app.routes:
        if isinstance(route, APIRoute):
            version, *rest = route.path.split("/")[1:]
            if joined.name == "intake" and version in PAGES:
                continue
            assert version == "v1"
            assert rest[0] in PREFIXES[joined.name], f"{route.path} is outside {joined.name}'s paths"


def test_a_service_writes_the_topic_of_its_name(joined: Joined) -> None:
    assert joined.spine.service == joined.name
    assert topic_of(joined.spine.service).producer == joined.name
