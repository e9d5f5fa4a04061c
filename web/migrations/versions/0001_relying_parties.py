"""Relying parties, their verifications and their calls.

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
        "web_parties",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("party", name="pk_web_parties"),
    )
    op.create_table(
        "web_party_keys",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("spki", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("party", "kid", name="pk_web_party_keys"),
    )
    op.create_table(
        "web_assertions",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("party", "jti", name="pk_web_assertions"),
    )
    op.create_index("ix_web_assertions_expires", "web_assertions", ["expires"])
    op.create_table(
        "web_usage",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("party", "minute", name="pk_web_usage"),
    )
    op.create_table(
        "web_verifications",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_web_verifications"),
        sa.UniqueConstraint("party", "idempotency_key", name="uq_web_verifications_party_idempotency_key"),
    )
    op.create_index("ix_web_verifications_party_created_at", "web_verifications", ["party", "created_at"])
    op.create_table(
        "web_calls",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("party", "id", name="pk_web_calls"),
    )
    op.create_index("ix_web_calls_party_at", "web_calls", ["party", "at"])
    op.create_table(
        "web_seen_signatures",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("party", "signature", name="pk_web_seen_signatures"),
    )
    op.create_table(
        "web_challenges",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_web_challenges"),
    )
    op.create_index("ix_web_challenges_expires", "web_challenges", ["expires"])
    op.create_table(
        "web_handles",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("party", "handle", name="pk_web_handles"),
    )


def downgrade() -> None:
    for table in (
        "web_handles",
        "web_challenges",
        "web_seen_signatures",
        "web_calls",
        "web_verifications",
        "web_usage",
        "web_assertions",
        "web_party_keys",
        "web_parties",
    ):
        op.drop_table(table)
