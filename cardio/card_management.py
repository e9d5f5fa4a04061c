"""Managing a card from afar: the server computes every APDU, whoever holds the reader only relays them.

A Conversation is one operation on one card inside one SCP03 session. Its side with the keys runs wherever the master
key is; the relay needs no key and learns none. Each operation may be repeated from its beginning after any
interruption.

Keys of a card come from a master key: K = KBKDF-CMAC(master, label "jitsuin card" ‖ use, context = the card's ten
octets of diversification data), NIST SP 800-108, counter mode: one card opened in a laboratory tells nothing about
another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from cardio import card_steps as steps
from cardio.apdu import CommandApdu, ResponseApdu
from cardio.card_steps import Steps, serial
from cardio.channel import Channel
from cardio.errors import CardSwapped, Refused, SecureChannelFailed
from cardio.evidence import Transcript
from cardio.jpki import AID, SLOTS
from cardio.scp03 import FULL, HostSession, KeySet
from pki.purpose import Purpose

_LABEL = b"jitsuin card "


def diversify(master: bytes, version: int, diversification: bytes) -> KeySet:
    """One card's key set of that version.

    Shapes: `master` 16 octets or 32; `diversification` 10 octets, as INITIALIZE UPDATE gives them; keys are AES-128.
    """

    def key(use: bytes) -> bytes:
        return KBKDFCMAC(
            algorithm=AES,
            mode=Mode.CounterMode,
            length=16,
            rlen=4,
            llen=4,
            location=CounterLocation.BeforeFixed,
            label=_LABEL + use,
            context=bytes((version,)) + diversification,
            fixed=None,
        ).derive(master)

    return KeySet(version, key(b"enc"), key(b"mac"), key(b"dek"))


@dataclass(frozen=True, slots=True, repr=False)
class MasterKeys:
    """Master keys by key version; cards begin with the lowest and are rotated to `current`. A KeySource factory."""

    by_version: Mapping[int, bytes]

    @property
    def current(self) -> int:
        return max(self.by_version)

    def key_set(self, diversification: bytes, version: int) -> KeySet:
        """Errors: SecureChannelFailed if the card uses a version that we hold no master key of."""
        master = self.by_version.get(version)
        if master is None:
            raise SecureChannelFailed(f"no master key of version {version}")
        return diversify(master, version, diversification)

    def __repr__(self) -> str:
        return f"MasterKeys(versions {sorted(self.by_version)})"


# -- what may be asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Generate:
    """A new pending key pair beside the active one. Result: its SubjectPublicKeyInfo in DER."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class PendingKey:
    """Result: SubjectPublicKeyInfo of the pending key, empty if there is none."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Prove:
    """A signature by the pending key over `message`: RSA PKCS#1 v1.5 with SHA-256, or ECDSA with SHA-384 in DER."""

    purpose: Purpose
    message: bytes
    elliptic: bool = False


@dataclass(frozen=True, slots=True)
class Install:
    """Write both certificates, read them back, activate them with the pending key. Result: empty. Repeatable."""

    purpose: Purpose
    certificate: bytes
    ca_certificate: bytes


@dataclass(frozen=True, slots=True)
class ReadActive:
    """Result: the active certificate, empty if there is none. Inside the channel, so without the holder's PIN."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class AllowPin:
    """Let the holder set each PIN anew, once, until the card next loses power or selection. The PIN itself never comes
    here. Result: OPEN or USED (`cardio.card_steps`) for each purpose; repeatable.

    `number`: that of the permission, higher than any before it with this card; once a PIN was set with it, the card
    opens nothing for it again. 0: at personalisation, until the card sees the first permission.
    """

    purposes: tuple[Purpose, ...]
    number: int = 0


@dataclass(frozen=True, slots=True)
class PinsSet:
    """Whether the PINs were set with the permission of that number, by the card's word: OPEN or USED for each."""

    purposes: tuple[Purpose, ...]
    number: int


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Replace the card's management keys by those of the current master key. Repeatable."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End of life: all keys, certificates and PINs of the card are destroyed, for ever. Repeatable."""


Request = Generate | PendingKey | Prove | Install | ReadActive | AllowPin | PinsSet | RotateKeys | Terminate


@dataclass(frozen=True, slots=True)
class Done:
    """The conversation is over; `result` as its request says."""

    result: bytes


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that came to its end, as the side with the keys saw it: what is kept to show how it went."""

    name: str
    """The conversation's; where it has none, one made of the transcript, which no other conversation has."""
    card_id: str
    request: Request
    result: bytes
    commands: int
    transcript: bytes
    """SHA-256 of the masked transcript (`cardio.evidence.Transcript`): what was computed and what was answered."""


class Conversation(Protocol):
    """One operation. `start`, then `resume` with each answer, until Done.

    Guarantees: needs nothing from the relay but the answers; an answer that was changed on the way ends it with
    SecureChannelFailed. May be a stub that asks a server.
    """

    def start(self) -> CommandApdu | Done: ...

    def resume(self, answer: ResponseApdu) -> CommandApdu | Done: ...


