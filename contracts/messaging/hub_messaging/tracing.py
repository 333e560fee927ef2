"""Dấu vết: one OpenTelemetry trace for each dossier's way, from HTTP through outbox, Kafka and work row to the agency.

Off unless `traces_url` is set: nothing of the OpenTelemetry SDK is imported then, and every function here hands back
what it was given. What travels is a W3C `traceparent`: in the envelope of an event, in the body of a work row (JSON,
at whatever depth), in the head of a call. Spans carry ids, codes and types; never a body, a path, an error's words.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import structlog

from hub_events.event import Envelope, Fact

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, SpanContext, Tracer

    from hub_messaging.jobs import Job
    from hub_messaging.work import WorkRow

log = structlog.get_logger(__name__)

HEADER = "traceparent"
COMPLAINT_SECONDS = 60.0
EXPORT_SECONDS = 2.0
"""Longest wait for a collector: one that is away must not hold up the end of a process."""
_WRITTEN = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_IN_A_BODY = re.compile(rb'"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"')
# A quote inside a JSON text is escaped, so no text that somebody sent can look like this member.

A = TypeVar("A")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Handle = Callable[[Fact[Any], Any], None]
Deliver = Callable[["WorkRow"], Awaitable[Any]]
Settle = Callable[["WorkRow", Any, int], "Job[Any, None]"]

_tracer: "Tracer | None" = None


def start(service: str, slot: int, url: str | None, share: float) -> None:
    """Turns tracing on when `url` names a collector (OTLP over HTTP, the whole address). `share`: of traces begun here.

    Raises ValueError when the packages for it are not installed.
    """
    if url is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ValueError(
            "TRACES_URL is set, but OpenTelemetry is not installed: install hub-messaging[tracing], or unset it"
        ) from None
    library = logging.getLogger("opentelemetry")
    library.addHandler(_Complaints())
    library.propagate = False
    begin(service, slot, BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)), share)


class _Complaints(logging.Handler):
    """What the library says about every batch, when its collector is away, as one line of ours a minute."""

    _quiet_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + COMPLAINT_SECONDS
            log.warning("traces_not_sent", said_by=record.name)


def begin(service: str, slot: int, processor: "SpanProcessor", share: float = 1.0) -> None:
    """Sends the spans of this process to `processor`."""
    global _tracer  # noqa: PLW0603 - one process, one tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    resource = Resource({"service.namespace": "mot-cua-hub", "service.name": service, "service.instance.id": str(slot)})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(share))
    provider.add_span_processor(processor)  # sent to its end when the interpreter exits
    _tracer = provider.get_tracer("hub_messaging")


def end() -> None:
    """Turns tracing off."""
    global _tracer  # noqa: PLW0603
    _tracer = None


def served(app: Asgi) -> Asgi:
    """The application with a span for each request, named by its route."""
    if _tracer is None:
        return app

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        method = scope["method"]
        with _span(method, "SERVER", _remote(_header(scope)), {"http.request.method": method}) as span:

            async def noting(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    _note_answer(span, scope, message["status"])
                await send(message)

            await app(scope, receive, noting)

    return traced


def handled(handle: Handle) -> Handle:
    """The handler with a span for each fact; what the handler publishes or keeps of the envelope goes back to it."""
    if _tracer is None:
        return handle

    def traced(fact: Fact[Any], uow: Any) -> None:
        envelope = fact.envelope
        if _left_out(envelope.traceparent):
            return handle(fact, uow)
        with _span(f"handle {envelope.type}", "CONSUMER", _remote(envelope.traceparent), _named(envelope)) as span:
            handle(Fact(envelope._replace(traceparent=_written(span.get_span_context())), fact.data), uow)

    return traced


def delivered(deliver: Deliver) -> Deliver:
    """The attempt with a span of its own, under what made the work row."""
    if _tracer is None:
        return deliver

    async def traced(row: "WorkRow") -> Any:
        what = {
            "hub.lane": row.lane,
            "hub.work_id": str(row.id),
            "hub.dossier_id": str(row.dossier_id),
            "hub.attempt": row.attempts + 1,
        }
        with _span(f"deliver {row.kind}", "CLIENT", _remote(_in_body(row.body)), what) as span:
            outcome = await deliver(row)
            span.set_attribute("hub.outcome", type(outcome).__name__)
            if reason := getattr(outcome, "reason", None):
                _fail(span, reason)
            return outcome

    return traced


def settled(settle: Settle) -> Settle:
    """What is told of an outcome belongs to the trace of its work row."""
    if _tracer is None:
        return settle

    def traced(row: "WorkRow", outcome: Any, attempts: int) -> "Job[Any, None]":
        from opentelemetry.context import attach, detach

        job, parent = settle(row, outcome, attempts), _remote(_in_body(row.body))

        def run(uow: Any) -> None:
            token = attach(parent)
            try:
                job.run(uow)
            finally:
                detach(token)

        return job._replace(run=run)

    return traced


def carried(job: "Job[Any, A]") -> "Job[Any, A]":
    """The job as part of the caller's span, whoever runs it."""
    if _tracer is None:
        return job
    context = copy_context()
    return job._replace(run=lambda uow: context.run(job.run, uow))


