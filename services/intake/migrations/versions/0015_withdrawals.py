"""Bãi bỏ thủ tục: who proposed and decided, what ends when. Lists: what is stopped ended when it was stopped.

See docs/decisions/0018-importing-published-procedures.md and 0020-lists-and-changes.md.
"""

from alembic import op

revision = "0015"
down_revision = "0013"
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
    sealed_why text,
    CHECK ((state = 'proposed') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
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


def upgrade() -> None:
    op.execute(WITHDRAWALS)
