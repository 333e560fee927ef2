"""The suite's own servers."""

import asyncpg
import pytest

from hub_local.stack import Stack
from hub_messaging.topics import administering
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack


async def test_each_database_is_new_and_belongs_to_the_role_of_its_service(postgres: PostgresServer) -> None:
    first, second = await postgres.empty_database("sla"), await postgres.empty_database("sla")

    connection = await asyncpg.connect(first)
    try:
        await connection.execute("CREATE TABLE only_here (n int)")
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SELECT current_user") == "sla"
    finally:
        await connection.close()

    other = await asyncpg.connect(second)
    try:
        assert await other.fetchval("SELECT to_regclass('only_here')") is None
    finally:
        await other.close()


async def test_kafka_answers_on_the_address_of_its_layout(kafka: Stack) -> None:
    async with administering(kafka.layout.kafka_servers) as admin:
        assert len((await admin.describe_cluster())["brokers"]) == 1
