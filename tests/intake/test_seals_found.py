"""Niêm phong dòng thời gian: whatever is done to it is found, at its place; an erasure is none of that."""

import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.sealing import entry, seal, steps, tampered, verified
from tests.intake.test_lists import acknowledged
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack

TAMPERING = {
    "facts": ("UPDATE step SET facts = facts || '{\"x\": 1}' WHERE (dossier_id, event_id) = ($1, $2)", "changed"),
    "facts emptied": ("UPDATE step SET facts = '{}' WHERE (dossier_id, event_id) = ($1, $2)", "changed"),
    "type": ("UPDATE step SET type = 'dossier.refused.v1' WHERE (dossier_id, event_id) = ($1, $2)", "changed"),
    "time": ("UPDATE step SET at = at - interval '1 us' WHERE (dossier_id, event_id) = ($1, $2)", "changed"),
    "recorded": (
        "UPDATE step SET recorded_at = recorded_at + interval '1 day' WHERE (dossier_id, event_id) = ($1, $2)",
        "changed",
    ),
    "removed": ("DELETE FROM step WHERE (dossier_id, event_id) = ($1, $2)", "removed"),
    "another dossier's": (
        "UPDATE step SET dossier_id = gen_random_uuid() WHERE (dossier_id, event_id) = ($1, $2)", "removed",
    ),
    "another event": (
        "UPDATE step SET event_id = (left(event_id::text, 35) || translate(right(event_id::text, 1),"
        " '0123456789abcdef', '123456789abcdef0'))::uuid WHERE (dossier_id, event_id) = ($1, $2)", "removed",
    ),
    "later": ("UPDATE step SET tx = pg_current_xact_id() WHERE (dossier_id, event_id) = ($1, $2)", "moved"),
    "earlier": ("UPDATE step SET tx = '1' WHERE (dossier_id, event_id) = ($1, $2)", "moved"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERING)
async def test_whatever_is_done_to_a_step_is_found_at_its_place(door: FrontDoor, what: str) -> None:
    for _ in range(3):
        await steps(door, 5)
        await seal(door)
    statement, kind = TAMPERING[what]
    dossier, event = await entry(door, 2, 3)
    await tampered(door, statement, dossier, event)
    result = await verified(door)
    if what == "earlier":  # it stands among those of the first seal now
        assert result["fault"] == {
            "kind": "inserted", "seal": 1, "entry": None, "dossier_id": str(dossier), "event_id": str(event),
        }  # fmt: skip
        return
    assert (result["seals"], result["through"]["number"], result["more"]) == (1, 1, False)
    assert result["fault"] == {
        "kind": kind, "seal": 2, "entry": 3, "dossier_id": str(dossier), "event_id": str(event),
    }  # fmt: skip
    await steps(door, 1)
    await seal(door)
    assert (await verified(door))["fault"] == result["fault"], "sealing more heals nothing"
    assert (await verified(door, after=2))["fault"] is None, "what follows is whole"


async def test_a_step_behind_the_seals_is_found(door: FrontDoor) -> None:
    for _ in range(3):
        await steps(door, 5)
        await seal(door)
    event = uuid4()
    await tampered(
        door,
        "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts, tx)"
        " SELECT $1, $1, 'x', now(), now(), '{}', tx FROM seal WHERE number = 1",
        event,
    )
    fault = (await verified(door))["fault"]
    assert fault["kind"] == "inserted"
    assert fault["seal"] in (1, 2), "before or behind the last of the first seal, by chance of its id"
    assert (fault["entry"], fault["dossier_id"], fault["event_id"]) == (None, str(event), str(event))


async def test_a_step_that_would_never_be_sealed_is_found(door: FrontDoor) -> None:
    await steps(door, 5)
    await seal(door)
    dossier, event = await entry(door, 1, 1)
    await steps(door, 1)
    assert (await verified(door))["fault"] is None
    await tampered(
        door,
        "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts, tx)"
        " SELECT $1, $2, type, at, recorded_at, facts, '9000000000' FROM step LIMIT 1",
        event,
        dossier,
    )
    await seal(door)
    assert (await verified(door))["fault"] == {
        "kind": "ahead", "seal": 2, "entry": None, "dossier_id": str(event), "event_id": str(dossier),
    }  # fmt: skip


async def test_one_gone_and_one_more_are_not_taken_for_each_other(door: FrontDoor) -> None:
    await steps(door, 5)
    await seal(door)
    dossier, event = await entry(door, 1, 2)
    await tampered(
        door,
        "INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts, tx)"
        " SELECT gen_random_uuid(), event_id, type, at, recorded_at, facts, tx FROM step WHERE event_id = $1",
        event,
    )
    await tampered(door, "DELETE FROM step WHERE (dossier_id, event_id) = ($1, $2)", dossier, event)
    assert (await verified(door))["fault"]["kind"] == "removed"


ANOTHER_BIT = "set_bit(hashes, 320, 1 - get_bit(hashes, 320))"


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE seal SET chain = sha256(chain) WHERE number = 2", ("seal-altered", 2)),
        ("UPDATE seal SET sealed_at = sealed_at - interval '1 day' WHERE number = 2", ("seal-altered", 2)),
        (f"UPDATE seal SET hashes = {ANOTHER_BIT} WHERE number = 2", ("seal-altered", 2)),
        ("UPDATE seal SET entries = entries + 1 WHERE number = 2", ("seal-altered", 2)),
        ("UPDATE seal SET event_ids = event_ids[2:] WHERE number = 2", ("seal-altered", 2)),
        ("UPDATE seal SET number = 12 WHERE number = 2", ("seal-missing", 2)),
        ("DELETE FROM seal WHERE number = 1", ("seal-missing", 1)),
        ("DELETE FROM seal WHERE number = 2", ("seal-missing", 2)),
        ("UPDATE seal SET event_ids[1] = event_ids[2] WHERE number = 2", ("changed", 2)),
        ("UPDATE seal SET tx = '1' WHERE number = 2", ("moved", 2)),
    ],
)  # fmt: skip
async def test_an_altered_seal_is_found(door: FrontDoor, statement: str, fault: tuple[str, int]) -> None:
    for _ in range(3):
        await steps(door, 5)
        await seal(door)
    await tampered(door, statement)
    found = (await verified(door))["fault"]
    if fault[0] == "changed":  # the step that the seal names instead is another
        assert (found["kind"], found["seal"]) == ("removed", 2)
        return
    assert (found["kind"], found["seal"]) == fault


