"""The commands of the PIV card application, and Yubico's additions, as functions of a Channel on which it is selected.

Source: SP 800-73-4 part 2, 3; clauses stand with each function. Nothing here repeats a command.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cardio import pin_pad, tlv
from cardio.apdu import CommandApdu
from cardio.channel import Channel
from cardio.commands import Entered, require_pin, tries_left, verify
from cardio.errors import LastTry, ManagementKeyRefused, NotThisKind, PinBlocked, ProtocolViolated, Refused
from cardio.pin import CAPITALS, DIGITS, Pin, PinRule
from cardio.pin_pad import PadEntry
from cardio.piv_management_key import ManagementKey
from cardio.piv_objects import APPLICATION, DISCOVERY
from cardio.piv_slots import (
    MANAGEMENT_KEY_REFERENCE,
    PIN_REFERENCE,
    PUK_REFERENCE,
    KeyAlgorithm,
    PinPolicy,
    Slot,
    TouchPolicy,
)
from cardio.piv_templates import (
    CHALLENGE,
    DATA,
    RESPONSE,
    TAG_LIST,
    WITNESS,
    dynamic_authentication,
    mechanism,
    parse_dynamic_authentication,
    parse_public_key,
    parse_public_numbers,
)
from pki.algorithms import load_public_key
from pki.errors import InvalidValue, Malformed

PIN_RULE = PinRule("PIV PIN", 6, 8, DIGITS, 3, pad=0xFF)
PUK_RULE = PinRule("PUK", 8, 8, CAPITALS, 3, pad=0xFF)

_ALL = 256


def select(channel: Channel) -> None:
    """SELECT by the version-less AID (3.1.1). Errors: NotThisKind, Refused."""
    response = channel.send(CommandApdu(0x00, 0xA4, 0x04, 0x00, APPLICATION[:9], ne=_ALL))
    if response.status in (0x6A82, 0x6A86, 0x6D00, 0x6E00, 0x6999):
        raise NotThisKind("PIV")
    if not response.ok:
        raise Refused(response.status, "SELECT PIV")


def read_object(channel: Channel, tag: bytes) -> bytes | None:
    """GET DATA (3.1.2): the content of 53, None if the object is absent or empty.

    Errors: Refused (6982 where the PIN is missing); ProtocolViolated if the answer is no such object.
    """
    response = channel.send(CommandApdu(0x00, 0xCB, 0x3F, 0xFF, tlv.encode(TAG_LIST, tag), ne=_ALL))
    if response.status == 0x6A82:
        return None
    if not response.ok:
        raise Refused(response.status, "GET DATA")
    if tag == DISCOVERY:
        return response.data
    try:
        return tlv.parse_one(response.data, DATA) or None
    except Malformed as error:
        raise ProtocolViolated("GET DATA", what="an answer that is no data object") from error


def write_object(channel: Channel, tag: bytes, content: bytes) -> None:
    """PUT DATA (3.3.2), chained by the channel where long; empty content deletes. Errors: Refused."""
    data = tlv.encode(TAG_LIST, tag) + tlv.encode(DATA, content)
    channel.require(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, data), "PUT DATA")


def verify_pin(channel: Channel, pin: Entered, *, last_try: bool = False) -> None:
    """VERIFY (3.2.1), after looking how many tries are left. Errors: WrongPin, PinBlocked, LastTry, Refused."""
    verify(channel, pin, PIN_REFERENCE, last_try=last_try)


def pin_tries_left(channel: Channel) -> int | None:
    """Tries of the PIN, None while it is verified or where the card does not say."""
    return tries_left(channel, PIN_REFERENCE)


def change_pin(channel: Channel, old: Entered, new: Entered, *, last_try: bool = False) -> None:
    """CHANGE REFERENCE DATA (3.2.2) for the PIN; on a pad both are entered, or both typed.

    Errors: WrongPin, PinBlocked, LastTry, Refused.
    """
    left = pin_tries_left(channel)
    if left == 0:
        raise PinBlocked(old.rule.slot)
    if left == 1 and not last_try:
        raise LastTry(old.rule.slot)
    command = CommandApdu(0x00, 0x24, 0x00, PIN_REFERENCE)
    if isinstance(old, PadEntry) or isinstance(new, PadEntry):
        status = pin_pad.modify(channel, PadEntry(PIN_RULE), command.header, with_old=True)
    else:
        status = channel.send(replace(command, data=old.octets + new.octets)).status
    require_pin(status, old.rule.slot, "CHANGE REFERENCE DATA")


def change_puk(channel: Channel, old: Pin, new: Pin) -> None:
    """The same for the PUK."""
    command = CommandApdu(0x00, 0x24, 0x00, PUK_REFERENCE, old.octets + new.octets)
    require_pin(channel.send(command).status, old.rule.slot, "CHANGE REFERENCE DATA")


def unblock_pin(channel: Channel, puk: Pin, new: Pin) -> None:
    """RESET RETRY COUNTER (3.2.3). Errors: WrongPin (the PUK), PinBlocked (the PUK), Refused."""
    command = CommandApdu(0x00, 0x2C, 0x00, PIN_REFERENCE, puk.octets + new.octets)
    require_pin(channel.send(command).status, puk.rule.slot, "RESET RETRY COUNTER")


def authenticate_management_key(channel: Channel, key: ManagementKey, random: Callable[[int], bytes]) -> None:
    """Mutual authentication with the management key (3.2.4, appendix A.1.2).

    Mutual, not external: a card that cannot encrypt our challenge is not the card that the key was set on, and gets
    no certificate. Errors: ManagementKeyRefused (either side fails), Refused, ProtocolViolated.
    """
    length = key.algorithm.block_length
    asked = channel.send(_authenticate(key.algorithm, MANAGEMENT_KEY_REFERENCE, (WITNESS, b"")))
    if asked.status == 0x6A86:  # its key is of another algorithm
        raise ManagementKeyRefused
    if not asked.ok:
        raise Refused(asked.status, "GENERAL AUTHENTICATE")
    witness = _answered(asked.data, WITNESS, length)
    challenge = random(length)
    shown = channel.send(
        _authenticate(key.algorithm, MANAGEMENT_KEY_REFERENCE, (WITNESS, key.decrypt(witness)), (CHALLENGE, challenge))
    )
    if shown.status in (0x6982, 0x6983, 0x6300, 0x63C0, 0x6A80):
        raise ManagementKeyRefused
    if not shown.ok:
        raise Refused(shown.status, "GENERAL AUTHENTICATE")
    if not hmac.compare_digest(_answered(shown.data, RESPONSE, length), key.encrypt(challenge)):
        raise ManagementKeyRefused


def generate(
    channel: Channel,
    slot: Slot,
    algorithm: KeyAlgorithm,
    pin_policy: PinPolicy = PinPolicy.DEFAULT,
    touch_policy: TouchPolicy = TouchPolicy.DEFAULT,
) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR (3.3.1): a new key in place of the old; its SubjectPublicKeyInfo in DER.

    Errors: Refused; ProtocolViolated if the card answers with another kind of key than was asked for.
    """
    template = mechanism(algorithm, pin_policy, touch_policy)
    answer = channel.require(CommandApdu(0x00, 0x47, 0x00, slot, template, ne=_ALL), "GENERATE")
    try:
        return parse_public_key(answer, algorithm)
    except Malformed as error:
        raise ProtocolViolated("GENERATE", what="another public key than was asked for") from error


