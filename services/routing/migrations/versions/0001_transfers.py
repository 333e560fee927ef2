"""Transfers, lanes, and the spine with its work rows."""

from alembic import op

from hub_messaging.migrations import SPINE_V1, WORK_V1

revision = "0001"
down_revision = None

ROUTING_V1 = """
CREATE TABLE transfer (
    dossier_id uuid PRIMARY KEY,
    state text NOT NULL,
    contradicted boolean NOT NULL DEFAULT false,
    dossier_code text,
    procedure_code text,
    procedure_name text,
    desk text,
    territory text,
    cause jsonb,
    offices jsonb NOT NULL,
    legs jsonb NOT NULL,
    waiting jsonb NOT NULL,
    supplements jsonb NOT NULL,
    edition text,
    failed_leg text,
    failed_at timestamptz,
    routed_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX transfer_state ON transfer (state, dossier_id);
CREATE INDEX transfer_contradicted ON transfer (dossier_id) WHERE contradicted;

CREATE TABLE lane (
    name text PRIMARY KEY,
    paused_at timestamptz,
    paused_by text,
    paused_why text,
    open_since timestamptz,
    open_why text
);
"""


def upgrade() -> None:
    op.execute(SPINE_V1)
    op.execute(WORK_V1)
    op.execute(ROUTING_V1)
