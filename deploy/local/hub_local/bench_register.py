"""Kịch bản sổ tiếp nhận: what the register itself is asked for: lists and counts over many, accepting, forms, imports.

Dossiers of the past differ in what lists ask for (desk, procedure, agency, channel, time, standing): three years of
them, a twelfth still under way. Seconds are those of a client over HTTP that sends one request after the other.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import psutil

from hub_local.bench_growth import AT_ONCE, ID_OF, copies, finished
from hub_local.bench_hub import Bench, Figures, Hub
from hub_local.bench_load import closed_loop, open_loop, percentile
from hub_local.dossiers import MORNING
from hub_local.example_procedures import procedure_file
from hub_local.layout import StackNotUsable
from hub_local.measure import usage
from hub_local.postgres import database_url

OTHERS = ("routing", "notify", "sla")
ACCEPTED_A_SECOND = 100
RECEIPTS = 200
STEPS = 25
"""Of a procedure's text, which then has 4 KB: as long as published ones are in the mean."""
FILES_AT_ONCE = 100
"""As `hub catalogue import` sends them."""
DESKS = tuple(f"H26.{10 + area}.{place:02}" for area in range(13) for place in range(10))
PROCEDURES, AGENCIES = 700, 40
SECONDS_APART = 94
CODES = "H26.99-230101-"
LOOK_SECONDS = 0.05
Ask = Mapping[str, str]


async def register(bench: Bench) -> Figures:
    """Sổ tiếp nhận: a million dossiers of the past, then each thing by itself."""
    async with bench.hub() as hub:
        await _fill(hub, bench)
        figures: Figures = {}
        for what, asked in (("list", _lists), ("due", _due_lists), ("count", _counts)):
            bench.say(f"{what}, {bench.sizes.searches} times")
            seconds = await _asked(hub, asked, bench.sizes.searches)
            figures |= {f"{what}_p50_s": percentile(seconds, 50), f"{what}_p99_s": percentile(seconds, 99)}
        figures |= await _accepting(bench, hub)
        bench.say(f"{RECEIPTS} receipts")
        figures |= await _receipts(hub)
        bench.say(f"importing {bench.sizes.texts} procedures")
        figures |= await _import(bench, hub)
        return {**figures, **await hub.ending()}


def _hash(salt: int, many: int) -> str:
    return f"(abs(hashint8(n + {salt})) % {many})"


def _past(many: int) -> Mapping[str, Mapping[str, str]]:
    """By table, what differs from copy to copy of `many`; progress first, so that a line is whole when it is made."""
    desk = f"'H26.' || (10 + {_hash(1, 13)}) || '.' || lpad({_hash(2, 10)}::text, 2, '0')"
    ago = f"({many} - n) * interval '{SECONDS_APART} seconds'"
    return {
        "progress": {
            "dossier_id": ID_OF,
            "agency_code": f"'H26.' || (30 + {_hash(3, AGENCIES)}) || '.01'",
            "completed_at": f"CASE WHEN {_hash(4, 12)} > 0"
            f" THEN copied.completed_at - {ago} + {_hash(5, 8)} * interval '1 day' END",
        },
        "dossier": {
            "id": ID_OF,
            "code": f"'{CODES}' || lpad(n::text, 8, '0')",
            "desk_code": desk,
            "desk": f"jsonb_set(copied.desk, '{{code}}', to_jsonb({desk}))",
            "procedure": f"jsonb_set(copied.procedure, '{{code}}',"
            f" to_jsonb('2.' || lpad({_hash(6, PROCEDURES)}::text, 6, '0')))",
            "channel": f"(ARRAY['counter', 'online', 'post'])[1 + {_hash(7, 3)}]",
            "received_at": f"copied.received_at - {ago}",
            "accepted_at": f"copied.accepted_at - {ago}",
            "promise": "jsonb_set(copied.promise, '{due_at}',"
            f" to_jsonb((copied.promise->>'due_at')::timestamptz - {ago}))",
        },
    }


async def _fill(hub: Hub, bench: Bench) -> None:
    many = bench.sizes.register
    connection = await asyncpg.connect(database_url(hub.layout, hub.stack.keys.passwords, "intake"))
    try:
        template = await finished(connection)
        statements = [await copies(connection, table, differs) for table, differs in _past(many).items()]
        for start in range(0, many, AT_ONCE):
            bench.say(f"{start:,} of {many:,} dossiers of the past")
            for statement in statements:
                await connection.execute(statement, start + 1, min(start + AT_ONCE, many), template)
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


def _filters(chance: random.Random) -> Iterator[Ask]:
    """What clerks and leaders ask for, one way after the other, with other values each time."""
    while True:
        desk, agency = chance.choice(DESKS), f"H26.{30 + chance.randrange(AGENCIES)}.01"
        procedure = f"2.{chance.randrange(PROCEDURES):06}"
        since = MORNING - timedelta(days=chance.randrange(1, 1000))
        month = {"received_from": since.isoformat(), "received_to": (since + timedelta(days=30)).isoformat()}
        yield from (
            {"code": f"{CODES}{chance.randrange(1, 1000):08}"},
            {},
            {"desk": desk},
            {"desk": desk, "state": "accepted"},
            {"desk": desk, "late": "yes"},
            {"desk": desk, "procedure": procedure},
            {"desk": desk, **month},
            {"procedure": procedure},
            {"procedure": procedure, "channel": "online"},
            {"agency": agency},
            {"agency": agency, "late": "yes"},
            {"agency": agency, "national_status": "4"},
            {"national_status": str(chance.randrange(1, 11))},
            {"channel": "post", **month},
            {"late": "yes", **month},
            month,
        )


