"""Bãi bỏ thủ tục: who proposed and decided, what ends when. Lists: what is stopped ended when it was stopped.

See docs/decisions/0018-importing-published-procedures.md and 0020-lists-and-changes.md.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WITHDRAWALS = """
-- Proposals to withdraw a procedure, with who decided. Kept for good. `sealed_why`: why one was rejected or taken back.
CREATE TABLE procedure_withdrawal (
    id uuid PRIMARY KEY,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 40),
    decision text NOT NULL CHECK (length(decision) BETWEEN 1 AND 300),
    effective_on date NOT NULL,
    successor text CHECK (successor <> code),
    state text NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'taken_back')),
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    taken_back_by text,
    taken_back_at timestamptz,
    sealed_why text,
    CHECK ((state = 'proposed') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
    CHECK ((state = 'taken_back') = (taken_back_at IS NOT NULL) AND (taken_back_at IS NULL) = (taken_back_by IS NULL)),
    CHECK (state NOT IN ('approved', 'taken_back') OR decided_by <> proposed_by),
    CHECK ((state IN ('rejected', 'taken_back')) = (sealed_why IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX procedure_withdrawal_code ON procedure_withdrawal (code, id);

-- What stands of a procedure's end: its versions up to `through` end on that day. One row for a code, kept for good.
CREATE TABLE procedure_ending (
    code text PRIMARY KEY,
    withdrawal uuid NOT NULL REFERENCES procedure_withdrawal DEFERRABLE INITIALLY DEFERRED,
    through int NOT NULL CHECK (through >= 0),
    effective_on date NOT NULL,
    decision text NOT NULL,
    successor text,
    edition bigint NOT NULL CHECK (edition > 0)
) WITH (fillfactor = 80);
CREATE INDEX procedure_ending_edition ON procedure_ending (edition);
"""

ENDED = """
-- When a stopped dossier is judged: as it was stopped, or as its clock stood still for a supplement that never came.
CREATE FUNCTION stopped_since(supplement jsonb, stopped_at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN $1 ->> 'received_at' IS NULL THEN least($2, ($1 ->> 'requested_at')::timestamptz) ELSE $2 END
    WHERE $2 IS NOT NULL
$$;
CREATE OR REPLACE FUNCTION dossiers_into_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO register_line
    SELECT written.id, received_at, (promise->>'due_at')::timestamptz,
           least(progress.completed_at, life.result_ready_at, life.stopped_at), written.desk_code, procedure->>'code',
           channel, state, line_phase(progress, life), agency_code, accepted_at
    FROM written
        LEFT JOIN progress ON progress.dossier_id = written.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = written.id;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION reports_into_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line AS line
    SET phase = known.phase, completed_at = known.completed_at, agency_code = known.agency_code
    FROM (
        SELECT written.dossier_id, line_phase(written, life) AS phase, agency_code,
               CASE WHEN life.stopped_at IS NULL THEN least(written.completed_at, life.result_ready_at)
                    ELSE least(written.completed_at, life.result_ready_at,
                               (SELECT stopped_since(supplement, life.stopped_at)
                                FROM dossier WHERE id = written.dossier_id))
               END AS completed_at
        FROM written LEFT JOIN dossier_life AS life ON life.dossier_id = written.dossier_id
    ) AS known
    WHERE line.dossier_id = known.dossier_id
        AND (line.phase, line.completed_at, line.agency_code)
            IS DISTINCT FROM (known.phase, known.completed_at, known.agency_code);
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION reported_into_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line
    SET phase = line_phase(progress, life), agency_code = progress.agency_code,
        completed_at = least(progress.completed_at, life.result_ready_at,
                             stopped_since(dossier.supplement, life.stopped_at))
    FROM (VALUES (NEW.dossier_id)) AS this (id)
        LEFT JOIN dossier ON dossier.id = this.id
        LEFT JOIN progress ON progress.dossier_id = this.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = this.id
    WHERE register_line.dossier_id = this.id;
    RETURN NULL;
END
$$;
"""
STOPPED_BEFORE = """
UPDATE register_line AS line
SET completed_at = least(line.completed_at, stopped_since(dossier.supplement, life.stopped_at))
FROM dossier_life AS life JOIN dossier ON dossier.id = life.dossier_id
WHERE life.stopped_at IS NOT NULL AND line.dossier_id = life.dossier_id AND line.completed_at IS NULL
"""
"""One pass over what happened at desks; lines of closed dossiers alone are written, which nobody else writes."""


def upgrade() -> None:
    op.execute(WITHDRAWALS)
    op.execute("LOCK TABLE dossier_life IN SHARE ROW EXCLUSIVE MODE")  # who stops one meanwhile waits for the new rule
    op.execute(ENDED)
    op.execute(STOPPED_BEFORE)
