"""Bên kia: agencies and an SMS gateway on one port, and what sets and counts them.

| Address | |
|---|---|
| `POST /agencies/{code}/handovers` | a hand-over, signed; any agency code exists |
| `POST /agencies/{code}/cancellations`, `…/corrections` | told to stop, told what was wrong; signed |
| `POST /messages` | an SMS |
| `GET` any of these with `/{key}` | what became of a key: 200, or 404 |
| `GET /behaviours`, `PUT /behaviours/{code, sms or *}`, `DELETE /behaviours` | see `hub_sandbox.behaviour` |
| `POST /agencies/{code}/callbacks/release?dossier_id=` | lets an agency say what waits for a command |
| `GET /ledger/summary`, `GET /ledger/effects?dossier_id=&kind=&after=&limit=` | counts; effects with `first_at` |
| `GET /ledger/callbacks?dossier_id=&after=&limit=` | callbacks, following the first `after` of them |
| `GET /ledger/texts?dossier_id=` | SMS texts, if kept |
| `DELETE /ledger` | forgets all, callbacks under way too |
"""

import asyncio
import contextlib
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import TypeVar

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError
from uuid_utils import uuid7

from hub_messaging.clock import Clock
from hub_sandbox.agencies import (
    CANCELLATION,
    CORRECTION,
    HANDOVER,
    UUID_SPELLING,
    Cancellation,
    Correction,
    Handover,
    late_word,
    plan_of,
)
from hub_sandbox.behaviour import SMS, Behaviour, Behaviours, Trouble
from hub_sandbox.callbacks import Callbacks
from hub_sandbox.endpoints import Secrets
from hub_sandbox.entries import Effect
from hub_sandbox.http import Reply, Request
from hub_sandbox.journal import Journal
from hub_sandbox.ledger import KeyConflict, Ledger
from hub_sandbox.settings import SandboxSettings
from hub_sandbox.sms import MESSAGE, Message, recipient_hash
from hub_web.bodies import validate_body
from hub_web.problems import (
    CREDENTIAL_INVALID,
    IDEMPOTENCY_KEY_MISSING,
    IDEMPOTENCY_KEY_REUSED,
    INTERNAL,
    INVALID_REQUEST,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    SIGNATURE_INVALID,
    Problem,
    problem_type,
)
from hub_web.signatures import SignatureRefused, verify

BEHAVIOUR = TypeAdapter(Behaviour)
LONGEST_PAGE = 10_000
HOLD_SECONDS = 600.0

T = TypeVar("T")
L = TypeVar("L", Handover, Cancellation, Correction)

DOWN = problem_type("sandbox-down", 503, "Cơ quan tạm thời không phục vụ", fault="agency")
_REFUSED_BY_ORDER = {
    status: problem_type(f"sandbox-refuses-{status}", status, "Cơ quan từ chối", fault="agency")
    for status in range(400, 500)
}
_UUID = re.compile(UUID_SPELLING)
_AGENCY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,34}")

_log = structlog.get_logger("hub_sandbox")


