"""Traces: nothing when off; when on, one for each dossier's way, without a word about a person."""

import asyncio
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hub_events.event import Event
from hub_events.routing import DossierRoutingFailedV1
from hub_messaging import tracing
from hub_messaging.clock import real_now
from hub_messaging.jobs import Job
from hub_messaging.lanes import LaneKeeper
from hub_messaging.outbox import Outbox
from hub_messaging.outcomes import Outcome, Refused, Sent
from hub_messaging.reader import Reader
from hub_messaging.refused import RawRecord
from hub_messaging.runner import GroupRunner
from hub_messaging.work import WorkRow
from tests.messaging.conftest import ToyService, going
from tests.messaging.test_lanes import add
from tests.messaging.toy import Mischief, ToyUnitOfWork, handlers, settle, submitted
from tests.waiting import until

FOREIGN = f"00-{'f' * 32}-{'e' * 16}-01"
SECRET = "Nguyễn Văn Kín 0912345678"
"""Stands for what a person's data would be; no span may hold it."""


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Tracing is on; what is sent lies here."""
    exporter = InMemorySpanExporter()
    tracing.begin("toy", 0, SimpleSpanProcessor(exporter))
    yield exporter
    tracing.end()


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (span,) = [span for span in exporter.get_finished_spans() if span.name == name]
    return span


def written(span: ReadableSpan) -> str:
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def fact(event: Event, traceparent: str | None, dossier_id: UUID | None = None) -> RawRecord:
    """The record of an event that intake said in a trace."""
    outbox = Outbox("intake", real_now())
    outbox.publish(event, dossier_id=dossier_id or uuid4(), id=uuid4())
    outbox.keep()
    (record,) = outbox.kept
    headers = [(name, value.encode()) for name, value in json.loads(record.headers) if name != "traceparent"]
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return RawRecord("intake-dossier-events", 0, 0, tuple(headers), b"key", record.body)


def heard() -> DossierRoutingFailedV1:
    """What the toy may say."""
    return DossierRoutingFailedV1(reason="heard", leg="lead", competence="toy")


def jobs_of(toy: ToyService, *records: RawRecord) -> list[Job[ToyUnitOfWork, None]]:
    reader = Reader(toy.name, handlers())
    return [reader.job(record) for record in records]


async def ask(app: tracing.Asgi, *, path: str = "/v1/dossiers", traceparent: str | None = None) -> int:
    """One POST; its status."""
    said: list[MutableMapping[str, Any]] = []
    headers = [(b"traceparent", traceparent.encode())] if traceparent else []
    scope = {"type": "http", "method": "POST", "path": path, "query_string": SECRET.encode(), "headers": headers}

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": SECRET.encode()}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    status: int = said[0]["status"]
    return status


@dataclass
class Served:
    """A route's template, as the router leaves it in the scope."""

    path: str


def answering(status: int, act: Callable[[], Awaitable[None]] | None = None) -> tracing.Asgi:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        scope["route"] = Served("/v1/dossiers/{dossier_id}")
        if act is not None:
            await act()
        await send({"type": "http.response.start", "status": status, "headers": []})

    return app


def test_off_it_costs_no_import_and_changes_nothing() -> None:
    program = (
        "import sys; from hub_messaging import tracing, process, consumer, lanes, runner;"
        "import services.intake.bootstrap, services.routing.bootstrap, services.notify.bootstrap;"
        "f = lambda *a: None;"
        "assert tracing.served(f) is tracing.handled(f) is tracing.delivered(f) is tracing.settled(f) is f;"
        "assert tracing.carried(f) is f and tracing.headers() == {};"
        "assert tracing.published('x', None, 'as it came') == 'as it came';"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_missing_package_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ValueError, match=r"install hub-messaging\[tracing\]"):
        tracing.start("toy", 0, "http://127.0.0.1:4318/v1/traces", 1.0)
    tracing.start("toy", 0, None, 1.0)


async def test_a_request_is_named_by_its_route_and_joins_its_callers_trace(spans: InMemorySpanExporter) -> None:
    app = tracing.served(answering(201))
    assert await ask(app, traceparent=FOREIGN) == 201
    (span,) = spans.get_finished_spans()
    assert (span.name, f"{span.context.trace_id:x}") == ("POST /v1/dossiers/{dossier_id}", "f" * 32)
    assert parent_of(span) == int("e" * 16, 16)


@pytest.mark.parametrize(
    "wrong", ["", "00-zz", f"00-{'0' * 32}-{'e' * 16}-01", f"ff-{'f' * 32}-{'e' * 16}-01", f"{FOREIGN}\n"]
)
async def test_an_unreadable_traceparent_begins_a_trace(spans: InMemorySpanExporter, wrong: str) -> None:
    await ask(tracing.served(answering(201)), traceparent=wrong or None)
    (span,) = spans.get_finished_spans()
    assert span.parent is None


