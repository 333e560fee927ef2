"""No statement finds clocks by `late_from`: what is overdue is counted among the open ones and listed by dossier."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DROP INDEX clock_late")
