"""Tables of what runs for a time: evidence of residence, code letters, transfers, deadlines; and operators' acts."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from enrollment.store.tables import METADATA


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _instant(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _octets(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


pieces = Table(
    "enrollment_pieces",
    METADATA,
    _text("piece", key=True),
    _text("person"),
    _text("owner"),
    _text("proof"),
    _text("address_digest"),
    _instant("seen_at"),
    _text("noted_by"),
    _text("reference"),
    _text("used_by", null=True),
    Index("ix_enrollment_pieces_person", "person"),
    info={"shard": "person"},
)
"""Evidence that a person lives somewhere; the place itself only as a digest under the person's id."""

statements = Table(
    "enrollment_statements",
    METADATA,
    _text("piece", key=True),
    _text("person"),
    _octets("document"),
    _octets("signature"),
    _text("report"),
    Index("ix_enrollment_statements_person", "person"),
    info={"shard": "person"},
)
"""What a holder signed with the key for log-ins about where they live, for the piece of evidence that it became."""

letters = Table(
    "enrollment_letters",
    METADATA,
    _text("letter", key=True),
    _text("person"),
    _text("owner"),
    _text("address"),
    _text("state"),
    Column("version", Integer, nullable=False),
    _octets("salt"),
    _octets("code_hash"),
    _instant("asked_at"),
    _instant("posted_at", null=True),
    _instant("expires_at"),
    Column("tries", Integer, nullable=False),
    CheckConstraint("tries >= 0", name="ck_enrollment_letters_tries"),
    Index("ix_enrollment_letters_person", "person"),
    info={"shard": "person"},
)
"""Letters with a code to an address. The code itself is only on paper."""

transfers = Table(
    "enrollment_transfers",
    METADATA,
    _text("transfer", key=True),
    _text("person"),
    _text("owner"),
    _text("municipality"),
    _text("planned_on"),
    _text("state"),
    Column("version", Integer, nullable=False),
    _text("channel"),
    _octets("document"),
    _octets("signature", null=True),
    _instant("announced_at"),
    _instant("changed_at"),
    Index("ix_enrollment_transfers_person", "person"),
    info={"shard": "person"},
)
"""Moves out that were told before the move in."""

deadlines = Table(
    "enrollment_deadlines",
    METADATA,
    _text("person", key=True),
    _text("kind", key=True),
    _text("subject", key=True),
    _instant("set_at"),
    _instant("due_at"),
    _instant("ended_at", null=True),
    _text("outcome"),
    Index("ix_enrollment_deadlines_due", "ended_at", "due_at"),
    info={"shard": "person"},
)
"""What must happen by when; `outcome` is empty while it runs, then met, missed or dropped."""

acts = Table(
    "enrollment_acts",
    METADATA,
    _text("act", key=True),
    _text("owner"),
    _text("operator"),
    _text("counter"),
    _text("what"),
    _text("subject"),
    _text("content"),
    _instant("at"),
    _text("nonce"),
    _text("card_fingerprint"),
    _octets("certificate"),
    _octets("signature"),
    _instant("used_at", null=True),
    UniqueConstraint("operator", "nonce", name="uq_enrollment_acts_nonce"),
    Index("ix_enrollment_acts_content", "operator", "content"),
    Index("ix_enrollment_acts_subject", "subject"),
    info={"shard": "owner"},
)
"""What operators did, as their cards signed it."""

signing = Table(
    "enrollment_signing",
    METADATA,
    _text("owner", key=True),
    _instant("required_from"),
    _text("set_by"),
    info={"shard": "owner"},
)
"""Municipalities in which nothing is done without the officer's card; it is never taken back."""
