"""All roles of the service in one process."""

from hub_messaging.process import run_process
from hub_messaging.settings import load
from services.intake.bootstrap import build
from services.intake.settings import Settings


def main() -> None:
    service = build(load(Settings))
    run_process(service.spine, service.everything)


if __name__ == "__main__":
    main()
