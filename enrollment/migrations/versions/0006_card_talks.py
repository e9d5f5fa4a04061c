"""Conversations with cards, what remains of them, and permissions to set a PIN anew.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollment_card_conversations",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation"),
        sa.CheckConstraint("state IN ('keys','card','done','failed')", name="ck_enrollment_card_conversations_state"),
    )
    op.create_index("ix_enrollment_card_conversations_state", "enrollment_card_conversations", ["state"])
    op.create_index("ix_enrollment_card_conversations_card", "enrollment_card_conversations", ["card_id"])
    op.create_table(
        "enrollment_card_turns",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("command", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("card_id", "conversation", "number"),
    )
    op.create_table(
        "enrollment_card_transcripts",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("key_hash", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("attestation", sa.Text(), nullable=True),
        sa.Column("commands", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "conversation"),
    )
    op.create_index("ix_enrollment_card_transcripts_key", "enrollment_card_transcripts", ["key_hash"])
    op.create_table(
        "enrollment_card_permissions",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("spent_by", sa.Text(), nullable=True),
        sa.Column("spent_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("card_id", "number"),
        sa.CheckConstraint("(spent_by IS NULL) = (spent_at IS NULL)", name="ck_enrollment_card_permissions_spent"),
        sa.CheckConstraint("done_at IS NULL OR spent_at IS NOT NULL", name="ck_enrollment_card_permissions_done"),
    )
    op.create_index("ix_enrollment_card_permissions_person", "enrollment_card_permissions", ["person"])


def downgrade() -> None:
    op.drop_table("enrollment_card_permissions")
    op.drop_table("enrollment_card_transcripts")
    op.drop_table("enrollment_card_turns")
    op.drop_table("enrollment_card_conversations")
