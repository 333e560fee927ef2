"""Lượt thử sai trên trang tra cứu: the limit against guessing, shared by all processes."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WRONG_TRY = """
-- key: digest of a dossier code or a client's address. A row stays until its debt is paid, an hour at most, and then
-- until one of the next wrong tries deletes it. Unlogged: neither in the WAL nor on replicas; a crash forgives.
CREATE UNLOGGED TABLE wrong_try (
    key bytea PRIMARY KEY CHECK (length(key) = 16),
    free_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX wrong_try_paid ON wrong_try (free_at);
"""


def upgrade() -> None:
    op.execute(WRONG_TRY)
