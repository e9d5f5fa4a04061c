"""The door by which a card is managed from afar: this service computes every command, who asks only carries them.

    POST /v1/card-management       {card, operation, purpose, …}   → {conversation, command}
    POST /v1/card-management/{id}  {answer}                        → {command} or {done, result}

Octets are in hex. What is in commands and answers is between the card and whoever holds its keys. A conversation is of
one operation on one card, lives a minute in this process and is used up by an error; its id is 128 random bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from threading import Lock
from typing import Annotated, Any, Protocol

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from enrollment.errors import ManagementRefused
from enrollment.remote_management import require_active, require_issued_to, require_request_of
from enrollment.store import Connection, Database
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from web.errors import NoSuchConversation, TooManyConversations

LIFE = timedelta(minutes=1)
PER_CARD, IN_ALL = 4, 1000
MAX_MESSAGE, MAX_CERTIFICATE, MAX_ANSWER = 4096, 8192, 2048
"""Octets."""


class Operation(StrEnum):
    """What there is to ask of a card; not all of it is done from afar."""

    GENERATE = "generate"
    PENDING = "pending"
    PROVE = "prove"
    INSTALL = "install"
    READ = "read"
    ALLOW_PIN = "allow-pin"


@dataclass(frozen=True, slots=True)
class Task:
    """One operation on one card, allowed. `spki` is the key that signs `message`."""

    card_id: str
    operation: Operation
    purpose: Purpose
    message: bytes = b""
    spki: bytes = b""
    certificate: bytes = b""
    ca_certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Step:
    """The next command APDU, or None and the operation's result."""

    command: bytes | None
    result: bytes = b""


class Conversation(Protocol):
    """One task with one card. One call at a time.

    Errors of both: ConversationFailed, after which it is over; also if another card than the task's answers.
    """

    def start(self) -> Step:
        """The first command."""
        ...

    def resume(self, answer: bytes) -> Step:
        """What follows the card's answer, status word included."""
        ...


class CardAuthority(Protocol):
    """Whoever holds the cards' keys. It does what it is asked: whether it may be asked is decided here."""

    def begin(self, task: Task) -> Conversation:
        """A conversation that was not yet started."""
        ...


@dataclass(frozen=True, slots=True)
class _Open:
    card_id: str
    conversation: Conversation
    until: Instant


@dataclass(slots=True)
class Conversations:
    """Those that wait for an answer; several threads may ask."""

    clock: Clock
    random: Callable[[int], bytes]
    _open: dict[str, _Open] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, card_id: str, conversation: Conversation) -> str:
        """Remember one; its id. Errors: TooManyConversations."""
        now = self.clock.now()
        with self._lock:
            self._open = {name: one for name, one in self._open.items() if now < one.until}
            with_card = sum(one.card_id == card_id for one in self._open.values())
            if with_card >= PER_CARD or len(self._open) >= IN_ALL:
                raise TooManyConversations
            name = self.random(16).hex()
            self._open[name] = _Open(card_id, conversation, now + LIFE)
            return name

    def resume(self, name: str, answer: bytes) -> Step:
        """Go on with one. It is out of reach meanwhile, and for good once it is done or failed.

        Errors: NoSuchConversation; those of the conversation.
        """
        with self._lock:
            one = self._open.pop(name, None)
        if one is None or self.clock.now() >= one.until:
            raise NoSuchConversation
        step = one.conversation.resume(answer)
        if step.command is not None:
            with self._lock:
                self._open[name] = one
        return step


def _hex(limit: int) -> Any:
    return Field(max_length=2 * limit, pattern=r"^([0-9A-Fa-f]{2})*$")


class BeginBody(BaseModel):
    """What is to be done, with what it needs: `message` to prove, both certificates to install."""

    model_config = ConfigDict(extra="forbid")

    card: Annotated[str, Field(pattern=r"^[0-9A-F]{16}$", description="the card's serial")]
    operation: Operation
    purpose: Purpose
    message: Annotated[str, _hex(MAX_MESSAGE)] = ""
    certificate: Annotated[str, _hex(MAX_CERTIFICATE)] = ""
    ca_certificate: Annotated[str, _hex(MAX_CERTIFICATE)] = ""


class AnswerBody(BaseModel):
    """What the card answered, status word included."""

    model_config = ConfigDict(extra="forbid")

    answer: Annotated[str, Field(min_length=4), _hex(MAX_ANSWER)]


def allowed(conn: Connection, body: BeginBody) -> Task:
    """The task, if it is one that a remote re-issue needs, with a card in use.

    Errors: UnknownCard, CardNotUsable, ManagementRefused, KeyNotFromCard, Malformed.
    """
    require_active(conn, body.card)
    if body.purpose is not Purpose.SIGNATURE:
        raise ManagementRefused(f"another {body.purpose.value} key")
    match body.operation:
        case Operation.GENERATE | Operation.PENDING:
            return Task(body.card, body.operation, body.purpose)
        case Operation.PROVE:
            message = bytes.fromhex(body.message)
            spki = require_request_of(conn, body.card, message)
            return Task(body.card, body.operation, body.purpose, message, spki)
        case Operation.INSTALL:
            certificate, issuer = bytes.fromhex(body.certificate), bytes.fromhex(body.ca_certificate)
            require_issued_to(conn, body.card, certificate, issuer)
            return Task(body.card, body.operation, body.purpose, certificate=certificate, ca_certificate=issuer)
        case _:  # the certificate holds an address, and a PIN is the holder's proof: an officer looks at both first
            raise ManagementRefused(f"the operation {body.operation.value}")


def card_management_router(
    authority: CardAuthority, database: Database, clock: Clock, random: Callable[[int], bytes]
) -> APIRouter:
    """The routes of this door."""
    router = APIRouter(prefix="/v1/card-management", tags=["cards"])
    conversations = Conversations(clock, random)

    @router.post("", status_code=201)
    def begin(body: BeginBody) -> dict[str, Any]:
        """Begin one operation: an id, and the first command for the card."""
        conversation = authority.begin(database.read(lambda conn: allowed(conn, body)))
        step = conversation.start()
        return {"conversation": conversations.add(body.card, conversation), **_told(step)}

    @router.post("/{conversation}")
    def resume(conversation: str, body: AnswerBody) -> dict[str, Any]:
        """Bring the card's answer: the next command, or the result."""
        return _told(conversations.resume(conversation, bytes.fromhex(body.answer)))

    return router


def _told(step: Step) -> dict[str, Any]:
    if step.command is None:
        return {"done": True, "result": step.result.hex()}
    return {"done": False, "command": step.command.hex()}
