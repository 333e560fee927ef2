"""The spine's tables, timers, and the clock of each dossier."""

from alembic import op

from hub_messaging.migrations import SPINE_V1, TIMERS_V1

revision = "0001"
down_revision = None

CLOCK = """
CREATE TABLE clock (
    dossier_id uuid PRIMARY KEY,
    dossier_code text,
    procedure text,
    desk text,
    state text NOT NULL CHECK (state IN ('unknown', 'running', 'paused', 'stopped')),
    due_at timestamptz,
    late_from timestamptz,
    differs bool NOT NULL,
    outcome text,
    facts jsonb NOT NULL,
    said jsonb NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX clock_open ON clock (state, dossier_id) WHERE state IN ('running', 'paused');
CREATE INDEX clock_late ON clock (late_from) WHERE state = 'running';
CREATE INDEX clock_differs ON clock (dossier_id) WHERE differs;
"""


def upgrade() -> None:
    for statements in (SPINE_V1, TIMERS_V1, CLOCK):
        op.execute(statements)
