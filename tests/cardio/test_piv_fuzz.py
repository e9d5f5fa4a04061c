"""Hostile cards against the PIV application, and hostile hosts against the virtual PIV card."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardio import tlv
from cardio.apdu import CommandApdu
from cardio.errors import AttestationRefused, CardError
from cardio.piv import PivCard, identify
from cardio.piv_attestation import AttestationAnchors, verify_attestation
from cardio.piv_objects import parse_certificate_object, parse_chuid
from cardio.piv_personalisation import derive_secrets, personalise
from cardio.piv_slot import PivSlot
from cardio.piv_slots import CipherAlgorithm, KeyAlgorithm, Slot
from cardio.piv_templates import (
    dynamic_authentication,
    parse_dynamic_authentication,
    parse_public_key,
    parse_public_numbers,
)
from cardio.session import CardSession, DirectConnection
from cardio.virtual_card import MemoryStorage
from cardio.virtual_piv import VirtualPiv
from pki.certificate import parse_certificate
from pki.errors import Error, Malformed
from pki.purpose import Purpose
from tests.cardio.piv_cards import (
    AT,
    EXPIRES,
    GENERIC,
    MASTER,
    NEW_YUBICO,
    OLD_YUBICO,
    PIN,
    KeyBox,
    SmallAuthority,
    new_card,
)
from tests.cardio.test_piv import World
from tests.support.chance import SeededOctets

ALGORITHMS = dict.fromkeys(Purpose, KeyAlgorithm.P256)
AUTHORITY = SmallAuthority()


# ---- hosts


def _tlv(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    tags = st.sampled_from([0x5C, 0x53, 0x7C, 0xAC, 0x80, 0x81, 0x82, 0x85, 0xAA, 0xAB, 0x01, 0x02, 0x06, 0x7F49])
    return st.builds(lambda tag, parts: tlv.encode(tag, *parts), tags, st.lists(children, max_size=3))


DATA = st.recursive(st.binary(max_size=40), _tlv, max_leaves=6) | st.sampled_from(
    [
        b"123456\xff\xff",
        b"999999\xff\xff",
        b"123456\xff\xff654321\xff\xff",
        b"12345678123456\xff\xff",
        dynamic_authentication((0x80, b"")),
        dynamic_authentication((0x81, b"")),
        dynamic_authentication((0x82, b""), (0x81, bytes(32))),
        dynamic_authentication((0x82, b""), (0x85, b"\4" + bytes(64))),
        bytes.fromhex("AC03800111"),
        bytes.fromhex("5C035FC102"),
        bytes.fromhex("A00000030800001000"),
    ]
)
INSTRUCTIONS = st.sampled_from(
    [0xA4, 0x20, 0x24, 0x2C, 0x47, 0x87, 0xC0, 0xCB, 0xDB, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFD, 0xFE, 0xFF, 0x1D]
)
REFERENCES = st.sampled_from([0x00, 0x80, 0x81, 0x82, 0x83, 0x95, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0xF9, 0xFF, 0x3F])
ALGORITHM_OCTETS = st.sampled_from([0x00, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0A, 0x0C, 0x11, 0x14, 0x3F, 0xFF])
COMMANDS = st.builds(
    lambda cla, ins, p1, p2, data, ne, extended: CommandApdu(cla, ins, p1, p2, data, ne, extended).encode(),
    st.sampled_from([0x00, 0x00, 0x00, 0x10, 0x0C, 0x80]),
    INSTRUCTIONS,
    ALGORITHM_OCTETS,
    REFERENCES,
    DATA,
    st.sampled_from([0, 1, 8, 256, 65536]),
    st.booleans(),
)


def _a_card(firmware: tuple[int, int, int] | None) -> VirtualPiv:
    card, _ = new_card(firmware)
    card.power()
    card.process(bytes.fromhex("00A4040005A000000308"))
    session = card._running
    session.status.managed = True  # so that the commands behind the management key are reached at all
    return card


CARDS = {firmware: _a_card(firmware).__dict__["_storage"].image for firmware in (GENERIC, OLD_YUBICO, NEW_YUBICO)}


@settings(max_examples=400)
@given(st.sampled_from([GENERIC, OLD_YUBICO, NEW_YUBICO]), st.lists(COMMANDS | st.binary(max_size=60), max_size=12))
def test_no_host_breaks_the_card(firmware: tuple[int, int, int] | None, commands: list[bytes]) -> None:
    card = VirtualPiv(MemoryStorage(CARDS[firmware]), SeededOctets("fuzz"), key_maker=KeyBox())
    card.process(bytes.fromhex("00A4040005A000000308"))
    card._running.status.managed = True
    for command in commands:
        tries = card.memory.pin.tries_left
        answer = card.process(command)
        assert len(answer) >= 2
        assert answer[-2:] != b"\x6f\x00", command.hex()  # what the frame answers for an error in the card
        if card.memory.pin.tries_left > tries:
            # More tries only by the right PIN, the right PUK, set-retries or a reset.
            assert command[1] in (0x20, 0x24, 0x2C, 0xFA, 0xFB)
    again = VirtualPiv(MemoryStorage(card._storage.read()), SeededOctets("again"))
    assert again.memory.pin == card.memory.pin
    assert set(again.memory.keys) == set(card.memory.keys)
    assert again.memory.objects == card.memory.objects


@settings(max_examples=200)
@given(st.lists(COMMANDS, max_size=20))
def test_without_pin_and_management_key_nothing_is_written_or_signed(commands: list[bytes]) -> None:
    """Whatever is sent: keys, objects and the management key stay, as long as the right values are not among it."""
    world_image = CARDS[NEW_YUBICO]
    card = VirtualPiv(MemoryStorage(world_image), SeededOctets("fuzz"), key_maker=KeyBox())
    card.process(bytes.fromhex("00A4040005A000000308"))
    before = card.memory
    for command in commands:
        if b"123456\xff\xff" in command or b"12345678" in command:
            continue
        card.process(command)
    after = card.memory
    if after.pin.blocked and after.puk.blocked:
        return  # a reset may have followed
    assert after.management_key == before.management_key
    assert after.objects == before.objects
    assert set(after.keys) == set(before.keys)


# ---- cards


@dataclass
class Hostile:
    """Answers by a list, then repeats its last answer for ever; keeps count, so that nobody asks without end."""

    answers: list[bytes]
    asked: int = 0

    def transmit(self, command: bytes) -> bytes:
        self.asked += 1
        assert self.asked < 5000, "the application never gives up"
        return self.answers[min(self.asked, len(self.answers)) - 1]

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def close(self) -> None:
        """Nothing to release."""


def _operations(session: CardSession) -> list[Callable[[], object]]:
    secrets = derive_secrets(MASTER, "piv-s1", CipherAlgorithm.AES_256)
    slot = PivSlot(
        session,
        management_key=lambda: secrets.management_key,
        pin=lambda: PIN,
        random=SeededOctets("slot"),
        algorithms=ALGORITHMS,
        give_up_active=True,
    )
    piv = PivCard(session)
    return [
        piv.describe,
        lambda: piv.sign(Purpose.SIGNATURE, PIN, b"x"),
        lambda: piv.change_pin(PIN, PIN),
        lambda: slot.generate(Purpose.SIGNATURE),
        lambda: slot.prove(Purpose.SIGNATURE, b"x"),
        lambda: slot.attest(Purpose.SIGNATURE, b"", AttestationAnchors([]), AT),
        lambda: slot.install(Purpose.SIGNATURE, AUTHORITY.certificate, AUTHORITY.certificate),
        lambda: personalise(session, secrets, expires=EXPIRES, random=SeededOctets("p")),
    ]


ANSWERS = st.builds(
    lambda data, sw: data + sw,
    DATA,
    st.sampled_from([b"\x90\x00"] * 6 + [b"\x61\x00", b"\x61\x10", b"\x6c\x10", b"\x6a\x82", b"\x63\xc1", b"\x69\x82"])
    | st.binary(min_size=2, max_size=2),
) | st.binary(max_size=20)


@settings(max_examples=300)
@given(st.integers(0, 7), st.lists(ANSWERS, min_size=1, max_size=12))
def test_no_card_breaks_the_application(operation: int, answers: list[bytes]) -> None:
    session = CardSession(lambda: Hostile(list(answers)), identify)
    with contextlib.suppress(Error):
        _operations(session)[operation]()


@pytest.mark.parametrize("answer", ["", "90", "6100", "6101", "6C00", "9000", "00" * 70000 + "6100"])
@pytest.mark.parametrize("operation", range(8))
def test_the_same_answer_for_ever(operation: int, answer: str) -> None:
    session = CardSession(lambda: Hostile([bytes.fromhex(answer)]), identify)
    with pytest.raises(CardError):
        _operations(session)[operation]()


class Liar(DirectConnection):
    """A real card, one of whose answers is changed."""

    def __init__(self, card: VirtualPiv, at: int, change: Callable[[bytes], bytes]) -> None:
        super().__init__(card)
        self.at = at
        self.change = change
        self.count = 0

    def transmit(self, command: bytes) -> bytes:
        answer = super().transmit(command)
        self.count += 1
        return self.change(answer) if self.count == self.at else answer


@settings(max_examples=60)
@given(
    st.integers(1, 30),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 400),
    st.sampled_from([GENERIC, NEW_YUBICO]),
)
def test_one_changed_answer_never_gives_a_wrong_signature_or_certificate(
    at: int, how: int, position: int, firmware: tuple[int, int, int] | None
) -> None:
    changes: list[Callable[[bytes], bytes]] = [
        lambda raw: bytes(octet ^ (index == position % len(raw)) for index, octet in enumerate(raw)),
        lambda raw: raw[: position % len(raw)],
        lambda raw: raw[:-2] + raw,
    ]
    world = World(firmware)
    liar = Liar(world.card, at, changes[how])
    world.session._connect = lambda: liar
    world.session.drop()
    try:
        certificate = world.issue(Purpose.SIGNATURE)
        world.install(Purpose.SIGNATURE, certificate)
        world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")
    except Error:
        return
    stored = world.card.memory.objects[Slot.SIGNATURE.certificate_object]
    assert parse_certificate_object(stored) == certificate
    public = world.card.memory.keys[Slot.SIGNATURE].public
    assert parse_certificate(certificate).x509.public_key() == public


# ---- codecs


@given(st.binary(max_size=200) | DATA)
def test_parsers_only_say_malformed(data: bytes) -> None:
    for parse in (
        parse_certificate_object,
        parse_chuid,
        parse_dynamic_authentication,
        lambda octets: parse_public_key(octets, KeyAlgorithm.P256),
        lambda octets: parse_public_numbers(octets, KeyAlgorithm.RSA_2048),
    ):
        with contextlib.suppress(Malformed):
            parse(data)  # type: ignore[operator]
    with pytest.raises(AttestationRefused):
        verify_attestation(data, data, anchors=AttestationAnchors([]), slot=Slot.SIGNATURE, spki=b"", at=AT)


@given(
    st.lists(st.tuples(st.sampled_from([0x80, 0x81, 0x82, 0x85]), st.binary(max_size=300)), unique_by=lambda x: x[0])
)
def test_templates_round_trip(items: list[tuple[int, bytes]]) -> None:
    assert parse_dynamic_authentication(dynamic_authentication(*items)) == dict(items)