def sign(channel: Channel, slot: Slot, algorithm: KeyAlgorithm, message: bytes) -> bytes:
    """The key's signature over `message` (3.2.4, appendix A.3), PIN verified before where the key asks for it.

    RSA: PKCS#1 v1.5 with SHA-256, padded here; P-256: ECDSA with SHA-256; P-384: with SHA-384; both as DER.
    Errors: Refused (6982: PIN not verified, or not just before; 6A86: no such key).
    """
    if algorithm.elliptic:
        block = hashlib.sha256(message).digest() if algorithm is KeyAlgorithm.P256 else hashlib.sha384(message).digest()
    else:
        block = _pkcs1_v15(hashlib.sha256(message).digest(), algorithm.octets)
    response = channel.send(_authenticate(algorithm, slot, (RESPONSE, b""), (CHALLENGE, block)))
    if not response.ok:
        raise Refused(response.status, "GENERAL AUTHENTICATE")
    return _answered(response.data, RESPONSE, None)


_SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def _pkcs1_v15(digest: bytes, octets: int) -> bytes:
    """RFC 8017 9.2, EMSA-PKCS1-v1_5: 00 01 FF…FF 00 DigestInfo."""
    information = _SHA256_DIGEST_INFO + digest
    return b"\x00\x01" + b"\xff" * (octets - len(information) - 3) + b"\x00" + information


def _authenticate(algorithm: int, reference: int, *items: tuple[int, bytes]) -> CommandApdu:
    return CommandApdu(0x00, 0x87, algorithm, reference, dynamic_authentication(*items), ne=_ALL)


def _answered(data: bytes, tag: int, length: int | None) -> bytes:
    try:
        value = parse_dynamic_authentication(data).get(tag, b"")
    except Malformed as error:
        raise ProtocolViolated("GENERAL AUTHENTICATE", what="an answer that is no template") from error
    if not value or (length is not None and len(value) != length):
        raise ProtocolViolated("GENERAL AUTHENTICATE", what="an answer without the object that was asked for")
    return value


# ---- Yubico's additions: None, or Refused with 6D00, where a card does not have them


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a card tells of one key. `algorithm` None, `spki` empty: a kind that is not spoken here (Ed25519, say)."""

    algorithm: KeyAlgorithm | None
    pin_policy: PinPolicy
    touch_policy: TouchPolicy
    generated: bool
    spki: bytes


def version(channel: Channel) -> tuple[int, int, int] | None:
    """Firmware, None for a card without Yubico's additions."""
    response = channel.send(CommandApdu(0x00, 0xFD, 0x00, 0x00, ne=_ALL))
    if not response.ok or len(response.data) != 3:
        return None
    return (response.data[0], response.data[1], response.data[2])


