"""Files of dossiers: uploads, contents with their parts, links for agencies, downloads. No bytes, no names in clear.

How long rows stay: file_upload, 24 hours after its last chunk; dossier_file, file_link and file_access, as long as
their dossier; file_content with its parts, as long as a file or an upload shows it: then the sweeper removes them, and
their objects.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

FILES = """
CREATE TABLE file_content (
    id uuid PRIMARY KEY,
    size bigint NOT NULL CHECK (size > 0),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    media_type text NOT NULL,
    sealed_key text NOT NULL,
    verdict text CHECK (verdict IN ('clean', 'infected')),
    scanned_at timestamptz,
    scan_tried_at timestamptz,
    CHECK ((verdict IS NULL) = (scanned_at IS NULL))
);

CREATE TABLE file_part (
    content_id uuid NOT NULL REFERENCES file_content ON DELETE CASCADE,
    start bigint NOT NULL CHECK (start >= 0),
    length int NOT NULL CHECK (length > 0),
    object_id uuid NOT NULL UNIQUE,
    PRIMARY KEY (content_id, start)
);

CREATE TABLE file_upload (
    id uuid PRIMARY KEY REFERENCES file_content,
    dossier_id uuid NOT NULL REFERENCES dossier ON DELETE CASCADE,
    component text NOT NULL,
    sealed_name text NOT NULL,
    started_by text NOT NULL,
    started_at timestamptz NOT NULL,
    touched_at timestamptz NOT NULL,
    received bigint NOT NULL CHECK (received >= 0),
    chunks int NOT NULL CHECK (chunks >= 0),
    state text NOT NULL CHECK (state IN ('open', 'kept', 'refused'))
) WITH (fillfactor = 70);
CREATE INDEX file_upload_dossier ON file_upload (dossier_id);
CREATE INDEX file_upload_touched ON file_upload (touched_at);

CREATE TABLE dossier_file (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossier ON DELETE CASCADE,
    content_id uuid NOT NULL REFERENCES file_content,
    component text NOT NULL,
    sealed_name text NOT NULL,
    uploaded_by text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    reused_from uuid
);
CREATE INDEX dossier_file_dossier ON dossier_file (dossier_id, uploaded_at, id);
CREATE INDEX dossier_file_content ON dossier_file (content_id);

-- What no scanner has looked at yet, those first that waited longest since the last try.
CREATE INDEX file_content_unscanned ON file_content (scan_tried_at NULLS FIRST, id) WHERE verdict IS NULL;

CREATE TABLE file_link (
    id uuid PRIMARY KEY,
    file_id uuid NOT NULL REFERENCES dossier_file ON DELETE CASCADE,
    agency text NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
    revoked_by text,
    revoked_at timestamptz,
    CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
);
CREATE INDEX file_link_file ON file_link (file_id);

CREATE TABLE file_access (
    id uuid PRIMARY KEY,
    file_id uuid NOT NULL REFERENCES dossier_file ON DELETE CASCADE,
    link_id uuid REFERENCES file_link ON DELETE CASCADE,
    taken_by text NOT NULL,
    taken_at timestamptz NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL
);
CREATE INDEX file_access_file ON file_access (file_id, taken_at);
CREATE INDEX file_access_link ON file_access (link_id);
"""


def upgrade() -> None:
    op.execute(FILES)
