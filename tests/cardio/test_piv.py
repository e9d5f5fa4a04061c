"""The PIV application on cards of three kinds: identity, personalisation, keys, certificates, PINs, signatures."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardio import piv_commands
from cardio.channel import Channel
from cardio.errors import (
    AttestationRefused,
    CertificateMismatch,
    LastTry,
    ManagementKeyAtDefault,
    ManagementKeyRefused,
    NoPendingPlace,
    NotThisKind,
    PinBlocked,
    Refused,
    WrongCardState,
    WrongPin,
)
from cardio.pin import Pin
from cardio.piv import PivCard, identify, require_signature
from cardio.piv_attestation import AttestationAnchors, AttestationFault
from cardio.piv_commands import PIN_RULE, PUK_RULE, key_algorithm_of
from cardio.piv_management_key import FACTORY_OCTETS, ManagementKey, derive_management_key, factory_key
from cardio.piv_objects import (
    CAPABILITIES,
    CHUID,
    MAX_CERTIFICATE,
    CardHolderIdentifier,
    FascN,
    certificate_object,
    compress_certificate_object,
    parse_certificate_object,
    parse_chuid,
)
from cardio.piv_personalisation import CardSecrets, cipher_for, derive_secrets, personalise, set_first_pin
from cardio.piv_slot import PivSlot, Witness
from cardio.piv_slots import CipherAlgorithm, KeyAlgorithm, Slot
from cardio.session import CardSession, DirectConnection
from cardio.virtual_piv import VirtualPiv
from pki.certificate import parse_certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from pki.purpose import Purpose
from tests.cardio.piv_cards import (
    AT,
    EXPIRES,
    GENERIC,
    MASTER,
    NEW_YUBICO,
    OLD_YUBICO,
    PIN,
    PUK,
    WRONG_PIN,
    SmallAuthority,
    give_chuid,
    new_card,
    session_of,
)
from tests.support.chance import SeededOctets, SetClock

ALGORITHMS = {Purpose.AUTHENTICATION: KeyAlgorithm.P256, Purpose.SIGNATURE: KeyAlgorithm.P384}
FIRMWARES = pytest.mark.parametrize(
    "firmware", [GENERIC, (5, 2, 7), OLD_YUBICO, NEW_YUBICO], ids=["generic", "5.2", "5.4", "5.7"]
)


class World:
    """A personalised card, whatever its kind, and the authority that certifies its keys."""

    def __init__(
        self, firmware: tuple[int, int, int] | None, *, give_up_active: bool = False, seed: str = "card"
    ) -> None:
        self.authority = SmallAuthority()
        self.card, self.root = self.bureau_card() if firmware is None else new_card(firmware, seed=seed)
        self.session = session_of(self.card)
        self.secrets = derive_secrets(MASTER, self.session.identity, cipher_for(self.session))
        personalise(self.session, self.secrets, expires=EXPIRES, random=SeededOctets("personalise"))
        self.piv = PivCard(self.session)
        self.slot = self.new_slot(give_up_active=give_up_active)

    @staticmethod
    def bureau_card() -> tuple[VirtualPiv, None]:
        """A card without Yubico's additions as its bureau delivers it: CHUID and derived management key set."""
        guid = UUID(bytes=b"0123456789abcdef", version=4)
        key = derive_management_key(MASTER, f"piv-u{guid.hex}", CipherAlgorithm.TDES)
        card, _ = new_card(GENERIC, management_key=key)
        give_chuid(card)
        return card, None

    def new_slot(self, *, give_up_active: bool = False, **algorithms: KeyAlgorithm) -> PivSlot:
        chosen = {**ALGORITHMS, **{Purpose(name): value for name, value in algorithms.items()}}
        return PivSlot(
            self.session,
            management_key=lambda: self.secrets.management_key,
            pin=lambda: PIN,
            random=SeededOctets("slot"),
            algorithms=chosen,
            give_up_active=give_up_active,
        )

    def issue(self, purpose: Purpose) -> bytes:
        """Generate, prove, certify; not yet installed."""
        spki = self.slot.generate(purpose)
        require_signature(spki, self.slot.prove(purpose, b"request"), b"request")
        return self.authority.issue(spki)

    def install(self, purpose: Purpose, certificate: bytes) -> None:
        self.slot.install(purpose, certificate, self.authority.certificate)


