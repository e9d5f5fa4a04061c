"""Which verification a signature was first handed in for: one that ended without a verdict used nothing up.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("web_seen_signatures", sa.Column("verification", sa.Text()))


def downgrade() -> None:
    op.drop_column("web_seen_signatures", "verification")
