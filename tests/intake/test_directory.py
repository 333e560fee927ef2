"""Danh bạ: uploaded by one, approved by another, and then what everybody sees."""

import asyncio
import itertools
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.reference import columns
from services.intake.domain.reference.columns import EARLIEST, LATEST, Row, Sheet
from services.intake.domain.reference.directory import KINDS, Entry
from services.intake.domain.reference.directory_plan import make_plan
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.directory_office import AGENCIES, DESKS, UNITS, Desk, desk

BOTH = ("H26.15.01", "H26.15.02")
"""The packaged desks."""


@pytest.fixture
def office(door: FrontDoor) -> Desk:
    return Desk(door)


async def test_nothing_takes_effect_before_a_second_person_approves(office: Desk) -> None:
    door = office.door
    seen = await office.preview("desks", DESKS)
    assert (seen["state"], seen["added"], seen["errors"]) == ("previewed", 3, [])
    assert (await door.get("/v1/desks/H15.15.01")).status_code == 404

    own = await office.decide(seen["id"], bearer=door.token(subject="an"))
    assert (own.status_code, own.json()["slug"]) == (409, "four-eyes")
    approved = await office.decide(seen["id"])
    assert (approved.json()["state"], approved.json()["decided_by"]) == ("approved", "binh")

    desk = (await door.get("/v1/desks/H15.15.01")).json()
    assert (desk["territory"], desk["province"], desk["desk_class"]) == ("22015", "66", "urban")
    again = await office.decide(seen["id"])
    assert (again.status_code, again.json()["slug"]) == (409, "import-decided")
    (line,) = (await door.get("/v1/directory/imports")).json()["items"]
    assert (line["uploaded_by"], line["decided_by"], line["edition"]) == ("an", "binh", 1)


async def test_what_changes_is_told_field_by_field(office: Desk) -> None:
    await office.published("desks", DESKS)
    header, *_ = DESKS.splitlines()
    seen = await office.preview("desks", "\n".join(seen_lines(header)))
    assert [change["code"] for change in seen["diff"]["added"]] == ["H15.15.07"]
    (changed,) = seen["diff"]["changed"]
    assert changed["code"] == "H15.15.01"
    assert changed["fields"] == [{"field": "phone", "was": "0257 000 0101", "becomes": "0257 000 0102"}]
    (ended,) = seen["diff"]["ended"]
    assert (ended["code"], ended["valid_from"]) == ("H15.15.07", "2025-07-01")
    assert ended["fields"] == [{"field": "valid_to", "was": None, "becomes": "2025-12-31"}]
    assert seen["unchanged"] == 1
    assert (await office.decide(seen["id"])).status_code == 200

    shown = (await office.door.get("/v1/desks/H15.15.07")).json()
    assert shown["desk_class"] == "rural"
    assert [period["valid_to"] for period in shown["versions"]] == ["2025-12-31", None]
    before = (await office.door.get("/v1/desks/H15.15.07?at=2025-12-31")).json()
    assert before["desk_class"] == "urban"


def seen_lines(header: str) -> list[str]:
    """A new phone, a new version of another desk, and a row that is known already."""
    return [
        header,
        "H15.15.01,Trung tâm hành chính công phường Tuy Hòa,xã,66,22015,urban,07:00-11:30,0257 000 0102,01/07/2025,",
        "H15.15.07,Trung tâm hành chính công phường Buôn Ma Thuột,xã,66,24133,nông thôn,,,2026-01-01,",
        DESKS.splitlines()[3],
    ]


async def test_old_dossiers_still_find_the_desk_of_a_district(office: Desk) -> None:
    await office.published("desks", DESKS)
    listed = [desk["code"] for desk in (await office.door.get("/v1/desks")).json()["items"]]
    assert listed == ["H15.15.01", "H15.15.07", "H26.15.01", "H26.15.02"], "the packaged desks are there too"
    then = (await office.door.get("/v1/desks?at=2020-01-01&province=54")).json()["items"]
    assert [desk["code"] for desk in then] == ["H45.30.01"]
    gone = (await office.door.get("/v1/desks/H45.30.01")).json()
    assert (gone["name"], gone["valid_to"]) == ("Bộ phận Một cửa huyện Đồng Xuân", "2025-06-30")
    urban = (await office.door.get("/v1/desks?class=urban&province=66")).json()["items"]
    assert len(urban) == 2


