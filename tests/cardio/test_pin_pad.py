"""PINs entered on the reader's own keys.

vpcd's reader has none, so the reader's side is played here: SCardControl names two control codes and, asked by them,
parses the structure as PC/SC part 10 has it, puts in what its holder "presses" and sends the command to the card
through the real pcscd. No pad of a real maker has been tried.
"""

import struct

import pytest
from smartcard import scard

from cardio import jpki, pcsc, pin_pad
from cardio.card_management import CardManager
from cardio.errors import (
    LastTry,
    PinBlocked,
    PinEntryCancelled,
    PinEntryTimedOut,
    PinMalformed,
    PinMismatch,
    ProtocolViolated,
    WrongPin,
)
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.pin import Pin
from cardio.pin_pad import Feature, PadEntry, parse_features
from cardio.piv import PivCard
from cardio.piv_commands import PIN_RULE
from cardio.present_cards import CardKind, session_at
from cardio.trace import Trace
from cardio.virtual_card import MemoryStorage
from cardio.virtual_piv import new_virtual_piv
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS
from tests.cardio.piv_cards import AT as PIV_AT
from tests.cardio.piv_cards import NEW_YUBICO, KeyBox
from tests.support.chance import SeededOctets

AUTHENTICATION, SIGNATURE = Purpose.AUTHENTICATION, Purpose.SIGNATURE
ENTRY = PadEntry(jpki.SLOTS[AUTHENTICATION].rule)
VERIFY_CODE, MODIFY_CODE = 0x42330006, 0x42330007


class Pad:
    """A reader's pad and whoever presses its keys: `pressed` are the entries in the order in which it asks."""

    def __init__(self) -> None:
        self.pressed: list[str] = []
        self.asked: list[tuple[int, bytes]] = []
        self.says: bytes | None = None

    def control(self, handle: int, code: int, data: list[int]) -> tuple[int, list[int]]:
        if code == scard.SCARD_CTL_CODE(pin_pad.GET_FEATURES):
            tags = ((Feature.VERIFY_PIN_DIRECT, VERIFY_CODE), (Feature.MODIFY_PIN_DIRECT, MODIFY_CODE))
            return 0, list(b"".join(bytes((tag, 4)) + number.to_bytes(4, "big") for tag, number in tags))
        self.asked.append((code, bytes(data)))
        if self.says is not None:
            return 0, list(self.says)
        make = {VERIFY_CODE: self.verify, MODIFY_CODE: self.modify}[code]
        sent, answer = scard.SCardTransmit(handle, scard.SCARD_PROTOCOL_T1, list(make(bytes(data))))
        return sent, answer

    def verify(self, data: bytes) -> bytes:
        head = struct.unpack_from("<BBBBBHBBHB3sI", data)
        apdu = data[struct.calcsize("<BBBBBHBBHB3sI") :]
        assert head[-1] == len(apdu) and head[2] == 0x82 and head[6] == 0x02
        return self.filled(apdu, head[3], head[5], 1)

    def modify(self, data: bytes) -> bytes:
        head = struct.unpack_from("<BBBBBBBHBBBHBBB3sI", data)
        apdu = data[struct.calcsize("<BBBBBBBHBBBHBBB3sI") :]
        confirm = head[8]
        assert head[-1] == len(apdu) and confirm & 0x01
        assert self.pressed[-1] == self.pressed[-2], "the reader itself compares, and says 6402"
        return self.filled(apdu, head[3], head[7], 2 if confirm & 0x02 else 1)

    def filled(self, apdu: bytes, block: int, lengths: int, count: int) -> bytes:
        least, most = lengths >> 8, lengths & 0xFF
        entries = [self.pressed.pop(0).encode() for _ in range(count)]
        self.pressed.clear()
        assert all(least <= len(one) <= most for one in entries)
        if block:
            body = b"".join(one.ljust(block, b"\xff") for one in entries)
            assert apdu[4] == len(body) == len(apdu) - 5
        else:
            body = b"".join(entries)
            assert apdu[4:] == b"\x00"
        return apdu[:4] + bytes((len(body),)) + body


@pytest.fixture
def pad(monkeypatch: pytest.MonkeyPatch) -> Pad:
    one = Pad()
    monkeypatch.setattr(pcsc.scard, "SCardControl", one.control)
    return one


