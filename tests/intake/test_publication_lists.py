"""Danh mục công bố: replaced as a whole by two persons, shown to everybody, compared with the national portal."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub_web.problems import Problem
from services.intake.api.reference.publication_lists import Turnstile
from tests.intake.citizen import Page
from tests.intake.conftest import FrontDoor, opened

KIND = "phi-dia-gioi-cap-xa"
FIRST = """mã thủ tục,tên thủ tục,cấp tiếp nhận,bộ phận một cửa,cơ quan,ghi chú
1.004222,Đăng ký thường trú,cấp xã,*,Công an xã,
1.001193,Đăng ký khai sinh,xã,H26.15.01 H26.15.02,UBND xã,Trả trong ngày
9.999999,Thủ tục <b>lạ</b>,tỉnh,,,
"""
DECISION = {
    "decision": "1028/QĐ-UBND",
    "decided_on": "2022-08-29",
    "published_on": "2022-09-03",
    "valid_from": "2022-09-01",
}


class Lists:
    """An office that decides, and citizens who read."""

    def __init__(self, door: FrontDoor) -> None:
        self.door = door
        self.editor = door.token(["reference:edit"], subject="an")
        self.approver = door.token(["reference:approve"], subject="binh")

    async def upload(self, body: str, kind: str = KIND, **changes: str) -> httpx.Response:
        headers = {"Authorization": self.editor, "Idempotency-Key": str(uuid4())}
        params = {**DECISION, **changes}
        path = f"/v1/publication-lists/{kind}/imports"
        return await self.door.client.post(path, content=body.encode(), headers=headers, params=params)

    async def published(self, body: str, kind: str = KIND, **changes: str) -> dict[str, Any]:
        seen = await self.upload(body, kind, **changes)
        assert seen.status_code == 201, seen.text
        path = f"/v1/directory/imports/{seen.json()['id']}/approve"
        approved = await self.door.post(path, {}, bearer=self.approver)
        assert approved.status_code == 200, approved.text
        answer: dict[str, Any] = approved.json()
        return answer

    async def shown(self, kind: str = KIND, at: str = "") -> httpx.Response:
        """As anybody sees it: without a token."""
        return await self.door.client.get(f"/v1/publication-lists/{kind}", params={"at": at} if at else {})

    async def page(self, path: str) -> httpx.Response:
        return await self.door.client.get(path)

    async def compared(self, body: str) -> dict[str, Any]:
        headers = {"Authorization": self.editor, "Idempotency-Key": "1"}
        path = f"/v1/publication-lists/{KIND}/comparison"
        answer = await self.door.client.post(path, content=body.encode(), headers=headers)
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def lists(door: FrontDoor) -> Lists:
    return Lists(door)


async def test_a_list_is_public_once_a_second_person_approved(lists: Lists) -> None:
    seen = (await lists.upload(FIRST)).json()
    assert (seen["state"], seen["added"], seen["decision"]["decision"]) == ("previewed", 3, "1028/QĐ-UBND")
    assert [(doubt["row"], doubt["column"]) for doubt in seen["doubts"]] == [(4, "procedure")], "flagged, not refused"
    assert (await lists.shown()).status_code == 404
    path = f"/v1/directory/imports/{seen['id']}/approve"
    own = await lists.door.post(path, {}, bearer=lists.door.token(subject="an"))
    assert own.json()["slug"] == "four-eyes"
    assert (await lists.door.post(path, {}, bearer=lists.approver)).status_code == 200

    shown = (await lists.shown()).json()
    assert (shown["days_to_publication"], shown["not_in_catalogue"], shown["edition"]) == (5, 1, 1)
    assert [entry["in_catalogue"] for entry in shown["entries"]] == [True, True, False]
    assert shown["entries"][1]["desks"] == ["H26.15.01", "H26.15.02"]
    assert (await lists.shown(at="2022-08-31")).status_code == 404
    assert (await lists.shown("no-such-list")).status_code == 422


async def test_the_page_is_for_everybody_and_runs_nothing(lists: Lists) -> None:
    empty = await lists.page("/danh-muc")
    assert (empty.status_code, empty.text.count("Chưa công bố")) == (200, 4)
    for missing in (KIND, "khong-co"):
        page = await lists.page(f"/danh-muc/{missing}")
        assert (page.status_code, "chưa được công bố" in page.text) == (404, True)
    await lists.published(FIRST)
    page = await lists.page(f"/danh-muc/{KIND}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for text in (
        "1028/QĐ-UBND ngày 29/08/2022",
        "5 ngày sau khi ban hành",
        "Đăng ký khai sinh",
        "Bộ phận Một cửa phường Ba Đình; ",
        "&lt;b&gt;lạ",
    ):
        assert text in page.text
    assert "<b>" not in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'name="viewport"' in page.text
    assert f"/danh-muc/{KIND}" in (await lists.page("/danh-muc")).text


async def test_the_pages_stand_in_the_citizens_frame_below_the_public_address(lists: Lists, tmp_path: Path) -> None:
    await lists.published(FIRST)
    public = lists.door.intake.settings.model_copy(update={"public_url": "https://dvc.example.vn/hub"})
    async with opened(public, tmp_path) as behind:
        for path, found in (("", True), (f"/{KIND}", True), ("/khong-co", False)):
            answer = await behind.client.get(f"/danh-muc{path}")
            page = Page(answer.text).accessible()
            links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
            assert {"#content", "/hub/tra-cuu"} <= links, "the head of the citizen's page"
            below = links - {"#content", "/hub/tra-cuu"}
            assert below == ({f"/hub/danh-muc/{KIND}"} if path == "" else {"/hub/danh-muc"})
            assert "unsafe" not in answer.headers["content-security-policy"]
            for told in (answer.text, answer.headers.get("x-robots-tag", "")):
                assert ("noindex" in told) is not found, "what is published may be found"


async def test_a_new_version_replaces_the_former_which_stays_readable(lists: Lists) -> None:
    await lists.published(FIRST)
    changed = FIRST.replace("Trả trong ngày", "Trả ngay").replace("9.999999,Thủ tục <b>lạ</b>", "1.004194,Tạm trú")
    later = {"decision": "12/QĐ-UBND", "decided_on": "2026-02-01", "published_on": "2026-02-01"}
    seen = await lists.published(changed, valid_from="2026-03-03", **later)
    assert (seen["added"], seen["changed"], seen["ended"], seen["unchanged"]) == (1, 1, 1, 1)
    assert seen["diff"]["changed"][0]["fields"] == [{"field": "note", "was": "Trả trong ngày", "becomes": "Trả ngay"}]

    today = (await lists.shown()).json()
    assert today["edition"] == 1, "the new one is not valid yet on 02/03/2026"
    assert "1028/QĐ-UBND" in (await lists.page(f"/danh-muc/{KIND}")).text
    lists.door.set_time("2026-03-03T08:00:00+07:00")
    assert (await lists.shown()).json()["decision"] == "12/QĐ-UBND"
    assert "12/QĐ-UBND" in (await lists.page(f"/danh-muc/{KIND}")).text
    before = (await lists.shown(at="2026-03-02")).json()
    assert (before["edition"], [one["edition"] for one in before["versions"]]) == (1, [2, 1])


async def test_lists_are_apart(lists: Lists) -> None:
    other = await lists.upload(FIRST, "nganh-doc")
    await lists.published(FIRST)
    path = f"/v1/directory/imports/{other.json()['id']}/approve"
    assert (await lists.door.post(path, {}, bearer=lists.approver)).status_code == 200
    stale, fresh = (await lists.upload(FIRST)).json(), (await lists.upload(FIRST)).json()
    for one, status in ((fresh, 200), (stale, 409)):
        path = f"/v1/directory/imports/{one['id']}/approve"
        assert (await lists.door.post(path, {}, bearer=lists.approver)).status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"published_on": "2022-08-28"},
        {"valid_to": "2022-08-31"},
        {"decided_on": "29/08/2022"},
        {"decision": ""},
    ],
)
async def test_a_decision_with_unsound_days_is_refused(lists: Lists, changes: dict[str, str]) -> None:
    answer = await lists.upload(FIRST, **changes)
    assert (answer.status_code, bool(answer.json()["next_step"])) == (422, True)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("mã thủ tục,tên thủ tục\n", (1, None)),
        ("mã thủ tục\n1.00422\n", (2, "procedure")),
        ("mã thủ tục\n1.004222\n1.004222\n", (3, "procedure")),
        ("mã thủ tục,cấp tiếp nhận\n1.004222,chi nhánh\n", (2, "level")),
        ("mã thủ tục,ghi chú\n1.004222,=A1\n", (2, "note")),
    ],
)
async def test_a_list_with_mistakes_replaces_nothing(lists: Lists, body: str, where: tuple[int, str | None]) -> None:
    await lists.published(FIRST)
    seen = (await lists.upload(body)).json()
    assert (seen["errors"][0]["row"], seen["errors"][0]["column"]) == where
    path = f"/v1/directory/imports/{seen['id']}/approve"
    assert (await lists.door.post(path, {}, bearer=lists.approver)).json()["slug"] == "import-faulty"
    assert len((await lists.shown()).json()["entries"]) == 3


async def test_one_procedure_may_be_listed_at_two_levels(lists: Lists) -> None:
    body = "mã thủ tục,cấp tiếp nhận\n1.004222.H45,tỉnh\n1.004222.H45,xã\n"
    await lists.published(body)
    shown = (await lists.shown()).json()
    assert [entry["level"] for entry in shown["entries"]] == ["provincial", "commune"]
    assert {entry["name"] for entry in shown["entries"]} == {"Đăng ký thường trú"}, "the catalogue's name"
    assert shown["not_in_catalogue"] == 0


async def test_differences_from_the_national_portal_are_told(lists: Lists) -> None:
    await lists.published(FIRST)
    told = await lists.compared(
        "STT;MaTTHC;TenTTHC;CoQuan\n1;1.004222;Đăng ký  THƯỜNG trú;CA\n2;1.001193;Khai sinh;\n3;2.000815;Chứng thực;\n"
    )
    assert told["same"] == 1
    assert told["only_here"] == [{"procedure": "9.999999", "here": "Thủ tục <b>lạ</b>", "there": None}]
    assert told["only_there"] == [{"procedure": "2.000815", "here": None, "there": "Chứng thực"}]
    assert told["other_name"] == [{"procedure": "1.001193", "here": "Đăng ký khai sinh", "there": "Khai sinh"}]
    same = await lists.compared('[{"MATTHC": "1.004222"}, {"MATTHC": "1.001193"}, {"MATTHC": "9.999999"}]')
    assert (same["same"], same["only_here"], same["only_there"], same["other_name"]) == (3, [], [], [])
    longer = await lists.compared("MaTTHC\n1.004222.000.00.00.H15\n1.001193.H26\n9.999999\n")
    assert (longer["same"], longer["only_here"], longer["only_there"]) == (3, [], [])
    wrong = await lists.compared("MaTTHC\n=1+1\n1.004222\nabc\n")
    assert (wrong["slug"], [error["row"] for error in wrong["errors"]]) == ("file-faulty", [2, 4])


async def test_who_asks_for_too_many_pages_at_once_is_asked_to_wait() -> None:
    seconds = iter([0.0, 0.5, 0.9, 1.0])
    turnstile: Any = Turnstile(2, lambda: next(seconds))
    await turnstile(None)
    await turnstile(None)
    with pytest.raises(Problem, match="list-busy"):
        await turnstile(None)
    await turnstile(None)
