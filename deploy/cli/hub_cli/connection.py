"""Kết nối: how operators' commands reach the hub: its addresses and a token.

| Setting       | Default                               | Meaning                                                     |
|---------------|---------------------------------------|-------------------------------------------------------------|
| HUB_URL       | the local stack's ports               | one address for all services (paths don't overlap)          |
| HUB_TOKEN     | issued with the local stack's key     | bearer token with the scopes that the command needs         |
| HUB_FOLDER    | `.hub`                                | the local stack's folder                                    |
| HUB_PORT_BASE | 18000                                 | its ports: intake +1, routing +2, notify +3, sla +4         |
"""

import os
from collections.abc import Mapping
from typing import Any

import httpx

from hub_cli.services import SERVICES, give_up, issuer_key
from hub_web.tokens import ALL, Issuer

TIMEOUT_SECONDS = 20.0
SCOPES = ("operations", "dossiers:read", "dossiers:import", "reference:edit", "reference:approve")


class Connection:
    """Asks the services; what they refuse ends the command with their words and exit code 1."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._headers = {"authorization": f"Bearer {self._token()}"}

    def get(self, service: str, path: str, **query: str | int) -> Any:
        return self._ask("GET", service, path, params=query)

    def post(self, service: str, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", service, path, json=body)

    def send(self, service: str, path: str, content: bytes, media_type: str) -> Any:
        """Posts a file's bytes."""
        return self._ask("POST", service, path, content=content, headers={"content-type": media_type})

    def _ask(self, method: str, service: str, path: str, **request: Any) -> Any:
        address = self._address(service)
        try:
            headers = {**self._headers, **request.pop("headers", {})}
            answer = self._client.request(method, address + path, headers=headers, **request)
        except httpx.HTTPError as error:
            give_up(f"{service} does not answer at {address} ({type(error).__name__}); `hub status` shows what runs")
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            problem = answer.json()
            words = " ".join(str(problem[part]) for part in ("title", "detail", "next_step") if problem.get(part))
        except ValueError:
            words = ""
        give_up(f"{service} answered {answer.status_code}: {words or 'no reason given'}")

    def _address(self, service: str) -> str:
        if url := self._environment.get("HUB_URL"):
            return url.rstrip("/")
        base = self._environment.get("HUB_PORT_BASE", "18000")
        if not base.isdigit():
            give_up(f"HUB_PORT_BASE={base!r}: expected a whole number")
        return f"http://127.0.0.1:{int(base) + 1 + SERVICES.index(service)}"

    def _token(self) -> str:
        if token := self._environment.get("HUB_TOKEN"):
            return token
        try:
            return Issuer(issuer_key(self._environment)).issue("hub-cli", "operator", SCOPES, ALL, hours=1)
        except (OSError, ValueError):
            give_up("no token: set HUB_TOKEN, or HUB_FOLDER to the folder of a local stack that has been started")
