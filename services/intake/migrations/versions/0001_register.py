"""Sổ tiếp nhận: dossiers, their progress, number ranges, timeline; beside the spine."""

from alembic import op

from hub_messaging.migrations import SPINE_V1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REGISTER = """
CREATE TABLE dossier (
    id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('submitted', 'supplement_requested', 'accepted', 'refused')),
    code text UNIQUE,
    procedure jsonb NOT NULL,
    desk jsonb NOT NULL,
    desk_code text NOT NULL,
    territory text NOT NULL,
    channel text NOT NULL,
    procedure_case text,
    received_at timestamptz NOT NULL,
    components jsonb NOT NULL,
    findings jsonb NOT NULL,
    contact_channels jsonb NOT NULL,
    sealed_contact text,
    sealed_form text NOT NULL,
    accepted_at timestamptz,
    accepted_by text,
    promise jsonb,
    supplement jsonb,
    refused_at timestamptz,
    refused_by text,
    refused_reason text,
    CHECK ((code IS NULL) = (accepted_at IS NULL))
);

-- No foreign key to dossier: facts about a dossier that is not registered (yet) are kept too.
CREATE TABLE progress (
    dossier_id uuid PRIMARY KEY,
    watched_since timestamptz,
    expects_clock boolean NOT NULL,
    routed_at timestamptz,
    agency_code text,
    agency_name text,
    routing_failed_at timestamptz,
    routing_failed_reason text,
    handed_over_at timestamptz,
    hand_over_refused_at timestamptz,
    acknowledged_at timestamptz,
    supplement_asked_at timestamptz,
    completed_at timestamptz,
    result text,
    clock_started_at timestamptz,
    clock_number int NOT NULL,
    clock_due_at timestamptz,
    clock_agrees boolean,
    clock_paused_number int NOT NULL,
    clock_stopped_at timestamptz,
    clock_outcome text,
    warned_due_at timestamptz,
    missed_due_at timestamptz,
    notice text,
    settled boolean NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX progress_unsettled ON progress (watched_since, dossier_id) WHERE NOT settled AND watched_since IS NOT NULL;

CREATE TABLE number_range (
    key text PRIMARY KEY,
    last int NOT NULL CHECK (last > 0)
) WITH (fillfactor = 50);

CREATE TABLE step (
    dossier_id uuid NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    facts jsonb NOT NULL,
    PRIMARY KEY (dossier_id, event_id)
);
"""


def upgrade() -> None:
    op.execute(SPINE_V1)
    op.execute(REGISTER)