@FIRMWARES
def test_first_issue_sign_and_read(firmware: tuple[int, int, int] | None) -> None:
    world = World(firmware)
    for purpose in Purpose:
        assert world.slot.read(purpose) is None
        certificate = world.issue(purpose)
        world.install(purpose, certificate)
        assert world.slot.read(purpose) == certificate
        signature = world.piv.sign(purpose, PIN, b"filing")
        require_signature(parse_certificate(certificate).spki, signature, b"filing")
    described = world.piv.describe()
    assert described.card_id == world.session.identity == world.slot.card_id()
    assert set(described.certificates) == set(Purpose)
    assert described.firmware == firmware
    assert described.chuid is not None


@FIRMWARES
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.P256])
def test_every_algorithm_signs(firmware: tuple[int, int, int] | None, algorithm: KeyAlgorithm) -> None:
    world = World(firmware)
    world.slot = world.new_slot(signature=algorithm)
    certificate = world.issue(Purpose.SIGNATURE)
    world.install(Purpose.SIGNATURE, certificate)
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")
    assert key_algorithm_of(parse_certificate(certificate).spki) is algorithm


@pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
def test_renewal_keeps_the_old_key_until_the_new_certificate_is_installed(firmware: tuple[int, int, int]) -> None:
    world = World(firmware)
    first = world.issue(Purpose.SIGNATURE)
    world.install(Purpose.SIGNATURE, first)
    second = world.issue(Purpose.SIGNATURE)
    assert world.slot.read(Purpose.SIGNATURE) == first
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing of the move, by the old key")
    world.install(Purpose.SIGNATURE, second)
    assert world.slot.read(Purpose.SIGNATURE) == second
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing by the new key")
    world.install(Purpose.SIGNATURE, second)  # once more changes nothing
    assert world.slot.read(Purpose.SIGNATURE) == second
    with pytest.raises(CertificateMismatch):
        world.install(Purpose.SIGNATURE, first)
    third = world.issue(Purpose.SIGNATURE)
    assert world.slot.read(Purpose.SIGNATURE) == second
    world.install(Purpose.SIGNATURE, third)
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing by the third key")
    memory = world.card.memory
    assert Slot.RETIRED_2.certificate_object not in memory.objects  # the third one is home again, on both kinds
    assert parse_certificate_object(memory.objects[Slot.SIGNATURE.certificate_object]) == third
    held = [key.public for key in memory.keys.values()]
    assert parse_certificate(third).public_key in held
    assert parse_certificate(first).public_key not in held  # old keys are gone, not only forgotten
    assert parse_certificate(second).public_key not in held
    if firmware == NEW_YUBICO:
        assert set(memory.keys) == {Slot.SIGNATURE, Slot.ATTESTATION}


@pytest.mark.parametrize("firmware", [GENERIC, (5, 2, 7)], ids=["generic", "5.2"])
def test_without_a_waiting_place_the_active_key_is_not_overwritten_unasked(
    firmware: tuple[int, int, int] | None,
) -> None:
    world = World(firmware)
    first = world.issue(Purpose.SIGNATURE)
    world.install(Purpose.SIGNATURE, first)
    before = world.card.memory
    with pytest.raises(NoPendingPlace):
        world.slot.generate(Purpose.SIGNATURE)
    assert world.card.memory == before
    world.slot = world.new_slot(give_up_active=True)
    second = world.issue(Purpose.SIGNATURE)
    assert world.slot.read(Purpose.SIGNATURE) is None
    with pytest.raises(CertificateMismatch):
        world.install(Purpose.SIGNATURE, first)
    world.install(Purpose.SIGNATURE, second)
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")


@FIRMWARES
def test_certificates_that_are_not_installed(firmware: tuple[int, int, int] | None) -> None:
    world = World(firmware)
    certificate = world.issue(Purpose.SIGNATURE)
    stranger = SmallAuthority("Other CA")
    with pytest.raises(CertificateMismatch):
        world.slot.install(Purpose.SIGNATURE, certificate, stranger.certificate)
    other = World(firmware).issue(Purpose.SIGNATURE)
    with pytest.raises(CertificateMismatch):
        world.install(Purpose.SIGNATURE, world.authority.issue(parse_certificate(other).spki))
    with pytest.raises(Malformed):
        world.install(Purpose.SIGNATURE, b"no certificate")
    assert world.slot.read(Purpose.SIGNATURE) is None
    world.install(Purpose.SIGNATURE, certificate)


