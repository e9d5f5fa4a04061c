"""The virtual JPKI card, command by command, as the research notes say the real one answers."""

import contextlib
import hashlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardio import jpki
from cardio.apdu import CommandApdu
from cardio.card_management import CardManager, Generate, Install, MasterKeys, diversify
from cardio.channel import Channel
from cardio.errors import (
    CardError,
    CertificateMismatch,
    LastTry,
    PinBlocked,
    Refused,
    SecureChannelFailed,
    WrongCardState,
    WrongPin,
)
from cardio.jpki import SignForm
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import InMemory, MemoryStorage, kind_of
from cardio.virtual_jpki import FILE_SIZE, VirtualJpkiCard, new_card
from pki.errors import Malformed
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS, MadeCard, in_memory, personalise

AUTH, SIGN = Purpose.AUTHENTICATION, Purpose.SIGNATURE
SELECT_AP = "00A4040C0AD392F000260100000001"


def say(card: VirtualJpkiCard, *commands: str) -> list[str]:
    return [card.process(bytes.fromhex(command)).hex().upper() for command in commands]


SCRIPTS = [
    # what a real card and OpenSC's expectations say (research notes 2.2–2.5)
    (["00A4040C0AD392F000260100000002"], ["6A82"]),
    (["00A40000"], ["6A86"]),
    (["00A4020C020018"], ["6A86"]),
    ([SELECT_AP, "00A4020C020018", "00200080"], ["9000", "9000", "63C3"]),
    ([SELECT_AP, "00A4020C02001B", "00200080"], ["9000", "9000", "63C5"]),
    ([SELECT_AP, "0020009B", "00200098"], ["9000", "63C5", "63C3"]),
    ([SELECT_AP, "00A4090C020018"], ["9000", "6A86"]),
    ([SELECT_AP, "00A4020C020099"], ["9000", "6A82"]),
    ([SELECT_AP, "00200080"], ["9000", "6986"]),
    ([SELECT_AP, "00B0000004"], ["9000", "6986"]),
    ([SELECT_AP, "00A4020C020008", "00B0000003", "00B0000103", "00B0000301"],
     ["9000", "9000", "8F8F009000", "8F009000", "6B00"]),
    ([SELECT_AP, "00A4020C020001", "00B0000004"], ["9000", "9000", "6982"]),
    ([SELECT_AP, "00A4020C020017", "00B0000004"], ["9000", "9000", "6982"]),
    ([SELECT_AP, "00A4020C020018", "002000800439393939", "00200080", "002000800431323334", "00200080"],
     ["9000", "9000", "63C2", "63C2", "9000", "63C3"]),
    ([SELECT_AP, "00A4020C020018", *["002000800439393939"] * 3, "00200080", "002000800431323334"],
     ["9000", "9000", "63C2", "63C1", "63C0", "63C0", "6984"]),
    ([SELECT_AP, "00A4020C020017", "802A00800158"], ["9000", "9000", "6982"]),
    ([SELECT_AP, "00A4020C020018", "00240180043536373800"[:-2]], ["9000", "9000", "6982"]),
    ([SELECT_AP, "0084000000"[:-2] + "04"], ["9000", None]),
    ([SELECT_AP, "00FF0000", "A0A40000", "00CADF3005", "00CB3FFF035C017E08"], ["9000", "6D00", "6E00", "6D00", "6D00"]),
    (["00CADF3005", "00CB3FFF035C017E08"], ["6D00", "6D00"]),
    ([SELECT_AP, "01A4020C020018"], ["9000", "6881"]),
    (["00A404"], ["6700"]),
]  # fmt: skip


@pytest.mark.parametrize(("commands", "expected"), SCRIPTS)
def test_dialogues(jpki_card: VirtualJpkiCard, commands: list[str], expected: list[str | None]) -> None:
    for said, wanted in zip(say(jpki_card, *commands), expected, strict=True):
        assert wanted is None or said == wanted


def test_selecting_the_application_forgets_what_was_verified(jpki_card: VirtualJpkiCard) -> None:
    verify = ["00A4020C02001B", "0020008006414243313233"]
    read = ["00A4020C020001", "00B0000004"]
    assert say(jpki_card, SELECT_AP, *verify, *read)[-1].startswith("3082")
    assert say(jpki_card, *read)[-1].startswith("3082")
    assert say(jpki_card, SELECT_AP, *read)[-1] == "6982"
    say(jpki_card, *verify)
    jpki_card.reset()
    assert say(jpki_card, SELECT_AP, *read)[-1] == "6982"


