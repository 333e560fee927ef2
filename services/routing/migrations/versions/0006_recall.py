"""The stop that agencies are told of, and corrections; what they answer stands in their legs (first step: expand)."""

from alembic import op

revision = "0006"
down_revision = "0005"

TOLD = """
ALTER TABLE transfer ADD COLUMN stop jsonb, ADD COLUMN corrections jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN to_correct boolean NOT NULL DEFAULT false;
CREATE INDEX transfer_to_correct ON transfer (dossier_id) WHERE to_correct;
"""


def upgrade() -> None:
    op.execute(TOLD)
