"""What a stop takes back: refused rows are found by their dossier, and those whose call may have been under way."""

from alembic import op

from hub_messaging.migrations import WITHDRAWN_V1

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(WITHDRAWN_V1)
