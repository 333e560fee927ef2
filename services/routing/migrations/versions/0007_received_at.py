"""When each dossier was received: no agency answers before that (first step: expand)."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE transfer ADD COLUMN received_at timestamptz")
