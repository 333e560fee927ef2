"""Mọi địa chỉ HTTP: whatever is sent, each service answers soon, never 5xx, as its document says, and tells nothing."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from tests.flows.hub import DESK, THREE_DAYS, visiting
from tests.fuzz.mutations import CANARY, STRANGE, Mutations, many

pytestmark = pytest.mark.stack

SLOWEST_SECONDS = 20.0
AT_ONCE = 16
PROBLEM = "application/problem+json"
PERSONAL = {"full_name", "address", "request", "note"}
Case = schemathesis.Case[Any]
load_all_checks()


@pytest.fixture(autouse=True)
def whole(hub_stack: Stack) -> Iterator[None]:
    """After each test: no log and no metric holds what was planted, and every process is the one that it was.

    Lanes that a request has paused, as it may, go on: other tests share this hub.
    """
    before = {status.name: (status.pid, status.restarts) for status in hub_stack.statuses}
    yield
    for file in hub_stack.layout.logs.glob("*.log"):
        assert CANARY.encode() not in file.read_bytes(), file.name
    for name in (*SERVICES, "sandbox"):
        metrics = requests.get(hub_stack.layout.url(f"{name}-probe") + "/metrics", timeout=20).text
        assert CANARY not in metrics, name
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
    assert CANARY not in response.text
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


def likely(case: Case) -> None:
    """Makes what was generated go deeper: a procedure and a desk that exist, something personal, the usual key."""
    case.body = planted(case.body)
    if isinstance(case.body, dict) and isinstance(case.body.get("procedure_code"), str):
        case.body |= {"procedure_code": THREE_DAYS, "desk_code": DESK, "case": None, "received_at": None}


@many(quick=1, long=60)
@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_answers_as_its_document_says(hub_stack: Stack, service: str, count: int) -> None:
    schema = schemathesis.openapi.from_url(hub_stack.layout.url(service) + "/openapi.json")
    answers: Counter[int] = Counter()
    session, credentials = requests.Session(), Credentials(hub_stack)

    def try_one(case: Case) -> None:
        likely(case)
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
def test_calls_in_any_order_are_answered(hub_stack: Stack, service: str, count: int) -> None:
    schema = schemathesis.openapi.from_url(hub_stack.layout.url(service) + "/openapi.json")
    answers: Counter[int] = Counter()
    credentials = Credentials(hub_stack)

    class Calls(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case) -> None:
            likely(case)

        def get_call_kwargs(self, _case: Case) -> dict[str, Any]:
            return {"auth": credentials, "timeout": SLOWEST_SECONDS}

        def validate_response(self, response: schemathesis.Response, case: Case, **_: Any) -> None:
            answers[response.status_code] += 1
            check(case, response)

    Calls.run(settings=settings(max_examples=count, stateful_step_count=8, deadline=None, database=None,
                                derandomize=True, suppress_health_check=list(HealthCheck)))  # fmt: skip
    print(f"\n{service}: {sum(answers.values()):,} inputs, {dict(answers)}")


@dataclass(frozen=True, slots=True)
class Good:
    """A request that is right; `body` None: there is none."""

    service: str
    method: str
    path: str
    body: Any = None


def good_requests(dossier_id: str, agency: str) -> list[Good]:
    """What clients send, about one dossier and its agency."""
    said = {"dossier_id": dossier_id, "leg": "lead", "at": datetime.now(VIETNAM).isoformat(), "foreign_number": "1"}
    officer: dict[str, Any] = {"officer": "CB-001"}
    paper = {"code": "residence-form", "originals": 1, "copies": 0}
    date = {"due_at": "2027-01-04T17:00:00+07:00", "reason": CANARY}
    callbacks: list[dict[str, Any]] = [
        {"type": "acknowledged"},
        {"type": "step", "step": {"code": "appraisal", "name": "Thẩm định", "officer": "CB-01"}},
        {"type": "supplement_asked", "items": [{"code": "residence-form", "note": CANARY}], "reason": CANARY},
        {"type": "completed", "result": {"code": "approved", "number": "KQ-1", "signed_at": said["at"]}},
    ]
    decisions = {
        "accept": {**officer, "promised": date},
        "request-supplement": {**officer, "components": ["residence-form"], "reason": CANARY},
        "supplement": {**officer, "components": [paper], "form": {"note": CANARY}, "promised": date},
        "refuse": {**officer, "reason_code": "not-entitled", "reason": CANARY},
    }
    reads = {
        "intake": (f"dossiers/{dossier_id}", f"dossiers/{dossier_id}/timeline", "dossiers?code=H26.15.01-260302-0001",
                   "procedures/1.004194", "intake/stuck?limit=5&cursor=x", "intake/dead-letters?state=dead&cursor=x"),
        "routing": (f"transfers/{dossier_id}", "transfers?state=completed&limit=2&cursor=x", f"lanes/{agency}/work"),
        "notify": (f"notices/{dossier_id}", "notices?state=sent&limit=2&cursor=x", "suppliers"),
        "sla": (f"deadlines/{dossier_id}", "deadlines?state=stopped&differs=true&limit=2&cursor=x", "calendars"),
    }  # fmt: skip
    return [
        *(Good("intake", "POST", "/v1/dossiers", body) for body in (SUBMISSION, {**SUBMISSION, "acceptance": officer})),
        *(Good("intake", "POST", f"/v1/dossiers/{dossier_id}/{what}", body) for what, body in decisions.items()),
        *(Good("routing", "POST", f"/v1/callbacks/{agency}", {**said, **body}) for body in callbacks),
        *(Good(service, "GET", f"/v1/{path}") for service, paths in reads.items() for path in paths),
    ]


SUBMISSION: Mapping[str, Any] = {
    "procedure_code": THREE_DAYS, "desk_code": DESK, "channel": "counter", "territory": "00070", "request": CANARY,
    "applicant": {"kind": "citizen", "full_name": CANARY, "personal_id": "001987654321", "address": CANARY},
    "contact": {"full_name": CANARY, "phone": "0912 987 654", "email": "canary@example.org"},
    "form": {"note": CANARY, "list": [1, 2.5, None, {"deep": [CANARY]}]},
    "components": [{"code": "residence-form", "originals": 1}, {"code": "lawful-residence", "copies": 1}],
}  # fmt: skip


class NearlyRight:
    """Good requests with slips, sent over real sockets."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession, good: list[Good]) -> None:
        self._stack, self._http, self._good = stack, http, good
        self._credentials = Credentials(stack)
        self.answers: Counter[int] = Counter()

    async def send(self, count: int, slips: Mutations) -> None:
        """`count` requests, one after the other."""
        for _ in range(count):
            good = slips.one_of(self._good)
            body = b"" if good.body is None else self._body(good.body, slips)
            headers = self._headers(body, slips)
            await self._send_one(good, self._path(good.path, slips), headers, body)

    async def _send_one(self, good: Good, path: str, headers: dict[str, str], body: bytes) -> None:
        told = f"{good.method} {good.service} {path!r} {headers.keys()} {body[:300]!r}"
        began = time.monotonic()
        url = self._stack.layout.url(good.service) + path
        async with self._http.request(good.method, url, headers=headers, data=body or None) as answer:
            text = await answer.text()
        self.answers[answer.status] += 1
        assert answer.status < 500, told
        assert time.monotonic() - began < SLOWEST_SECONDS, told
        assert CANARY not in text, told
        assert answer.status < 400 or answer.content_type == PROBLEM, told

    def _body(self, good: Any, slips: Mutations) -> bytes:
        body = json.dumps(slips.of_json(good) if slips.often(0.8) else good).encode()
        return slips.of_bytes(body) if slips.often(0.2) else body

    def _path(self, path: str, slips: Mutations) -> str:
        if slips.often(0.7):
            return path
        end = str(slips.one_of(STRANGE)).encode("utf-8", "replace").hex("%")[:600]
        return f"{path.rsplit('/', slips.one_of((0, 1)))[0]}{slips.one_of(('/', '?cursor=', '&limit='))}%{end}"

    def _headers(self, body: bytes, slips: Mutations) -> dict[str, str]:
        headers = {"content-type": "application/json", "idempotency-key": str(uuid4()), **self._credentials.of(body)}
        if slips.often(0.2):
            name = slips.one_of(list(headers))
            raw = slips.of_bytes(headers[name].encode()).decode("latin-1")
            headers[name] = "".join(letter for letter in raw if letter.isprintable())[:4_000]
        if slips.often(0.1):
            del headers[slips.one_of(list(headers))]
        return headers


@many(quick=300, long=80_000)
async def test_nearly_right_requests_are_answered_and_what_is_taken_can_be_read_by_all(
    hub_stack: Stack, count: int
) -> None:
    timeout = aiohttp.ClientTimeout(total=60)
    async with visiting(hub_stack) as hub, aiohttp.ClientSession(timeout=timeout) as http:
        await hub.moved_to(datetime.now(VIETNAM))
        known = {service: len(await hub.dead_letters(service)) for service in SERVICES}
        receipt = await hub.accepted()
        await hub.reached(receipt["dossier_id"], "clock_stopped")
        agency = (await hub.transfer(receipt["dossier_id"]))["legs"][0]["agency"]["code"]
        sender = NearlyRight(hub_stack, http, good_requests(receipt["dossier_id"], agency))
        await asyncio.gather(*(sender.send(count // AT_ONCE, Mutations(seed=9 + n)) for n in range(AT_ONCE)))
        print(f"\n{sum(sender.answers.values()):,} inputs, {dict(sender.answers)}")
        last = await hub.accepted()
        await hub.reached(last["dossier_id"], "clock_stopped", "sent completed:1", within=300)
        assert {service: len(await hub.dead_letters(service)) for service in SERVICES} == known