async def test_a_packaged_desk_stands_in_until_the_directory_speaks_of_its_code(office: Desk) -> None:
    door = office.door

    async def listed_and_taking() -> tuple[set[str], set[str]]:
        await door.intake._reference.refresh(door.intake.spine.pool)
        listed = {found["code"] for found in (await door.get("/v1/desks?province=01")).json()["items"]}
        answers = {code: await door.post("/v1/dossiers", residence(desk_code=code)) for code in BOTH}
        return listed, {code for code, answer in answers.items() if answer.status_code == 201}

    first, second = BOTH
    await office.published("desks", desk(code=first, province="01", commune="00004", valid_from="2026-03-09"))
    assert await listed_and_taking() == ({*BOTH}, {*BOTH})
    await office.published("desks", desk(code=second, province="01", commune="00008", valid_to="2025-12-31"))
    assert await listed_and_taking() == ({first}, {first}), "its code has ended, and what is packaged doesn't come back"
    door.set_time("2026-03-09T08:00:00+07:00")
    assert await listed_and_taking() == ({first}, {first})


async def test_a_file_with_mistakes_changes_nothing_and_names_them_all(office: Desk) -> None:
    header, first, *_ = DESKS.splitlines()
    seen = await office.preview("desks", f"{header}\n{first}\nH15.15.08,,xa,66,123,gần,,,31/02/2026,\n")
    places = [(error["row"], error["column"]) for error in seen["errors"]]
    assert places == [(3, "class"), (3, "commune"), (3, "name"), (3, "valid_from")]
    assert (seen["state"], seen["error_count"]) == ("faulty", 4)
    refused = await office.decide(seen["id"])
    assert (refused.status_code, refused.json()["slug"]) == (409, "import-faulty")
    assert (await office.door.get("/v1/desks/H15.15.01")).status_code == 404


async def test_one_desk_per_commune_at_a_time(office: Desk) -> None:
    await office.published("desks", desk())
    assert await office.mistakes("desks", desk(code="H15.15.02")) == [(2, "commune")]
    branch = desk(code="H15.15.02", level="branch", superior="H15.15.01")
    assert await office.mistakes("desks", branch) == []
    await office.published("desks", desk(valid_to="2025-12-31"))
    assert await office.mistakes("desks", desk(code="H15.15.02", valid_from="2026-01-01")) == []


async def test_versions_of_one_code_follow_each_other(office: Desk) -> None:
    lines = [desk(valid_to="2026-03-31"), desk(valid_from="2026-03-31"), desk(), desk()]
    body = lines[0] + "".join(line.split("\n")[1] + "\n" for line in lines[1:])
    assert await office.mistakes("desks", body) == [(3, "valid_from"), (4, "code"), (5, "code")]
    await office.published("desks", desk(valid_to="2026-12-31"))
    assert await office.mistakes("desks", desk(valid_from="2026-06-01")) == [(2, "valid_from")]
    assert await office.mistakes("desks", desk(valid_from="2020-06-01")) == [(2, "valid_from")]


async def test_a_version_entered_by_mistake_is_withdrawn(office: Desk) -> None:
    await office.published("desks", desk())
    await office.published("desks", desk(valid_from="2026-01-01", name="Nhầm ngày"))
    assert await office.mistakes("desks", desk(valid_from="2026-01-02", withdrawn="x")) == [(2, "withdrawn")]
    again = desk(withdrawn="") + desk(valid_from="2026-01-01", withdrawn="x").split("\n")[1] + "\n"
    seen = await office.published("desks", again)
    assert [change["fields"] for change in seen["diff"]["changed"]] == [
        [{"field": "valid_to", "was": "2025-12-31", "becomes": None}]
    ]
    (gone,) = seen["diff"]["ended"]
    assert gone["fields"] == [{"field": "withdrawn", "was": None, "becomes": "yes"}]
    shown = (await office.door.get("/v1/desks/H15.15.01")).json()
    assert (shown["name"], shown["versions"]) == ("Trung tâm", [{"valid_from": "2025-07-01", "valid_to": None}])
    assert (await office.door.get("/v1/desks?province=66")).json()["items"][0]["valid_from"] == "2025-07-01"
    await office.published("desks", desk(valid_from="2026-01-01", name="Mới"))
    assert len((await office.door.get("/v1/desks/H15.15.01")).json()["versions"]) == 2


