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
import yaml
from aiohttp import web
from rich.console import Console

from hub_local.chaos import Observed
from hub_local.chaos_acts import ACTS, frozen
from hub_local.chaos_alarms import ALERTS, Alarms, Sample, Silent, condition_of, expressions
from hub_local.chaos_load import Handed, Load
from hub_local.chaos_plan import ALONE, CALM_SECONDS, KINDS, places_of, plan
from hub_local.chaos_proof import Flaw, doubled_by, flaws_of, own_faults
from hub_local.chaos_rescues import RINGS
from hub_local.chaos_screen import print_verdict
from hub_local.chaos_stack import WIRED
from hub_local.layout import PORTS, Layout
from hub_local.proof import FACTS, TOLD, Seen, Wanted
from hub_messaging.consumer import SESSION_SECONDS
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


def test_three_minutes_bring_every_kind_and_eleven_all_that_an_operator_helps_in() -> None:
    for seed in range(20):
        short = {one.kind for one in plan(seed, 180) if not one.alone}
        assert short == {kind.name for kind in KINDS}, f"seed {seed}"
        longer = {one.kind for one in plan(seed, 660) if one.alone}
        assert longer == {kind.name for kind in ALONE}, f"seed {seed}"


def test_whoever_is_overtaken_is_frozen_for_longer_than_kafka_waits_for_it() -> None:
    frozen_for = [one.seconds for one in plan(7, HOUR) if one.kind == "overtake"]
    assert min(frozen_for) > SESSION_SECONDS


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
    wanted = Wanted()
    wanted.also("missed", "sms late", "sent late:1")
    return Seen(Counter({**TOLD, "sms late": 1}), Counter({**FACTS, "missed": 1, "sent late:1": 1}), wanted)


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
    assert silent == {"missed is missing"}


def test_a_missed_deadline_that_a_result_has_overtaken_may_be_told_or_not() -> None:
    for effects, words in (({}, {}), ({"sms late": 1}, {"sent late:1": 1})):
        seen = Seen(Counter({**TOLD, **effects}), Counter({**FACTS, "missed": 1, **words}))
        assert flaws_of({"a": seen}, {"a"}, set()) == []


def test_what_was_overtaken_need_not_have_happened_and_twice_is_a_flaw() -> None:
    seen = complete()
    seen.wanted.also("sms supplement:1", "sent supplement:1")
    seen.wanted.perhaps("sms supplement:1", "sent supplement:1")
    assert flaws_of({"a": seen}, set(), set()) == []
    seen.effects["sms supplement:1"] = 2
    assert flaws_of({"a": seen}, set(), set()) == [Flaw("sms supplement:1: 2 times instead of 1", "a")]


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
            r'{"event": "Future exception was never retrieved\nfuture: <Future finished exception=LeaderNot…()>"}',
            "forgot a task that had failed",
        ),
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


def test_a_task_that_a_library_forgot_is_not_the_processs_own_fault(tmp_path: Path) -> None:
    forgotten = "Task exception was never retrieved future: <Task finished coro=<commit() done, defined at "
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "routing.log").write_text(
        f'{{"event": "{forgotten}/x/site-packages/aiokafka/a.py:1> exception=NotCoordinator()>"}}\n'
    )
    assert own_faults(tmp_path) == []


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
        condition_of(expressions()["HubFactToEffectSlow"])


def test_each_target_that_is_to_ring_has_an_alert_of_the_rules() -> None:
    assert {target for kind in ALONE if kind.name == "down until it rings" for target in kind.targets} == set(RINGS)
    for alert, _ in RINGS.values():
        condition_of(expressions()[alert])


async def test_an_alarm_that_does_not_ring_is_found_and_one_that_rings_on_too(tmp_path: Path) -> None:
    shown = {"open": 0, "due": 0}

    async def metrics(_: web.Request) -> web.Response:
        lane = '{lane="H26-CA"}'
        shows = f"hub_lane_circuit_open{lane} {shown['open']}\nhub_lane_work_due{lane} {shown['due']}\n"
        return web.Response(text=shows)

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
        await alarms.silent("HubLaneOpen", 0.2)
        shown["due"] = 2
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
    assert load.times_set_back == 1
    assert len(set(keys)) == 4


def test_facts_that_a_restore_has_named_may_stand_twice_on_the_timeline_and_lead_to_one_effect() -> None:
    nobody: Any = None
    named, other = (Handed(id, f"H26-{id}", None, at=1.0, seconds=0.1) for id in ("1", "2"))
    Load(nobody, [], [named, other]).may_be_told_twice({"1"})

    def twice(one: Handed, *, effect: str | None = None, fact: str | None = None) -> list[str]:
        effects, words = Counter([*TOLD, *filter(None, [effect])]), Counter([*FACTS, *filter(None, [fact])])
        return Seen(effects, words, one.wanted).doubled()

    assert twice(named, fact="sent accepted:1") == []
    assert twice(other, fact="sent accepted:1") == ["sent accepted:1: 2 times instead of 1"]
    assert twice(named, effect="sms accepted") == ["sms accepted: 2 times instead of 1"]


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
