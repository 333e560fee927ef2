"""What agencies say back: signed, in the order of a plan, again and again until it is taken.

A plan is what one hand-over leads to. Its callbacks go one after the other; each is final when routing took it (2xx)
or refused it (401, 409, 422 and other 4xx). Anything else (5xx, 408, 425, 429, no answer) is tried again, and for a
while 404 too: an agency may answer before routing has committed that it handed the dossier over.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Final

import orjson
import structlog

from hub_messaging.clock import Clock
from hub_sandbox.client import Client
from hub_sandbox.entries import Callback
from hub_sandbox.ledger import Ledger
from hub_web.signatures import sign

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
GIVE_UP_SECONDS: Final = 3_600.0
UNKNOWN_SECONDS: Final = 30.0
"""So long a dossier may be unknown to routing before that is taken as its word."""
AGAIN: Final = frozenset({408, 425, 429})
ON_COMMAND: Final = None

_log = structlog.get_logger("hub_sandbox")


class Callbacks:
    """Sends the callbacks of all agencies. `secret_of(agency)` is the secret to sign with."""

    def __init__(self, ledger: Ledger, clock: Clock, secret_of: Callable[[str], str | None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._secret_of = secret_of
        self._plans: dict[str, asyncio.Task[None]] = {}
        self._released: dict[str, asyncio.Event] = {}
        self._client = Client()

    async def start(self) -> None:
        """Takes up again what a former process had still to say."""
        unfinished: dict[str, list[Callback]] = {}
        for callback in self._ledger.callbacks.values():
            if callback.outcome == "waiting":
                unfinished.setdefault(callback.plan, []).append(callback)
        for callbacks in unfinished.values():
            self._begin(callbacks)

    async def stop(self) -> None:
        """Ends all sending; with a journal, the next process goes on."""
        await self.forget()
        self._client.close()

    async def forget(self) -> None:
        """Drops every plan."""
        running = list(self._plans.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._plans.clear()
        self._released.clear()

    def plan(self, callbacks: list[Callback]) -> None:
        """Records `callbacks` (of one plan, in order) and sends them when they are due."""
        if callbacks:
            self._ledger.plan(callbacks)
            self._begin(callbacks)

    async def release(self, party: str, dossier_id: str | None = None) -> int:
        """Lets an agency say what waits for a command (about one dossier), by this process or the next one.

        Returns how many plans were released.
        """
        held = [
            callback
            for callback in self._ledger.callbacks.values()
            if callback.party == party
            and callback.due_at is ON_COMMAND
            and callback.outcome == "waiting"
            and callback.plan in self._released
            and dossier_id in {None, callback.dossier_id}
        ]
        for callback in held:
            callback.due_at = time.time()
            self._ledger.changed(callback)
            self._released[callback.plan].set()
        await self._ledger.written()
        return len({callback.plan for callback in held})

    def has_said(self, party: str, dossier_id: str, type: str) -> bool:
        """Whether an agency has begun to say such a thing about the dossier."""
        return any(
            callback.attempts > 0
            for callback in self._ledger.callbacks.values()
            if (callback.party, callback.dossier_id, callback.type) == (party, dossier_id, type)
        )

    def drop(self, party: str, dossier_id: str) -> None:
        """An agency has stopped: what it had still to say about the dossier is not said."""
        for callback in self._ledger.callbacks.values():
            mine = (callback.party, callback.dossier_id) == (party, dossier_id)
            if mine and callback.outcome == "waiting":
                callback.outcome = "given_up"
                self._ledger.changed(callback)
                if (task := self._plans.get(callback.plan)) is not None:
                    task.cancel()

    def _begin(self, callbacks: Sequence[Callback]) -> None:
        plan = callbacks[0].plan
        if any(callback.due_at is ON_COMMAND for callback in callbacks):
            self._released[plan] = asyncio.Event()
        task = asyncio.create_task(self._say(callbacks))
        self._plans[plan] = task
        task.add_done_callback(lambda done: self._ended(plan, done))

    def _ended(self, plan: str, task: asyncio.Task[None]) -> None:
        self._plans.pop(plan, None)
        self._released.pop(plan, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("plan_failed", plan=plan, error=type(error).__name__)

    async def _say(self, callbacks: Sequence[Callback]) -> None:
        for callback in callbacks:
            if callback.due_at is ON_COMMAND:
                await self._released[callback.plan].wait()
            else:
                await asyncio.sleep(callback.due_at - time.time())
            while callback.taken < callback.times and callback.outcome == "waiting":
                await self._until_final(callback)

    async def _until_final(self, callback: Callback) -> None:
        if callback.at is None:
            callback.at = self._clock.now().astimezone(UTC).isoformat()
            self._ledger.changed(callback)
            await self._ledger.written()
        body = orjson.dumps({**callback.members, "at": callback.at})
        wait, began = FIRST_WAIT, time.monotonic()
        while True:
            callback.attempts += 1
            status, asked_wait = await self._post(callback, body)
            if status is not None and 200 <= status < 300:
                callback.taken += 1
                callback.outcome = "taken" if callback.taken == callback.times else "waiting"
                break
            waited = time.monotonic() - began
            may_be_early = status == 404 and waited < UNKNOWN_SECONDS
            if status is not None and 400 <= status < 500 and status not in AGAIN and not may_be_early:
                callback.outcome = "refused"
                _log.warning("callback_refused", callback=callback.id, dossier_id=callback.dossier_id, status=status)
                break
            if waited > GIVE_UP_SECONDS:
                callback.outcome = "given_up"
                break
            await asyncio.sleep(max(asked_wait, wait * random.uniform(0.5, 1)))
            wait = min(wait * 2, LONGEST_WAIT)
        callback.status = status
        self._ledger.changed(callback)

    async def _post(self, callback: Callback, body: bytes) -> tuple[int | None, float]:
        """The status (None: no answer) and the seconds that `Retry-After` asks for, at most 30."""
        secret = self._secret_of(callback.party)
        if secret is None:
            return None, 1.0
        headers = {**sign(callback.said_as or callback.id, body, secret), "content-type": "application/json"}
        if callback.traceparent is not None:
            headers["traceparent"] = callback.traceparent
        try:
            answer = await self._client.post(callback.url, headers, body)
        except OSError:
            return None, 0.0
        asked = answer.retry_after
        return answer.status, min(float(asked), 30.0) if asked.isdecimal() else 0.0
