"""Conversations with cards: who is asked from outside writes them down, who holds the cards' keys carries them on.

    KEYS ──the next command──▶ CARD ──the card's answer──▶ KEYS … ──▶ DONE or FAILED

The two sides meet in the database only, so any process of either kind may take the next step, also after a restart:
what the keys' side said follows from its challenge and the card's answers, which are kept, and from the keys, which
are not. A turn is taken by one process; another that comes with the same answer is told what came of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from enrollment.canonical import canonical
from enrollment.machine import step
from enrollment.person import Random
from enrollment.store import Connection
from enrollment.store import talks as rows
from enrollment.store.talks import ConversationRow
from pki.instant import Instant
from pki.purpose import Purpose

LIFE: Final = timedelta(minutes=1)
"""From its beginning to its end, whatever the card does."""
KEPT: Final = timedelta(minutes=10)
"""How long after its end it can still be looked at."""


class TalkState(StrEnum):
    """Whom a conversation waits for, or how it ended."""

    KEYS = "keys"
    CARD = "card"
    DONE = "done"
    FAILED = "failed"


class TalkEvent(StrEnum):
    """What can happen to it."""

    COMMAND = "command"
    ANSWER = "answer"
    FINISH = "finish"
    FAIL = "fail"


TRANSITIONS: Final[Mapping[tuple[TalkState, TalkEvent], TalkState]] = {
    (TalkState.KEYS, TalkEvent.COMMAND): TalkState.CARD,
    (TalkState.CARD, TalkEvent.ANSWER): TalkState.KEYS,
    (TalkState.KEYS, TalkEvent.FINISH): TalkState.DONE,
    (TalkState.KEYS, TalkEvent.FAIL): TalkState.FAILED,
}


def advance(state: TalkState, event: TalkEvent) -> TalkState:
    """Errors: WrongState."""
    return step("conversation", TRANSITIONS, state, event)


class Operation(StrEnum):
    """What there is to ask of a card; not all of it is done from afar."""

    GENERATE = "generate"
    PENDING = "pending"
    PROVE = "prove"
    INSTALL = "install"
    READ = "read"
    ALLOW_PIN = "allow-pin"
    PIN_SET = "pin-set"
    FIRST_PINS = "first-pins"
    """Of a card that was just made; `message` names the purposes, with commas."""


@dataclass(frozen=True, slots=True)
class Task:
    """One operation on one card. `spki` is the key that signs `message`; `number` that of the permission for a PIN;
    `at_counter`: an officer has the card before them, and an application for it is under way. `at_home`: its holder has
    it in their own reader, and their own accepted filing waits for it.
    """

    card_id: str
    operation: Operation
    purpose: Purpose
    message: bytes = b""
    spki: bytes = b""
    certificate: bytes = b""
    ca_certificate: bytes = b""
    number: int = 0
    at_counter: bool = False
    at_home: bool = False

    def text(self) -> str:
        """As it is kept."""
        octets = {name: getattr(self, name).hex() for name in _OCTETS}
        record = {"card": self.card_id, "operation": self.operation.value, "purpose": self.purpose.value}
        more = {"number": self.number, "at_counter": self.at_counter, "at_home": self.at_home}
        return canonical({**record, **octets, **more}).decode()


_OCTETS = ("message", "spki", "certificate", "ca_certificate")


def parse_task(text: str) -> Task:
    """Read back what `Task.text` wrote."""
    record: dict[str, Any] = json.loads(text)
    message, spki, certificate, issuer = (bytes.fromhex(record[name]) for name in _OCTETS)
    return Task(
        card_id=record["card"],
        operation=Operation(record["operation"]),
        purpose=Purpose(record["purpose"]),
        message=message,
        spki=spki,
        certificate=certificate,
        ca_certificate=issuer,
        number=int(record["number"]),
        at_counter=bool(record["at_counter"]),
        at_home=bool(record["at_home"]),
    )


def begin(conn: Connection, task: Task, at: Instant, random: Random) -> str:
    """Ask for a conversation; its id, 128 random bits in hex. Whether it is allowed is seen by its keys' side too."""
    name = random(16).hex()
    row = ConversationRow(name, task.card_id, task.text(), TalkState.KEYS.value, 0, None, None, None, at, at + LIFE)
    rows.add_conversation(conn, row)
    return name


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a conversation stands. `turn` counts commands; `command` is there while it waits for the card."""

    state: TalkState
    turn: int
    command: bytes | None = None
    result: bytes = b""
    cause: str = ""


def look(conn: Connection, conversation: str, at: Instant) -> Progress | None:
    """Where it stands; None if there is none of that name, or its time is over."""
    row = rows.find_conversation(conn, conversation)
    if row is None or at >= row.until:
        return None
    state, command = TalkState(row.state), None
    if state is TalkState.CARD:
        command = rows.turns_of(conn, row.card_id, conversation)[-1][0]
    return Progress(state, row.turn, command, row.result or b"", row.cause or "")


def answer(conn: Connection, conversation: str, turn: int, octets: bytes, at: Instant) -> bool:
    """Write down the card's answer to the command of that turn. True also if the same answer was there already: then
    the process that brought it died before it heard. False if there is no such turn, or it had another answer.
    """
    row = rows.find_conversation(conn, conversation)
    if row is None or at >= row.until or not 1 <= turn <= row.turn:
        return False
    if turn == row.turn and row.state == TalkState.CARD:
        after = advance(TalkState.CARD, TalkEvent.ANSWER).value
        if rows.step(conn, conversation, (row.state, turn), (after, turn)):
            rows.add_answer(conn, row.card_id, conversation, turn, octets)
            return True
    said = rows.turns_of(conn, row.card_id, conversation)
    return turn >= row.turn - 1 and len(said) >= turn and said[turn - 1][1] == octets


# -- the side with the keys ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversation whose next command is to be computed, from its challenge (None: not begun) and the answers."""

    conversation: str
    task: Task
    turn: int
    challenge: bytes | None
    answers: tuple[bytes, ...]


