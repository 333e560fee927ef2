"""What every service with lanes asks of its work rows when it takes a lane over; notify itself withdraws none."""

from alembic import op

from hub_messaging.migrations import WITHDRAWN_V1

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(WITHDRAWN_V1)