def published(event_type: str, event_id: UUID, because: str | None) -> str | None:
    """The traceparent of an event that is published now. `because`: that of its cause.

    An event stays in the trace of its dossier; a callback that came in a trace of its own is linked.
    """
    if _tracer is None or _left_out(because):
        return because
    from opentelemetry.trace import Link, SpanKind, get_current_span

    here, cause = get_current_span().get_span_context(), _span_context(because)
    elsewhere = cause is not None and here.is_valid and here.trace_id != cause.trace_id
    parent = cause if cause is not None and (elsewhere or not here.is_valid) else here
    span = _tracer.start_span(
        f"publish {event_type}",
        context=_context(parent),
        kind=SpanKind.PRODUCER,
        attributes={"messaging.system": "kafka", "messaging.message.id": str(event_id)},
        links=[Link(here)] if elsewhere else (),
    )
    if elsewhere and cause is not None:
        get_current_span().add_link(cause)
    span.end()
    return _written(span.get_span_context())


def headers() -> dict[str, str]:
    """What a call to an outside party carries."""
    if _tracer is None:
        return {}
    from opentelemetry.trace import get_current_span

    here = get_current_span().get_span_context()
    return {HEADER: _written(here)} if here.is_valid else {}


@contextmanager
def _span(name: str, kind: str, parent: "Context", attributes: Mapping[str, Any]) -> "Iterator[Span]":
    from opentelemetry.trace import SpanKind

    assert _tracer is not None
    with _tracer.start_as_current_span(
        name,
        context=parent,
        kind=SpanKind[kind],
        attributes=attributes,
        record_exception=False,  # an exception's words may tell of a person
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            _fail(span, getattr(error, "reason", None) or type(error).__name__)
            raise


def _fail(span: "Span", reason: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, reason))


def _note_answer(span: "Span", scope: Scope, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if route := getattr(scope.get("route"), "path", None):
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    if status >= 500:
        _fail(span, f"http-{status}")


def _named(envelope: Envelope) -> dict[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.message.id": str(envelope.id),
        "hub.source": envelope.source,
        "hub.dossier_id": envelope.subject,
    }


def _header(scope: Scope) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)


def _left_out(written: str | None) -> bool:
    """Whether the beginner of the trace chose not to keep it: then no span is made of it (see `traces_share`)."""
    return written is not None and written.endswith("-00")


def _in_body(body: bytes) -> str | None:
    found = _IN_A_BODY.search(body)
    return found[1].decode() if found else None


def _span_context(written: str | None) -> "SpanContext | None":
    """None: absent or unreadable; then a trace begins here."""
    from opentelemetry.trace import SpanContext, TraceFlags

    parts = _WRITTEN.fullmatch(written) if written is not None else None
    if parts is None:
        return None
    found = SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=TraceFlags(int(parts[3], 16)))
    return found if found.is_valid else None


def _remote(written: str | None) -> "Context":
    return _context(_span_context(written))


def _context(parent: "SpanContext | None") -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    return Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())


def _written(here: "SpanContext") -> str:
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags & 1:02x}"
