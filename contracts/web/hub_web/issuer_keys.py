"""Khóa của nơi cấp mã truy cập: the keys of a foreign issuer (OIDC), fetched from its address and kept fresh beside the
requests. No request ever waits for the issuer longer than a moment, and no start at all.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import structlog
from joserfc.jwk import Key

from hub_web.keys import keys_in

if TYPE_CHECKING:
    from hub_web.client import Client

DISCOVERY = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
SHORTEST_SECONDS, USUAL_SECONDS, LONGEST_SECONDS = 60.0, 600.0, 3600.0
"""How long keys are taken as they are: what the issuer says (max-age) within bounds, and where it says nothing. A key
that the issuer takes back is good here for at most the longest."""
AGAIN_SECONDS, AGAIN_AT_MOST_SECONDS = 1.0, 60.0
"""From one failure to the next try, doubled each time."""
UNKNOWN_KEY_SECONDS = 30.0
"""Anybody may send tokens that name a key nobody knows: so often at most they make us ask."""
PATIENCE_SECONDS = 2.0
CONNECT_SECONDS, ANSWER_SECONDS, ANSWER_BYTES = 3.0, 5.0, 262_144
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)

_log = structlog.get_logger("hub_web")


class IssuerSaysNothing(Exception):
    """No keys could be had; the text says why in a few words, without any of what was answered."""


class IssuerKeys:
    """The keys at `url`: a JWKS, or the issuer's discovery document (…/.well-known/openid-configuration).

    `follow` fetches them, again and again; what was good last stays good while the issuer is away.
    """

    def __init__(self, url: str, issuer: str) -> None:
        self._url = url
        self._issuer = issuer
        self._keys: Mapping[str, Key] = {}
        self._trouble: str | None = "not asked yet"
        self._fetched_at = time.monotonic()
        self._wanted = asyncio.Event()
        self._wanted_at = -UNKNOWN_KEY_SECONDS
        self._answered = asyncio.Event()

    def now(self) -> Mapping[str, Key]:
        return self._keys

    @property
    def away(self) -> bool:
        return self._trouble is not None

    def age(self) -> float:
        """Seconds since the keys were fetched, or since the start when they never were."""
        return time.monotonic() - self._fetched_at

    async def learn(self) -> None:
        """Asks the issuer, at most once in 30 s, and waits up to 2 s for the answer to a question under way."""
        now = time.monotonic()
        if self._answered.is_set() and now - self._wanted_at >= UNKNOWN_KEY_SECONDS:
            self._wanted_at = now
            self._answered.clear()
            self._wanted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._answered.wait()

    async def follow(self, set_unready: Callable[[str | None], None]) -> None:
        """Fetches until it is cancelled. Without any keys the process isn't ready: it could let in nobody."""
        from hub_web.client import Client, ClientLimits  # aiohttp: only who asks an issuer needs it

        limits = ClientLimits(2, CONNECT_SECONDS, ANSWER_SECONDS, ANSWER_BYTES)
        again = AGAIN_SECONDS
        async with Client(limits) as client:
            while True:
                pause = await self._fetch(client)
                set_unready(None if self._keys else self._trouble)
                if pause is None:
                    pause, again = again, min(2 * again, AGAIN_AT_MOST_SECONDS)
                else:
                    again = AGAIN_SECONDS
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()

    async def _fetch(self, client: "Client") -> float | None:
        """For how long the keys are good; None: none came, and those known stay."""
        self._wanted.clear()
        self._answered.clear()
        try:
            content, pause = await self._jwks(client)
            keys = keys_in(content)
        except (IssuerSaysNothing, ValueError) as trouble:
            self._trouble = str(trouble)
            _log.warning("issuer_keys_not_fetched", trouble=self._trouble, known_keys=len(self._keys))
            return None
        finally:
            self._answered.set()
        if self._trouble is not None or not _same(keys, self._keys):
            self._keys = keys
            _log.info("issuer_keys_fetched", keys=len(keys))
        if self._trouble is not None:
            self._wanted_at = -UNKNOWN_KEY_SECONDS  # questions that nobody answered don't count
        self._trouble, self._fetched_at = None, time.monotonic()
        return pause

    async def _jwks(self, client: "Client") -> tuple[bytes, float]:
        place = self._url
        if urlsplit(place).path.endswith(DISCOVERY):
            place = self._place_of_keys((await _got(client, place))[0])
        content, headers = await _got(client, place)
        return content, _good_for(headers)

    def _place_of_keys(self, document: bytes) -> str:
        try:
            about = orjson.loads(document)
            issuer, place = about["issuer"], about["jwks_uri"]
            parts, ours = urlsplit(place), urlsplit(self._url)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise IssuerSaysNothing("no discovery document") from None
        if issuer != self._issuer:
            raise IssuerSaysNothing("the discovery document is another issuer's")
        if parts.scheme != "https" and (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
            raise IssuerSaysNothing("its jwks_uri is not https")
        return str(place)


async def _got(client: "Client", url: str) -> tuple[bytes, Mapping[str, str]]:
    from hub_web.client import CallFailed

    try:
        answer = await client.get(url, {})
    except CallFailed as failed:
        raise IssuerSaysNothing(failed.reason) from None
    if answer.status != 200:
        raise IssuerSaysNothing(f"answered {answer.status}")
    return answer.content, answer.headers


def _good_for(headers: Mapping[str, str]) -> float:
    """What Cache-Control says, within our bounds."""
    said = _MAX_AGE.search(headers.get("Cache-Control", ""))
    seconds = float(said[1]) if said else USUAL_SECONDS
    return min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)


def _same(some: Mapping[str, Key], others: Mapping[str, Key]) -> bool:
    return _written(some) == _written(others)


def _written(keys: Mapping[str, Key]) -> dict[str, object]:
    return {kid: key.as_dict(private=False) for kid, key in keys.items()}
