import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from hub_web.client import CallFailed, Client, ClientLimits
from hub_web.server import HttpServer

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def other_side(handle: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(head: bytes, body: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + head + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    return handle


async def test_a_server_answers_on_its_socket_until_it_is_stopped(app: FastAPI, token: str) -> None:
    server = HttpServer(app, "127.0.0.1", 0)
    await server.start()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{server.port}/v1/things", json={"name": "a"}, headers=headers)
        assert answer.status_code == 201
        await server.stop()
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{server.port}/v1/things/1")


async def test_small_answers_leave_at_once(app: FastAPI, token: str) -> None:
    """Without TCP_NODELAY each answer would wait 40 ms for an acknowledgement."""
    server = HttpServer(app, "127.0.0.1", 0)
    await server.start()
    async with httpx.AsyncClient() as client:
        took = []
        for _ in range(21):
            started = time.perf_counter()
            await client.get(
                f"http://127.0.0.1:{server.port}/v1/things/1", headers={"Authorization": f"Bearer {token}"}
            )
            took.append(time.perf_counter() - started)
    await server.stop()
    assert sorted(took)[10] < 0.03


async def test_a_request_under_way_is_answered_before_the_stop(tmp_path: object) -> None:
    begun = asyncio.Event()

    async def slow(scope, receive, send):  # type: ignore[no-untyped-def]
        begun.set()
        await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    server = HttpServer(slow, "127.0.0.1", 0)
    await server.start()
    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.get(f"http://127.0.0.1:{server.port}/"))
        await begun.wait()
        await server.stop()
        assert (await asking).text == "ok"


async def test_a_drain_is_bounded() -> None:
    begun = asyncio.Event()

    async def stuck(scope, receive, send):  # type: ignore[no-untyped-def]
        begun.set()
        await asyncio.sleep(60)

    server = HttpServer(stuck, "127.0.0.1", 0, drain_seconds=1)
    await server.start()
    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.get(f"http://127.0.0.1:{server.port}/"))
        await begun.wait()
        async with asyncio.timeout(5):
            await server.stop()
        with pytest.raises(httpx.HTTPError):
            (await asking).raise_for_status()


async def test_a_port_that_is_taken_is_said_clearly(app: FastAPI) -> None:
    first = HttpServer(app, "127.0.0.1", 0)
    await first.start()
    try:
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{first.port}"):
            await HttpServer(app, "127.0.0.1", first.port).start()
    finally:
        await first.stop()


@pytest.mark.parametrize("head", [b"x: " + b"a" * 1_000_000, b"\r\n".join(b"x%d: y" % n for n in range(101))])
async def test_an_endless_head_is_cut_off(app: FastAPI, head: bytes) -> None:
    server = HttpServer(app, "127.0.0.1", 0)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    await server.stop()


async def reason(client: Client, url: str) -> str:
    with pytest.raises(CallFailed) as failed:
        await client.post(url, b"x", {})
    return failed.value.reason


async def test_only_a_failed_connection_means_nothing_was_sent() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with Client(ClientLimits(connect_seconds=0.5)) as client:
        assert await reason(client, "http://127.0.0.1:1/") == "no-connection"
        for no_address in ("http://", "http://a..b/x", f"http://{'a' * 64}.example/"):
            assert await reason(client, no_address) == "address-unusable"
        async with other_side(hang_up) as url:
            assert await reason(client, url) == "connection-broken"


async def test_an_answer_that_breaks_off_or_is_no_http_is_no_answer() -> None:
    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
        writer.close()

    async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()

    async with Client() as client:
        async with other_side(breaks_off) as url:
            assert await reason(client, url) == "connection-broken"
        async with other_side(babbles) as url:
            assert await reason(client, url) == "answer-unreadable"


async def test_an_answer_that_trickles_is_ended_by_the_total_time() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with Client(ClientLimits(total_seconds=0.4)) as client, other_side(trickle) as url:
        assert await reason(client, url) == "timeout"


async def test_long_compressed_and_redirecting_answers_are_not_followed() -> None:
    async with Client(ClientLimits(answer_bytes=1_000)) as client:
        async with other_side(answering(b"200 OK", b"x" * 1_001)) as url:
            assert await reason(client, url) == "answer-unreadable"
        async with other_side(answering(b"200 OK\r\ncontent-encoding: gzip", b"x")) as url:
            assert await reason(client, url) == "answer-unreadable"
        async with other_side(answering(b"302 Found\r\nlocation: http://127.0.0.1:1/", b"")) as url:
            answer = await client.post(url, b"x", {})
            assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:1/")
