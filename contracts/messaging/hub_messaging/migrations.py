"""Cập nhật cơ sở dữ liệu: each service's own Alembic history, run by a job before the services start.

`python -m hub_messaging.migrations intake` reads INTAKE_DATABASE_URL. Services check nothing and create nothing.
"""

import os
import sys
import time
from pathlib import Path

import structlog
from alembic import command, context
from alembic.config import Config
from psycopg.errors import LockNotAvailable
from sqlalchemy import create_engine, pool, text
from sqlalchemy.exc import OperationalError

log = structlog.get_logger(__name__)

LOCK_SECONDS = 2
"""A change of a table waits so long for those who use it: meanwhile all others wait behind it."""
LOCK_TRIES = 100
LOCK_PAUSE_SECONDS = 1.0

SPINE_V1 = """
CREATE TABLE inbox (
    event_id uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_seen ON inbox USING brin (seen_at);

CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    key text NOT NULL,
    headers text NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX outbox_recorded ON outbox USING brin (recorded_at);
CREATE TABLE outbox_pending (seq bigint PRIMARY KEY)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE position (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE lease (
    name text PRIMARY KEY,
    slot text NOT NULL,
    holder uuid NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE request (
    key text PRIMARY KEY,
    body_sha256 bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX request_answered ON request USING brin (answered_at);

CREATE TABLE refused_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    type text,
    headers text NOT NULL,
    key bytea,
    body bytea,
    state text NOT NULL CHECK (state IN ('waiting', 'dead', 'replayed', 'discarded')),
    reason text NOT NULL,
    detail text NOT NULL DEFAULT '',
    attempts int NOT NULL DEFAULT 1,
    refused_at timestamptz NOT NULL DEFAULT now(),
    next_at timestamptz,
    decided_by text,
    decided_why text
);
CREATE INDEX refused_record_due ON refused_record (next_at) WHERE state = 'waiting';
CREATE INDEX refused_record_state ON refused_record (state, id);
"""

TIMERS_V1 = """
CREATE TABLE timer (
    dossier_id uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (dossier_id, kind)
);
CREATE INDEX timer_due ON timer (due_at);
"""

WORK_V1 = """
CREATE TABLE work (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    lane text NOT NULL,
    dossier_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('ready', 'behind', 'done', 'refused', 'set_aside')),
    outcome text,
    attempts int NOT NULL DEFAULT 0,
    own_failures int NOT NULL DEFAULT 0,
    fact_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    next_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX work_due ON work (lane, next_at) WHERE state = 'ready';
CREATE INDEX work_open ON work (lane, dossier_id, seq) WHERE state IN ('ready', 'behind', 'set_aside');
CREATE INDEX work_behind ON work (lane, dossier_id, seq) WHERE state = 'behind';
CREATE INDEX work_aside ON work (lane, seq) WHERE state IN ('refused', 'set_aside');
CREATE TABLE work_body (id uuid PRIMARY KEY, body bytea NOT NULL);
"""

UNKNOWN_OUTCOMES_V1 = """
ALTER TABLE work ADD COLUMN started_at timestamptz, ADD COLUMN settled_by text, ADD COLUMN settled_why text,
    DROP CONSTRAINT work_state_check,
    ADD CONSTRAINT work_state_check
        CHECK (state IN ('ready', 'behind', 'done', 'refused', 'set_aside', 'unknown')) NOT VALID;
CREATE INDEX work_unsettled ON work (lane, dossier_id, seq) WHERE state IN ('ready', 'behind', 'set_aside', 'unknown');
CREATE INDEX work_looked_after ON work (lane, seq) WHERE state IN ('refused', 'set_aside', 'unknown');
CREATE INDEX work_unknown ON work (next_at) WHERE state = 'unknown';
CREATE INDEX work_started ON work (lane) WHERE state = 'ready' AND started_at IS NOT NULL;
DROP INDEX work_open;
DROP INDEX work_aside;
"""
"""Expands only: statements of the version before find what they look for in the wider indexes."""

WITHDRAWN_V1 = """
CREATE INDEX IF NOT EXISTS work_refused ON work (lane, dossier_id) WHERE state = 'refused';
CREATE INDEX IF NOT EXISTS work_in_doubt ON work (lane) WHERE state = 'done' AND started_at IS NOT NULL;
"""
"""Expands only: the version before leaves nothing to be found in the second. Operators may have built them before."""

TOPIC_IDS_V1 = "ALTER TABLE position ADD COLUMN topic_id uuid"
"""Expands only: the version before neither reads nor writes it."""


def upgrade(service: str, database_url: str) -> None:
    """Brings the service's database to the newest version. Repeating it changes nothing.

    A database that a newer version has expanded stays as it is: this version works on it (docs/operations.md). Raises
    sqlalchemy's OperationalError when a table was in use for minutes without end, by a backup for example.
    """
    config = Config()
    config.set_main_option("script_location", str(_folder(service)))
    config.attributes["database_url"] = database_url
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            return command.upgrade(config, "head")
        except OperationalError as trouble:
            if not isinstance(trouble.orig, LockNotAvailable) or not tries_left:
                raise
        log.warning("table_in_use", service=service, tries_left=tries_left)
        time.sleep(LOCK_PAUSE_SECONDS)


def run_env() -> None:
    """What each service's migrations/env.py does: one transaction, under a lock, so that two jobs can't collide."""
    url = context.config.attributes["database_url"].replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(742001)"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            if newer := _unknown_revisions():
                log.warning("database_is_newer", revisions=sorted(newer))
            else:
                context.run_migrations()


def _unknown_revisions() -> set[str]:
    """What a newer version has done to this database."""
    known = {script.revision for script in context.script.walk_revisions()}
    return set(context.get_context().get_current_heads()) - known


def _folder(service: str) -> Path:
    from importlib.util import find_spec

    found = find_spec(f"services.{service}")
    if found is None or found.origin is None:
        raise LookupError(f"there is no service {service!r}")
    return Path(found.origin).parent / "migrations"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        upgrade(name, os.environ[f"{name.upper()}_DATABASE_URL"])
