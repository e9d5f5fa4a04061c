"""Power lost at every command, and at every write inside a command, of a PIV card's personalisation and renewal.

The office outside remembers what an office remembers: which certificates it issued, and which steps were reported done.
After each loss the whole story is told again, from the beginning, with a new connection.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import pytest

from cardio import piv_commands
from cardio.errors import TransportFailed
from cardio.pin import Pin
from cardio.piv import PivCard, identify, require_signature
from cardio.piv_commands import PIN_RULE
from cardio.piv_personalisation import derive_secrets, personalise
from cardio.piv_slot import PivSlot
from cardio.piv_slots import CipherAlgorithm, KeyAlgorithm
from cardio.session import CardSession, DirectConnection
from cardio.virtual_card import MemoryStorage, PowerLost
from cardio.virtual_piv import VirtualPiv
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.cardio.piv_cards import EXPIRES, GENERIC, MASTER, NEW_YUBICO, OLD_YUBICO, PIN, SmallAuthority, new_card
from tests.cardio.test_piv import World
from tests.support.chance import SeededOctets

NEW_PIN = Pin(PIN_RULE, "24681357")
ALGORITHMS = dict.fromkeys(Purpose, KeyAlgorithm.P256)


class TearingStorage(MemoryStorage):
    """Loses power at the write numbered `at`, before or after it became durable."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.at: int | None = None
        self.after = False

    def write(self, image: bytes) -> None:
        self.writes += 1
        if self.writes == self.at:
            if self.after:
                super().write(image)
            raise PowerLost
        super().write(image)


@dataclass
class Reader:
    """A reader that loses one command, or its answer, by its number."""

    card: VirtualPiv
    at: int | None = None
    after: bool = False
    commands: int = 0
    log: list[str] = field(default_factory=list)

    def connect(self) -> "TearingConnection":
        return TearingConnection(self)


class TearingConnection(DirectConnection):
    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.card)
        self.reader = reader

    def transmit(self, command: bytes) -> bytes:
        reader = self.reader
        reader.commands += 1
        torn = reader.commands == reader.at
        if torn and not reader.after:
            self.card.power(False)
            raise TransportFailed(during="a torn command")
        answer = super().transmit(command)
        if torn:
            self.card.power(False)
            raise TransportFailed(during="a torn answer")
        return answer

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass
class Office:
    """What is remembered outside the card."""

    authority: SmallAuthority = field(default_factory=SmallAuthority)
    issued: dict[str, bytes] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    issues: int = 0


def tell(reader: Reader, office: Office) -> None:
    """Personalise, two first certificates, two renewals of the signature key, a change of the PIN."""
    session = CardSession(reader.connect, identify)
    secrets = derive_secrets(MASTER, session.identity, _cipher(reader.card))
    personalise(session, secrets, expires=EXPIRES, random=SeededOctets("personalise"))
    keeps_both = reader.card.memory.at_least((5, 3, 0))
    slot = PivSlot(
        session,
        management_key=lambda: secrets.management_key,
        pin=lambda: PIN,
        random=SeededOctets("slot"),
        algorithms=ALGORITHMS,
        give_up_active=not keeps_both,
    )
    steps = [("authentication-1", Purpose.AUTHENTICATION), ("signature-1", Purpose.SIGNATURE)]
    steps += [("signature-2", Purpose.SIGNATURE), ("signature-3", Purpose.SIGNATURE)]
    for step, purpose in steps:
        if step in office.done:
            continue
        if step not in office.issued:
            spki = slot.generate(purpose)
            require_signature(spki, slot.prove(purpose, b"request"), b"request")
            office.issues += 1
            office.issued[step] = office.authority.issue(spki)
        slot.install(purpose, office.issued[step], office.authority.certificate)
        office.done.add(step)
    if "pin" not in office.done:
        change = PivCard(session).finish_change_pin if "pin" in office.begun else PivCard(session).change_pin
        office.begun.add("pin")
        change(PIN, NEW_PIN)
        office.done.add("pin")


def _cipher(card: VirtualPiv) -> CipherAlgorithm:
    return CipherAlgorithm.AES_256 if card.memory.yubico else CipherAlgorithm.TDES


