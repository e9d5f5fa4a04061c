"""Yubico's additional PIV commands, on a virtual card.

    FD version   F8 serial   F7 metadata   FE import key   FF set management key   FA set retries   FB reset
    F9 attest    F6 move or delete key (firmware 5.7 and later)

Source: Yubico, "PIV extensions" and the SDK's description of the APDUs.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.piv_management_key import ManagementKey
from cardio.piv_objects import parse_certificate_object
from cardio.piv_slots import (
    MANAGEMENT_KEY_REFERENCE,
    PIN_REFERENCE,
    PUK_REFERENCE,
    CipherAlgorithm,
    KeyAlgorithm,
    Slot,
)
from cardio.piv_templates import encode_public_numbers
from cardio.virtual_card import Refusal
from cardio.virtual_piv_attestation import attest
from cardio.virtual_piv_authenticate import policies_of, slot_of
from cardio.virtual_piv_keys import GENERATED, IMPORTED, KeyPair, PrivateKey, import_elliptic, import_rsa
from cardio.virtual_piv_memory import (
    FACTORY_PIN,
    FACTORY_PUK,
    METADATA_FIRMWARE,
    MOVE_FIRMWARE,
    Reference,
)
from cardio.virtual_piv_session import (
    CONDITIONS_NOT_SATISFIED,
    REFERENCE_NOT_FOUND,
    SECURITY_NOT_SATISFIED,
    WRONG_DATA,
    WRONG_PARAMETERS,
    Handler,
    Session,
)
from pki.errors import InvalidValue, Malformed

INSTRUCTION_NOT_SUPPORTED = 0x6D00
_NOT_A_KEY_PAIR = 0xFF
_DELETE = 0xFF


def version(session: Session, _command: CommandApdu) -> ResponseApdu:
    """Firmware version: three octets."""
    return answer(0x9000, bytes(session.memory.firmware or ()))


def serial(session: Session, _command: CommandApdu) -> ResponseApdu:
    """The serial number printed on the card: four octets."""
    return answer(0x9000, session.memory.serial.to_bytes(4, "big"))


def metadata(session: Session, command: CommandApdu) -> ResponseApdu:
    """What a key, PIN or PUK is.

    01 algorithm, 02 PIN and touch policy, 03 origin, 04 public key, 05 whether still the factory's,
    06 tries at most and left.
    """
    memory = session.memory
    if not memory.at_least(METADATA_FIRMWARE):
        return answer(INSTRUCTION_NOT_SUPPORTED)
    if command.p2 == PIN_REFERENCE:
        return answer(0x9000, _reference_metadata(memory.pin, FACTORY_PIN))
    if command.p2 == PUK_REFERENCE:
        return answer(0x9000, _reference_metadata(memory.puk, FACTORY_PUK))
    if command.p2 == MANAGEMENT_KEY_REFERENCE:
        key = memory.management_key
        fields = ((1, bytes([key.algorithm])), (2, b"\0\1"), (5, bytes([key.known_default])))
        return answer(0x9000, b"".join(tlv.encode(tag, value) for tag, value in fields))
    pair = memory.keys.get(_any_slot(command.p2))
    if pair is None:
        return answer(REFERENCE_NOT_FOUND)
    return answer(
        0x9000,
        tlv.encode(1, bytes([pair.algorithm]))
        + tlv.encode(2, bytes([pair.pin_policy.value, pair.touch_policy.value]))
        + tlv.encode(3, bytes([pair.origin]))
        + tlv.encode(4, encode_public_numbers(pair.public)),
    )


def _reference_metadata(reference: Reference, factory: bytes) -> bytes:
    return (
        tlv.encode(1, bytes([_NOT_A_KEY_PAIR]))
        + tlv.encode(5, bytes([reference.octets == factory]))
        + tlv.encode(6, bytes([reference.maximum, reference.tries_left]))
    )


def set_management_key(session: Session, command: CommandApdu) -> ResponseApdu:
    """algorithm ‖ 9B ‖ length ‖ key. P2 = FE asks for a touch at each use, which a virtual card takes as given."""
    session.require_management()
    if command.p1 != 0xFF or command.p2 not in (0xFF, 0xFE):
        return answer(WRONG_PARAMETERS)
    data = command.data
    if len(data) < 3 or data[1] != MANAGEMENT_KEY_REFERENCE or data[2] != len(data) - 3:
        return answer(WRONG_DATA)
    try:
        key = ManagementKey(CipherAlgorithm(data[0]), data[3:])
    except (ValueError, InvalidValue):
        return answer(WRONG_DATA)
    session.commit(replace(session.memory, management_key=key))
    return answer(0x9000)


def import_key(session: Session, command: CommandApdu) -> ResponseApdu:
    """A key pair from outside: RSA by 01 p and 02 q (03 dP, 04 dQ, 05 qInv are worked out anew), EC by 06 scalar."""
    session.require_management()
    slot = slot_of(session.memory, command.p2)
    try:
        template = {item.tag: item.value for item in tlv.parse(command.data)}
        algorithm = KeyAlgorithm(command.p1)
        session.require_algorithm(algorithm)
        pin_policy, touch_policy = policies_of(session.memory, slot, template)
        private: PrivateKey
        if algorithm.elliptic:
            private = import_elliptic(algorithm, template[6])
        else:
            private = import_rsa(template[1], template[2])
    except (Malformed, InvalidValue, ValueError, KeyError):
        return answer(WRONG_DATA)
    if private.key_size != algorithm.bits:
        return answer(WRONG_DATA)
    key = KeyPair(algorithm, private, IMPORTED, pin_policy, touch_policy)
    session.commit(session.memory.with_key(slot, key))
    return answer(0x9000)


def set_retries(session: Session, command: CommandApdu) -> ResponseApdu:
    """Other numbers of tries for PIN (P1) and PUK (P2); both go back to the factory's values."""
    session.require_management()
    if not session.status.pin_verified:
        return answer(SECURITY_NOT_SATISFIED)
    if not command.p1 or not command.p2:
        return answer(WRONG_PARAMETERS)
    session.status.drop_pin()
    pin, puk = (
        Reference(FACTORY_PIN, command.p1, command.p1),
        Reference(FACTORY_PUK, command.p2, command.p2),
    )
    session.commit(replace(session.memory, pin=pin, puk=puk))
    return answer(0x9000)


