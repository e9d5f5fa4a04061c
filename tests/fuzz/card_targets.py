"""What is fuzzed of the cards' side: each target takes octets and raises only if a promise is broken.

Longer conversations are cut out of one run of octets: each piece is a length octet and so many octets; FF means
that two further octets tell the length.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import cache

from cardio import jpki, piv, tlv
from cardio.apdu import CommandApdu, answer, parse_command, parse_response
from cardio.card_management import AllowPin, CardManager, Generate, Install, MasterKeys, RotateKeys
from cardio.errors import CardError, SecureChannelFailed
from cardio.jpki_card import JpkiCard
from cardio.piv import PivCard
from cardio.piv_attestation import AttestationAnchors, verify_attestation
from cardio.piv_management_key import factory_key
from cardio.piv_objects import parse_certificate_object, parse_chuid
from cardio.piv_slot import PivSlot
from cardio.piv_slots import KeyAlgorithm, Slot
from cardio.piv_templates import parse_dynamic_authentication, parse_public_key
from cardio.scp03 import FULL, HostSession, KeySet, parse_initialize_update
from cardio.session import CardSession
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage, VirtualCard
from cardio.virtual_jpki import VirtualJpkiCard
from cardio.virtual_piv import VirtualPiv
from pki.errors import Error, Malformed
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MadeCard
from tests.cardio.piv_cards import AT, NEW_YUBICO, PIN, KeyBox
from tests.cardio.test_piv import World
from tests.support.chance import SeededOctets

Target = Callable[[bytes], None]
MOST_COMMANDS = 64
MOST_QUESTIONS = 5000


def pieces(octets: bytes) -> Iterator[bytes]:
    """Cut `octets` into the pieces of a conversation."""
    offset = 0
    for _ in range(MOST_COMMANDS):
        if offset >= len(octets):
            return
        length, offset = octets[offset], offset + 1
        if length == 0xFF:
            length, offset = int.from_bytes(octets[offset : offset + 2]), offset + 2
        yield octets[offset : offset + length]
        offset += length


def join(parts: list[bytes]) -> bytes:
    """The octets that `pieces` cuts into `parts`: for seeds."""
    return b"".join(
        (bytes([len(part)]) if len(part) < 0xFF else b"\xff" + len(part).to_bytes(2)) + part for part in parts
    )


def commands(octets: bytes) -> None:
    """What parses as a command is the same command after writing; likewise answers."""
    with contextlib.suppress(Malformed):
        command = parse_command(octets)
        assert parse_command(command.encode()) == command
    with contextlib.suppress(Malformed):
        assert parse_response(octets).encode() == octets


def data_objects(octets: bytes) -> None:
    """Data objects are the same after writing; PIV's parsers refuse by name."""
    with contextlib.suppress(Malformed):
        items = tlv.parse(octets)
        assert tlv.parse(b"".join(item.encode() for item in items)) == items
    for parse in (parse_certificate_object, parse_chuid, parse_dynamic_authentication, jpki.parse_token_info):
        with contextlib.suppress(Malformed):
            parse(octets)
    for algorithm in KeyAlgorithm:
        with contextlib.suppress(Malformed):
            parse_public_key(octets, algorithm)
    with contextlib.suppress(CardError):
        verify_attestation(octets, octets, anchors=AttestationAnchors([]), slot=Slot.SIGNATURE, spki=b"", at=AT)


