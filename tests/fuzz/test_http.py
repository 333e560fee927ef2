"""Mọi địa chỉ HTTP: whatever is sent, each service answers soon, never 5xx, as its document says, and tells nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance

from hub_local.layout import SERVICES
from hub_local.stack import Stack
from hub_messaging.clock import VIETNAM
from hub_web.signatures import sign
from hub_web.tokens import ALL, SCOPES, Issuer
from tests.canary import found_in, told_in_files
from tests.flows.hub import DESK, THREE_DAYS, on_monday, visiting
from tests.fuzz.good_requests import SHOWING, WRITING, Good, Ground, callbacks, encoded, openly
from tests.fuzz.mutations import CANARY, STRANGE, Mutations, many

pytestmark = pytest.mark.stack

SLOWEST_SECONDS = 20.0
AT_ONCE = 16
PROBLEM, HTML = "application/problem+json", "text/html"
SOMEBODY = "127.0.0.9"
"""Where wrong guesses on the citizen's page come from: an address that is shut out of it must be nobody else's."""
DRAFT = "/v1/dossiers/{dossier_id}/forms/{kind}/draft"
"""What it answers is about a person: a form to be looked at before it is printed."""
PERSONAL = {"full_name", "address", "request", "note"}
Case = schemathesis.Case[Any]
load_all_checks()


@pytest.fixture(autouse=True)
def whole(hub_stack: Stack) -> Iterator[None]:
    """After each test: nothing that was planted stands in logs, metrics, names of files, and no process began anew.

    Lanes that a request has paused, as it may, go on: other tests share this hub.
    """
    before = {status.name: (status.pid, status.restarts) for status in hub_stack.statuses}
    yield
    assert told_in_files(hub_stack.layout) == []
    for name in (*SERVICES, "sandbox"):
        metrics = requests.get(hub_stack.layout.url(f"{name}-probe") + "/metrics", timeout=20).text
        assert found_in(metrics) == [], name
    assert {status.name: (status.pid, status.restarts) for status in hub_stack.statuses} == before
    lanes, credentials = hub_stack.layout.url("routing") + "/v1/lanes", Credentials(hub_stack)
    for lane in requests.get(lanes, auth=credentials, timeout=20).json()["items"]:
        if lane["paused_at"]:
            requests.post(f"{lanes}/{lane['name']}/resume", auth=credentials, timeout=20).raise_for_status()


class Credentials(requests.auth.AuthBase):
    """A good token for everything, and an agency's good signature."""

    def __init__(self, stack: Stack) -> None:
        self._token = Issuer(stack.keys.issuer).issue("fuzz", "system", SCOPES, ALL, hours=2)
        self._secret = stack.keys.webhook_secret.read_text()

    def of(self, body: bytes) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}", **sign(str(uuid4()), body, self._secret)}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        request.headers.update(self.of(body.encode() if isinstance(body, str) else body))
        return request


