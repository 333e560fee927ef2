"""Dòng thời gian niêm phong: steps only grow, seals chain their hashes, and an erasure leaves its trace.

See docs/decisions/0022-sealed-timeline.md. What a service does with its own rights is refused here; who owns the
tables can still turn the refusal off, and is found out by the seals.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SEALS = """
-- Kept as long as the steps. No personal data: ids and hashes. `tx`, `event_id`: the last step of the batch, in the
-- order of step_by_tx; they follow the numbers of the server and are in no hash.
CREATE TABLE seal (
    number bigint PRIMARY KEY CHECK (number > 0),
    sealed_at timestamptz NOT NULL,
    tx xid8 NOT NULL,
    event_id uuid NOT NULL,
    entries int NOT NULL CHECK (entries > 0),
    dossier_ids uuid[] NOT NULL,
    event_ids uuid[] NOT NULL,
    hashes bytea NOT NULL,
    chain bytea NOT NULL CHECK (octet_length(chain) = 32)
);
-- Hashes and random ids get no shorter by compression.
ALTER TABLE seal ALTER hashes SET STORAGE EXTERNAL, ALTER event_ids SET STORAGE EXTERNAL;

-- Kept as long as the step. `facts_hash` is what the step's seal needs in the place of the facts that are gone.
CREATE TABLE erased_step (
    dossier_id uuid NOT NULL,
    event_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    erased_by text NOT NULL CHECK (erased_by <> ''),
    why text NOT NULL CHECK (why <> ''),
    facts_hash bytea NOT NULL CHECK (octet_length(facts_hash) = 32),
    PRIMARY KEY (dossier_id, event_id)
);
"""

GROWS_ONLY = """
CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = TG_TABLE_NAME || ' only grows: its rows are neither changed nor deleted';
END
$$;
-- The one change that is allowed: facts that erase_step has noted as erased give way to the mark of it.
CREATE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.dossier_id, OLD.event_id, OLD.type, OLD.at, OLD.recorded_at)
            IS NOT DISTINCT FROM (NEW.dossier_id, NEW.event_id, NEW.type, NEW.at, NEW.recorded_at)
        AND NEW.facts = '{"erased": true}'
        AND EXISTS (SELECT FROM erased_step
                    WHERE dossier_id = OLD.dossier_id AND event_id = OLD.event_id
                        AND facts_hash = sha256(convert_to(OLD.facts::text, 'UTF8')))
    THEN RETURN NEW;
    END IF;
    RAISE restrict_violation USING MESSAGE = 'step only grows: its rows are neither changed nor deleted';
END
$$;
-- `tx` is no content: it is numbered anew on another server.
CREATE TRIGGER step_stays BEFORE UPDATE ON step FOR EACH ROW
    WHEN ((OLD.dossier_id, OLD.event_id, OLD.type, OLD.at, OLD.recorded_at, OLD.facts)
          IS DISTINCT FROM (NEW.dossier_id, NEW.event_id, NEW.type, NEW.at, NEW.recorded_at, NEW.facts))
    EXECUTE FUNCTION refuse_unless_erased();
CREATE TRIGGER step_not_deleted BEFORE DELETE ON step FOR EACH ROW EXECUTE FUNCTION only_grows();
CREATE TRIGGER step_not_emptied BEFORE TRUNCATE ON step EXECUTE FUNCTION only_grows();
CREATE TRIGGER seal_stays BEFORE UPDATE ON seal FOR EACH ROW
    WHEN ((OLD.number, OLD.sealed_at, OLD.entries, OLD.dossier_ids, OLD.event_ids, OLD.hashes, OLD.chain)
          IS DISTINCT FROM
          (NEW.number, NEW.sealed_at, NEW.entries, NEW.dossier_ids, NEW.event_ids, NEW.hashes, NEW.chain))
    EXECUTE FUNCTION only_grows();
CREATE TRIGGER seal_not_deleted BEFORE DELETE ON seal FOR EACH ROW EXECUTE FUNCTION only_grows();
CREATE TRIGGER seal_not_emptied BEFORE TRUNCATE ON seal EXECUTE FUNCTION only_grows();
CREATE TRIGGER erased_step_stays BEFORE UPDATE OR DELETE ON erased_step FOR EACH ROW EXECUTE FUNCTION only_grows();
CREATE TRIGGER erased_step_not_emptied BEFORE TRUNCATE ON erased_step EXECUTE FUNCTION only_grows();
"""

ERASURE = """
-- What a step says is erased; that it happened, when, and its place in the chain stay.
CREATE FUNCTION erase_step(of_dossier uuid, of_event uuid, who text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO erased_step
    SELECT dossier_id, event_id, now(), who, reason, sha256(convert_to(facts::text, 'UTF8'))
    FROM step WHERE dossier_id = of_dossier AND event_id = of_event;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = 'there is no such step';
    END IF;
    UPDATE step SET facts = '{"erased": true}' WHERE dossier_id = of_dossier AND event_id = of_event;
END
$$;
"""

NUMBERED_ANEW = """
-- After a dump was loaded into another server, which counts its transactions differently: each seal's steps get a
-- transaction of their own, in the order of the seals; what is not sealed yet comes after them, and what stands behind
-- a seal without being in it stays there (0). Interrupted, it is called again. Nobody may be at work meanwhile.
CREATE PROCEDURE number_steps_anew() LANGUAGE plpgsql AS $$
DECLARE
    unsealed CONSTANT xid8 := '18446744073709551615';
    sealed record;
BEGIN
    IF EXISTS (SELECT FROM lease WHERE until > now()) THEN
        RAISE object_in_use USING MESSAGE = 'somebody is at work: stop the hub first';
    END IF;
    UPDATE step SET tx = unsealed
    WHERE tx <> unsealed AND ((tx, event_id) > (SELECT seal.tx, seal.event_id FROM seal ORDER BY number DESC LIMIT 1)
        OR NOT EXISTS (SELECT FROM seal));
    COMMIT;
    FOR sealed IN SELECT number FROM seal ORDER BY number LOOP
        UPDATE step SET tx = pg_current_xact_id()
        FROM seal, unnest(seal.dossier_ids, seal.event_ids) AS named (dossier_id, event_id)
        WHERE seal.number = sealed.number
            AND step.dossier_id = named.dossier_id AND step.event_id = named.event_id;
        UPDATE seal SET tx = pg_current_xact_id(),
            event_id = (SELECT last FROM unnest(event_ids) AS last ORDER BY last DESC LIMIT 1)
        WHERE number = sealed.number;
        COMMIT;
    END LOOP;
    UPDATE step SET tx = CASE WHEN tx = unsealed THEN pg_current_xact_id() ELSE '0' END
    WHERE NOT EXISTS (SELECT FROM seal WHERE seal.tx = step.tx);
END
$$;
"""


def upgrade() -> None:
    op.execute(SEALS)
    op.execute(GROWS_ONLY)
    op.execute(ERASURE)
    op.execute(NUMBERED_ANEW)
