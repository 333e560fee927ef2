"""`hub chaos`: what does not come back while it is hurt fails the run; what could not be done is counted apart."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from hub_local import chaos_acts, chaos_ground
from hub_local.chaos import Observed, never_done
from hub_local.chaos_acts import disturb
from hub_local.chaos_ground import NotDone, Wrong
from hub_local.chaos_plan import Disturbance
from hub_local.chaos_proof import Flaw
from hub_local.chaos_screen import print_table, print_verdict
from hub_local.chaos_takeover import lacks
from hub_local.layout import Layout, StackNotUsable


class LostForGood:
    """A stack whose processes do not come back. `ends`: whether one that is killed is seen to end."""

    def __init__(self, *, ends: bool = True) -> None:
        self.ends = ends
        self.pids = iter(range(1, 1_000_000))

    def pid(self, _name: str) -> int:
        return next(self.pids) if self.ends else 1

    def kill(self, _name: str) -> None: ...

    async def stop_one(self, _name: str) -> None: ...

    async def start_one(self, name: str) -> None:
        raise StackNotUsable(f"{name} was not ready after 90 s")

    async def restart(self, name: str) -> None:
        await self.start_one(name)

    async def ready(self, _name: str, _within: float) -> None:
        raise TimeoutError


def hurting(kind: str, target: str = "kafka") -> Disturbance:
    return Disturbance(1, 0.0, kind, target, 0.0)


@pytest.mark.parametrize("stack", [LostForGood(), LostForGood(ends=False)], ids=["not ready", "not started"])
@pytest.mark.parametrize("kind", ["kill", "restart", "away"])
async def test_a_process_that_does_not_come_back_fails_the_run_whatever_else_is_hurt(
    kind: str, stack: LostForGood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos_ground, "READY_SECONDS", 0.05)
    ground: Any = SimpleNamespace(stack=stack)
    with pytest.raises(Wrong, match="kafka does not come back"):
        await disturb(ground, hurting(kind))


async def test_a_party_that_nobody_can_speak_to_any_more_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        async def put_behaviour(self, *_: Any) -> None:
            raise ConnectionRefusedError

    monkeypatch.setattr(chaos_acts, "READY_SECONDS", 0.05)
    ground: Any = SimpleNamespace(door=Silent())
    with pytest.raises(Wrong, match="sandbox does not come back"):
        await disturb(ground, Disturbance(1, 0.0, "bad party", "*", 0.0, "answers 503"))


async def test_what_the_machine_has_no_means_for_is_not_done_and_not_the_hubs_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chaos_acts, "TRIED_FOR_SECONDS", 0.0)
    monkeypatch.setenv("PATH", str(tmp_path))  # no prlimit
    ground: Any = SimpleNamespace(stack=SimpleNamespace(pid=lambda _: os.getpid()))
    with pytest.raises(NotDone, match="FileNotFoundError"):
        await disturb(ground, hurting("disk full", "postgres"))


async def test_what_something_else_stood_in_the_way_of_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tries = iter([ConnectionRefusedError(), None])

    async def end_sessions(*_: Any) -> str:
        if (trouble := next(tries)) is not None:
            raise trouble
        return "3 sessions ended"

    monkeypatch.setattr(chaos_acts, "TRIES_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(chaos_acts, "ACTS", {"sessions ended": end_sessions})
    ground: Any = SimpleNamespace(layout=Layout(tmp_path))
    assert await disturb(ground, hurting("sessions ended", "notify")) == "3 sessions ended"


def test_a_kind_that_was_planned_and_never_done_is_a_flaw() -> None:
    done, failed = seen("disk full"), seen("disk full", done=False)
    assert never_done([done, failed, seen("kill")]) == []
    assert never_done([failed, failed, seen("kill")]) == [Flaw("disk full: planned 2 x and never once done")]


async def test_the_verdict_counts_what_could_not_be_done_apart() -> None:
    observed = [seen("kill"), seen("disk full"), seen("disk full", done=False)]
    run: Any = SimpleNamespace(load=SimpleNamespace(handed=[]), observed=observed)
    console = Console(record=True, width=160)
    print_table(console, observed)
    await print_verdict(console, run, [], "hub chaos")
    shown = console.export_text()
    assert "1 of 3 disturbances could not be done" in shown
    assert "2 disturbances, 0 dossiers: nothing lost" in shown
    assert "1 of 2" in next(line for line in shown.splitlines() if line.startswith("disk full: kafka"))


def seen(kind: str, *, done: bool = True) -> Observed:
    return Observed(hurting(kind), 1.0, 1.0, "as observed", 0, done)


def test_a_take_over_is_one_when_all_leases_and_partitions_are_the_others() -> None:
    partitions = {("t", 0), ("t", 1)}
    assert lacks("sla-1", {"sla-1"}, partitions, partitions) == []
    assert lacks("sla-1", {"sla-0"}, partitions, partitions) == ["sla-1 holds no lease", "sla-0 holds leases still"]
    assert lacks("sla-1", {"sla-1", "sla-0"}, partitions, partitions) == ["sla-0 holds leases still"]
    assert lacks("sla-1", {"sla-1"}, partitions, {("t", 1)}) == ["sla-1 reads 1 of 2 partitions"]
