"""Chống nộp trùng: a request that is sent again gets the same answer and has no second effect.

Key: what the client names (`Idempotency-Key`, `webhook-id`) within its scope (client and route). Same body: the
stored answer; another body: KeyReused. Only answers to successful requests are stored, in the same transaction as
their effect, for `KEPT`; a refused request may be mended and sent again under its key.
"""

from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from hub_messaging.database import Table, TableStore
from hub_messaging.errors import HubError

KEPT = timedelta(days=7)
SHELF = "requests"


class KeyReused(HubError):
    """The key was used for another body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `body` are the bytes to send again."""

    key: str
    body_sha256: bytes
    status: int
    body: bytes


def _from_row(row: asyncpg.Record) -> Answer:
    return Answer(row["key"], row["body_sha256"], row["status"], row["body"])


ANSWERS: TableStore[Answer] = TableStore(
    Table("request", ("key",), {"key": "text", "body_sha256": "bytea", "status": "smallint", "body": "bytea"}),
    to_row=lambda answer: (answer.key, answer.body_sha256, answer.status, answer.body),
    from_row=_from_row,
)
