"""The hub as its users see it: desks and officers over HTTP, agencies and the gateway by the sandbox's ledger."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from hub_local import dossiers
from hub_local.dossiers import Offer
from hub_local.front_door import FrontDoor
from hub_local.proof import Witness, words_of
from hub_local.stack import Stack
from hub_messaging.clock import POLL_SECONDS, VIETNAM, set_business_time
from hub_web.tokens import ALL, SCOPES, Issuer
from tests.waiting import until

OFFICER = "CB-001"
DESK = "H26.15.01"
THREE_DAYS = "1.004194"
"""A police procedure of 3 working days without cases: the usual dossier of these tests."""
BIRTH = "1.001193"
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=VIETNAM)

_people = count(1)


class Hub:
    """One test's view of a running stack."""

    def __init__(self, stack: Stack, door: FrontDoor, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.layout = stack.layout
        self.door = door
        self.http = http
        """For what the door does not do: look at statuses and headers as they come."""
        self.witness = Witness(stack.layout, stack.keys.passwords, door)
        self._procedures: dict[str, Any] = {}
        self._desks: dict[str, Any] = {}

    async def moved_to(self, moment: datetime) -> None:
        """Moves business time and waits until every process has noticed."""
        set_business_time(self.layout.clock_file, moment)
        await asyncio.sleep(POLL_SECONDS * 1.5)

    async def killed(self, process: str) -> None:
        """SIGKILL; returns when its successor is ready."""
        old = self.stack.kill(process)

        async def pid() -> int | None:
            return self.stack.pid(process)

        await until(pid, lambda new: new not in (None, old), f"{process} is started again")
        await self.stack.ready(process)

    async def everybody_is_honest(self) -> None:
        """The other side behaves as at its start."""
        (await self.http.delete(self.layout.url("sandbox") + "/behaviours")).raise_for_status()

    def token(self, area: Iterable[str] | None = None, scopes: Iterable[str] = SCOPES) -> dict[str, str]:
        """Headers with a token of the built-in issuer; without `area` for everywhere."""
        token = Issuer(self.stack.keys.issuer).issue("tests", "officer", scopes, area or ALL, hours=1)
        return {"authorization": f"Bearer {token}"}

    # Desks and officers

    async def body(
        self, procedure: str = THREE_DAYS, *, desk: str = DESK, channel: str = "counter", case: str | None = None
    ) -> dict[str, Any]:
        """A complete submission of a new invented person, without an acceptance."""
        if procedure not in self._procedures:
            self._procedures[procedure] = await self.door.get("intake", f"/v1/procedures/{procedure}")
        if not self._desks:
            self._desks = {found["code"]: found for found in (await self.door.get("intake", "/v1/desks"))["items"]}
        offer = Offer(self._procedures[procedure], channel, case, "")
        return dossiers.submission(next(_people), offer, self._desks[desk])

    async def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Any:
        """A POST to intake, repeated under its key until there is an answer. Raises Refused."""
        return await self.door.post("intake", path, json.dumps(body).encode(), key or str(uuid4()))

    async def accepted(self, procedure: str = THREE_DAYS, **wishes: Any) -> Any:
        """A dossier that an officer accepts at the counter at once; the receipt."""
        body = await self.body(procedure, **wishes)
        return await self.post("/v1/dossiers", {**body, "acceptance": {"officer": OFFICER}})

    async def decide(self, dossier_id: str, action: str, **said: Any) -> Any:
        """An officer's decision about a dossier."""
        return await self.post(f"/v1/dossiers/{dossier_id}/{action}", {"officer": OFFICER, **said})

    # The directory

    async def published(self, kind: str, sheet: str) -> None:
        """One person uploads, another one approves."""

        async def sent(subject: str, path: str, content: str = "") -> Any:
            token = Issuer(self.stack.keys.issuer).issue(subject, "officer", SCOPES, ALL, hours=1)
            headers = {"authorization": f"Bearer {token}", "idempotency-key": str(uuid4())}
            answer = await self.http.post(self.layout.url("intake") + path, content=content.encode(), headers=headers)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()

        preview = await sent("an", f"/v1/directory/imports?kind={kind}", sheet)
        assert preview["errors"] == []
        await sent("binh", f"/v1/directory/imports/{preview['id']}/approve")

    # What can be seen of one dossier

    async def shown(self, dossier_id: str) -> Any:
        return await self.door.get("intake", f"/v1/dossiers/{dossier_id}")

    async def steps(self, dossier_id: str) -> list[dict[str, Any]]:
        """The timeline's steps."""
        return await self.witness.timeline(dossier_id)

    async def clock(self, dossier_id: str) -> Any:
        return await self.door.get("sla", f"/v1/deadlines/{dossier_id}")

    async def notices(self, dossier_id: str) -> dict[str, dict[str, Any]]:
        """Duties to inform, by `duty:occasion`."""
        found = await self.door.get("notify", f"/v1/notices/{dossier_id}")
        return {f"{notice['duty']}:{notice['occasion']}": notice for notice in found["notices"]}

    async def transfer(self, dossier_id: str) -> Any:
        return await self.door.get("routing", f"/v1/transfers/{dossier_id}")

    async def dead_letters(self, service: str, state: str = "dead") -> list[dict[str, Any]]:
        """Refused records of one service, at most 200, oldest first."""
        page = await self.door.get(service, f"/v1/{service}/dead-letters?state={state}&limit=200")
        found: list[dict[str, Any]] = page["items"]
        return found

    async def decide_letter(self, service: str, letter: Mapping[str, Any], decision: str) -> None:
        """`replay` or `discard`."""
        url = self.layout.url(service) + f"/v1/{service}/dead-letters/{letter['id']}/{decision}"
        (await self.http.post(url, json={"why": "by a test"}, headers=self.token())).raise_for_status()

    async def effects(self, dossier_id: str) -> Counter[str]:
        """What reached the other side, e.g. `handover lead` and `sms accepted`; a duplicate shows as 2."""
        found = (await self.door.sandbox(f"/ledger/effects?dossier_id={dossier_id}"))["effects"]
        return Counter(f"{effect['kind']} {effect['duty']}" for effect in found)

    async def texts(self, dossier_id: str) -> dict[str, str]:
        """SMS texts by duty."""
        found = (await self.door.sandbox(f"/ledger/texts?dossier_id={dossier_id}"))["texts"]
        return {text["duty"]: text["text"] for text in found}

    async def reached(self, dossier_id: str, *words: str, within: float = 60.0) -> Counter[str]:
        """Waits until the timeline tells every one of `words` (see `words_of`); all its words."""

        async def look() -> Counter[str]:
            return words_of(await self.steps(dossier_id))

        return await until(look, lambda seen: not set(words) - set(seen), f"{dossier_id} tells {words}", within=within)


@asynccontextmanager
async def visiting(stack: Stack) -> AsyncIterator[Hub]:
    """The hub on `stack`, for one test."""
    async with FrontDoor(stack.layout, stack.keys) as door, httpx.AsyncClient(trust_env=False) as http:
        yield Hub(stack, door, http)


@asynccontextmanager
async def on_monday(stack: Stack) -> AsyncIterator[Hub]:
    """The hub on Monday 02/03/2026 08:00, every agency and the gateway honest and quick."""
    async with visiting(stack) as hub:
        await hub.everybody_is_honest()
        await hub.moved_to(MORNING)
        yield hub
