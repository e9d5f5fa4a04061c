"""What is written down for a change, and what was prepared at home for the counter.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_entries",
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("work", name="pk_web_entries"),
    )
    op.create_table(
        "web_prefills",
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("void_after", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("ticket", name="pk_web_prefills"),
    )
    op.create_index("ix_web_prefills_person", "web_prefills", ["person"])
    op.create_index("ix_web_prefills_void_after", "web_prefills", ["void_after"])


def downgrade() -> None:
    op.drop_table("web_prefills")
    op.drop_table("web_entries")