def serial(channel: Channel) -> int | None:
    """The number printed on a YubiKey, None for others."""
    response = channel.send(CommandApdu(0x00, 0xF8, 0x00, 0x00, ne=_ALL))
    if not response.ok or len(response.data) != 4:
        return None
    return int.from_bytes(response.data, "big")


_KNOWN_ALGORITHMS = {known.value: known for known in KeyAlgorithm}
# Biometric cards know two more PIN policies ("match once", "match always"); they are told as the default.
_POLICIES = {known.value: known for known in PinPolicy}
_TOUCHES = {known.value: known for known in TouchPolicy}


def metadata(channel: Channel, slot: Slot) -> Metadata | None:
    """What key the slot holds; None if it is empty. Errors: Refused (6D00: no metadata here), ProtocolViolated."""
    response = channel.send(CommandApdu(0x00, 0xF7, 0x00, slot, ne=_ALL))
    if response.status == 0x6A88:
        return None
    if not response.ok:
        raise Refused(response.status, "GET METADATA")
    try:
        fields = {item.tag: item.value for item in tlv.parse(response.data)}
        algorithm = _KNOWN_ALGORITHMS.get(fields[1][0])
        policies = fields[2]
        return Metadata(
            algorithm,
            _POLICIES.get(policies[0], PinPolicy.DEFAULT),
            _TOUCHES.get(policies[1], TouchPolicy.DEFAULT),
            generated=fields[3] == b"\x01",
            spki=b"" if algorithm is None else parse_public_numbers(fields[4], algorithm),
        )
    except (Malformed, KeyError, IndexError) as error:
        raise ProtocolViolated("GET METADATA", what="an answer that describes no key") from error


@dataclass(frozen=True, slots=True)
class ReferenceState:
    """What a card tells of its PIN or PUK without being asked to compare."""

    factory: bool
    tries_left: int


def reference_state(channel: Channel, reference: int) -> ReferenceState:
    """Whether PIN or PUK is still the maker's, and its tries. Errors: Refused (6D00: no metadata), ProtocolViolated."""
    data = channel.require(CommandApdu(0x00, 0xF7, 0x00, reference, ne=_ALL), "GET METADATA")
    try:
        fields = {item.tag: item.value for item in tlv.parse(data)}
        return ReferenceState(fields[5] == b"\x01", fields[6][1])
    except (Malformed, KeyError, IndexError) as error:
        raise ProtocolViolated("GET METADATA", what="an answer that describes no PIN") from error


def management_key_algorithm(channel: Channel) -> int | None:
    """The octet of the management key's algorithm, None where the card does not say."""
    response = channel.send(CommandApdu(0x00, 0xF7, 0x00, MANAGEMENT_KEY_REFERENCE, ne=_ALL))
    if not response.ok:
        return None
    try:
        value = tlv.find(response.data, 0x01)
    except Malformed:
        return None
    return value[0] if value else None


def attest(channel: Channel, slot: Slot) -> bytes:
    """The card's statement about the key in `slot`, a certificate in DER. Errors: Refused."""
    return channel.require(CommandApdu(0x00, 0xF9, slot, 0x00, ne=_ALL), "ATTEST")


def set_management_key(channel: Channel, key: ManagementKey) -> None:
    """A new management key; the old one must have been proven. Errors: Refused (6D00: the card has no such command)."""
    data = bytes([key.algorithm, MANAGEMENT_KEY_REFERENCE, len(key.octets)]) + key.octets
    channel.require(CommandApdu(0x00, 0xFF, 0xFF, 0xFF, data), "SET MANAGEMENT KEY")


def move_key(channel: Channel, source: Slot, target: Slot) -> None:
    """The key of `source` in place of the one of `target`, in one step. Errors: Refused."""
    channel.require(CommandApdu(0x00, 0xF6, target, source), "MOVE KEY")


def delete_key(channel: Channel, slot: Slot) -> None:
    """No key in `slot` any more (firmware 5.7); harmless if there was none. Errors: Refused."""
    response = channel.send(CommandApdu(0x00, 0xF6, 0xFF, slot))
    if not response.ok and response.status != 0x6A88:
        raise Refused(response.status, "DELETE KEY")


def key_algorithm_of(spki: bytes) -> KeyAlgorithm:
    """Which PIV algorithm a public key is of. Errors: Malformed, InvalidValue if PIV does not know it."""
    public = load_public_key(spki)
    if isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        elliptic = isinstance(public, ec.EllipticCurvePublicKey)
        for known in KeyAlgorithm:
            if known.bits == public.key_size and known.elliptic == elliptic:
                return known
    raise InvalidValue("a key that PIV cards do not hold")
