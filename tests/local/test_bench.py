"""`hub bench`: what runs say together, when a bound has fallen back, pictures that can be read; and a tiny real run."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import TypeAdapter

from hub_events.values import AgencyCode
from hub_local.bench import SCENARIOS, chosen, measure, read_figures, write_figures
from hub_local.bench_drawing import Bar, bars, lines, nice
from hub_local.bench_figures import BOUNDS, Bound, flawless, spreads, verdicts
from hub_local.bench_growth import refuse_too_many
from hub_local.bench_hub import Bench
from hub_local.bench_lanes import table_of_lanes
from hub_local.bench_load import percentile
from hub_local.bench_pictures import BEGIN, END, FIGURES, FOLDER, PAGE, commit, pictures, with_pictures
from hub_local.bench_sizes import Sizes, with_sizes
from hub_local.bench_stages import REST, stage_of
from hub_local.bench_trouble import reading_speed
from hub_local.layout import Layout, SettingWrong, StackNotUsable
from tests.local.stand_ins import settings_of
from tests.stack import Place

SVG = "{http://www.w3.org/2000/svg}"


def entry(**medians: float) -> dict[str, Any]:
    """A scenario's entry with these figures, the same in each run."""
    figures = {"lost": 0.0, "duplicates": 0.0} | {name.replace("__", "."): value for name, value in medians.items()}
    spread = {name: [value, value, value] for name, value in figures.items()}
    return {"taken": "2026-03-02", "cores": 2, "runs": 5, "failed": [], "sizes": {}, "figures": spread}


def test_figures_of_several_runs_become_median_least_and_most() -> None:
    runs = [{"speed": speed, "cpu": {"intake": cpu}} for speed, cpu in ((3, 0.5), (1, 0.1), (2, 0.3))]
    assert spreads(runs) == {"speed": (2, 1, 3), "cpu.intake": (0.3, 0.1, 0.5)}


def test_a_figure_that_only_some_runs_have_is_told_of_those() -> None:
    assert spreads([{"speed": 3}, {"delay": 1}]) == {"speed": (3, 3, 3), "delay": (1, 1, 1)}


@pytest.mark.parametrize(
    ("better", "now", "fallen"),
    [("more", 81, False), ("more", 79, True), ("more", 200, False), ("less", 119, False), ("less", 121, True)],
)
def test_a_bound_has_fallen_back_when_it_is_worse_by_more_than_a_fifth(better: Any, now: float, fallen: bool) -> None:
    assert Bound("closed", "figure", better, must=None).fallen_back(now, committed=100) is fallen


def test_what_misses_its_must_its_goal_or_the_committed_figure_is_told() -> None:
    now = {"closed": entry(lifecycles_per_s=390, cpu_s_per_1000=3.0), "open": entry(handover_p50_s=0.010)}
    before = {"closed": entry(lifecycles_per_s=500, cpu_s_per_1000=2.9)}
    told = list(verdicts(now, before))
    assert told[0].startswith("MISSED: closed lifecycles_per_s 390 (must ≥ 400, goal ≥ 600)")
    assert told[1] == "  REGRESSION: it was 500 in the committed figures"
    assert told[2].startswith("short of its goal: closed cpu_s_per_1000 3")
    assert told[3].startswith("reached: open handover_p50_s 0.01")
    assert len(told) == 4


def test_figures_of_other_sizes_are_not_compared() -> None:
    before = {"closed": {**entry(lifecycles_per_s=900), "sizes": {"lifecycles": 100}}}
    told = list(verdicts({"closed": entry(lifecycles_per_s=450)}, before))
    assert not any("REGRESSION" in line for line in told)
    assert "other sizes" in told[-1]


def test_a_run_of_the_usual_sizes_is_compared_with_the_committed_figures() -> None:
    usual = json.loads(json.dumps(asdict(Sizes())))
    slow = {"closed": {**entry(lifecycles_per_s=1), "sizes": usual}}
    assert any("REGRESSION" in line for line in verdicts(slow, read_figures(FIGURES)))


def test_a_run_that_lost_doubled_or_failed_is_no_success() -> None:
    assert flawless({"closed": entry()})
    assert not flawless({"closed": entry(lost=1)})
    assert not flawless({"closed": entry(duplicates=1)})
    assert not flawless({"open": entry(), "closed": {**entry(), "failed": ["run 1: no"]}})


def test_every_bound_belongs_to_a_scenario() -> None:
    assert {bound.scenario for bound in BOUNDS} <= SCENARIOS.keys()


def test_scenarios_are_chosen_by_name_or_all_in_their_own_order() -> None:
    assert chosen("open,closed") == ["closed", "open"]
    assert chosen("all") == list(SCENARIOS)
    with pytest.raises(SettingWrong, match="there is no scenario 'opne'; there are all, closed, open"):
        chosen("closed,opne")


