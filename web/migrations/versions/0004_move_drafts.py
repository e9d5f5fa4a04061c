"""Households' moves while they are being agreed on.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_move_drafts",
        sa.Column("filing", sa.Text(), nullable=False),
        sa.Column("filer", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("roster", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("void_after", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("filing", name="pk_web_move_drafts"),
    )
    op.create_index("ix_web_move_drafts_filer_state", "web_move_drafts", ["filer", "state"])
    op.create_table(
        "web_move_consents",
        sa.Column("filing", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("filing", "person", name="pk_web_move_consents"),
    )
    op.create_index("ix_web_move_consents_person", "web_move_consents", ["person"])


def downgrade() -> None:
    op.drop_table("web_move_consents")
    op.drop_table("web_move_drafts")
