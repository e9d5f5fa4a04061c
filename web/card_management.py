"""The door by which a card is managed from afar: it writes down what is asked, and who asks carries the commands.

    POST /v1/card-management       {card, operation, purpose, …}   → {conversation, turn, command}
    POST /v1/card-management/{id}  {turn, answer}                  → {turn, command} or {done, result}

Octets are in hex. What is in commands and answers is between the card and whoever holds its keys, which is another
process: this one has none, and meets it in the database. A conversation is of one operation on one card, lives a minute
and is used up by an error; any process of this door may take its next answer, and the same answer may be sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from enrollment import conversations
from enrollment.conversations import Operation, Progress, TalkState, Task
from enrollment.errors import PinNotPermitted, PinPermissionUsed
from enrollment.remote_management import require_allowed
from enrollment.store import Connection, Database
from pki.errors import Error
from pki.instant import Clock
from pki.purpose import Purpose
from web.errors import ConversationFailed, KeysSilent, NoSuchConversation, TooManyConversations

PER_CARD, IN_ALL = 4, 1000
MAX_MESSAGE, MAX_CERTIFICATE, MAX_ANSWER = 4096, 8192, 2048
"""Octets."""

Wait = Callable[[float], object]
"""Waits some seconds."""
_LOOK_EVERY, _LOOKS = 0.004, 2500
"""Seconds between two looks whether the keys have answered, and how many looks: ten seconds in all."""


def _hex(limit: int) -> Any:
    return Field(max_length=2 * limit, pattern=r"^([0-9A-Fa-f]{2})*$")


class BeginBody(BaseModel):
    """What is to be done, with what it needs: `message` to prove, both certificates to install."""

    model_config = ConfigDict(extra="forbid")

    card: Annotated[str, Field(pattern=r"^[0-9A-F]{16}$", description="the card's serial")]
    operation: Operation
    purpose: Purpose
    number: Annotated[int, Field(ge=0, lt=1 << 32, description="of the permission for a PIN")] = 0
    message: Annotated[str, _hex(MAX_MESSAGE)] = ""
    certificate: Annotated[str, _hex(MAX_CERTIFICATE)] = ""
    ca_certificate: Annotated[str, _hex(MAX_CERTIFICATE)] = ""


class AnswerBody(BaseModel):
    """What the card answered, status word included."""

    model_config = ConfigDict(extra="forbid")

    turn: Annotated[int, Field(ge=1, le=1000, description="of the command that the card answered")]
    answer: Annotated[str, Field(min_length=4), _hex(MAX_ANSWER)]


@dataclass(frozen=True, slots=True)
class Door:
    """What the two routes do."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    wait: Wait

    def begin(self, body: BeginBody) -> dict[str, Any]:
        """Errors: those of `require_allowed`; TooManyConversations, ConversationFailed, KeysSilent."""
        task = Task(
            body.card,
            body.operation,
            body.purpose,
            message=bytes.fromhex(body.message),
            certificate=bytes.fromhex(body.certificate),
            ca_certificate=bytes.fromhex(body.ca_certificate),
            number=body.number,
        )
        at = self.clock.now()

        def write(conn: Connection) -> str:
            allowed = require_allowed(conn, task, at)
            with_card, in_all = (conversations.under_way(conn, at, card) for card in (body.card, None))
            if with_card >= PER_CARD or in_all >= IN_ALL:
                raise TooManyConversations
            return conversations.begin(conn, allowed, at, self.random)

        name = self.database.transaction(write)
        return {"conversation": name, **self._told(name, body.number)}

    def resume(self, name: str, body: AnswerBody) -> dict[str, Any]:
        """Errors: NoSuchConversation, ConversationFailed, KeysSilent."""
        at = self.clock.now()
        octets = bytes.fromhex(body.answer)
        if not self.database.transaction(lambda conn: conversations.answer(conn, name, body.turn, octets, at)):
            raise NoSuchConversation
        return self._told(name)

    def _told(self, name: str, number: int = 0) -> dict[str, Any]:
        """What the keys say next."""
        for _ in range(_LOOKS):
            now = self.database.read(lambda conn: conversations.look(conn, name, self.clock.now()))
            if now is None:
                raise NoSuchConversation
            if now.state is not TalkState.KEYS:
                return _document(now, number)
            self.wait(_LOOK_EVERY)
        raise KeysSilent


def card_management_router(database: Database, clock: Clock, random: Callable[[int], bytes], wait: Wait) -> APIRouter:
    """The routes of this door."""
    router = APIRouter(prefix="/v1/card-management", tags=["cards"])
    door = Door(database, clock, random, wait)

    @router.post("", status_code=201)
    def begin(body: BeginBody) -> dict[str, Any]:
        """Begin one operation: an id, and the first command for the card."""
        return door.begin(body)

    @router.post("/{conversation}")
    def resume(conversation: str, body: AnswerBody) -> dict[str, Any]:
        """Bring the card's answer: the next command, or the result."""
        return door.resume(conversation, body)

    return router


_BY_NUMBER: dict[str, Callable[[int], Error]] = {error.code: error for error in (PinNotPermitted, PinPermissionUsed)}


def _document(now: Progress, number: int) -> dict[str, Any]:
    match now.state:
        case TalkState.CARD:
            assert now.command is not None
            return {"done": False, "turn": now.turn, "command": now.command.hex()}
        case TalkState.DONE:
            return {"done": True, "result": now.result.hex()}
    # Between our look and that of the keys' side somebody else may have used the permission up.
    if (known := _BY_NUMBER.get(now.cause)) is not None:
        raise known(number)
    raise ConversationFailed(now.cause)
