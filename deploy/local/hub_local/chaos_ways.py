"""Các cách đi của hồ sơ: what a desk does with a dossier besides taking it in, each act under its own key.

A walk knows what it has done, so it says what must be true of its dossier in the end. What an officer is told can't be
done (a decision exists by now, the clock was set back) ends a walk where it stands.
"""

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp

from hub_local.front_door import FrontDoor, Refused, Reply
from hub_local.proof import FACT_TOLD_LATE, LATE, TOLD_LATE, Wanted

OFFICER = "CB-001"
SIGNER = {"name": "Lê Thị Ví Dụ", "title": "Công chức tiếp nhận"}
PHONE = "0912345678"
CHUNK = 40_000
LOOK_SECONDS = 1.0
DECIDED = frozenset({"decision-exists", "wrong-state"})
"""The agency was quicker than the desk."""
SET_BACK = frozenset({"received-at-not-believable", "steps-out-of-order", "promise-before-receipt"})
"""Business time was set back since the act before: what comes next would have been done before it."""
NO_ANSWER = (aiohttp.ClientError, OSError, TimeoutError)
EARLIER_END = Counter({"clock_stopped": 1})
"""Whoever hears of the return before the result corrects the end of the clock, and says so."""
ASKED = ("sms supplement:1", "sent supplement:1")
"""That papers are wanted; not told any more once they are here."""
WHEN_STOPPED = (
    *("handover lead", "cancellation lead", "handed_over", "completed"),
    *("sms completed", "sent completed:1", "clock_stopped"),
)
"""What may be under way at an agency while its desk stops a dossier: it is told to stop, the clock learns of an earlier
end."""


class IssuedForm(NamedTuple):
    """Biểu mẫu as it was answered for."""

    id: str
    dossier_id: str
    number: str
    sha256: str


class SentFile(NamedTuple):
    """Tệp as its owner has it."""

    id: str
    dossier_id: str
    sha256: str


@dataclass
class Papers:
    """What the desks hold a receipt for besides dossiers. `left`: uploads that nobody went on with."""

    forms: list[IssuedForm] = field(default_factory=list)
    files: list[SentFile] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass
class Walk:
    """One dossier on its way through the desk."""

    door: FrontDoor
    id: str
    submission: Mapping[str, Any]
    wanted: Wanted
    papers: Papers
    chance: random.Random

    async def act(self, action: str, may_be: frozenset[str] = frozenset(), **body: Any) -> Any:
        """Sent until there is an answer. None: refused for one of the reasons `may_be`. Raises Refused for others."""
        path, key = f"/v1/dossiers/{self.id}/{action}", str(uuid4())
        sent = {name: value for name, value in {"officer": OFFICER, **body}.items() if value is not None}
        while True:
            try:
                return await self.door.post("intake", path, json.dumps(sent).encode(), key)
            except Refused as problem:
                if problem.slug in may_be:
                    return None
                raise
            except NO_ANSWER:
                continue

    async def ask(self, method: str, path: str, service: str = "intake") -> Reply:
        """The hub's word, asked for until there is one. Raises Refused."""
        while True:
            with suppress(*NO_ANSWER):
                reply = await self.door.ask(service, method, path)
                if reply.status < 400:
                    return reply
                if reply.status < 500 and reply.status not in (408, 429):
                    raise Refused(reply.status, json.loads(reply.body or b"{}"))
            await asyncio.sleep(LOOK_SECONDS)

    async def legs_and_end(self) -> tuple[Any, Any]:
        """What routing knows: the legs, and when it was stopped. Nothing while it has not heard of the dossier."""
        try:
            told = json.loads((await self.ask("GET", f"/v1/transfers/{self.id}", "routing")).body)
        except Refused:
            return [], None
        return told["legs"], told["stopped_at"]

    async def issue(self, kind: str) -> None:
        """An official form, fetched at once; what it must stay for ever is kept."""
        form = await self.act(f"forms/{kind}", signer=SIGNER)
        self.papers.forms.append(IssuedForm(form["form_id"], self.id, form["number"], form["sha256"]))
        pdf = (await self.ask("GET", form["pdf"])).body
        if hashlib.sha256(pdf).hexdigest() != form["sha256"]:
            raise Refused(200, {"slug": "the form's bytes are not those that were answered for"})

    async def view(self) -> Any:
        """The dossier as it stands."""
        return json.loads((await self.ask("GET", f"/v1/dossiers/{self.id}")).body)


async def plain(_walk: Walk) -> None:
    """Taken in, and on its way."""


