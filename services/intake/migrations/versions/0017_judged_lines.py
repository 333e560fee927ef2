"""Xét hạn: a line says by which date and moment its dossier is judged; time that the applicant is waited for is none.

See docs/decisions/0006-when-a-date-is-missed-and-when-it-warns.md and 0020-lists-and-changes.md. `stopped_since` is for
processes of the version before.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

COLUMN = """
-- `due_at`: the date that holds, or held when it ended. `completed_at`: when it ended. `judged_at`: what counts in its
-- place, where the clock stood still by then.
ALTER TABLE register_line ADD COLUMN judged_at timestamptz;
"""

JUDGED = """
CREATE TYPE judgement AS (due_at timestamptz, at timestamptz);
-- `hub_worktime.judged` and services/intake/domain/judgement.py once more: tests/intake/test_judgement.py holds them
-- together. From the last wait back: one that had not ended by then gives the date before it, and when time stopped.
CREATE FUNCTION judged(promise jsonb, supplement jsonb, accepted_at timestamptz, ended_at timestamptz)
RETURNS judgement LANGUAGE plpgsql STABLE AS $$
DECLARE
    stands judgement := ((promise->>'due_at')::timestamptz, ended_at);
    wait jsonb;
BEGIN
    IF supplement IS NULL OR ended_at IS NULL THEN
        RETURN stands;
    END IF;
    FOR wait IN
        SELECT value FROM jsonb_array_elements(coalesce(supplement->'earlier', '[]') || (supplement - 'earlier'))
        WITH ORDINALITY ORDER BY ordinality DESC
    LOOP
        EXIT WHEN (wait->>'requested_at')::timestamptz < accepted_at
            OR (wait->>'received_at')::timestamptz <= ended_at;
        IF wait->>'received_at' IS NOT NULL THEN
            stands.due_at := (wait->>'previous_due_at')::timestamptz;
        END IF;
        stands.at := least(stands.at, (wait->>'requested_at')::timestamptz);
    END LOOP;
    RETURN stands;
END
$$;
"""

TRIGGERS = """
-- Reports move the date only with an end; the dossier's row is looked up for an end alone.
CREATE OR REPLACE FUNCTION reports_into_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line AS line
    SET phase = known.phase, agency_code = known.agency_code, completed_at = known.completed_at,
        due_at = CASE WHEN coalesce(known.completed_at, line.completed_at) IS NULL THEN line.due_at ELSE (
            SELECT (judged(promise, supplement, dossier.accepted_at, known.completed_at)).due_at
            FROM dossier WHERE id = line.dossier_id
        ) END,
        judged_at = CASE WHEN known.completed_at IS NOT NULL THEN (
            SELECT nullif((judged(promise, supplement, dossier.accepted_at, known.completed_at)).at, known.completed_at)
            FROM dossier WHERE id = line.dossier_id
        ) END
    FROM (
        SELECT written.dossier_id, line_phase(written, life) AS phase, agency_code,
               least(written.completed_at, life.result_ready_at, life.stopped_at) AS completed_at
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
    UPDATE register_line AS line
    SET phase = line_phase(progress, life), agency_code = progress.agency_code, completed_at = ended.at,
        due_at = CASE WHEN coalesce(ended.at, line.completed_at) IS NULL THEN line.due_at ELSE judgement.due_at END,
        judged_at = nullif(judgement.at, ended.at)
    FROM (VALUES (NEW.dossier_id)) AS this (id)
        JOIN dossier ON dossier.id = this.id
        LEFT JOIN progress ON progress.dossier_id = this.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = this.id
        CROSS JOIN LATERAL (VALUES (least(progress.completed_at, result_ready_at, stopped_at))) AS ended (at)
        CROSS JOIN LATERAL judged(promise, supplement, dossier.accepted_at, ended.at) AS judgement
    WHERE line.dossier_id = this.id;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION dossier_into_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE register_line AS line
    SET state = NEW.state, accepted_at = NEW.accepted_at, due_at = judgement.due_at,
        judged_at = nullif(judgement.at, ended.at)
    FROM (VALUES (NEW.id)) AS this (id)
        LEFT JOIN progress ON progress.dossier_id = this.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = this.id
        CROSS JOIN LATERAL (VALUES (least(progress.completed_at, result_ready_at, stopped_at))) AS ended (at)
        CROSS JOIN LATERAL judged(NEW.promise, NEW.supplement, NEW.accepted_at, ended.at) AS judgement
    WHERE line.dossier_id = this.id;
    RETURN NULL;
END
$$;
"""

INDEX = """
DROP INDEX register_line_by_desk;
CREATE INDEX register_line_by_desk ON register_line (desk_code, received_at, dossier_id)
    INCLUDE (procedure_code, agency_code, channel, state, phase, accepted_at, due_at, completed_at, judged_at);
-- A result may come while a supplement is waited for.
DROP INDEX register_line_to_hand_out;
CREATE INDEX register_line_to_hand_out ON register_line (desk_code, completed_at, dossier_id)
    WHERE completed_at IS NOT NULL AND state IN ('accepted', 'supplement_requested');
"""

ENDED_BEFORE = """
UPDATE register_line AS line
SET due_at = judgement.due_at, completed_at = ended.at, judged_at = nullif(judgement.at, ended.at)
FROM register_line AS known JOIN dossier ON dossier.id = known.dossier_id
    LEFT JOIN progress ON progress.dossier_id = known.dossier_id
    LEFT JOIN dossier_life AS life ON life.dossier_id = known.dossier_id
    CROSS JOIN LATERAL (VALUES (least(progress.completed_at, result_ready_at, stopped_at))) AS ended (at)
    CROSS JOIN LATERAL judged(promise, supplement, dossier.accepted_at, ended.at) AS judgement
WHERE line.dossier_id = known.dossier_id AND known.completed_at IS NOT NULL
    AND (known.state IN ('supplement_requested', 'stopped') OR progress.clock_paused_number > 0)
    AND supplement ->> 'received_at' IS NULL
"""
"""What ended while it waited, or was stopped: alone these are judged by another moment than they were."""


def upgrade() -> None:
    op.execute("LOCK TABLE progress, dossier_life IN SHARE ROW EXCLUSIVE MODE")  # who ends one meanwhile waits for it
    for statements in (COLUMN, JUDGED, TRIGGERS, INDEX, ENDED_BEFORE):
        op.execute(statements)
