"""`python -m hub_local.schema_jobs databases | topics`: what services check and never create.

A process of its own beside Kafka's start, so that the supervisor stays small. Settings by environment: a
`<SERVICE>_DATABASE_URL` for each service, `KAFKA_SERVERS`.
"""

import asyncio
import os
import sys

from hub_local.layout import SERVICES

PARTITIONS = 4
REPLICATION = 1


def migrate() -> None:
    """Brings each service's database to its newest schema."""
    from hub_messaging.migrations import upgrade

    for service in SERVICES:
        upgrade(service, os.environ[f"{service.upper()}_DATABASE_URL"])


def apply_topics() -> None:
    """Creates the topics that are missing and corrects their settings."""
    from hub_messaging import topics

    asyncio.run(topics.apply_topics(os.environ["KAFKA_SERVERS"], PARTITIONS, REPLICATION))


if __name__ == "__main__":
    {"databases": migrate, "topics": apply_topics}[sys.argv[1]]()
