"""Tại Bộ phận Một cửa: what proxies did by which paper; where a result waits to be handed out."""

from alembic import op

revision = "0013"
down_revision = "0012"
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
    lack text CHECK (lack IN ('not-yet-valid', 'expired', 'out-of-scope', 'unreadable')),
    officer text,
    sealed text NOT NULL,
    CHECK ((lack IS NULL) = (officer IS NULL))
);
CREATE INDEX act_by_proxy_dossier ON act_by_proxy (dossier_id);
CREATE INDEX act_by_proxy_accepted ON act_by_proxy (at, event_id) WHERE lack IS NOT NULL;
"""

RESULTS = """
ALTER TABLE dossier_life
    ADD COLUMN result_sent_at timestamptz,
    ADD COLUMN result_arrived_at timestamptz,
    ADD CONSTRAINT dossier_life_sent_before_arrived CHECK (result_arrived_at IS NULL OR result_sent_at IS NOT NULL)
        NOT VALID;
ALTER TABLE hand_over_list
    ADD COLUMN carries text NOT NULL DEFAULT 'originals' CHECK (carries IN ('originals', 'results'));
-- What a desk has to hand out: no line is in it when a dossier is received.
CREATE INDEX register_line_to_hand_out ON register_line (desk_code, completed_at, dossier_id)
    WHERE completed_at IS NOT NULL AND state = 'accepted';
"""


def upgrade() -> None:
    op.execute(BY_PROXY)
    op.execute(RESULTS)
