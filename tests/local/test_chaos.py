"""`hub chaos`: the plan is the seed's alone, the proof finds what is planted; and a real run, which takes its time."""

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
from rich.console import Console

from hub_local.chaos import Observed
from hub_local.chaos_acts import ACTS, frozen
from hub_local.chaos_load import Handed
from hub_local.chaos_plan import CALM_SECONDS, KINDS, plan
from hub_local.chaos_proof import Flaw, doubled_by, ended_by_themselves, flaws_of
from hub_local.chaos_screen import print_verdict
from hub_local.chaos_stack import WIRED
from hub_local.layout import PORTS, Layout
from hub_local.proof import FACTS, TOLD, Seen
from tests.local.stand_ins import settings_of
from tests.stack import Place

HOUR = 3600.0


def test_the_plan_is_a_function_of_seed_and_length() -> None:
    assert plan(42, 180) == plan(42, 180)
    assert plan(42, 180) != plan(43, 180)


def test_an_hour_brings_everything_against_everybody_and_in_every_manner() -> None:
    wanted = {(kind.name, target, manner) for kind in KINDS for target in kind.targets for manner in kind.manners}
    assert {(one.kind, one.target, one.manner) for one in plan(7, HOUR)} == wanted
    assert {one.kind for one in plan(7, HOUR)} == set(ACTS)


def test_two_disturbances_of_one_target_never_overlap_and_all_end_in_time() -> None:
    for seed in range(20):
        free_at: Counter[str] = Counter()
        for one in plan(seed, 600):
            assert round(10 * one.at) >= free_at[one.target], f"seed {seed}: {one}"
            assert one.at + one.seconds < 600
            free_at[one.target] = round(10 * (one.at + one.seconds + CALM_SECONDS))


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


def test_a_process_that_a_bug_has_ended_is_found(tmp_path: Path) -> None:
    for folder in ("logs", "second/notify/logs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "notify.log").write_text('{"event": "started"}\n')
    assert ended_by_themselves(tmp_path) == []
    (tmp_path / "second/notify/logs/notify.log").write_text('{"role": "lanes", "event": "role_ended"}\n')
    assert [flaw.words.partition(":")[0] for flaw in ended_by_themselves(tmp_path)] == ["notify ended by itself"]


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