def check(reader: Reader, office: Office) -> None:
    """What holds whenever the power is off."""
    card = reader.card
    card.power()
    memory = card.memory
    assert memory.pin.tries_left >= 2
    assert memory.puk.tries_left >= 2
    if memory.at_least((5, 3, 0)):
        # An active certificate is never lost: where one was installed, one with a working key is found.
        quiet = Reader(card)
        view = PivCard(CardSession(quiet.connect, identify))
        for purpose in Purpose:
            found = view.read(purpose)
            expected = [office.issued[step] for step in office.issued if step.startswith(purpose)]
            assert found is None or found in expected
            if any(step.startswith(purpose) for step in office.done):
                assert found is not None
            if found is not None:
                with view.session.work() as channel:
                    pin = PIN if memory.pin.octets == PIN.octets else NEW_PIN
                    piv_commands.verify_pin(channel, pin)
                view.sign(purpose, PIN if memory.pin.octets == PIN.octets else NEW_PIN, b"a filing in between")
        card.power(False)


def finished(card: VirtualPiv, office: Office) -> None:
    assert office.done == {"authentication-1", "signature-1", "signature-2", "signature-3", "pin"}
    assert office.issues == 4  # none twice
    view = PivCard(CardSession(Reader(card).connect, identify))
    assert view.read(Purpose.SIGNATURE) == office.issued["signature-3"]
    assert view.read(Purpose.AUTHENTICATION) == office.issued["authentication-1"]
    for purpose in Purpose:
        view.sign(purpose, NEW_PIN, b"filing")
    memory = card.memory
    assert memory.pin.octets == NEW_PIN.octets
    assert memory.pin.tries_left == memory.puk.tries_left == 3
    assert not memory.management_key.known_default
    assert memory.puk.octets != b"12345678" or not memory.yubico
    certificates = {parse_certificate(certificate).spki for certificate in office.issued.values()}
    assert len(certificates) == 4
    held = [key.public for key in memory.keys.values()]
    assert not any(parse_certificate(office.issued[old]).public_key in held for old in ("signature-1", "signature-2"))


def card_of(firmware: tuple[int, int, int] | None, storage: MemoryStorage) -> VirtualPiv:
    if firmware is not None:
        return new_card(firmware, storage=storage)[0]
    made, _ = World.bureau_card()
    storage.write(made._storage.read() or b"")
    return VirtualPiv(storage, SeededOctets("generic"))


FIRMWARES = pytest.mark.parametrize(
    "firmware", [GENERIC, (5, 2, 7), OLD_YUBICO, NEW_YUBICO], ids=["generic", "5.2", "5.4", "5.7"]
)


def _untorn(firmware: tuple[int, int, int] | None) -> tuple[int, int]:
    storage = TearingStorage()
    reader = Reader(card_of(firmware, storage))
    begin = storage.writes
    tell(reader, office := Office())
    commands, writes = reader.commands, storage.writes - begin
    finished(reader.card, office)
    return commands, writes


def _torn(firmware: tuple[int, int, int] | None, arrange: Callable[[Reader, TearingStorage], None]) -> None:
    storage = TearingStorage()
    reader, office = Reader(card_of(firmware, storage)), Office()
    arrange(reader, storage)
    try:
        tell(reader, office)
    except TransportFailed:
        reader.at = storage.at = None
        check(reader, office)
        tell(reader, office)
    else:
        pytest.fail("the power was never lost")
    finished(reader.card, office)


@FIRMWARES
@pytest.mark.parametrize("after", [False, True], ids=["command-lost", "answer-lost"])
def test_power_lost_at_every_command(firmware: tuple[int, int, int] | None, after: bool) -> None:
    commands, _ = _untorn(firmware)
    assert commands > 60
    for at in range(1, commands + 1):

        def arrange(reader: Reader, _: TearingStorage, at: int = at) -> None:
            reader.at, reader.after = at, after

        _torn(firmware, arrange)


@FIRMWARES
@pytest.mark.parametrize("after", [False, True], ids=["before-the-write", "after-the-write"])
def test_power_lost_at_every_write_inside_a_command(firmware: tuple[int, int, int] | None, after: bool) -> None:
    _, writes = _untorn(firmware)
    assert writes > 20
    for at in range(1, writes + 1):

        def arrange(_: Reader, storage: TearingStorage, at: int = at) -> None:
            storage.at, storage.after = storage.writes + at, after

        _torn(firmware, arrange)
