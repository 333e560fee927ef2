"""Nhập nhiều một lần rồi bị cắt: intake is killed in the middle of an import, which is then sent again as it was.

Procedures, the directory (uploaded, and approved by another person), old books, many dossiers at once; and forms that
are being issued. Each must be whole in the end, and have happened once.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from hub_local.chaos_ground import Ground, Wrong, killed_and_back
from hub_local.chaos_plan import Disturbance
from hub_local.chaos_ways import NO_ANSWER, OFFICER, SIGNER, IssuedForm
from hub_local.example_procedures import procedure_file
from hub_local.front_door import Refused, Reply

KILLED_WITHIN_SECONDS = 0.5
"""An import of this size takes about so long."""
AGAIN_SECONDS = 0.3
ANSWERED_WITHIN_SECONDS = 180.0
"""Other things are hurt meanwhile, on a slow machine too."""
DOSSIERS, PROCEDURES, OFFICES, FORMS, OLD_ONES = 120, 150, 400, 24, 300
NDJSON = "application/x-ndjson"
EDITOR, APPROVER = "chaos-editor", "chaos-approver"

Send = Callable[[], Coroutine[Any, Any, Reply]]


async def cut_import(ground: Ground, what: Disturbance) -> str:
    """One import, cut by SIGKILL and repeated; Raises Wrong when it is not whole, or not once."""
    try:
        return await IMPORTS[what.manner](ground, what)
    except Refused as refused:
        raise Wrong(f"{what.manner}: refused when sent again: {refused}") from refused
    except TimeoutError as error:
        raise Wrong(f"{what.manner}: no answer within {ANSWERED_WITHIN_SECONDS:g} s") from error


async def many_at_once(ground: Ground, what: Disturbance) -> str:
    """Nộp nhiều hồ sơ một lần: each line is one dossier, however often it is sent."""
    bodies = islice(cycle(ground.load.bodies), what.number * DOSSIERS, (what.number + 1) * DOSSIERS)
    lines = [{"key": f"{what.number}-{n}", "submission": json.loads(body)} for n, body in enumerate(bodies)]
    send = _sender(ground, "/v1/dossiers/bulk", _ndjson(lines), content_type=NDJSON)
    done = await _all_taken(send, await _cut(ground, what, send))
    again = await _all_taken(send, await _repeated(send))
    if _ids(done) != _ids(again) or len(set(_ids(again))) != DOSSIERS:
        raise Wrong("lines that were sent again under their keys became other dossiers")
    for one in again["results"]:
        ground.load.take(one, 0.0)
    return f"{DOSSIERS} dossiers, each once"


async def _all_taken(send: Send, answer: Any) -> Any:
    """The first answer from `answer` on that tells of every line as taken: a line may meet an outage by itself."""
    while answer["not_taken"]:
        if refused := [one for one in answer["results"] if one["problem"] and one["status"] < 500]:
            raise Wrong(f"{len(refused)} lines were refused: {refused[0]['problem'].get('slug')}")
        await asyncio.sleep(AGAIN_SECONDS)
        answer = await _repeated(send)
    return answer


async def procedures(ground: Ground, what: Disturbance) -> str:
    """Nhập danh mục thủ tục: one request is one transaction."""
    codes = [f"2.{100_000 + what.number * PROCEDURES + n}" for n in range(PROCEDURES)]
    run = str(UUID(int=ground.seed * 10_000 + what.number))
    files = [procedure_file(code) for code in codes]
    body = json.dumps({"run": run, "files": files}).encode()
    known = await _counted(ground, codes)
    send = _sender(ground, "/v1/catalogue/imports", body, idempotency_key=run, authorization=ground.door.bearer(EDITOR))
    cut_with: list[int] = []
    done = await _cut(ground, what, send, lambda: _note(cut_with, _counted(ground, codes)))
    if done["published"] + done["flagged"] != PROCEDURES:
        raise Wrong(f"{done['refused']} procedures were refused")
    if wrong := [n for n in (known, *cut_with) if n not in (0, PROCEDURES)]:
        raise Wrong(f"{wrong[0]} of {PROCEDURES} procedures of one import were there")
    if (count := await _counted(ground, codes)) != PROCEDURES:
        raise Wrong(f"{count} of {PROCEDURES} procedures are there")
    versions = json.loads((await _asked(ground, f"/v1/procedures/{codes[-1]}/versions")).body)["items"]
    if len(versions) != 1:
        raise Wrong(f"one import made {len(versions)} versions")
    return f"{PROCEDURES} procedures, {_found(cut_with)} after the kill"


async def directory(ground: Ground, what: Disturbance) -> str:
    """Nhập danh bạ: kept as one preview, cut once; approved by another person, cut once more; in force as a whole."""
    prefix = f"K{ground.seed % 90 + 10}.{what.number}"
    rows = [f"{prefix}.{n},Đơn vị ví dụ {n},,2025-07-01" for n in range(OFFICES)]
    body = "\n".join(["code,name,superior,valid_from", *rows, ""]).encode()
    editor, approver = ground.door.bearer(EDITOR), ground.door.bearer(APPROVER)
    key = f"units-{ground.seed}-{what.number}"
    send = _sender(ground, "/v1/directory/imports?kind=units", body, idempotency_key=key, authorization=editor)
    seen = await _cut(ground, what, send)
    await _once_in_the_list(ground, seen, "previewed")
    if await _offices(ground, prefix):
        raise Wrong("offices are in force before anybody approved them")
    approve = _sender(
        ground,
        f"/v1/directory/imports/{seen['id']}/approve",
        b"",
        idempotency_key=f"approve-{seen['id']}",
        authorization=approver,
    )
    cut_with: list[int] = []
    approved = await _cut(ground, what, approve, lambda: _note(cut_with, _offices(ground, prefix)))
    await _once_in_the_list(ground, seen, "approved")
    if wrong := [n for n in cut_with if n not in (0, OFFICES)]:
        raise Wrong(f"{wrong[0]} of {OFFICES} offices were in force after the kill")
    if (count := await _offices(ground, prefix)) != OFFICES:
        raise Wrong(f"{count} of {OFFICES} offices are in force")
    return f"{OFFICES} offices as edition {approved['edition']}, {_found(cut_with)} after the kill of the approval"


async def forms(ground: Ground, what: Disturbance) -> str:
    """Biểu mẫu: receipts asked for at the same moment want the same numbers; each is one form, with no gap left."""
    known = {form.dossier_id for form in ground.load.papers.forms}
    plain = [one.id for one in ground.load.handed if one.way == "plain" and one.id not in known][-FORMS:]
    body = json.dumps({"officer": OFFICER, "signer": SIGNER}).encode()
    senders = [
        _sender(ground, f"/v1/dossiers/{id}/forms/01", body, idempotency_key=f"form-{what.number}") for id in plain
    ]

    async def send() -> Reply:
        replies = await asyncio.gather(*(one() for one in senders))
        return max(replies, key=lambda reply: reply.status)

    await _cut(ground, what, send)
    for id, sender in zip(plain, senders, strict=True):
        form = await _repeated(sender)
        ground.load.papers.forms.append(IssuedForm(form["form_id"], id, form["number"], form["sha256"]))
    return f"{len(plain)} receipts, each once"


async def old_book(ground: Ground, what: Disturbance) -> str:
    """Nhập hồ sơ cũ: the number in the book is the key."""
    lines = [_old_line(f"{what.number}-{n}/2025", n) for n in range(OLD_ONES)]
    send = _sender(ground, "/v1/dossiers/old", _ndjson(lines), content_type=NDJSON)
    done = await _cut(ground, what, send)
    again = await _repeated(send)
    if again["unchanged"] != OLD_ONES or done["refused"]:
        raise Wrong(f"an old book sent again: { ({k: v for k, v in again.items() if k != 'items'}) }")
    ids = {one["dossier_id"] for one in again["items"]}
    if len(ids) != OLD_ONES or ids != {one["dossier_id"] for one in done["items"]}:
        raise Wrong(f"{OLD_ONES} lines of an old book became {len(ids)} dossiers")
    ground.load.old |= ids
    return f"{OLD_ONES} old dossiers, {done['unchanged']} of them before the kill"


IMPORTS: Mapping[str, Callable[[Ground, Disturbance], Awaitable[str]]] = {
    "many at once": many_at_once,
    "procedures": procedures,
    "directory": directory,
    "forms": forms,
    "old book": old_book,
}


async def _cut(ground: Ground, what: Disturbance, send: Send, look: Callable[[], Awaitable[None]] | None = None) -> Any:
    """Sent, killed somewhere in the middle, looked at, and sent again until it is answered: the answer."""
    chance = random.Random(f"{ground.seed} {what}")  # noqa: S311 - a moment, no secret
    sending = asyncio.create_task(send())
    await asyncio.sleep(chance.uniform(0.0, KILLED_WITHIN_SECONDS))
    await killed_and_back(ground, "intake")
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    if look is not None:
        await look()
    return await _repeated(send)


async def _repeated(send: Send) -> Any:
    """The answer, asked for until there is one. Raises Refused, TimeoutError."""
    async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
        while True:
            with suppress(*NO_ANSWER):
                reply = await send()
                if reply.status < 400:
                    return json.loads(reply.body)
                if reply.status < 500 and reply.status != 429:
                    raise Refused(reply.status, json.loads(reply.body or b"{}"))
            await asyncio.sleep(AGAIN_SECONDS)


def _sender(ground: Ground, path: str, body: bytes, **headers: str) -> Send:
    return lambda: ground.door.ask("intake", "POST", path, body, **headers)


async def _note(found: list[int], count: Awaitable[int]) -> None:
    found.append(await count)


async def _counted(ground: Ground, codes: Iterable[str]) -> int:
    """How many of these procedures are published."""

    async def is_there(code: str) -> bool:
        reply = await _asked(ground, f"/v1/procedures/{code}")
        return reply.status == 200

    return sum([await is_there(code) for code in codes])


async def _offices(ground: Ground, prefix: str) -> int:
    """How many offices of one import are in force."""
    cursor, found = "", list[str]()
    while True:
        page = json.loads((await _asked(ground, f"/v1/units?limit=200{cursor}")).body)
        found += [one["code"] for one in page["items"] if one["code"].startswith(f"{prefix}.")]
        if page["next_cursor"] is None:
            return len(found)
        cursor = f"&cursor={page['next_cursor']}"


async def _once_in_the_list(ground: Ground, seen: Mapping[str, Any], state: str) -> None:
    listed = json.loads((await _asked(ground, "/v1/directory/imports?limit=200")).body)["items"]
    states = [one["state"] for one in listed if one["sha256"] == seen["sha256"]]
    if states != [state]:
        raise Wrong(f"one file became imports {states} instead of one that is {state}")


async def _asked(ground: Ground, path: str) -> Reply:
    """Asked until somebody answers."""
    async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
        while True:
            with suppress(*NO_ANSWER):
                reply = await ground.door.ask("intake", "GET", path)
                if reply.status < 500 and reply.status != 429:
                    return reply
            await asyncio.sleep(AGAIN_SECONDS)


def _old_line(number: str, turn: int) -> dict[str, Any]:
    """A dossier of an old book; every third has no result yet."""
    finished = {} if turn % 3 == 0 else {"finished_at": "2025-02-11", "result": "approved"}
    return {
        "number": number,
        "desk_code": "H26.15.01",
        "procedure_code": "1.004222",
        "received_at": "2025-02-03",
        "due_at": "2025-02-12",
        "applicant": {"kind": "citizen", "full_name": "Lò Thị Mẫu", "personal_id": f"0110900{turn:05d}"},
        "phone": "0912 000 111",
        **finished,
    }


def _ids(done: Mapping[str, Any]) -> list[str]:
    return [one["dossier_id"] for one in done["results"]]


def _found(counts: list[int]) -> str:
    return "all there" if counts and counts[-1] else "none there"


def _ndjson(lines: Iterable[Any]) -> bytes:
    return "\n".join(json.dumps(line) for line in lines).encode()