def waiting(conn: Connection, at: Instant) -> list[Waiting]:
    """Those that wait for the keys."""
    found = []
    for row in rows.waiting_for_keys(conn, at):
        said = rows.turns_of(conn, row.card_id, row.conversation)
        answers = tuple(octets for _, octets in said if octets is not None)
        found.append(Waiting(row.conversation, parse_task(row.task), row.turn, row.challenge, answers))
    return found


def under_way(conn: Connection, at: Instant, card_id: str | None = None) -> int:
    """How many have not ended, with one card or in all."""
    return rows.count_open(conn, at, card_id)


def tell(conn: Connection, one: Waiting, challenge: bytes, command: bytes) -> bool:
    """The next command. False if another process was first; then nothing is written."""
    turn = one.turn + 1
    after = (advance(TalkState.KEYS, TalkEvent.COMMAND).value, turn)
    if not rows.step(conn, one.conversation, (TalkState.KEYS.value, one.turn), after, challenge=challenge):
        return False
    rows.add_command(conn, one.task.card_id, one.conversation, turn, command)
    return True


def finish(conn: Connection, one: Waiting, result: bytes) -> bool:
    """It is over, with a result. False if another process was first."""
    after = (advance(TalkState.KEYS, TalkEvent.FINISH).value, one.turn)
    return rows.step(conn, one.conversation, (TalkState.KEYS.value, one.turn), after, result=result)


def fail(conn: Connection, one: Waiting, cause: str) -> bool:
    """It is over; `cause` is the code of an error. False if another process was first."""
    after = (advance(TalkState.KEYS, TalkEvent.FAIL).value, one.turn)
    return rows.step(conn, one.conversation, (TalkState.KEYS.value, one.turn), after, cause=cause)


def clear(conn: Connection, at: Instant) -> int:
    """Remove what was over some time ago; how many. What is to be kept of it is kept elsewhere (`card_keys`)."""
    return rows.clear(conn, at + -KEPT)