def test_a_wrong_aid_leaves_the_selection(jpki_card: VirtualJpkiCard) -> None:
    assert say(jpki_card, SELECT_AP, "00A40400057601020304"[:-2] + "05", "00A4020C020018")[-1] == "9000"


def test_files_are_longer_than_their_certificates(jpki_card: VirtualJpkiCard, made_card: MadeCard) -> None:
    channel = Channel(InMemory(jpki_card))
    jpki.select(channel)
    assert jpki.read_certificate(channel, AUTH) == made_card.certificates[AUTH]
    assert jpki.read_certificate(channel, AUTH, by_short_id=True) == made_card.certificates[AUTH]
    assert jpki.read_certificate(channel, AUTH, ca=True) == made_card.ca_certificate
    end = FILE_SIZE - 2
    assert say(jpki_card, "00A4020C02000A", f"00B0{end:04X}04", f"00B0{FILE_SIZE:04X}01")[1:] == ["FFFF9000", "6B00"]


@pytest.fixture
def channel(jpki_card: VirtualJpkiCard) -> Channel:
    channel = Channel(InMemory(jpki_card))
    jpki.select(channel)
    jpki.verify_pin(channel, AUTH, jpki.pin(AUTH, "1234"))
    return channel


@pytest.fixture
def key(made_card: MadeCard) -> rsa.RSAPublicKey:
    key = x509.load_der_x509_certificate(made_card.certificates[AUTH]).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def test_every_form_of_signature(channel: Channel, key: rsa.RSAPublicKey) -> None:
    message = b"a filing"
    digest = hashlib.sha256(message).digest()
    for form, data in (
        (SignForm.VERBATIM, jpki.digest_info(digest)),
        (SignForm.HASH_GIVEN, digest),
        (SignForm.HASH_ON_CARD, message),
    ):
        signature = jpki.sign(channel, AUTH, data, form, by_short_id=form is SignForm.HASH_GIVEN)
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for form, data in ((SignForm.PSS_HASH_GIVEN, digest), (SignForm.PSS_ON_CARD, message)):
        key.verify(jpki.sign(channel, AUTH, data, form), message, pss, hashes.SHA256())
    # A bare hash in PKCS#1 padding is no standard signature; the recovered block must be exactly it.
    bare = jpki.sign(channel, AUTH, message, SignForm.HASH_NO_INFO)
    assert key.recover_data_from_signature(bare, padding.PKCS1v15(), None) == digest


@pytest.mark.parametrize("length", [1, 50, 52, 245])
def test_verbatim_pads_whatever_it_gets(channel: Channel, key: rsa.RSAPublicKey, length: int) -> None:
    block = bytes(range(length % 256))[:length].ljust(length, b"\x5a")
    signature = jpki.sign(channel, AUTH, block)
    assert key.recover_data_from_signature(signature, padding.PKCS1v15(), None) == block


@pytest.mark.parametrize(
    ("form", "data", "status"), [(0, 246, 0x6700), (2, 31, 0x6A80), (4, 33, 0x6A80), (6, 32, 0x6A86)]
)
def test_forms_that_are_refused(channel: Channel, form: int, data: int, status: int) -> None:
    with pytest.raises(Refused) as refused:
        jpki.sign(channel, AUTH, bytes(data), form)  # type: ignore[arg-type]
    assert refused.value.status_word == status


def test_tries_are_told_and_the_last_one_is_guarded(jpki_card: VirtualJpkiCard) -> None:
    card = JpkiCard(CardSession.of_memory(jpki_card, jpki.identify))
    wrong = jpki.pin(AUTH, "9999")
    for left in (2, 1):
        with pytest.raises(WrongPin) as refused:
            card.verify_pin(AUTH, wrong)
        assert refused.value.retries_left == left == card.tries_left(AUTH)
    with pytest.raises(LastTry):
        card.verify_pin(AUTH, jpki.pin(AUTH, "1234"))
    assert jpki_card.slots[AUTH].pin.left == 1
    with pytest.raises(PinBlocked):
        card.verify_pin(AUTH, wrong, last_try=True)
    with pytest.raises(PinBlocked):
        card.verify_pin(AUTH, jpki.pin(AUTH, "1234"), last_try=True)
    card.verify_pin(SIGN, jpki.pin(SIGN, "ABC123"))  # the other PIN is another one