class Sandbox:
    """The application. `start` before it serves, `stop` after."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._journal = Journal(settings.ledger_file)
        self._ledger = Ledger(self._journal)
        self._behaviours = Behaviours(Behaviour(steps=settings.steps))
        self._secrets = Secrets(settings.secrets_file)
        self._callbacks = Callbacks(self._ledger, Clock(settings.clock_file), self._secrets.first_of)
        self._texts: list[dict[str, str]] = []
        self._calls = {
            "handovers": self._take_handover,
            "cancellations": self._take_cancellation,
            "corrections": self._take_correction,
        }

    async def start(self) -> None:
        await self._callbacks.start()

    async def stop(self) -> None:
        await self._callbacks.stop()
        self._journal.close()

    async def __call__(self, request: Request, reply: Reply) -> None:
        try:
            await self._serve(request, reply)
        except Problem as problem:
            reply.send(problem.kind.status, problem.body(), MEDIA_TYPE, problem.headers.items())
        except Exception as error:
            # One clear answer instead of a traceback, which would print the body's parts.
            _log.error("sandbox_failed", error=type(error).__name__)
            reply.send(500, Problem(INTERNAL, "Bên giả lập gặp lỗi.").body(), MEDIA_TYPE)

    async def _serve(self, request: Request, reply: Reply) -> None:
        match request.method, *request.path:
            case "POST", "agencies", agency, call if call in self._calls and _AGENCY.fullmatch(agency):
                await self._taken_by(agency, reply, lambda: self._calls[call](agency, request))
            case "POST", "messages":
                await self._taken_by(SMS, reply, lambda: self._take_message(request))
            case "GET", "agencies", agency, call, key if call in self._calls:
                self._signed(agency, request)
                reply.send(200, _answer(self._known(agency, key)))
            case "GET", "messages", key:
                self._with_token(request)
                reply.send_json({"message_id": self._known(SMS, key).answer})
            case "POST", "agencies", agency, "callbacks", "release":
                released = await self._callbacks.release(agency, request.query.get("dossier_id"))
                reply.send_json({"released": released})
            case "PUT", "behaviours", party:
                self._behaviours.set(party, validate_body(BEHAVIOUR, request.body))
                reply.send(204)
            case "GET", "behaviours":
                set_ones = self._behaviours.all().items()
                reply.send_json({party: behaviour.model_dump() for party, behaviour in set_ones})
            case "DELETE", "behaviours":
                self._behaviours.reset()
                reply.send(204)
            case method, "ledger", *rest:
                await self._serve_ledger(method, rest, request.query, reply)
            case _:
                raise Problem(NOT_FOUND, "Bên giả lập không có địa chỉ này.")

    async def _serve_ledger(self, method: str, rest: list[str], query: dict[str, str], reply: Reply) -> None:
        dossier_id = query.get("dossier_id")
        match method, *rest:
            case "GET", "summary":
                reply.send_json(self._ledger.summary())
            case "GET", "effects":
                after, limit = _page(query, 1_000)
                found = self._ledger.find(dossier_id=dossier_id, kind=query.get("kind"), after=after, limit=limit)
                reply.send_json({"effects": found, "after": found[-1].number if found else after})
            case "GET", "callbacks":
                after, limit = _page(query, LONGEST_PAGE)
                every = self._ledger.callbacks.values()
                chosen = [callback for callback in every if dossier_id in {None, callback.dossier_id}]
                reply.send_json({"callbacks": chosen[after : after + limit]})
            case "GET", "texts":
                reply.send_json({"texts": [t for t in self._texts if dossier_id in {None, t["dossier_id"]}]})
            case ("DELETE",):
                await self._callbacks.forget()
                self._ledger.clear()
                self._texts.clear()
                reply.send(204)
            case _:
                raise Problem(NOT_FOUND, "Sổ cái không có địa chỉ này.")

    async def _taken_by(self, party: str, reply: Reply, take: Callable[[], bytes]) -> None:
        """The party's way with a request: its trouble, its pace, the effect, and the answer when it is safe."""
        behaviour = self._behaviours.of(party)
        trouble = self._behaviours.trouble(party)
        if trouble is not None:
            await _meet(trouble, reply)
            return
        await asyncio.sleep(behaviour.answer_seconds)
        answer = take()
        await self._ledger.written()
        if behaviour.cut_after_effect:
            reply.cut()
            return
        if behaviour.late_answer_seconds:
            await asyncio.sleep(behaviour.late_answer_seconds)
        reply.send(200, answer)

    def _opened(self, agency: str, request: Request, adapter: TypeAdapter[L]) -> tuple[L, str, str, Effect | None]:
        """What the hub sends: its content, key and hash, and the effect that it had when it came before."""
        key = _key(request)
        signed_id = self._signed(agency, request)
        told = _read(adapter, request.body)
        self._check(agency, key, signed_id, told.agency_code, told.callback_url)
        body_hash = _hash(request.body)
        return told, key, body_hash, self._seen(agency, key, body_hash)

    def _take_handover(self, agency: str, request: Request) -> bytes:
        handover, key, body_hash, effect = self._opened(agency, request, HANDOVER)
        if effect is None:
            effect = self._ledger.take(
                "handover" if handover.kind == "dossier" else "supplement",
                agency,
                key,
                handover.dossier_id,
                handover.duty(),
                body_hash=body_hash,
                answer=f"{agency}/{len(self._ledger.effects) + 1:06d}",
            )
            behaviour, traceparent = self._behaviours.of(agency), request.headers.get("traceparent")
            self._callbacks.plan(plan_of(effect, handover, behaviour, traceparent))
        return _answer(effect)

    def _take_cancellation(self, agency: str, request: Request) -> bytes:
        behaviour = self._behaviours.of(agency)
        if behaviour.cancellation == "refuses":
            raise Problem(NOT_FOUND, "Cơ quan không nhận yêu cầu dừng giải quyết.")
        told, key, body_hash, effect = self._opened(agency, request, CANCELLATION)
        if effect is None:
            answer = (
                self._standing(agency, told) if behaviour.cancellation == "as_it_stands" else behaviour.cancellation
            )
            effect = self._ledger.take(
                "cancellation", agency, key, told.dossier_id, told.leg, body_hash=body_hash, answer=answer
            )
            if answer in ("stopped", "later"):
                self._callbacks.drop(agency, told.dossier_id)
            if answer == "later":
                self._callbacks.plan([late_word(effect, told, behaviour, request.headers.get("traceparent"))])
        return _answer(effect)

    def _take_correction(self, agency: str, request: Request) -> bytes:
        told, key, body_hash, effect = self._opened(agency, request, CORRECTION)
        if effect is None:
            duty = f"{told.leg}:correction:{told.correction}"
            effect = self._ledger.take("correction", agency, key, told.dossier_id, duty, body_hash=body_hash, answer="")
        return _answer(effect)

    def _standing(self, agency: str, told: Cancellation) -> str:
        """What an honest agency answers who is told to stop."""
        if not self._ledger.has("handover", agency, told.dossier_id):
            return "unknown"
        said = self._callbacks.has_said(agency, told.dossier_id, "completed")
        return "decided" if said else "stopped"

    def _take_message(self, request: Request) -> bytes:
        key = _key(request)
        self._with_token(request)
        message = _read(MESSAGE, request.body)
        body_hash = _hash(request.body)
        effect = self._seen(SMS, key, body_hash)
        if effect is None:
            dossier_id, duty = message.about()
            effect = self._ledger.take(
                "sms",
                SMS,
                key,
                dossier_id,
                duty,
                body_hash=body_hash,
                answer=str(uuid7()),
                recipient=recipient_hash(message.to, self._settings.sms_token),
            )
            self._keep_text(effect, message)
        return orjson.dumps({"message_id": effect.answer})

    def _signed(self, agency: str, request: Request) -> str:
        try:
            return verify(request.headers, request.body, self._secrets.of(agency))
        except SignatureRefused as refusal:
            raise Problem(SIGNATURE_INVALID, f"Chữ ký: {refusal.reason}.") from None

    def _with_token(self, request: Request) -> None:
        expected = f"Bearer {self._settings.sms_token}".encode()
        if not hmac.compare_digest(request.headers.get("authorization", "").encode("latin-1"), expected):
            raise Problem(CREDENTIAL_INVALID, "Mã truy cập của cổng tin nhắn không đúng.")

    def _known(self, party: str, key: str) -> Effect:
        """What this key led to, for who asks. Raises Problem `not-found`; `method-not-allowed`: it can't be asked."""
        if not self._behaviours.of(party).status_query:
            raise Problem(METHOD_NOT_ALLOWED, "Không trả lời về từng khóa.")
        effect = self._ledger.of_key(party, key)
        if effect is None:
            raise Problem(NOT_FOUND, "Chưa nhận yêu cầu nào với khóa này.")
        return effect

    def _seen(self, party: str, key: str, body_hash: str) -> Effect | None:
        if not self._behaviours.of(party).honours_key:
            return None
        try:
            return self._ledger.seen(party, key, body_hash)
        except KeyConflict:
            raise Problem(IDEMPOTENCY_KEY_REUSED, "Khóa này đã đi cùng một nội dung khác.") from None

    def _check(self, agency: str, key: str, signed_id: str, agency_code: str, callback_url: str) -> None:
        base = self._settings.routing_url
        if signed_id != key:
            raise Problem(INVALID_REQUEST, "webhook-id và Idempotency-Key phải là một.")
        if agency_code != agency:
            raise Problem(INVALID_REQUEST, "agency_code không phải cơ quan nhận.")
        if base is not None and not callback_url.startswith(base.rstrip("/") + "/"):
            raise Problem(INVALID_REQUEST, "callback_url không thuộc hệ thống đã biết.")

    def _keep_text(self, effect: Effect, message: Message) -> None:
        if self._settings.keep_texts:
            kept = {"dossier_id": effect.dossier_id, "duty": effect.duty, "to": message.to, "text": message.text}
            self._texts.append(kept)


