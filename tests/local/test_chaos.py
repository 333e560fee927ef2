"""`hub chaos`: the plan is the seed's alone, the proof finds what is planted; and a real run, which takes its time."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from aiohttp import web
from rich.console import Console

from hub_local.chaos import Observed
from hub_local.chaos_acts import ACTS, frozen
from hub_local.chaos_alarms import ALERTS, Alarms, Sample, Silent, condition_of, expressions
from hub_local.chaos_followers import Follower
from hub_local.chaos_load import Handed, Load
from hub_local.chaos_plan import ALONE, CALM_SECONDS, KINDS, places_of, plan
from hub_local.chaos_proof import Flaw, doubled_by, flaws_of, own_faults
from hub_local.chaos_register import (
    flaws_of_copy,
    flaws_of_numbers,
    flaws_of_order,
    flaws_of_phases,
    flaws_of_strangers,
)
from hub_local.chaos_rescues import RINGS
from hub_local.chaos_screen import print_verdict
from hub_local.chaos_stack import WIRED
from hub_local.chaos_ways import stopped
from hub_local.front_door import Reply
from hub_local.layout import PORTS, Layout
from hub_local.proof import FACTS, TOLD, Seen, Wanted
from tests.local.stand_ins import settings_of
from tests.stack import Place

HOUR = 3600.0


def test_the_plan_is_a_function_of_seed_and_length() -> None:
    assert plan(42, 180) == plan(42, 180)
    assert plan(42, 180) != plan(43, 180)


def test_an_hour_brings_everything_against_everybody_and_in_every_manner() -> None:
    kinds = (*KINDS, *ALONE)
    wanted = {(kind.name, target, manner) for kind in kinds for target in kind.targets for manner in kind.manners}
    assert {(one.kind, one.target, one.manner) for one in plan(7, HOUR)} == wanted
    assert {one.kind for one in plan(7, HOUR)} == set(ACTS)


def test_two_disturbances_of_one_target_never_overlap_and_all_end_in_time() -> None:
    for seed in range(20):
        free_at: Counter[str] = Counter()
        for one in plan(seed, 600):
            assert round(10 * one.at) >= free_at[one.target], f"seed {seed}: {one}"
            assert one.at + one.seconds < 600
            free_at[one.target] = round(10 * (one.at + one.seconds + CALM_SECONDS))


def test_what_an_operator_must_help_in_has_the_whole_stack_for_itself() -> None:
    for seed in range(20):
        found = plan(seed, 600)
        assert any(one.alone for one in found), "none within ten minutes"
        for alone in (one for one in found if one.alone):
            ends = alone.at + alone.seconds
            others = [one for one in found if one.at < ends and alone.at < one.at + one.seconds]
            assert others == [alone], f"seed {seed}"
            assert set(places_of(alone)) == {place for one in found for place in places_of(one)}


def test_wires_take_no_port_of_the_stack() -> None:
    second = {PORTS[name] + 30 for name in PORTS if not name.startswith(("postgres", "kafka", "sandbox"))}
    taken = {*PORTS.values(), *second}
    assert taken.isdisjoint(WIRED.values())


def complete() -> Seen:
    return Seen(Counter(TOLD), Counter(FACTS))


def late() -> Seen:
    return Seen(Counter({**TOLD, "sms late": 1}), Counter({**FACTS, "missed": 1, "sent late:1": 1}))


def test_what_happened_once_is_in_order() -> None:
    assert flaws_of({"a": complete(), "b": late()}, {"b"}, set()) == []


@pytest.mark.parametrize("what", [*TOLD, *FACTS])
def test_whatever_is_lost_is_found(what: str) -> None:
    seen = complete()
    del seen.effects[what], seen.words[what]
    assert flaws_of({"a": seen}, set(), set()) == [Flaw(f"{what} is missing (and not listed by `hub stuck`)", "a")]
    assert flaws_of({"a": seen}, set(), {"a"}) == [Flaw(f"{what} is missing", "a")]


@pytest.mark.parametrize("what", [*TOLD, *FACTS])
def test_whatever_is_doubled_is_found(what: str) -> None:
    seen = complete()
    (seen.effects if what in TOLD else seen.words)[what] += 1
    assert flaws_of({"a": seen}, set(), set()) == [Flaw(f"{what}: 2 times instead of 1", "a")]


def test_a_missed_deadline_that_nobody_told_is_found() -> None:
    untold = late()
    del untold.effects["sms late"], untold.words["sent late:1"]
    words = {flaw.words.partition(" (")[0] for flaw in flaws_of({"a": untold}, set(), set())}
    assert words == {"sms late is missing", "sent late:1 is missing"}
    silent = {flaw.words.partition(" (")[0] for flaw in flaws_of({"a": complete()}, {"a"}, set())}
    assert silent == {"sms late is missing", "missed is missing", "sent late:1 is missing"}


def test_a_citizen_who_is_told_of_a_miss_that_never_was_is_found() -> None:
    seen = complete()
    seen.effects["sms late"] = 1
    assert flaws_of({"a": seen}, set(), set()) == [Flaw("sms late: 1 times instead of 0", "a")]


def test_a_list_that_names_what_is_done_is_found() -> None:
    assert flaws_of({"a": complete()}, set(), {"a"}) == [Flaw("listed by `hub stuck`, though nothing is missing", "a")]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"role": "lanes", "event": "role_ended"}', "ended by itself"),
        ('{"error": "KeyError", "event": "batch_met_a_bug"}', "met a bug"),
        ('{"incident": "1", "event": "request_failed"}', "answered with a fault of its own"),
        ('{"error": "KeyError", "event": "line_failed"}', "failed in one line of many"),
        ('{"content_id": "1", "event": "file_damaged"}', "lost bytes of a file"),
        (r'{"event": "Task exception was never retrieved\nfuture: …"}', "forgot a task that had failed"),
        (
            """{"why": "what the log holds from 9 on can't be read", "event": "reading_stopped"}""",
            "gave up a log that nobody damaged",
        ),
    ],
)
def test_a_fault_of_a_processs_own_is_found_in_its_log(tmp_path: Path, line: str, fault: str) -> None:
    for folder in ("logs", "second/notify/logs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "notify.log").write_text('{"event": "started"}\n')
    assert own_faults(tmp_path) == []
    (tmp_path / "second/notify/logs/notify.log").write_text(f"{line}\n")
    assert [flaw.words.partition(":")[0] for flaw in own_faults(tmp_path)] == [f"notify {fault}"]


def test_the_other_sides_own_counts_are_heard() -> None:
    assert doubled_by({"duplicates": 0, "conflicts": 0}) == []
    assert doubled_by({"duplicates": 2, "conflicts": 1}) == [
        Flaw("2 effects were made twice"),
        Flaw("1 keys came with another body"),
    ]


async def test_a_failure_tells_the_seed_the_last_disturbances_and_a_story() -> None:
    class Told:
        async def story(self, dossier_id: str) -> list[str]:
            return ["on the timeline:", f"  what {dossier_id} went through"]

    last = Observed(plan(42, 60)[-1], 50.0, 1.0, "ready again", 3)
    load = SimpleNamespace(handed=[Handed("a", "H26-1", None, at=112.0, seconds=0.1)])
    run: Any = SimpleNamespace(load=load, observed=[last], proof=Told(), began_at=100.0)
    console = Console(record=True, width=160)

    await print_verdict(console, run, [Flaw("completed is missing", "a")], "hub chaos --minutes 1 --seed 42")

    shown = console.export_text()
    assert "WRONG: dossier a: completed is missing" in shown
    assert f"at 50 s: {last.what} → ready again" in shown
    assert "dossier a, accepted 12 s after the start" in shown
    assert "what a went through" in shown
    assert "again: hub chaos --minutes 1 --seed 42" in shown


# The register


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
    assert answers == []


async def test_desks_rest_before_the_databases_are_set_back() -> None:
    load = Load(None, [])  # type: ignore[arg-type]
    load._walking = 1
    async with load.only_plain(0.1) as at_rest:
        assert (at_rest, load.plain_only) == (False, True)
    load._walking = 0
    async with load.only_plain(0.1) as at_rest:
        assert at_rest
    assert not load.plain_only


# Alarms


def test_every_expression_is_the_one_that_prometheus_is_given() -> None:
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    assert expressions() == {rule["alert"]: rule["expr"] for rule in rules}


def lag(service: str, partition: int, value: float) -> Sample:
    return Sample("hub_consumer_lag_records", {"service": service, "topic": "t", "partition": str(partition)}, value)


def test_a_condition_is_met_as_its_expression_says() -> None:
    summed = condition_of(expressions()["HubConsumerLagging"])
    assert summed.met_by([lag("sla", 0, 600), lag("sla", 1, 400), lag("notify", 0, 700), lag("notify", 1, 301)]) == [
        {"service": "notify", "topic": "t"}
    ]
    stopped = condition_of(expressions()["HubConsumerStopped"])
    assert stopped.met_by([Sample("hub_consumer_stopped", {"service": "sla", "topic": "t", "partition": "3"}, 1)]) == [
        {"service": "sla", "topic": "t", "partition": "3"}
    ]
    assert stopped.met_by([Sample("hub_consumer_stopped", {"service": "sla", "topic": "t", "partition": "3"}, 0)]) == []
    down = condition_of(expressions()["HubProcessDown"])
    assert down.met_by([Sample("up", {"service": "sla"}, 0), Sample("up", {"service": "intake"}, 1)]) == [
        {"service": "sla"}
    ]


def test_an_expression_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="more than a gauge"):
        condition_of(expressions()["HubTimersLate"])


def test_each_target_that_is_to_ring_has_an_alert_of_the_rules() -> None:
    assert {target for kind in ALONE if kind.name == "down until it rings" for target in kind.targets} == set(RINGS)
    for alert, _ in RINGS.values():
        condition_of(expressions()[alert])


async def test_an_alarm_that_does_not_ring_is_found_and_one_that_rings_on_too(tmp_path: Path) -> None:
    shown = {"open": 0}

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=f'hub_lane_circuit_open{{lane="H26-CA"}} {shown["open"]}\n')

    layout = Layout(tmp_path, port_base=32_300)
    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", layout.port("routing-probe")).start()
        alarms = Alarms(layout)
        await alarms.silent("HubLaneOpen", 0.2)
        with pytest.raises(Silent, match=r"HubLaneOpen did not ring within 0.2 s at routing: max by"):
            await alarms.rung("HubLaneOpen", 0.2, service="routing")
        assert (await alarms.rung("HubProcessDown", 5, service="sla")).startswith("HubProcessDown rang after")
        shown["open"] = 1
        assert (await alarms.rung("HubLaneOpen", 5, service="routing")).startswith("HubLaneOpen rang after")
        with pytest.raises(Silent, match="HubLaneOpen rings on"):
            await alarms.silent("HubLaneOpen", 0.2)
    finally:
        await runner.cleanup()


async def test_what_a_register_has_lost_is_entered_anew_under_another_key() -> None:
    keys = []

    class Desk:
        async def post(self, _service: str, _path: str, _body: bytes, key: str) -> Any:
            keys.append(key)
            number = f"{len(keys)}"
            return {"dossier_id": number, "dossier_code": f"H26-{number}", "promise": {"due_at": None}}

    door: Any = Desk()
    load = Load(door, [b"{}"])
    for _ in range(3):
        await load.submit()
    assert load.enter_anew({"2", "never answered for"}) == 1
    await load.all_answered(5)
    assert [one.id for one in load.handed] == ["1", "3", "4"]
    assert [one.code for one in load.forgotten] == ["H26-2"]
    assert load.lost == {"2", "never answered for"}
    assert len(set(keys)) == 4


def test_a_frozen_process_goes_on_afterwards() -> None:
    child = subprocess.Popen(["sleep", "30"])
    try:
        with frozen(child.pid):
            _, status = os.waitpid(child.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
        _, status = os.waitpid(child.pid, os.WCONTINUED)
        assert os.WIFCONTINUED(status)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    with frozen(child.pid), frozen(None):
        """Nobody is there any more, and that is no error."""


def test_a_run_on_taken_ports_says_so(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "hub", port_base=32_200)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", layout.port_base + 400 + PORTS["postgres"]))
        holder.listen()
        ended = chaos(layout, "--minutes", "0.2", "--seed", "1", within=60)
    assert ended.returncode == 1
    assert "is taken by" in ended.stderr


@pytest.mark.long
@pytest.mark.stack
def test_a_hub_is_whole_after_a_minute_of_everything(tmp_path: Path) -> None:
    place = Place()
    try:
        layout = place.layout("chaos")
        ended = chaos(Layout(tmp_path / "hub", layout.port_base - 400), "--minutes", "1", "--seed", "42", within=900)
    finally:
        place.close()
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert re.search(r"\d+ disturbances, \d+ dossiers: nothing lost, nothing done twice, nothing stuck", ended.stdout)
    assert "again: hub chaos --minutes 1 --seed 42" in ended.stdout


def chaos(layout: Layout, *arguments: str, within: float) -> subprocess.CompletedProcess[str]:
    """The command as a person would type it."""
    command = [str(Path(sys.executable).with_name("hub")), "chaos", *arguments]
    return subprocess.run(command, env=settings_of(layout), capture_output=True, text=True, timeout=within, check=False)