async def test_a_chain_that_was_made_anew_is_told_by_what_was_written_down(door: FrontDoor) -> None:
    """What the register alone can't show: somebody changed a step and made all seals again."""
    await steps(door, 5)
    await seal(door)
    before = (await verified(door))["through"]["chain"]
    await tampered(door, "DELETE FROM seal")
    await tampered(door, "UPDATE step SET facts = '{}'")
    await seal(door)
    result = await verified(door)
    assert result["fault"] is None
    assert result["through"]["chain"] != before


async def test_the_service_itself_can_neither_change_nor_delete(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    await steps(door, 2)
    await seal(door)
    dossier, event = await entry(door, 1, 1)
    await pool.execute("SELECT erase_step($1, $2, 'cb-09', 'Quyết định 12')", dossier, event)
    for statement in (
        "UPDATE step SET facts = '{}'", "UPDATE step SET facts = '{\"erased\": true}'", "UPDATE step SET type = 'x'",
        "DELETE FROM step", "TRUNCATE step", "UPDATE seal SET chain = sha256(chain)", "UPDATE seal SET number = 9",
        "DELETE FROM seal", "TRUNCATE seal", "UPDATE erased_step SET why = 'x'", "DELETE FROM erased_step",
        "TRUNCATE erased_step",
    ):  # fmt: skip
        with pytest.raises(asyncpg.RestrictViolationError, match="only grows"):
            await pool.execute(statement)
    assert (await verified(door))["fault"] is None


@pytest.mark.parametrize("sealed_first", [True, False])
async def test_what_a_step_says_can_be_erased_and_the_chain_still_holds(door: FrontDoor, sealed_first: bool) -> None:
    pool = door.intake.spine.pool
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await told(door, record(acknowledged(), id))
    if sealed_first:
        await seal(door)
    event = await pool.fetchval("SELECT event_id FROM step WHERE type = 'dossier.accepted.v1'")
    await pool.execute("SELECT erase_step($1, $2, 'cb-09', 'Quyết định 12')", UUID(id), event)
    await seal(door)
    result = await verified(door)
    assert (result["entries"], result["erased"], result["fault"]) == (2, 1, None)
    timeline = (await door.get(f"/v1/dossiers/{id}/timeline")).json()["steps"]
    assert (timeline[0]["type"], timeline[0]["facts"]) == ("timeline.erased", {"erased": True})
    assert "đã được xóa" in timeline[0]["text"]
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute("SELECT erase_step($1, $2, 'cb-09', 'again')", UUID(id), event)
    with pytest.raises(asyncpg.NoDataFoundError):
        await pool.execute("SELECT erase_step($1, $2, 'cb-09', 'nobody')", uuid4(), event)
    # An erasure is no cover: all else of the step is still proven, and nothing else may stand in its place.
    await tampered(door, "UPDATE step SET at = at - interval '1 h' WHERE event_id = $1", event)
    assert (await verified(door))["fault"]["kind"] == "changed"
    await tampered(door, "UPDATE step SET at = at + interval '1 h' WHERE event_id = $1", event)
    await tampered(door, "UPDATE step SET facts = '{\"erased\": false}' WHERE event_id = $1", event)
    assert (await verified(door))["fault"]["kind"] == "changed"


async def test_a_pretended_erasure_is_found(door: FrontDoor) -> None:
    await steps(door, 2)
    await seal(door)
    _, event = await entry(door, 1, 2)
    await tampered(door, "UPDATE step SET facts = '{\"erased\": true}' WHERE event_id = $1", event)
    assert (await verified(door))["fault"]["kind"] == "changed", "nobody noted it"
    await tampered(
        door,
        "INSERT INTO erased_step SELECT dossier_id, event_id, at, 'x', 'x', sha256('') FROM step WHERE event_id = $1",
        event,
    )
    assert (await verified(door))["fault"]["kind"] == "changed", "the hash of its facts is another"


async def hub_timeline(door: FrontDoor, *words: str) -> tuple[int | None, str]:
    """Exit code and what is said."""
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("hub"), "timeline", *words,
        env={**os.environ, "HUB_URL": door.url, "HUB_TOKEN": door.bearer.removeprefix("Bearer ")},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await child.communicate()
    assert b"Traceback" not in output, output.decode()
    return child.returncode, output.decode().strip()


async def test_an_operator_verifies_and_writes_down(door: FrontDoor) -> None:
    assert await hub_timeline(door, "verify") == (0, "verified 0 entries in 0 seals")
    assert await hub_timeline(door, "anchor") == (1, "hub: nothing is sealed yet")
    for _ in range(25):  # more than one answer holds
        await steps(door, 2)
        await seal(door)
    await steps(door, 3)
    code, written = await hub_timeline(door, "anchor")
    anchor = written.split()[0]
    assert (code, anchor.split(":")[0]) == (0, "25")
    code, said = await hub_timeline(door, "verify", "--anchor", anchor)
    assert code == 0
    assert said.startswith("verified 50 entries in 25 seals up to 2026-03-02T08:0")
    assert said.endswith(f", chain {anchor}; 3 newer not sealed yet")
    code, said = await hub_timeline(door, "verify", "--from", "24", "--json")
    assert (code, json.loads(said)["entries"], json.loads(said)["fault"]) == (0, 4, None)
    for wrong in ("25", "25:xyz", "0:" + "0" * 64, "x:" + "0" * 64):
        code, said = await hub_timeline(door, "verify", "--anchor", wrong)
        assert (code, "expected NUMBER:CHAIN" in said) == (1, True)
    for differing in ("25:" + "0" * 64, "26:" + "0" * 64):
        code, said = await hub_timeline(door, "verify", "--anchor", anchor, "--anchor", differing)
        assert (code, "is not the one that was written down" in said) == (2, True)

    dossier, event = await entry(door, 23, 2)
    await tampered(door, "DELETE FROM step WHERE event_id = $1", event)
    code, said = await hub_timeline(door, "verify")
    assert code == 2
    assert said.startswith(
        f"NOT AS SEALED: the step {event} of dossier {dossier} (seal 23, entry 2) was removed;"
        " before it, verified 44 entries in 22 seals up to"
    )
    await tampered(door, "DELETE FROM seal WHERE number = 22")
    code, said = await hub_timeline(door, "verify")
    assert (code, said.split("; ")[0]) == (2, "NOT AS SEALED: seal 22 is missing")
