"""A person whose card is a PIV card: issued at the counter, moved from home, and what a simpler card cannot do."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cardio.errors import NoPendingPlace, TransportFailed
from cardio.piv import require_signature
from cardio.piv_attestation import AttestationAnchors
from cardio.piv_slot import Witness
from cardio.piv_slots import KeyAlgorithm
from enrollment.application import ApplicationState
from enrollment.card_keys import CardKeys
from enrollment.cards import CardSlot
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.cardio.piv_cards import GENERIC, NEW_YUBICO, OLD_YUBICO, PIN
from tests.cardio.test_piv import World
from tests.cardio.test_piv_tears import Reader, TearingConnection
from tests.enrollment.office import Office, open_office
from tests.enrollment.town import AT, resident
from tests.support.chance import SetClock

P384 = {purpose.value: KeyAlgorithm.P384 for purpose in Purpose}


class HoldersCard:
    """The card as counter and home see it: management through the slot, signatures by the holder's PIN.

    The office hears of the keys that the card proves to have made; those of a card that proves nothing it believes,
    because the card is in its own reader.
    """

    def __init__(self, world: World, office: Office) -> None:
        self.world = world
        slot = world.new_slot(**P384)
        anchors = AttestationAnchors([parse_certificate(world.root)]) if world.root else None
        clock = SetClock(AT)
        slot._witness = Witness(CardKeys(office.database, clock).made, anchors, clock)
        self.slot: CardSlot = slot
        self.card_id = self.slot.card_id
        self.generate = self.slot.generate
        self.prove = self.slot.prove
        self.install = self.slot.install
        self.read = self.slot.read

    def sign(self, purpose: Purpose, message: bytes) -> bytes:
        """With the active key, after the holder's PIN."""
        return self.world.piv.sign(purpose, PIN, message)


@pytest.fixture
def office(sqlite_database: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Office:
    return open_office(sqlite_database, tmp_path, request.node.nodeid)


def enrolled(office: Office, card: HoldersCard) -> Any:
    person = office.database.transaction(lambda conn: resident(conn, office.random))
    application = office.issuing.continue_(office.filed(person), card, AT)
    assert application.state is ApplicationState.DELIVERED
    return person


@pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
def test_issued_and_moved_twice(office: Office, firmware: tuple[int, int, int]) -> None:
    card = HoldersCard(World(firmware), office)
    person = enrolled(office, card)
    for number in range(1, 3):
        before = card.read(Purpose.SIGNATURE)
        result = office.move(card, f"東京都見本区見本町{number}番地", AT + timedelta(days=number))  # type: ignore[arg-type]
        after = card.read(Purpose.SIGNATURE)
        assert after == result.certificate != before
        assert after is not None
        require_signature(parse_certificate(after).spki, card.sign(Purpose.SIGNATURE, b"x"), b"x")
    assert len(office.certificates(person)) == 4  # two first ones, two re-issued
    assert card.read(Purpose.AUTHENTICATION) is not None
    assert office.chain_holds(person)


@pytest.mark.parametrize("firmware", [GENERIC, (5, 2, 7)], ids=["generic", "5.2"])
def test_a_card_with_one_place_is_issued_but_not_renewed_from_home(
    office: Office, firmware: tuple[int, int, int] | None
) -> None:
    card = HoldersCard(World(firmware), office)
    person = enrolled(office, card)
    kept = card.read(Purpose.SIGNATURE)
    with pytest.raises(NoPendingPlace):
        office.move(card, "東京都見本区見本町九番地", AT + timedelta(days=1))  # type: ignore[arg-type]
    assert card.read(Purpose.SIGNATURE) == kept
    assert len(office.certificates(person)) == 2
    card.sign(Purpose.SIGNATURE, b"the old key still signs")


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["command-lost", "answer-lost"])
def test_the_counter_goes_on_after_the_card_was_pulled_out_anywhere(
    sqlite_database: Any, tmp_path: Path, after: bool
) -> None:
    """Pulled out at every fifth command of an issue; the same call finishes it, with two certificates in all."""
    office = open_office(sqlite_database, tmp_path, f"pulled out {after}")
    at = 1
    while True:
        card = HoldersCard(World(NEW_YUBICO, seed=f"card {at}"), office)
        reader = _reader(card.world, at, after)
        person = office.database.transaction(lambda conn: resident(conn, office.random))
        application = office.filed(person)
        try:
            office.issuing.continue_(application, card, AT)
        except TransportFailed:
            reader()
            office.issuing.continue_(application, card, AT)
        else:
            break
        assert len(office.certificates(person)) == 2
        for purpose in Purpose:
            card.sign(purpose, b"filing")
        at += 5
    assert at > 50


def _reader(world: World, at: int, after: bool) -> Callable[[], None]:
    """Put the card into a reader that loses one command; gives what makes the reader whole again."""
    reader = Reader(world.card, at=at, after=after)
    world.session._connect = lambda: TearingConnection(reader)
    world.session.drop()

    def mend() -> None:
        reader.at = None

    return mend
