"""A municipality's work of some days is found without reading all of it.

Revision: 0009, after 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_web_work_owner_started_at", "web_work", ["owner", "started_at"])


def downgrade() -> None:
    op.drop_index("ix_web_work_owner_started_at", table_name="web_work")
