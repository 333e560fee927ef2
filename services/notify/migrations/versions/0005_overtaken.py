"""What need not be told any more, and who told a citizen otherwise: columns, for the version before reads the JSON."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE notices ADD COLUMN IF NOT EXISTS overtaken jsonb NOT NULL DEFAULT '[]',
                            ADD COLUMN IF NOT EXISTS told jsonb NOT NULL DEFAULT '{}'
    """)