@FIRMWARES
def test_a_certificate_too_large_for_the_card_is_packed(firmware: tuple[int, int, int] | None) -> None:
    world = World(firmware)
    certificate = world.authority.issue_large(world.slot.generate(Purpose.SIGNATURE))
    assert len(certificate) > 4096
    world.install(Purpose.SIGNATURE, certificate)
    assert world.slot.read(Purpose.SIGNATURE) == certificate
    assert len(world.card.memory.objects[Slot.SIGNATURE.certificate_object]) < 1024
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")


@FIRMWARES
def test_wrong_pins(firmware: tuple[int, int, int] | None) -> None:
    world = World(firmware)
    world.install(Purpose.SIGNATURE, world.issue(Purpose.SIGNATURE))
    with pytest.raises(WrongPin) as caught:
        world.piv.sign(Purpose.SIGNATURE, WRONG_PIN, b"filing")
    assert caught.value.retries_left == 2
    with pytest.raises(WrongPin):
        world.piv.verify_pin(WRONG_PIN)
    with pytest.raises(LastTry):
        world.piv.verify_pin(PIN)
    assert world.card.memory.pin.tries_left == 1
    with pytest.raises(LastTry):
        world.piv.change_pin(WRONG_PIN, PIN)
    with pytest.raises(PinBlocked):
        world.piv.verify_pin(WRONG_PIN, last_try=True)
    with pytest.raises(PinBlocked):
        world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")
    with pytest.raises(PinBlocked):
        world.piv.change_pin(PIN, PIN)
    with pytest.raises(WrongPin):
        world.piv.unblock_pin(Pin(PUK_RULE, "00000000"), PIN)
    new = Pin(PIN_RULE, "24681357")
    world.piv.unblock_pin(world.secrets.puk if firmware else PUK, new)
    world.piv.change_pin(new, PIN)
    world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")


# ---- identity


def test_a_card_is_known_by_serial_number_or_chuid() -> None:
    world = World(NEW_YUBICO)
    assert world.session.identity == f"piv-s{world.card.memory.serial}"
    assert World(GENERIC).session.identity == "piv-u" + UUID(bytes=b"0123456789abcdef", version=4).hex
    blank, _ = new_card(GENERIC)
    with pytest.raises(WrongCardState):
        session_of(blank).identity  # noqa: B018


def test_a_damaged_chuid_is_no_identity() -> None:
    card, _ = new_card(GENERIC)
    session = card._running
    session.commit(session.memory.with_object(CHUID, b"\x30\x01"))
    with pytest.raises(WrongCardState):
        session_of(card).identity  # noqa: B018


def test_something_else_is_no_piv_card() -> None:
    class Deaf:
        def transmit(self, command: bytes) -> bytes:
            return b"\x6a\x82"

    with pytest.raises(NotThisKind):
        identify(Channel(Deaf()))


# ---- personalisation


@pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
def test_nothing_of_the_maker_stays(firmware: tuple[int, int, int]) -> None:
    world = World(firmware)
    memory = world.card.memory
    assert memory.management_key == world.secrets.management_key
    assert memory.management_key.algorithm is CipherAlgorithm.AES_256
    assert not memory.management_key.known_default
    assert memory.puk.octets == world.secrets.puk.octets
    assert {CHUID, CAPABILITIES} <= set(memory.objects)
    again = personalise(world.session, world.secrets, expires=EXPIRES, random=SeededOctets("again"))
    assert again == parse_chuid(memory.objects[CHUID])
    assert world.card.memory == memory
    assert memory.pin.tries_left == memory.puk.tries_left == 3


@pytest.mark.parametrize("firmware", [(5, 2, 7), OLD_YUBICO, NEW_YUBICO], ids=["5.2", "5.4", "5.7"])
@pytest.mark.parametrize("slot", [Slot.SIGNATURE, Slot.RETIRED_1])
def test_keys_of_somebody_else_are_not_lost_unasked(firmware: tuple[int, int, int], slot: Slot) -> None:
    card, _ = new_card(firmware)
    session = session_of(card)
    with session.work() as channel:
        piv_commands.authenticate_management_key(channel, card.memory.management_key, SeededOctets("p"))
        spki = piv_commands.generate(channel, slot, KeyAlgorithm.P256)
        piv_commands.write_object(channel, slot.certificate_object, certificate_object(SmallAuthority().issue(spki)))
    before = card.memory
    secrets = derive_secrets(MASTER, session.identity, cipher_for(session))
    with pytest.raises(WrongCardState):
        personalise(session, secrets, expires=EXPIRES, random=SeededOctets("p"))
    assert card.memory == before
    personalise(session, secrets, expires=EXPIRES, random=SeededOctets("p"), take_over=True)
    assert card.memory.management_key == secrets.management_key


