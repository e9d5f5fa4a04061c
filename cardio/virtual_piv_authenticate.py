"""A virtual PIV card's GENERAL AUTHENTICATE and GENERATE ASYMMETRIC KEY PAIR.

Source: SP 800-73-4 part 2, 3.2.4 (with tables 7 and appendix A.1 to A.5) and 3.3.1.
"""

import hmac
from collections.abc import Mapping
from types import MappingProxyType

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.piv_slots import (
    MANAGEMENT_KEY_REFERENCE,
    KeyAlgorithm,
    PinPolicy,
    Slot,
    TouchPolicy,
    default_pin_policy,
)
from cardio.piv_templates import (
    ALGORITHM,
    CHALLENGE,
    EXPONENTIATION,
    MECHANISM,
    PIN_POLICY,
    RESPONSE,
    TOUCH_POLICY,
    WITNESS,
    dynamic_authentication,
    encode_public_key,
    parse_dynamic_authentication,
)
from cardio.virtual_card import Refusal
from cardio.virtual_piv_keys import GENERATED, KeyPair
from cardio.virtual_piv_memory import Memory
from cardio.virtual_piv_session import (
    SECURITY_NOT_SATISFIED,
    WRONG_DATA,
    WRONG_PARAMETERS,
    Handler,
    Session,
)
from pki.errors import InvalidValue, Malformed

_GENERATED_BY_STANDARD = frozenset({Slot.AUTHENTICATION, Slot.SIGNATURE, Slot.KEY_MANAGEMENT, Slot.CARD_AUTHENTICATION})


def general_authenticate(session: Session, command: CommandApdu) -> ResponseApdu:
    """Prove the management key, or use a private key."""
    try:
        template = parse_dynamic_authentication(command.data)
    except Malformed:
        return answer(WRONG_DATA)
    if command.p2 == MANAGEMENT_KEY_REFERENCE:
        return _authenticate_host(session, command.p1, template)
    return _use_key(session, command.p1, command.p2, template)


def _authenticate_host(session: Session, algorithm: int, template: Mapping[int, bytes]) -> ResponseApdu:
    """Four steps of two protocols, told apart by which objects are there and which are empty.

    80 empty          → 80 E(w)     mutual, first: we choose w
    80 w, 81 c        → 82 E(c)     mutual, second: the host knows the key because it knows w
    81 empty          → 81 r        external, first: we choose r
    82 E(r)           → nothing     external, second
    """
    key, status = session.memory.management_key, session.status
    # 00 is SP 800-78-4's other number for 3DES.
    if (algorithm or 0x03) != key.algorithm:
        return answer(WRONG_PARAMETERS)
    length = key.algorithm.block_length
    # Whatever comes, a block that was handed out serves for one answer, and a new attempt ends an old right.
    witness, challenge = status.witness, status.challenge
    status.witness = status.challenge = None
    status.managed = False
    given = {tag: value for tag, value in template.items() if not (tag == RESPONSE and not value)}
    match given:
        case {0x80: b""} if set(given) == {WITNESS}:
            status.witness = session.random(length)
            return answer(0x9000, dynamic_authentication((WITNESS, key.encrypt(status.witness))))
        case {0x81: b""} if set(given) == {CHALLENGE}:
            status.challenge = session.random(length)
            return answer(0x9000, dynamic_authentication((CHALLENGE, status.challenge)))
        case {0x80: shown, 0x81: asked} if set(given) == {WITNESS, CHALLENGE} and len(asked) == length:
            status.managed = witness is not None and hmac.compare_digest(shown, witness)
            if not status.managed:
                return answer(SECURITY_NOT_SATISFIED)
            return answer(0x9000, dynamic_authentication((RESPONSE, key.encrypt(asked))))
        case {0x82: shown} if set(given) == {RESPONSE}:
            status.managed = challenge is not None and hmac.compare_digest(shown, key.encrypt(challenge))
            return answer(0x9000 if status.managed else SECURITY_NOT_SATISFIED)
    return answer(WRONG_DATA)


