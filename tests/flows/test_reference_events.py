"""Dữ liệu tham chiếu đi hết đường: approved at intake, told on Kafka, and a dossier goes to the agency's successor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from tests.flows.hub import OFFICER, Hub
from tests.flows.records import all_is_read, all_records, keys_of_what_is_packaged, reference_told
from tests.waiting import until

pytestmark = pytest.mark.stack

COMMUNE, POLICE, HEIR = "20242", "G01.17.20.01", "G01.17.20.99"
HEAD = "code,name,vertical,successor,valid_from,valid_to,withdrawn\n"
MERGED = f"{POLICE},Công an phường Hải Châu,yes,{HEIR},2018-01-01,2025-12-31,\n"
NEW = f"{HEIR},Công an phường Hải Châu mới,yes,,2025-07-01,,\n"


@asynccontextmanager
async def merged(hub: Hub) -> AsyncIterator[None]:
    """The agency was merged; afterwards it never was, for the tests that share this hub."""
    await hub.published("agencies", HEAD + NEW + MERGED)
    try:
        yield
    finally:
        await hub.published("agencies", HEAD + MERGED.rstrip("\n") + "x\n")
        await until(lambda: _agency_now(hub), lambda code: code == POLICE, "the merger is undone")


async def _agency_now(hub: Hub) -> str:
    """Where a dossier of the commune goes now."""
    body = {**await hub.body(), "territory": COMMUNE, "acceptance": {"officer": OFFICER}}
    receipt = await hub.post("/v1/dossiers", body)
    await hub.reached(receipt["dossier_id"], "routed")
    return str((await hub.transfer(receipt["dossier_id"]))["legs"][0]["agency"]["code"])


async def test_what_comes_with_intake_is_on_the_topic_each_thing_once(hub: Hub) -> None:
    procedures, desks = [(await hub.door.get("intake", f"/v1/{kind}"))["items"] for kind in ("procedures", "desks")]
    told = await reference_told(hub)
    assert {key: len(told[key]) for key in keys_of_what_is_packaged()} == dict.fromkeys(keys_of_what_is_packaged(), 1)
    kinds = [(kind, code.partition("@")[0]) for kind, _, code in (key.partition("/") for key in told)]
    assert {one["code"] for one in procedures} <= {code for kind, code in kinds if kind == "procedure"}
    assert {one["code"] for one in desks} <= {code for kind, code in kinds if kind == "desk"}


async def test_an_agency_that_is_merged_at_intake_is_succeeded_at_routing(hub: Hub) -> None:
    assert await _agency_now(hub) == POLICE
    async with merged(hub):
        assert await until(lambda: _agency_now(hub), lambda code: code == HEIR, "dossiers go to the successor") == HEIR
    told = [record for record in await all_records(hub) if record.topic == "intake-reference-events"]
    keys = [(record.key or b"").decode() for record in told]
    assert {f"agency/{POLICE}@2018-01-01", f"agency/{HEIR}@2025-07-01"} <= set(keys)
    assert "agency.published.v1" in {record.type for record in told}
    await all_is_read(hub)
    assert await hub.dead_letters("routing") == []


async def test_what_was_told_before_a_process_was_killed_arrives(hub: Hub) -> None:
    """Committed at intake, killed at once: the relay of its successor tells it."""
    before = sum(record.topic == "intake-reference-events" for record in await all_records(hub))
    line = f"G01.17.20.{uuid4().int % 80 + 10},Công an phường ví dụ,yes,,2025-07-01,,\n"
    await hub.published("agencies", HEAD + line)
    await hub.killed("intake")

    async def told() -> int:
        return sum(record.topic == "intake-reference-events" for record in await all_records(hub))

    assert await until(told, lambda count: count > before, "it is told") >= before + 1
