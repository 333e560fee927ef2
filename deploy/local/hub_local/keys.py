"""Secrets of a local stack: made at its first start, each in a file that only its owner can read."""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub_local.files import write_whole
from hub_local.layout import SERVICES, Layout, StackNotUsable

SEALING_PURPOSES = {"intake": ("contact", "form"), "routing": ("contact", "form"), "notify": ("contact",)}
"""Which sealing keys a service gets: contact data and form data are sealed apart; sla opens neither, and has none."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The files with a stack's secrets. `sealing`: service → its key file; `passwords`: PostgreSQL role → password."""

    sealing: dict[str, Path]
    issuer: Path
    jwks: Path
    endpoints: Path
    webhook_secret: Path
    sms_token: Path
    passwords: dict[str, str]


def ensure_keys(layout: Layout) -> Keys:
    """The stack's secrets; what is missing is made. Interrupted anywhere, the next call completes them."""
    folder = layout.keys
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    issuer, jwks = folder / "issuer.json", folder / "jwks.json"
    if not (issuer.exists() and jwks.exists()):
        from hub_web.tokens import create_issuer_key  # slow to import, and needed once

        create_issuer_key(issuer, jwks)
    keys = Keys(
        sealing=_sealing_files(folder),
        issuer=issuer,
        jwks=jwks,
        endpoints=folder / "endpoints.json",
        webhook_secret=_made_once(folder / "webhook-secret", _webhook_secret),
        sms_token=_made_once(folder / "sms-token", lambda: secrets.token_urlsafe(32)),
        passwords=json.loads(_made_once(folder / "postgres.json", _passwords).read_text()),
    )
    write_whole(keys.endpoints, _endpoints(keys.endpoints, layout, keys.webhook_secret.read_text()))
    return keys


def _made_once(file: Path, make: Callable[[], str]) -> Path:
    if not file.exists():
        write_whole(file, make())
    return file


def _passwords() -> str:
    return json.dumps({role: secrets.token_urlsafe(24) for role in ("postgres", *SERVICES)})


def _webhook_secret() -> str:
    """A Standard Webhooks secret: 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _sealing_files(folder: Path) -> dict[str, Path]:
    """One file per service with the keys it needs, drawn from `sealing.json`, where a new key is put first."""
    all_keys = json.loads(_made_once(folder / "sealing.json", _sealing_keys).read_text())
    files = {}
    for service, purposes in SEALING_PURPOSES.items():
        files[service] = folder / f"sealing-{service}.json"
        write_whole(files[service], json.dumps({purpose: all_keys[purpose] for purpose in purposes}))
    return files


def _sealing_keys() -> str:
    """One 32-byte key per purpose, as hub_messaging.sealing reads them."""
    purposes = sorted({purpose for purposes in SEALING_PURPOSES.values() for purpose in purposes})
    return json.dumps({purpose: [{"kid": f"{purpose}-1", "k": _random_key()}] for purpose in purposes})


def _random_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def _endpoints(file: Path, layout: Layout, webhook_secret: str) -> str:
    """Every agency is played by the sandbox, but those that somebody has entered. Raises StackNotUsable."""
    address = layout.url("sandbox") + "/agencies/{agency_code}"
    takes = {"offers": ["cancellations", "corrections"], "status_query": True}
    sandbox = {"url": address, "secrets": [webhook_secret], **takes}
    try:
        entered = json.loads(file.read_text()) if file.exists() else {}
        return json.dumps({**entered, "*": sandbox}, indent=2)
    except (TypeError, ValueError):
        raise StackNotUsable(f"{file} is no JSON object: mend it, or remove it to have it made anew") from None
