"""Key derivation by hand, the evidence of a personalisation, and conversations that outlive nothing."""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from cardio import jpki
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.card_management import CardManager, Done, Generate, ReadActive, diversify
from cardio.errors import SecureChannelFailed
from cardio.evidence import Transcript
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.virtual_card import InMemory
from cardio.virtual_jpki import VirtualJpkiCard
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS


def test_derivation_by_hand() -> None:
    """docs/formats/card-management.md, without the library's KDF: SP 800-108 5.1 with CMAC, one block."""
    master, context = bytes(range(16)), b"\x01" + bytes(2) + bytes(range(8))
    keys = diversify(master, 1, context[1:])
    for use, key in ((b"enc", keys.enc), (b"mac", keys.mac), (b"dek", keys.dek)):
        mac = CMAC(AES(master))
        mac.update((1).to_bytes(4, "big") + b"jitsuin card " + use + b"\x00" + context + (128).to_bytes(4, "big"))
        assert mac.finalize() == key


def test_a_relay_learns_nothing_and_can_change_nothing(
    jpki_card: VirtualJpkiCard, random: Callable[[int], bytes]
) -> None:
    """Every answer changed in one bit ends the conversation; none of them makes it give a result."""
    card = InMemory(jpki_card)
    tampered = 0
    for victim in range(20):
        conversation = CardManager(MASTER_KEYS, random).begin(ReadActive(Purpose.AUTHENTICATION))
        step, number, changed = conversation.start(), 0, False
        try:
            while isinstance(step, CommandApdu):
                raw = card.transmit(step.encode())
                if number == victim and len(raw) > 2:
                    raw, changed = raw[:-3] + bytes((raw[-3] ^ 1,)) + raw[-2:], True
                number += 1
                step = conversation.resume(ResponseApdu(raw[:-2], answer(int.from_bytes(raw[-2:], "big")).status))
        except SecureChannelFailed:
            tampered += 1
            continue
        assert not changed
        assert isinstance(step, Done)
    assert tampered >= 5


def test_the_transcript_is_evidence_without_secrets(
    blank_card: VirtualJpkiCard, random: Callable[[int], bytes]
) -> None:
    transcript = Transcript()
    session = CardSession.of_memory(blank_card, jpki.identify, transcript.trace)
    slot = CardInReader(session, CardManager(MASTER_KEYS, random))
    slot.generate(Purpose.AUTHENTICATION)
    before = transcript.digest
    slot.set_pins("1234", "ABC123")
    assert transcript.digest != before
    text = transcript.text
    assert transcript.digest == hashlib.sha256(text.encode()).digest()
    assert b"1234".hex(" ") not in text
    assert b"ABC123".hex(" ") not in text
    assert text.startswith("> 00 A4 04 0C 0A D3 92 F0 00 26 01 00 00 00 01\n< 90 00\n")


def test_requests_show_no_message() -> None:
    assert Generate(Purpose.SIGNATURE) == Generate(Purpose.SIGNATURE)
    assert "octets" not in repr(MASTER_KEYS)