def _use_key(session: Session, algorithm: int, reference: int, template: Mapping[int, bytes]) -> ResponseApdu:
    key = session.memory.keys.get(reference)  # type: ignore[call-overload]
    if key is None or reference == Slot.ATTESTATION or key.algorithm != algorithm:
        return answer(WRONG_PARAMETERS)
    _spend_pin(session, key)
    try:
        result = _operate(key, template)
    except InvalidValue:
        return answer(WRONG_DATA)
    return answer(0x9000, dynamic_authentication((RESPONSE, result)))


def _spend_pin(session: Session, key: KeyPair) -> None:
    """What the key's policy asks for, taken. Errors: Refusal(6982).

    "Always" means one verification for one use (part 1 3.5, table 4b note). Reading data in between is allowed:
    OpenSC asks for the discovery object before nearly every command. Touch is taken as given: there is no finger.
    """
    status = session.status
    if key.pin_policy is PinPolicy.NEVER:
        return
    satisfied = status.pin_fresh if key.pin_policy is PinPolicy.ALWAYS else status.pin_verified
    if not satisfied:
        raise Refusal(SECURITY_NOT_SATISFIED)
    if key.pin_policy is PinPolicy.ALWAYS:
        status.pin_fresh = False


def _operate(key: KeyPair, template: Mapping[int, bytes]) -> bytes:
    """RSA over 81 or 85, ECDSA over 81, ECDH with 85; 82 stands empty beside it. Errors: InvalidValue."""
    if template.get(RESPONSE) != b"" or len(template) != 2:
        raise InvalidValue("an empty response and one input expected")
    if key.algorithm.elliptic:
        if EXPONENTIATION in template:
            return key.agree(template[EXPONENTIATION])
        return key.sign_digest(template.get(CHALLENGE, b""))
    return key.raw_rsa(template.get(CHALLENGE, template.get(EXPONENTIATION, b"")))


def generate(session: Session, command: CommandApdu) -> ResponseApdu:
    """A new key pair in place of whatever the slot held; the answer is its public half."""
    session.require_management()
    slot = slot_of(session.memory, command.p2)
    if command.p1 != 0:
        return answer(WRONG_PARAMETERS)
    try:
        template = {item.tag: item.value for item in tlv.parse(tlv.parse_one(command.data, MECHANISM))}
        algorithm = KeyAlgorithm(_octet(template.get(ALGORITHM, b"")))
        pin_policy, touch_policy = policies_of(session.memory, slot, template)
    except (Malformed, ValueError):
        return answer(WRONG_DATA)
    session.require_algorithm(algorithm)
    key = KeyPair(algorithm, session.make_key(algorithm), GENERATED, pin_policy, touch_policy)
    session.commit(session.memory.with_key(slot, key))
    return answer(0x9000, encode_public_key(key.public))


def slot_of(memory: Memory, reference: int) -> Slot:
    """The slot that a key can be made or put in. Errors: Refusal(6A86).

    By the standard GENERATE knows the four main keys only; retired keys are put on cards by their issuer's means.
    """
    try:
        slot = Slot(reference)
    except ValueError as error:
        raise Refusal(WRONG_PARAMETERS) from error
    if slot not in _GENERATED_BY_STANDARD and not memory.yubico:
        raise Refusal(WRONG_PARAMETERS)
    return slot


def policies_of(memory: Memory, slot: Slot, template: Mapping[int, bytes]) -> tuple[PinPolicy, TouchPolicy]:
    """PIN and touch policy of a new key. Errors: ValueError for what this card does not know."""
    if not memory.yubico and (PIN_POLICY in template or TOUCH_POLICY in template):
        raise ValueError
    pin_policy = PinPolicy(_octet(template.get(PIN_POLICY, b"\0")))
    touch_policy = TouchPolicy(_octet(template.get(TOUCH_POLICY, b"\0")))
    return (
        default_pin_policy(slot) if pin_policy is PinPolicy.DEFAULT else pin_policy,
        TouchPolicy.NEVER if touch_policy is TouchPolicy.DEFAULT else touch_policy,
    )


def _octet(value: bytes) -> int:
    if len(value) != 1:
        raise ValueError
    return value[0]


INSTRUCTIONS: Mapping[int, Handler] = MappingProxyType({0x87: general_authenticate, 0x47: generate})
