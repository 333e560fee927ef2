"""Hồ sơ có thể trùng: same person, procedure and month are pointed out; nothing is blocked, no number is kept."""

from typing import Any

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence

pytestmark = pytest.mark.stack
OTHER = {"kind": "citizen", "full_name": "Trần Thị Thử", "personal_id": "001090000002"}


async def shown(door: FrontDoor, id: str, **options: Any) -> list[str]:
    found = (await door.get(f"/v1/dossiers/{id}", **options)).json()["possible_duplicates"]
    return sorted(item["dossier_id"] for item in found)


async def test_the_same_person_and_procedure_within_the_window_are_pointed_out(door: FrontDoor) -> None:
    first = (await door.submitted(residence()))["dossier_id"]
    await door.submitted(birth())
    await door.submitted(residence(applicant=OTHER))
    door.set_time("2026-03-31T08:00:00+07:00")
    again = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    assert await shown(door, first) == [again]
    assert await shown(door, again) == [first]
    listed = (await door.get("/v1/possible-duplicates?limit=1")).json()
    rest = (await door.get(f"/v1/possible-duplicates?limit=1&cursor={listed['next_cursor']}")).json()
    assert sorted(item["dossier_id"] for item in (*listed["items"], *rest["items"])) == sorted([first, again])

    door.set_time("2026-04-02T08:00:00+07:00")
    later = (await door.submitted(residence()))["dossier_id"]
    assert await shown(door, later) == [again], "the first one is 31 days away"


async def test_another_areas_dossiers_are_not_told_of(door: FrontDoor) -> None:
    here = (await door.submitted(residence()))["dossier_id"]
    await door.submitted(residence(desk_code="H26.15.02", territory="00070"))
    assert len(await shown(door, here)) == 1
    ours = door.token(area=["H26.15.01"])
    assert await shown(door, here, bearer=ours) == []
    assert (await door.get("/v1/possible-duplicates", bearer=ours)).json()["items"] == []


async def test_a_corrected_person_is_no_duplicate_any_more_and_who_has_no_number_is_never_one(door: FrontDoor) -> None:
    first = (await door.submitted(residence()))["dossier_id"]
    second = (await door.submitted(residence()))["dossier_id"]
    await door.decided(second, "corrections", reason="Nhầm người", applicant=OTHER)
    assert await shown(door, first) == await shown(door, second) == []
    nameless = {"kind": "citizen", "full_name": "Nguyễn Văn Mẫu"}
    one = (await door.submitted(residence(applicant=nameless)))["dossier_id"]
    await door.submitted(residence(applicant=nameless))
    assert await shown(door, one) == []


async def test_the_mark_does_not_tell_the_number(door: FrontDoor) -> None:
    await door.submitted(residence())
    row = await door.intake.spine.pool.fetchrow("SELECT * FROM applicant_mark")
    assert row is not None
    assert "001090000001" not in str(dict(row))
    assert len(row["mark"]) == 16
