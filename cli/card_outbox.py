"""The cards' keys, as a process without them sees them: what is asked is written down, and the answer waited for.

For an officer's desk, which has the card in a reader of its own or at the other end of a line: the process with the
keys (`cli.card_keeper`) computes, this one relays.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cardio import card_management as management
from cardio.apdu import CommandApdu, ResponseApdu, parse_command
from cardio.card_management import Done, Request
from cardio.errors import CardError, CertificateMismatch, SecureChannelFailed, WrongCardState
from enrollment import conversations
from enrollment.conversations import Operation, TalkState, Task
from enrollment.errors import ManagementRefused
from enrollment.store import Database
from pki.instant import Clock
from pki.purpose import Purpose
from web.errors import ConversationFailed, KeysSilent

_LOOK_EVERY, _LOOKS = 0.004, 2500
_KNOWN: dict[str, Callable[[str], CardError]] = {
    error.code: error for error in (SecureChannelFailed, CertificateMismatch, WrongCardState)
}


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """An Authority (`cardio.card_management`) at a counter, or `at_home`, where far less is allowed. `wait` waits some
    seconds.

    Errors of its conversations: the card's own, as the keys' side found them; ConversationFailed with the code of what
    it does not allow; KeysSilent.
    """

    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    wait: Callable[[float], object]
    card_id: Callable[[], str]
    at_home: bool = False

    def begin(self, request: Request) -> "management.Conversation":
        """A conversation with the card that `card_id` tells. Errors: ManagementRefused for what no counter does."""
        task = _task(request, self.card_id())
        return _Kept(self, replace(task, at_counter=False, at_home=True) if self.at_home else task)


@dataclass(slots=True)
class _Kept:
    keys: KeptKeys
    task: Task
    name: str = ""
    turn: int = 0

    def start(self) -> CommandApdu | Done:
        keys, at = self.keys, self.keys.clock.now()
        self.name = keys.database.transaction(lambda conn: conversations.begin(conn, self.task, at, keys.random))
        return self._told()

    def resume(self, response: ResponseApdu) -> CommandApdu | Done:
        at, octets = self.keys.clock.now(), response.encode()
        taken = self.keys.database.transaction(
            lambda conn: conversations.answer(conn, self.name, self.turn, octets, at)
        )
        if not taken:
            raise KeysSilent
        return self._told()

    def _told(self) -> CommandApdu | Done:
        for _ in range(_LOOKS):
            now = self.keys.database.read(lambda conn: conversations.look(conn, self.name, self.keys.clock.now()))
            if now is None:
                break
            if now.state is TalkState.CARD and now.command is not None:
                self.turn = now.turn
                return parse_command(now.command)
            if now.state is TalkState.DONE:
                return Done(now.result)
            if now.state is TalkState.FAILED:
                known = _KNOWN.get(now.cause)
                raise known("the keys' side ended the conversation") if known else ConversationFailed(now.cause)
            self.keys.wait(_LOOK_EVERY)
        raise KeysSilent


def _task(request: Request, card: str) -> Task:
    def one(purposes: tuple[Purpose, ...]) -> Purpose:
        if len(purposes) != 1:
            raise ManagementRefused("several PINs in one conversation")
        return purposes[0]

    match request:
        case management.Generate(purpose):
            return Task(card, Operation.GENERATE, purpose, at_counter=True)
        case management.PendingKey(purpose):
            return Task(card, Operation.PENDING, purpose, at_counter=True)
        case management.Prove(purpose, message):
            return Task(card, Operation.PROVE, purpose, message=message, at_counter=True)
        case management.Install(purpose, certificate, issuer):
            return Task(
                card, Operation.INSTALL, purpose, certificate=certificate, ca_certificate=issuer, at_counter=True
            )
        case management.ReadActive(purpose):
            return Task(card, Operation.READ, purpose, at_counter=True)
        case management.AllowPin(purposes, 0):
            names = ",".join(purpose.value for purpose in purposes).encode()
            return Task(card, Operation.FIRST_PINS, purposes[0], message=names, at_counter=True)
        case management.AllowPin(purposes, number):
            return Task(card, Operation.ALLOW_PIN, one(purposes), number=number, at_counter=True)
        case management.PinsSet(purposes, number):
            return Task(card, Operation.PIN_SET, one(purposes), number=number, at_counter=True)
    raise ManagementRefused("what only a card bureau does")
