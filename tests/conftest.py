"""Fixtures that more than one part of the suite uses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_local.stack import Stack
from tests.flows.stacks import observed_stack
from tests.stack import Place, PostgresServer, kafka_stack, postgres_stack, running

LONG_FILES = (
    "test_drill",
    "test_consumer",
    "test_first_start",
    "test_process",
    "test_lanes",
    "test_relay",
    "test_sending",
)
"""Begun first, after the hub's own tests, so that no worker is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers share the files; those with the longest tests begin first."""
    items.sort(key=lambda item: (not _on_the_hub(item), Path(item.path).stem not in LONG_FILES))


def _on_the_hub(item: pytest.Item) -> bool:
    return "hub_stack" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """The folder and the ports of this run of the suite."""
    place = Place()
    yield place
    place.close()


@pytest.fixture(scope="session")
def postgres(place: Place) -> Iterator[PostgresServer]:
    """One PostgreSQL server for the suite: `await postgres.database("intake")` is a new, migrated database's URL."""
    with running(postgres_stack(place)) as stack:
        yield PostgresServer(stack)


@pytest.fixture(scope="session")
def kafka(place: Place) -> Iterator[Stack]:
    """One Kafka for the suite: `kafka.layout.kafka_servers` is its address."""
    with running(kafka_stack(place)) as stack:
        yield stack


@pytest.fixture(scope="session")
def hub_stack(place: Place) -> Iterator[Stack]:
    """The whole hub with its sandbox, one for the suite: whoever hurts it leaves it whole."""
    with running(observed_stack(place)) as stack:
        yield stack
