"""Reads events, rings timers, sends the service's own events."""

from hub_messaging.process import run_process
from hub_messaging.settings import load
from services.sla.bootstrap import build
from services.sla.settings import Settings


def main() -> None:
    service = build(load(Settings))
    run_process(service.spine, service.worker)


if __name__ == "__main__":
    main()
