"""Whatever bytes a record is made of, it becomes a job or a refusal that can be stored, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_events.event import Envelope, Fact, to_headers, type_in
from hub_events.intake import DossierAcceptedV1, DossierRefusedV1, DossierSubmittedV1
from hub_events.routing import DossierRoutedV1
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.jobs import StopReading
from hub_messaging.reader import BUGS_IN_A_ROW, Handler, Reader, on_dossier
from hub_messaging.refused import RawRecord, headers_as_text, headers_from_text
from hub_messaging.runner import _run
from tests.messaging.toy import ToyUnitOfWork, handlers, submitted

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BODY = submitted().model_dump_json(exclude_none=True).encode()


@pytest.fixture
def reader(own_topics: str) -> Reader[ToyUnitOfWork]:
    return Reader(f"toy-{own_topics}", handlers())


@pytest.fixture
def service(own_topics: str) -> str:
    return f"toy-{own_topics}"


def record(body: bytes | None, headers: Any, offset: int = 0) -> RawRecord:
    return RawRecord("intake-dossier-events", 0, offset, tuple(headers), b"key", body)


def headers(**changes: bytes) -> list[tuple[str, bytes]]:
    envelope = Envelope(uuid4(), "dossier.submitted.v1", "/hub/intake", str(uuid4()), NOW, datetime.now(UTC))
    return [*(dict(to_headers(envelope)) | changes).items()]


names = st.sampled_from([name for name, _ in headers()]) | st.text(max_size=10)
values = st.binary(max_size=60) | st.sampled_from([value for _, value in headers()])


@given(st.lists(st.tuples(names, values), max_size=12), st.none() | st.binary(max_size=200) | st.just(BODY))
@settings(max_examples=400, deadline=None)
def test_any_bytes_end_as_done_dead_or_waiting(any_headers: list[tuple[str, bytes]], body: bytes | None) -> None:
    ends_somehow(record(body, any_headers))


@given(st.dictionaries(st.sampled_from([name for name, _ in headers()]), values, max_size=3), st.just(BODY))
@settings(max_examples=400, deadline=None)
def test_any_slip_in_good_headers_ends_as_done_dead_or_waiting(slips: dict[str, bytes], body: bytes) -> None:
    ends_somehow(record(body, headers(**slips)))


@given(st.integers(0, len(BODY) - 1), st.binary(min_size=0, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_slip_in_a_good_body_ends_as_done_dead_or_waiting(at: int, bytes_instead: bytes) -> None:
    ends_somehow(record(BODY[:at] + bytes_instead + BODY[at + 1 :], headers()))


def ends_somehow(raw: RawRecord) -> None:
    reader: Reader[ToyUnitOfWork] = Reader("routing", SOME)
    reader.handles(raw)
    job = reader.job(raw)
    uow = ToyUnitOfWork("intake", NOW)
    _run(job, uow, set() if job.inbox is None else {job.inbox})
    ends = len(uow.toys._changed) + len(uow.refusals.kept)
    assert ends == 1
    for refusal in uow.refusals.kept:
        assert headers_from_text(headers_as_text(refusal.record.headers)) == refusal.record.headers


def note(fact: Fact[DossierSubmittedV1], uow: ToyUnitOfWork) -> None:
    from tests.messaging.toy import hear

    hear(uow, fact.dossier_id, fact.id)


SOME: list[Handler[ToyUnitOfWork]] = [Handler(DossierSubmittedV1, note, on_dossier("toys"))]


def test_a_handler_for_what_no_topic_of_the_service_says_is_refused_at_the_start(service: str) -> None:
    with pytest.raises(ValueError, match=r"dossier\.routed\.v1"):
        Reader(service, [Handler(DossierRoutedV1, note, on_dossier("toys"))])


def test_types_are_skipped_by_their_header_alone(reader: Reader[ToyUnitOfWork]) -> None:
    def handled(kind: bytes) -> bool:
        return reader.handles(record(b"", headers(ce_type=kind)))

    assert handled(b"dossier.submitted.v1")
    assert handled(b"dossier.submitted.v9")
    assert not handled(b"dossier.accepted.v1")
    assert not handled(b"dossier.something_new.v1")
    assert handled(b"\xff")
    assert handled(b"")
    assert handled(b"\x00")
    assert reader.handles(record(b"", []))


def reject(error: Exception) -> list[Handler[ToyUnitOfWork]]:
    def handle(_fact: Fact[Any], _uow: ToyUnitOfWork) -> None:
        raise error

    return [Handler(DossierSubmittedV1, handle, on_dossier("toys"))]


def refuse_one(service: str, error: Exception, offset: int = 0, reader: Any = None) -> ToyUnitOfWork:
    reader = reader or Reader(service, reject(error))
    job = reader.job(record(BODY, headers(), offset))
    uow = ToyUnitOfWork("intake", NOW)
    _run(job, uow, {job.inbox})
    return uow


def test_a_refusal_keeps_its_reason_and_a_bug_only_its_kind(service: str) -> None:
    (dead,) = refuse_one(service, CannotProcess("no-such-desk", "H26")).refusals.kept
    assert (dead.state, dead.reason) == ("dead", "no-such-desk")
    (waiting,) = refuse_one(service, NotYet("no-such-desk")).refusals.kept
    assert (waiting.state, waiting.reason) == ("waiting", "no-such-desk")
    (bug,) = refuse_one(service, KeyError("Nguyễn Văn A")).refusals.kept
    assert (bug.reason, bug.detail) == ("bug", "KeyError")


def test_a_handler_gets_a_second_try_alone(service: str) -> None:
    tries = []

    def handle(fact: Fact[Any], uow: ToyUnitOfWork) -> None:
        tries.append(len(uow.toys._staged))
        note(fact, uow)
        if len(tries) == 1:
            raise RuntimeError

    reader: Reader[ToyUnitOfWork] = Reader(service, [Handler(DossierSubmittedV1, handle, on_dossier("toys"))])
    uow = refuse_one(service, RuntimeError(), reader=reader)
    assert tries == [0, 0]
    assert uow.refusals.kept == []


def test_a_bug_in_naming_the_aggregates_is_a_dead_letter_too(service: str) -> None:
    def keys(_fact: Fact[Any]) -> Any:
        raise AttributeError

    reader: Reader[ToyUnitOfWork] = Reader(service, [Handler(DossierSubmittedV1, note, keys)])
    assert refuse_one(service, AttributeError(), reader=reader).refusals.kept[0].reason == "bug"


def test_a_batch_that_runs_again_counts_each_bug_once(service: str) -> None:
    reader = Reader(service, reject(ZeroDivisionError()))
    for _ in range(5):
        for offset in range(BUGS_IN_A_ROW):
            refuse_one(service, ZeroDivisionError(), offset, reader)
    with pytest.raises(StopReading) as stop:
        refuse_one(service, ZeroDivisionError(), BUGS_IN_A_ROW, reader)
    assert (stop.value.topic, stop.value.partition) == ("intake-dossier-events", 0)


def test_the_same_event_refused_twice_is_one_dead_letter(service: str) -> None:
    reader: Reader[ToyUnitOfWork] = Reader(service, SOME)
    raw = record(b"{", headers())
    first, second = reader.job(raw), reader.job(raw)
    assert first.inbox == second.inbox is not None


def test_a_handler_that_may_be_repeated_claims_no_id_but_what_it_cannot_read_is_one_dead_letter(service: str) -> None:
    reader: Reader[ToyUnitOfWork] = Reader(service, [replace(SOME[0], repeatable=True)])
    assert reader.job(record(BODY, headers())).inbox is None
    assert reader.job(record(b"{", headers())).inbox is not None


def test_the_type_is_read_only_where_it_can_be() -> None:
    assert type_in([("ce_type", b"a")]) == "a"
    assert type_in([("ce_type", b"\xff")]) is None
    assert DossierAcceptedV1.type != DossierRefusedV1.type
