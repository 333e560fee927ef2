"""What is particular to the sandbox's own HTTP: both of its ends are as bare as the load beside them asks for."""

import asyncio
from typing import Any

import pytest

from hub_sandbox.client import Client
from hub_sandbox.http import MAX_BODY, HttpServer, Reply, Request
from tests.sandbox.conftest import Other


class Counting(HttpServer):
    """Counts connections."""

    seen = 0

    def opened(self, connection: Any) -> None:
        self.seen += 1
        super().opened(connection)


async def exchanged(other: Other, sent: bytes) -> bytes:
    """All that comes back on one connection until the sandbox closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(other.url.rpartition(":")[2]))
    writer.write(sent)
    async with asyncio.timeout(5):
        received = await reader.read()
    writer.close()
    return received


async def test_requests_of_one_connection_are_answered_in_their_order(other: Other) -> None:
    first, second = b"GET /behaviours HTTP/1.1\r\n\r\n", b"GET /none HTTP/1.1\r\nConnection: close\r\n\r\n"
    answers = await exchanged(other, first + second)
    assert answers.index(b"HTTP/1.1 200 ") < answers.index(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"no HTTP at all\r\n\r\n", b"400"),
        (b"POST /messages HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", b"431"),
        (b"POST /messages HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + b"x" * (MAX_BODY + 1), b"413"),
    ],
)
async def test_what_is_no_request_or_too_long_is_refused_and_the_connection_closed(
    other: Other, sent: bytes, status: bytes
) -> None:
    assert (await exchanged(other, sent)).startswith(b"HTTP/1.1 " + status)


async def test_a_call_goes_over_the_connection_of_the_former_one_and_none_to_nobody() -> None:
    async def taking(_request: Request, reply: Reply) -> None:
        reply.send(204)

    server = Counting(taking, "127.0.0.1", 0, drain_seconds=1)
    await server.start()
    client, url = Client(), f"http://127.0.0.1:{server.port}/v1/callbacks/x?y=1"
    for _ in range(3):
        assert (await client.post(url, {}, b"{}")).status == 204
    assert server.seen == 1
    client.close()
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await client.post(url, {}, b"{}")