async def test_superiors_are_there_and_lead_somewhere(office: Desk) -> None:
    await office.published("units", UNITS)
    header = "code,name,superior,valid_from"
    assert await office.mistakes("units", f"{header}\nH15.03,Sở,H99,2026-01-01\n") == [(2, "superior")]
    assert await office.mistakes("units", f"{header}\nH15.03,Sở,H15,2020-01-01\n") == [(2, "superior")]
    assert await office.mistakes("units", f"{header}\nH15.03,Sở,H15.03,2026-01-01\n") == [(2, "superior")]
    circle = f"{header}\nH15.04,A,H15.06,2026-01-01\nH15.05,B,H15.04,2026-01-01\nH15.06,C,H15.05,2026-01-01\n"
    assert await office.mistakes("units", circle) == [(2, "superior")]
    assert await office.mistakes("units", f"{header}\nH15,UBND tỉnh,H15.02,2025-07-01\n") == [(2, "superior")]
    turned = f"{header}\nH15,UBND tỉnh,H15.02,2026-01-01\nH15.02,Sở,,2026-01-01\n"
    assert await office.mistakes("units", turned) == [], "who was below may be above later"
    found = (await office.door.get("/v1/units?superior=H15")).json()["items"]
    assert [unit["code"] for unit in found] == ["H15.02"]


async def test_an_agency_is_found_by_its_old_code_and_leads_to_its_successor(office: Desk) -> None:
    await office.published("agencies", AGENCIES)
    for code in ("000.00.02.H45", "H45.02"):
        found = (await office.door.get(f"/v1/agencies/{code}")).json()
        assert (found["agency"]["code"], found["way"], found["now"]["code"]) == (
            "H45.02",
            ["H45.02", "H15.02"],
            "H15.02",
        )
    assert (await office.door.get("/v1/agencies/H99")).status_code == 404
    listed = (await office.door.get("/v1/agencies?vertical=true")).json()["items"]
    assert [agency["code"] for agency in listed] == ["G01.66"]

    header = AGENCIES.splitlines()[0]
    back = f"{header}\nH15.02,000.00.02.H15,Sở Xây dựng tỉnh Đắk Lắk,no,,H45.02,2018-01-01,\n"
    assert await office.mistakes("agencies", back) == [(2, "successor")]
    assert await office.mistakes("agencies", back.replace("H45.02", "H77")) == [(2, "successor")]
    taken = f"{header}\nH15.09,000.00.02.H15,Sở khác,no,,,2026-01-01,\n"
    assert await office.mistakes("agencies", taken) == [(2, "old_code")]


OFFICERS = """mã cán bộ,đơn vị,ngạch chức vụ,vai trò,phạm vi,hiệu lực từ
cb-01,H15.02,Chuyên viên,một cửa,H15.15.01,2025-07-01
ca-01,H15.02,Trung úy,bộ phận một cửa,"H15.15.07; H15.15.01",2025-07-01
ld-01,H15.02,Phó giám đốc,lãnh đạo theo dõi,*,2025-07-01
""".replace("ngạch chức vụ", '"ngạch, chức vụ"')


