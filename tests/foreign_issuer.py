"""A foreign issuer of tokens (OIDC) on a real socket, honest or misbehaving on command."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from tests.web.test_tokens import claims

NAME = "https://sso.example.vn/realms/hub"
WELL_KNOWN = "/realms/hub/.well-known/openid-configuration"
ALGORITHM = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}


@dataclass
class ForeignIssuer:
    """Its discovery document and its keys; `misbehave` answers in place of both."""

    key: Key = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"}))
    others: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    misbehave: Callable[[], Awaitable[web.StreamResponse]] | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0
    runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def die(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    def turn(self, key: Key) -> None:
        self.key = key

    def token(self, **changes: object) -> str:
        algorithm = ALGORITHM[str(self.key.as_dict()["kty"])]
        header = {"alg": algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims(**{"iss": NAME, **changes}), self.key, algorithms=[algorithm])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.misbehave is not None:
            return await self.misbehave()
        if request.path == WELL_KNOWN:
            return web.json_response({"issuer": NAME, "jwks_uri": f"{self.url}/keys", **self.about})
        return web.json_response({"keys": [*self.others, self.key.as_dict(private=False)]}, headers=self.headers)