@schemathesis.hook  # type: ignore[untyped-decorator, unused-ignore]
def before_load_schema(_context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """The checker takes the `prefixItems` of a pair for the `items` of older documents, and those for broken."""
    for part in _parts(raw_schema):
        if pair := part.pop("prefixItems", None):
            part["items"] = {"anyOf": pair}


def _parts(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
    for part in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _parts(part)


def check(case: Case, response: schemathesis.Response) -> None:
    """No 5xx, the document's shape, and no word of what is personal."""
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
    assert response.elapsed < SLOWEST_SECONDS
    assert (case.path == DRAFT and response.status_code < 400) or found_in(response.content) == []
    if response.status_code >= 400:
        assert response.headers["content-type"] == [PROBLEM]


@schemathesis.serializer("application/x-ndjson", "application/offset+octet-stream")
def as_it_is(_ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def planted(content: Any) -> Any:
    """The content with the canary wherever something personal may stand."""
    if isinstance(content, dict):
        return {name: CANARY if name in PERSONAL and isinstance(value, str) else planted(value)
                for name, value in content.items()}  # fmt: skip
    return [planted(value) for value in content] if isinstance(content, list) else content


@pytest.fixture(scope="module")
def known(hub_stack: Stack) -> Mapping[str, str]:
    """Parameters of paths by name, and something that is there."""

    async def laid() -> Mapping[str, str]:
        async with on_monday(hub_stack) as hub:
            ground = Ground(hub)
            await ground.lay()
            return ground.known

    found = asyncio.run(laid())
    of_the_agency = dict.fromkeys(("agency_code", "name"), found["agency"])
    others = {"leg": "lead", "duty": "accepted", "occasion": "1", "supplier": "gateway", "code": THREE_DAYS}
    return {"dossier_id": found["completed"], "file_id": found["file"], **of_the_agency, **others}


def is_valid(case: Case) -> bool:
    """Generated as the document says, and not against it."""
    return case.meta is not None and case.meta.generation.mode.is_positive


def likely(case: Case, known: Mapping[str, str]) -> None:
    """Makes what was generated go deeper: a procedure, a desk and ids that exist, and something personal."""
    for name, value in case.path_parameters.items():
        case.path_parameters[name] = known.get(name, value) if is_valid(case) else value
    case.body = planted(case.body)
    if isinstance(case.body, dict) and isinstance(case.body.get("procedure_code"), str):
        case.body |= {"procedure_code": THREE_DAYS, "desk_code": DESK, "case": None, "received_at": None}


@many(quick=1, long=60)
@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_answers_as_its_document_says(
    hub_stack: Stack, known: Mapping[str, str], service: str, count: int
) -> None:
    schema = schemathesis.openapi.from_url(hub_stack.layout.url(service) + "/openapi.json")
    answers: Counter[int] = Counter()
    session, credentials = requests.Session(), Credentials(hub_stack)

    def try_one(case: Case) -> None:
        likely(case, known)
        response = case.call(session=session, auth=credentials, timeout=SLOWEST_SECONDS)
        answers[response.status_code] += 1
        check(case, response)

    limits = settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
                      derandomize=True, suppress_health_check=list(HealthCheck))  # fmt: skip
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in schemathesis.GenerationMode if count > 1 else [schemathesis.GenerationMode.POSITIVE]:
            limits(given(operation.as_strategy(generation_mode=mode))(try_one))()
    print(f"\n{service}: {sum(answers.values()):,} inputs, {dict(answers)}")


@many(quick=1, long=60)
@pytest.mark.parametrize("service", SERVICES)
def test_calls_in_any_order_are_answered(hub_stack: Stack, known: Mapping[str, str], service: str, count: int) -> None:
    schema = schemathesis.openapi.from_url(hub_stack.layout.url(service) + "/openapi.json")
    answers: Counter[int] = Counter()
    credentials = Credentials(hub_stack)

    class Calls(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case) -> None:
            likely(case, known)

        def get_call_kwargs(self, _case: Case) -> dict[str, Any]:
            return {"auth": credentials, "timeout": SLOWEST_SECONDS}

        def validate_response(self, response: schemathesis.Response, case: Case, **_: Any) -> None:
            answers[response.status_code] += 1
            check(case, response)

    Calls.run(settings=settings(max_examples=count, stateful_step_count=8, deadline=None, database=None,
                                derandomize=True, suppress_health_check=list(HealthCheck)))  # fmt: skip
    print(f"\n{service}: {sum(answers.values()):,} inputs, {dict(answers)}")


class NearlyRight:
    """Good requests with slips, sent over real sockets."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession, good: Sequence[Good], ground: Ground) -> None:
        self._stack, self._http, self._good, self._ground = stack, http, good, ground
        self._credentials = Credentials(stack)
        self.answers: Counter[int] = Counter()

    async def send(self, count: int, slips: Mutations) -> None:
        """`count` requests, one after the other."""
        for _ in range(count):
            good = await self._ground.filled(slips.one_of(self._good))
            body = self._body(good, slips)
            await self._send_one(good, self._path(good.path, slips), self._headers(good, body, slips), body)

    async def _send_one(self, good: Good, path: str, headers: dict[str, str], body: bytes) -> None:
        told = f"{good.method} {good.service} {path!r} {headers.keys()} {body[:300]!r}"
        began = time.monotonic()
        url = self._stack.layout.url(good.service) + path
        async with self._http.request(good.method, url, headers=headers, data=body or None) as answer:
            content = await answer.read()
        self.answers[answer.status] += 1
        assert answer.status < 500, told
        assert time.monotonic() - began < SLOWEST_SECONDS, told
        shown = good.is_page or (good.shows and answer.status < 400)  # a page shows again what was typed into it
        assert shown or found_in(content) == [], told
        assert answer.status < 400 or answer.content_type in (PROBLEM, *([HTML] if good.is_page else [])), told

    def _body(self, good: Good, slips: Mutations) -> bytes:
        if good.body is None:
            return b""
        content = slips.of_json(good.body) if slips.often(0.8) else good.body
        content = openly(content) if good.path.startswith("/v1/callbacks/") else content
        body = encoded(content, good.kind, escaped=slips.often(0.5))
        return slips.of_bytes(body) if slips.often(0.2) else body

    def _path(self, path: str, slips: Mutations) -> str:
        if slips.often(0.7):
            return path
        end = str(slips.one_of(STRANGE)).encode("utf-8", "replace").hex("%")[:600]
        begin = path.rsplit("/", slips.one_of((0, 1)))[0] or "/"
        return f"{begin}{slips.one_of(('/', '?cursor=', '&limit='))}%{end}"

    def _headers(self, good: Good, body: bytes, slips: Mutations) -> dict[str, str]:
        own = {"content-type": good.kind, "idempotency-key": str(uuid4()), **good.headers}
        headers = {**own, **self._credentials.of(body)}
        if slips.often(0.2):
            name = slips.one_of(list(headers))
            raw = slips.of_bytes(headers[name].encode()).decode("latin-1")
            headers[name] = "".join(letter for letter in raw if letter.isprintable())[:4_000]
        if slips.often(0.1):
            del headers[slips.one_of(list(headers))]
        return headers


@many(quick=600, long=80_000)
async def test_nearly_right_requests_are_answered_and_what_is_taken_can_be_read_by_all(
    hub_stack: Stack, count: int
) -> None:
    """What they are made of is right: each is taken as it is, before any has slips."""
    somebody = aiohttp.TCPConnector(local_addr=(SOMEBODY, 0))
    timeout = aiohttp.ClientTimeout(total=60)
    async with visiting(hub_stack) as hub, aiohttp.ClientSession(timeout=timeout, connector=somebody) as http:
        await hub.everybody_is_honest()
        await hub.moved_to(datetime.now(VIETNAM))
        known = {service: len(await hub.dead_letters(service)) for service in SERVICES}
        ground, writing = Ground(hub), [*WRITING, *callbacks()]
        await ground.lay()
        for good in writing:
            await ground.takes(good)
        sender = NearlyRight(hub_stack, http, [*writing, *SHOWING], ground)
        await asyncio.gather(*(sender.send(count // AT_ONCE, Mutations(seed=9 + n)) for n in range(AT_ONCE)))
        print(f"\n{sum(sender.answers.values()):,} inputs, {dict(sender.answers)}")
        last = await hub.accepted()
        await hub.reached(last["dossier_id"], "clock_stopped", "sent completed:1", within=300)
        assert {service: len(await hub.dead_letters(service)) for service in SERVICES} == known
