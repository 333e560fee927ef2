"""Dừng, rút, phí, trả kết quả: what happens to a dossier at the desk, in tables of their own (first step: expand)."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATES = """
ALTER TABLE dossier DROP CONSTRAINT dossier_state_check, ADD CONSTRAINT dossier_state_check CHECK (
    state IN ('submitted', 'supplement_requested', 'accepted', 'refused', 'stopped', 'returned')
) NOT VALID
"""

LIFE = """
-- Kept as long as the dossier. A plain dossier has no row.
CREATE TABLE dossier_life (
    dossier_id uuid PRIMARY KEY,
    desk_code text NOT NULL,
    withdrawal_requested_at timestamptz,
    withdrawal_recorded_by text,
    stopped_at timestamptz,
    stopped_by text,
    stop_reason text,
    sealed_stop_reason text,
    result_ready_at timestamptz,
    result_ready_by text,
    returned_at timestamptz,
    returned_by text,
    collected_by text CHECK (collected_by IN ('applicant', 'proxy', 'post')),
    on_the_spot boolean NOT NULL,
    fees jsonb NOT NULL,
    corrections int NOT NULL CHECK (corrections >= 0),
    result_by text CHECK (result_by IN ('desk', 'post', 'electronic')),
    result_desk text,
    CHECK ((stopped_at IS NULL) = (stop_reason IS NULL)),
    CHECK ((returned_at IS NULL) = (collected_by IS NULL)),
    CHECK (stopped_at IS NULL OR returned_at IS NULL)
) WITH (fillfactor = 80);
CREATE INDEX dossier_life_to_hand_out ON dossier_life (result_desk, dossier_id)
    WHERE result_desk IS NOT NULL AND returned_at IS NULL;
CREATE INDEX dossier_life_returned ON dossier_life (returned_at, desk_code) WHERE returned_at IS NOT NULL;
"""

CORRECTIONS = """
-- Kept as long as the dossier. `sealed`: old and new values and the reason.
CREATE TABLE correction (
    dossier_id uuid NOT NULL,
    number int NOT NULL CHECK (number > 0),
    at timestamptz NOT NULL,
    officer text NOT NULL,
    what jsonb NOT NULL,
    sealed text NOT NULL,
    PRIMARY KEY (dossier_id, number)
);
"""

LATE_ENTRIES = """
-- Kept as long as the dossier. One row for each receipt that was entered later than on its working day.
CREATE TABLE late_entry (
    dossier_id uuid PRIMARY KEY,
    desk_code text NOT NULL,
    received_at timestamptz NOT NULL,
    entered_at timestamptz NOT NULL,
    officer text,
    reason text CHECK (reason IN ('power-cut', 'post', 'remote', 'other')),
    sealed_note text,
    CHECK (entered_at > received_at)
);
CREATE INDEX late_entry_unexplained ON late_entry (dossier_id) WHERE reason IS NULL;
"""

MARKS = """
-- Kept as long as the dossier; of use for the window within which dossiers are compared. No number of a person's.
CREATE TABLE applicant_mark (
    dossier_id uuid PRIMARY KEY,
    mark bytea NOT NULL CHECK (length(mark) = 16),
    procedure_code text NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX applicant_mark_person ON applicant_mark (mark);
"""


def upgrade() -> None:
    op.execute(STATES)
    op.execute(LIFE)
    op.execute(CORRECTIONS)
    op.execute(LATE_ENTRIES)
    op.execute(MARKS)
