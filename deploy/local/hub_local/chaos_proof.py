"""Bằng chứng sau quấy phá: what is wrong with a hub that was hurt, and the story of one dossier."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from hub_local.chaos_alarms import Alarms
from hub_local.chaos_load import Handed, Load
from hub_local.chaos_stack import STUCK_AFTER_SECONDS
from hub_local.chaos_ways import KEEPS_ITS_DATE, PLAIN
from hub_local.front_door import FrontDoor, Refused
from hub_local.layout import SERVICES, Layout
from hub_local.proof import Seen, Witness, words_of
from hub_local.stack import Stack
from hub_local.supervisor import http_ok
from hub_messaging.clock import Clock
from hub_worktime import is_late

AT_ONCE = 16
LOOK_AGAIN_SECONDS = 1.0
LAST_LINES = 12
PAGE = 200
LISTED_AFTER_SECONDS = STUCK_AFTER_SECONDS + 10.0
"""A dossier that lacks what follows its acceptance so long after it must be named by `hub stuck`."""
SILENT_AFTER_SECONDS = 30.0
"""Once all is well: gauges are measured every few seconds."""
RINGS_RIGHTLY = frozenset({"HubResultsContradict"})
"""The sandbox's agencies decide anew, under another number, when a supplement comes after their result."""
FORGOTTEN = "exception was never retrieved"
_OF_A_LIBRARY = re.compile(r"defined at [^>]*/site-packages/")
"""A task of its own. A future that is forgotten was asked for by somebody: by us."""
SIGNS_OF_OWN_FAULTS = {
    '"role_ended"': "ended by itself",
    'met_a_bug"': "met a bug",
    "on can't be read": "gave up a log that nobody damaged",
    '"request_failed"': "answered with a fault of its own",
    '"line_failed"': "failed in one line of many",
    '"file_damaged"': "lost bytes of a file",
    FORGOTTEN: "forgot a task that had failed",
}
"""In log lines: what must not happen whatever is done to the hub."""
NOT_NOW = (aiohttp.ClientError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Refused)
"""Nobody can be asked just now."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that must not be; `dossier_id` where it is about one dossier."""

    words: str
    dossier_id: str | None = None

    def __str__(self) -> str:
        return f"dossier {self.dossier_id}: {self.words}" if self.dossier_id else self.words


