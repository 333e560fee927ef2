"""Brings the service's database to its newest schema; reads NOTIFY_DATABASE_URL."""

import os

from hub_messaging.migrations import upgrade


def main() -> None:
    upgrade("notify", os.environ["NOTIFY_DATABASE_URL"])


if __name__ == "__main__":
    main()
