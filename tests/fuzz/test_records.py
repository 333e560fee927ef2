"""Bản ghi Kafka và niêm phong: nearly right records and seals end as done, dead or waiting, and tell nothing."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_events.event import Event, Fact, ReferenceEvent
from hub_events.examples import examples_read_by
from hub_events.topics import topics_read_by
from hub_local.layout import SERVICES
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.reader import Handler, Reader, on_dossier
from hub_messaging.refused import RawRecord, headers_as_text, headers_from_text
from hub_messaging.runner import _run
from hub_messaging.sealing import SealingKeys
from tests.canary import found_in
from tests.fuzz.mutations import CANARY, Mutations, many, refused
from tests.hosted import new_key
from tests.messaging.toy import ToyUnitOfWork, hear

UNREADABLE = {"unreadable-headers", "unknown-version", "too-old", "invalid-body", "invalid-subject"}
SLOWEST_SECONDS = 2.0
PERSON = {"full_name": CANARY, "phone": "+84912987654"}


class Records:
    """Examples with slips, as one service reads them."""

    def __init__(self, service: str) -> None:
        self._examples = examples_read_by(service)
        events = {event for topic in topics_read_by(service) for event in topic.events}
        self._reader: Reader[ToyUnitOfWork] = Reader(service, map(_handler, events))
        self.ends: dict[str, int] = {}

    def read_one(self, slips: Mutations) -> None:
        """One record: it is skipped, heard, or kept with a reason out of the closed list, soon and in silence."""
        record = self._record(slips)
        began = time.perf_counter()
        if not self._reader.handles(record):
            self._count("skipped")
            return
        job = self._reader.job(record)
        uow = ToyUnitOfWork("intake", datetime.now(UTC))
        _run(job, uow, set() if job.inbox is None else {job.inbox})
        assert time.perf_counter() - began < SLOWEST_SECONDS
        kept = uow.refusals.kept
        assert len(uow.toys._changed) + len(kept) == 1
        for refusal in kept:
            assert (refusal.state, refusal.reason in UNREADABLE) == ("dead", True), refusal.reason
            assert found_in(refusal.detail) == []
            assert headers_from_text(headers_as_text(refusal.record.headers)) == refusal.record.headers
            self._count(refusal.reason)
        if not kept:
            self._count("done")

    def _record(self, slips: Mutations) -> RawRecord:
        example = slips.one_of(self._examples)
        headers, body = dict(example.headers), example.body
        headers |= {"ce_id": str(uuid4()).encode(), "ce_recordedtime": datetime.now(UTC).isoformat().encode()}
        raw = example.value
        if slips.often(0.6):
            text = json.dumps(slips.of_json(body), ensure_ascii=slips.often(0.5))
            raw = text.encode("utf-8", "surrogatepass")
        if slips.often(0.3):
            raw = slips.of_bytes(raw)
        if slips.often(0.3):
            name = slips.one_of(list(headers))
            headers[name] = slips.of_bytes(headers[name])
        if slips.often(0.1):
            del headers[slips.one_of(list(headers))]
        if slips.often(0.1):
            headers["ce_subject"] = CANARY.encode()
        return RawRecord("any", 0, 0, tuple(headers.items()), b"key", raw if slips.often(0.99) else None)

    def _count(self, end: str) -> None:
        self.ends[end] = self.ends.get(end, 0) + 1


def _header(protected: str) -> Any:
    return json.loads(urlsafe_b64decode(protected + "=="))


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _note(fact: Fact[Event], uow: ToyUnitOfWork) -> None:
    """Hears the fact, and writes and reads its body again: what was taken can be published."""
    assert type(fact.data).model_validate_json(fact.data.model_dump_json()) == fact.data
    hear(uow, fact.id if isinstance(fact.data, ReferenceEvent) else fact.dossier_id, fact.id)


def _handler(event: type[Event]) -> Handler[ToyUnitOfWork]:
    if issubclass(event, ReferenceEvent):
        return Handler(event, _note, lambda fact: {"toys": (fact.id,)}, repeatable=True)
    return Handler(event, _note, on_dossier("toys"))


@pytest.mark.parametrize("quoted", [CANARY, json.dumps(CANARY), repr(CANARY.encode()), "+84912987654"])
def test_what_is_planted_is_found_however_it_is_quoted(quoted: str) -> None:
    assert found_in(quoted) != []


@many(quick=1_000, long=150_000)
@pytest.mark.parametrize("service", SERVICES)
def test_nearly_right_records_are_done_skipped_or_dead(service: str, count: int) -> None:
    records = Records(service)
    Mutations(seed=1).all_hold(count, records.read_one)
    print(service, records.ends)
    assert {"done", "skipped", "invalid-body", "unreadable-headers", "unknown-version"} <= records.ends.keys()


@many(quick=3_000, long=300_000)
def test_nearly_right_seals_stay_shut_or_hold_what_was_sealed(tmp_path: Path, count: int) -> None:
    file, dossier = tmp_path / "keys.json", UUID("01a20275-c3d9-73ea-a8d8-c3252160873f")
    file.write_text(json.dumps({"contact": [new_key("c1")], "form": [new_key("f1")]}))
    keys = SealingKeys.read(file)
    sealed = keys.seal("contact", dossier, PERSON)

    def open_one(slips: Mutations) -> None:
        protected, rest = sealed.split(".", 1)
        if slips.often(0.3):
            header = json.dumps(slips.of_json(_header(protected)), ensure_ascii=False)
            public = header.replace(CANARY, "c2").encode("utf-8", "surrogatepass")  # a key's id is told
            protected = _base64(slips.of_bytes(public))
        changed = slips.of_bytes(f"{protected}.{rest}".encode()).decode("utf-8", "surrogateescape")
        said = refused(lambda: opens_to_the_person(changed), (CannotProcess, NotYet))
        assert found_in(said) == []

    def opens_to_the_person(seal: str) -> None:
        assert keys.open("contact", dossier, seal) == PERSON

    Mutations(seed=2).all_hold(count, open_one)


@many(quick=1_000, long=50_000)
def test_a_nearly_right_key_file_is_read_or_refused_without_a_key(tmp_path: Path, count: int) -> None:
    file, secret = tmp_path / "keys.json", new_key("c1")
    good: dict[str, Any] = {"contact": [secret, new_key("c0")], "form": [new_key("f1")]}

    def read_one(slips: Mutations) -> None:
        text = json.dumps(slips.of_json(good)).encode()
        file.write_bytes(slips.of_bytes(text) if slips.often(0.3) else text)
        said = refused(lambda: SealingKeys.read(file), ValueError)
        assert said == "" or said.startswith("keys.json is not")
        assert secret["k"] not in said

    Mutations(seed=3).all_hold(count, read_one)
