"""Wake-ups: none is lost while its listener works, and they reach the listener in whatever process it is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hub_messaging.bells import Bells
from tests.messaging.conftest import ToyService
from tests.stack import PostgresServer
from tests.waiting import until

Another = Callable[..., Awaitable[ToyService]]


async def test_a_ring_while_the_listener_works_is_heard_at_its_next_wait() -> None:
    bells = Bells()
    bells.answer("relay")
    bells.ring(["relay"])
    bells.ring(["relay"])
    assert await bells.wait("relay", 10) == {"relay"}
    waiting = asyncio.create_task(bells.wait("relay", 10))
    await asyncio.sleep(0)
    bells.ring(["relay"])
    bells.ring(["relay"])  # between the ring and the listener's waking
    assert await waiting == {"relay"}
    assert await bells.wait("relay", 0.01) == set()


async def test_a_wait_ends_by_itself() -> None:
    assert await Bells().wait("relay", 0.01) == set()


async def test_a_cancelled_wait_loses_no_ring() -> None:
    bells = Bells()
    bells.answer("relay")
    waiting = asyncio.create_task(bells.wait("relay", 10))
    await asyncio.sleep(0)
    bells.ring(["relay"])
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await bells.wait("relay", 0.01) == {"relay"}


async def test_a_listener_hears_which_of_its_bells_rang() -> None:
    bells = Bells()
    bells.listen("lanes", ["lanes", "lanes/a", "lanes/b"])
    bells.ring(["lanes/a", "lanes/c"])
    assert await bells.wait("lanes", 1) == {"lanes/a"}
    bells.listen("lanes", ["lanes/c"])
    bells.ring(["lanes/a", "lanes/c"])
    assert await bells.wait("lanes", 1) == {"lanes/c"}


@pytest.mark.stack
async def test_a_bell_that_nobody_here_answers_rings_in_the_other_process(
    another: Another, postgres: PostgresServer
) -> None:
    here, there = await another(0), await another(1)
    here.bells.listen("relay", ())
    carriers = [asyncio.create_task(toy.bells.carry(toy.url)) for toy in (here, there)]

    async def heard() -> bool:
        here.bells.ring(["relay"])
        return bool(await there.bells.wait("relay", 0.1))

    try:
        await until(heard)
        await postgres.stack.restart("postgres")
        await until(heard, within=20)
    finally:
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)
