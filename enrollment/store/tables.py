"""The tables, as SQLAlchemy sees them; migration 0001 makes the same by hand.

Instants are BIGINT seconds UTC, days are ISO dates in text, sets and records are canonical JSON in text.
`info["shard"]` names the column by which a table would be spread over several databases: one person's rows stay
together; `owner` is the municipality's code and never the key of a person's rows, for people move.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=null, autoincrement=False)


def _instant(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _octets(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


municipalities = Table(
    "enrollment_municipalities",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("prefecture_roman", Text, nullable=False),
    Column("municipality_roman", Text, nullable=False),
    Column("name_ja", Text, nullable=False),
    info={"shard": "reference"},
)

people = Table(
    "enrollment_people",
    METADATA,
    _text("person", key=True),
    _text("owner"),
    _text("name"),
    _text("name_substitutes"),
    _text("date_of_birth"),
    _text("gender"),
    _text("address"),
    _text("address_substitutes"),
    _text("status"),
    _number("version"),
    _instant("since"),
    Index("ix_enrollment_people_owner", "owner"),
    info={"shard": "person"},
)

access_records = Table(
    "enrollment_access_records",
    METADATA,
    _text("person", key=True),
    _number("position", key=True),
    _text("record"),
    _instant("at"),
    _text("function"),
    _text("reason"),
    _text("affairs"),
    _text("provider"),
    _text("recipient"),
    _text("provided"),
    _text("legal_basis"),
    _text("result"),
    _text("previous"),
    _text("hash"),
    UniqueConstraint("record", name="uq_enrollment_access_records_record"),
    info={"shard": "person"},
)

counters = Table(
    "enrollment_counters",
    METADATA,
    _text("counter", key=True),
    _text("owner"),
    _text("kind"),
    _text("name_ja"),
    _text("affairs"),
    _instant("designated_from", null=True),
    _instant("designated_until", null=True),
    _text("designation_record"),
    info={"shard": "reference"},
)

operators = Table(
    "enrollment_operators",
    METADATA,
    _text("operator", key=True),
    _text("owner"),
    _text("roles"),
    _text("card_fingerprint"),
    _text("counter"),
    _instant("not_before"),
    _instant("not_after"),
    _text("person", null=True),
    UniqueConstraint("card_fingerprint", name="uq_enrollment_operators_card"),
    info={"shard": "reference"},
)

evidence = Table(
    "enrollment_evidence",
    METADATA,
    _text("digest", key=True),
    _text("person"),
    _text("body"),
    _octets("signature", null=True),
    _text("used_by", null=True),
    info={"shard": "person"},
)

approvals = Table(
    "enrollment_approvals",
    METADATA,
    _text("approval", key=True),
    _text("owner"),
    _text("affair"),
    _text("subject"),
    _text("content"),
    _text("state"),
    _text("proposed_by"),
    _text("proposed_card"),
    _instant("proposed_at"),
    _instant("expires_at"),
    _text("decided_by", null=True),
    _text("decided_card", null=True),
    _instant("decided_at", null=True),
    _text("reason"),
    CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="ck_enrollment_approvals_two_people"),
    CheckConstraint("decided_card IS NULL OR decided_card <> proposed_card", name="ck_enrollment_approvals_two_cards"),
    Index("ix_enrollment_approvals_subject", "subject"),
    info={"shard": "owner"},
)

applications = Table(
    "enrollment_applications",
    METADATA,
    _text("application", key=True),
    _text("owner"),
    _text("person"),
    _text("kind"),
    _text("state"),
    _number("version"),
    _text("counter", null=True),
    _text("filed_by"),
    _text("approval", null=True),
    _text("evidence", null=True),
    _text("card_id", null=True),
    _instant("card_not_after"),
    _text("reason"),
    _instant("filed_at"),
    _instant("changed_at"),
    Index("ix_enrollment_applications_person", "person"),
    info={"shard": "person"},
)

requests = Table(
    "enrollment_requests",
    METADATA,
    _text("application", key=True),
    _text("purpose", key=True),
    _text("person"),
    _octets("request"),
    info={"shard": "person"},
)

certificates = Table(
    "enrollment_certificates",
    METADATA,
    _text("intent", key=True),
    _text("application"),
    _text("person"),
    _text("purpose"),
    _text("card_id"),
    _text("issuer", null=True),
    _text("serial", null=True),
    _text("fingerprint", null=True),
    _instant("not_before", null=True),
    _instant("not_after", null=True),
    _instant("ended_at", null=True),
    _text("ended_because", null=True),
    UniqueConstraint("fingerprint", name="uq_enrollment_certificates_fingerprint"),
    UniqueConstraint("application", "purpose", name="uq_enrollment_certificates_application"),
    Index("ix_enrollment_certificates_person", "person"),
    Index("ix_enrollment_certificates_card", "card_id"),
    info={"shard": "person"},
)

cards = Table(
    "enrollment_cards",
    METADATA,
    _text("card_id", key=True),
    _text("person"),
    _text("owner"),
    _text("state"),
    _number("version"),
    _instant("not_after"),
    _instant("changed_at"),
    Index("ix_enrollment_cards_person", "person"),
    info={"shard": "person"},
)

policies = Table(
    "enrollment_policies",
    METADATA,
    _text("owner", key=True),
    _text("version", key=True),
    _instant("effective_from"),
    _number("max_consecutive"),
    _text("body"),
    _instant("adopted_at"),
    _text("adopted_by"),
    UniqueConstraint("owner", "version", "max_consecutive", name="uq_enrollment_policies_cap"),
    UniqueConstraint("owner", "effective_from", name="uq_enrollment_policies_effective"),
    info={"shard": "reference"},
)

ledger = Table(
    "enrollment_ledger",
    METADATA,
    _text("person", key=True),
    _number("position", key=True),
    _text("event"),
    _text("owner"),
    _text("kind"),
    _instant("at"),
    _number("anchor"),
    _number("seq", null=True),
    _number("adjustment"),
    _number("cap", null=True),
    _text("policy_owner"),
    _text("policy_version"),
    _text("actor"),
    _text("channel"),
    _text("level"),
    _text("evidence"),
    _text("corrects", null=True),
    _text("previous"),
    _text("hash"),
    # the rule of the whole service: a place after an anchor exists once, and none lies past the cap
    UniqueConstraint("person", "anchor", "seq", name="uq_enrollment_ledger_place"),
    CheckConstraint("seq IS NULL OR (seq >= 1 AND seq + adjustment <= cap)", name="ck_enrollment_ledger_cap"),
    CheckConstraint("(seq IS NULL) = (cap IS NULL)", name="ck_enrollment_ledger_place_has_cap"),
    CheckConstraint(
        "kind IN ('anchor','remote-move','remote-reissue','remote-renewal','official-change','correction','contact')",
        name="ck_enrollment_ledger_kind",
    ),
    CheckConstraint("seq IS NULL OR kind LIKE 'remote-%'", name="ck_enrollment_ledger_only_remote_has_place"),
    CheckConstraint("(kind = 'correction') = (corrects IS NOT NULL)", name="ck_enrollment_ledger_corrects"),
    UniqueConstraint("event", name="uq_enrollment_ledger_event"),
    UniqueConstraint("corrects", name="uq_enrollment_ledger_corrects_once"),
    # the cap of a row is the cap of a policy that was adopted, not a number the writer chose
    ForeignKeyConstraint(
        ["policy_owner", "policy_version", "cap"],
        ["enrollment_policies.owner", "enrollment_policies.version", "enrollment_policies.max_consecutive"],
        name="fk_enrollment_ledger_cap",
    ),
    info={"shard": "person"},
)

filings = Table(
    "enrollment_filings",
    METADATA,
    _text("filing", key=True),
    _text("person"),
    _text("application"),
    _text("event"),
    _octets("document"),
    _octets("signature"),
    _text("report"),
    _text("decision"),
    _instant("accepted_at"),
    info={"shard": "person"},
)

idempotency = Table(
    "enrollment_idempotency",
    METADATA,
    _text("client", key=True),
    _text("key", key=True),
    _text("request"),
    _text("outcome"),
    _instant("at"),
    info={"shard": "person"},
)

outbox = Table(
    "enrollment_outbox",
    METADATA,
    _text("subject", key=True),
    _number("number", key=True),
    _text("message"),
    _text("topic"),
    _text("body"),
    _instant("at"),
    _instant("due_at"),
    _instant("delivered_at", null=True),
    _number("attempts"),
    _instant("set_aside_at", null=True),
    _text("set_aside_because", null=True),
    UniqueConstraint("message", name="uq_enrollment_outbox_message"),
    Index("ix_enrollment_outbox_due", "delivered_at", "due_at"),
    info={"shard": "person"},
)

card_keys = Table(
    "enrollment_card_keys",
    METADATA,
    _text("card_id", key=True),
    _text("key_hash", key=True),
    _text("purpose"),
    _instant("made_at"),
    info={"shard": "card_id"},
)

confirmations = Table(
    "enrollment_confirmations",
    METADATA,
    _text("confirmation", key=True),
    _text("owner"),
    _text("person"),
    _text("counter"),
    _text("given_by"),
    _instant("given_at"),
    _instant("expires_at"),
    _text("used_by", null=True),
    info={"shard": "person"},
)