@pytest.mark.parametrize("locked", [0x6983, 0x6984])
def test_both_answers_of_a_locked_pin_mean_blocked(jpki_card: VirtualJpkiCard, locked: int) -> None:
    jpki_card.locked_answer = locked
    jpki_card.slots[AUTH].pin.left = 0
    assert say(jpki_card, SELECT_AP, "00A4020C020018", "002000800431323334")[-1] == f"{locked:04X}"


def test_the_try_is_counted_before_the_comparison(made_card: MadeCard, random: Callable[[int], bytes]) -> None:
    class Watching(MemoryStorage):
        writes: list[int]

        def write(self, image: bytes) -> None:
            super().write(image)
            self.writes.append(VirtualJpkiCard(MemoryStorage(image), random).slots[AUTH].pin.left)

    storage = Watching(made_card.image)
    storage.writes = []
    card = VirtualJpkiCard(storage, random)
    say(card, SELECT_AP, "00A4020C020018", "002000800431323334")
    assert storage.writes == [2, 3]
    say(card, "002000800439393939")
    assert storage.writes == [2, 3, 2]


def test_changing_and_setting_pins(jpki_card: VirtualJpkiCard) -> None:
    card = JpkiCard(CardSession.of_memory(jpki_card, jpki.identify))
    card.change_pin(SIGN, jpki.pin(SIGN, "abc123"), jpki.pin(SIGN, "NEWPASSWORD16CHR"))
    card.verify_pin(SIGN, jpki.pin(SIGN, "NEWPASSWORD16CHR"))
    channel = Channel(InMemory(jpki_card))
    jpki.select(channel)
    with pytest.raises(WrongCardState):
        jpki.set_new_pin(channel, AUTH, jpki.pin(AUTH, "0000"))
    for bad in ("00240180 03 313233", "00240180 04 61626364", "00240180 05 3132333435"):
        say(jpki_card, SELECT_AP, "00A4020C020018", "002000800431323334")
        assert say(jpki_card, bad.replace(" ", "")) == ["6A80"]


def test_reading_the_signature_certificate_needs_its_password(jpki_card: VirtualJpkiCard, made_card: MadeCard) -> None:
    card = JpkiCard(CardSession.of_memory(jpki_card, jpki.identify))
    with pytest.raises(Refused) as refused:
        card.read(SIGN)
    assert refused.value.status_word == 0x6982
    assert card.read(SIGN, jpki.pin(SIGN, "ABC123")) == made_card.certificates[SIGN]
    with pytest.raises(Refused):  # and afterwards it is closed again
        card.read(SIGN)


MANAGEMENT = ["8047800005B603840157", "802A02D720" + "00" * 32, "8044 00D7 20" + "00" * 32, "802C0398", "80FE0000",
              "00D600000430820000", "80D80181" + "46" + "00" * 70, "00A4020C02E001"]  # fmt: skip


@pytest.mark.parametrize("command", MANAGEMENT)
def test_management_is_closed_outside_the_secure_channel(jpki_card: VirtualJpkiCard, command: str) -> None:
    before = jpki_card._dump()
    for cla in ("", "84"):
        raw = command.replace(" ", "") if not cla else cla + command.replace(" ", "")[2:]
        assert say(jpki_card, SELECT_AP, raw)[-1] in ("6D00", "6982", "6A82", "6A86", "6700")
    assert jpki_card._dump() == before


def test_a_plain_command_ends_the_secure_channel(blank_card: VirtualJpkiCard) -> None:
    conversation = CardManager(MASTER_KEYS, bytes).begin(Generate(AUTH))
    card = InMemory(blank_card)
    channel = Channel(card)
    step = conversation.start()
    for _ in range(3):
        step = conversation.resume(channel.send(step))  # type: ignore[arg-type]
    say(blank_card, "00A4020C020018")
    with pytest.raises(Refused) as refused:
        conversation.resume(channel.send(step))  # type: ignore[arg-type]
    assert refused.value.status_word == 0x6982


