"""`hub chaos` and the register: whatever is lost, doubled or told otherwise in it is found."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from hub_local.chaos_followers import Follower
from hub_local.chaos_load import Handed, Load
from hub_local.chaos_proof import Flaw, flaws_of
from hub_local.chaos_register import (
    Register,
    flaws_of_beginnings,
    flaws_of_copy,
    flaws_of_numbers,
    flaws_of_order,
    flaws_of_phases,
    flaws_of_strangers,
)
from hub_local.chaos_ways import stopped
from hub_local.front_door import Reply
from hub_local.proof import Seen, Wanted


def withdrawn() -> Handed:
    one = Handed("w", "H26-2", None, at=1.0, seconds=0.1, way="withdrawn later")
    stopped(one.wanted, may=("handover lead", "handed_over"))
    return one


def of_the_list(state: str, code: int, phase: str, dossier_code: str | None = "H26-1") -> dict[str, Any]:
    return {"state": state, "national_status": {"code": code}, "phase": phase, "dossier_code": dossier_code}


def test_what_may_be_under_way_when_a_dossier_is_stopped_is_no_flaw_and_twice_it_is_one() -> None:
    wanted = withdrawn().wanted
    seen = Seen(Counter(wanted.effects), Counter(wanted.words), wanted)
    assert flaws_of({"w": seen}, set(), set()) == []
    seen.effects["handover lead"] += 1
    assert flaws_of({"w": seen}, set(), set()) == []
    seen.effects["handover lead"] += 1
    assert flaws_of({"w": seen}, set(), set()) == [Flaw("handover lead: 2 times instead of 1", "w")]


def test_a_way_that_is_begun_wants_only_what_was_done() -> None:
    wanted = Wanted()
    wanted.only("submitted", phase="submitted")
    wanted.also("supplement_requested", "sms supplement:1", "sent supplement:1", phase="supplement_requested")
    seen = Seen(
        Counter({"sms supplement:1": 1}),
        Counter(("submitted", "supplement_requested", "sent supplement:1", "acknowledged")),
        wanted,
    )
    assert flaws_of({"s": seen}, set(), set()) == []
    assert wanted.phase == "supplement_requested"
    seen.words["accepted"] += 1
    assert flaws_of({"s": seen}, set(), set()) == [Flaw("accepted: 1 times instead of 0", "s")]


def test_a_hand_over_of_what_was_withdrawn_before_it_was_sent_is_found() -> None:
    wanted = Wanted()
    stopped(wanted)
    seen = Seen(wanted.effects + Counter({"handover lead": 1}), Counter(wanted.words), wanted)
    assert flaws_of({"w": seen}, set(), set()) == [Flaw("handover lead: 1 times instead of 0", "w")]


def test_whoever_is_told_anything_after_a_stop_notice_is_found() -> None:
    def sms(duty: str) -> dict[str, Any]:
        return {"kind": "sms", "duty": duty, "dossier_id": "w"}

    assert flaws_of_order([sms("accepted"), sms("stopped")]) == []
    assert flaws_of_order([sms("stopped"), sms("completed")]) == [Flaw("sms completed after the stop notice", "w")]
    assert flaws_of_strangers([sms("accepted")], {"w"}) == [Flaw("sms accepted of an old dossier", "w")]


def test_a_follower_who_missed_a_change_is_found() -> None:
    listed = {"a": of_the_list("completed", 9, "completed"), "b": of_the_list("accepted", 2, "accepted")}
    truth = {"a": ("completed", 9), "b": ("accepted", 2)}
    assert flaws_of_copy("a portal", truth, listed) == []
    found = flaws_of_copy("a portal", {"a": ("accepted", 4), "c": ("accepted", 2)}, listed)
    assert {flaw.dossier_id for flaw in found} == {"a", "b", "c"}


def test_a_list_that_lacks_a_dossier_or_has_one_too_many_or_another_phase_is_found() -> None:
    one, old = withdrawn(), {"o"}
    whole = {"w": of_the_list("accepted", 8, "stopped"), "o": of_the_list("completed", 9, "completed", "H26-O")}
    assert flaws_of_phases([one], old, whole) == []
    assert flaws_of_phases([one], old, {"w": whole["w"]}) == [Flaw("is not in the list", "o")]
    assert flaws_of_phases([one], set(), whole) == [Flaw("is in the list, and nobody handed it in", "o")]
    other = {**whole, "w": of_the_list("accepted", 2, "accepted")}
    assert flaws_of_phases([one], old, other) == [Flaw("withdrawn later: accepted instead of stopped", "w")]
    same_code = {**whole, "o": of_the_list("completed", 9, "completed")}
    assert flaws_of_phases([one], old, same_code) == [Flaw("2 dossiers have the code H26-1")]


@pytest.mark.parametrize("numbers", [[1, 3], [2], [1, 1, 2], [0, 1]])
def test_a_gap_or_a_double_among_the_numbers_of_forms_is_found(numbers: list[int]) -> None:
    assert flaws_of_numbers("H26.15.01", "01", [1, 2, 3]) == flaws_of_numbers("H26.15.01", "01", []) == []
    assert flaws_of_numbers("H26.15.01", "01", numbers)


def test_numbers_of_forms_may_leave_out_what_a_restore_has_left_out_and_no_more() -> None:
    assert flaws_of_numbers("H26.15.01", "01", [1, 2, 1003, 1004], begins={1003}) == []
    assert flaws_of_numbers("H26.15.01", "01", [1001, 1002, 2001], begins={1001, 2001}) == []
    assert flaws_of_numbers("H26.15.01", "01", [1, 2, 1003, 1005], begins={1003})
    assert flaws_of_numbers("H26.15.01", "01", [1, 2, 1003, 1003], begins={1003})


async def test_a_follower_reads_on_after_a_broken_line_and_begins_anew_when_its_history_is_lost() -> None:
    def change(cursor: str, state: str, code: int) -> dict[str, Any]:
        return {"cursor": cursor, "dossier_id": "a", "state": state, "national_status": {"code": code}}

    def page(*items: dict[str, Any], after: str) -> tuple[int, Any]:
        return 200, {"items": items, "next_cursor": after, "more": False}

    answers: list[Any] = [
        page(after="c0"),
        (200, {"items": [], "next_cursor": None}),
        page(change("c1", "accepted", 2), after="c1"),
        OSError(),
        page(change("c1", "accepted", 2), change("c2", "completed", 9), after="c2"),
        (410, {"slug": "changes-history-lost"}),
        page(after="d0"),
        (200, {"items": [change("", "accepted", 2)], "next_cursor": None}),
        page(after="d0"),
    ]

    class Door:
        def bearer(self, *_: Any) -> str:
            return "Bearer x"

        async def ask(self, *_: Any, **__: Any) -> Reply:
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return Reply(answer[0], {}, json.dumps(answer[1]).encode())

    follower = Follower(Door(), "a portal")  # type: ignore[arg-type]
    assert await follower.step(0)
    assert await follower.step(0)
    assert (follower.copy, follower.twice) == ({"a": ("completed", 9)}, ["a"]), "what came twice is found"
    await follower.catch_up()
    assert (follower.copy, follower.times_begun) == ({"a": ("accepted", 2)}, 2)
    assert flaws_of_beginnings("a portal", follower.times_begun, times_set_back=1) == []
    assert flaws_of_beginnings("a portal", follower.times_begun, times_set_back=0) == [
        Flaw("a portal was told 1 x that its history is lost, which happened 0 x")
    ]
    assert answers == []


async def test_a_follower_who_died_of_anything_is_found() -> None:
    class Dying:
        async def follow(self) -> None:
            raise KeyError("next_cursor")

    class Patient:
        async def follow(self) -> None:
            await asyncio.Event().wait()

    followers: Any = [Dying(), Patient()]
    nobody: Any = None
    register = Register(nobody, nobody, nobody, followers)
    register.follow()
    await asyncio.sleep(0)
    assert await register.rest() == [Flaw("a follower of changes could not go on: KeyError 'next_cursor'")]


async def test_desks_rest_before_the_databases_are_set_back() -> None:
    load = Load(None, [])  # type: ignore[arg-type]
    load._walking = 1
    async with load.only_plain(0.1) as at_rest:
        assert (at_rest, load.plain_only) == (False, True)
    load._walking = 0
    async with load.only_plain(0.1) as at_rest:
        assert at_rest
    assert not load.plain_only