class Proof:
    """Looks from outside at a stack that was hurt."""

    def __init__(self, layout: Layout, stack: Stack, door: FrontDoor) -> None:
        self._layout = layout
        self._stack = stack
        self._door = door
        self._witness = Witness(layout, stack.keys.passwords, door)
        self._alarms = Alarms(layout)
        self.unlisted: set[Flaw] = set()
        """Dossiers that were stuck while nothing named them."""
        self.still_open: int | None = None
        """Dossiers that are not done, once it is waited for them."""

    async def early(self) -> list[Flaw]:
        """What can be seen to be wrong at any time; nothing while nobody can be asked."""
        flaws = [Flaw(f"{count} deadlocks in PostgreSQL")] if (count := self._witness.deadlocks()) else []
        flaws += own_faults(self._layout.folder)
        with suppress(*NOT_NOW):
            flaws += doubled_by(await self._door.sandbox("/ledger/summary"))
        return flaws

    async def all_say(self, handed: Sequence[Handed], word: str, within: float) -> None:
        """Waits until every timeline tells `word`; after `within` seconds goes on: the proof will tell."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            with suppress(*NOT_NOW):
                words = await self._words([one.id for one in handed])
                if all(told[word] for told in words.values()):
                    return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def of(self, load: Load, late: Iterable[Handed]) -> list[Flaw]:
        """Everything that is wrong now. `late`: dossiers whose date was missed."""
        late_ids = {one.id for one in late}
        seen = await self._seen(load.handed)
        flaws = flaws_of(seen, late_ids, await self._listed())
        flaws += self.unlisted
        if load.unanswered:
            flaws.append(Flaw(f"{load.unanswered} dossiers were never answered for"))
        flaws += [Flaw(f"intake refused a dossier: {answer}") for answer in load.refused]
        rings = await self._alarms.ringing(SILENT_AFTER_SECONDS, rightly=RINGS_RIGHTLY)
        flaws += [Flaw(f"{alert} rings though all is well") for alert in rings]
        return flaws + await self._flaws_of_counts(load) + await self.early()

    async def settled(self, handed: Iterable[Handed], late: Iterable[Handed], within: float) -> None:
        """Waits until every dossier is done and nothing is left to do, at most `within` seconds."""
        ends, open_ones, late_ids = time.monotonic() + within, list(handed), {one.id for one in late}
        while time.monotonic() < ends:
            with suppress(*NOT_NOW):
                read_at, listed = time.time(), await self._listed()
                seen = await self._seen(open_ones)
                self.unlisted.update(unlisted(open_ones, seen, listed, read_at))
                open_ones = [one for one in open_ones if seen[one.id].lost(late=one.id in late_ids)]
                self.still_open = len(open_ones)
                left = await self._witness.leftovers()
                if not open_ones and not any(any(rest.values()) for rest in left.values()):
                    return
                await self._redo_set_aside({one.id for one in handed})
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def missed(self, handed: Iterable[Handed]) -> list[Handed]:
        """Dossiers whose date was missed by the agencies' own word, whatever the hub says of it.

        Those whose date is still to come, since business time was set back, may be told of it later.
        """
        now, ended = Clock(self._layout.clock_file).now(), dict[str, datetime]()
        for said in await self._witness.callbacks():
            if said["type"] == "completed" and said["outcome"] == "taken":
                at = datetime.fromisoformat(said["at"])
                ended[said["dossier_id"]] = min(at, ended.get(said["dossier_id"], at))
        return [
            one
            for one in handed
            if one.way in KEEPS_ITS_DATE
            and one.due_at is not None
            and one.id in ended
            and is_late(datetime.fromisoformat(one.due_at), min(now, ended[one.id]))
        ]

    async def help_stuck_ones(self, handed: Iterable[Handed]) -> None:
        """As a person would who looks at `hub stuck`; nothing while nobody can be asked."""
        with suppress(*NOT_NOW):
            listed = await self._listed()
            await self._redo_set_aside({one.id for one in handed} & listed)

    async def _listed(self) -> set[str]:
        """What `hub stuck` names."""
        found, after = set[str](), ""
        while True:
            page = await self._door.get("intake", f"/v1/intake/stuck?limit={PAGE}{after}")
            found |= {line["dossier_id"] for line in page["items"]}
            if page["next_cursor"] is None:
                return found
            after = f"&cursor={page['next_cursor']}"

    async def _redo_set_aside(self, dossiers: Container[str]) -> None:
        """As a person would: what was set aside because it failed too often is sent again."""
        for lane in (await self._door.get("routing", "/v1/lanes"))["items"]:
            if lane["set_aside"]:
                for work in (await self._door.get("routing", f"/v1/lanes/{lane['name']}/work"))["items"]:
                    await self._post("routing", f"/v1/lanes/{lane['name']}/work/{work['id']}/redo")
        for supplier in (await self._door.get("notify", "/v1/suppliers"))["items"]:
            if supplier["set_aside"]:
                for work in (await self._door.get("notify", f"/v1/suppliers/{supplier['supplier']}/work"))["items"]:
                    if work["dossier_id"] in dossiers:
                        await self._send_again(f"/v1/notices/{work['dossier_id']}/{work['kind'].replace(':', '/')}")

    async def _send_again(self, notice: str) -> None:
        """What a result has overtaken is not sent again: a person ends it."""
        with suppress(Refused):  # it waits for nobody any more
            try:
                await self._post("notify", f"{notice}/redo")
            except Refused:
                end = {"sent": False, "again": False, "why": "Đã có kết quả."}
                await self._door.post("notify", f"{notice}/settle", json.dumps(end).encode(), notice)

    async def _post(self, service: str, path: str) -> None:
        await self._door.post(service, path, b"{}", path)

    async def _seen(self, handed: Sequence[Handed]) -> dict[str, Seen]:
        effects, words = await self._witness.effects_after(0), await self._words([one.id for one in handed])
        return {one.id: Seen(effects.get(one.id, Counter()), words[one.id], one.wanted) for one in handed}

    async def _words(self, ids: Sequence[str]) -> dict[str, Counter[str]]:
        limit = asyncio.Semaphore(AT_ONCE)

        async def look(id: str) -> Counter[str]:
            async with limit:
                return words_of(await self._witness.timeline(id))

        return dict(zip(ids, await asyncio.gather(*map(look, ids)), strict=True))

    async def _flaws_of_counts(self, load: Load) -> list[Flaw]:
        async with self._witness.database("sla") as connection:
            stopped = await connection.fetch("SELECT dossier_id::text FROM clock WHERE state = 'stopped'")
        effects = await self._witness.effects_after(0)
        old_codes = {one.code for one in load.forgotten}
        handed_over = {id for id, found in effects.items() if found["handover lead"]}
        wants = [one.wanted for one in load.handed]
        with_code = [one.code for one in load.handed if one.code]
        maybe = {one.id for one in load.handed if "handover lead" in one.wanted.may}
        counts = {
            "different codes": (len(set(with_code) - old_codes), len(with_code)),
            "dossiers in the register": (await self._witness.count_dossiers(), len(load.handed) + len(load.old)),
            "stopped clocks": (
                len({row["dossier_id"] for row in stopped} - load.lost),
                sum(one.words["clock_stopped"] for one in wants),
            ),
            "dossiers at the agencies": (
                len(handed_over - load.lost - maybe),
                sum(one.effects["handover lead"] for one in wants),
            ),
        }
        flaws = [Flaw(f"{n} {what} instead of {wanted}") for what, (n, wanted) in counts.items() if n != wanted]
        left = await self._witness.leftovers()
        flaws += [Flaw(f"{s}: {n} {what} left over") for s, rest in left.items() for what, n in rest.items() if n]
        if differing := (await self._door.get("sla", "/v1/deadlines?differs=true"))["items"]:
            flaws.append(Flaw(f"receipt and clock differ for {len(differing)} dossiers", differing[0]["dossier_id"]))
        ready = await asyncio.gather(*(http_ok(self._layout.port(f"{name}-probe"), "/ready") for name in SERVICES))
        return flaws + [
            Flaw(f"{name} is not ready") for name, is_ready in zip(SERVICES, ready, strict=True) if not is_ready
        ]

    async def story(self, dossier_id: str) -> list[str]:
        """One dossier in lines: its timeline, what the other side holds of it, what the logs say of it."""
        lines = ["on the timeline:"]
        with suppress(*NOT_NOW):
            lines += [f"  {_step(step)}" for step in await self._witness.timeline(dossier_id)]
        lines.append("in the ledger of the other side:")
        with suppress(*NOT_NOW):
            effects = (await self._door.sandbox(f"/ledger/effects?dossier_id={dossier_id}"))["effects"]
            lines += [
                f"  {e['number']} {e['kind']} {e['duty']} at {e['party']}, {e['repeats']} repeats" for e in effects
            ]
            callbacks = (await self._door.sandbox(f"/ledger/callbacks?dossier_id={dossier_id}"))["callbacks"]
            lines += [f"  callback {c['type']}: {c['outcome']}, {c['attempts']} attempts" for c in callbacks]
        return [*lines, "in the logs:", *self._log_lines(dossier_id)]

    def _log_lines(self, dossier_id: str) -> list[str]:
        found = []
        for service in SERVICES:
            text = (self._layout.logs / f"{service}.log").read_text(errors="replace")
            lines = [line for line in text.splitlines() if dossier_id in line or _is_own_trouble(line)]
            found += [f"  {service}: {line[:300]}" for line in lines[-LAST_LINES:]]
        return found


def unlisted(handed: Iterable[Handed], seen: Mapping[str, Seen], listed: Set[str], read_at: float) -> Iterator[Flaw]:
    """Plain dossiers that `hub stuck` should have named when it was read, at `read_at`, and did not.

    `seen` is younger than `listed`: what is missing there was missing then. Both sides count real time.
    """
    for one in handed:
        is_old = one.way == PLAIN.name and read_at - one.at > LISTED_AFTER_SECONDS
        if is_old and one.id not in listed and (missing := _unreported(seen[one.id].words)):
            yield Flaw(f"stuck without {', '.join(missing)}, and not listed by `hub stuck`", one.id)


def _unreported(words: Mapping[str, int]) -> list[str]:
    """What `hub stuck` waits for after an acceptance. A notice that failed is reported, too."""
    missing = [word for word in ("routed", "clock_started") if not words[word]]
    told = any(word.endswith(" accepted:1") for word in words)
    return missing if told else [*missing, "sent accepted:1"]


def flaws_of(seen: dict[str, Seen], late: set[str], listed: set[str]) -> list[Flaw]:
    """What was lost or doubled. `late`: their date was missed; `listed`: by `hub stuck`."""
    flaws = []
    for id, one in seen.items():
        lost = one.lost(late=id in late)
        silent = " (and not listed by `hub stuck`)" if id not in listed else ""
        flaws += [Flaw(words + silent, id) for words in lost]
        flaws += [Flaw(words, id) for words in one.doubled()]
        if id in listed and not lost:
            flaws.append(Flaw("listed by `hub stuck`, though nothing is missing", id))
    return flaws


def own_faults(folder: Path) -> list[Flaw]:
    """What the processes' logs tell of faults of their own: whatever happens outside must not lead to any."""
    logs = [*folder.glob("logs/*.log"), *folder.glob("second/*/logs/*.log")]
    lines = [(log.stem, line) for log in logs for line in log.read_text(errors="replace").splitlines()]
    return [
        Flaw(f"{name} {what}: {line[:300]}")
        for name, line in lines
        for sign, what in SIGNS_OF_OWN_FAULTS.items()
        if sign in line and not (sign == FORGOTTEN and _OF_A_LIBRARY.search(line))
    ]


def _is_own_trouble(line: str) -> bool:
    """An error of the service itself; Kafka's client calls each lost connection one."""
    return ('"level": "error"' in line or '"level": "critical"' in line) and '"logger": "aiokafka' not in line


def doubled_by(summary: dict[str, Any]) -> list[Flaw]:
    """What the other side's own counts say."""
    words = {"duplicates": "effects were made twice", "conflicts": "keys came with another body"}
    return [Flaw(f"{summary[name]} {what}") for name, what in words.items() if summary.get(name)]


def _step(step: dict[str, Any]) -> str:
    return f"{step.get('at', '')} {step['type']}"
