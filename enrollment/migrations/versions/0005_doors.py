"""Peers' keys, nonces of signed requests, alarms, the daily comparison, snapshots made; when a message was sent.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrollment_gateway", sa.Column("sent_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_enrollment_gateway_supersedes", "enrollment_gateway", ["owner", "supersedes"])
    op.create_index("ix_enrollment_gateway_received", "enrollment_gateway", ["owner", "received_at"])
    op.add_column("enrollment_channels", sa.Column("address", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "enrollment_peer_keys",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "peer", "kid"),
        sa.CheckConstraint("kind IN ('municipality','channel')", name="ck_enrollment_peer_keys_kind"),
    )
    op.create_table(
        "enrollment_nonces",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", "nonce"),
    )
    op.create_index("ix_enrollment_nonces_expires", "enrollment_nonces", ["expires_at"])
    op.create_table(
        "enrollment_alarms",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "subject", "number"),
    )
    op.create_index("ix_enrollment_alarms_owner", "enrollment_alarms", ["owner", "ended_at"])
    op.create_table(
        "enrollment_comparisons",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outdated", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unknown", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("channel", "day"),
    )
    op.create_table(
        "enrollment_snapshots",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("owner", "digest"),
    )


def downgrade() -> None:
    for table in ("snapshots", "comparisons", "alarms", "nonces", "peer_keys"):
        op.drop_table(f"enrollment_{table}")
    op.drop_column("enrollment_channels", "address")
    op.drop_index("ix_enrollment_gateway_received", "enrollment_gateway")
    op.drop_index("ix_enrollment_gateway_supersedes", "enrollment_gateway")
    op.drop_column("enrollment_gateway", "sent_at")
