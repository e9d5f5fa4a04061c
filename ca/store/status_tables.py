"""The tables of status: the journal's copy inside the database, CRL numbers, leases, and what only the journal knew."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from ca.store.tables import METADATA

JOURNAL = Table(
    "ca_journal",
    METADATA,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("digest", Text, nullable=False),
    CheckConstraint("position >= 1", name="position"),
    Index(None, "issuer", "serial"),
)
"""Every change of a status, in the order of commits, each chained to the one before by SHA-256 (`ca/journal.py`)."""

JOURNAL_HEAD = Table(
    "ca_journal_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
"""The one row that every change locks: so positions have no gaps and appear in the order of commits."""

CRL_HEADS = Table(
    "ca_crl_heads",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("partition", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("number >= 0", name="number"),
)
"""The last CRL number taken by each issuer and partition; moved on by compare-and-set only."""

LEASES = Table(
    "ca_leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("term", BigInteger, nullable=False),
)
"""Who does a piece of shared work until when; `term` grows with every new holder."""

RECOVERED = Table(
    "ca_recovered",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("serial", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
)
"""Certificates that a restored database had forgotten and the journal knew: they were issued, so they have a status."""
