"""Tại Bộ phận Một cửa: what proxies did by which paper; where a result waits to be handed out."""

from alembic import op

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None

BY_PROXY = """
-- Kept as long as the dossier. `sealed`: the paper that was shown, and why one that lacks was accepted.
CREATE TABLE act_by_proxy (
    event_id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL,
    act text NOT NULL CHECK (act IN ('submit', 'collect')),
    at timestamptz NOT NULL,
    desk_code text NOT NULL,
    lack text CHECK (lack IN ('not-yet-valid', 'expired', 'out-of-scope')),
    officer text,
    sealed text NOT NULL,
    CHECK ((lack IS NULL) = (officer IS NULL))
);
CREATE INDEX act_by_proxy_dossier ON act_by_proxy (dossier_id);
CREATE INDEX act_by_proxy_accepted ON act_by_proxy (at, event_id) WHERE lack IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(BY_PROXY)
