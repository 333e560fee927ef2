"""Dòng sổ rẻ hơn: lines are written once for a statement, not once for a row, and only where a listed value changes.

What a line says, and that no writer can forget it, stays as it was. See docs/decisions/0020-lists-and-changes.md.
"""

from alembic import op

revision = "0012"
down_revision = "0010"

PHASE = """
-- As it was, as one expression: the planner puts it into the statement, instead of running a statement for each row.
CREATE OR REPLACE FUNCTION line_phase(of progress, at_the_desk dossier_life) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN ($1).completed_at IS NOT NULL OR ($2).result_ready_at IS NOT NULL
        THEN CASE WHEN owes(($2).fees) THEN 'completed_payment' ELSE 'completed' END
        WHEN ($2).withdrawal_requested_at IS NOT NULL THEN 'withdrawal'
        WHEN owes(($2).fees) THEN 'payment'
        WHEN ($1).handed_over_at IS NOT NULL OR ($1).acknowledged_at IS NOT NULL OR ($1).supplement_asked_at IS NOT NULL
        THEN 'agency'
        ELSE 'desk'
    END
$$;
"""
OWES = """
-- A fee that is neither paid nor waived.
CREATE FUNCTION owes(fees jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_path_exists($1, '$[*] ? (!exists(@.paid_at ? (@ != null)) && !exists(@.waived_at ? (@ != null)))')
$$;
"""

TRIGGERS = """
CREATE FUNCTION dossiers_into_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO register_line
    SELECT written.id, received_at, (promise->>'due_at')::timestamptz,
           least(progress.completed_at, life.result_ready_at), written.desk_code, procedure->>'code', channel, state,
           line_phase(progress, life), agency_code, accepted_at
    FROM written
        LEFT JOIN progress ON progress.dossier_id = written.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = written.id;
    RETURN NULL;
END
$$;
CREATE FUNCTION reports_into_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line AS line
    SET phase = known.phase, completed_at = known.completed_at, agency_code = known.agency_code
    FROM (
        SELECT written.dossier_id, line_phase(written, life) AS phase,
               least(written.completed_at, life.result_ready_at) AS completed_at, agency_code
        FROM written LEFT JOIN dossier_life AS life ON life.dossier_id = written.dossier_id
    ) AS known
    WHERE line.dossier_id = known.dossier_id
        AND (line.phase, line.completed_at, line.agency_code)
            IS DISTINCT FROM (known.phase, known.completed_at, known.agency_code);
    RETURN NULL;
END
$$;
-- Rare ones go on row by row.
CREATE OR REPLACE FUNCTION dossier_into_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line
    SET state = NEW.state, due_at = (NEW.promise->>'due_at')::timestamptz, accepted_at = NEW.accepted_at
    WHERE dossier_id = NEW.id;
    RETURN NULL;
END
$$;
DROP TRIGGER line_inserted ON dossier;
CREATE TRIGGER line_inserted AFTER INSERT ON dossier
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION dossiers_into_lines();
DROP TRIGGER line_reported ON progress;
CREATE TRIGGER line_reported AFTER UPDATE ON progress
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION reports_into_lines();
"""

FEWER = """
-- By date without a desk: each desk's are walked together (`services/intake/store/systems/lists.py`).
DROP INDEX register_line_due;
"""


def upgrade() -> None:
    op.execute(OWES)
    op.execute(PHASE)
    op.execute(TRIGGERS)
    op.execute(FEWER)
