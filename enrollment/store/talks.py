"""Conversations with cards, and what remains of those that ended."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.errors import Stale
from enrollment.store import tables_cards as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation as it is kept. `state`: whom it waits for ("keys", "card"), or how it ended ("done", "failed")."""

    conversation: str
    card_id: str
    task: str
    state: str
    turn: int
    challenge: bytes | None
    result: bytes | None
    cause: str | None
    begun_at: Instant
    until: Instant


def _row(row: Any) -> ConversationRow:
    return ConversationRow(
        row["conversation"],
        row["card_id"],
        row["task"],
        row["state"],
        row["turn"],
        None if row["challenge"] is None else bytes(row["challenge"]),
        None if row["result"] is None else bytes(row["result"]),
        row["cause"],
        Instant(row["begun_at"]),
        Instant(row["until"]),
    )


def add_conversation(conn: Connection, row: ConversationRow) -> None:
    """A new one."""
    conn.execute(
        insert(t.conversations).values(
            conversation=row.conversation,
            card_id=row.card_id,
            task=row.task,
            state=row.state,
            turn=row.turn,
            begun_at=row.begun_at.seconds,
            until=row.until.seconds,
        )
    )


def find_conversation(conn: Connection, conversation: str) -> ConversationRow | None:
    """One of them, also an ended one that was not yet cleared away."""
    query = select(t.conversations).where(t.conversations.c.conversation == conversation)
    row = conn.execute(query).mappings().one_or_none()
    return _row(row) if row else None


def count_open(conn: Connection, at: Instant, card_id: str | None = None) -> int:
    """How many are under way at `at`, with one card or in all."""
    c = t.conversations.c
    query = select(func.count()).where(c.state.in_(("keys", "card")), c.until > at.seconds)
    if card_id is not None:
        query = query.where(c.card_id == card_id)
    return int(conn.execute(query).scalar_one())


def waiting_for_keys(conn: Connection, at: Instant) -> list[ConversationRow]:
    """Those whose next command is to be computed, longest begun first."""
    c = t.conversations.c
    query = select(t.conversations).where(c.state == "keys", c.until > at.seconds).order_by(c.begun_at, c.conversation)
    return [_row(row) for row in conn.execute(query).mappings()]


def step(
    conn: Connection, conversation: str, before: tuple[str, int], after: tuple[str, int], **changes: bytes | str | None
) -> bool:
    """From one (state, turn) to another, with further columns; False if it is not there any more."""
    c = t.conversations.c
    done = conn.execute(
        update(t.conversations)
        .where(c.conversation == conversation, c.state == before[0], c.turn == before[1])
        .values(state=after[0], turn=after[1], **changes)
    )
    return done.rowcount == 1


def add_command(conn: Connection, card_id: str, conversation: str, number: int, command: bytes) -> None:
    """The command of a turn; the caller has taken the turn by `step`."""
    conn.execute(insert(t.turns).values(card_id=card_id, conversation=conversation, number=number, command=command))


def add_answer(conn: Connection, card_id: str, conversation: str, number: int, answer: bytes) -> None:
    """The card's answer in a turn."""
    c = t.turns.c
    where = (c.card_id == card_id, c.conversation == conversation, c.number == number)
    conn.execute(update(t.turns).where(*where).values(answer=answer))


def turns_of(conn: Connection, card_id: str, conversation: str) -> list[tuple[bytes, bytes | None]]:
    """Commands and answers, in order."""
    c = t.turns.c
    query = select(c.command, c.answer).where(c.card_id == card_id, c.conversation == conversation).order_by(c.number)
    return [(bytes(row[0]), None if row[1] is None else bytes(row[1])) for row in conn.execute(query)]


def clear(conn: Connection, before: Instant) -> int:
    """Remove conversations whose time was over before then, with their turns; how many."""
    over = select(t.conversations.c.conversation).where(t.conversations.c.until < before.seconds)
    conn.execute(delete(t.turns).where(t.turns.c.conversation.in_(over)))
    return conn.execute(delete(t.conversations).where(t.conversations.c.until < before.seconds)).rowcount


@dataclass(frozen=True, slots=True)
class CardTalk:
    """What remains of a conversation with a card.

    `digest`: SHA-256 in hex of its masked transcript. About a key: `key_hash` is SHA-256 of its SubjectPublicKeyInfo in
    hex; `message` (SHA-256 in hex) and `signature` say that the card signed with it; `attestation` is what the card
    itself said of it, as JSON, where it makes such statements.
    """

    card_id: str
    conversation: str
    operation: str
    purpose: Purpose | None
    commands: int
    digest: str
    at: Instant
    key_hash: str | None = None
    message: str | None = None
    signature: bytes | None = None
    attestation: str | None = None


def add_talk(conn: Connection, talk: CardTalk) -> None:
    """Keep it; one that is known stays as it is. Errors: Stale if it became known at the same moment."""
    c = t.transcripts.c
    where = (c.card_id == talk.card_id, c.conversation == talk.conversation)
    if conn.execute(select(c.digest).where(*where)).first() is not None:
        return
    values = {
        "card_id": talk.card_id,
        "conversation": talk.conversation,
        "operation": talk.operation,
        "purpose": None if talk.purpose is None else talk.purpose.value,
        "key_hash": talk.key_hash,
        "message": talk.message,
        "signature": talk.signature,
        "attestation": talk.attestation,
        "commands": talk.commands,
        "digest": talk.digest,
        "at": talk.at.seconds,
    }
    try:
        conn.execute(insert(t.transcripts).values(**values))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the transcript") from error
        raise


def _talk(row: Any) -> CardTalk:
    return CardTalk(
        row["card_id"],
        row["conversation"],
        row["operation"],
        None if row["purpose"] is None else Purpose(row["purpose"]),
        row["commands"],
        row["digest"],
        Instant(row["at"]),
        row["key_hash"],
        row["message"],
        None if row["signature"] is None else bytes(row["signature"]),
        row["attestation"],
    )


def talks_of_key(conn: Connection, key_hash: str) -> list[CardTalk]:
    """Everything that was said about a key, oldest first."""
    c = t.transcripts.c
    query = select(t.transcripts).where(c.key_hash == key_hash).order_by(c.at, c.conversation)
    return [_talk(row) for row in conn.execute(query).mappings()]


def talks_with(conn: Connection, card_id: str) -> list[CardTalk]:
    """Everything that was said to a card, oldest first."""
    c = t.transcripts.c
    query = select(t.transcripts).where(c.card_id == card_id).order_by(c.at, c.conversation)
    return [_talk(row) for row in conn.execute(query).mappings()]
