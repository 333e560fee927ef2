"""Danh mục thủ tục đã nhập: published versions, their counter, what an import run has seen."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CATALOGUE = """
-- One row for each kind of reference data; raised by every transaction that publishes some. Kept for good.
CREATE TABLE reference_version (
    kind text PRIMARY KEY,
    version bigint NOT NULL CHECK (version >= 0)
) WITH (fillfactor = 50);
INSERT INTO reference_version (kind, version) VALUES ('procedures', 0);

-- Phiên bản đã công bố. Never changed nor deleted: dossiers are pinned to it. Kept for good.
CREATE TABLE procedure_version (
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 40),
    version int NOT NULL CHECK (version > 0),
    content jsonb NOT NULL,
    flags jsonb NOT NULL,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    reference_version bigint NOT NULL CHECK (reference_version > 0),
    PRIMARY KEY (code, version)
);
CREATE INDEX procedure_version_published ON procedure_version (reference_version);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published version is never changed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER procedure_version_is_immutable BEFORE UPDATE OR DELETE ON procedure_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The newest version of each procedure, and the texts it cites. Kept for good.
CREATE TABLE procedure_head (
    code text PRIMARY KEY,
    version int NOT NULL CHECK (version > 0),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    numbers jsonb NOT NULL,
    FOREIGN KEY (code, version) REFERENCES procedure_version DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 80);
CREATE INDEX procedure_head_numbers ON procedure_head USING gin (numbers);

-- Which codes an import run has seen, so that one code with two contents is noticed. Kept 7 days.
CREATE TABLE catalogue_run (
    key text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    file text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    op.execute(CATALOGUE)