async def test_a_scenario_that_fails_says_why_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_bench: Bench) -> dict[str, Any]:
        raise StackNotUsable("port 18020 is taken")

    async def works(bench: Bench) -> dict[str, Any]:
        bench.say("working")
        return {"speed": 7, "lost": 0, "duplicates": 0}

    monkeypatch.setattr("hub_local.bench.SCENARIOS", {"first": fails, "second": works})
    said: list[str] = []
    measured = measure(Layout(tmp_path), ["first", "second"], 2, Sizes(), said.append)
    entries = {name: found async for name, found in measured}

    assert entries["first"]["failed"] == [f"run {run}: StackNotUsable: port 18020 is taken" for run in (1, 2)]
    assert entries["second"]["failed"] == []
    assert entries["second"]["figures"]["speed"] == (7, 7, 7)
    assert [line.partition(",")[0] for line in said if line.endswith("working")] == ["second", "second"]


def test_sizes_are_set_by_name() -> None:
    sizes = with_sizes(Sizes(), ["backlog=2000", "growth=0,10000", "workers=2"])
    assert (sizes.backlog, sizes.growth, sizes.workers) == (2000, (0, 10_000), (2,))


@pytest.mark.parametrize("wish", ["backlog", "backlog=0", "backlog=-1", "backlog=1,2", "growth=5,1", "grwoth=1"])
def test_a_size_that_cannot_be_is_refused(wish: str) -> None:
    with pytest.raises(SettingWrong, match="--size"):
        with_sizes(Sizes(), [wish])


def test_a_percentile_needs_values() -> None:
    assert percentile([0.1] * 99 + [5.0], 50) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="send more"):
        percentile([0.1], 99)


def test_reading_is_timed_from_the_last_look_before_it_began() -> None:
    assert reading_speed([(0.0, 10), (4.0, 10), (5.0, 510), (6.0, 1010)]) == 500.0
    with pytest.raises(StackNotUsable, match="nothing to catch up"):
        reading_speed([(0.0, 10)])


def test_no_disk_is_filled_for_the_sake_of_a_figure() -> None:
    refuse_too_many(1_000_000, bytes_each=8_000, free=10 * 10**9)
    with pytest.raises(StackNotUsable, match=r"1,000,000 more dossiers need about 10\.0 GB, and 10\.0 GB are free"):
        refuse_too_many(1_000_000, bytes_each=10_000, free=10 * 10**9)


def test_every_lane_of_the_many_has_matters_and_a_code_that_routing_takes() -> None:
    matters = list(product([(f"1.{number:06d}", "tax") for number in range(60)], ["00070", "00167", "09556"]))
    table = table_of_lanes({"version": "1", "communes": {}}, matters, 150)
    assert len({agency["code"] for agency in table["agencies"]}) == 150
    assert Counter(rule["agency"] for rule in table["rules"]).keys() == {one["code"] for one in table["agencies"]}
    for agency in table["agencies"]:
        TypeAdapter(AgencyCode).validate_python(agency["code"])


@pytest.mark.parametrize(
    ("stack", "stage"),
    [
        (["pydantic.main", "hub_events.event", "hub_messaging.consumer", "asyncio.events"], "parse"),
        (["services.sla.domain.check", "services.sla.handlers.telling", "hub_messaging.runner"], "handler"),
        (["asyncpg.pool", "hub_messaging.runner", "asyncio.events"], "sql"),
        (["services.intake.store.tables", "hub_messaging.runner"], "sql"),
        (["aiokafka.producer.sender", "asyncio.events"], "relay"),
        (["starlette.routing", "uvicorn.protocols.http"], "http"),
        (["asyncio.events", "__main__"], REST),
    ],
)
def test_a_look_at_a_process_finds_the_innermost_stage(stack: list[str], stage: str) -> None:
    assert stage_of(stack) == stage


