"""Bổ sung, rút hồ sơ theo ủy quyền: two more acts that a proxy's paper is checked for.

See docs/decisions/0036-fees-papers-and-results-at-the-desk.md.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MORE_ACTS = """
ALTER TABLE act_by_proxy
    DROP CONSTRAINT act_by_proxy_act_check,
    ADD CONSTRAINT act_by_proxy_act_check CHECK (act IN ('submit', 'supplement', 'withdraw', 'collect')) NOT VALID
"""


def upgrade() -> None:
    op.execute(MORE_ACTS)
