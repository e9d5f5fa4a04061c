"""Power loss and dropped links at every APDU of personalisation, re-issue, PIN change and key rotation.

One run without faults counts the APDUs; then each position is torn three ways:

    before   the command never reached the card
    inside   the card lost power while writing: its image is the one from before the write
    after    the card did it, and its answer was lost

After each tear the same call is repeated on a fresh session, as the program would after a restart, and must finish;
and between tear and repetition the card must be in a state that somebody could live with: the old certificate and
key together or the new ones together, and no PIN open that was closed.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cardio import card_keys, jpki
from cardio.card_management import CardManager, MasterKeys
from cardio.errors import ConnectionFailed, Refused, TransportFailed
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.session import CardSession, DirectConnection
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage, PowerLost
from cardio.virtual_jpki import VirtualJpkiCard, new_card
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS, PASSWORD, PIN, MadeCard

ROTATED = MasterKeys({1: MASTER_KEYS.by_version[1], 2: b"second master key"[:16]})


class Tear(StrEnum):
    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


class TearingStorage(MemoryStorage):
    """Loses the power instead of a write, when told."""

    tear = False

    def write(self, image: bytes) -> None:
        if self.tear:
            raise PowerLost
        super().write(image)


@dataclass
class Bench:
    """A card whose `position`-th APDU is torn. Each connection is a new power-up."""

    storage: TearingStorage
    position: int = -1
    how: Tear = Tear.AFTER
    count: int = 0
    notes: dict[str, bytes] = field(default_factory=dict)
    """What the program has stored durably: it survives the tear."""
    manager: CardManager = field(default_factory=lambda: CardManager(MASTER_KEYS, os.urandom))

    def connect(self) -> DirectConnection:
        bench = self

        class Torn(DirectConnection):
            def transmit(self, command: bytes) -> bytes:
                here = bench.count == bench.position
                bench.count += 1
                if here and bench.how is Tear.BEFORE:
                    raise TransportFailed("an APDU")
                bench.storage.tear = here and bench.how is Tear.INSIDE
                try:
                    answer = super().transmit(command)
                finally:
                    bench.storage.tear = False
                if here:
                    raise TransportFailed("an APDU")
                return answer

        return Torn(VirtualJpkiCard(self.storage, os.urandom))

    def slot(self) -> CardInReader:
        return CardInReader(CardSession(self.connect, jpki.identify), self.manager)

    def holder(self) -> JpkiCard:
        return JpkiCard(CardSession(self.connect, jpki.identify))

    def card(self) -> VirtualJpkiCard:
        """The card's own view, of the image alone."""
        return VirtualJpkiCard(self.storage, os.urandom)


@pytest.fixture(scope="module")
def keys() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(65537, 2048) for _ in range(4)]


@pytest.fixture(autouse=True)
def _keys_of_a_box(monkeypatch: pytest.MonkeyPatch, keys: list[rsa.RSAPrivateKey]) -> None:
    """Real RSA keys, made once for the module: a hundred generations would take minutes. No two neighbours are
    alike.
    """
    turn = iter(range(1 << 30))
    monkeypatch.setattr(
        "cardio.virtual_jpki_management.generate_key", lambda generation: card_keys.RsaKey(keys[next(turn) % len(keys)])
    )


def issue(bench: Bench, ca: ThrowawayCa, purposes: Sequence[Purpose]) -> None:
    """As the enrollment does: whatever was stored before is not asked for again."""
    slot, notes = bench.slot(), bench.notes
    for purpose in purposes:
        if f"{purpose}-certificate" not in notes:
            if f"{purpose}-spki" not in notes:
                notes[f"{purpose}-spki"] = slot.generate(purpose)
            signature = slot.prove(purpose, b"request " + notes[f"{purpose}-spki"])
            key = load_der_public_key(notes[f"{purpose}-spki"])
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(signature, b"request " + notes[f"{purpose}-spki"], padding.PKCS1v15(), hashes.SHA256())
            notes[f"{purpose}-certificate"] = ca.issue(notes[f"{purpose}-spki"], purpose, "Holder")
            notes["issued"] = notes.get("issued", b"") + b"."
        slot.install(purpose, notes[f"{purpose}-certificate"], ca.certificate)


