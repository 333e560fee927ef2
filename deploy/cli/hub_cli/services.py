"""The services as operators name them, and how a command that can't go on ends."""

import sys
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
