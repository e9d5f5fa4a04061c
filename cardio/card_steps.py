"""What the side with the keys says to a card inside the secure channel, operation by operation.

Each function is a generator: plain commands out, plain answers in, the result at the end. The octets are in
docs/formats/card-management.md. Every operation may be repeated from its beginning after any interruption.
"""

import hashlib
import hmac
from collections.abc import Callable, Generator

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu
from cardio.card_keys import spki_of_template
from cardio.errors import CertificateMismatch, Refused, SecureChannelFailed, WrongCardState
from cardio.jpki import SLOTS
from cardio.scp03 import HostSession, KeySet, encrypt_key, key_check_value
from pki.errors import Malformed
from pki.purpose import Purpose

PENDING, PENDING_KEY = 0xE000, 0x40
_WRITE_PIECE = 224
_READ_PIECE = 240

Steps = Generator[CommandApdu, ResponseApdu, bytes]
"""Plain commands out, plain answers in, the result at the end."""


def serial(host: HostSession) -> str:
    """The serial of the card that holds the keys of this channel."""
    return host.diversification[-8:].hex().upper()


def demand(response: ResponseApdu, name: str) -> bytes:
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


def generate(purpose: Purpose) -> Steps:
    response = yield CommandApdu(0x80, 0x47, 0x80, 0x00, _key_reference(purpose), 256)
    return _spki(demand(response, "GENERATE ASYMMETRIC KEY PAIR"))


def pending_key(purpose: Purpose) -> Steps:
    response = yield CommandApdu(0x80, 0x47, 0x81, 0x00, _key_reference(purpose), 256)
    if response.status == 0x6A88:
        return b""
    return _spki(demand(response, "reading the pending public key"))


def prove(purpose: Purpose, message: bytes, elliptic: bool) -> Steps:
    reference = 0x80 | PENDING_KEY | SLOTS[purpose].key
    digest = hashlib.sha384(message).digest() if elliptic else hashlib.sha256(message).digest()
    response = yield CommandApdu(0x80, 0x2A, 0x00 if elliptic else 0x02, reference, digest, 256)
    if response.status == 0x6A88:
        raise WrongCardState("there is no pending key")
    return demand(response, "SIGN with the pending key")


def _select(file_id: int) -> CommandApdu:
    return CommandApdu(0x00, 0xA4, 0x02, 0x0C, file_id.to_bytes(2, "big"))


def read_object(file_id: int) -> Steps:
    """The DER SEQUENCE that begins the file, empty if the file is."""
    demand((yield _select(file_id)), f"SELECT {file_id:04X}")
    first = yield CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=_READ_PIECE)
    if first.status == 0x6B00:
        return b""
    data = demand(first, "READ BINARY")
    if data[:2] != b"\x30\x82" or len(data) < 4:
        raise CertificateMismatch("no certificate in its file")
    total = 4 + int.from_bytes(data[2:4], "big")
    while len(data) < total:
        offset = len(data)
        command = CommandApdu(0x00, 0xB0, offset >> 8, offset & 0xFF, ne=min(_READ_PIECE, total - offset))
        piece = demand((yield command), "READ BINARY")
        if not piece:
            raise CertificateMismatch("certificate file too short")
        data += piece
    return data[:total]


def _write(file_id: int, content: bytes) -> Steps:
    """Write from the beginning, then read back and compare."""
    demand((yield _select(file_id)), f"SELECT {file_id:04X}")
    for offset in range(0, len(content), _WRITE_PIECE):
        piece = content[offset : offset + _WRITE_PIECE]
        demand((yield CommandApdu(0x00, 0xD6, offset >> 8, offset & 0xFF, piece)), "UPDATE BINARY")
    if (yield from read_object(file_id)) != content:
        raise CertificateMismatch("what was read back differs from what was written")
    return b""


def install(purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> Steps:
    slot = SLOTS[purpose]
    if hmac.compare_digest((yield from read_object(slot.certificate)), certificate):
        return b""  # done before: the answer to ACTIVATE was lost
    if not (yield from pending_key(purpose)):
        raise WrongCardState("there is no pending key to install a certificate for")
    yield from _write(PENDING | slot.certificate, certificate)
    yield from _write(PENDING | slot.ca_certificate, ca_certificate)
    reference = 0x80 | PENDING_KEY | slot.key
    response = yield CommandApdu(0x80, 0x44, 0x00, reference, hashlib.sha256(certificate).digest())
    if response.status == 0x6A80:
        raise CertificateMismatch("the certificate is not of the pending key")
    demand(response, "ACTIVATE")
    return b""


OPEN, USED = b"\x00", b"\x01"
"""What became of a permission for one PIN: it waits for the new PIN, or the PIN was set with it."""


def allow_pin(purposes: tuple[Purpose, ...], number: int) -> Steps:
    """Result: OPEN or USED for each purpose. `number` 0: at personalisation, before the card had any permission."""
    octets = number.to_bytes(4, "big") if number else b""
    result = b""
    for purpose in purposes:
        response = yield CommandApdu(0x80, 0x2C, 0x03, 0x80 | SLOTS[purpose].pin, octets)
        if response.status == 0x6985 and number and (yield from _last_permission(purpose)) == number:
            result += USED
        else:
            demand(response, "allowing a PIN to be set")
            result += OPEN
    return result


def pins_set(purposes: tuple[Purpose, ...], number: int) -> Steps:
    """Result: OPEN or USED for each purpose, as the card's own memory says it."""
    result = b""
    for purpose in purposes:
        result += USED if (yield from _last_permission(purpose)) >= number else OPEN
    return result


def _last_permission(purpose: Purpose) -> Generator[CommandApdu, ResponseApdu, int]:
    response = yield CommandApdu(0x80, 0x2C, 0x04, 0x80 | SLOTS[purpose].pin, ne=256)
    return int.from_bytes(demand(response, "asking for the last permission"), "big")


def rotate(host: HostSession, key_set: Callable[[bytes, int], KeySet], current: int) -> Steps:
    old = host.key_set
    if old is None:
        raise SecureChannelFailed("not opened")
    if old.version == current:
        return b""
    new = key_set(host.diversification, current)
    keys = (new.enc, new.mac, new.dek)
    blocks = (b"\x88\x11\x10" + encrypt_key(old.dek, key) + b"\x03" + key_check_value(key) for key in keys)
    command = CommandApdu(0x80, 0xD8, old.version, 0x81, bytes((new.version,)) + b"".join(blocks), 256)
    told = demand((yield command), "PUT KEY")
    if told != bytes((new.version,)) + b"".join(map(key_check_value, keys)):
        raise SecureChannelFailed("key check values")
    return b""


def terminate() -> Steps:
    demand((yield CommandApdu(0x80, 0xFE, 0x00, 0x00)), "TERMINATE CARD USAGE")
    return b""
