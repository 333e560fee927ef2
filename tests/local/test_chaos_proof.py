"""`hub chaos`: its proof asks a hub that hides what is wrong, and finds it."""

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from hub_local import chaos_proof
from hub_local.chaos_alarms import Alarms, conditions
from hub_local.chaos_load import Handed
from hub_local.chaos_proof import Proof
from hub_local.layout import SERVICES, Layout
from hub_messaging.clock import set_business_time

ALL = ("dossier.routed.v1", "deadline.clock_started.v1", "message.sent.v1")
DUE = datetime.fromisoformat("2026-03-02T17:00:00+07:00")


class Door:
    """A hub of which only words are known: `steps` by dossier, what its list names in pages, what agencies said."""

    def __init__(
        self, steps: Mapping[str, tuple[str, ...]], pages: tuple[tuple[str, ...], ...] = ((),), said: Any = ()
    ) -> None:
        self.steps = steps
        self.pages = pages
        self.said = said

    async def get(self, _service: str, path: str) -> Any:
        if path.startswith("/v1/intake/stuck"):
            number = int(path.partition("cursor=")[2] or 0)
            following = str(number + 1) if number + 1 < len(self.pages) else None
            return {"items": [{"dossier_id": id} for id in self.pages[number]], "next_cursor": following}
        types = self.steps[path.split("/")[3]]
        return {"steps": [{"type": type, "facts": _facts(type)} for type in types]}

    async def sandbox(self, path: str) -> Any:
        if path.startswith("/ledger/callbacks?after=0&"):
            return {"callbacks": self.said}
        return {"callbacks": [], "effects": [], "after": 0}


def _facts(type: str) -> dict[str, Any]:
    return {"duty": "accepted", "occasion": 1} if type.startswith(("message", "citizen")) else {}


def proof_of(door: Door, folder: Path) -> Proof:
    stack: Any = SimpleNamespace(keys=SimpleNamespace(passwords=defaultdict(str)))
    anybody: Any = door
    return Proof(Layout(folder, port_base=32_400), stack, anybody)


def handed(seconds_ago: float = 60.0, way: str = "plain", id: str = "a") -> Handed:
    return Handed(id, "H26-1", DUE.isoformat(), time.time() - seconds_ago, 0.1, way)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos_proof, "LOOK_AGAIN_SECONDS", 0.0)


async def unlisted(folder: Path, one: Handed, steps: tuple[str, ...], *pages: tuple[str, ...]) -> list[str]:
    proof = proof_of(Door({one.id: steps}, pages or ((),)), folder)
    await proof.settled([one], [], within=0.05)
    return [str(flaw) for flaw in proof.unlisted]


@pytest.mark.parametrize(
    ("missing", "word"),
    [*zip(ALL, ("routed", "clock_started", "sent accepted:1"), strict=True)],
)
async def test_a_dossier_that_is_stuck_and_not_listed_is_found(tmp_path: Path, missing: str, word: str) -> None:
    steps = tuple(type for type in ALL if type != missing)
    assert await unlisted(tmp_path, handed(), steps) == [
        f"dossier a: stuck without {word}, and not listed by `hub stuck`"
    ]
    assert await unlisted(tmp_path, handed(), steps, ("b",), ("a",)) == [], "it is on the second page"
    assert await unlisted(tmp_path, handed(seconds_ago=25), steps) == [], "it may not be listed yet"
    assert await unlisted(tmp_path, handed(way="contested"), steps) == [], "it may have gone another way"


@pytest.mark.parametrize("notice", ["message.failed.v1", "citizen.unreached.v1"])
async def test_word_that_did_not_reach_the_citizen_is_reported_word(tmp_path: Path, notice: str) -> None:
    assert await unlisted(tmp_path, handed(), (*ALL[:2], notice)) == []


def completed(id: str, at: datetime, outcome: str = "taken") -> dict[str, Any]:
    return {"dossier_id": id, "type": "completed", "at": at.isoformat(), "outcome": outcome}


async def missed(folder: Path, one: Handed, now: datetime, *said: Any) -> bool:
    set_business_time(folder / "clock.json", now)
    return await proof_of(Door({}, said=said), folder).missed([one]) == [one]


async def test_a_result_after_its_date_is_a_miss_whatever_the_hub_says(tmp_path: Path) -> None:
    late, later = DUE + timedelta(minutes=1), DUE + timedelta(hours=1)
    assert await missed(tmp_path, handed(), later, completed("a", late))
    assert not await missed(tmp_path, handed(), later, completed("a", late), completed("a", DUE)), (
        "the first end counts"
    )
    assert not await missed(tmp_path, handed(), later, completed("a", late, "refused"))
    assert not await missed(tmp_path, handed(), later, completed("b", late))
    assert not await missed(tmp_path, handed(), DUE, completed("a", late)), (
        "the clock was set back: it is still to come"
    )
    assert not await missed(tmp_path, handed(way="returned"), later, completed("a", late)), "it may have ended earlier"


# Alarms


@pytest.fixture
async def shown(tmp_path: Path) -> Any:
    """What every service shows at /metrics, by service: one text at a time, the last one for good."""
    metrics = {service: ["hub_process_ready 1\n"] for service in SERVICES}
    layout = Layout(tmp_path, port_base=32_500)

    def teller(service: str) -> Any:
        async def tell(_: web.Request) -> web.Response:
            texts = metrics[service]
            return web.Response(text=texts.pop(0) if len(texts) > 1 else texts[0])

        return tell

    async with AsyncExitStack() as running:
        for service in SERVICES:
            app = web.Application()
            app.router.add_get("/metrics", teller(service))
            runner = web.AppRunner(app)
            await runner.setup()
            running.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", layout.port(f"{service}-probe")).start()
        yield layout, metrics


async def test_an_alarm_that_rings_though_all_is_well_is_found(shown: Any) -> None:
    layout, metrics = shown
    assert await Alarms(layout).ringing(0.0) == []
    metrics["routing"] = ['hub_lane_circuit_open{lane="H26-CA"} 1\nhub_lane_work_due{lane="H26-CA"} 1\n']
    metrics["sla"] = ["hub_dead_letters_open 2\n"]
    assert await Alarms(layout).ringing(0.0) == ["HubDeadLetters at sla", "HubLaneOpen at H26-CA, routing"]
    assert await Alarms(layout).ringing(0.0, rightly={"HubLaneOpen"}) == ["HubDeadLetters at sla"]


async def test_an_alarm_that_falls_silent_in_time_is_none(shown: Any) -> None:
    layout, metrics = shown
    metrics["intake"] = ['hub_stuck_dossiers{missing="route"} 1\n', 'hub_stuck_dossiers{missing="route"} 0\n']
    assert await Alarms(layout).ringing(5.0) == []


def test_the_gauges_among_the_rules_are_listened_to() -> None:
    assert {"HubDossiersStuck", "HubProcessNotReady", "HubLaneOpen", "HubTimersLate"} <= conditions().keys()
    assert "HubFactToEffectSlow" not in conditions()
