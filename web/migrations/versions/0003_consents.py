"""Consents of people, client certificates of relying parties, and how far a verification has come.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_consents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger()),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("document", sa.Text()),
        sa.Column("signature", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_web_consents"),
    )
    op.create_index("ix_web_consents_person_party", "web_consents", ["person", "party"])
    op.create_table(
        "web_party_certificates",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_web_party_certificates"),
    )
    op.create_index("ix_web_party_certificates_party", "web_party_certificates", ["party"])
    op.add_column("web_verifications", sa.Column("stage", sa.Text()))


def downgrade() -> None:
    op.drop_column("web_verifications", "stage")
    op.drop_table("web_party_certificates")
    op.drop_table("web_consents")