def works(bench: Bench, pin: str = PIN, password: str = PASSWORD, purposes: Sequence[Purpose] = tuple(Purpose)) -> None:
    """The keys sign for their own certificates."""
    holder = bench.holder()
    for purpose, text in ((Purpose.AUTHENTICATION, pin), (Purpose.SIGNATURE, password)):
        if purpose not in purposes:
            continue
        entered = jpki.pin(purpose, text)
        certificate = holder.read(purpose, entered)
        assert certificate is not None
        key = x509.load_der_x509_certificate(certificate).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(holder.sign(purpose, entered, b"a filing"), b"a filing", padding.PKCS1v15(), hashes.SHA256())


def paired(bench: Bench) -> None:
    """What stands between tear and repetition: an active certificate has its own active key, always."""
    for slot in bench.card().slots.values():
        assert bool(slot.certificate) == (slot.key is not None)
        if slot.key is not None:
            assert x509.load_der_x509_certificate(slot.certificate).public_key() == slot.key.public_key


def positions(story: Callable[[Bench], None], image: bytes) -> int:
    bench = Bench(TearingStorage(image))
    story(bench)
    return bench.count


def tear_everywhere(
    image: bytes, story: Callable[[Bench], None], between: Callable[[Bench], None], finally_: Callable[[Bench], None]
) -> int:
    """Runs the story once for each position and way; gives how many tears there were."""
    tears = 0
    for position in range(positions(story, image)):
        for how in Tear:
            bench = Bench(TearingStorage(image), position, how)
            try:
                story(bench)
            except ConnectionFailed:
                tears += 1
                between(bench)
                bench.position = -1
                story(bench)
            finally_(bench)
    return tears


def blank_image() -> bytes:
    storage = MemoryStorage()
    new_card(storage, os.urandom, lambda d: MASTER_KEYS.key_set(d, 1))
    assert storage.image is not None
    return storage.image


