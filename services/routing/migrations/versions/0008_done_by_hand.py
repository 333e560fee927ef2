"""Dossiers that were decided past an agency; those that were stopped are missed no more (first step: expand)."""

from alembic import op

revision = "0008"
down_revision = "0007"

STOPPED_BEFORE = "UPDATE transfer SET state = 'routed' WHERE state = 'routing_failed' AND stopped_at IS NOT NULL"
"""Of stopped dossiers only those without any agency were still counted as failed."""


def upgrade() -> None:
    op.execute("ALTER TABLE transfer ADD COLUMN done_at timestamptz")
    op.execute(STOPPED_BEFORE)
