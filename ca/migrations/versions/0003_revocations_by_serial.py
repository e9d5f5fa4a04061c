"""SQLite keeps revocations in the order of their serials, as the code's table says: a CRL is then one scan.

With a hidden row number the table was read through an index, one random access for each entry of a CRL. PostgreSQL
knows no such thing, and nothing is done there.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _remake(with_rowid=False)


def downgrade() -> None:
    _remake(with_rowid=True)


def _remake(*, with_rowid: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.drop_index("ix_ca_revocations_issuer_at", "ca_revocations")
    op.drop_index("ix_ca_revocations_issuer_position", "ca_revocations")
    op.rename_table("ca_revocations", "ca_revocations_before")
    op.create_table(
        "ca_revocations",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("invalidity_date", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entry_der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "serial", name="pk_ca_revocations"),
        sa.CheckConstraint("reason BETWEEN 0 AND 10 AND reason NOT IN (7, 8)", name=op.f("ck_ca_revocations_reason")),
        sqlite_with_rowid=with_rowid,
    )
    op.execute("INSERT INTO ca_revocations SELECT * FROM ca_revocations_before ORDER BY issuer, serial")
    op.drop_table("ca_revocations_before")
    op.create_index("ix_ca_revocations_issuer_at", "ca_revocations", ["issuer", "at"])
    op.create_index("ix_ca_revocations_issuer_position", "ca_revocations", ["issuer", "position"])