async def test_officers_are_known_by_code_and_those_posted_stay_a_year(office: Desk) -> None:
    for kind, body in (("desks", DESKS), ("units", UNITS), ("agencies", AGENCIES), ("officers", OFFICERS)):
        await office.published(kind, body)
    first = (await office.door.get("/v1/officers?limit=2")).json()
    rest = (await office.door.get(f"/v1/officers?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["code"] for one in first["items"] + rest["items"]] == ["ca-01", "cb-01", "ld-01"]
    assert first["items"][0]["area"] == ["H15.15.01", "H15.15.07"]
    watching = (await office.door.get("/v1/officers?role=watching-leader")).json()["items"]
    assert [(one["code"], one["area"]) for one in watching] == [("ld-01", ["*"])]
    assert await office.mistakes("officers", OFFICERS.replace("mã cán bộ", "họ tên")) == [(1, None), (1, "code")]

    header = "officer,agency,desk,valid_from,valid_to\n"
    short = await office.preview("postings", header + "ca-01,G01.66,H15.15.01,2026-01-01,2026-12-30\n")
    assert [(doubt["row"], doubt["column"]) for doubt in short["doubts"]] == [(2, "valid_to")]
    assert short["state"] == "previewed", "two persons decide, not the hub"
    other = await office.preview("postings", header + "ca-01,H15.02,H15.15.01,2026-01-01,2026-12-31\n")
    assert [doubt["column"] for doubt in other["doubts"]] == ["agency"]
    await office.published("postings", header + "ca-01,G01.66,H15.15.01,2026-01-01,2026-12-31\n")
    assert [one["desk"] for one in (await office.door.get("/v1/postings?officer=ca-01")).json()["items"]] == [
        "H15.15.01"
    ]
    assert (await office.door.get("/v1/postings?at=2027-01-01")).json()["items"] == []


async def test_the_norm_counts_posts_by_class_and_part_of_the_year(office: Desk) -> None:
    await office.published("desks", DESKS)
    roster = """desk,post,share,valid_from,valid_to
H15.15.01,quay-1,,2026-01-01,
H15.15.01,quay-2,"0,5",2026-01-01,2026-12-31
H15.15.07,quay-1,1,2026-01-01,2026-03-14
"""
    await office.published("roster", roster)
    norms = (await office.door.get("/v1/figures/desk-norms?year=2026")).json()["items"]
    assert norms == [
        {"desk": "H15.15.01", "posts": 1.5, "dossiers": 2400},
        {"desk": "H15.15.07", "posts": 0.2, "dossiers": 320},
    ]
    remote = "H15.15.01,Trung tâm hành chính công phường Tuy Hòa,xã,66,22015,remote,,,2026-07-02,\n"
    await office.published("desks", DESKS.splitlines()[0] + "\n" + remote)
    (first, _) = (await office.door.get("/v1/figures/desk-norms?year=2026")).json()["items"]
    assert first["dossiers"] == round(1.5 * (182 * 1600 + 183 * 800) / 365)
    assert (await office.door.get("/v1/figures/desk-norms?year=2025")).json()["items"] == []


async def test_a_preview_that_rests_on_what_has_changed_must_be_made_anew(office: Desk) -> None:
    units = await office.preview("units", UNITS)
    same = await office.preview("units", UNITS)
    desks = await office.preview("desks", DESKS)
    both = await asyncio.gather(office.decide(units["id"]), office.decide(same["id"]))
    assert sorted(response.status_code for response in both) == [200, 409]
    (stale,) = [response.json() for response in both if response.status_code == 409]
    assert stale["slug"] == "import-stale"
    assert stale["next_step"]
    assert (await office.decide(desks["id"])).status_code == 200, "desks rest on no units"
    assert (
        await office.door.intake.spine.pool.fetchval("SELECT count(*) FROM directory_entry WHERE kind = 'units'") == 2
    )


async def test_two_processes_approve_once(office: Desk, second_door: FrontDoor) -> None:
    seen = await office.preview("desks", DESKS)
    path = f"/v1/directory/imports/{seen['id']}/approve"
    both = await asyncio.gather(
        office.door.post(path, {}, bearer=office.approver), second_door.post(path, {}, bearer=office.approver)
    )
    assert sorted(response.status_code for response in both) == [200, 409]
    assert await office.door.intake.spine.pool.fetchval("SELECT count(*) FROM directory_entry") == 3
    assert len((await second_door.get("/v1/desks?province=66")).json()["items"]) == 2


async def test_what_is_rejected_stays_out_and_why_is_sealed(office: Desk) -> None:
    seen = await office.preview("desks", DESKS)
    why = "Sai số điện thoại của bà Mẫu"
    rejected = await office.decide(seen["id"], "reject", why=why)
    assert rejected.json()["state"] == "rejected"
    assert (await office.decide(seen["id"])).json()["slug"] == "import-decided"
    assert (await office.door.get(f"/v1/directory/imports/{seen['id']}")).json()["why"] == why
    row = await office.door.intake.spine.pool.fetchrow("SELECT * FROM reference_import")
    assert row is not None
    assert "Mẫu" not in str(dict(row))


async def test_the_same_key_uploads_once(office: Desk) -> None:
    first, again = await office.upload("desks", DESKS, key="k"), await office.upload("desks", DESKS, key="k")
    assert first.json()["id"] == again.json()["id"]
    other = await office.upload("desks", desk(), key="k")
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")


async def test_who_acts_for_some_desks_only_does_not_change_the_directory(office: Desk) -> None:
    seen = await office.preview("desks", DESKS)
    narrow = office.door.token(area=["H15.15.01"], subject="binh")
    assert (await office.decide(seen["id"], bearer=narrow)).json()["slug"] == "scope-missing"
    assert (await office.decide(seen["id"], bearer=office.editor)).json()["slug"] == "scope-missing"
    reader = office.door.token(["dossiers:read"])
    assert (await office.door.get("/v1/directory/imports", bearer=reader)).status_code == 403
    assert (await office.decide(str(uuid4()))).status_code == 404


async def test_an_approved_desk_takes_dossiers_in_every_process_without_a_restart(
    office: Desk, second_door: FrontDoor
) -> None:
    await office.published("desks", DESKS)
    await second_door.intake._reference.refresh(second_door.intake.spine.pool)  # the role looks twice a second
    for code, status in (("H15.15.07", 201), ("H45.30.01", 422)):
        answer = await second_door.post("/v1/dossiers", residence(desk_code=code, acceptance=ACCEPTANCE))
        assert answer.status_code == status, answer.text


async def test_a_desk_counts_from_the_day_it_is_valid(office: Desk, second_door: FrontDoor) -> None:
    """Nobody publishes anything that day: it begins by itself."""
    await office.published("desks", DESKS.replace("2025-07-01", "2026-03-03"))
    for day, status in (("2026-03-02", 422), ("2026-03-03", 201)):
        second_door.set_time(f"{day}T09:00:00+07:00")
        await second_door.intake._reference.refresh(second_door.intake.spine.pool)
        answer = await second_door.post("/v1/dossiers", residence(desk_code="H15.15.07", acceptance=ACCEPTANCE))
        assert answer.status_code == status, answer.text


DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 12))
ROWS = st.lists(st.tuples(st.sampled_from(["H01", "H02"]), DAYS, st.none() | DAYS), max_size=6)


