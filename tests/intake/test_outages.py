"""Sự cố: two processes at once, and a database that goes away for a moment."""

import asyncio

import asyncpg
import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence

pytestmark = pytest.mark.stack

CUT_ALL_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_two_processes_share_the_first_number_of_a_day_without_a_failure(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    doors = (door, second_door) * 30
    answers = await asyncio.gather(*(one.submitted(residence(acceptance=ACCEPTANCE)) for one in doors))
    codes = sorted(answer["dossier_code"] for answer in answers)
    assert codes == [f"H26.15.01-260302-{number:04d}" for number in range(1, 61)]


async def test_one_key_at_two_processes_is_one_dossier(door: FrontDoor, second_door: FrontDoor) -> None:
    doors = (door, second_door) * 5
    responses = await asyncio.gather(
        *(one.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="once") for one in doors)
    )
    assert {(response.status_code, response.content) for response in responses} == {(201, responses[0].content)}
    assert len(await door.outbox()) == 1


async def test_two_officers_at_two_processes_do_not_both_accept(door: FrontDoor, second_door: FrontDoor) -> None:
    place = f"/v1/dossiers/{(await door.submitted(residence()))['dossier_id']}/accept"
    responses = await asyncio.gather(
        door.post(place, ACCEPTANCE), second_door.post(place, {"officer": "cb-02"}, key="b")
    )
    assert sorted(response.status_code for response in responses) == [200, 409]
    assert [type for type, _ in await door.outbox()] == ["dossier.submitted.v1", "dossier.accepted.v1"]


async def test_a_lost_database_is_told_as_such_and_the_repeat_succeeds(door: FrontDoor) -> None:
    id = (await door.submitted(residence()))["dossier_id"]
    pool = door.intake.spine.pool
    outsider = await asyncpg.connect(door.intake.settings.database_url)
    await outsider.execute(CUT_ALL_CONNECTIONS)
    await outsider.close()
    statuses = set()
    for _ in range(20):
        shown = await door.get(f"/v1/dossiers/{id}")
        answer = await door.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="again")
        statuses |= {shown.status_code, answer.status_code}
        if 503 in (shown.status_code, answer.status_code):
            refused = shown if shown.status_code == 503 else answer
            assert (refused.json()["slug"], refused.json()["fault"]) == ("unavailable", "hub")
            assert refused.headers["retry-after"]
    assert statuses <= {200, 201, 503}
    assert answer.status_code == 201
    assert await pool.fetchval("SELECT count(*) FROM dossier") == 2


FAILING = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{}'; END $$;
CREATE TRIGGER failing BEFORE INSERT ON outbox EXECUTE FUNCTION fail();
"""
WELL_AGAIN = "DROP TRIGGER failing ON outbox; DROP FUNCTION fail"


@pytest.mark.parametrize("code", ["53100", "58030", "XX000", "XX001"])
async def test_a_disk_that_is_full_or_fails_is_the_hubs_trouble_and_the_repeat_succeeds(
    door: FrontDoor, code: str
) -> None:
    pool = door.intake.spine.pool
    await pool.execute(FAILING.format(code))
    try:
        refused = await door.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="again")
    finally:
        await pool.execute(WELL_AGAIN)
    assert (refused.status_code, refused.json()["slug"], refused.json()["fault"]) == (503, "unavailable", "hub")
    answer = await door.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="again")
    assert (answer.status_code, await pool.fetchval("SELECT count(*) FROM dossier")) == (201, 1)


async def test_the_api_document_is_whole(door: FrontDoor) -> None:
    document = (await door.client.get("/openapi.json")).json()
    assert set(document["paths"]["/v1/dossiers"]) == {"get", "post"}
    assert "term-needs-a-person" in document["components"]["schemas"]["Problem"]["properties"]["slug"]["enum"]
