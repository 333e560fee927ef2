"""By which corrections each leg was handed over anew; versions before refuse to read it in `legs` (first: expand)."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE transfer ADD COLUMN anew jsonb")
