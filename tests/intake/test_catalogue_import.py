"""Nhập danh mục thủ tục, through the front door: classes, versions, and dossiers accepted under them."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from hub_web.tokens import SCOPES
from tests.intake.conftest import ACCEPTANCE, FrontDoor, opened, residence
from tests.intake.procedure_texts import channel, procedure_text
from tests.waiting import until

pytestmark = pytest.mark.stack

CODE = "1.999001"
_VERSIONS = "SELECT code, array_agg(version ORDER BY version) AS versions FROM procedure_version GROUP BY code"


async def imported(
    door: FrontDoor, files: Mapping[str, str | bytes], run: str | None = None, dry_run: bool = False, **more: Any
) -> dict[str, Any]:
    """The answer to an import that is taken; its numbers add up."""
    sent = [
        {"name": name, "content": base64.b64encode(text.encode() if isinstance(text, str) else text).decode()}
        for name, text in files.items()
    ]
    body = {"run": run or str(uuid4()), "files": sent}
    response = await door.post(f"/v1/catalogue/imports?dry_run={str(dry_run).lower()}", body, **more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["published"] + answer["flagged"] + answer["refused"] == answer["files"] == len(files)
    assert [item["file"] for item in answer["items"]] == list(files)
    return answer


async def one(door: FrontDoor, text: str | bytes, name: str = "a.txt", **more: Any) -> dict[str, Any]:
    """What became of one file."""
    item: dict[str, Any] = (await imported(door, {name: text}, **more))["items"][0]
    return item


def slugs(item: Mapping[str, Any]) -> set[str]:
    return {reason["slug"] for reason in item["reasons"]}


async def test_a_clean_text_is_published_and_a_dossier_is_accepted_under_it(door: FrontDoor) -> None:
    item = await one(door, procedure_text())
    assert (item["class"], item["code"], item["version"], item["reasons"]) == ("published", CODE, 1, [])

    shown = (await door.get(f"/v1/procedures/{CODE}")).json()
    assert [part["code"] for part in shown["components"]] == ["to-khai-theo-mau", "giay-to-chung-minh"]
    assert shown["legs"] == [{"leg": "lead", "role": "lead", "order": 1, "agency_kind": "commune-police"}]
    assert shown["published"]["decision"] == "0001/QĐ-BVD"

    components = [{"code": "to-khai-theo-mau", "originals": 1}, {"code": "giay-to-chung-minh", "copies": 1}]
    answer = await door.submitted(residence(procedure_code=CODE, components=components, acceptance=ACCEPTANCE))
    assert answer["state"] == "accepted"
    assert answer["promise"]["due_at"] == "2026-03-09T17:00:00+07:00"
    event = dict(await door.outbox(answer["dossier_id"]))["dossier.accepted.v1"]
    assert event["procedure"] == {
        "code": CODE, "version": 1, "name": "Đăng ký ví dụ cho hộ gia đình", "field": "linh-vuc-vi-du"
    }  # fmt: skip
    assert event["legs"][0]["agency_kind"] == "commune-police"


async def test_whoever_names_no_case_brings_the_papers_of_one(door: FrontDoor) -> None:
    """All papers stand under cases: without this, a dossier without any paper would be complete."""
    papers = (
        "  [ Trường hợp cấp mới ]\n    - Đơn\n      Số lượng: Bản chính: 1\n"
        "    - Bản vẽ\n      Số lượng: Bản chính: 1\n"
        "  [ Trường hợp cấp lại ]\n    - Giấy trình báo\n      Số lượng: Bản chính: 1\n"
    )
    await one(door, procedure_text(components=papers))

    async def filed(*codes: str, case: str | None = None) -> tuple[str, list[str]]:
        parts = [{"code": code, "originals": 1} for code in codes]
        answer = await door.submitted(
            residence(procedure_code=CODE, components=parts, case=case, acceptance=ACCEPTANCE)
        )
        return answer["state"], [finding["component"] for finding in answer["findings"]]

    assert await filed() == ("submitted", ["giay-trinh-bao"])
    assert await filed("don") == ("submitted", ["ban-ve"])
    assert await filed("don", "ban-ve") == ("accepted", [])
    assert await filed("giay-trinh-bao") == ("accepted", [])
    assert await filed("giay-trinh-bao", case="truong-hop-cap-moi") == ("submitted", ["don", "ban-ve"])


async def test_the_same_content_again_makes_no_version_and_other_content_makes_the_next(door: FrontDoor) -> None:
    first = await one(door, procedure_text())
    again = await one(door, procedure_text())
    assert (again["version"], again["unchanged"], again["class"]) == (1, True, first["class"])
    changed = await one(door, procedure_text(channels=channel(term="3 WORKING_DAY")))
    assert (changed["version"], changed["unchanged"]) == (2, False)
    back = await one(door, procedure_text())
    assert back["version"] == 3
    old = (await door.get(f"/v1/procedures/{CODE}/versions/1")).json()
    assert (old["version"], old["terms"][0]["text"]) == (1, "5 WORKING_DAY")
    lines = (await door.get(f"/v1/procedures/{CODE}/versions")).json()["items"]
    assert [line["version"] for line in lines] == [1, 2, 3]


async def test_the_packaged_procedure_stays_what_its_dossiers_are_pinned_to(door: FrontDoor) -> None:
    pinned = await door.submitted(residence())
    item = await one(door, procedure_text(code="1.004222", channels=channel(term="2 WORKING_DAY")))
    assert item["version"] == 2
    accepted = await door.decided(pinned["dossier_id"], "accept")
    assert accepted["promise"]["term"]["text"] == "7 ngày làm việc"
    fresh = await door.submitted(residence(procedure_code="1.004222", components=[]))
    assert (await door.get(f"/v1/dossiers/{fresh['dossier_id']}")).json()["procedure"]["version"] == 2
    lines = (await door.get("/v1/procedures/1.004222/versions")).json()["items"]
    assert [(line["version"], line["published_at"] is None) for line in lines] == [(1, True), (2, False)]


async def test_a_dossier_submitted_before_a_publication_is_accepted_under_its_own_version(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    await one(door, procedure_text())
    submitted = await second_door.submitted(residence(procedure_code=CODE, components=[]))
    await one(door, procedure_text(channels=channel(term="30 ngày"), components="    - Giấy khác\n"))
    await second_door.intake._reference.refresh(second_door.intake.spine.pool)
    assert (await second_door.get(f"/v1/procedures/{CODE}")).json()["version"] == 2
    accepted = await second_door.decided(submitted["dossier_id"], "accept")
    assert accepted["promise"]["term"]["text"] == "5 WORKING_DAY"


async def test_a_pinned_version_that_a_process_never_met_is_looked_up_before_it_is_called_unknown(
    door: FrontDoor, settings: Any, tmp_path: Any
) -> None:
    await one(door, procedure_text())
    submitted = await door.submitted(residence(procedure_code=CODE, components=[]))
    await one(door, procedure_text(channels=channel(term="30 ngày")))
    async with opened(door.intake.settings, tmp_path) as late:
        await late.intake._reference.refresh(late.intake.spine.pool)
        accepted = await late.decided(submitted["dossier_id"], "accept")
        assert accepted["promise"]["term"]["text"] == "5 WORKING_DAY"
        asked = await late.decided(submitted["dossier_id"], "request-supplement", reason="thiếu")
        assert asked["state"] == "supplement_requested"
    async with opened(door.intake.settings, tmp_path) as later:
        assert (await later.get(f"/v1/procedures/{CODE}/versions/1")).json()["terms"][0]["text"] == "5 WORKING_DAY"
        assert (await later.get(f"/v1/procedures/{CODE}/versions/9")).status_code == 404
        unknown = await later.post("/v1/dossiers", residence(procedure_code="1.999999", components=[]))
        assert (unknown.status_code, unknown.json()["slug"]) == (422, "procedure-unknown")


async def test_every_process_knows_within_a_second_what_one_has_published(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    second = second_door.intake
    following = asyncio.create_task(second._reference.follow(second.spine.pool, second.spine.heart))
    try:
        await asyncio.sleep(0.1)
        await imported(door, {f"{n}.txt": procedure_text(code=f"1.999{n:03}") for n in range(150)})
        await until(
            lambda: second_door.get("/v1/procedures?text=1.999&limit=1000"),
            lambda listed: len(listed.json()["items"]) == 150,
            "the other process lists what was published",
            within=1.5,
        )
    finally:
        following.cancel()


async def test_a_procedure_without_a_kind_of_agency_takes_no_dossiers_until_somebody_names_it(door: FrontDoor) -> None:
    assert "agency-unknown" in slugs(await one(door, procedure_text(agency="Cục Ví dụ")))
    refused = await door.post("/v1/dossiers", residence(procedure_code=CODE, components=[]))
    assert (refused.status_code, refused.json()["slug"]) == (422, "agency-kind-unknown")
    assert "Loại cơ quan giải quyết" in refused.json()["next_step"]
    await one(door, procedure_text(agency="Cục Ví dụ", more="Loại cơ quan giải quyết: vi-du\n"))
    await door.submitted(residence(procedure_code=CODE, components=[]))


async def test_a_term_that_only_a_person_reads_needs_the_officers_date(door: FrontDoor) -> None:
    await one(door, procedure_text(channels=channel(term="1 OTHER")))
    submission = residence(procedure_code=CODE, components=[])
    id = (await door.submitted(submission))["dossier_id"]
    refused = await door.post(f"/v1/dossiers/{id}/accept", ACCEPTANCE)
    assert refused.json()["slug"] == "term-needs-a-person"
    promised = {"due_at": "2026-03-05T17:00:00+07:00", "reason": "theo phòng chuyên môn"}
    assert (await door.decided(id, "accept", promised=promised))["promise"]["set_by"] == "officer"


async def test_one_code_twice_in_a_run_is_refused_where_it_differs_and_flagged_where_not(door: FrontDoor) -> None:
    run = str(uuid4())
    other = procedure_text(name="Tên khác")
    answer = await imported(door, {"a": "", "a.txt": procedure_text(), "b.txt": other}, run)
    assert [item["class"] for item in answer["items"]] == ["refused", "published", "refused"]
    (reason,) = answer["items"][2]["reasons"]
    assert (reason["slug"], "a.txt" in reason["text"]) == ("code-twice-in-run", True)
    later = await imported(door, {"c.txt": other, "d.txt": procedure_text()}, run)
    assert [slugs(item) for item in later["items"]] == [{"code-twice-in-run"}, {"repeated-in-run"}]
    assert (await one(door, other))["version"] == 2, "in another run it is the next version"


async def test_a_dry_run_says_the_same_and_publishes_nothing(door: FrontDoor) -> None:
    files = {"a.txt": procedure_text(), "b.txt": "gì đó", "c.txt": procedure_text(name="Khác")}
    seen = await imported(door, files, dry_run=True)
    assert (await door.get(f"/v1/procedures/{CODE}")).status_code == 404
    done = await imported(door, files)
    assert seen["items"] == done["items"]


async def test_a_repeated_request_gets_the_same_answer(door: FrontDoor) -> None:
    run, key = str(uuid4()), str(uuid4())
    first = await imported(door, {"a.txt": procedure_text()}, run, key=key)
    await imported(door, {"a.txt": procedure_text(name="Khác")})
    assert await imported(door, {"a.txt": procedure_text()}, run, key=key) == first
    body = {"run": run, "files": [{"name": "b.txt", "content": ""}]}
    assert (await door.post("/v1/catalogue/imports?dry_run=false", body, key=key)).status_code == 422


async def test_two_imports_at_once_make_each_version_once(door: FrontDoor, second_door: FrontDoor) -> None:
    files = {f"{n}.txt": procedure_text(code=f"1.999{n:03}") for n in range(40)}
    backwards = dict(reversed(files.items()))
    await asyncio.gather(imported(door, files), imported(second_door, backwards), imported(second_door, files))
    pool = door.intake.spine.pool
    assert await pool.fetchval("SELECT count(*) FROM procedure_version") == 40
    assert await pool.fetchval("SELECT max(version) FROM procedure_version") == 1
    others = {name: text.replace("Đăng ký ví dụ", "Tên mới") for name, text in files.items()}
    await asyncio.gather(imported(door, others), imported(second_door, {"x.txt": procedure_text(code="1.999000.H47")}))
    rows = await pool.fetch(
        "SELECT code, array_agg(version ORDER BY version) AS versions FROM procedure_version GROUP BY 1"
    )
    assert {row["code"]: row["versions"] for row in rows} == {
        **{f"1.999{n:03}": [1, 2] for n in range(40)},
        "1.999000.H47": [1],
    }
    known = [door.intake._catalogue.newest(f"1.999{n:03}").ref.version for n in range(40)]
    assert set(known) == {2}


async def test_an_import_that_is_cut_off_is_repeated_whole(door: FrontDoor, second_door: FrontDoor) -> None:
    """The client goes away in the middle of a request: all of it is committed, or nothing; a repeat completes it."""
    files = {f"{n}.txt": procedure_text(code=f"1.999{n:03}") for n in range(120)}
    for moment in (0.0, 0.01, 0.03, 0.06, 0.1):
        cut = asyncio.create_task(imported(door, files))
        await asyncio.sleep(moment)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
    await imported(second_door, files)
    pool = door.intake.spine.pool
    assert await pool.fetchval("SELECT count(*) FROM procedure_version") == 120
    assert await pool.fetchval("SELECT count(*) FROM procedure_head WHERE version = 1") == 120


async def test_published_versions_are_never_changed(door: FrontDoor) -> None:
    await one(door, procedure_text())
    pool = door.intake.spine.pool
    for statement in ("UPDATE procedure_version SET content = '{}'", "DELETE FROM procedure_version"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await pool.execute(statement)


async def test_procedures_are_listed_by_cursor_and_found_with_or_without_accents(door: FrontDoor) -> None:
    await imported(
        door,
        {
            "a.txt": procedure_text(code="1.999001", name="Cấp giấy đỏ", agency="Chi cục Thuế", level="Cấp Tỉnh"),
            "b.txt": procedure_text(code="1.999002", name="Cấp giấy xanh", field="Đất đai"),
        },
    )

    async def codes(query: str) -> list[str]:
        return [item["code"] for item in (await door.get(f"/v1/procedures?{query}")).json()["items"]]

    assert await codes("text=giay%20do") == ["1.999001"]
    assert await codes("text=Cấp%20GIẤY") == ["1.999001", "1.999002"]
    assert await codes("level=province") == ["1.999001"]
    assert await codes("agency=tax") == ["1.999001"]
    assert await codes("agency=thuế") == ["1.999001"]
    assert await codes("field=đất%20đai") == await codes("field=dat-dai") == ["1.999002"]
    assert await codes("field=cu-tru") == ["1.004222"]

    everything = await codes("")
    paged, cursor = [], ""
    while True:
        page = (await door.get(f"/v1/procedures?limit=2{cursor}")).json()
        paged += [item["code"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == everything == sorted(everything)
    assert (await door.get("/v1/procedures?cursor=x")).json()["slug"] == "cursor-invalid"


async def test_procedures_that_cite_expired_texts_are_a_report(door: FrontDoor) -> None:
    citing = procedure_text(bases="  * Nghị định 61/2018/NĐ-CP\n  * Nghị định số 42/2022/NĐ-CP\n")
    await imported(door, {"a.txt": citing, "b.txt": procedure_text(code="1.999002")})

    async def report() -> list[tuple[str, list[str]]]:
        items = (await door.get("/v1/catalogue/expired-bases")).json()["items"]
        return [(item["code"], [text["number"] for text in item["ended"]]) for item in items]

    assert await report() == [(CODE, ["61/2018/NĐ-CP"])]
    door.set_time("2026-07-01T08:00:00+07:00")
    assert await report() == [(CODE, ["42/2022/NĐ-CP", "61/2018/NĐ-CP"])]
    shown = (await door.get(f"/v1/procedures/{CODE}", bearer=door.token())).json()["published"]["legal_bases"]
    assert shown[0]["ended"]["replaced_by"] == ["118/2025/NĐ-CP"]
    door.set_time("2026-03-02T08:00:00+07:00")
    await one(door, procedure_text())
    assert await report() == [], "the newest version cites it no more"


async def test_only_an_editor_of_reference_data_may_import(door: FrontDoor) -> None:
    body = {"run": str(uuid4()), "files": [{"name": "a.txt", "content": ""}]}
    stranger = door.token([scope for scope in SCOPES if scope != "reference:edit"])
    assert (await door.post("/v1/catalogue/imports", body, bearer=stranger)).status_code == 403
    wrongs: tuple[dict[str, Any], ...] = (
        {"files": []},
        {**body, "files": [{"name": "a", "content": "%"}]},
        {**body, "run": "x"},
    )
    for wrong in wrongs:
        assert (await door.post("/v1/catalogue/imports", wrong)).status_code == 422
