"""The tables of the log.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transparency_staged",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "id", name="pk_transparency_staged"),
    )
    op.create_index("ix_transparency_staged_log_at", "transparency_staged", ["log", "at"])
    op.create_table(
        "transparency_entries",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "number", name="pk_transparency_entries"),
        sa.UniqueConstraint("log", "id", name="uq_transparency_entries_log_id"),
    )
    op.create_table(
        "transparency_tiles",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "level", "number", name="pk_transparency_tiles"),
    )
    op.create_table(
        "transparency_checkpoints",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_transparency_checkpoints"),
        sa.CheckConstraint("size >= 0", name=op.f("ck_transparency_checkpoints_size")),
    )


def downgrade() -> None:
    op.drop_table("transparency_checkpoints")
    op.drop_table("transparency_tiles")
    op.drop_table("transparency_entries")
    op.drop_index("ix_transparency_staged_log_at", "transparency_staged")
    op.drop_table("transparency_staged")