async def withdrawn_at_once(walk: Walk) -> None:
    """Rút hồ sơ before it is taken in: no agency, no clock, one notice, and the form that says so."""
    walk.wanted.only("submitted", phase="submitted")
    await walk.act("request-withdrawal")
    walk.wanted.also("withdrawal_requested", phase="withdrawal_requested")
    await walk.act("stop", reason_code="withdrawn", reason="Người nộp rút hồ sơ.")
    walk.wanted.also("stopped", "sent stopped:1", "sms stopped", phase="stopped")
    await walk.issue("05")


async def withdrawn_later(walk: Walk) -> None:
    """Rút hồ sơ while an agency works on it; where the agency was quicker, it goes on as any other."""
    if await walk.act("request-withdrawal", DECIDED) is None:
        return
    walk.wanted.also("withdrawal_requested")
    if await walk.act("stop", DECIDED, reason_code="withdrawn", reason="Người nộp rút hồ sơ.") is not None:
        stopped(walk.wanted, may=(*WHEN_STOPPED, LATE, TOLD_LATE, FACT_TOLD_LATE))


async def withdrawn_before_it_was_sent(walk: Walk) -> None:
    """Rút hồ sơ while its agency takes nothing: it never gets it, though the hand-over was ready."""
    while not (await walk.legs_and_end())[0]:
        await asyncio.sleep(LOOK_SECONDS)
    await walk.act("request-withdrawal")
    await walk.act("stop", reason_code="withdrawn", reason="Người nộp rút hồ sơ.")
    stopped(walk.wanted)
    while (await walk.legs_and_end())[1] is None:
        await asyncio.sleep(LOOK_SECONDS)


def stopped(wanted: Wanted, may: tuple[str, ...] = ()) -> None:
    """What an accepted dossier comes to that was withdrawn."""
    words = ("accepted", "routed", "clock_started", "sent accepted:1", "sms accepted")
    ends = ("withdrawal_requested", "stopped", "sent stopped:1", "sms stopped")
    wanted.only(*words, *ends, "clock_stopped", phase="stopped", may=may)


async def supplemented(walk: Walk) -> None:
    """Bổ sung giấy tờ before it is taken in: asked for once, on its form; brought, accepted."""
    missing = walk.submission["components"][0]
    walk.wanted.only("submitted", phase="submitted")
    await walk.act("request-supplement", components=[missing["code"]], reason="Bản sao bị mờ.")
    walk.wanted.also("supplement_requested", *ASKED, phase="supplement_requested")
    await walk.issue("02")
    if await walk.act("supplement", SET_BACK, components=[missing]) is None:
        return
    walk.wanted.also("supplement_received", phase="submitted")
    walk.wanted.perhaps(*ASKED)
    if await walk.act("accept", SET_BACK) is not None:
        whole = Wanted()
        walk.wanted.also(*whole.effects, *whole.words, phase="completed")


async def supplemented_later(walk: Walk) -> None:
    """Bổ sung giấy tờ while an agency works on it: the clock waits, starts from zero, and the agency gets it too."""
    missing = walk.submission["components"][0]
    wish = {"components": [missing["code"]], "reason": "Bản sao bị mờ.", "leg": "lead"}
    if await walk.act("request-supplement", DECIDED, **wish) is None:
        return
    walk.wanted.also("supplement_requested", *ASKED)
    walk.wanted.may += EARLIER_END + Counter((LATE, TOLD_LATE, FACT_TOLD_LATE, LATE, "sms late:2", "sent late:2"))
    if await walk.act("supplement", SET_BACK | DECIDED, components=[missing]) is not None:
        walk.wanted.also("supplement_received", "supplement lead:supplement:1", "handed_over")
        walk.wanted.perhaps(*ASKED)


async def contested(walk: Walk) -> None:
    """One officer takes it in while another stops it: the stop stands, whoever was first, unless it is too late."""
    walk.wanted.only("submitted", phase="submitted")
    accepted, ended = await asyncio.gather(
        walk.act("accept", DECIDED | SET_BACK),
        walk.act("stop", DECIDED, reason_code="withdrawn", reason="Người nộp rút hồ sơ."),
    )
    if ended is None:  # the agency was quicker
        whole = Wanted()
        walk.wanted.also(*whole.effects, *whole.words, phase="completed")
    elif accepted is None:
        walk.wanted.also("stopped", "sent stopped:1", "sms stopped", phase="stopped")
    else:
        stopped(walk.wanted, may=(*WHEN_STOPPED, LATE, TOLD_LATE, FACT_TOLD_LATE))
        walk.wanted.words.subtract(("withdrawal_requested",))
        walk.wanted.words.update(("submitted",))