@given(ROWS, ROWS)
def test_whatever_is_imported_one_version_is_valid_on_a_day(first: Any, second: Any) -> None:
    """Twice any file: what is taken never overlaps, and what a file says is what is known then."""
    kind = KINDS["units"]
    known: dict[tuple[str, date], Entry] = {}
    for rows in (first, second):
        cells = [
            {"code": code, "name": "A", "valid_from": f"{since}", "valid_to": f"{until or ''}"}
            for code, since, until in rows
        ]
        sheet = Sheet(["code", "name", "valid_from", "valid_to"], [Row(n, row) for n, row in enumerate(cells, 2)])
        plan = make_plan(kind, {"units": [*known.values()]}, sheet, {})
        known.update({(entry.code, entry.valid_from): entry for entry in plan.entries})
        if not plan.mistakes:
            again = make_plan(kind, {"units": [*known.values()]}, sheet, {})
            assert (again.entries, again.diff.unchanged) == ((), len(rows))
    entries = [*known.values()]
    for one, other in itertools.combinations(entries, 2):
        assert one.code != other.code or not one.meets(other)


@given(st.dates(EARLIEST, LATEST))
def test_both_ways_to_write_a_day_are_read(day: date) -> None:
    assert columns.day(day.isoformat()) == columns.day(f"{day.day}/{day.month}/{day.year:04}") == day.isoformat()
