"""Hình của số liệu: which pictures are made of the committed figures, and their place in docs/performance.md."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hub_local.bench_drawing import Bar, bars, lines
from hub_local.bench_figures import Entry
from hub_local.files import write_whole

DOCS = Path(__file__).resolve().parents[3] / "docs"
FOLDER = DOCS / "performance"
FIGURES = FOLDER / "figures.json"
PAGE = DOCS / "performance.md"
BEGIN, END = "<!-- pictures: written by `hub bench --commit-figures` -->", "<!-- end of pictures -->"
READABLE_BY_ALL = 0o644
THOUSAND = 1000.0

Entries = Mapping[str, Entry]
DELAYS: Sequence[tuple[str, str, str]] = (
    ("open", "", "50 a second"),
    ("open70", "", "70 % of maximum"),
    ("dead", "_before", "others, all well"),
    ("dead", "_with", "others, one dead"),
    ("lanes", "_before", "500 lanes, all well"),
    ("lanes", "_with", "500 lanes, 15 sick"),
)

REGISTER: Mapping[str, str] = {
    "list": "a list of 50",
    "due": "a list by due date",
    "count": "a count",
    "accepted": "accepting, 100 a second",
}


def pictures(entries: Entries) -> dict[str, str]:
    """SVG by file name, in the order of the page; only what was measured is drawn."""
    makers: dict[str, Callable[[Entries], str | None]] = {
        "cpu-by-process.svg": _cpu_by_process,
        "cpu-by-stage.svg": lambda all_: _group(
            all_, "stages", "cpu_s_per_1000_by_stage", "CPU of the four services by stage", "CPU s per 1,000 lifecycles"
        ),
        "memory.svg": lambda all_: _group(all_, "closed", "memory_mb", "Memory by process", "PSS in MB"),
        "delays.svg": _delays,
        "backlog.svg": lambda all_: _group(
            all_, "backlog", "events_per_s", "Catching up with a backlog", "events a second, by process"
        ),
        "kill.svg": lambda all_: _group(
            all_, "kill", "handover_p99_s", "Through a SIGKILL of …", "p99 of the hand-over over the whole load, s"
        ),
        "growth.svg": _growth,
        "register.svg": _register,
        "workers.svg": lambda all_: _group(
            all_, "workers", "lifecycles_per_s", "Reading processes of each service x partitions", "lifecycles a second"
        ),
    }
    return {file: made for file, make in makers.items() if (made := make(entries)) is not None}


def commit(entries: Entries, page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Writes the pictures and names them in the page; those of former figures that are no longer made are removed."""
    made = pictures(entries)
    for file in folder.glob("*.svg"):
        if file.name not in made:
            file.unlink()
    for name, svg in made.items():
        write_whole(folder / name, svg, READABLE_BY_ALL)
    write_whole(page, with_pictures(page.read_text(), entries), READABLE_BY_ALL)


def with_pictures(text: str, entries: Entries) -> str:
    """The page with links to all pictures between its two marks. Raises ValueError without the marks."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"docs/performance.md lacks the lines {BEGIN} and {END}: the pictures go between them")
    taken = [f"{name} {entry['taken']} ({entry['runs']} runs)" for name, entry in entries.items()]
    links = "\n\n".join(f"![{name.removesuffix('.svg')}](performance/{name})" for name in pictures(entries))
    said = f"Taken: {', '.join(taken)}." if taken else "No figures are committed yet."
    block = "\n\n".join(part for part in (BEGIN, said, links, END) if part)
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)


def _group(entries: Entries, scenario: str, group: str, title: str, unit: str) -> str | None:
    found = [Bar(name, spread) for name, spread in _members(entries, scenario, group)]
    return bars(title, unit, found) if found else None


def _cpu_by_process(entries: Entries) -> str | None:
    loads = {"closed": "closed loop", "open": "50 a second"}
    found = [
        Bar(f"{name}, {words}", spread, colour)
        for colour, (scenario, words) in enumerate(loads.items())
        for name, spread in _members(entries, scenario, "cpu_s_per_1000_by_process")
    ]
    return bars("CPU by process", "CPU s per 1,000 lifecycles", found) if found else None


def _delays(entries: Entries) -> str | None:
    found = [
        Bar(f"{words}, {rank}", _in_ms(entries[scenario]["figures"][figure]), colour)
        for scenario, suffix, words in DELAYS
        for colour, rank in enumerate(("p50", "p99"))
        if (figure := f"handover_{rank}_s{suffix}") in entries.get(scenario, {}).get("figures", {})
    ]
    return bars("From acceptance to the agency's 2xx", "ms", found) if found else None


def _register(entries: Entries) -> str | None:
    figures = entries.get("register", {}).get("figures", {})
    found = [
        Bar(f"{words}, {rank}", _in_ms(figures[figure]), colour)
        for asked, words in REGISTER.items()
        for colour, rank in enumerate(("p50", "p99"))
        if (figure := f"{asked}_{rank}_s") in figures
    ]
    return bars("Over a million dossiers", "ms until the answer was there", found) if found else None


def _in_ms(seconds: Sequence[float]) -> list[float]:
    return [round(THOUSAND * value, 1) for value in seconds]


def _growth(entries: Entries) -> str | None:
    points = {float(size): spread[0] for size, spread in _members(entries, "growth", "lifecycles_per_s")}
    return lines("Growth", "lifecycles a second", "dossiers in the databases", {"": points}) if points else None


def _members(entries: Entries, scenario: str, group: str) -> Iterator[tuple[str, Sequence[float]]]:
    """The figures called `group.…` of a scenario, without that beginning."""
    for name, spread in entries.get(scenario, {}).get("figures", {}).items():
        if name.startswith(f"{group}."):
            yield name.removeprefix(f"{group}."), spread