class Authority(Protocol):
    """Who decides whether a management request is allowed, and computes its APDUs: `CardManager` here or on a
    server.
    """

    def begin(self, request: Request) -> Conversation: ...


def relay(channel: Channel, conversation: Conversation) -> bytes:
    """Carry a conversation to the card and back; gives its result.

    Errors: ConnectionFailed; whatever the conversation raises.
    """
    step = conversation.start()
    while isinstance(step, CommandApdu):
        step = conversation.resume(channel.send(step))
    return step.result


# -- the side with the keys ----------------------------------------------------------------------------------------


class CardManager:
    """An Authority that holds the master keys. Whether a request is allowed is its caller's business."""

    def __init__(
        self,
        master_keys: MasterKeys,
        random: Callable[[int], bytes],
        made: Callable[[str, Purpose, bytes], object] = lambda _card, _purpose, _spki: None,
        told: Callable[[Talk], object] = lambda _talk: None,
    ) -> None:
        """`made` hears of every key that a card made, with the card's serial and the key's SubjectPublicKeyInfo: both
        are authenticated by the card's own keys, so whoever listens here knows that the key is on that card.
        `told` hears of every conversation that came to its end, before its result is given.
        """
        self._master_keys = master_keys
        self._random = random
        self._made = made
        self._told = told

    def begin(
        self, request: Request, card_id: str | None = None, challenge: bytes | None = None, name: str = ""
    ) -> Conversation:
        """With a `card_id` the conversation goes on only with the card of that serial. `challenge`: the host's eight
        octets, for a conversation that is taken up again; with the same answers it says the same.

        Errors: CardSwapped, from the conversation, once another card has proved itself.
        """
        host = HostSession(self._master_keys.key_set, challenge or self._random(8), FULL)

        def told(talk: Talk) -> None:
            self._told(talk if not name else replace(talk, name=name))

        return _Secured(host, self._steps(request, host), card_id, request, told)

    def _steps(self, request: Request, host: HostSession) -> Steps:
        match request:
            case Generate(purpose):
                return self._witnessed(host, purpose)
            case PendingKey(purpose):
                return steps.pending_key(purpose)
            case Prove(purpose, message, elliptic):
                return steps.prove(purpose, message, elliptic)
            case Install(purpose, certificate, ca_certificate):
                return steps.install(purpose, certificate, ca_certificate)
            case ReadActive(purpose):
                return steps.read_object(SLOTS[purpose].certificate)
            case AllowPin(purposes, number):
                return steps.allow_pin(purposes, number)
            case PinsSet(purposes, number):
                return steps.pins_set(purposes, number)
            case RotateKeys():
                return steps.rotate(host, self._master_keys.key_set, self._master_keys.current)
            case Terminate():
                return steps.terminate()

    def _witnessed(self, host: HostSession, purpose: Purpose) -> Steps:
        spki = yield from steps.generate(purpose)
        self._made(serial(host), purpose, spki)
        return spki


class _Secured:
    """A conversation: select, open the secure channel, then the steps inside it."""

    def __init__(
        self, host: HostSession, inner: Steps, card_id: str | None, request: Request, told: Callable[[Talk], object]
    ) -> None:
        self._run = self._witnessed(host, self._secure(host, inner, card_id), request, told)

    @staticmethod
    def _witnessed(host: HostSession, run: Steps, request: Request, told: Callable[[Talk], object]) -> Steps:
        transcript, commands = Transcript(), 0
        try:
            command = next(run)
            while True:
                commands += 1
                transcript.trace.command(command.encode())
                answer = yield command
                transcript.trace.response(answer.encode())
                command = run.send(answer)
        except StopIteration as stop:
            digest = transcript.digest
            told(Talk(digest[:16].hex(), serial(host), request, bytes(stop.value), commands, digest))
            return bytes(stop.value)

    @staticmethod
    def _secure(host: HostSession, inner: Steps, card_id: str | None) -> Steps:
        selected = yield CommandApdu(0x00, 0xA4, 0x04, 0x0C, AID)
        if not selected.ok and selected.status != 0x6285:
            raise Refused(selected.status, "SELECT application")
        greeting = yield host.initialize_update()
        proof = host.external_authenticate(greeting)
        if card_id is not None and serial(host) != card_id:
            raise CardSwapped(card_id, serial(host))
        opened = yield proof
        host.opened(opened)
        plain: ResponseApdu | None = None
        while True:
            try:
                command = next(inner) if plain is None else inner.send(plain)
            except StopIteration as stop:
                return bytes(stop.value)
            plain = host.unwrap((yield host.wrap(command)))

    def start(self) -> CommandApdu | Done:
        return self._step(lambda: next(self._run))

    def resume(self, answer: ResponseApdu) -> CommandApdu | Done:
        return self._step(lambda: self._run.send(answer))

    @staticmethod
    def _step(go: Callable[[], CommandApdu]) -> CommandApdu | Done:
        try:
            return go()
        except StopIteration as stop:
            return Done(bytes(stop.value))
