"""Thời hạn theo nơi tiếp nhận: the list of one desk finds its own clocks without walking all.

On many clocks build it before, by hand, with CONCURRENTLY: docs/operations.md.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
    CREATE INDEX IF NOT EXISTS clock_by_desk ON clock (desk, state, dossier_id)
    """)
