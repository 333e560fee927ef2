"""Sổ cũ theo ngày nhận: a part of form 07 finds what was entered from old books without reading all else of the period.

On a large register build it before, by hand, with CONCURRENTLY: docs/operations.md.
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("""
    CREATE INDEX IF NOT EXISTS dossier_of_old_book ON dossier (desk_code, received_at) INCLUDE (code)
    WHERE promise #>> '{term,reason}' = 'old-book'
    """)
