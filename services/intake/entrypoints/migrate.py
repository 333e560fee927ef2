"""`python -m services.intake.entrypoints.migrate`: brings the database to the newest version, before a start."""

import os

from hub_messaging.migrations import upgrade


def main() -> None:
    upgrade("intake", os.environ["INTAKE_DATABASE_URL"])


if __name__ == "__main__":
    main()
