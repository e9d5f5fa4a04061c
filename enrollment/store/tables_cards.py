"""Tables of how cards are spoken to: conversations, what remains of them once over, permissions for PINs."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from enrollment.store.tables import METADATA


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _octets(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


conversations = Table(
    "enrollment_card_conversations",
    METADATA,
    _text("conversation", key=True),
    _text("card_id"),
    _text("task"),
    _text("state"),
    Column("turn", Integer, nullable=False),
    _octets("challenge", null=True),
    _octets("result", null=True),
    _text("cause", null=True),
    _number("begun_at"),
    _number("until"),
    CheckConstraint("state IN ('keys','card','done','failed')", name="ck_enrollment_card_conversations_state"),
    Index("ix_enrollment_card_conversations_state", "state"),
    Index("ix_enrollment_card_conversations_card", "card_id"),
    info={"shard": "card_id"},
)
"""`state`: whom it waits for, or how it ended. `challenge`: the host's, not secret. No key is ever in here."""

turns = Table(
    "enrollment_card_turns",
    METADATA,
    _text("card_id", key=True),
    _text("conversation", key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _octets("command"),
    _octets("answer", null=True),
    info={"shard": "card_id"},
)
"""Commands and answers of conversations under way, as they went over the line: inside the secure channel."""

transcripts = Table(
    "enrollment_card_transcripts",
    METADATA,
    _text("card_id", key=True),
    _text("conversation", key=True),
    _text("operation"),
    _text("purpose", null=True),
    _text("key_hash", null=True),
    _text("message", null=True),
    _octets("signature", null=True),
    _text("attestation", null=True),
    _number("commands"),
    _text("digest"),
    _number("at"),
    Index("ix_enrollment_card_transcripts_key", "key_hash"),
    info={"shard": "card_id"},
)
"""What remains of a conversation: a hash of its masked transcript, and the proof of a key if it was about one."""

permissions = Table(
    "enrollment_card_permissions",
    METADATA,
    _text("card_id", key=True),
    _number("number", key=True),
    _text("person"),
    _text("owner"),
    _text("purpose"),
    _text("officer"),
    _text("counter"),
    _text("evidence"),
    _text("act"),
    _text("approval", null=True),
    _number("given_at"),
    _number("expires_at"),
    _text("spent_by", null=True),
    _number("spent_at", null=True),
    _number("done_at", null=True),
    CheckConstraint("(spent_by IS NULL) = (spent_at IS NULL)", name="ck_enrollment_card_permissions_spent"),
    CheckConstraint("done_at IS NULL OR spent_at IS NOT NULL", name="ck_enrollment_card_permissions_done"),
    Index("ix_enrollment_card_permissions_person", "person"),
    info={"shard": "card_id"},
)
"""That one PIN of one card may be set anew, once. `spent_by`: the conversation that opened the card with it."""
