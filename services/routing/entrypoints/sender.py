"""Hands dossiers over to the agencies' systems."""

from hub_messaging.process import run_process
from hub_messaging.settings import load
from services.routing.bootstrap import build
from services.routing.settings import Settings


def main() -> None:
    service = build(load(Settings))
    run_process(service.spine, service.sender)


if __name__ == "__main__":
    main()
