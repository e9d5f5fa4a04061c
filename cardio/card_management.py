"""Managing a card from afar: the server computes every APDU, whoever holds the reader only relays them.

A Conversation is one operation on one card inside one SCP03 session. Its side with the keys runs wherever the master
key is; the relay needs no key and learns none. Each operation may be repeated from its beginning after any
interruption.

Keys of a card come from a master key: K = KBKDF-CMAC(master, label "jitsuin card" ‖ use, context = the card's ten
octets of diversification data), NIST SP 800-108, counter mode: one card opened in a laboratory tells nothing about
another.
"""

import hashlib
import hmac
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu
from cardio.card_keys import spki_of_template
from cardio.channel import Channel
from cardio.errors import CardSwapped, CertificateMismatch, Refused, SecureChannelFailed, WrongCardState
from cardio.jpki import AID, SLOTS
from cardio.scp03 import FULL, HostSession, KeySet, encrypt_key, key_check_value
from pki.errors import Malformed
from pki.purpose import Purpose

PENDING, PENDING_KEY = 0xE000, 0x40
_WRITE_PIECE = 224
_READ_PIECE = 240
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
    """Let the holder set a PIN anew, once, until the card next loses power or selection. The PIN itself never comes
    here.
    """

    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Replace the card's management keys by those of the current master key. Repeatable."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End of life: all keys, certificates and PINs of the card are destroyed, for ever. Repeatable."""


Request = Generate | PendingKey | Prove | Install | ReadActive | AllowPin | RotateKeys | Terminate


@dataclass(frozen=True, slots=True)
class Done:
    """The conversation is over; `result` as its request says."""

    result: bytes


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

Steps = Generator[CommandApdu, ResponseApdu, bytes]
"""Plain commands out, plain answers in, the result at the end."""


class CardManager:
    """An Authority that holds the master keys. Whether a request is allowed is its caller's business."""

    def __init__(
        self,
        master_keys: MasterKeys,
        random: Callable[[int], bytes],
        made: Callable[[str, Purpose, bytes], object] = lambda _card, _purpose, _spki: None,
    ) -> None:
        """`made` hears of every key that a card made, with the card's serial and the key's SubjectPublicKeyInfo: both
        are authenticated by the card's own keys, so whoever listens here knows that the key is on that card.
        """
        self._master_keys = master_keys
        self._random = random
        self._made = made

    def begin(self, request: Request, card_id: str | None = None) -> Conversation:
        """With a `card_id` the conversation goes on only with the card of that serial.

        Errors: CardSwapped, from the conversation, once another card has proved itself.
        """
        host = HostSession(self._master_keys.key_set, self._random(8), FULL)
        return _Secured(host, self._steps(request, host), card_id)

    def _steps(self, request: Request, host: HostSession) -> Steps:
        match request:
            case Generate(purpose):
                return self._witnessed(host, purpose)
            case PendingKey(purpose):
                return _pending_key(purpose)
            case Prove(purpose, message, elliptic):
                return _prove(purpose, message, elliptic)
            case Install(purpose, certificate, ca_certificate):
                return _install(purpose, certificate, ca_certificate)
            case ReadActive(purpose):
                return _read_object(SLOTS[purpose].certificate)
            case AllowPin(purposes):
                return _allow_pin(purposes)
            case RotateKeys():
                return _rotate(host, self._master_keys)
            case Terminate():
                return _terminate()

    def _witnessed(self, host: HostSession, purpose: Purpose) -> Steps:
        spki = yield from _generate(purpose)
        self._made(_serial(host), purpose, spki)
        return spki


class _Secured:
    """A conversation: select, open the secure channel, then the steps inside it."""

    def __init__(self, host: HostSession, steps: Steps, card_id: str | None) -> None:
        self._run = self._secure(host, steps, card_id)

    @staticmethod
    def _secure(host: HostSession, steps: Steps, card_id: str | None) -> Steps:
        selected = yield CommandApdu(0x00, 0xA4, 0x04, 0x0C, AID)
        if not selected.ok and selected.status != 0x6285:
            raise Refused(selected.status, "SELECT application")
        greeting = yield host.initialize_update()
        proof = host.external_authenticate(greeting)
        if card_id is not None and _serial(host) != card_id:
            raise CardSwapped(card_id, _serial(host))
        opened = yield proof
        host.opened(opened)
        plain: ResponseApdu | None = None
        while True:
            try:
                command = next(steps) if plain is None else steps.send(plain)
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


def _serial(host: HostSession) -> str:
    """The serial of the card that holds the keys of this channel."""
    return host.diversification[-8:].hex().upper()


def _demand(response: ResponseApdu, name: str) -> bytes:
    if not response.ok:
        raise Refused(response.status, name)
    return response.data


def _key_reference(purpose: Purpose) -> bytes:
    return tlv.encode(0xB6, tlv.encode(0x84, bytes((SLOTS[purpose].key | PENDING_KEY,))))