def test_a_program_that_is_looked_at_works_as_usual_and_leaves_its_count(tmp_path: Path) -> None:
    program = "end = __import__('time').process_time() + 0.3\nwhile __import__('time').process_time() < end: pass\n"
    (tmp_path / "busy_program.py").write_text(program + "print('done')")
    counted = tmp_path / "looks.json"
    command = [sys.executable, "-m", "hub_local.bench_stages", str(counted), "busy_program"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "done\n"
    assert sum(json.loads(counted.read_text()).values()) > 10


def all_scenarios() -> Mapping[str, dict[str, Any]]:
    return {
        "closed": entry(cpu_s_per_1000_by_process__intake=1.5, memory_mb__intake=60),
        "open": entry(handover_p50_s=0.01, handover_p99_s=0.05, cpu_s_per_1000_by_process__intake=6),
        "stages": entry(cpu_s_per_1000_by_stage__sql=2.0),
        "dead": entry(handover_p50_s_before=0.01, handover_p99_s_with=0.06),
        "kill": entry(handover_p99_s__intake=0.4),
        "backlog": entry(events_per_s__sla=7000),
        "growth": entry(lifecycles_per_s__0=200, lifecycles_per_s__1000000=190),
        "register": entry(list_p50_s=0.01, list_p99_s=0.03),
        "workers": {**entry(), "figures": {"lifecycles_per_s.1 x 6": [9, 8, 10], "lifecycles_per_s.2 x 6": [9, 8, 10]}},
    }


def test_pictures_are_drawn_of_what_was_measured_and_of_nothing_else() -> None:
    assert pictures({}) == {}
    made = pictures(all_scenarios())
    assert set(made) == {f"{name}.svg" for name in ("cpu-by-process", "cpu-by-stage", "memory", "delays")} | {
        f"{name}.svg" for name in ("backlog", "kill", "growth", "register", "workers")
    }
    for svg in made.values():
        root = ElementTree.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        assert "prefers-color-scheme: dark" in svg


def test_a_bar_is_as_long_as_its_value_and_stays_within_the_picture() -> None:
    root = ElementTree.fromstring(bars("a <title>", "MB", [Bar("x & y", (50, 40, 60)), Bar("z", (25, 25, 25))]))
    long, half = (float(one.get("width", "")) for one in root.iter(f"{SVG}rect"))
    assert long == pytest.approx(2 * half, abs=0.2)
    words = [one.text for one in root.iter(f"{SVG}text")]
    assert {"a <title>", "x & y", "50", "25"} <= set(words)
    assert all(float(one.get("x2", "")) < float(root.get("width", "")) for one in root.iter(f"{SVG}line"))


def test_lines_go_through_their_points_from_left_to_right() -> None:
    root = ElementTree.fromstring(lines("t", "1/s", "dossiers", {"one": {5e6: 50.0, 0.0: 100.0, 1e6: 100.0}}))
    (line,) = root.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[0][1] == points[1][1] < points[2][1], "less is further down"
    assert "5,000,000" in {one.text for one in root.iter(f"{SVG}text")}


@pytest.mark.parametrize(("most", "end"), [(0, 1), (0.3, 0.5), (1, 1), (7, 10), (190, 200), (5001, 10_000)])
def test_an_axis_ends_at_a_round_number(most: float, end: float) -> None:
    assert nice(most) == pytest.approx(end)


def test_committing_replaces_the_pictures_and_their_place_in_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    (tmp_path / "former.svg").write_text("<svg/>")
    commit(all_scenarios(), page, tmp_path)
    text = page.read_text()
    assert text.startswith(f"before\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert {file.name for file in tmp_path.glob("*.svg")} == set(pictures(all_scenarios()))
    assert all(f"(performance/{file.name})" in text for file in tmp_path.glob("*.svg"))
    with pytest.raises(ValueError, match="lacks the lines"):
        with_pictures("no marks", {})


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert read_figures(file) == {}
    write_figures(file, all_scenarios())
    assert read_figures(file) == all_scenarios()
    assert '"lifecycles_per_s.1 x 6": [ 9, 8, 10 ]' in file.read_text(), "a figure is one line"


def test_the_page_and_the_pictures_are_those_of_the_committed_figures() -> None:
    committed = read_figures(FIGURES)
    assert with_pictures(PAGE.read_text(), committed) == PAGE.read_text()
    assert {file.name: file.read_text() for file in FOLDER.glob("*.svg")} == pictures(committed)


def hub_bench(layout: Layout, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command as a person would type it."""
    command = [str(Path(sys.executable).with_name("hub")), "bench", *arguments]
    return subprocess.run(command, env=settings_of(layout), capture_output=True, text=True, timeout=390, check=False)


def test_a_wrong_wish_is_answered_before_anything_starts(tmp_path: Path) -> None:
    ended = hub_bench(Layout(tmp_path / "hub"), "--scenarios", "closed,fast")
    assert ended.returncode == 1
    assert ended.stderr.startswith("hub: there is no scenario 'fast'")


SMALL = {"register": 3000, "searches": 48, "texts": 150, "seconds": 2}


@pytest.mark.long
@pytest.mark.stack
def test_tiny_scenarios_from_end_to_end(tmp_path: Path) -> None:
    place = Place()
    try:
        layout = Layout(tmp_path / "hub", place.layout("bench").port_base - 200)
        result = tmp_path / "bench.json"
        sizes = [part for name, size in SMALL.items() for part in ("--size", f"{name}={size}")]
        ended = hub_bench(
            layout, "--scenarios", "closed,register", "--lifecycles", "50", *sizes, "--result", str(result)
        )
    finally:
        place.close()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    closed, register = (read_figures(result)[name]["figures"] for name in ("closed", "register"))
    assert closed["lost"] == closed["duplicates"] == register["lost"] == register["duplicates"] == [0, 0, 0]
    assert closed["lifecycles"][0] == 350
    assert closed["cpu_s_per_1000_by_process.routing"][0] > 0
    measured = {bound.figure for bound in BOUNDS if bound.scenario == "register"}
    assert all(register[figure][0] > 0 for figure in measured)
    assert not (tmp_path / "hub-bench" / "closed-1").exists(), "a run leaves nothing behind"
