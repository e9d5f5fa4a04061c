"""The tables of the authority, for SQLite and PostgreSQL alike.

Instants are BIGINT seconds since 1970 (UTC); serials are 40 lower-case hex digits; digests are SHA-256 in 64 hex
digits. A certificate is named by (issuer, serial), where issuer is the id of the authority that signed it: two
generations of one authority share a distinguished name, so a name never identifies an issuer.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

AUTHORITIES = Table(
    "ca_authorities",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("key_label", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("spki", LargeBinary, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("certificate", LargeBinary),
    Column("fingerprint", Text),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("purpose", "generation"),
    UniqueConstraint("fingerprint"),
    CheckConstraint("generation >= 1", name="generation"),
    CheckConstraint("state IN ('pending', 'active', 'retired', 'ended')", name="state"),
    CheckConstraint("state = 'pending' OR certificate IS NOT NULL", name="certified"),
)
"""One row a key generation. `pending` until its root certificate is stored; only `active` ones take orders;
`retired` ones go on signing CRLs and OCSP; `ended` ones sign nothing more. `parameters` is the JSON of
`ca.profiles.Parameters` (policy arc, URLs, partitions)."""

INTENTS = Table(
    "ca_intents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("idempotency_key", Text, nullable=False),
    Column("order_digest", Text, nullable=False),
    Column("issuer", Text, ForeignKey("ca_authorities.id"), nullable=False),
    Column("serial", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("assurance", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("card_id", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("tbs", LargeBinary, nullable=False),
    Column("rules", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("idempotency_key"),
    UniqueConstraint("issuer", "serial"),
    CheckConstraint("length(serial) = 40", name="serial"),
    CheckConstraint("not_before <= not_after", name="validity"),
    CheckConstraint("state IN ('intended', 'issued', 'withdrawn')", name="state"),
    Index(None, "state", "created_at"),
)
"""What is going to be signed, written down before any key is touched. `rules` names the lint rules that passed it."""

CERTIFICATES = Table(
    "ca_certificates",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("serial", Text, primary_key=True),
    Column("intent_id", Text, ForeignKey("ca_intents.id"), nullable=False),
    Column("profile", Text, nullable=False),
    Column("assurance", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("card_id", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("der", LargeBinary, nullable=False),
    ForeignKeyConstraint(["issuer", "serial"], ["ca_intents.issuer", "ca_intents.serial"]),
    UniqueConstraint("intent_id"),
    UniqueConstraint("fingerprint"),
    Index(None, "owner"),
    Index(None, "card_id"),
    Index(None, "key_hash"),
    Index(None, "not_after"),
    Index(None, "issued_at"),
)
"""Every certificate that left the authority: roots, responders, people, operators, relying parties."""

PARTITIONS = Table(
    "ca_partitions",
    METADATA,
    Column("issuer", Text, ForeignKey("ca_authorities.id"), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("point", LargeBinary, nullable=False),
)
"""The CRL partitions that certificates were put in. `point` is the DistributionPointName (RFC 5280 4.2.1.13), encoded,
that those certificates carry and the partition's CRL repeats in its issuingDistributionPoint. Partition 0 is the
authority's whole CRL and has no row."""

KEYS = Table(
    "ca_keys",
    METADATA,
    Column("key_hash", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("card_id", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
)
"""Every public key ever certified, by SHA-256 of its SubjectPublicKeyInfo, and the card and person it belongs to."""

BLOCKED_KEYS = Table(
    "ca_blocked_keys",
    METADATA,
    Column("key_hash", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
)
"""Keys known to be compromised, by SHA-256 of SubjectPublicKeyInfo: never certified."""

RESPONDERS = Table(
    "ca_responders",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("authority", Text, ForeignKey("ca_authorities.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("key_label", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("spki", LargeBinary, nullable=False),
    Column("certificate", LargeBinary),
    Column("serial", Text),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("authority", "number"),
    CheckConstraint("state IN ('pending', 'active', 'retired')", name="state"),
    CheckConstraint("state = 'pending' OR certificate IS NOT NULL", name="certified"),
)
"""Delegated OCSP signers (RFC 6960 4.2.2.2), one after the other for each authority."""

REVOCATIONS = Table(
    "ca_revocations",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("serial", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("reason", Integer, nullable=False),
    Column("invalidity_date", BigInteger),
    Column("cause", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("entry_der", LargeBinary, nullable=False),
    CheckConstraint("reason BETWEEN 0 AND 10 AND reason NOT IN (7, 8)", name="reason"),
    Index(None, "issuer", "at"),
    Index(None, "issuer", "position"),
    sqlite_with_rowid=False,
)
"""The present revocation or hold of a certificate; reasons by number (RFC 5280 5.3.1). `position` is its place in the
journal; `partition`, `not_after` and the CRL entry stand here too, so that a CRL is one ordered scan of one table. No
foreign key: a revocation outlives a certificate that a restored database has forgotten."""

CRLS = Table(
    "ca_crls",
    METADATA,
    Column("issuer", Text, ForeignKey("ca_authorities.id"), primary_key=True),
    Column("partition", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("this_update", BigInteger, nullable=False),
    Column("next_update", BigInteger, nullable=False),
    Column("base", BigInteger),
    Column("position", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("published", BigInteger),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("this_update < next_update", name="update"),
)
"""Every CRL that was signed, full and delta, by partition. `base` is the number of the full CRL that a delta adds to,
`position` the journal position it covers, `published` the second it was handed to the store."""
