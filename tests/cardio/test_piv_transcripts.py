"""Recorded conversations with the PIV card: other people's programs replayed, and our own application word for word.

tests/vectors/piv was made by tests/referee/record_piv.py. Nothing of those programs is needed here: what they said is
said again to the same card, and the card must answer the same octets. Only attestations are signed with chance.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cardio.errors import CardError
from cardio.pin import Pin
from cardio.piv import PivCard, identify
from cardio.piv_commands import PIN_RULE
from cardio.piv_management_key import factory_key
from cardio.piv_slot import PivSlot
from cardio.piv_slots import KeyAlgorithm, Slot
from cardio.session import CardSession
from cardio.trace import Trace
from cardio.virtual_card import MemoryStorage
from cardio.virtual_piv import VirtualPiv
from cardio.virtual_piv_keys import PrivateKey
from pki.purpose import Purpose
from tests.cardio.piv_cards import PIN, PUK, WRONG_PIN
from tests.support.chance import SeededOctets

FOLDER = Path(__file__).parent.parent / "vectors" / "piv"
SEED = "piv transcripts"
RECORDED = sorted(path.stem for path in FOLDER.glob("*.txt") if not path.stem.startswith("own-"))
ATTEST, GET_RESPONSE = 0xF9, 0xC0


def the_card() -> VirtualPiv:
    """A fresh copy of the recorded card; the RSA keys that it makes are those that it has."""
    image = (FOLDER / "card.json").read_bytes()
    ready = VirtualPiv(MemoryStorage(image), SeededOctets(SEED)).memory.keys

    def make(_algorithm: KeyAlgorithm) -> PrivateKey:
        return ready[Slot.AUTHENTICATION].private

    return VirtualPiv(MemoryStorage(image), SeededOctets(SEED), key_maker=make)


def test_there_are_transcripts_of_every_judge() -> None:
    assert {name.partition("-")[0] for name in RECORDED} == {"opensc", "yubico", "ykcs11", "ykman"}


@pytest.mark.parametrize("name", RECORDED)
def test_the_card_answers_as_it_was_recorded(name: str) -> None:
    card, asked = the_card(), b""
    answer, by_chance = b"", False
    for number, line in enumerate((FOLDER / f"{name}.txt").read_text().splitlines(), 1):
        match line[:2]:
            case "> ":
                asked = bytes.fromhex(line[2:])
                by_chance = asked[1] == ATTEST or (by_chance and asked[1] == GET_RESPONSE)
                answer = card.process(asked)
            case "< ":
                expected = bytes.fromhex(line[2:])
                if by_chance:
                    assert answer[-2:-1] == expected[-2:-1], f"{name}:{number}"
                else:
                    assert answer == expected, f"{name}:{number} {asked.hex()}"
            case "re":
                card.reset()
            case _:
                card.power(line == "power on")


def _holder(session: CardSession) -> None:
    """A look, a slip, a signature, another PIN, a blocked PIN set anew."""
    card = PivCard(session)
    card.describe()
    with contextlib.suppress(CardError):
        card.sign(Purpose.SIGNATURE, WRONG_PIN, b"a filing")
    for purpose in Purpose:
        card.sign(purpose, PIN, b"a filing")
    other = Pin(PIN_RULE, "24681357")
    card.change_pin(PIN, other)
    for _ in range(3):
        with contextlib.suppress(CardError):
            card.verify_pin(WRONG_PIN, last_try=True)
    card.unblock_pin(PUK, PIN)
    card.verify_pin(PIN)


def _renewal(session: CardSession) -> None:
    """A new signature key, waiting beside the old one; its possession proven."""
    slot = PivSlot(
        session,
        management_key=factory_key,
        pin=lambda: PIN,
        random=SeededOctets("slot"),
        algorithms=dict.fromkeys(Purpose, KeyAlgorithm.RSA_2048),
    )
    slot.generate(Purpose.SIGNATURE)
    slot.prove(Purpose.SIGNATURE, b"request")
    slot.read(Purpose.SIGNATURE)


OWN: dict[str, Callable[[CardSession], None]] = {"own-holder": _holder, "own-renewal": _renewal}


def own_transcript(name: str) -> str:
    """What our application says and hears, as its masked trace tells it."""
    lines: list[str] = []
    OWN[name](CardSession.of_memory(the_card(), identify, Trace(lines.append)))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", sorted(OWN))
def test_our_application_says_what_it_said(name: str) -> None:
    said = own_transcript(name)
    assert said == (FOLDER / f"{name}.txt").read_text()
    assert "313233343536" not in said.replace(" ", "")  # no PIN, no PUK, no management key in any trace
    assert "0102030405060708" not in said.replace(" ", "")
