"""Official forms as they were issued, and the reasons that officers typed for them.

Kept without limit yet, as the register: a form is a record of the office. Personal data in both is sealed.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

FORMS = """
CREATE TABLE official_form (
    id uuid PRIMARY KEY,
    desk_code text NOT NULL,
    dossier_id uuid,
    kind text NOT NULL CHECK (kind IN ('01', '02', '03', '04', '05', '06', '07')),
    year smallint NOT NULL,
    number int NOT NULL CHECK (number > 0),
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    -- A form is replaced once: two officers at the same moment make a chain, never two heirs.
    replaces uuid UNIQUE REFERENCES official_form (id),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    signature jsonb NOT NULL,
    sealed_pdf text NOT NULL,
    UNIQUE (desk_code, kind, year, number),
    CHECK ((kind = '07') = (dossier_id IS NULL))
);
-- What is sealed can't be compressed: PostgreSQL needn't try.
ALTER TABLE official_form ALTER COLUMN sealed_pdf SET STORAGE EXTERNAL;
CREATE INDEX official_form_of_dossier ON official_form (dossier_id, issued_at);
CREATE UNIQUE INDEX official_form_first ON official_form (dossier_id, kind) WHERE replaces IS NULL;

CREATE TABLE typed_reason (
    dossier_id uuid NOT NULL,
    event_id uuid NOT NULL,
    decision text NOT NULL CHECK (decision IN ('supplement', 'refusal')),
    at timestamptz NOT NULL,
    sealed_reason text NOT NULL,
    PRIMARY KEY (dossier_id, event_id)
);
"""


def upgrade() -> None:
    op.execute(FORMS)