def secure_channel(octets: bytes) -> None:
    """A host believes no answer of a card that lacks the keys."""
    keys = KeySet(0x30, bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
    with contextlib.suppress(Malformed, SecureChannelFailed):
        parse_initialize_update(octets)
    session = HostSession(lambda _diversification, _version: keys, bytes(8), FULL)
    session.initialize_update()
    parts = list(pieces(octets))
    try:
        session.external_authenticate(answer(0x9000, parts[0] if parts else b""))
    except (Malformed, SecureChannelFailed):
        return
    raise AssertionError("a cryptogram was right, and nobody but the card and us has the keys")


@cache
def _piv_image() -> bytes:
    world = World(NEW_YUBICO)
    for purpose in Purpose:
        world.install(purpose, world.issue(purpose))
    return world.card._storage.read() or b""


@cache
def _jpki_image() -> bytes:
    return MadeCard.make(ThrowawayCa("Fuzz", AT, os.urandom), "next").image


def piv_card(octets: bytes) -> None:
    """No host breaks the virtual PIV card."""
    card = VirtualPiv(MemoryStorage(_piv_image()), SeededOctets("fuzz"), key_maker=KeyBox())
    card.process(bytes.fromhex("00A4040005A000000308"))
    card._running.status.managed = True
    _converse(card, octets)
    again = VirtualPiv(MemoryStorage(card._storage.read()), SeededOctets("again"))
    assert again.memory.pin == card.memory.pin


def jpki_card(octets: bytes) -> None:
    """No host breaks the virtual JPKI card."""
    card = VirtualJpkiCard(MemoryStorage(_jpki_image()), SeededOctets("fuzz"))
    card.process(bytes.fromhex("00A4040C0AD392F000260100000001"))
    _converse(card, octets)
    VirtualJpkiCard(MemoryStorage(card._storage.read()), SeededOctets("again"))


def _converse(card: VirtualCard, octets: bytes) -> None:
    for command in pieces(octets):
        said = card.process(command)
        assert len(said) >= 2
        assert said[-2:] != b"\x6f\x00", command.hex()  # the frame's word for an error inside the card


class Hostile:
    """Gives the pieces as answers, the last one for ever."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers or [b""]
        self._asked = 0

    def transmit(self, command: bytes) -> bytes:
        self._asked += 1
        assert self._asked < MOST_QUESTIONS, "the application never gives up"
        return self._answers[min(self._asked, len(self._answers)) - 1]

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def close(self) -> None:
        """Nothing to release."""


def hostile_piv_card(octets: bytes) -> None:
    """No card breaks the PIV application, nor holds it for ever."""
    parts = list(pieces(octets))
    session = CardSession(lambda: Hostile(parts), piv.identify)
    card = PivCard(session)
    slot = PivSlot(
        session,
        management_key=factory_key,
        pin=lambda: PIN,
        random=SeededOctets("slot"),
        algorithms=dict.fromkeys(Purpose, KeyAlgorithm.P256),
    )
    operations: tuple[Callable[[], object], ...] = (
        card.describe,
        lambda: card.sign(Purpose.SIGNATURE, PIN, b"x"),
        lambda: slot.generate(Purpose.SIGNATURE),
        lambda: slot.prove(Purpose.SIGNATURE, b"x"),
    )
    for operation in operations:
        with contextlib.suppress(Error):
            operation()
        session.drop()


def hostile_jpki_card(octets: bytes) -> None:
    """No card breaks the JPKI application, nor holds it for ever."""
    parts = list(pieces(octets))
    session = CardSession(lambda: Hostile(parts), jpki.identify)
    card = JpkiCard(session)
    password = jpki.pin(Purpose.SIGNATURE, "ABC123")
    operations: tuple[Callable[[], object], ...] = (
        card.describe,
        lambda: card.read(Purpose.SIGNATURE, password),
        lambda: card.sign(Purpose.SIGNATURE, password, b"x"),
        lambda: card.read_ca_certificate(Purpose.AUTHENTICATION),
    )
    for operation in operations:
        with contextlib.suppress(Error):
            operation()
        session.drop()


def conversations(octets: bytes) -> None:
    """No card, and nobody on the way to it, breaks the side with the keys or goes through to a result without them."""
    manager = CardManager(MasterKeys({1: bytes(range(16))}), SeededOctets("manager"))
    requests = (
        Generate(Purpose.SIGNATURE),
        Install(Purpose.SIGNATURE, b"0", b"0"),
        AllowPin((Purpose.SIGNATURE,), 7),
        RotateKeys(),
    )
    for request in requests:
        conversation = manager.begin(request)
        with contextlib.suppress(Error):
            step = conversation.start()
            for piece in pieces(octets):
                step = conversation.resume(parse_response(piece))
                assert isinstance(step, CommandApdu), "it went through, and nobody but the card has the keys"


TARGETS: dict[str, Target] = {
    "conversations": conversations,
    "commands": commands,
    "data-objects": data_objects,
    "secure-channel": secure_channel,
    "piv-card": piv_card,
    "jpki-card": jpki_card,
    "hostile-piv-card": hostile_piv_card,
    "hostile-jpki-card": hostile_jpki_card,
}


def seeds(name: str) -> list[bytes]:
    """Where the search begins: recorded conversations, command side or answer side."""
    from tests.cardio.test_piv_transcripts import FOLDER, RECORDED
    from tests.cardio.test_scp03 import SESSIONS

    said: list[list[bytes]] = []
    heard: list[list[bytes]] = []
    for transcript in RECORDED:
        lines = (FOLDER / f"{transcript}.txt").read_text().splitlines()
        said.append([bytes.fromhex(line[2:]) for line in lines if line.startswith("> ")])
        heard.append([bytes.fromhex(line[2:]) for line in lines if line.startswith("< ")])
    if name == "secure-channel":
        # Answers of real cards to INITIALIZE UPDATE, with and without a sequence counter (see tests/cardio/test_scp03).
        return [join([bytes.fromhex(one[1])]) for one in SESSIONS] + [join([bytes.fromhex(SESSIONS[0][1])[:-3]])]
    if name in ("commands", "data-objects"):
        whole = [part for parts in said + heard for part in parts]
        return sorted({part[:-2] if name == "data-objects" else part for part in whole})
    if name in ("piv-card", "jpki-card"):
        longer = [CommandApdu(0, 0x47, 0, 0x9C, bytes.fromhex("AC03800111"), 256).encode()]
        return [join(parts) for parts in [*said, longer]]
    return [join(parts) for parts in heard]
