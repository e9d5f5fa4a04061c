"""The first tables of the registry, the ledger and what surrounds them.

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
        "enrollment_access_records",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("affairs", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("provided", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", "position"),
        sa.UniqueConstraint("record", name="uq_enrollment_access_records_record"),
    )
    op.create_table(
        "enrollment_applications",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counter", sa.Text(), nullable=True),
        sa.Column("filed_by", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("card_id", sa.Text(), nullable=True),
        sa.Column("card_not_after", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("filed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application"),
    )
    op.create_index("ix_enrollment_applications_person", "enrollment_applications", ["person"], unique=False)
    op.create_table(
        "enrollment_approvals",
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("affair", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_card", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_card", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> proposed_by", name="ck_enrollment_approvals_two_people"
        ),
        sa.CheckConstraint(
            "decided_card IS NULL OR decided_card <> proposed_card", name="ck_enrollment_approvals_two_cards"
        ),
        sa.PrimaryKeyConstraint("approval"),
    )
    op.create_index("ix_enrollment_approvals_subject", "enrollment_approvals", ["subject"], unique=False)
    op.create_table(
        "enrollment_cards",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id"),
    )
    op.create_index("ix_enrollment_cards_person", "enrollment_cards", ["person"], unique=False)
    op.create_table(
        "enrollment_certificates",
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("not_after", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("intent"),
        sa.UniqueConstraint("application", "purpose", name="uq_enrollment_certificates_application"),
        sa.UniqueConstraint("fingerprint", name="uq_enrollment_certificates_fingerprint"),
    )
    op.create_index("ix_enrollment_certificates_card", "enrollment_certificates", ["card_id"], unique=False)
    op.create_index("ix_enrollment_certificates_person", "enrollment_certificates", ["person"], unique=False)
    op.create_table(
        "enrollment_confirmations",
        sa.Column("confirmation", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("confirmation"),
    )
    op.create_table(
        "enrollment_counters",
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_ja", sa.Text(), nullable=False),
        sa.Column("affairs", sa.Text(), nullable=False),
        sa.Column("designated_from", sa.BigInteger(), nullable=True),
        sa.Column("designated_until", sa.BigInteger(), nullable=True),
        sa.Column("designation_record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("counter"),
    )
    op.create_table(
        "enrollment_evidence",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "enrollment_filings",
        sa.Column("filing", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("filing"),
    )
    op.create_table(
        "enrollment_idempotency",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", "key"),
    )
    op.create_table(
        "enrollment_municipalities",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("prefecture_roman", sa.Text(), nullable=False),
        sa.Column("municipality_roman", sa.Text(), nullable=False),
        sa.Column("name_ja", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_table(
        "enrollment_operators",
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("card_fingerprint", sa.Text(), nullable=False),
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("operator"),
        sa.UniqueConstraint("card_fingerprint", name="uq_enrollment_operators_card"),
    )
    op.create_table(
        "enrollment_outbox",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject", "number"),
        sa.UniqueConstraint("message", name="uq_enrollment_outbox_message"),
    )
    op.create_index("ix_enrollment_outbox_due", "enrollment_outbox", ["delivered_at", "due_at"], unique=False)
    op.create_table(
        "enrollment_people",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_substitutes", sa.Text(), nullable=False),
        sa.Column("date_of_birth", sa.Text(), nullable=False),
        sa.Column("gender", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_substitutes", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_index("ix_enrollment_people_owner", "enrollment_people", ["owner"], unique=False)
    op.create_table(
        "enrollment_policies",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("max_consecutive", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.BigInteger(), nullable=False),
        sa.Column("adopted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "version"),
        sa.UniqueConstraint("owner", "effective_from", name="uq_enrollment_policies_effective"),
        sa.UniqueConstraint("owner", "version", "max_consecutive", name="uq_enrollment_policies_cap"),
    )
    op.create_table(
        "enrollment_requests",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", "purpose"),
    )
    op.create_table(
        "enrollment_ledger",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("anchor", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=True),
        sa.Column("adjustment", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cap", sa.Integer(), autoincrement=False, nullable=True),
        sa.Column("policy_owner", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("corrects", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("(kind = 'correction') = (corrects IS NOT NULL)", name="ck_enrollment_ledger_corrects"),
        sa.CheckConstraint(
            "kind IN ('anchor','remote-move','remote-reissue','remote-renewal','official-change',"
            "'correction','contact')",
            name="ck_enrollment_ledger_kind",
        ),
        sa.CheckConstraint("seq IS NULL OR kind LIKE 'remote-%'", name="ck_enrollment_ledger_only_remote_has_place"),
        sa.CheckConstraint("(seq IS NULL) = (cap IS NULL)", name="ck_enrollment_ledger_place_has_cap"),
        sa.CheckConstraint("seq IS NULL OR (seq >= 1 AND seq + adjustment <= cap)", name="ck_enrollment_ledger_cap"),
        sa.ForeignKeyConstraint(
            ["policy_owner", "policy_version", "cap"],
            ["enrollment_policies.owner", "enrollment_policies.version", "enrollment_policies.max_consecutive"],
            name="fk_enrollment_ledger_cap",
        ),
        sa.PrimaryKeyConstraint("person", "position"),
        sa.UniqueConstraint("corrects", name="uq_enrollment_ledger_corrects_once"),
        sa.UniqueConstraint("event", name="uq_enrollment_ledger_event"),
        sa.UniqueConstraint("person", "anchor", "seq", name="uq_enrollment_ledger_place"),
    )


def downgrade() -> None:
    op.drop_table("enrollment_ledger")
    op.drop_table("enrollment_requests")
    op.drop_table("enrollment_policies")
    op.drop_table("enrollment_people")
    op.drop_table("enrollment_outbox")
    op.drop_table("enrollment_operators")
    op.drop_table("enrollment_municipalities")
    op.drop_table("enrollment_idempotency")
    op.drop_table("enrollment_filings")
    op.drop_table("enrollment_evidence")
    op.drop_table("enrollment_counters")
    op.drop_table("enrollment_confirmations")
    op.drop_table("enrollment_certificates")
    op.drop_table("enrollment_cards")
    op.drop_table("enrollment_approvals")
    op.drop_table("enrollment_applications")
    op.drop_table("enrollment_access_records")
