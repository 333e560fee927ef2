"""Hệ thống kết nối: a narrow line for each dossier, by which lists and counts find it; steps in the order of commits.

The line is kept by triggers, as an index is: no writer, of this version or the one before, can forget it. See
docs/decisions/0020-lists-and-changes.md, also for what each index costs.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

LINES = """
-- One line for each dossier, kept as long as the dossier. No personal data.
CREATE TABLE register_line (
    dossier_id uuid PRIMARY KEY,
    received_at timestamptz NOT NULL,
    due_at timestamptz,
    completed_at timestamptz,
    desk_code text NOT NULL,
    procedure_code text NOT NULL,
    channel text NOT NULL,
    state text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('desk', 'agency', 'withdrawal', 'payment', 'completed', 'completed_payment')),
    agency_code text,
    accepted_at timestamptz
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- What the others report of where a dossier is, alone: it tells when a line may have to change.
CREATE FUNCTION reported_phase(of progress) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN ($1).completed_at IS NOT NULL THEN 'completed'
        WHEN coalesce(($1).handed_over_at, ($1).acknowledged_at, ($1).supplement_asked_at) IS NOT NULL THEN 'agency'
        ELSE 'desk'
    END
$$;

-- The same with the desk's own record: services/intake/domain/national_status.py has the same rule.
CREATE FUNCTION line_phase(of progress, at_the_desk dossier_life) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN decided AND pays THEN 'completed_payment'
        WHEN decided THEN 'completed'
        WHEN ($2).withdrawal_requested_at IS NOT NULL THEN 'withdrawal'
        WHEN pays THEN 'payment'
        ELSE reported_phase($1)
    END
    FROM (SELECT ($1).completed_at IS NOT NULL OR ($2).result_ready_at IS NOT NULL AS decided,
                 EXISTS (SELECT FROM jsonb_array_elements(($2).fees) AS fee
                         WHERE fee->>'paid_at' IS NULL AND fee->>'waived_at' IS NULL) AS pays) AS known
$$;

-- The dossier's row writes what was decided about it; progress and the desk's record together all else.
CREATE FUNCTION dossier_into_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO register_line
        SELECT NEW.id, NEW.received_at, (NEW.promise->>'due_at')::timestamptz,
               least(progress.completed_at, life.result_ready_at), NEW.desk_code, NEW.procedure->>'code', NEW.channel,
               NEW.state, line_phase(progress, life), progress.agency_code, NEW.accepted_at
        FROM (VALUES (NEW.id)) AS this (id)
            LEFT JOIN progress ON progress.dossier_id = this.id
            LEFT JOIN dossier_life AS life ON life.dossier_id = this.id;
    ELSE
        UPDATE register_line
        SET state = NEW.state, due_at = (NEW.promise->>'due_at')::timestamptz, accepted_at = NEW.accepted_at
        WHERE dossier_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION reported_into_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line
    SET phase = line_phase(progress, life), completed_at = least(progress.completed_at, life.result_ready_at),
        agency_code = progress.agency_code
    FROM (VALUES (NEW.dossier_id)) AS this (id)
        LEFT JOIN progress ON progress.dossier_id = this.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = this.id
    WHERE register_line.dossier_id = this.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER line_inserted AFTER INSERT ON dossier FOR EACH ROW EXECUTE FUNCTION dossier_into_line();
CREATE TRIGGER line_decided AFTER UPDATE ON dossier FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.promise IS DISTINCT FROM NEW.promise)
    EXECUTE FUNCTION dossier_into_line();
CREATE TRIGGER line_first_reported AFTER INSERT ON progress FOR EACH ROW
    WHEN (NEW.agency_code IS NOT NULL OR reported_phase(NEW) <> 'desk')
    EXECUTE FUNCTION reported_into_line();
CREATE TRIGGER line_reported AFTER UPDATE ON progress FOR EACH ROW
    WHEN (OLD.agency_code IS DISTINCT FROM NEW.agency_code OR reported_phase(OLD) <> reported_phase(NEW)
          OR OLD.completed_at IS DISTINCT FROM NEW.completed_at)
    EXECUTE FUNCTION reported_into_line();

CREATE TRIGGER line_at_the_desk AFTER INSERT OR UPDATE ON dossier_life FOR EACH ROW
    EXECUTE FUNCTION reported_into_line();

INSERT INTO register_line
SELECT dossier.id, received_at, (promise->>'due_at')::timestamptz,
       least(progress.completed_at, life.result_ready_at), dossier.desk_code, procedure->>'code', channel, state,
       line_phase(progress, life), agency_code, accepted_at
FROM dossier
    LEFT JOIN progress ON progress.dossier_id = dossier.id
    LEFT JOIN dossier_life AS life ON life.dossier_id = dossier.id;

CREATE INDEX register_line_by_time ON register_line (received_at, dossier_id);
-- The lines of one desk lie far apart: what else is asked of them stands in the index.
CREATE INDEX register_line_by_desk ON register_line (desk_code, received_at, dossier_id)
    INCLUDE (procedure_code, agency_code, channel, state, phase, accepted_at, due_at, completed_at);
CREATE INDEX register_line_by_procedure ON register_line (procedure_code, received_at, dossier_id);
CREATE INDEX register_line_by_agency ON register_line (agency_code, received_at, dossier_id)
    WHERE agency_code IS NOT NULL;
-- What is under way, by its date: few at any time.
CREATE INDEX register_line_due ON register_line (due_at, dossier_id)
    INCLUDE (desk_code, procedure_code, agency_code, channel, state, phase, received_at, accepted_at, completed_at)
    WHERE state IN ('submitted', 'supplement_requested', 'accepted')
        AND phase NOT IN ('completed', 'completed_payment');
CREATE INDEX register_line_due_at_desk ON register_line (desk_code, due_at, dossier_id)
    INCLUDE (procedure_code, agency_code, channel, state, phase, received_at, accepted_at, completed_at)
    WHERE state IN ('submitted', 'supplement_requested', 'accepted')
        AND phase NOT IN ('completed', 'completed_payment');
"""

CHANGES = """
-- The transaction that recorded a step: the only order in which a late commit is never skipped. Steps stay as long as
-- their dossier. A dump brings these numbers into a server that counts differently: after one is loaded into another
-- server, `UPDATE step SET tx = pg_current_xact_id()` (`hub restore` does it).
ALTER TABLE step ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX step_by_tx ON step (tx, event_id);
"""


def upgrade() -> None:
    op.execute(LINES)
    op.execute(CHANGES)
