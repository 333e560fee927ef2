"""Người đọc: every published example of every version is understood by every service that reads its topic."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest

from hub_events.event import from_headers, to_headers
from hub_events.examples import Example, examples_read_by
from hub_events.topics import COMPACTED, TOPICS
from hub_local.layout import SERVICES
from hub_messaging.clock import real_now
from hub_messaging.database import Pool, open_pool
from hub_messaging.jobs import Done, Failed
from hub_messaging.reader import Reader
from hub_messaging.refused import RawRecord
from hub_messaging.runner import Runner
from tests.joined import Joined, join
from tests.stack import PostgresServer


@pytest.fixture(scope="module", params=SERVICES)
def joined(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """Each service in turn."""
    return join(request.param, tmp_path_factory.mktemp("joined"))


@dataclass
class Listener:
    """A service's own handlers on a database of its own."""

    reader: Reader[Any]
    runner: Runner[Any]
    pool: Pool

    async def hear(self, records: Iterable[RawRecord]) -> list[str]:
        """The types that were taken, one batch for each; what isn't understood fails the test."""
        taken = []
        for record in filter(self.reader.handles, records):
            (result,) = await self.runner.run([self.reader.job(record)])
            type = from_headers(record.headers).type
            assert isinstance(result, Done), (type, result.error if isinstance(result, Failed) else result)
            taken.append(type)
        assert await self.pool.fetch("SELECT type, state, reason, detail FROM refused_record") == []
        return taken


@asynccontextmanager
async def listening(joined: Joined, postgres: PostgresServer) -> AsyncIterator[Listener]:
    spine = joined.spine
    pool = await open_pool(await postgres.database(joined.name), 2)
    yield Listener(Reader(joined.name, joined.handlers), Runner(pool, spine.clock, spine.bells, spine._make), pool)
    await pool.close()


def record_of(example: Example, dossier_id: str, **more: Any) -> RawRecord:
    """The example as it comes from Kafka today: published bytes, about the dossier, recorded now."""
    envelope = from_headers(example.headers)._replace(id=uuid4(), recorded_at=real_now())
    if example.type not in COMPACTED:
        envelope = envelope._replace(subject=dossier_id)
    topic = next(topic.name for topic in TOPICS for event in topic.events if event.type == example.type)
    body = orjson.dumps({**example.body, **more}) if more else example.value
    return RawRecord(topic, 0, 0, tuple(to_headers(envelope)), envelope.subject.encode(), body)


def handled(joined: Joined) -> set[str]:
    return {handler.event.type for handler in joined.handlers}


async def test_every_example_is_understood_as_the_first_word_about_its_dossier(
    joined: Joined, postgres: PostgresServer
) -> None:
    async with listening(joined, postgres) as listener:
        taken = await listener.hear(record_of(example, str(uuid4())) for example in examples_read_by(joined.name))
    assert set(taken) == handled(joined), "each type that the service handles, and no other"
    assert len(taken) == 2 * len(handled(joined)), "minimal and full"


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
async def test_all_examples_are_understood_about_one_dossier(
    backwards: bool, joined: Joined, postgres: PostgresServer
) -> None:
    dossier_id = str(uuid4())
    records = [record_of(example, dossier_id) for example in examples_read_by(joined.name)]
    async with listening(joined, postgres) as listener:
        assert set(await listener.hear(reversed(records) if backwards else records)) == handled(joined)


async def test_what_a_later_version_adds_is_ignored(joined: Joined, postgres: PostgresServer) -> None:
    later = (record_of(example, str(uuid4()), said_later={"x": [1]}) for example in examples_read_by(joined.name))
    async with listening(joined, postgres) as listener:
        assert set(await listener.hear(later)) == handled(joined)


async def test_a_newer_event_of_another_kind_is_skipped(joined: Joined) -> None:
    reader: Reader[Any] = Reader(joined.name, joined.handlers)
    for example in examples_read_by(joined.name):
        record = record_of(example, str(uuid4()))
        headers = {**dict(record.headers), "ce_type": b"dossier.not_known_yet.v1"}
        assert not reader.handles(record._replace(headers=tuple(headers.items())))
