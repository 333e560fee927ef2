"""`python -m services.intake.entrypoints.worker`: relay, consumer and measurements."""

from hub_messaging.process import run_process
from hub_messaging.settings import load
from services.intake.bootstrap import build
from services.intake.settings import Settings


def main() -> None:
    intake = build(load(Settings))
    run_process(intake.spine, intake.worker_roles)


if __name__ == "__main__":
    main()
