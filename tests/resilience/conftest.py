"""One hub for all that is done to it: each test hurts it under load and waits until it is whole again."""

from collections.abc import AsyncIterator, Iterator

import pytest

from hub_local.layout import SERVICES
from hub_local.stack import Stack
from tests.flows.hub import MORNING, Hub, visiting
from tests.flows.stacks import observed_stack
from tests.stack import Place, running


@pytest.fixture(scope="session")
def hurt_stack(place: Place) -> Iterator[Stack]:
    """The whole hub, up for all resilience tests."""
    with running(observed_stack(place, "resilience")) as stack:
        yield stack


@pytest.fixture
async def hub(hurt_stack: Stack) -> AsyncIterator[Hub]:
    """The hub on Monday 02/03/2026 08:00, every process ready, the other side honest and quick."""
    for status in hurt_stack.statuses:
        await hurt_stack.ready(status.name)
    async with visiting(hurt_stack) as hub:
        await hub.everybody_is_honest()
        await hub.moved_to(MORNING)
        for service in SERVICES:  # what a failed test left, so that it fails alone
            for letter in await hub.dead_letters(service):
                await hub.decide_letter(service, letter, "discard")
        yield hub