def _answer(effect: Effect) -> bytes:
    """What an agency says of a key, at once and whenever it is asked."""
    if effect.kind == "cancellation":
        return orjson.dumps({"outcome": effect.answer} if effect.answer not in ("later", "silent") else {})
    return orjson.dumps({} if effect.kind == "correction" else {"foreign_number": effect.answer})


async def _meet(trouble: Trouble, reply: Reply) -> None:
    if trouble.connection == "hold":
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                await reply.abandoned()
    if trouble.connection is not None:
        reply.cut()
    elif trouble.status == DOWN.status:
        raise Problem(DOWN, "Theo lệnh đặt cho bên giả lập.")
    else:
        assert trouble.status is not None
        raise Problem(_REFUSED_BY_ORDER[trouble.status], "Theo lệnh đặt cho bên giả lập.")


def _read(adapter: TypeAdapter[T], body: bytes) -> T:
    """Raises Problem, which says what is wrong."""
    try:
        return adapter.validate_json(body)
    except ValidationError:
        return validate_body(adapter, body)


def _key(request: Request) -> str:
    """The Idempotency-Key, which is a work row's UUID in its usual spelling."""
    key = request.headers.get("idempotency-key", "")
    if _UUID.fullmatch(key):
        return key
    raise Problem(IDEMPOTENCY_KEY_MISSING, "Idempotency-Key phải là một UUID.")


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _page(query: dict[str, str], usual: int) -> tuple[int, int]:
    """What a page comes after, and how much it holds."""
    return _whole(query, "after", 0), min(_whole(query, "limit", usual), LONGEST_PAGE)


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text):
        raise Problem(INVALID_REQUEST, f"{name} phải là số nguyên không âm.")
    return int(text)
