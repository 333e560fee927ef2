"""One hub for all flows: each test sets the business time it needs and looks at its own dossiers only."""

from collections.abc import AsyncIterator, Iterator

import pytest

from hub_local.stack import Stack
from tests.flows.hub import MORNING, Hub, visiting
from tests.flows.stacks import observed_stack
from tests.stack import Place, running


@pytest.fixture(scope="session")
def flows_stack(place: Place) -> Iterator[Stack]:
    """The whole hub, up for all flows."""
    with running(observed_stack(place, "flows")) as stack:
        yield stack


@pytest.fixture
async def hub(flows_stack: Stack) -> AsyncIterator[Hub]:
    """The hub on Monday 02/03/2026 08:00, every agency and the gateway honest and quick."""
    async with visiting(flows_stack) as hub:
        await hub.everybody_is_honest()
        await hub.moved_to(MORNING)
        yield hub
