"""Signed notes (c2sp.org/signed-note) with Ed25519, and witness cosignatures (c2sp.org/tlog-cosignature).

note       text, ending in a newline; an empty line; one line a signature:
           "— " name " " base64(key id, 4 octets || signature) newline
key id     the first four octets of SHA-256(name || newline || type || public key)
types      0x01 Ed25519 over the text; 0x04 cosignature/v1: timestamp, 8 octets || Ed25519 over
           "cosignature/v1" newline "time " timestamp newline || text
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pki.instant import Instant
from transparency.errors import BadNote

MAX_NOTE = 1 << 16
MAX_SIGNATURES = 64

_NAME = re.compile(r"[^\s+]+\Z")
_LINE = re.compile("— ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})\\Z")


class KeyType(IntEnum):
    """What stands before the public key in a verifier key."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with the name that it signs under."""

    name: str
    type: KeyType
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four octets."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.type,)) + self.public).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(bytes((self.type,)) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+keyid+key`, as one line. Errors: BadNote."""
        parts = text.removesuffix("\n").split("+", 2)
        try:
            name, key_id, encoded = parts
            octets = base64.b64decode(encoded, validate=True)
            found = cls(name, KeyType(octets[0]), octets[1:])
        except (ValueError, IndexError) as error:
            raise BadNote("a verifier key is written as name+keyid+key") from error
        canonical = base64.b64encode(octets).decode() == encoded
        if not _NAME.match(name) or len(found.public) != 32 or found.key_id.hex() != key_id or not canonical:
            raise BadNote("a verifier key whose parts do not fit each other")
        return found

    def verify(self, text: bytes, signature: bytes) -> Instant | None:
        """See that `signature` is this key's over `text`; gives a cosignature's time. Errors: BadNote."""
        message, at = text, None
        if self.type is KeyType.COSIGNATURE:
            at = Instant(int.from_bytes(signature[:8]))
            message, signature = cosigned(text, at), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise BadNote(f"the signature of {self.name} is wrong") from error
        return at


class Signer:
    """A private key with the name that it signs under; it shows only its public half."""

    def __init__(self, name: str, key: Ed25519PrivateKey, type_: KeyType = KeyType.ED25519) -> None:
        if not _NAME.match(name):
            raise BadNote("a name has no white space and no plus sign")
        self._key = key
        self.verifier = Verifier(name, type_, key.public_key().public_bytes_raw())

    def line(self, text: bytes, at: Instant) -> bytes:
        """The signature line over `text`; `at` is what a cosignature says."""
        message, before = text, b""
        if self.verifier.type is KeyType.COSIGNATURE:
            message, before = cosigned(text, at), at.seconds.to_bytes(8)
        signature = self.verifier.key_id + before + self._key.sign(message)
        return f"— {self.verifier.name} {base64.b64encode(signature).decode()}\n".encode()


def cosigned(text: bytes, at: Instant) -> bytes:
    """What a witness signs (cosignature/v1)."""
    return b"cosignature/v1\ntime %d\n" % at.seconds + text


def sign(text: bytes, at: Instant, *signers: Signer) -> bytes:
    """A note over `text`, which ends in a newline."""
    if not text.endswith(b"\n"):
        raise BadNote("the text of a note ends in a newline")
    return text + b"\n" + b"".join(signer.line(text, at) for signer in signers)


@dataclass(frozen=True, slots=True)
class Note:
    """A note whose form is right; nothing is believed before `verified`. `signatures`: name, key id, signature."""

    text: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def verified(self, *verifiers: Verifier) -> dict[Verifier, Instant | None]:
        """The keys among `verifiers` that signed, with their cosignatures' times.

        Lines of other keys are passed over; a wrong signature that claims to be by one of `verifiers` is an error
        (BadNote), and so is a note that none of them signed.
        """
        found = {}
        for verifier in verifiers:
            for name, key_id, signature in self.signatures:
                if (name, key_id) == (verifier.name, verifier.key_id):
                    found[verifier] = verifier.verify(self.text, signature)
        if not found:
            raise BadNote("none of the expected keys signed it")
        return found


def parse(octets: bytes) -> Note:
    """Read a note. Errors: BadNote."""
    if len(octets) > MAX_NOTE:
        raise BadNote("it is too long")
    try:
        whole = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadNote("it is not UTF-8") from error
    if any(character < " " and character != "\n" for character in whole):
        raise BadNote("it holds control characters")
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise BadNote("it has no signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote("it has too many signatures")
    signatures = []
    for line in lines:
        match = _LINE.match(line)
        try:
            octets = base64.b64decode(match[2], validate=True) if match else b""
        except binascii.Error as error:
            raise BadNote("a signature line is malformed") from error
        # Bits behind the last octet are zero: else one signature could be written in four ways, and a flipped bit
        # would go unnoticed.
        if match is None or len(octets) < 5 or base64.b64encode(octets).decode() != match[2]:
            raise BadNote("a signature line is malformed")
        signatures.append((match[1], octets[:4], octets[4:]))
    return Note((text + "\n").encode(), tuple(signatures))