def _lists(asked: Ask) -> str:
    return f"/v1/dossiers?{urlencode(asked)}"


def _due_lists(asked: Ask) -> str:
    return _lists({**asked, "order": "due"})


def _counts(asked: Ask) -> str:
    return f"/v1/dossiers/count?{urlencode(asked)}"


async def _asked(hub: Hub, path_of: Callable[[Ask], str], times: int) -> list[float]:
    """Seconds of each request; by a caller of the whole province or one of half of its desks."""
    callers = hub.door.bearer("bench-province"), hub.door.bearer("bench-area", DESKS[: len(DESKS) // 2])
    chance = random.Random(times)  # noqa: S311 - the same questions in each run
    seconds = []
    for asked in islice(_filters(chance), times):
        caller = chance.choice(callers)
        taken, answer = await _timed(hub, "GET", path_of(asked), authorization=caller)
        seconds.append(taken)
        if cursor := answer.get("next_cursor"):
            following = path_of({**asked, "cursor": cursor})
            seconds.append((await _timed(hub, "GET", following, authorization=caller))[0])
    return seconds


async def _timed(hub: Hub, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[float, Any]:
    """Seconds until the whole answer was there, and what it says. Raises Refused."""
    began = time.perf_counter()
    reply = await hub.door.ask("intake", method, path, body, **headers)
    taken = time.perf_counter() - began
    return taken, reply.content()


async def _accepting(bench: Bench, hub: Hub) -> Figures:
    """Accepting by intake alone, over all those dossiers: as fast as it can, and on a beat of 100 a second."""
    for name in OTHERS:
        await hub.stack.stop_one(name)
    bench.say(f"intake alone accepts {bench.sizes.lifecycles} dossiers")
    began = time.monotonic()
    await hub.load.send(closed_loop(bench.sizes.lifecycles))
    speed = bench.sizes.lifecycles / (time.monotonic() - began)
    bench.say(f"{ACCEPTED_A_SECOND} a second for {bench.sizes.seconds} s")
    on_a_beat = await hub.load.send(open_loop(ACCEPTED_A_SECOND, bench.sizes.seconds))
    for name in OTHERS:
        await hub.stack.start_one(name)
    bench.say("draining")
    await hub.load.drained()
    seconds = [one.answered - one.began for one in on_a_beat]
    return {
        "accepted_alone_per_s": round(speed, 1),
        "accepted_p50_s": percentile(seconds, 50),
        "accepted_p99_s": percentile(seconds, 99),
    }


async def _receipts(hub: Hub) -> Figures:
    """Receipts (form 01) of accepted dossiers, after one that is not counted."""
    body = json.dumps({"officer": "CB-001", "signer": {"name": "Lê Thị Ví Dụ", "title": "Công chức tiếp nhận"}})
    first, *others = [one.dossier for one in hub.load.sent[: RECEIPTS + 1]]
    await _receipt(hub, first, body)
    before = usage(hub.stack)
    seconds = [await _receipt(hub, dossier, body) for dossier in others]
    cpu = usage(hub.stack).since(before)["intake"]
    return {"receipt_p50_s": percentile(seconds, 50), "receipt_cpu_s": round(cpu / len(others), 4)}


async def _receipt(hub: Hub, dossier: str, body: str) -> float:
    path = f"/v1/dossiers/{dossier}/forms/01"
    return (await _timed(hub, "POST", path, body.encode(), idempotency_key=str(uuid4())))[0]


async def _import(bench: Bench, hub: Hub) -> Figures:
    """Published texts in batches; the most memory that intake has had until then."""
    files = [
        procedure_file(code, STEPS)
        for code in (f"1.{number:06}" for number in range(900_000, 900_000 + bench.sizes.texts))
    ]
    run = str(uuid4())
    watching = asyncio.create_task(_most_memory(hub))
    began = time.monotonic()
    for start in range(0, len(files), FILES_AT_ONCE):
        body = json.dumps({"run": run, "files": files[start : start + FILES_AT_ONCE]}).encode()
        _, answer = await _timed(hub, "POST", "/v1/catalogue/imports", body, idempotency_key=str(uuid4()))
        if answer["refused"]:
            raise StackNotUsable(f"{answer['refused']} of the texts were refused")
    seconds = time.monotonic() - began
    watching.cancel()
    return {"import_s": round(seconds, 2), "import_memory_mb": await watching}


async def _most_memory(hub: Hub) -> float:
    """The most resident memory of intake, in MB, until cancelled."""
    intake, most = psutil.Process(hub.stack.pid("intake")), 0
    try:
        while True:
            most = max(most, intake.memory_info().rss)
            await asyncio.sleep(LOOK_SECONDS)
    except asyncio.CancelledError:
        return round(most / 1e6, 1)
