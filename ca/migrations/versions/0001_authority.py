"""The first tables of the authority.

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
        "ca_authorities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("key_label", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ca_authorities"),
        sa.CheckConstraint("state = 'pending' OR certificate IS NOT NULL", name=op.f("ck_ca_authorities_certified")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_ca_authorities_generation")),
        sa.CheckConstraint("state IN ('pending', 'active', 'retired', 'ended')", name=op.f("ck_ca_authorities_state")),
        sa.UniqueConstraint("fingerprint", name="uq_ca_authorities_fingerprint"),
        sa.UniqueConstraint("purpose", "generation", name="uq_ca_authorities_purpose_generation"),
    )
    op.create_table(
        "ca_intents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("order_digest", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("assurance", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("tbs", sa.LargeBinary(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ca_intents"),
        sa.CheckConstraint("length(serial) = 40", name=op.f("ck_ca_intents_serial")),
        sa.CheckConstraint("state IN ('intended', 'issued', 'withdrawn')", name=op.f("ck_ca_intents_state")),
        sa.CheckConstraint("not_before <= not_after", name=op.f("ck_ca_intents_validity")),
        sa.ForeignKeyConstraint(["issuer"], ["ca_authorities.id"], name="fk_ca_intents_issuer"),
        sa.UniqueConstraint("idempotency_key", name="uq_ca_intents_idempotency_key"),
        sa.UniqueConstraint("issuer", "serial", name="uq_ca_intents_issuer_serial"),
    )
    op.create_index("ix_ca_intents_state_created_at", "ca_intents", ["state", "created_at"])
    op.create_table(
        "ca_certificates",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("assurance", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "serial", name="pk_ca_certificates"),
        sa.ForeignKeyConstraint(["intent_id"], ["ca_intents.id"], name="fk_ca_certificates_intent_id"),
        sa.ForeignKeyConstraint(
            ["issuer", "serial"], ["ca_intents.issuer", "ca_intents.serial"], name="fk_ca_certificates_issuer_serial"
        ),
        sa.UniqueConstraint("fingerprint", name="uq_ca_certificates_fingerprint"),
        sa.UniqueConstraint("intent_id", name="uq_ca_certificates_intent_id"),
    )
    op.create_index("ix_ca_certificates_card_id", "ca_certificates", ["card_id"])
    op.create_index("ix_ca_certificates_issued_at", "ca_certificates", ["issued_at"])
    op.create_index("ix_ca_certificates_key_hash", "ca_certificates", ["key_hash"])
    op.create_index("ix_ca_certificates_not_after", "ca_certificates", ["not_after"])
    op.create_index("ix_ca_certificates_owner", "ca_certificates", ["owner"])
    op.create_table(
        "ca_partitions",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("point", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "partition", name="pk_ca_partitions"),
        sa.ForeignKeyConstraint(["issuer"], ["ca_authorities.id"], name="fk_ca_partitions_issuer"),
    )
    op.create_table(
        "ca_keys",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_ca_keys"),
    )
    op.create_table(
        "ca_blocked_keys",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_ca_blocked_keys"),
    )
    op.create_table(
        "ca_responders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key_label", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ca_responders"),
        sa.CheckConstraint("state = 'pending' OR certificate IS NOT NULL", name=op.f("ck_ca_responders_certified")),
        sa.CheckConstraint("state IN ('pending', 'active', 'retired')", name=op.f("ck_ca_responders_state")),
        sa.ForeignKeyConstraint(["authority"], ["ca_authorities.id"], name="fk_ca_responders_authority"),
        sa.UniqueConstraint("authority", "number", name="uq_ca_responders_authority_number"),
    )
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
    )
    op.create_index("ix_ca_revocations_issuer_at", "ca_revocations", ["issuer", "at"])
    op.create_index("ix_ca_revocations_issuer_position", "ca_revocations", ["issuer", "position"])
    op.create_table(
        "ca_crls",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("this_update", sa.BigInteger(), nullable=False),
        sa.Column("next_update", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("issuer", "partition", "kind", "number", name="pk_ca_crls"),
        sa.CheckConstraint("number >= 1", name=op.f("ck_ca_crls_number")),
        sa.CheckConstraint("this_update < next_update", name=op.f("ck_ca_crls_update")),
        sa.ForeignKeyConstraint(["issuer"], ["ca_authorities.id"], name="fk_ca_crls_issuer"),
    )


def downgrade() -> None:
    for table in (
        "ca_crls",
        "ca_revocations",
        "ca_responders",
        "ca_blocked_keys",
        "ca_keys",
        "ca_partitions",
        "ca_certificates",
        "ca_intents",
        "ca_authorities",
    ):
        op.drop_table(table)