@pytest.mark.stack
async def test_what_a_request_publishes_goes_back_to_it_through_the_group_commit(
    spans: InMemorySpanExporter, toy: ToyService
) -> None:
    group = GroupRunner(toy.runner)
    dossier_id = uuid4()

    def run(uow: ToyUnitOfWork) -> None:
        uow.publish(heard(), dossier_id=dossier_id, id=uuid4())

    await ask(tracing.served(answering(201, lambda: group.run(Job(run=run)))))

    request = named(spans, "POST /v1/dossiers/{dossier_id}")
    publication = named(spans, f"publish {heard().type}")
    assert parent_of(publication) == request.context.span_id
    (headers,) = await toy.pool.fetch("SELECT headers FROM outbox")
    assert dict(json.loads(headers["headers"]))["traceparent"] == written(publication)


@pytest.mark.stack
async def test_one_trace_from_the_fact_to_the_call_and_what_is_told_of_it(
    spans: InMemorySpanExporter, toy: ToyService
) -> None:
    calls: list[dict[str, str]] = []

    async def deliver(row: WorkRow) -> Outcome:
        calls.append(tracing.headers())
        return Sent()

    def tell(row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[ToyUnitOfWork, None]:
        noted = settle(row, outcome, attempts)

        def run(uow: ToyUnitOfWork) -> None:
            noted.run(uow)
            uow.publish(heard(), dossier_id=row.dossier_id, id=row.id)

        return noted._replace(run=run)

    told_by_intake = fact(submitted(), FOREIGN)
    spans.clear()
    await toy.runner.run(jobs_of(toy, told_by_intake))
    consumption = named(spans, "handle dossier.submitted.v1")
    assert parent_of(consumption) == int("e" * 16, 16)
    body = json.dumps({"deep": {"traceparent": written(consumption)}}, separators=(",", ":")).encode()
    await add(toy, ("toys", uuid4()), body=body)
    lanes = LaneKeeper(
        runner=toy.runner, leases=toy.leases, bells=toy.bells, heart=toy.heart, lanes=lambda: [("toys", 1)],
        deliver=deliver, settle=tell,
    )  # fmt: skip

    async def told() -> bool:
        return bool(await toy.pool.fetchval("SELECT count(*) = 2 FROM outbox"))

    async with going(lanes):
        await until(told)

    attempt = named(spans, "deliver toy")
    assert parent_of(attempt) == consumption.context.span_id
    assert calls == [{"traceparent": written(attempt)}]
    assert {span.context.trace_id for span in spans.get_finished_spans()} == {int("f" * 32, 16)}
    assert attempt.attributes is not None
    assert attempt.attributes["hub.outcome"] == "Sent"


def test_an_event_stays_in_its_dossiers_trace_and_a_strange_callback_is_linked(spans: InMemorySpanExporter) -> None:
    async def act() -> None:
        tracing.published("dossier.completed.v1", uuid4(), FOREIGN)

    asyncio.run(ask(tracing.served(answering(204, act))))

    request, publication = named(spans, "POST /v1/dossiers/{dossier_id}"), named(spans, "publish dossier.completed.v1")
    assert f"{publication.context.trace_id:x}" == "f" * 32
    assert request.context.trace_id != publication.context.trace_id
    assert [link.context.trace_id for link in publication.links] == [request.context.trace_id]
    assert [link.context.trace_id for link in request.links] == [publication.context.trace_id]


def test_who_does_not_keep_a_trace_is_followed(spans: InMemorySpanExporter) -> None:
    given = f"{FOREIGN[:-2]}00"
    handed_on = tracing.published("dossier.completed.v1", uuid4(), given)
    assert spans.get_finished_spans() == ()
    assert handed_on is not None
    assert (handed_on[:35], handed_on[-3:]) == (given[:35], "-00")


@pytest.mark.stack
async def test_no_span_holds_what_was_sent_or_what_went_wrong(spans: InMemorySpanExporter, toy: ToyService) -> None:
    kinds = (Mischief.NONE, Mischief.BUG, Mischief.NOT_YET, Mischief.CANNOT)
    await toy.runner.run(jobs_of(toy, *(fact(submitted(f"{kind}:{SECRET}"), None) for kind in kinds)))

    async def broken() -> None:
        raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        await ask(tracing.served(answering(500, broken)), path=f"/{SECRET}")

    everything = "".join(span.to_json() + repr(span) for span in spans.get_finished_spans())
    assert "ZeroDivisionError" in everything
    assert "ValueError" in everything
    assert "0912345678" not in everything


def test_spans_reach_a_collector_and_one_that_is_away_delays_no_end() -> None:
    received: list[ExportTraceServiceRequest] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    program = (
        "import sys; from uuid import uuid4; from hub_messaging import tracing;"
        "tracing.start('toy', 3, sys.argv[1], 1.0); tracing.published('dossier.routed.v1', uuid4(), None)"
    )
    for port in (server.server_port, 9):
        url = f"http://127.0.0.1:{port}/v1/traces"
        subprocess.run([sys.executable, "-c", program, url], check=True, timeout=30, capture_output=True)
    server.shutdown()

    (request,) = received
    (told,) = request.resource_spans
    about = {pair.key: pair.value.string_value for pair in told.resource.attributes}
    assert (about["service.name"], about["service.instance.id"]) == ("toy", "3")
    assert [span.name for scope in told.scope_spans for span in scope.spans] == ["publish dossier.routed.v1"]