def test_a_yubikey_that_tells_nothing_about_its_puk() -> None:
    card, _ = new_card((5, 2, 7))
    session = session_of(card)
    secrets = derive_secrets(MASTER, session.identity, cipher_for(session))
    with session.work() as channel:  # as after a lost answer: the PUK is set, the CHUID is not there yet
        piv_commands.change_puk(channel, PUK, secrets.puk)
    for _ in range(2):
        personalise(session, secrets, expires=EXPIRES, random=SeededOctets("p"))
        assert card.memory.puk.octets == secrets.puk.octets
        assert card.memory.puk.tries_left == 3


def test_the_last_tries_of_the_puk_are_never_spent_on_asking() -> None:
    world = World(NEW_YUBICO)
    for _ in range(2):
        with pytest.raises(WrongPin):
            world.piv.unblock_pin(Pin(PUK_RULE, "00000000"), PIN)
    personalise(world.session, world.secrets, expires=EXPIRES, random=SeededOctets("p"))
    assert world.card.memory.puk.tries_left == 1


@FIRMWARES
def test_the_holder_sets_the_first_pin(firmware: tuple[int, int, int] | None) -> None:
    world = World(firmware)
    new = Pin(PIN_RULE, "24681357")
    assert set_first_pin(world.session, new)
    world.piv.verify_pin(new)
    if firmware is not None and firmware >= OLD_YUBICO:
        assert not set_first_pin(world.session, PIN)  # it was changed already: nothing is tried
        assert world.card.memory.pin.tries_left == 3
    else:
        world.session.drop()
        with pytest.raises(WrongPin):
            set_first_pin(world.session, PIN)
    world.piv.verify_pin(new)


def test_a_generic_card_with_the_makers_key_is_refused() -> None:
    card, _ = new_card(GENERIC)
    give_chuid(card)
    session = session_of(card)
    secrets = derive_secrets(MASTER, session.identity, cipher_for(session))
    with pytest.raises(ManagementKeyAtDefault):
        personalise(session, secrets, expires=EXPIRES, random=SeededOctets("p"))
    assert card.memory.puk.octets == b"12345678"


def test_a_card_of_somebody_else_is_refused() -> None:
    world = World(NEW_YUBICO)
    foreign = derive_secrets(bytes(32), world.session.identity, CipherAlgorithm.AES_256)
    with pytest.raises(ManagementKeyRefused):
        personalise(world.session, foreign, expires=EXPIRES, random=SeededOctets("p"))
    world.secrets = foreign
    with pytest.raises(ManagementKeyRefused):
        world.slot.generate(Purpose.SIGNATURE)


def test_a_foreign_puk_stops_with_its_tries_told() -> None:
    card, _ = new_card(NEW_YUBICO)
    session = session_of(card)
    PivCard(session).session.identity  # noqa: B018
    with session.work() as channel:
        piv_commands.change_puk(channel, PUK, Pin(piv_commands.PUK_RULE, "SOMEBODY"))
    secrets = derive_secrets(MASTER, session.identity, cipher_for(session))
    with pytest.raises(WrongPin) as caught:
        personalise(session, secrets, expires=EXPIRES, random=SeededOctets("p"))
    assert (caught.value.slot, caught.value.retries_left) == ("PUK", 2)


def test_secrets_differ_by_card_cipher_and_version() -> None:
    seen = {
        derive_management_key(MASTER, card, algorithm, version).octets
        for card in ("piv-s1", "piv-s2")
        for algorithm in CipherAlgorithm
        for version in (1, 2)
    }
    assert len(seen) == 16
    assert derive_secrets(MASTER, "piv-s1", CipherAlgorithm.AES_256) == CardSecrets(
        derive_management_key(MASTER, "piv-s1", CipherAlgorithm.AES_256),
        derive_secrets(MASTER, "piv-s1", CipherAlgorithm.TDES).puk,
    )
    tdes = derive_management_key(MASTER, "piv-s1", CipherAlgorithm.TDES)
    assert all(octet.bit_count() % 2 for octet in tdes.octets)
    assert len({tdes.octets[i : i + 8] for i in (0, 8, 16)}) == 3
    for master, card in ((b"short", "piv-s1"), (MASTER, "")):
        with pytest.raises(InvalidValue):
            derive_management_key(master, card, CipherAlgorithm.TDES)


