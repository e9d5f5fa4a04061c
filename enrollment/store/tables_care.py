"""Tables of protection, grants, households, required evidence, the gateway, and of those who speak with us by it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from enrollment.store.tables import METADATA


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=null, autoincrement=False)


def _instant(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


protection = Table(
    "enrollment_protection",
    METADATA,
    _text("person", key=True),
    _number("number", key=True),
    _text("flag"),
    _text("owner"),
    _text("state"),
    _number("version"),
    _instant("since"),
    _instant("until"),
    _text("contact_desk"),
    _text("applied_by"),
    _instant("release_after", null=True),
    _text("release_approval", null=True),
    UniqueConstraint("flag", name="uq_enrollment_protection_flag"),
    Index("ix_enrollment_protection_owner", "owner", "state"),
    info={"shard": "person"},
)
"""Support measures, one row a flag; a person has at most one that is not released. Neither reason nor anybody else's
name is kept here."""

channels = Table(
    "enrollment_channels",
    METADATA,
    _text("channel", key=True),
    _text("owner"),
    _text("name_ja"),
    _instant("registered_at"),
    Column("address", Text, nullable=False, server_default=""),
    info={"shard": "reference"},
)
"""Whoever shows or prints records of a municipality's residents, and so must know of every flag. `address`: where it
is told, an http(s) address; empty for one that asks for itself."""

notices = Table(
    "enrollment_notices",
    METADATA,
    _text("flag", key=True),
    _number("version", key=True),
    _text("channel", key=True),
    _text("person"),
    _instant("sent_at"),
    _instant("due_at"),
    _instant("acked_at", null=True),
    Index("ix_enrollment_notices_due", "acked_at", "due_at"),
    info={"shard": "person"},
)
"""Which version of a flag was sent to which channel, and when it said that it has it."""

unlocks = Table(
    "enrollment_unlocks",
    METADATA,
    _text("unlock", key=True),
    _text("person"),
    _text("approval"),
    _text("reason"),
    _instant("expires_at"),
    _text("used_by", null=True),
    info={"shard": "person"},
)
"""Permissions to see one protected address once, each with two people's names behind it."""

grants = Table(
    "enrollment_grants",
    METADATA,
    _text("grant_id", key=True),
    _text("person"),
    _text("holder"),
    _text("kind"),
    _text("scope"),
    _instant("not_before"),
    _instant("not_after"),
    _text("evidence"),
    _instant("revoked_at", null=True),
    Index("ix_enrollment_grants_person", "person"),
    info={"shard": "person"},
)
"""Who may act for whom, in what, how long, on what evidence."""

households = Table(
    "enrollment_households",
    METADATA,
    _text("filing", key=True),
    _text("person", key=True),
    _text("filer"),
    _text("outcome"),
    _text("told"),
    _instant("at"),
    info={"shard": "person"},
)
"""One line for each member named in a household's filing: done online, or in person and by when."""

residence = Table(
    "enrollment_residence",
    METADATA,
    _text("owner", key=True),
    _text("procedure", key=True),
    Column("effective_from", BigInteger, primary_key=True, autoincrement=False),
    _text("body"),
    _instant("adopted_at"),
    _text("adopted_by"),
    info={"shard": "owner"},
)
"""Which evidence of residence a municipality asks for in each procedure, by date."""

gateway = Table(
    "enrollment_gateway",
    METADATA,
    _text("owner", key=True),
    _text("message", key=True),
    _text("kind"),
    _text("person", null=True),
    _text("state"),
    _text("digest"),
    _text("body"),
    _instant("received_at"),
    _instant("due_at"),
    _instant("settled_at", null=True),
    _text("supersedes", null=True),
    _text("reason"),
    Column("sent_at", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("state IN ('held','released','retracted','quarantined')", name="ck_enrollment_gateway_state"),
    Index("ix_enrollment_gateway_due", "state", "due_at"),
    Index("ix_enrollment_gateway_person", "person"),
    Index("ix_enrollment_gateway_supersedes", "owner", "supersedes"),
    Index("ix_enrollment_gateway_received", "owner", "received_at"),
    info={"shard": "owner"},
)
"""What the municipality's resident record told us: rebuilt octets only, held until they may take effect."""

brakes = Table(
    "enrollment_brakes",
    METADATA,
    _text("owner", key=True),
    _number("number", key=True),
    _instant("pulled_at"),
    _text("reason"),
    _instant("released_at", null=True),
    _text("released_by", null=True),
    info={"shard": "owner"},
)
"""When the flow of changes from a municipality was stopped for too many at once, and who let it go on."""

peer_keys = Table(
    "enrollment_peer_keys",
    METADATA,
    _text("kind", key=True),
    _text("peer", key=True),
    _text("kid", key=True),
    Column("spki", LargeBinary, nullable=False),
    _instant("added_at"),
    _instant("ended_at", null=True),
    CheckConstraint("kind IN ('municipality','channel')", name="ck_enrollment_peer_keys_kind"),
    info={"shard": "reference"},
)
"""Public keys by which municipalities' systems and channels are known. A key's end is final."""

nonces = Table(
    "enrollment_nonces",
    METADATA,
    _text("who", key=True),
    _text("nonce", key=True),
    _instant("expires_at"),
    Index("ix_enrollment_nonces_expires", "expires_at"),
    info={"shard": "reference"},
)
"""Signed requests that were answered, until they are too old to be sent again."""

alarms = Table(
    "enrollment_alarms",
    METADATA,
    _text("kind", key=True),
    _text("subject", key=True),
    _number("number", key=True),
    _text("owner"),
    _text("detail"),
    _instant("raised_at"),
    _instant("ended_at", null=True),
    Index("ix_enrollment_alarms_owner", "owner", "ended_at"),
    info={"shard": "owner"},
)
"""What somebody must look at, from when to when. Neither subject nor detail names a person."""

comparisons = Table(
    "enrollment_comparisons",
    METADATA,
    _text("channel", key=True),
    _text("day", key=True),
    _instant("at"),
    _number("missing"),
    _number("outdated"),
    _number("unknown"),
    info={"shard": "reference"},
)
"""The daily comparison of a channel's flags with ours: how many it lacked, had old, or had beyond ours."""

snapshots = Table(
    "enrollment_snapshots",
    METADATA,
    _text("owner", key=True),
    _text("digest", key=True),
    _instant("as_of"),
    Column("octets", BigInteger, nullable=False),
    _number("people"),
    info={"shard": "owner"},
)
"""Which snapshots were made; the snapshots themselves lie elsewhere."""