def test_a_pin_that_the_pc_never_has(pad, reader, jpki_card, context):
    reader.insert(jpki_card)
    lines: list[str] = []
    session = session_at(context, reader.name, CardKind.JPKI, Trace(lines.append))
    assert session.has_pin_pad()
    card = JpkiCard(session)
    pad.pressed = ["1234"]
    card.verify_pin(AUTHENTICATION, ENTRY)
    pad.pressed = ["1234"]
    assert len(card.sign(AUTHENTICATION, ENTRY, b"message")) == 256
    pad.pressed = ["9999"]
    with pytest.raises(WrongPin) as wrong:
        card.verify_pin(AUTHENTICATION, ENTRY)
    assert wrong.value.retries_left == 2
    pad.pressed = ["9999"]
    with pytest.raises(WrongPin):
        card.verify_pin(AUTHENTICATION, ENTRY)
    asked = len(pad.asked)
    with pytest.raises(LastTry):  # nobody is even asked
        card.verify_pin(AUTHENTICATION, ENTRY)
    assert len(pad.asked) == asked
    pad.pressed = ["9999"]
    with pytest.raises((WrongPin, PinBlocked)):
        card.verify_pin(AUTHENTICATION, ENTRY, last_try=True)
    assert "31 32 33 34" not in "\n".join(lines)


def test_change_and_set_anew_on_the_pad(pad, reader, jpki_card, context, random):
    reader.insert(jpki_card)
    session = session_at(context, reader.name, CardKind.JPKI)
    card = JpkiCard(session)
    old = Pin(ENTRY.rule, "1234")
    pad.pressed = ["5678", "5678"]
    card.change_pin(AUTHENTICATION, old, ENTRY)
    card.verify_pin(AUTHENTICATION, Pin(ENTRY.rule, "5678"))
    pad.pressed = ["2468", "2468"]
    assert CardInReader(session, CardManager(MASTER_KEYS, random)).reset_pin(AUTHENTICATION, ENTRY, 1)
    card.verify_pin(AUTHENTICATION, Pin(ENTRY.rule, "2468"))


def test_piv_verify_and_change_both_in_one_command(pad, reader, context):
    piv_card, _ = new_virtual_piv(
        MemoryStorage(), SeededOctets("pad"), at=PIV_AT, firmware=NEW_YUBICO, key_maker=KeyBox()
    )
    reader.insert(piv_card)
    card = PivCard(session_at(context, reader.name, CardKind.PIV))
    entry = PadEntry(PIN_RULE)
    pad.pressed = ["123456"]
    card.verify_pin(entry)
    pad.pressed = ["123456", "8642097", "8642097"]
    card.change_pin(entry, entry)
    card.verify_pin(Pin(PIN_RULE, "8642097"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("6400", PinEntryTimedOut),
        ("6401", PinEntryCancelled),
        ("6402", PinMismatch),
        ("6403", PinMalformed),
        ("6B80", ProtocolViolated),
        ("", ProtocolViolated),
    ],
)
def test_what_the_reader_says(pad, reader, jpki_card, context, status, error):
    reader.insert(jpki_card)
    pad.says = bytes.fromhex(status)
    with pytest.raises(error):
        JpkiCard(session_at(context, reader.name, CardKind.JPKI)).verify_pin(AUTHENTICATION, ENTRY)
    assert jpki_card.slots[AUTHENTICATION].pin.left == 3


def test_a_reader_without_a_pad(reader, jpki_card, context):
    reader.insert(jpki_card)
    session = session_at(context, reader.name, CardKind.JPKI)
    assert not session.has_pin_pad()
    with pytest.raises(ProtocolViolated):
        JpkiCard(session).verify_pin(AUTHENTICATION, ENTRY)


def test_a_password_with_letters_is_for_no_pad():
    with pytest.raises(PinMalformed):
        PadEntry(jpki.SLOTS[SIGNATURE].rule)


@pytest.mark.parametrize("data", ["", "06", "0604", "060442330006", "0602AABB060442330006", "060442330006FF"])
def test_features_however_they_come(data):
    found = parse_features(bytes.fromhex(data))
    assert found in ({}, {Feature.VERIFY_PIN_DIRECT: VERIFY_CODE})
    assert bool(found) == ("060442330006" in data)
