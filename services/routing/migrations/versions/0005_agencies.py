"""Agencies as the directory has published them: who succeeds whom (first step: expand)."""

from alembic import op

revision = "0005"
down_revision = "0004"

AGENCIES = """
-- One row for each version of an agency, as the compacted topic has it; offices only. Kept for good, like the topic.
CREATE TABLE agency (
    key text PRIMARY KEY,
    edition int NOT NULL CHECK (edition > 0),
    code text NOT NULL,
    name text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    withdrawn boolean NOT NULL,
    successor text
) WITH (fillfactor = 90);
"""


def upgrade() -> None:
    op.execute(AGENCIES)
