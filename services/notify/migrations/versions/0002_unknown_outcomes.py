"""Messages whose outcome is not known: a state, when the attempt began, who settled it and why."""

from alembic import op

from hub_messaging.migrations import UNKNOWN_OUTCOMES_V1

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(UNKNOWN_OUTCOMES_V1)
