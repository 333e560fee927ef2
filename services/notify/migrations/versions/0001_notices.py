"""The spine's tables, work rows, and the duties to inform of each dossier."""

from alembic import op

from hub_messaging.migrations import SPINE_V1, WORK_V1

revision = "0001"
down_revision = None

NOTICES = """
CREATE TABLE notices (
    dossier_id uuid PRIMARY KEY,
    dossier_code text,
    procedure text,
    desk text,
    due_at timestamptz,
    contact jsonb,
    duties jsonb NOT NULL,
    waiting bool NOT NULL,
    failed bool NOT NULL,
    unreached bool NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX notices_waiting ON notices (dossier_id) WHERE waiting;
CREATE INDEX notices_failed ON notices (dossier_id) WHERE failed;
CREATE INDEX notices_unreached ON notices (dossier_id) WHERE unreached;
"""


def upgrade() -> None:
    for statements in (SPINE_V1, WORK_V1, NOTICES):
        op.execute(statements)