@pytest.mark.parametrize("algorithm", list(CipherAlgorithm))
def test_management_keys(algorithm: CipherAlgorithm) -> None:
    assert factory_key(algorithm).known_default
    assert not ManagementKey(algorithm, bytes(range(algorithm.key_length))).known_default
    with pytest.raises(InvalidValue):
        ManagementKey(algorithm, FACTORY_OCTETS[:5])
    with pytest.raises(InvalidValue):
        factory_key(algorithm).encrypt(b"")
    block = bytes(range(algorithm.block_length))
    assert factory_key(algorithm).decrypt(factory_key(algorithm).encrypt(block)) == block


class _Answering:
    """Answers the first command with a fixed answer, later ones with 9000 and nothing."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def transmit(self, command: bytes) -> bytes:
        return self.answers.pop(0) if self.answers else b"\x90\x00"


def test_a_card_that_cannot_prove_the_management_key_gets_nothing() -> None:
    """A false card accepts everything: only mutual authentication notices."""
    key = factory_key()
    liar = _Answering(
        bytes.fromhex("7C0A8008") + bytes(8) + b"\x90\0", bytes.fromhex("7C0A8208") + bytes(8) + b"\x90\0"
    )
    with pytest.raises(ManagementKeyRefused):
        piv_commands.authenticate_management_key(Channel(liar), key, SeededOctets("host"))


@FIRMWARES
def test_a_retired_card_holds_nothing_of_the_person(firmware: tuple[int, int, int] | None) -> None:
    world = World(firmware)
    certificates = [world.issue(purpose) for purpose in Purpose]
    for purpose, certificate in zip(Purpose, certificates, strict=True):
        world.install(purpose, certificate)
    if firmware is not None and firmware >= OLD_YUBICO:
        world.issue(Purpose.SIGNATURE)  # one that waits
    gone = [parse_certificate(certificate).public_key for certificate in certificates]
    for _ in range(2):
        world.slot.retire()
        memory = world.card.memory
        assert not any(key.public in gone for key in memory.keys.values())
        assert set(memory.objects) <= {CHUID, CAPABILITIES, Slot.ATTESTATION.certificate_object}
        assert world.piv.describe().certificates == {}
    with pytest.raises(WrongCardState):
        world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")


# ---- attestation


@pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
def test_the_pending_key_is_attested(firmware: tuple[int, int, int]) -> None:
    world = World(firmware)
    assert world.root is not None
    anchors = AttestationAnchors([parse_certificate(world.root)])
    spki = world.slot.generate(Purpose.SIGNATURE)
    found = world.slot.attest(Purpose.SIGNATURE, spki, anchors, AT)
    assert found is not None
    assert found.card_serial == world.card.memory.serial
    with pytest.raises(AttestationRefused):
        world.slot.attest(Purpose.SIGNATURE, spki, AttestationAnchors([]), AT)
    with pytest.raises(AttestationRefused):
        world.slot.attest(Purpose.SIGNATURE, spki, anchors, Instant.parse("2020-01-01T00:00:00Z"))


@pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
def test_a_witness_hears_of_attested_keys_only(firmware: tuple[int, int, int]) -> None:
    world = World(firmware)
    assert world.root is not None
    heard: list[tuple[str, Purpose, bytes]] = []

    def made(card: str, purpose: Purpose, spki: bytes) -> None:
        heard.append((card, purpose, spki))

    anchors = AttestationAnchors([parse_certificate(world.root)])
    world.slot._witness = Witness(made, anchors, SetClock(AT))
    spki = world.slot.generate(Purpose.SIGNATURE)
    assert heard == [(world.session.identity, Purpose.SIGNATURE, spki)]
    world.slot._witness = Witness(made, AttestationAnchors([]), SetClock(AT))
    with pytest.raises(AttestationRefused):
        world.slot.generate(Purpose.SIGNATURE)
    assert len(heard) == 1


def test_a_witness_of_a_generic_card_believes_it_or_not() -> None:
    world = World(GENERIC)
    heard: list[bytes] = []
    world.slot._witness = Witness(
        lambda _card, _purpose, spki: heard.append(spki), AttestationAnchors([]), SetClock(AT)
    )
    with pytest.raises(AttestationRefused) as caught:
        world.slot.generate(Purpose.SIGNATURE)
    assert caught.value.fault == AttestationFault.NONE_MADE
    assert heard == []
    world.slot._witness = Witness(lambda _card, _purpose, spki: heard.append(spki), None, SetClock(AT))
    assert [world.slot.generate(Purpose.SIGNATURE)] == heard


def test_a_generic_card_attests_nothing() -> None:
    world = World(GENERIC)
    spki = world.slot.generate(Purpose.SIGNATURE)
    assert world.slot.attest(Purpose.SIGNATURE, spki, AttestationAnchors([]), AT) is None


def test_pins_only_from_the_card_state() -> None:
    world = World(NEW_YUBICO)
    with pytest.raises(WrongCardState):
        world.piv.sign(Purpose.SIGNATURE, PIN, b"filing")
    with pytest.raises(Refused):
        world.slot.prove(Purpose.SIGNATURE, b"no key yet")
    assert world.piv.read(Purpose.SIGNATURE) is None


def test_a_key_of_a_kind_that_is_not_spoken_here_is_a_key_all_the_same() -> None:
    """A YubiKey 5.7 with an Ed25519 key in 9C, as its metadata tell it: no error, no certificate, and not empty."""

    class Other(DirectConnection):
        def transmit(self, command: bytes) -> bytes:
            if command[1] == 0xF7 and command[3] == 0x9C:
                return bytes.fromhex("0101E0020204010301010422862000") + bytes(31) + b"\x90\x00"
            return super().transmit(command)

    world = World(NEW_YUBICO)
    world.install(Purpose.SIGNATURE, world.issue(Purpose.SIGNATURE))
    world.session._connect = lambda: Other(world.card)
    world.session.drop()
    with world.session.work() as channel:
        found = piv_commands.metadata(channel, Slot.SIGNATURE)
    assert found is not None
    assert (found.algorithm, found.spki) == (None, b"")
    assert world.piv.read(Purpose.SIGNATURE) is None
    assert world.piv.describe().certificates == {}


# ---- objects


@given(st.binary(min_size=1, max_size=2000))
def test_certificate_objects_round_trip(content: bytes) -> None:
    assert parse_certificate_object(certificate_object(content)) == content
    assert parse_certificate_object(compress_certificate_object(content)) == content


def test_compressed_certificates_do_not_unpack_without_end() -> None:
    with pytest.raises(Malformed):
        parse_certificate_object(compress_certificate_object(bytes(MAX_CERTIFICATE + 1)))
    with pytest.raises(Malformed):
        parse_certificate_object(bytes.fromhex("7003AABBCC710101FE00"))
    with pytest.raises(Malformed):
        parse_certificate_object(compress_certificate_object(b"x" * 100)[:20] + bytes.fromhex("710101"))
    assert parse_certificate_object(b"\x71\x01\x00\xfe\x00") is None


def test_fasc_n_against_the_published_vector() -> None:
    """PACS TIG 2.3, the worked example of the 200-bit FASC-N."""
    number = FascN(32, 1, 92446, 0, 1, 1112223333, 1, 1223, 2)
    assert number.encode().hex().upper() == "D0439458210C2C19A0846D83685A1082108CE73984108CA3FC"
    with pytest.raises(InvalidValue):
        FascN(agency=12345).encode()


@given(st.uuids(), st.dates())
def test_chuid_round_trip(guid: UUID, day: object) -> None:
    from datetime import date

    assert isinstance(day, date)
    if day.year < 1000:
        return
    identifier = CardHolderIdentifier(guid, day, FascN().encode())
    assert parse_chuid(identifier.encode()) == identifier


@pytest.mark.parametrize("content", ["", "3400", "3410" + "00" * 16, "3410" + "00" * 16 + "35083939393939393939", "34"])
def test_damaged_chuids(content: str) -> None:
    with pytest.raises(Malformed):
        parse_chuid(bytes.fromhex(content))


def test_a_session_is_of_one_card() -> None:
    """The card in the reader is exchanged between two pieces of work: noticed by its own name."""
    from cardio.errors import CardSwapped

    first, second = new_card(NEW_YUBICO, seed="one")[0], new_card(NEW_YUBICO, seed="two")[0]
    cards = iter((first, second, first))
    session = CardSession(lambda: DirectConnection(next(cards)), identify)
    name = session.identity
    session.drop()
    with pytest.raises(CardSwapped) as caught, session.work():
        pass
    assert caught.value.expected == name
    assert session.identity == name
