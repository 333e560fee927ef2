"""Màn hình trình diễn: the demo as a calm picture in a terminal, or as plain lines elsewhere."""

import os
from collections import Counter

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hub_local.demo import SENT, STAGES, Progress, Proof
from hub_local.layout import Layout
from hub_messaging.clock import VIETNAM

VIETNAMESE = dict(
    zip(STAGES, ("chờ tiếp nhận", "đã tiếp nhận", "đã chuyển", "có kết quả", "xong, đã báo dân"), strict=True)
)
WIDTH = 78


def picture(progress: Progress) -> RenderableType:
    """The demo as it stands, for a terminal of 80 columns."""
    moment = progress.business_time.astimezone(VIETNAM)
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    head.add_row(Text(progress.chapter, style="bold"), f"business time {moment:%H:%M %d/%m/%Y}")
    bar = Table.grid(padding=(0, 1))
    count = f"{progress.done}/{progress.total}"
    bar.add_row(ProgressBar(total=progress.total, completed=progress.done, width=60), count)
    parts: list[RenderableType] = [head, bar]
    for block in (_stages(progress.stages, progress.total), _facts(progress), _hurdles(progress)):
        parts += [Text(), block]
    return Panel(Group(*parts), title="Một cửa: hồ sơ đi qua trục", width=WIDTH)


def line(progress: Progress) -> str:
    """The same in one plain line."""
    stages = progress.stages
    counts = ", ".join(f"{stages[stage]} {stage}" for stage in STAGES)
    return f"{progress.done}/{progress.total} done | {counts} | {progress.chapter}"


def _stages(stages: Counter[str], total: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=40)
    table.add_column(justify="right", min_width=5)
    for stage in STAGES:
        width = round(20 * stages[stage] / total) if total else 0
        table.add_row(f"{stage} · {VIETNAMESE[stage]}", str(stages[stage]), Text("█" * width, style="cyan"))
    return table


def _facts(progress: Progress) -> Table:
    events = progress.events
    running = events["deadline.clock_started.v1"] - events["deadline.clock_stopped.v1"]
    table = Table.grid(padding=(0, 3))
    table.add_row(
        f"handed over {events['dossier.handed_over.v1']}",
        f"steps reported {events['dossier.step_recorded.v1']}",
        f"messages sent {events[SENT]}",
        f"clocks running {running}",
    )
    return table


def _hurdles(progress: Progress) -> Table:
    table = Table.grid(padding=(0, 2))
    for agency, hurdle in progress.hurdles.items():
        mine = [dossier for dossier in progress.followed if dossier.agency == agency]
        waiting = sum(not dossier.is_done for dossier in mine)
        table.add_row(
            Text(agency, style="bold"), hurdle.words, f"{waiting} of {len(mine)} waiting" if waiting else "all done"
        )
    return table


def print_proof(console: Console, proof: Proof) -> None:
    """The summary."""
    events, ledger = proof.events, proof.ledger
    console.print()
    console.print(f"{proof.dossiers} dossiers, {proof.procedures} procedures, {proof.desks} desks", style="bold")
    table = Table.grid(padding=(0, 2))
    for words, ours, theirs in (
        (
            "hand-overs: on the timelines / held by the agencies",
            events["dossier.handed_over.v1"],
            ledger["effects"]["handover"],
        ),
        ("messages: on the timelines / held by the gateway", events[SENT], ledger["effects"]["sms"]),
        (
            "results: on the timelines / callbacks taken",
            events["dossier.completed.v1"],
            ledger["callbacks"]["dossiers_completed"],
        ),
        ("terms missed, and the citizens told", events["deadline.missed.v1"], ledger["sms_by_duty"].get("late", 0)),
    ):
        table.add_row(words, str(ours), str(theirs))
    console.print(table)
    console.print(f"sent again under the same key, taken once: {ledger['repeats']}; made twice: {ledger['duplicates']}")
    for flaw in proof.flaws[:20]:
        console.print(f"WRONG: {flaw}", style="bold red")
    verdict = "nothing was lost, nothing was done twice" if not proof.flaws else f"{len(proof.flaws)} things are wrong"
    console.print(verdict, style="bold green" if not proof.flaws else "bold red")


def print_addresses(console: Console, layout: Layout, example: str) -> None:
    """What to open next, from the folder that the demo was started in."""
    folder = os.path.relpath(layout.folder)
    console.print("\nlook further:")
    for command in (
        f"TOKEN=$(.venv/bin/hub token --kind operator --subject me --scope dossiers:read --scope deadlines:read"
        f" --area '*' --key {folder}/keys/issuer.json)",
        f'curl -H "authorization: Bearer $TOKEN" {layout.url("intake")}/v1/dossiers/{example}/timeline',
        f'curl -H "authorization: Bearer $TOKEN" {layout.url("sla")}/v1/deadlines/{example}',
        f"curl {layout.url('sandbox')}/ledger/summary",
    ):
        console.print(f"  {command}", soft_wrap=True)
    console.print(
        f"API documents: {layout.url('intake')}/docs (also routing, notify, sla: the next three ports);"
        f" events: {layout.url('intake')}/docs/events",
        soft_wrap=True,
    )
    console.print(f"metrics: {layout.url('intake-probe')}/metrics")
    console.print(f"processes: HUB_FOLDER={folder} .venv/bin/hub status (or: logs intake)", soft_wrap=True)