def test_a_pending_certificate_is_closed_outside_the_secure_channel(
    blank_card: VirtualJpkiCard, throwaway_ca: ThrowawayCa
) -> None:
    """It tells its holder's name before any password protects it."""
    slot = in_memory(blank_card)
    slot.generate(SIGN)
    request = Install(SIGN, throwaway_ca.certificate, throwaway_ca.certificate)
    conversation = CardManager(MASTER_KEYS, bytes).begin(request)
    channel = Channel(InMemory(blank_card))
    step = conversation.start()
    while not blank_card.slots[SIGN].pending_certificate:
        assert isinstance(step, CommandApdu)
        step = conversation.resume(channel.send(step))
    assert blank_card._now.file == 0xE001
    for ends in ("00B0000010", "8450000008" + "00" * 8):
        assert say(blank_card, ends)[0] in ("6986", "6982")
        assert say(blank_card, "00B0000010") == ["6986"]


def test_install_wants_the_certificate_of_the_pending_key(
    blank_card: VirtualJpkiCard, throwaway_ca: ThrowawayCa
) -> None:
    slot = in_memory(blank_card)
    with pytest.raises(WrongCardState):
        slot.prove(AUTH, b"x")
    with pytest.raises(WrongCardState):
        slot.install(AUTH, throwaway_ca.certificate, throwaway_ca.certificate)
    slot.generate(AUTH)
    with pytest.raises(CertificateMismatch):
        slot.install(AUTH, throwaway_ca.certificate, throwaway_ca.certificate)
    assert slot.read(AUTH) is None
    assert slot.pending(AUTH) is not None


def test_other_masters_are_refused_by_both_sides(blank_card: VirtualJpkiCard) -> None:
    stranger = CardManager(MasterKeys({1: b"another master  "}), bytes)
    slot = in_memory(blank_card)
    slot._authority = stranger
    with pytest.raises(SecureChannelFailed, match="card cryptogram"):
        slot.generate(AUTH)
    assert say(blank_card, SELECT_AP, "8050000008" + "00" * 8, "8482330010" + "00" * 16)[-1] == "6300"


def test_no_two_cards_share_a_key() -> None:
    one, two = (diversify(bytes(16), 1, bytes(9) + bytes((n,))) for n in (1, 2))
    keys = [one.enc, one.mac, one.dek, two.enc, two.mac, two.dek, diversify(bytes(16), 2, bytes(9) + b"\x01").enc]
    assert len(set(keys)) == 7
    assert all(len(key) == 16 for key in keys)
    assert "00" not in repr(one) + repr(MasterKeys({1: bytes(16)}))


def test_the_next_generation(throwaway_ca: ThrowawayCa, random: Callable[[int], bytes]) -> None:
    card = new_card(MemoryStorage(), random, lambda d: MASTER_KEYS.key_set(d, 1), generation="next")
    certificates = personalise(in_memory(card), throwaway_ca)
    holder = JpkiCard(CardSession.of_memory(card, jpki.identify))
    signature = holder.sign(SIGN, jpki.pin(SIGN, "ABC123"), b"a filing")
    key = x509.load_der_x509_certificate(certificates[SIGN]).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp384r1"
    key.verify(signature, b"a filing", ec.ECDSA(hashes.SHA384()))


def test_images(made_card: MadeCard, random: Callable[[int], bytes]) -> None:
    assert kind_of(MemoryStorage(made_card.image)) == "jpki"
    assert b"1234" not in made_card.image.replace(made_card.serial.encode(), b"").split(b'"pin"')[1][:40]
    for broken in (b"", b"{", b"[]", b"{}", made_card.image[:-10], made_card.image.replace(b'"slots"', b'"slot"')):
        with pytest.raises(Exception, match="image-unusable"):
            VirtualJpkiCard(MemoryStorage(broken or None), random)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(
    st.binary(max_size=60),
    st.tuples(
        st.sampled_from([0x00, 0x80, 0x84, 0x04, 0x10]),
        st.sampled_from([0xA4, 0xB0, 0x20, 0x24, 0x2A, 0x50, 0x82, 0x47, 0x44, 0xD6, 0xC0, 0x84]),
        st.sampled_from([0, 1, 2, 3, 4, 0x80, 0x81, 0x8A]), st.sampled_from([0x00, 0x0C, 0x80, 0x97, 0xD7]),
        st.binary(max_size=20),
    ).map(lambda c: bytes(c[:4]) + (bytes((len(c[4]),)) + c[4] if c[4] else b"") ),
), max_size=8))  # fmt: skip
def test_any_octets_get_an_answer_and_change_no_key(made_card: MadeCard, commands: list[bytes]) -> None:
    card = VirtualJpkiCard(MemoryStorage(made_card.image), bytes)
    before = {purpose: (slot.key, slot.certificate) for purpose, slot in card.slots.items()}
    card.process(bytes.fromhex(SELECT_AP))
    for command in commands:
        assert 2 <= len(card.process(command)) <= 65535
    assert {purpose: (slot.key, slot.certificate) for purpose, slot in card.slots.items()} == before


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.binary(max_size=300).map(lambda raw: raw + b"\x90\x00") | st.binary(max_size=4), min_size=1, max_size=30
    )
)
def test_answers_of_a_hostile_card_are_named_errors(answers: list[bytes]) -> None:
    class Hostile:
        turn = 0

        def transmit(self, command: bytes) -> bytes:
            Hostile.turn += 1
            return answers[Hostile.turn % len(answers)]

    channel = Channel(Hostile())
    for ask in (
        lambda: jpki.identify(channel),
        lambda: jpki.read_certificate(channel, AUTH),
        lambda: jpki.tries_left(channel, AUTH),
        lambda: jpki.availability(channel),
        lambda: jpki.verify_pin(channel, AUTH, jpki.pin(AUTH, "1234")),
        lambda: jpki.sign_message(channel, AUTH, b"x"),
    ):
        with contextlib.suppress(CardError, Malformed):  # named; anything else fails the test
            ask()


