"""The tables as they are; web/migrations makes them so."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

PARTIES = Table(
    "web_parties",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("registration", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
PARTY_KEYS = Table(
    "web_party_keys",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("kid", Text, primary_key=True),
    Column("spki", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
ASSERTIONS = Table(
    "web_assertions",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)
USAGE = Table(
    "web_usage",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("used", Integer, nullable=False),
)
VERIFICATIONS = Table(
    "web_verifications",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text),
    Column("idempotency_key", Text),
    Column("request_sha256", Text, nullable=False),
    Column("answer", Text),
    Column("verdict", Text),
    UniqueConstraint("party", "idempotency_key"),
    Index(None, "party", "created_at"),
)
CALLS = Table(
    "web_calls",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Index(None, "party", "at"),
)
SEEN = Table(
    "web_seen_signatures",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("signature", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("verification", Text),
)
CHALLENGES = Table(
    "web_challenges",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)
HANDLES = Table(
    "web_handles",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("handle", Text, primary_key=True),
    Column("subject", Text, nullable=False),
)
CONSENTS = Table(
    "web_consents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("given_by", Text, nullable=False),
    Column("document", Text),
    Column("signature", Text),
    Index(None, "person", "party"),
)
PARTY_CERTIFICATES = Table(
    "web_party_certificates",
    METADATA,
    Column("fingerprint", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index(None, "party"),
)
