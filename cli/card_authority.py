"""The party with the cards' keys as the door for managing cards asks for it: octets in, octets out."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from cardio import card_management as management
from cardio.apdu import CommandApdu, parse_response
from cardio.errors import CardError
from pki.algorithms import load_public_key
from pki.errors import InvalidValue
from web.card_management import Conversation, Operation, Step, Task
from web.errors import ConversationFailed


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A CardManager behind web's CardAuthority."""

    manager: management.CardManager

    def begin(self, task: Task) -> Conversation:
        """A conversation bound to the task's card."""
        return _Spoken(self.manager.begin(_request(task), task.card_id))


@dataclass(frozen=True, slots=True)
class _Spoken:
    inner: management.Conversation

    def start(self) -> Step:
        return _step(self.inner.start)

    def resume(self, octets: bytes) -> Step:
        response = parse_response(octets)
        return _step(lambda: self.inner.resume(response))


def _step(go: Callable[[], CommandApdu | management.Done]) -> Step:
    try:
        step = go()
    except CardError as error:
        raise ConversationFailed(error.code) from error
    return Step(step.encode()) if isinstance(step, CommandApdu) else Step(None, step.result)


def _request(task: Task) -> management.Request:
    match task.operation:
        case Operation.GENERATE:
            return management.Generate(task.purpose)
        case Operation.PENDING:
            return management.PendingKey(task.purpose)
        case Operation.PROVE:
            elliptic = isinstance(load_public_key(task.spki), ec.EllipticCurvePublicKey)
            return management.Prove(task.purpose, task.message, elliptic)
        case Operation.INSTALL:
            return management.Install(task.purpose, task.certificate, task.ca_certificate)
    raise InvalidValue(f"no conversation for {task.operation.value}")
