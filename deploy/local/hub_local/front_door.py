"""Cửa trước: the hub and its sandbox as demo and bench see them: over HTTP, with a token of the built-in issuer."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from hub_local.keys import Keys
from hub_local.layout import Layout
from hub_sandbox.client import Client
from hub_web.tokens import ALL, SCOPES, Issuer


class Refused(Exception):
    """The hub answered with a problem."""

    def __init__(self, status: int, problem: Any) -> None:
        self.status = status
        self.slug = problem.get("slug", "") if isinstance(problem, dict) else ""
        super().__init__(f"{status} {self.slug or problem}")


class Reply(NamedTuple):
    """What came back for one request, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def content(self) -> Any:
        """The JSON that it says. Raises Refused."""
        return _content(self.status, self.body)


class FrontDoor:
    """A desk's system with all scopes. A request that gets no answer is sent again under the same key."""

    def __init__(self, layout: Layout, keys: Keys, connections: int = 64) -> None:
        self._layout = layout
        self._issuer = Issuer(keys.issuer)
        self._headers = {"authorization": self.bearer("local-desk-system"), "content-type": "application/json"}
        self._client = Client(connections)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        await self._session.close()

    def bearer(self, subject: str, area: Iterable[str] | None = None) -> str:
        """The credential of another caller with all scopes; `area` None: everywhere."""
        token = self._issuer.issue(subject, "system", SCOPES, ALL if area is None else list(area), hours=24)
        return f"Bearer {token}"

    async def get(self, service: str, path: str) -> Any:
        """The JSON that `path` of `service` answers. Raises Refused."""
        async with self._session.get(self._layout.url(service) + path, headers=self._headers) as answer:
            return await _json(answer)

    async def catalogue(self) -> list[dict[str, Any]]:
        """Every published procedure in full."""
        listed = (await self.get("intake", "/v1/procedures"))["items"]
        return [await self.get("intake", f"/v1/procedures/{line['code']}") for line in listed]

    async def desks(self) -> list[dict[str, Any]]:
        """Every desk."""
        return list((await self.get("intake", "/v1/desks"))["items"])

    async def ask(self, service: str, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """One request of any kind, once. Raises aiohttp.ClientError, OSError, TimeoutError when nothing comes back."""
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = self._layout.url(service) + path
        async with self._session.request(method, url, data=body or None, headers=sent) as answer:
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, told, await answer.read())

    async def cut_short(self, service: str, method: str, path: str, body: bytes, after: int, **headers: str) -> None:
        """A request whose line breaks after so many bytes of its body. Raises OSError when nobody listens."""
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        head = [f"{method} {path} HTTP/1.1", "host: hub", f"content-length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in sent.items()]
        _, writer = await asyncio.open_connection("127.0.0.1", self._layout.port(service))
        try:
            writer.write("\r\n".join([*head, "", ""]).encode() + body[:after])
            await writer.drain()
            await asyncio.sleep(0.05)
        finally:
            writer.transport.abort()

    async def post(
        self, service: str, path: str, body: bytes, key: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Any:
        """Sends until there is an answer, for a minute at most: that is what the key is for. Raises Refused."""
        url, headers = self._layout.url(service) + path, {**self._headers, "idempotency-key": key, **headers}
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await self._client.post(url, headers, body)
                    if answer.status < 500 and answer.status != 429:
                        return _content(answer.status, answer.body)
                except OSError:
                    pass
                await asyncio.sleep(0.2)

    async def put_behaviour(self, party: str, behaviour: dict[str, Any]) -> None:
        """Tells one party of the sandbox how to behave."""
        async with self._session.put(self._layout.url("sandbox") + f"/behaviours/{party}", json=behaviour) as answer:
            await _json(answer)

    async def release(self, agency: str) -> None:
        """Lets an agency say what it kept back."""
        address = self._layout.url("sandbox") + f"/agencies/{agency}/callbacks/release"
        async with self._session.post(address) as answer:
            await _json(answer)

    async def sandbox(self, path: str) -> Any:
        """What the sandbox answers, its ledger above all."""
        async with self._session.get(self._layout.url("sandbox") + path) as answer:
            return await _json(answer)

    async def effects(self) -> list[dict[str, Any]]:
        """Every effect in the sandbox's ledger."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.sandbox(f"/ledger/effects?after={len(found)}&limit=10000")
            found += page["effects"]
            if len(page["effects"]) < 10000:
                return found


async def _json(answer: aiohttp.ClientResponse) -> Any:
    return _content(answer.status, await answer.read())


def _content(status: int, body: bytes) -> Any:
    content = json.loads(body) if body else None
    if status >= 400:
        raise Refused(status, content)
    return content
