"""Dấu vết: one trace tells a dossier's whole way, seen by a collector that all services of a hub send to."""

import http.server
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hub_local.keys import Keys
from hub_local.layout import Layout
from hub_local.stack import Stack
from hub_local.steps import Step
from hub_local.supervisor import Program, Report
from tests.flows.hub import MORNING, visiting
from tests.flows.stacks import observed_hub
from tests.stack import Place, running
from tests.waiting import until

pytestmark = pytest.mark.stack
SERVICES = ("intake", "routing", "notify", "sla")


class Collector(http.server.ThreadingHTTPServer):
    """Keeps what is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.spans: list[tuple[str, str, bytes]] = []
        self.raw = b""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> None:
        self.raw += body
        for told in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [pair.value.string_value for pair in told.resource.attributes if pair.key == "service.name"]
            self.spans += [(service, span.name, span.trace_id) for scope in told.scope_spans for span in scope.spans]

    async def trace(self, name: str) -> set[tuple[str, str]]:
        """Services and spans of the trace of the newest span of this name."""
        traces = [trace for _, found, trace in self.spans if found == name]
        return {(service, found) for service, found, trace in self.spans if traces and trace == traces[-1]}


class _Taking(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.take(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """A test's collector says nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.shutdown()


@pytest.fixture(scope="module")
def traced_stack(place: Place, collector: Collector) -> Iterator[Stack]:
    """The whole hub, each service sending its traces."""

    def traced(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
        url = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        return [
            replace(step, environment={**step.environment, f"{step.name.upper()}_TRACES_URL": url})
            if isinstance(step, Program) and step.name in SERVICES
            else step
            for step in observed_hub(layout, keys, report)
        ]

    with running(Stack(place.layout("traced"), plan=traced)) as stack:
        yield stack


@pytest.mark.timeout(400)
async def test_one_trace_links_desk_routing_agency_callback_and_message(
    traced_stack: Stack, collector: Collector
) -> None:
    way = {
        ("intake", "POST /v1/dossiers"),
        ("intake", "publish dossier.accepted.v1"),
        ("routing", "handle dossier.accepted.v1"),
        ("routing", "deliver dossier"),
        ("routing", "publish dossier.handed_over.v1"),
        ("routing", "POST /v1/callbacks/{agency_code}"),
        ("routing", "publish dossier.completed.v1"),
        ("sla", "handle dossier.accepted.v1"),
        ("notify", "handle dossier.completed.v1"),
        ("notify", "deliver accepted:1"),
        ("notify", "publish message.sent.v1"),
        ("intake", "handle dossier.completed.v1"),
    }
    async with visiting(traced_stack) as hub:
        await hub.moved_to(MORNING)
        body = await hub.body()
        receipt = await hub.post("/v1/dossiers", {**body, "acceptance": {"officer": "CB-001"}})
        await hub.reached(receipt["dossier_id"], "completed", "clock_stopped", "sent completed:1", within=60)

        async def missing() -> set[tuple[str, str]]:
            return way - await collector.trace("POST /v1/dossiers")

        await until(missing, lambda left: not left, "the trace tells the whole way", within=60)

    assert body["contact"]["phone"].encode() not in collector.raw
    assert body["applicant"]["full_name"].encode() not in collector.raw
