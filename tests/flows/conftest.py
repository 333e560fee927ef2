"""One hub for all flows: each test sets the business time it needs and looks at its own dossiers only."""

from collections.abc import AsyncIterator

import pytest

from hub_local.stack import Stack
from tests.flows.hub import Hub, on_monday


@pytest.fixture
async def hub(hub_stack: Stack) -> AsyncIterator[Hub]:
    """The hub on Monday 02/03/2026 08:00, every agency and the gateway honest and quick."""
    async with on_monday(hub_stack) as hub:
        yield hub
