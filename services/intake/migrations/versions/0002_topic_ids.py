"""Which topic a position belongs to."""

from alembic import op

from hub_messaging.migrations import TOPIC_IDS_V1

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(TOPIC_IDS_V1)
