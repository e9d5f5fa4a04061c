"""Tables of the pages: sessions, passkeys, one-time codes, and the desk's own work. No name or address is in them."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from web.store.tables import METADATA as METADATA

SESSIONS = Table(
    "web_sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("handle", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_because", Text, nullable=False),
    UniqueConstraint("handle"),
    Index(None, "expires_at"),
)
PASSKEYS = Table(
    "web_passkeys",
    METADATA,
    Column("credential", Text, primary_key=True),
    Column("realm", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Index(None, "realm", "subject"),
)
LOGIN_CODES = Table(
    "web_login_codes",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
WORK = Table(
    "web_work",
    METADATA,
    Column("work", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("counter", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("training", Integer, nullable=False),
    Index(None, "owner", "state"),
    Index(None, "owner", "started_at"),
    Index(None, "counter", "changed_at"),
)
RECEIPTS = Table(
    "web_receipts",
    METADATA,
    Column("receipt", Text, primary_key=True),
    Column("work", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("counter", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("prints", Integer, nullable=False),
    UniqueConstraint("work"),
)
NEAR_MISSES = Table(
    "web_near_misses",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("counter", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Index(None, "owner", "at"),
)
STOCK = Table(
    "web_stock",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("counter", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("movement", Text, nullable=False),
    Column("cards", Integer, nullable=False),
    Column("operator", Text, nullable=False),
    Column("work", Text),
    UniqueConstraint("work", "movement"),
    Index(None, "counter", "at"),
)
CLOSINGS = Table(
    "web_closings",
    METADATA,
    Column("counter", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("counted", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
