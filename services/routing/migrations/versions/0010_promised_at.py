"""What each dossier's applicant was promised, for a hand-over that is made anew (first step: expand)."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("ALTER TABLE transfer ADD COLUMN promised_at timestamptz")
