"""Which of the promised dates is known, so that an older one that is heard later does not replace it."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE notices ADD COLUMN IF NOT EXISTS due_request int NOT NULL DEFAULT 0")
