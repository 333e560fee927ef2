"""Kết nối: how operators' commands reach the hub: its addresses and a token.

| Setting       | Default                               | Meaning                                                     |
|---------------|---------------------------------------|-------------------------------------------------------------|
| HUB_URL       | the local stack's ports               | one address for all services (paths don't overlap)          |
| HUB_TOKEN     | issued with the local stack's key     | bearer token with the scopes that the command needs         |
| HUB_FOLDER    | `.hub`                                | the local stack's folder                                    |
| HUB_PORT_BASE | 18000                                 | its ports: intake +1, routing +2, notify +3, sla +4         |
"""

import os
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from hub_cli.services import SERVICES, give_up, issuer_key
from hub_web.tokens import ALL, Issuer

TIMEOUT_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5
SCOPES = ("operations", "dossiers:read", "dossiers:import", "reference:edit", "reference:approve")


class Connection:
    """Asks the services; what they refuse ends the command with their words and exit code 1."""

    def __init__(self, environment: Mapping[str, str] = os.environ, subject: str = "hub-cli") -> None:
        self._environment = environment
        self._subject = subject
        self._reached = False  # a hub that never answered isn't away for a moment
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._headers = {"authorization": f"Bearer {self._token()}"}

    def get(self, service: str, path: str, **query: str | int) -> Any:
        return self._ask("GET", service, path, params=query)

    def post(self, service: str, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", service, path, json=body)

    def upload(
        self, service: str, path: str, content: bytes, media: str = "application/octet-stream", **query: str
    ) -> Any:
        """Sends `content` as it is, under a key of its own."""
        headers = {"idempotency-key": str(uuid4()), "content-type": media}
        return self._ask("POST", service, path, params=query, content=content, headers=headers)

    def send(self, service: str, path: str, body: dict[str, Any], key: str) -> Any:
        """Posts under a key, again while the hub is away for a moment; a refusal is returned as its words.

        Ends the command where the hub stays away, and where the caller may not do this at all.
        """
        address, headers = self._address(service), {**self._headers, "idempotency-key": key}
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            trouble = ""
            try:
                answer = self._client.post(address + path, headers=headers, json=body, timeout=PATIENCE_SECONDS)
                self._reached = True
                if answer.is_success:
                    return answer.json()
                if answer.status_code in (401, 403, 404):
                    give_up(f"{service} answered {answer.status_code}: {_words(answer)}")
                if answer.status_code not in (408, 409, 429, 502, 503, 504):
                    return _words(answer)
                trouble = f"answered {answer.status_code}"
            except httpx.HTTPError as error:
                trouble = type(error).__name__
            if time.monotonic() > until or not self._reached:
                give_up(f"{service} does not answer at {address} ({trouble}); `hub status` shows what runs")
            time.sleep(RETRY_SECONDS)

    def _ask(self, method: str, service: str, path: str, **request: Any) -> Any:
        address = self._address(service)
        request["headers"] = {**self._headers, **request.get("headers", {})}
        try:
            answer = self._client.request(method, address + path, **request)
        except httpx.HTTPError as error:
            give_up(f"{service} does not answer at {address} ({type(error).__name__}); `hub status` shows what runs")
        if answer.is_success:
            return answer.json() if answer.content else None
        give_up(f"{service} answered {answer.status_code}: {_words(answer)}")

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
            return Issuer(issuer_key(self._environment)).issue(self._subject, "operator", SCOPES, ALL, hours=1)
        except (OSError, ValueError):
            give_up("no token: set HUB_TOKEN, or HUB_FOLDER to the folder of a local stack that has been started")


def _words(answer: httpx.Response) -> str:
    """What a refusal says, for a person."""
    try:
        problem = answer.json()
        words = [str(problem[part]) for part in ("title", "detail", "next_step") if problem.get(part)]
        words += [f"({error['field']}: {error['message']})" for error in problem.get("errors", ())]
    except (ValueError, TypeError, KeyError, AttributeError):
        words = []
    return " ".join(words) or "no reason given"