# -- neighbours --------------------------------------------------------------------------------------------------------


def _ask(card: VirtualJpkiCard, *commands: str) -> list[str]:
    return [card.process(bytes.fromhex(command.replace(" ", ""))).hex().upper() for command in commands]


SELECT_JPKI = "00A4040C0A D392F000260100000001"


@pytest.mark.parametrize(
    ("name", "talk"),
    [
        # text: files under a PIN, the PIN never set
        ("D3921000310001010408", {"00A4020C020002": "9000", "00B0000004": "6982", "00A4020C020011": "9000",
                                  "00200080": "63C0", "002000800431323334": "6984", "00A4020C020099": "6A82"}),
        # surface
        ("D3921000310001010402", {"00A4020C020002": "9000", "00B0000004": "6982", "00A4020C020013": "9000",
                                  "00200080": "63C0"}),
        # Juki
        ("D3921000310001010401", {"00A4020C02001C": "9000", "00200080": "63C0", "8032008004 31323334": "6D00"}),
        # GlobalPlatform's own; no file, and no secure channel there
        ("A0000001510000", {"00B0000004": "6986", "8050000008 0102030405060708 00": "6D00"}),
    ],
    ids=["text", "surface", "juki", "security-domain"],
)  # fmt: skip
def test_the_neighbours_answer(jpki_card: VirtualJpkiCard, name: str, talk: dict[str, str]) -> None:
    select = f"00A4040C{len(name) // 2:02X}{name}"
    assert _ask(jpki_card, select, *talk) == ["9000", *talk.values()]


def test_the_common_application_tells_the_card(jpki_card: VirtualJpkiCard) -> None:
    select = "00A4040C0A D3921000310001010100"
    selected, record, none, amiss = _ask(jpki_card, select, "00B2010C00", "00B2020C00", "00B2010D00")
    assert (selected, none, amiss) == ("9000", "6A83", "6A86")
    content = bytes.fromhex(record)
    assert content[:2] == b"\x01\x1c" and len(content) == 2 + 28 + 2
    assert content[2:17].decode() == jpki_card.serial[-15:] and content[17:22] == b"99201"


def test_a_neighbour_ends_what_was_verified_and_reaches_no_file_of_jpki(jpki_card: VirtualJpkiCard) -> None:
    sign = "802A0080 33" + "00" * 51 + "00"
    verify = ("00A4020C020018", "002000800431323334", "00A4020C020017")
    assert _ask(jpki_card, SELECT_JPKI, *verify)[-1] == "9000"
    jpki_files = ["00A4020C02000A", "00A4020C020017", sign]
    answers = _ask(jpki_card, "00A4040C0AD3921000310001010408", *jpki_files)
    assert answers == ["9000", "6A82", "6A82", "6D00"]
    assert _ask(jpki_card, SELECT_JPKI, "00A4020C020017", sign) == ["9000", "9000", "6982"]


def test_unknown_names_leave_what_is_selected(jpki_card: VirtualJpkiCard) -> None:
    assert _ask(jpki_card, SELECT_JPKI, "00A4040009 A00000030800001000", "00A4020C02000A") == ["9000", "6A82", "9000"]
