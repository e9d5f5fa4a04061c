"""Protection, grants, households, required evidence, the gateway and its brake.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollment_brakes",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pulled_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("owner", "number"),
    )
    op.create_table(
        "enrollment_channels",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name_ja", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "enrollment_gateway",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('held','released','retracted','quarantined')", name="ck_enrollment_gateway_state"
        ),
        sa.PrimaryKeyConstraint("owner", "message"),
    )
    op.create_index("ix_enrollment_gateway_due", "enrollment_gateway", ["state", "due_at"], unique=False)
    op.create_index("ix_enrollment_gateway_person", "enrollment_gateway", ["person"], unique=False)
    op.create_table(
        "enrollment_grants",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index("ix_enrollment_grants_person", "enrollment_grants", ["person"], unique=False)
    op.create_table(
        "enrollment_households",
        sa.Column("filing", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("filer", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("filing", "person"),
    )
    op.create_table(
        "enrollment_notices",
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("acked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("flag", "version", "channel"),
    )
    op.create_index("ix_enrollment_notices_due", "enrollment_notices", ["acked_at", "due_at"], unique=False)
    op.create_table(
        "enrollment_protection",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("contact_desk", sa.Text(), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("release_after", sa.BigInteger(), nullable=True),
        sa.Column("release_approval", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("person", "number"),
        sa.UniqueConstraint("flag", name="uq_enrollment_protection_flag"),
    )
    op.create_index("ix_enrollment_protection_owner", "enrollment_protection", ["owner", "state"], unique=False)
    op.create_table(
        "enrollment_residence",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.BigInteger(), nullable=False),
        sa.Column("adopted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "procedure", "effective_from"),
    )
    op.create_table(
        "enrollment_unlocks",
        sa.Column("unlock", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("unlock"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    op.drop_table("enrollment_unlocks")
    op.drop_table("enrollment_residence")
    op.drop_table("enrollment_protection")
    op.drop_table("enrollment_notices")
    op.drop_table("enrollment_households")
    op.drop_table("enrollment_grants")
    op.drop_table("enrollment_gateway")
    op.drop_table("enrollment_channels")
    op.drop_table("enrollment_brakes")
    # ### end Alembic commands ###
