"""The services as operators name them, the local stack's key, and how a command that can't go on ends."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

SERVICES = ("intake", "routing", "notify", "sla")


def known(service: str) -> str:
    """The name, if it is a service's; otherwise the command ends and says which there are."""
    if service not in SERVICES:
        give_up(f"there is no service {service!r}; there are {', '.join(SERVICES)}")
    return service


def give_up(message: str) -> NoReturn:
    """Ends the command with one clear line and exit code 1."""
    sys.stderr.write(f"hub: {message}\n")
    sys.exit(1)


def issuer_key(environment: Mapping[str, str]) -> Path:
    """The key with which the local stack signs its tokens; `HUB_FOLDER` names the stack's folder."""
    return Path(environment.get("HUB_FOLDER", ".hub")) / "keys" / "issuer.json"