async def paid(walk: Walk) -> None:
    """Phí, lệ phí: asked, paid, and the same payment told once more."""
    await walk.act("fees", purpose="le-phi", amount=10_000)
    walk.wanted.also("desk_step_recorded")
    for _ in range(2):
        await walk.act("fees/1/payment", reference=f"BL-{walk.id[:8]}", by="cash")
    walk.wanted.also("fee_paid")


async def on_the_spot(walk: Walk) -> None:
    """Bốn tại chỗ: nobody else hears of it."""
    walk.wanted.only("submitted", phase="submitted")
    did = {"officer": OFFICER}
    steps = {"acceptance": did, "appraised": did, "approved": did, "returned": did}
    if await walk.act("finish-on-the-spot", SET_BACK, officer=None, collected_by="applicant", **steps) is None:
        return
    walk.wanted.also("finished_on_the_spot", "clock_started", "clock_stopped", phase="returned")
    walk.wanted.also("desk_step_recorded", "desk_step_recorded")


async def corrected(walk: Walk) -> None:
    """Đính chính: another telephone."""
    await walk.act("corrections", reason="Người nộp đổi số.", contact={**walk.submission["contact"], "phone": PHONE})
    walk.wanted.also("corrected")
    walk.wanted.may += Counter(("sms accepted", "sms completed", TOLD_LATE))  # what was under way to the old number


async def returned(walk: Walk) -> None:
    """Trả kết quả, as soon as there is one."""
    while (await walk.view())["phase"] != "completed":
        await asyncio.sleep(LOOK_SECONDS)
    if await walk.act("return-result", SET_BACK, collected_by="applicant") is not None:
        walk.wanted.also("result_returned", phase="returned")
        walk.wanted.may += EARLIER_END


async def printed(walk: Walk) -> None:
    """Giấy tiếp nhận, issued and fetched."""
    await walk.issue("01")


async def with_a_file(walk: Walk) -> None:
    """Tệp in chunks, lines cut in the middle of some; every third is never finished."""
    content = b"%PDF-1.7\n" + walk.chance.randbytes(walk.chance.randrange(50_000, 200_000))
    digest = hashlib.sha256(content).hexdigest()
    component = walk.submission["components"][0]["code"]
    wish = {"component": component, "name": "giay-to.pdf", "size": len(content), "sha256": digest}
    made = await walk.door.post(
        "intake",
        f"/v1/dossiers/{walk.id}/files",
        json.dumps({**wish, "media_type": "application/pdf"}).encode(),
        f"file-{walk.id}",
    )
    is_left, offset = walk.chance.random() < 1 / 3, 0
    while offset < len(content):
        await _send_chunk(walk, made["upload_url"], content[offset : offset + CHUNK], offset)
        offset = int((await walk.ask("HEAD", made["upload_url"])).headers["upload-offset"])
        if is_left and offset:
            walk.papers.left.append(made["id"])
            return
    walk.papers.files.append(SentFile(made["id"], walk.id, digest))


async def _send_chunk(walk: Walk, path: str, chunk: bytes, offset: int) -> None:
    """Whole, or as much as goes through until the line breaks; HEAD says how much that was."""
    headers = {"upload_offset": str(offset), "content_type": "application/offset+octet-stream"}
    try:
        if walk.chance.random() < 1 / 4:
            await walk.door.cut_short("intake", "PATCH", path, chunk, walk.chance.randrange(len(chunk)), **headers)
            return
        reply = await walk.door.ask("intake", "PATCH", path, chunk, **headers)
    except NO_ANSWER:
        return
    if 400 <= reply.status < 500 and reply.status not in (408, 409, 429):
        raise Refused(reply.status, json.loads(reply.body or b"{}"))


class Way(NamedTuple):
    """`accepted`: its dossier is taken in with its submission."""

    name: str
    go: Callable[[Walk], Awaitable[None]]
    accepted: bool = True


PLAIN = Way("plain", plain)
WAYS = (
    Way("withdrawn at once", withdrawn_at_once, accepted=False),
    Way("withdrawn later", withdrawn_later),
    Way("supplemented", supplemented, accepted=False),
    Way("supplemented later", supplemented_later),
    Way("contested", contested, accepted=False),
    Way("paid", paid),
    Way("on the spot", on_the_spot, accepted=False),
    Way("corrected", corrected),
    Way("returned", returned),
    Way("printed", printed),
    Way("with a file", with_a_file),
)
KEEPS_ITS_DATE = frozenset({"plain", "paid", "corrected", "printed", "with a file"})
"""Ways on which nothing but the agency's result ends the term, and nothing moves the date."""
ROUND = tuple(way for other in WAYS for way in (PLAIN, other))
"""In turns: every second dossier goes one of the other ways."""
