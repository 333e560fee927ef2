"""One hub for all that is done to it: each test hurts it under load and waits until it is whole again."""

from collections.abc import AsyncIterator

import pytest

from hub_local.layout import SERVICES
from hub_local.stack import Stack
from tests.flows.hub import Hub, on_monday


@pytest.fixture
async def hub(hub_stack: Stack) -> AsyncIterator[Hub]:
    """The hub on Monday 02/03/2026 08:00, every process ready, the other side honest and quick."""
    for status in hub_stack.statuses:
        if status.state == "stopped":  # by a test that failed
            await hub_stack.start_one(status.name)
        await hub_stack.ready(status.name)
    async with on_monday(hub_stack) as hub:
        for service in SERVICES:  # what a failed test left, so that it fails alone
            for letter in await hub.dead_letters(service):
                await hub.decide_letter(service, letter, "discard")
        yield hub
