"""PostgreSQL says good-bye to an idle connection, and the connection's end comes later: trouble like any other."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from hub_messaging.database import UNAVAILABLE, open_pool
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack


async def test_a_connection_that_was_told_to_end_and_still_stands_counts_as_unavailable(
    postgres: PostgresServer,
) -> None:
    url = await postgres.empty_database()
    address = urlsplit(url)
    goodbye = asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
        there = asyncio.create_task(pump(reader, far_writer))
        await pump(far_reader, writer)  # and when the server has closed, the client is not told
        goodbye.set()
        await there

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as wire:
        port = wire.sockets[0].getsockname()[1]
        pool = await open_pool(url.replace(f":{address.port}/", f":{port}/"), 3)
        try:
            pid = await pool.fetchval("SELECT pg_backend_pid()")
            other = await asyncpg.connect(url)
            await other.execute(f"SELECT pg_terminate_backend({pid})")
            await other.close()
            await goodbye.wait()
            await asyncio.sleep(0.1)

            with pytest.raises(UNAVAILABLE):
                await pool.fetchval("SELECT 1")
        finally:
            pool.terminate()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
