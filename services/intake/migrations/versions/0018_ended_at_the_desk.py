"""What was stopped, or had its result, before that ended the wait for its route, clock and notice."""

from alembic import op

revision = "0018"
down_revision = "0017"

ENDED_BEFORE = """
UPDATE progress SET watched_since = NULL FROM dossier_life AS life
WHERE life.dossier_id = progress.dossier_id AND NOT progress.settled AND progress.watched_since IS NOT NULL
    AND (life.stopped_at IS NOT NULL OR life.result_ready_at IS NOT NULL)
"""


def upgrade() -> None:
    op.execute(ENDED_BEFORE)
