"""Handing over through the agencies' lanes: what is retried, refused, paused, redone; and nobody harms anybody else."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging.sealing import SealingKeys
from tests.hosted import SECRET
from tests.routing.conftest import Hub, write_endpoints
from tests.routing.facts import COMMITTEE, POLICE, a_leg, accepted, result_ready, stopped, supplement
from tests.waiting import until

pytestmark = pytest.mark.stack

AT_COMMITTEE = {"legs": [a_leg(agency_kind="commune-committee")]}


async def lane(hub: Hub, name: str = POLICE.code) -> dict[str, Any]:
    found = (await hub.get("/v1/lanes")).json()["items"]
    return next(item for item in found if item["name"] == name)


async def handed_over(hub: Hub, dossier_id: UUID, seconds: float = 10.0) -> None:
    async def handed() -> bool:
        return "dossier.handed_over.v1" in await hub.types(dossier_id)

    await until(handed, within=seconds)


async def test_an_agency_without_endpoint_waits_in_sight_until_one_is_entered(hub: Hub) -> None:
    every = {"url": hub.sandbox_url + "/agencies/{agency_code}", "secrets": [SECRET]}
    write_endpoints(hub.folder, {COMMITTEE.code: every})

    async def without() -> bool:
        return bool((await lane(hub))["has_endpoint"] is False)

    await until(without)
    waiting, other = await hub.accept(), await hub.accept(**AT_COMMITTEE)
    await handed_over(hub, other)

    async def visible() -> bool:
        found = await lane(hub)
        return bool((found["open_why"], found["due"]) == ("no-endpoint", 1))

    await until(visible)
    write_endpoints(hub.folder, {"*": every})
    await handed_over(hub, waiting)

    async def closed() -> bool:
        return bool((await lane(hub))["open_why"] is None)

    await until(closed)


async def test_a_paused_lane_is_silent_until_it_is_resumed_and_the_others_go_on(hub: Hub) -> None:
    answer = await hub.post(f"/v1/lanes/{POLICE.code}/pause", {"why": "cơ quan bảo trì hệ thống"})
    assert (answer.json()["paused_why"], answer.json()["paused_by"]) == ("cơ quan bảo trì hệ thống", "thử")

    await asyncio.sleep(2)
    waiting, other = await hub.accept(), await hub.accept(**AT_COMMITTEE)
    await handed_over(hub, other)
    assert await hub.effects(waiting) == []

    assert (await hub.post(f"/v1/lanes/{POLICE.code}/resume")).json()["paused_at"] is None
    await handed_over(hub, waiting)


async def test_what_was_not_sent_yet_when_the_desk_stopped_the_dossier_never_is(hub: Hub) -> None:
    await hub.behave(callback="never")
    await hub.post(f"/v1/lanes/{POLICE.code}/pause", {"why": "cơ quan bảo trì hệ thống"})
    await asyncio.sleep(2)
    gone, staying = await hub.accept(), await hub.accept()
    await hub.read(supplement(gone))
    await hub.read(stopped(gone))
    await hub.post(f"/v1/lanes/{POLICE.code}/resume")
    await handed_over(hub, staying)
    assert await hub.effects(gone) == []
    states = await hub.fetch("SELECT state, outcome FROM work WHERE dossier_id = $1", gone)
    assert [tuple(row) for row in states] == [("done", "withdrawn")] * 2
    assert (await hub.get("/v1/transfers?to_recall=true")).json()["items"] == []

    at_once = uuid4()
    await hub.read(accepted(at_once), stopped(at_once))
    assert await hub.fetch("SELECT FROM work WHERE dossier_id = $1", at_once) == [], "in one batch"

    await hub.read(stopped(staying))
    (listed,) = (await hub.get("/v1/transfers?to_recall=true")).json()["items"]
    assert (listed["dossier_id"], listed["stopped_at"] is not None) == (str(staying), True)


async def test_a_refused_hand_over_is_listed_and_goes_out_again_when_a_person_says_so(hub: Hub) -> None:
    await hub.behave(refuse_status=422)
    dossier_id = await hub.accept()

    async def refused() -> bool:
        return bool((await hub.state(dossier_id))["state"] == "refused")

    await until(refused)
    (item,) = (await hub.get(f"/v1/lanes/{POLICE.code}/work")).json()["items"]
    assert (item["dossier_id"], item["outcome"], item["state"]) == (str(dossier_id), "http-422", "refused")

    await hub.behave()
    redo = f"/v1/lanes/{POLICE.code}/work/{item['id']}/redo"
    assert (await hub.post(redo)).status_code == 200
    await handed_over(hub, dossier_id)
    assert (await hub.post(redo)).status_code == 409
    assert (await hub.post(redo.replace(POLICE.code, COMMITTEE.code))).status_code == 409


@pytest.mark.parametrize("end", [stopped, result_ready])
async def test_a_refused_hand_over_of_a_dossier_that_is_over_goes_out_no_more(hub: Hub, end: Any) -> None:
    await hub.behave(refuse_status=422)
    dossier_id = await hub.accept()
    await until(lambda: hub.state(dossier_id), lambda shown: shown["state"] == "refused")
    (item,) = (await hub.get(f"/v1/lanes/{POLICE.code}/work")).json()["items"]

    await hub.read(end(dossier_id))
    await hub.behave()
    assert (await hub.get(f"/v1/lanes/{POLICE.code}/work")).json()["items"] == [], "nobody can do anything about it"
    redone = await hub.post(f"/v1/lanes/{POLICE.code}/work/{item['id']}/redo")
    assert (redone.status_code, redone.json()["slug"]) == (409, "nothing-to-redo")
    wish = {"sent": False, "why": "Cơ quan chưa có hồ sơ"}
    settled = await hub.post(f"/v1/lanes/{POLICE.code}/work/{item['id']}/settle", wish)
    assert (settled.status_code, settled.json()["slug"]) == (409, "nothing-to-settle")
    await handed_over(hub, await hub.accept())
    assert await hub.effects(dossier_id) == []


async def test_a_supplement_that_its_agency_does_not_know_of_is_listed_and_holds_up_no_hand_over(hub: Hub) -> None:
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await hub.behave(refuse_status=404)
    await hub.read(supplement(dossier_id))

    async def listed() -> list[tuple[str, str]]:
        items = (await hub.get(f"/v1/lanes/{POLICE.code}/work")).json()["items"]
        return [(one["kind"], one["outcome"]) for one in items]

    await until(listed, lambda found: found == [("supplement", "http-404")])
    assert (await lane(hub))["open_why"] is None
    await hub.behave(callback="never")
    await handed_over(hub, await hub.accept())


async def test_a_form_sealed_with_a_key_that_is_not_here_waits_for_the_key(hub: Hub) -> None:
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    old = json.loads((hub.folder / "sealing.json").read_text())
    new = {"form": [{"kid": "form-2", "k": "A" * 43}, *old["form"]]}
    (hub.folder / "new.json").write_text(json.dumps(new))
    stranger = replace(hub, keys=SealingKeys.read(hub.folder / "new.json"))
    waiting = await stranger.accept()

    async def visible() -> bool:
        return bool((await lane(hub))["open_why"] == "sealing-key-unknown")

    await until(visible)
    (hub.folder / "new.json").replace(hub.folder / "sealing.json")
    await handed_over(hub, waiting)


async def test_a_seal_that_is_broken_is_refused_and_holds_up_nobody(hub: Hub) -> None:
    broken = await hub.accept(sealed_form="eyJraWQiOiJmb3JtLTEifQ..AAAA.AAAA.AAAA")
    sound = await hub.accept()
    await handed_over(hub, sound)

    async def refused() -> bool:
        return "dossier.hand_over_refused.v1" in await hub.types(broken)

    await until(refused)


async def test_an_answer_that_comes_too_late_makes_a_repeat_and_not_a_second_hand_over(hub: Hub) -> None:
    await hub.behave(late_answer_seconds=6, callback="never")
    dossier_id = await hub.accept()

    async def taken() -> bool:
        return len(await hub.effects(dossier_id)) == 1

    await until(taken)
    await hub.behave(callback="never")
    await handed_over(hub, dossier_id)

    (effect,) = await hub.effects(dossier_id)
    assert effect["repeats"] >= 1
    (leg,) = (await hub.state(dossier_id))["legs"]
    assert leg["foreign_number"] == effect["answer"]


async def test_a_dead_agency_harms_no_other_and_gets_everything_when_it_is_back(hub: Hub) -> None:
    await hub.behave(down="unavailable")
    waiting = [await hub.accept() for _ in range(12)]
    others = [await hub.accept(**AT_COMMITTEE) for _ in range(12)]
    for dossier_id in others:
        await handed_over(hub, dossier_id, 5)

    async def opened() -> bool:
        return bool((await lane(hub))["open_why"] == "http-503")

    await until(opened)
    await hub.behave()
    for dossier_id in waiting:
        await handed_over(hub, dossier_id, 15)
    assert [len(await hub.effects(dossier_id)) for dossier_id in waiting] == [1] * 12


async def test_an_agency_that_does_not_know_us_stops_its_lane_and_loses_nothing(hub: Hub) -> None:
    write_endpoints(
        hub.folder,
        {"*": {"url": hub.sandbox_url + "/agencies/{agency_code}", "secrets": ["whsec_" + "C" * 43 + "="]}},
    )

    async def changed() -> bool:
        endpoint = hub.service.endpoint_of(POLICE.code)
        return endpoint is not None and endpoint.secrets[0] != SECRET

    await until(changed)
    waiting = await hub.accept()

    async def opened() -> bool:
        return bool((await lane(hub))["open_why"])

    await until(opened)
    write_endpoints(hub.folder, {"*": {"url": hub.sandbox_url + "/agencies/{agency_code}", "secrets": [SECRET]}})
    await handed_over(hub, waiting)


async def test_a_supplement_follows_its_dossier_in_the_same_lane(hub: Hub) -> None:
    await hub.behave(fail_times=2, callback="never")
    dossier_id = await hub.accept()
    await hub.read(supplement(dossier_id, 1), supplement(dossier_id, 2))

    async def all_taken() -> bool:
        return len(await hub.effects(dossier_id)) == 3

    await until(all_taken)
    duties = [effect["duty"] for effect in sorted(await hub.effects(dossier_id), key=lambda effect: effect["number"])]
    assert duties == ["lead", "lead:supplement:1", "lead:supplement:2"]


async def test_the_agency_gets_the_applicant_and_nothing_of_it_stays_open_at_the_hub(hub: Hub) -> None:
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)

    for table in ("transfer", "work", "work_body", "outbox"):
        rows = await hub.fetch(f"SELECT {table}::text AS row FROM {table}")
        assert rows, table
        assert not any("Nguyễn Văn Thử" in row["row"] or "Nguyễn Văn Thử".encode().hex() in row["row"] for row in rows)


async def test_what_was_stopped_while_its_sender_died_is_asked_about_although_its_agency_is_listed_no_more(
    hub: Hub,
) -> None:
    await hub.fetch(
        "INSERT INTO lease VALUES ('lane:H99.gone', 'routing-7', gen_random_uuid(), 1, now() - interval '1 min')"
    )
    await hub.fetch(
        "INSERT INTO work (id, lane, dossier_id, kind, fact_at, state, outcome, started_at, finished_at) VALUES"
        " (gen_random_uuid(), 'H99.gone', gen_random_uuid(), 'dossier', now(), 'done', 'withdrawn', now(), now())"
    )

    async def in_doubt() -> bool:
        return bool(await hub.fetch("SELECT FROM work WHERE state = 'unknown' AND outcome = 'withdrawn'"))

    await until(in_doubt, within=10)


async def test_lanes_of_others_are_not_shown(hub: Hub) -> None:
    items = (await hub.get("/v1/lanes", area=[POLICE.code])).json()["items"]

    assert [item["name"] for item in items] == [POLICE.code]
    assert (await hub.post(f"/v1/lanes/{COMMITTEE.code}/resume", area=[POLICE.code])).status_code == 404
    assert (await hub.get(f"/v1/lanes/{COMMITTEE.code}/work", area=[POLICE.code])).status_code == 404


async def test_a_lane_that_does_not_exist_cannot_be_paused(hub: Hub) -> None:
    assert (await hub.post("/v1/lanes/X99/pause", {"why": "nhầm tên"})).status_code == 404