def reset(session: Session, _command: CommandApdu) -> ResponseApdu:
    """Back to the factory's state, once PIN and PUK are both blocked: no way to steal a card's use, only to end it."""
    if not session.memory.pin.blocked or not session.memory.puk.blocked:
        return answer(CONDITIONS_NOT_SATISFIED)
    session.commit(session.memory.factory_reset())
    session.status.drop_pin()
    session.status.managed = False
    return answer(0x9000)


def attest_key(session: Session, command: CommandApdu) -> ResponseApdu:
    """A certificate that says where the key of slot P1 was made; only about keys that were made here."""
    memory, slot = session.memory, _any_slot(command.p1)
    key, attestation_key = memory.keys.get(slot), memory.keys.get(Slot.ATTESTATION)
    if key is None or attestation_key is None or slot is Slot.ATTESTATION:
        return answer(REFERENCE_NOT_FOUND)
    if key.origin != GENERATED:
        return answer(CONDITIONS_NOT_SATISFIED)
    try:
        certificate = parse_certificate_object(memory.objects.get(Slot.ATTESTATION.certificate_object, b"")) or b""
        statement = attest(
            slot,
            key,
            attestation_key=attestation_key.private,
            attestation_certificate=certificate,
            firmware=memory.firmware or (0, 0, 0),
            card_serial=memory.serial,
            random=session.random,
        )
    except (ValueError, Malformed):
        return answer(REFERENCE_NOT_FOUND)
    return answer(0x9000, statement)


def move_key(session: Session, command: CommandApdu) -> ResponseApdu:
    """The key of slot P2 to slot P1, in place of what was there, or to nowhere (P1 = FF); in one write."""
    if not session.memory.at_least(MOVE_FIRMWARE):
        return answer(INSTRUCTION_NOT_SUPPORTED)
    session.require_management()
    source = _any_slot(command.p2)
    key = session.memory.keys.get(source)
    if key is None:
        return answer(REFERENCE_NOT_FOUND)
    memory = session.memory.with_key(source, None)
    if command.p1 != _DELETE:
        target = _any_slot(command.p1)
        if Slot.ATTESTATION in (source, target) or source is target:
            return answer(WRONG_PARAMETERS)
        memory = memory.with_key(target, key)
    session.commit(memory)
    return answer(0x9000)


def _any_slot(reference: int) -> Slot:
    try:
        return Slot(reference)
    except ValueError as error:
        raise Refusal(REFERENCE_NOT_FOUND) from error


INSTRUCTIONS: Mapping[int, Handler] = MappingProxyType(
    {
        0xFD: version,
        0xF8: serial,
        0xF7: metadata,
        0xFF: set_management_key,
        0xFE: import_key,
        0xFA: set_retries,
        0xFB: reset,
        0xF9: attest_key,
        0xF6: move_key,
    }
)