# Both keys go the same way, so the quick run tears the one with the longer rules; the long run tears both.
PURPOSES = [
    pytest.param((Purpose.SIGNATURE,), id="signature"),
    pytest.param(tuple(Purpose), id="both", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("purposes", PURPOSES)
def test_personalisation(throwaway_ca: ThrowawayCa, purposes: tuple[Purpose, ...]) -> None:
    def story(bench: Bench) -> None:
        issue(bench, throwaway_ca, purposes)
        bench.slot().set_pins(PIN, PASSWORD)

    def between(bench: Bench) -> None:
        paired(bench)
        assert all(slot.pin.blocked or slot.pin.left == slot.pin.limit for slot in bench.card().slots.values())

    def finished(bench: Bench) -> None:
        assert bench.notes["issued"] == b"." * len(purposes)  # no certificate twice
        paired(bench)
        works(bench, purposes=purposes)

    assert tear_everywhere(blank_image(), story, between, finished) > 80 * len(purposes)


@pytest.mark.parametrize("purposes", PURPOSES)
def test_reissue_keeps_the_old_certificate_until_the_new_one_counts(
    throwaway_ca: ThrowawayCa, made_card: MadeCard, purposes: tuple[Purpose, ...]
) -> None:
    old: Mapping[Purpose, bytes] = made_card.certificates

    def story(bench: Bench) -> None:
        issue(bench, throwaway_ca, purposes)

    def between(bench: Bench) -> None:
        paired(bench)
        for purpose, slot in bench.card().slots.items():
            assert slot.certificate in (old[purpose], bench.notes.get(f"{purpose}-certificate"))
        bench.position = -1
        works(bench, purposes=purposes)  # the holder can go on filing, with the same PINs

    def finished(bench: Bench) -> None:
        stored = bench.notes
        assert stored["issued"] == b"." * len(purposes)
        assert all(bench.card().slots[p].certificate == stored[f"{p}-certificate"] for p in purposes)
        works(bench, purposes=purposes)

    assert tear_everywhere(made_card.image, story, between, finished) > 80 * len(purposes)


def test_pin_change_leaves_the_old_one_or_the_new_one(made_card: MadeCard) -> None:
    purpose = Purpose.AUTHENTICATION
    old, new = jpki.pin(purpose, "1234"), jpki.pin(purpose, "5678")

    def story(bench: Bench) -> None:
        # After a tear the program asks the holder; here it tries the new one first, as a holder would who saw no error.
        holder = bench.holder()
        if bench.position == -1 and bench.count and matches(bench, "5678"):
            return
        holder.change_pin(purpose, old, new, last_try=True)

    def matches(bench: Bench, text: str) -> bool:
        counter = bench.card().slots[purpose].pin
        return counter.check(jpki.pin(purpose, text).octets, lambda: None)

    def between(bench: Bench) -> None:
        pin = bench.card().slots[purpose].pin
        assert pin.left >= pin.limit - 1  # a torn VERIFY may cost its one try, never more
        assert matches(bench, "1234") != matches(bench, "5678")

    def finished(bench: Bench) -> None:
        assert matches(bench, "5678")
        assert not matches(bench, "1234")

    assert tear_everywhere(made_card.image, story, between, finished) > 20


def test_pin_reset_of_a_blocked_pin(made_card: MadeCard) -> None:
    storage = MemoryStorage(made_card.image)
    card = VirtualJpkiCard(storage, os.urandom)
    card.slots[Purpose.SIGNATURE].pin.left = 0
    card.commit()
    assert storage.image is not None

    number = 7

    def story(bench: Bench) -> None:
        bench.slot().reset_pin(Purpose.SIGNATURE, "NEWPASS9", number)

    def between(bench: Bench) -> None:
        slot = bench.card().slots[Purpose.SIGNATURE]
        assert slot.pin.blocked or slot.pin.check(b"NEWPASS9", lambda: None)
        assert (slot.permission == number) is not slot.pin.blocked  # used up with the write that sets the PIN
        # The permission died with the power: nobody can set a PIN on the card that lies about now.
        connection = bench.connect()
        bench.position = -1
        for command in ("00A4040C0AD392F000260100000001", "00A4020C02001B"):
            assert connection.transmit(bytes.fromhex(command)) == b"\x90\x00"
        assert connection.transmit(bytes.fromhex("00240180064142434445 46".replace(" ", ""))) == b"\x69\x82"

    def finished(bench: Bench) -> None:
        works(bench, password="NEWPASS9")
        assert bench.card().slots[Purpose.SIGNATURE].permission == number
        again = bench.slot()
        assert again.reset_pin(Purpose.SIGNATURE, "STOLEN99", number) is False  # once is once, whatever the server says
        for late in (number - 1, 0):
            with pytest.raises(Refused):
                again.reset_pin(Purpose.SIGNATURE, "STOLEN99", late)
        works(bench, password="NEWPASS9")

    assert tear_everywhere(storage.image, story, between, finished) > 38


def test_key_rotation_leaves_one_key_set(made_card: MadeCard) -> None:
    def story(bench: Bench) -> None:
        bench.manager = CardManager(ROTATED, os.urandom)
        bench.slot().rotate_keys()

    def between(bench: Bench) -> None:
        assert list(bench.card().key_sets) in ([1], [2])

    def finished(bench: Bench) -> None:
        assert list(bench.card().key_sets) == [2]
        assert bench.slot().read(Purpose.SIGNATURE) == made_card.certificates[Purpose.SIGNATURE]

    assert tear_everywhere(made_card.image, story, between, finished) > 20


def test_end_of_life(made_card: MadeCard) -> None:
    def story(bench: Bench) -> None:
        bench.slot().terminate()

    def between(bench: Bench) -> None:
        paired(bench)

    def finished(bench: Bench) -> None:
        card = bench.card()
        assert card.terminated
        assert all(slot.key is None and not slot.certificate and slot.pin.blocked for slot in card.slots.values())
        assert bench.slot().card_id() == made_card.serial

    assert tear_everywhere(made_card.image, story, between, finished) > 15
