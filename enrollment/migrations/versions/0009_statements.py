"""Messages that nobody can deliver are set aside; holders' own statements of where they live.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrollment_outbox", sa.Column("set_aside_at", sa.BigInteger(), nullable=True))
    op.add_column("enrollment_outbox", sa.Column("set_aside_because", sa.Text(), nullable=True))
    op.create_table(
        "enrollment_statements",
        sa.Column("piece", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("piece"),
    )
    op.create_index("ix_enrollment_statements_person", "enrollment_statements", ["person"])


def downgrade() -> None:
    op.drop_table("enrollment_statements")
    op.drop_column("enrollment_outbox", "set_aside_because")
    op.drop_column("enrollment_outbox", "set_aside_at")
