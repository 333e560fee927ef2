"""Ngày hẹn lại: which promised date an apology letter put off, and until when. Older letters say it in print alone."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE dossier_life ADD COLUMN reappointed_from timestamptz, ADD COLUMN reappointed_to timestamptz,
        ADD COLUMN reappointments int NOT NULL DEFAULT 0
    """)