def _spki(template: bytes) -> bytes:
    try:
        return spki_of_template(template)
    except Malformed as malformed:
        raise CertificateMismatch(f"public key template: {malformed.what}") from malformed


def _generate(purpose: Purpose) -> Steps:
    response = yield CommandApdu(0x80, 0x47, 0x80, 0x00, _key_reference(purpose), 256)
    return _spki(_demand(response, "GENERATE ASYMMETRIC KEY PAIR"))


def _pending_key(purpose: Purpose) -> Steps:
    response = yield CommandApdu(0x80, 0x47, 0x81, 0x00, _key_reference(purpose), 256)
    if response.status == 0x6A88:
        return b""
    return _spki(_demand(response, "reading the pending public key"))


def _prove(purpose: Purpose, message: bytes, elliptic: bool) -> Steps:
    reference = 0x80 | PENDING_KEY | SLOTS[purpose].key
    digest = hashlib.sha384(message).digest() if elliptic else hashlib.sha256(message).digest()
    response = yield CommandApdu(0x80, 0x2A, 0x00 if elliptic else 0x02, reference, digest, 256)
    if response.status == 0x6A88:
        raise WrongCardState("there is no pending key")
    return _demand(response, "SIGN with the pending key")


def _select(file_id: int) -> CommandApdu:
    return CommandApdu(0x00, 0xA4, 0x02, 0x0C, file_id.to_bytes(2, "big"))


def _read_object(file_id: int) -> Steps:
    """The DER SEQUENCE that begins the file, empty if the file is."""
    _demand((yield _select(file_id)), f"SELECT {file_id:04X}")
    first = yield CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=_READ_PIECE)
    if first.status == 0x6B00:
        return b""
    data = _demand(first, "READ BINARY")
    if data[:2] != b"\x30\x82" or len(data) < 4:
        raise CertificateMismatch("no certificate in its file")
    total = 4 + int.from_bytes(data[2:4], "big")
    while len(data) < total:
        offset = len(data)
        command = CommandApdu(0x00, 0xB0, offset >> 8, offset & 0xFF, ne=min(_READ_PIECE, total - offset))
        piece = _demand((yield command), "READ BINARY")
        if not piece:
            raise CertificateMismatch("certificate file too short")
        data += piece
    return data[:total]


def _write(file_id: int, content: bytes) -> Steps:
    """Write from the beginning, then read back and compare."""
    _demand((yield _select(file_id)), f"SELECT {file_id:04X}")
    for offset in range(0, len(content), _WRITE_PIECE):
        piece = content[offset : offset + _WRITE_PIECE]
        _demand((yield CommandApdu(0x00, 0xD6, offset >> 8, offset & 0xFF, piece)), "UPDATE BINARY")
    if (yield from _read_object(file_id)) != content:
        raise CertificateMismatch("what was read back differs from what was written")
    return b""


def _install(purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> Steps:
    slot = SLOTS[purpose]
    if hmac.compare_digest((yield from _read_object(slot.certificate)), certificate):
        return b""  # done before: the answer to ACTIVATE was lost
    if not (yield from _pending_key(purpose)):
        raise WrongCardState("there is no pending key to install a certificate for")
    yield from _write(PENDING | slot.certificate, certificate)
    yield from _write(PENDING | slot.ca_certificate, ca_certificate)
    reference = 0x80 | PENDING_KEY | slot.key
    response = yield CommandApdu(0x80, 0x44, 0x00, reference, hashlib.sha256(certificate).digest())
    if response.status == 0x6A80:
        raise CertificateMismatch("the certificate is not of the pending key")
    _demand(response, "ACTIVATE")
    return b""


def _allow_pin(purposes: tuple[Purpose, ...]) -> Steps:
    for purpose in purposes:
        _demand((yield CommandApdu(0x80, 0x2C, 0x03, 0x80 | SLOTS[purpose].pin)), "allowing a PIN to be set")
    return b""


def _rotate(host: HostSession, master_keys: MasterKeys) -> Steps:
    old = host.key_set
    if old is None:
        raise SecureChannelFailed("not opened")
    if old.version == master_keys.current:
        return b""
    new = master_keys.key_set(host.diversification, master_keys.current)
    keys = (new.enc, new.mac, new.dek)
    blocks = (b"\x88\x11\x10" + encrypt_key(old.dek, key) + b"\x03" + key_check_value(key) for key in keys)
    command = CommandApdu(0x80, 0xD8, old.version, 0x81, bytes((new.version,)) + b"".join(blocks), 256)
    told = _demand((yield command), "PUT KEY")
    if told != bytes((new.version,)) + b"".join(map(key_check_value, keys)):
        raise SecureChannelFailed("key check values")
    return b""


def _terminate() -> Steps:
    _demand((yield CommandApdu(0x80, 0xFE, 0x00, 0x00)), "TERMINATE CARD USAGE")
    return b""
