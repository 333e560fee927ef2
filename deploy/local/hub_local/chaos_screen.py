"""What `hub chaos` shows: a calm line for each thing that happens, at the end a table and a verdict."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, islice

from rich.console import Console
from rich.table import Table

from hub_local.chaos import Chaos, Observed
from hub_local.chaos_proof import Flaw

MOST_FLAWS = 20
MOST_STORIES = 2
LAST_DISTURBANCES = 8


def status_line(chaos: Chaos) -> str:
    """Where the run stands, in one line."""
    handed = chaos.load.handed
    slowest = max((one.seconds for one in handed[-40:]), default=0.0)
    if chaos.proof.still_open is not None:
        return f"disturbances are over, {len(handed)} accepted, {chaos.proof.still_open} not done yet"
    done = min(chaos.elapsed, chaos.seconds)
    return f"{done:.0f} of {chaos.seconds:.0f} s, {len(handed)} accepted, desks wait up to {slowest:.1f} s"


def print_table(console: Console, observed: Sequence[Observed]) -> None:
    """Disturbances by kind and target: how often, the longest, dossiers accepted meanwhile, what was observed last."""
    table = Table("disturbance", "times", "longest", "accepted", "observed last", box=None, pad_edge=False)
    ordered = sorted(observed, key=_group)
    for (kind, target), found in groupby(ordered, _group):
        rows = sorted(found, key=lambda one: one.began)
        longest = max(one.lasted for one in rows)
        accepted = sum(one.accepted for one in rows)
        done = sum(one.done for one in rows)
        times = str(done) if done == len(rows) else f"{done} of {len(rows)}"
        table.add_row(f"{kind}: {target}", times, f"{longest:.1f} s", str(accepted), rows[-1].words)
    console.print(table)


def print_ways(console: Console, chaos: Chaos) -> None:
    """How many dossiers went which way, and what the desks and those who follow the register hold of the run."""
    ways = Counter(one.way for one in chaos.load.handed)
    told = ", ".join(f"{count} {way}" for way, count in ways.most_common())
    papers = chaos.load.papers
    console.print(f"dossiers: {told}; {len(chaos.load.old)} out of old books", highlight=False, soft_wrap=True)
    console.print(
        f"papers: {len(papers.forms)} forms issued, {len(papers.files)} files sent, {len(papers.left)} left half-sent",
        highlight=False,
    )
    for one in chaos.register.followers:
        again = f", its copy made anew {one.times_begun - 1} x" if one.times_begun > 1 else ""
        console.print(
            f"changes: {one.name} read {one.read} changes of {len(one.copy)} dossiers{again}", highlight=False
        )


def _group(one: Observed) -> tuple[str, str]:
    return one.what.kind, {"*": "agencies", "sms": "gateway"}.get(one.what.target, one.what.target)


async def print_verdict(console: Console, chaos: Chaos, flaws: Sequence[Flaw], again: str) -> None:
    """All that is wrong, with a story of it; or that nothing is. `again`: the command that repeats the run."""
    done = sum(one.done for one in chaos.observed)
    if done < len(chaos.observed):
        words = f"{len(chaos.observed) - done} of {len(chaos.observed)} disturbances could not be done"
        console.print(words, style="yellow", highlight=False)
    if not flaws:
        count = len(chaos.load.handed)
        words = f"{done} disturbances, {count} dossiers: nothing lost, nothing done twice, nothing stuck"
        console.print(words, style="bold green")
        return
    by_words: dict[str, list[Flaw]] = {}
    for flaw in flaws:
        by_words.setdefault(flaw.words, []).append(flaw)
    for alike in islice(by_words.values(), MOST_FLAWS):
        times = f" ({len(alike)} times)" if len(alike) > 1 else ""
        console.print(f"WRONG: {alike[0]}{times}", style="bold red", highlight=False)
    if len(by_words) > MOST_FLAWS:
        console.print(f"… and {len(by_words) - MOST_FLAWS} more")
    console.print("\nthe last disturbances:")
    for one in chaos.observed[-LAST_DISTURBANCES:]:
        console.print(f"  at {one.began:.0f} s: {one.what} → {one.words}", highlight=False)
    stories = list(dict.fromkeys(flaw.dossier_id for flaw in flaws if flaw.dossier_id))[:MOST_STORIES]
    for dossier_id in stories:
        accepted = [one.at for one in chaos.load.handed if one.id == dossier_id]
        when = f", accepted {accepted[0] - chaos.began_at:.0f} s after the start" if accepted else ""
        console.print(f"\ndossier {dossier_id}{when}", style="bold")
        for line in await chaos.proof.story(dossier_id):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"\nagain: {again}", style="bold", highlight=False)
