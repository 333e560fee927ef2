"""Dossiers that the desk stopped, and those of them that an agency has (first step: expand)."""

from alembic import op

revision = "0004"
down_revision = "0003"

STOPPED = """
ALTER TABLE transfer ADD COLUMN stopped_at timestamptz, ADD COLUMN to_recall boolean NOT NULL DEFAULT false;
CREATE INDEX transfer_to_recall ON transfer (dossier_id) WHERE to_recall;
"""


def upgrade() -> None:
    op.execute(STOPPED)
