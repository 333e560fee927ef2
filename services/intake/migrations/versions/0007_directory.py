"""Danh bạ và danh mục công bố: imports that two persons look at, and what they published."""

from alembic import op

revision = "0007"
down_revision = "0006"

DIRECTORY = """
-- Who published what and when: kept without limit, as the register that rests on it. No file, no personal data; why
-- something was rejected is sealed.
CREATE TABLE reference_import (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('previewed', 'faulty', 'approved', 'rejected')),
    uploaded_by text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    sha256 bytea NOT NULL,
    bytes int NOT NULL,
    base jsonb NOT NULL,
    content jsonb NOT NULL,
    report jsonb NOT NULL,
    decided_by text,
    decided_at timestamptz,
    sealed_why text,
    edition int,
    CHECK ((state IN ('approved', 'rejected')) = (decided_at IS NOT NULL)),
    CHECK ((state = 'approved') = (edition IS NOT NULL)),
    CHECK (state <> 'approved' OR decided_by <> uploaded_by)
);

-- One row per kind, without limit.
CREATE TABLE edition (
    kind text PRIMARY KEY,
    number int NOT NULL CHECK (number > 0)
);

-- Only added to, without limit: old dossiers name desks and agencies that are no more. Of the rows of one version
-- (code, valid_from) that of the highest edition counts.
CREATE TABLE directory_entry (
    kind text NOT NULL,
    code text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    said jsonb NOT NULL,
    withdrawn boolean NOT NULL,
    edition int NOT NULL,
    import_id uuid NOT NULL REFERENCES reference_import,
    CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX directory_entry_versions ON directory_entry (kind, code, valid_from, edition DESC);
CREATE INDEX directory_entry_old_code ON directory_entry ((said ->> 'old_code')) WHERE kind = 'agencies';

-- Only added to, without limit: what was public on a day can be shown.
CREATE TABLE publication_list (
    kind text NOT NULL,
    edition int NOT NULL,
    import_id uuid NOT NULL REFERENCES reference_import,
    decision text NOT NULL,
    decided_on date NOT NULL,
    published_on date NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    lines jsonb NOT NULL,
    PRIMARY KEY (kind, edition),
    CHECK (published_on >= decided_on),
    CHECK (valid_to >= valid_from)
);
"""


def upgrade() -> None:
    op.execute(DIRECTORY)
