"""Brings routing's database to the newest version: a job, run before the service starts."""

import os

from hub_messaging.migrations import upgrade


def main() -> None:
    upgrade("routing", os.environ["ROUTING_DATABASE_URL"])


if __name__ == "__main__":
    main()
