"""Brings the service's database to its newest schema; reads SLA_DATABASE_URL."""

import os

from hub_messaging.migrations import upgrade


def main() -> None:
    upgrade("sla", os.environ["SLA_DATABASE_URL"])


if __name__ == "__main__":
    main()
