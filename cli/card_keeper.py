"""The process with the cards' keys: it carries on what others wrote down, and is reached through the database only.

Who speaks with strangers' readers (`web.card_management`) has no key of a card, and this process speaks with nobody:
it looks for conversations that wait for their next command, sees for itself whether what they ask is allowed, and
computes it. What it said before follows from the stored challenge and the card's answers, so it may be stopped and
started, and two of them may run: whoever is first writes the turn.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from cardio import card_management as management
from cardio.apdu import CommandApdu, parse_response
from cardio.card_management import CardManager, Conversation, Done
from cardio.card_steps import USED
from cli.database import Database as DeploymentDatabase
from cli.keys import card_manager
from cli.settings import Settings
from enrollment import conversations, pin_reset
from enrollment.conversations import Operation, Task, Waiting
from enrollment.remote_management import require_allowed
from enrollment.store import Database
from pki import der
from pki.algorithms import load_public_key
from pki.errors import Error
from pki.instant import Clock, Instant
from pki.purpose import Purpose

log = logging.getLogger("jitsuin.cards")

HOUSEKEEPING = timedelta(seconds=30)
"""How often what is over is cleared away."""


@dataclass(frozen=True, slots=True)
class _Live:
    """A conversation in this process's memory, after so many answers: no need to go through it again."""

    conversation: Conversation
    answers: int


@dataclass(slots=True)
class CardKeeper:
    """Carries conversations on. `manager` has the keys, and tells of keys made and of conversations that ended."""

    database: Database
    manager: CardManager
    random: Callable[[int], bytes]
    _live: dict[str, _Live] = field(default_factory=dict)
    _next: Instant = field(default=Instant(0))

    def work(self, at: Instant) -> int:
        """One round; how many conversations went on."""
        if at >= self._next:
            self._next = at + HOUSEKEEPING
            self.database.transaction(lambda conn: conversations.clear(conn, at))
            self._live.clear()
        found = self.database.read(lambda conn: conversations.waiting(conn, at))
        for one in found:
            self._carry_on(one, at)
        return len(found)

    def under_way(self, at: Instant) -> int:
        """How many wait for their card: while there are some, the next answer is near."""
        return self.database.read(lambda conn: conversations.under_way(conn, at))

    def _carry_on(self, one: Waiting, at: Instant) -> None:
        live = self._live.pop(one.conversation, None)
        challenge = one.challenge or self.random(8)
        try:
            if one.challenge is None:
                self._require(one, at)
            step, talking = self._step(one, challenge, live)
            if isinstance(step, CommandApdu):
                command = step.encode()
                if self.database.transaction(lambda conn: conversations.tell(conn, one, challenge, command)):
                    self._live[one.conversation] = _Live(talking, len(one.answers))
                return
            self._finish(one, step.result, at)
        except Error as error:
            self._fail(one, error.code)
        except Exception as error:  # what a card may answer must never stop the others
            log.error("unforeseen %s in a conversation", type(error).__name__)
            self._fail(one, "jitsuin.internal")

    def _fail(self, one: Waiting, code: str) -> None:
        log.warning("conversation %s: %s", one.conversation[:8], code)
        self.database.transaction(lambda conn: conversations.fail(conn, one, code))

    def _require(self, one: Waiting, at: Instant) -> None:
        """See that the task is allowed; a permission for a PIN is spent on this conversation."""
        task = self.database.read(lambda conn: require_allowed(conn, one.task, at))
        if task.operation is Operation.ALLOW_PIN:
            self.database.transaction(
                lambda conn: pin_reset.spend(conn, task.card_id, task.number, one.conversation, at)
            )

    def _step(self, one: Waiting, challenge: bytes, live: _Live | None) -> tuple[CommandApdu | Done, Conversation]:
        """The next step, from memory or by going through all answers again."""
        if live is not None and live.answers == len(one.answers) - 1:
            return live.conversation.resume(parse_response(one.answers[-1])), live.conversation
        talking = self.manager.begin(_request(one.task), one.task.card_id, challenge, one.conversation)
        step = talking.start()
        for octets in one.answers:
            step = talking.resume(parse_response(octets))
        return step, talking

    def _finish(self, one: Waiting, result: bytes, at: Instant) -> None:
        if one.task.operation in (Operation.ALLOW_PIN, Operation.PIN_SET) and result == USED:
            card, number = one.task.card_id, one.task.number
            self.database.transaction(lambda conn: pin_reset.finish(conn, card, number, at, self.random))
        self.database.transaction(lambda conn: conversations.finish(conn, one, result))


@contextmanager
def open_card_keeper(settings: Settings, clock: Clock, random: Callable[[int], bytes]) -> Iterator[CardKeeper]:
    """Open database and cards' keys of a deployment. Errors: DatabaseNewer, DatabaseOutdated, SecretMissing."""
    database = DeploymentDatabase(settings.database_url)
    try:
        database.check()
        yield CardKeeper(database, card_manager(settings, database, clock, random), random)
    finally:
        database.close()


def _is_elliptic(information: bytes) -> bool:
    """Whether the key of a CertificationRequestInfo, which was looked at before, is one on a curve."""
    spki = bytes(der.read_whole(information).children()[2].raw)
    return isinstance(load_public_key(spki), ec.EllipticCurvePublicKey)


def _request(task: Task) -> management.Request:
    match task.operation:
        case Operation.GENERATE:
            return management.Generate(task.purpose)
        case Operation.PENDING:
            return management.PendingKey(task.purpose)
        case Operation.PROVE:
            return management.Prove(task.purpose, task.message, _is_elliptic(task.message))
        case Operation.INSTALL:
            return management.Install(task.purpose, task.certificate, task.ca_certificate)
        case Operation.READ:
            return management.ReadActive(task.purpose)
        case Operation.FIRST_PINS:
            return management.AllowPin(tuple(Purpose(name) for name in task.message.decode().split(",")))
        case Operation.ALLOW_PIN:
            return management.AllowPin((task.purpose,), task.number)
        case Operation.PIN_SET:
            return management.PinsSet((task.purpose,), task.number)
