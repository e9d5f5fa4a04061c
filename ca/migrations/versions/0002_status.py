"""Journal, CRL numbers and leases.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_journal",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_ca_journal"),
        sa.CheckConstraint("position >= 1", name=op.f("ck_ca_journal_position")),
    )
    op.create_index("ix_ca_journal_issuer_serial", "ca_journal", ["issuer", "serial"])
    head = op.create_table(
        "ca_journal_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ca_journal_head"),
        sa.CheckConstraint("id = 1", name=op.f("ck_ca_journal_head_one")),
    )
    op.bulk_insert(head, [{"id": 1, "position": 0, "digest": "0" * 64}])
    op.create_table(
        "ca_crl_heads",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "partition", name="pk_ca_crl_heads"),
        sa.CheckConstraint("number >= 0", name=op.f("ck_ca_crl_heads_number")),
    )
    op.create_table(
        "ca_leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ca_leases"),
    )
    op.create_table(
        "ca_recovered",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "serial", name="pk_ca_recovered"),
    )


def downgrade() -> None:
    for table in ("ca_recovered", "ca_leases", "ca_crl_heads", "ca_journal_head", "ca_journal"):
        op.drop_table(table)
