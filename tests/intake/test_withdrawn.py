"""Bãi bỏ thủ tục, through the front door: two persons, a day from which nothing new is taken, one state everywhere."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hub_worktime import VIETNAM
from services.intake.domain.procedures.withdrawal import DayHasPassed, Ending, check_day
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.directory_office import Desk as Office
from tests.intake.procedure_texts import channel, procedure_text
from tests.intake.test_catalogue_import import CODE, imported, one, slugs
from tests.intake.test_reference_topic import told
from tests.waiting import until

stack = pytest.mark.stack
PATH = "/v1/catalogue/withdrawals"
RESIDENCE, BIRTH = "1.004222", "1.001193"
DAY = "2026-04-01"


class Persons:
    """An proposes, Bình approves."""

    def __init__(self, door: FrontDoor) -> None:
        self.door = door
        self.an = door.token(["reference:edit", "reference:approve", "dossiers:read"], subject="an")
        self.binh = door.token(["reference:edit", "reference:approve"], subject="binh")

    async def propose(self, code: str = RESIDENCE, day: str = DAY, **more: Any) -> httpx.Response:
        key = more.pop("key", None)
        body = {"code": code, "decision": "Quyết định 0002/QĐ-BVD", "effective_on": day, **more}
        return await self.door.post(PATH, body, bearer=self.an, key=key)

    async def decide(self, withdrawal: str, what: str = "approve", bearer: str = "", **body: Any) -> httpx.Response:
        return await self.door.post(f"{PATH}/{withdrawal}/{what}", body, bearer=bearer or self.binh)

    async def withdraw(self, code: str = RESIDENCE, day: str = DAY, **more: Any) -> str:
        proposed = await self.propose(code, day, **more)
        assert proposed.status_code == 201, proposed.text
        assert proposed.json()["state"] == "proposed"
        approved = await self.decide(proposed.json()["id"])
        assert approved.status_code == 200, approved.text
        assert approved.json()["state"] == "approved"
        return str(approved.json()["id"])


@pytest.fixture
def persons(door: FrontDoor) -> Persons:
    return Persons(door)


@stack
async def test_a_proposal_told_again_is_the_first_one_whatever_became_of_its_successor(
    door: FrontDoor, persons: Persons
) -> None:
    first = await persons.propose(successor_code=BIRTH, key="once")
    assert first.status_code == 201, first.text
    await persons.withdraw(BIRTH)
    assert (await persons.propose(successor_code=BIRTH)).status_code == 422, "it ends"
    again = await persons.propose(successor_code=BIRTH, key="once")
    assert (again.status_code, again.json()) == (201, first.json())
    other = await persons.propose(code=BIRTH, key="once")
    assert slug(other) == "idempotency-key-reused"


async def handed_in(door: FrontDoor, **changes: Any) -> httpx.Response:
    return await door.post("/v1/dossiers", residence(**changes))


def slug(response: httpx.Response) -> str:
    return str(response.json()["type"]).rsplit(":", 1)[-1]


async def line_of(door: FrontDoor, code: str = RESIDENCE) -> dict[str, Any]:
    items = (await door.get("/v1/procedures?limit=1000")).json()["items"]
    line: dict[str, Any] = next(item for item in items if item["code"] == code)
    return line


@stack
async def test_to_the_last_instant_taken_from_the_first_refused_with_the_way_on(
    door: FrontDoor, persons: Persons
) -> None:
    submitted = (await handed_in(door)).json()["dossier_id"]
    accepted = (await handed_in(door, acceptance=ACCEPTANCE)).json()["dossier_id"]
    await persons.withdraw(successor_code=BIRTH)
    door.set_time("2026-03-31T23:59:45+07:00")
    assert (await handed_in(door, acceptance=ACCEPTANCE)).status_code == 201
    door.set_time("2026-04-01T00:00:00+07:00")
    refused = await handed_in(door, acceptance=ACCEPTANCE)
    problem = refused.json()
    assert (refused.status_code, slug(refused)) == (422, "procedure-withdrawn")
    assert (problem["effective_on"], problem["successor_code"]) == (DAY, BIRTH)
    assert BIRTH in problem["next_step"]
    assert "01/04/2026" in problem["detail"]

    late = await handed_in(door, received_at="2026-03-31T16:00:00+07:00", acceptance=ACCEPTANCE)
    assert late.status_code == 201, "the citizen was there in time"
    assert (await door.decided(submitted, "accept"))["state"] == "accepted"
    shown = (await door.get(f"/v1/dossiers/{accepted}")).json()
    assert shown["procedure"]["version"] == 1


@stack
async def test_requests_at_the_instant_itself_are_each_taken_or_refused_by_their_receipt(
    door: FrontDoor, persons: Persons
) -> None:
    await persons.withdraw()
    door.set_time("2026-04-01T00:00:30+07:00")
    instant = datetime.fromisoformat("2026-04-01T00:00:00+07:00")
    receipts = [instant + timedelta(microseconds=step) for step in range(-10, 10)]
    answers = await asyncio.gather(
        *(handed_in(door, received_at=at.isoformat(), acceptance=ACCEPTANCE) for at in receipts)
    )
    assert [answer.status_code for answer in answers] == [201] * 10 + [422] * 10


@stack
async def test_nothing_ends_before_a_second_person_has_approved(door: FrontDoor, persons: Persons) -> None:
    proposed = (await persons.propose(day="2026-03-02")).json()
    assert (await handed_in(door)).status_code == 201
    own = await persons.decide(proposed["id"], bearer=persons.an)
    assert (own.status_code, slug(own)) == (409, "four-eyes")
    editor = door.token(["reference:edit"], subject="chi")
    assert (await persons.decide(proposed["id"], bearer=editor)).status_code == 403
    local = door.token(["reference:edit", "reference:approve"], area=["H26"], subject="dung")
    assert (await persons.decide(proposed["id"], bearer=local)).status_code == 403
    assert (await line_of(door))["withdrawn"] is None
    assert (await persons.decide(proposed["id"])).status_code == 200
    assert (await handed_in(door)).status_code == 422
    again = await persons.decide(proposed["id"])
    assert (again.status_code, slug(again), again.json()["state"]) == (409, "withdrawal-decided", "approved")


@stack
async def test_what_cant_be_is_refused_with_the_next_step(door: FrontDoor, persons: Persons) -> None:
    for expected, asked in (
        ("withdrawal-in-the-past", {"day": "2026-03-01"}),
        ("procedure-unknown", {"code": "1.777777"}),
        ("successor-unsound", {"successor_code": RESIDENCE}),
    ):
        answer = await persons.propose(**asked)
        assert (answer.status_code, slug(answer)) == (422, expected)
        assert answer.json()["next_step"]
    assert slug(await persons.propose(successor_code="1.777777")) == "successor-unsound"
    assert (await persons.propose(day="hôm nay")).status_code == 422
    assert (await persons.decide(str(uuid4()))).status_code == 404

    waited = (await persons.propose(day="2026-03-02")).json()["id"]
    door.set_time("2026-03-03T08:00:00+07:00")
    assert slug(await persons.decide(waited)) == "withdrawal-in-the-past"

    await persons.withdraw(BIRTH)
    other = (await persons.propose(BIRTH, day="2026-05-01")).json()["id"]
    assert slug(await persons.decide(other)) == "withdrawn-already"
    assert slug(await persons.propose(successor_code=BIRTH)) == "successor-unsound"


@stack
async def test_rejected_nothing_happens_and_why_is_kept_sealed(door: FrontDoor, persons: Persons) -> None:
    proposed = (await persons.propose(day="2026-03-02")).json()["id"]
    why = "Nhầm mã của Nguyễn Văn Mẫu"
    assert (await persons.decide(proposed, "reject", why=why)).json()["state"] == "rejected"
    assert (await handed_in(door)).status_code == 201
    shown = (await door.get(f"{PATH}/{proposed}", bearer=persons.an)).json()
    assert (shown["why"], shown["decided_by"]) == (why, "binh")
    kept = await door.intake.spine.pool.fetch("SELECT w::text AS line FROM procedure_withdrawal AS w")
    assert kept
    assert all("Mẫu" not in row["line"] for row in kept)
    listed = (await door.get(f"{PATH}?state=rejected", bearer=persons.an)).json()["items"]
    assert [(line["id"], line["why"]) for line in listed] == [(proposed, None)]


@stack
async def test_taken_back_it_takes_dossiers_again_and_all_are_told(door: FrontDoor, persons: Persons) -> None:
    ended = await persons.withdraw(day="2026-03-02")
    assert (await handed_in(door)).status_code == 422
    own = await persons.decide(ended, "take-back", bearer=persons.an, why="nhập nhầm mã")
    assert slug(own) == "four-eyes"
    chi = door.token(["reference:approve"], subject="chi")
    taken_back = (await persons.decide(ended, "take-back", bearer=chi, why="nhập nhầm mã")).json()
    assert (taken_back["decided_by"], taken_back["taken_back_by"]) == ("binh", "chi"), "who approved is still known"
    assert (await handed_in(door)).status_code == 201
    assert (await line_of(door))["withdrawn"] is None
    await persons.withdraw(day="2026-03-02")
    assert (await handed_in(door)).status_code == 422
    key = f"withdrawal/{RESIDENCE}@2026-03-02"
    said = [(body["taken_back"], body["edition"]) for _, found, body in await told(door) if found == key]
    assert said == [(False, 1), (True, 2), (False, 3)]


@stack
async def test_a_repeat_and_a_crowd_end_it_once(door: FrontDoor, persons: Persons) -> None:
    key = str(uuid4())
    first, second = [(await persons.propose(key=key)).json() for _ in range(2)]
    assert first == second
    answers = await asyncio.gather(*(persons.decide(first["id"]) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    (event,) = [body for type, _, body in await told(door) if type == "procedure.withdrawn.v1"]
    assert (event["code"], event["version"], event["effective_on"]) == (RESIDENCE, 1, DAY)


@stack
async def test_each_process_knows_within_a_second_also_one_that_starts_later(
    door: FrontDoor, second_door: FrontDoor, persons: Persons
) -> None:
    await persons.withdraw(day="2026-03-02")
    await second_door.intake._reference.refresh(second_door.intake.spine.pool)  # what `follow` does twice a second
    assert slug(await handed_in(second_door)) == "procedure-withdrawn"


@stack
async def test_the_list_the_procedure_and_its_version_say_so(door: FrontDoor, persons: Persons) -> None:
    await persons.withdraw(successor_code=BIRTH)
    expected = {
        "effective_on": DAY, "in_effect": False, "decision": "Quyết định 0002/QĐ-BVD", "successor_code": BIRTH,
        "successor_name": (await line_of(door, BIRTH))["name"],
    }  # fmt: skip
    assert (await line_of(door))["withdrawn"] == expected
    assert (await line_of(door, BIRTH))["withdrawn"] is None
    door.set_time("2026-04-01T00:00:00+07:00")
    for path in (RESIDENCE, f"{RESIDENCE}/versions/1"):
        assert (await door.get(f"/v1/procedures/{path}")).json()["withdrawn"] == {**expected, "in_effect": True}


@stack
async def test_everybody_sees_it_on_the_public_page(door: FrontDoor, persons: Persons) -> None:
    office = Office(door)
    sheet = f"procedure,level\n{RESIDENCE},commune\n".encode()
    days = "decided_on=2026-02-02&published_on=2026-02-03&valid_from=2026-02-03"
    response = await door.client.post(
        f"/v1/publication-lists/tiep-nhan-o-cap-duoi/imports?decision=0003/Q%C4%90&{days}",
        content=sheet,
        headers={"Authorization": office.editor, "Idempotency-Key": str(uuid4())},
    )
    assert response.status_code == 201, response.text
    assert (await office.decide(response.json()["id"])).status_code == 200
    await persons.withdraw(successor_code=BIRTH)
    listed = (await door.client.get("/v1/publication-lists/tiep-nhan-o-cap-duoi")).json()
    assert listed["entries"][0]["withdrawn"]["effective_on"] == DAY
    page = (await door.client.get("/danh-muc/tiep-nhan-o-cap-duoi")).text
    assert "Sẽ bãi bỏ từ 01/04/2026" in page
    assert BIRTH in page


@stack
async def test_the_same_text_again_stays_withdrawn_and_other_text_publishes_again(
    door: FrontDoor, persons: Persons
) -> None:
    await one(door, procedure_text())
    await persons.withdraw(CODE, day="2026-03-02")
    same = await one(door, procedure_text())
    assert (same["version"], same["unchanged"]) == (1, True)
    assert "procedure-withdrawn" in slugs(same)
    assert (await handed_in(door, procedure_code=CODE, components=[])).status_code == 422

    preview = await imported(door, {"a.txt": procedure_text(channels=channel(term="3 WORKING_DAY"))}, dry_run=True)
    assert "published-again" in slugs(preview["items"][0])
    again = await one(door, procedure_text(channels=channel(term="3 WORKING_DAY")))
    assert again["version"] == 2
    assert "published-again" in slugs(again)
    assert (await handed_in(door, procedure_code=CODE, components=[])).status_code == 201
    shown = [(await door.get(f"/v1/procedures/{CODE}/versions/{n}")).json()["withdrawn"] is None for n in (1, 2)]
    assert shown == [False, True]


@stack
async def test_a_version_before_the_day_ends_with_the_others(door: FrontDoor, persons: Persons) -> None:
    await one(door, procedure_text())
    await persons.withdraw(CODE)
    mended = await one(door, procedure_text(name="Đăng ký ví dụ cho hộ gia đình và cá nhân"))
    assert "withdrawal-covers-version" in slugs(mended)
    assert (await handed_in(door, procedure_code=CODE, components=[])).status_code == 201
    door.set_time("2026-04-01T08:00:00+07:00")
    assert (await handed_in(door, procedure_code=CODE, components=[])).status_code == 422
    ends = [(key, body["version"]) for type, key, body in await told(door) if type == "procedure.withdrawn.v1"]
    assert ends == [(f"withdrawal/{CODE}@{DAY}", 1), (f"withdrawal/{CODE}@{DAY}", 2)]


@stack
async def test_a_reader_of_the_last_record_of_each_key_knows_what_stands(door: FrontDoor, persons: Persons) -> None:
    await one(door, procedure_text())
    taken_back = await persons.withdraw(CODE)
    await persons.decide(taken_back, "take-back", why="sai ngày")
    await persons.withdraw(CODE, day="2026-05-01")
    await one(door, procedure_text(name="Đăng ký ví dụ"))
    compacted = {key: (type, body) for type, key, body in await told(door)}
    versions = {body["version"] for type, body in compacted.values() if type == "procedure.published.v1"}
    ends = [body for type, body in compacted.values() if type == "procedure.withdrawn.v1" and not body["taken_back"]]
    assert versions == {1, 2}, "what dossiers are pinned to stays on the topic"
    assert [(end["effective_on"], end["version"]) for end in ends] == [("2026-05-01", 2)]


@stack
async def test_killed_before_the_commit_nothing_ends_and_the_repeat_ends_it(door: FrontDoor, persons: Persons) -> None:
    proposed = (await persons.propose(day="2026-03-02")).json()["id"]
    pool, key = door.intake.spine.pool, str(uuid4())
    async with pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("SELECT FROM reference_version WHERE kind = 'procedures' FOR UPDATE")
        asked = asyncio.create_task(door.post(f"{PATH}/{proposed}/approve", {}, bearer=persons.binh, key=key))
        kill = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE datname = current_database() AND wait_event_type = 'Lock'"""

        async def killed() -> bool:
            return bool(await pool.fetchval(kill))

        await until(killed)
    assert (await asked).status_code in (200, 503)
    assert (await door.post(f"{PATH}/{proposed}/approve", {}, bearer=persons.binh, key=key)).status_code == 200
    assert (await handed_in(door)).status_code == 422
    assert [type for type, _, _ in await told(door)] == ["procedure.withdrawn.v1"]


@given(some.integers(1_767_200_400, 1_798_736_400), some.integers(-400, 400))
def test_an_end_begins_with_the_local_day(seconds: int, days: int) -> None:
    moment = datetime.fromtimestamp(seconds, VIETNAM)
    day = moment.date() + timedelta(days=days)
    ending = Ending(CODE, uuid4(), 1, day, "1/QĐ", None, 1)
    assert (moment >= ending.starts) == (days <= 0)
    if days < 0:
        with pytest.raises(DayHasPassed):
            check_day(day, moment)
    else:
        check_day(day, moment)
