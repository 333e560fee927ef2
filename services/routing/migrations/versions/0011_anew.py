"""What a dossier needs to be handed over anew: by which corrections its legs were, and whether any date was promised.

Versions before refuse to read the first in `legs`, and can't tell a date that they didn't keep from none (expand).
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE transfer ADD COLUMN anew jsonb, ADD COLUMN undated boolean NOT NULL DEFAULT false")
