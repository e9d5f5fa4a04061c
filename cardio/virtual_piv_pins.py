"""A virtual PIV card's PIN and PUK: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER.

Source: SP 800-73-4 part 2, 3.2.1 to 3.2.3, part 1 2.4.3 (format of the PIN). Every comparison is paid for first: the
counter is written one lower, then the octets are compared, then the counter is restored. Power lost in between costs
a try; the other order would give an attacker tries without end.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace

from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.piv_slots import PIN_REFERENCE, PUK_REFERENCE
from cardio.virtual_piv_memory import Memory, Reference
from cardio.virtual_piv_session import (
    AUTHENTICATION_BLOCKED,
    REFERENCE_NOT_FOUND,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_PARAMETERS,
    Handler,
    Session,
)

LENGTH = 8
MINIMUM = 6
RESET_STATUS = 0xFF


def verify(session: Session, command: CommandApdu) -> ResponseApdu:
    """VERIFY, its query (no data), and its reset of the security status (P1 = FF, no data)."""
    if command.p2 != PIN_REFERENCE:
        return answer(REFERENCE_NOT_FOUND)
    if command.p1 == RESET_STATUS and not command.data:
        session.status.drop_pin()
        return answer(0x9000)
    if command.p1 != 0:
        return answer(WRONG_PARAMETERS)
    pin = session.memory.pin
    if not command.data:
        if session.status.pin_verified:
            return answer(0x9000)
        return answer(AUTHENTICATION_BLOCKED if pin.blocked else 0x63C0 | min(pin.tries_left, 15))
    session.status.drop_pin()
    # By the standard a value that cannot be a PIN costs no try; Yubico's cards compare any eight octets, and Yubico's
    # programs count on it: they block a card for its reset with eight times FF.
    if len(command.data) != LENGTH or not (session.memory.yubico or _digits(command.data)):
        return answer(WRONG_DATA)
    refusal = compare(session, PIN_REFERENCE, command.data)
    if refusal is None:
        session.status.pin_verified = session.status.pin_fresh = True
    return refusal or answer(0x9000)


def change_reference_data(session: Session, command: CommandApdu) -> ResponseApdu:
    """CHANGE REFERENCE DATA: old value and new value, eight octets each, of the PIN or the PUK."""
    if command.p1 != 0:
        return answer(WRONG_PARAMETERS)
    if command.p2 not in (PIN_REFERENCE, PUK_REFERENCE):
        return answer(REFERENCE_NOT_FOUND)
    if len(command.data) != 2 * LENGTH:
        return answer(WRONG_LENGTH)
    old, new = command.data[:LENGTH], command.data[LENGTH:]
    if command.p2 == PIN_REFERENCE:
        session.status.drop_pin()
    refusal = _compare_and_judge(session, command.p2, old, command.p2, new)
    if refusal is not None:
        return refusal
    session.commit(_with_reference(session.memory, command.p2, _reference(session.memory, command.p2).with_octets(new)))
    return answer(0x9000)


def reset_retry_counter(session: Session, command: CommandApdu) -> ResponseApdu:
    """RESET RETRY COUNTER: the PUK and a new PIN, eight octets each."""
    if command.p1 != 0:
        return answer(WRONG_PARAMETERS)
    if command.p2 != PIN_REFERENCE:
        return answer(REFERENCE_NOT_FOUND)
    if len(command.data) != 2 * LENGTH:
        return answer(WRONG_LENGTH)
    puk, new = command.data[:LENGTH], command.data[LENGTH:]
    session.status.drop_pin()
    refusal = _compare_and_judge(session, PUK_REFERENCE, puk, PIN_REFERENCE, new)
    if refusal is not None:
        return refusal
    session.commit(replace(session.memory, pin=session.memory.pin.with_octets(new)))
    return answer(0x9000)


def compare(session: Session, reference: int, octets: bytes) -> ResponseApdu | None:
    """Compare with the PIN or PUK; None if it fits, otherwise the refusal to answer with."""
    before = _reference(session.memory, reference)
    if before.blocked:
        return answer(AUTHENTICATION_BLOCKED)
    session.commit(_with_reference(session.memory, reference, before.counted_down()))
    if hmac.compare_digest(before.octets, octets):
        session.commit(_with_reference(session.memory, reference, before.restored()))
        return None
    left = _reference(session.memory, reference).tries_left
    return answer(AUTHENTICATION_BLOCKED if left == 0 else 0x63C0 | min(left, 15))


def _reference(memory: Memory, reference: int) -> Reference:
    return memory.pin if reference == PIN_REFERENCE else memory.puk


def _with_reference(memory: Memory, reference: int, value: Reference) -> Memory:
    return replace(memory, pin=value) if reference == PIN_REFERENCE else replace(memory, puk=value)


def _compare_and_judge(
    session: Session, reference: int, octets: bytes, new_reference: int, new: bytes
) -> ResponseApdu | None:
    """Compare, and judge whether `new` may become a value; None if both went well.

    The standard's card judges first, so that a slip of the host costs no try; Yubico's compares first.
    """
    acceptable = _acceptable(session.memory, new_reference, new)
    if not acceptable and not session.memory.yubico:
        return answer(WRONG_DATA)
    return compare(session, reference, octets) or (None if acceptable else answer(WRONG_DATA))


def _acceptable(memory: Memory, reference: int, octets: bytes) -> bool:
    if memory.yubico:
        return len(octets.rstrip(b"\xff")) >= MINIMUM
    return _digits(octets) if reference == PIN_REFERENCE else len(octets) == LENGTH


def _digits(octets: bytes) -> bool:
    """Six to eight decimal digits, FF behind them up to eight octets (part 1 2.4.3)."""
    text = octets.rstrip(b"\xff")
    return len(octets) == LENGTH and len(text) >= MINIMUM and text.isdigit()


INSTRUCTIONS: Mapping[int, Handler] = {
    0x20: verify,
    0x24: change_reference_data,
    0x2C: reset_retry_counter,
}
