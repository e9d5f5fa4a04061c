"""PINs entered on the reader's own keys: the PC never has them (PC/SC part 10, version 2.02.09).

The reader is given the command without the PIN, asks for it on its own display, and sends it to the card; only the
status word comes back. It does this by control codes that it names itself (2.2, 2.3); both structures are little-endian
here, as on every PC (2.5.2, 2.5.3). A pad has digits only: a password with letters is typed at the keyboard.

    PIN_VERIFY_STRUCTURE   timeouts(2) format block length-format max-min(2) condition messages language(2) message
                           prologue(3) length(4) APDU
    PIN_MODIFY_STRUCTURE   timeouts(2) format block length-format offset-old offset-new max-min(2) confirm condition
                           messages language(2) message 1–3 prologue(3) length(4) APDU
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

from cardio.apdu import parse_response
from cardio.channel import Channel
from cardio.errors import PinEntryCancelled, PinEntryTimedOut, PinMalformed, PinMismatch, ProtocolViolated
from cardio.pin import DIGITS, PinRule
from cardio.status_word import StatusWord
from pki.errors import Malformed

GET_FEATURES = 3400
"""CM_IOCTL_GET_FEATURE_REQUEST is SCARD_CTL_CODE of this (2.2)."""
ENTRY_SECONDS = 30
"""How long the reader waits for a person; less than the deadline of a call, which is that of a key generation."""
_ASCII = 0x82
"""bmFormatString: units of octets, position 0 behind Lc, left justified, ASCII (2.5.2)."""
_JAPANESE = 0x0411


class Feature(IntEnum):
    """Tags of the features that we use (2.3)."""

    VERIFY_PIN_DIRECT = 0x06
    MODIFY_PIN_DIRECT = 0x07


@runtime_checkable
class Controlled(Protocol):
    """A connection whose reader takes control codes."""

    def features(self) -> dict[int, int]:
        """Tag → control code; empty for a reader without any."""
        ...

    def control(self, code: int, data: bytes) -> bytes:
        """What the reader answers. Errors: ConnectionFailed."""
        ...


def parse_features(data: bytes) -> dict[int, int]:
    """The answer to GET_FEATURES: tag, length 4, control code in big-endian (2.2); what is formed otherwise is left."""
    found = {}
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        if data[1] == 4:
            found[data[0]] = int.from_bytes(data[2:6], "big")
        data = data[2 + data[1] :]
    return found


@dataclass(frozen=True, slots=True)
class PadEntry:
    """A PIN that its holder will enter on the pad; stands where a Pin stands."""

    rule: PinRule

    def __post_init__(self) -> None:
        if not fits_pad(self.rule):
            raise PinMalformed(self.rule.slot, self.rule.sentence)


def fits_pad(rule: PinRule) -> bool:
    """Whether a pad has all the keys that this PIN may need."""
    return rule.alphabet == DIGITS


def has_pad(channel: Channel) -> bool:
    """Whether the reader can take a PIN and change one."""
    reader = channel.transmitter
    return isinstance(reader, Controlled) and {*Feature} <= reader.features().keys()


def verify(channel: Channel, entry: PadEntry, header: bytes) -> StatusWord:
    """VERIFY with what is entered on the pad. `header`: CLA INS P1 P2.

    Errors: PinEntryCancelled, PinEntryTimedOut, PinMalformed (too short or long on the pad); ConnectionFailed.
    """
    rule = entry.rule
    apdu = header + _empty(rule, 1)
    structure = struct.pack(
        "<BBBBBHBBHB3sI", *_head(rule), _lengths(rule), 0x02, 0x01, _JAPANESE, 0, bytes(3), len(apdu)
    )
    return _ask(channel, Feature.VERIFY_PIN_DIRECT, structure + apdu, rule)


def modify(channel: Channel, entry: PadEntry, header: bytes, *, with_old: bool) -> StatusWord:
    """CHANGE REFERENCE DATA; the new PIN is entered twice on the pad, and the old one first where the card wants both
    in one command. Errors: as `verify`; PinMismatch.
    """
    rule = entry.rule
    apdu = header + _empty(rule, 2 if with_old else 1)
    confirm = 0x03 if with_old else 0x01
    offset_new = rule.maximum if with_old and rule.pad is not None else 0
    messages = 0x03 if with_old else 0x02
    structure = struct.pack(
        "<BBBBBBBHBBBHBBB3sI",
        *_head(rule),
        0,
        offset_new,
        _lengths(rule),
        confirm,
        0x02,
        messages,
        _JAPANESE,
        0,
        1,
        2,
        bytes(3),
        len(apdu),
    )
    return _ask(channel, Feature.MODIFY_PIN_DIRECT, structure + apdu, rule)


def _head(rule: PinRule) -> tuple[int, int, int, int, int]:
    """Timeouts, bmFormatString, bmPINBlockString (the block's size where it is fixed), bmPINLengthFormat."""
    return ENTRY_SECONDS, ENTRY_SECONDS, _ASCII, rule.maximum if rule.pad is not None else 0, 0


def _lengths(rule: PinRule) -> int:
    """wPINMaxExtraDigit: the least number of digits in the upper octet, the most in the lower."""
    return rule.minimum << 8 | rule.maximum


def _empty(rule: PinRule, count: int) -> bytes:
    """Lc and the place that the reader fills: padding where the PIN is padded, else nothing and Lc 0."""
    if rule.pad is None:
        return b"\x00"
    return bytes((count * rule.maximum,)) + bytes((rule.pad,)) * count * rule.maximum


def _ask(channel: Channel, feature: Feature, structure: bytes, rule: PinRule) -> StatusWord:
    reader = channel.transmitter
    code = reader.features().get(feature) if isinstance(reader, Controlled) else None
    if code is None or not isinstance(reader, Controlled):
        raise ProtocolViolated("entering a PIN on the reader", what="it has no PIN pad")
    try:
        status = parse_response(reader.control(code, structure)).status
    except Malformed:
        raise ProtocolViolated("entering a PIN on the reader", what="an answer without a status word") from None
    match int(status):  # the reader's own words (2.5.2)
        case 0x6400:
            raise PinEntryTimedOut(rule.slot)
        case 0x6401:
            raise PinEntryCancelled(rule.slot)
        case 0x6402:
            raise PinMismatch
        case 0x6403:
            raise PinMalformed(rule.slot, rule.sentence)
        case 0x6B80:
            raise ProtocolViolated("entering a PIN on the reader", what="it does not know this kind of entry")
    return status
