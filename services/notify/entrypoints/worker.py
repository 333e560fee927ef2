"""Reads events and sends the service's own."""

from hub_messaging.process import run_process
from hub_messaging.settings import load
from services.notify.bootstrap import Service
from services.notify.settings import Settings


def main() -> None:
    service = Service(load(Settings))
    run_process(service.spine, service.worker)


if __name__ == "__main__":
    main()
