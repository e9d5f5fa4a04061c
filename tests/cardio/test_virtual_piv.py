"""The virtual PIV card, command by command (SP 800-73-4 part 2), as octets."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from cardio import tlv
from cardio.apdu import CommandApdu, parse_response
from cardio.channel import Channel
from cardio.errors import ImageUnusable, ManagementKeyRefused
from cardio.piv_commands import authenticate_management_key, generate, read_object, write_object
from cardio.piv_management_key import ManagementKey, derive_management_key, factory_key
from cardio.piv_slots import CipherAlgorithm, KeyAlgorithm, PinPolicy, Slot
from cardio.piv_templates import dynamic_authentication, parse_dynamic_authentication
from cardio.session import DirectConnection
from cardio.virtual_card import FileStorage, MemoryStorage, PowerLost
from cardio.virtual_piv import VirtualPiv
from cardio.virtual_piv_memory import Reference, decode_memory, encode_memory, factory_cipher
from pki.algorithms import load_public_key
from pki.errors import Malformed
from tests.cardio.piv_cards import GENERIC, NEW_YUBICO, OLD_YUBICO, KeyBox, new_card
from tests.support.chance import SeededOctets

SELECT = "00A4040009A00000030800001000"
PIN = b"123456\xff\xff"
PUK = b"12345678"
FIRMWARES = pytest.mark.parametrize("firmware", [GENERIC, OLD_YUBICO, NEW_YUBICO], ids=["generic", "5.4", "5.7"])


def ask(card: VirtualPiv, command: str | bytes) -> tuple[bytes, int]:
    raw = bytes.fromhex(command.replace(" ", "")) if isinstance(command, str) else command
    response = parse_response(card.process(raw))
    return response.data, int(response.status)


def status(card: VirtualPiv, command: str | bytes) -> int:
    return ask(card, command)[1]


def selected(firmware: tuple[int, int, int] | None = GENERIC, **options: bool) -> VirtualPiv:
    card, _ = new_card(firmware, **options)  # type: ignore[arg-type]
    card.power()
    assert status(card, SELECT) == 0x9000
    return card


def channel_of(card: VirtualPiv) -> Channel:
    return Channel(_Wire(card))


class _Wire:
    def __init__(self, card: VirtualPiv) -> None:
        self.card = card

    def transmit(self, command: bytes) -> bytes:
        return self.card.process(command)


def managed(card: VirtualPiv) -> Channel:
    channel = channel_of(card)
    authenticate_management_key(channel, card.memory.management_key, SeededOctets("host"))
    return channel


def verify(card: VirtualPiv, octets: bytes = PIN) -> int:
    return status(card, CommandApdu(0, 0x20, 0, 0x80, octets).encode())


# ---- SELECT


@FIRMWARES
@pytest.mark.parametrize("length", range(5, 12))
def test_select_takes_every_prefix_of_the_name_from_five_octets(
    firmware: tuple[int, int, int] | None, length: int
) -> None:
    card, _ = new_card(firmware)
    card.power()
    name = bytes.fromhex("A000000308000010000100")[:length]
    data, sw = ask(card, CommandApdu(0, 0xA4, 4, 0, name, 256).encode())
    assert sw == 0x9000
    assert data.hex().upper() == "61114F0600001000010079074F05A000000308"


@pytest.mark.parametrize("name", ["A0000003", "A000000309", "A00000030800001000010000", "A000000527471117"])
def test_other_names_are_not_here_and_change_nothing(name: str) -> None:
    card = selected()
    assert verify(card) == 0x9000
    assert status(card, CommandApdu(0, 0xA4, 4, 0, bytes.fromhex(name)).encode()) == 0x6A82
    assert status(card, "00200080") == 0x9000


def test_selecting_piv_again_keeps_the_security_status_and_power_ends_it() -> None:
    card = selected()
    verify(card)
    assert status(card, SELECT) == 0x9000
    assert status(card, "00200080") == 0x9000
    card.reset()
    assert status(card, "00200080") == 0x6D00
    status(card, SELECT)
    assert status(card, "00200080") == 0x63C3


def test_another_application_ends_the_security_status() -> None:
    card = selected(OLD_YUBICO)
    verify(card)
    assert status(card, "00A4040008A000000527471117") == 0x9000
    data, sw = ask(card, "001D000000")
    assert sw == 0x9000
    assert data[0] == len(data) - 1
    assert tlv.find(data[1:], 0x05) == bytes(OLD_YUBICO)
    assert status(card, "00200080") == 0x6D00
    status(card, SELECT)
    assert status(card, "00200080") == 0x63C3


def test_classes_that_a_piv_card_does_not_speak() -> None:
    card = selected()
    assert status(card, "0C200080") == 0x6882
    assert status(card, "01200080") == 0x6881
    assert status(card, "80200080") == 0x6E00
    assert status(card, "00EE0000") == 0x6D00


# ---- GET DATA and PUT DATA


@FIRMWARES
def test_discovery_object(firmware: tuple[int, int, int] | None) -> None:
    data, sw = ask(selected(firmware), "00CB3FFF035C017E00")
    assert (data.hex().upper(), sw) == ("7E124F0BA0000003080000100001005F2F024000", 0x9000)


def test_an_answer_longer_than_le_is_cut_and_fetched() -> None:
    card = selected()
    content = bytes(range(256)) * 3
    write_object(managed(card), bytes.fromhex("5FC105"), content)
    whole = tlv.encode(0x53, content)
    head, sw = ask(card, "00CB3FFF055C035FC10508")
    assert (head, sw) == (whole[:8], 0x6100)
    rest, sw = ask(card, "00C0000000")
    assert (rest, sw) == (whole[8:264], 0x6100)
    rest, sw = ask(card, "00C0000000")
    assert (rest, sw) == (whole[264:520], 0x6100 | len(whole) - 520)
    assert read_object(channel_of(card), bytes.fromhex("5FC105")) == content


def test_extended_case_four_without_le_gets_all_in_one_piece() -> None:
    card = selected()
    content = bytes(2000)
    write_object(managed(card), bytes.fromhex("5FC10A"), content)
    data, sw = ask(card, "00CB3FFF0000055C035FC10A")
    assert (data, sw) == (tlv.encode(0x53, content), 0x9000)


def test_extended_put_data_is_the_same_as_chained() -> None:
    card = selected()
    managed(card)
    content = bytes(1000)
    data = tlv.encode(0x5C, bytes.fromhex("5FC102")) + tlv.encode(0x53, content)
    assert status(card, CommandApdu(0, 0xDB, 0x3F, 0xFF, data, extended=True).encode()) == 0x9000
    assert read_object(channel_of(card), bytes.fromhex("5FC102")) == content


def test_empty_data_deletes_the_object() -> None:
    card = selected()
    channel = managed(card)
    write_object(channel, bytes.fromhex("5FC102"), b"x")
    write_object(channel, bytes.fromhex("5FC102"), b"")
    assert status(card, "00CB3FFF055C035FC10200") == 0x6A82


@pytest.mark.parametrize("tag", ["5FC103", "5FC108", "5FC109", "5FC121"])
def test_objects_about_the_person_need_the_pin(tag: str) -> None:
    card = selected()
    write_object(managed(card), bytes.fromhex(tag), b"data")
    assert status(card, f"00CB3FFF055C03{tag}00") == 0x6982
    verify(card)
    assert ask(card, f"00CB3FFF055C03{tag}00") == (bytes.fromhex("530464617461"), 0x9000)


def test_put_data_needs_the_management_key() -> None:
    card = selected()
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x6982
    verify(card)
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x6982


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00DB3FFF065C017E53017A", 0x6A80),
        ("00DB3FFF085C035FC10453017A", 0x6A80),
        ("00DB3FFF085C035FFF0053017A", 0x6A80),
        ("00DB3FFF055C035FC102", 0x6A80),
        ("00DB3FFF0853017A5C035FC102", 0x6A80),
        ("00DB0000085C035FC10253017A", 0x6A86),
    ],
)
def test_put_data_refuses(command: str, expected: int) -> None:
    card = selected()
    managed(card)
    before = card.memory
    assert status(card, command) == expected
    assert card.memory == before


def test_objects_have_a_size() -> None:
    card = selected()
    managed(card)
    data = tlv.encode(0x5C, bytes.fromhex("5FC102")) + tlv.encode(0x53, bytes(3073))
    assert status(card, CommandApdu(0, 0xDB, 0x3F, 0xFF, data, extended=True).encode()) == 0x6A84


# ---- PIN and PUK


@FIRMWARES
def test_wrong_pins_count_down_lock_and_are_unblocked(firmware: tuple[int, int, int] | None) -> None:
    card = selected(firmware)
    assert verify(card, b"000000\xff\xff") == 0x63C2
    assert verify(card, b"000000\xff\xff") == 0x63C1
    assert verify(card, PIN) == 0x9000
    assert card.memory.pin.tries_left == 3
    for expected in (0x63C2, 0x63C1, 0x6983, 0x6983):
        assert verify(card, b"000000\xff\xff") == expected
    assert status(card, "00200080") == 0x6983
    assert verify(card, PIN) == 0x6983
    assert status(card, CommandApdu(0, 0x2C, 0, 0x80, PUK + b"654321\xff\xff").encode()) == 0x9000
    assert status(card, "00200080") == 0x63C3
    assert verify(card, b"654321\xff\xff") == 0x9000


@FIRMWARES
def test_the_puk_locks_too_and_nothing_opens_it(firmware: tuple[int, int, int] | None) -> None:
    card = selected(firmware)
    wrong = CommandApdu(0, 0x2C, 0, 0x80, b"00000000" + PIN).encode()
    assert [status(card, wrong) for _ in range(4)] == [0x63C2, 0x63C1, 0x6983, 0x6983]
    assert status(card, CommandApdu(0, 0x2C, 0, 0x80, PUK + PIN).encode()) == 0x6983
    assert status(card, CommandApdu(0, 0x24, 0, 0x81, PUK + PUK).encode()) == 0x6983


@FIRMWARES
def test_change_reference_data(firmware: tuple[int, int, int] | None) -> None:
    card = selected(firmware)
    assert status(card, CommandApdu(0, 0x24, 0, 0x80, b"000000\xff\xff" + PIN).encode()) == 0x63C2
    assert status(card, CommandApdu(0, 0x24, 0, 0x80, PIN + b"87654321").encode()) == 0x9000
    assert (verify(card, PIN), verify(card, b"87654321")) == (0x63C2, 0x9000)
    assert status(card, CommandApdu(0, 0x24, 0, 0x81, PUK + b"87654321").encode()) == 0x9000
    assert status(card, CommandApdu(0, 0x2C, 0, 0x80, PUK + PIN).encode()) == 0x63C2


@pytest.mark.parametrize(
    ("octets", "generic", "yubico"),
    [
        (b"12345\xff\xff\xff", 0x6A80, 0x63C2),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", 0x6A80, 0x63C2),
        (b"abcdef\xff\xff", 0x6A80, 0x63C2),
        (b"12\xff3456\xff", 0x6A80, 0x63C2),
        (b"123456", 0x6A80, 0x6A80),
        (b"1234567890", 0x6A80, 0x6A80),
    ],
)
def test_what_cannot_be_a_pin_costs_no_try(octets: bytes, generic: int, yubico: int) -> None:
    for firmware, expected in ((GENERIC, generic), (OLD_YUBICO, yubico)):
        card = selected(firmware)
        assert verify(card, octets) == expected
        assert card.memory.pin.tries_left == (3 if expected == 0x6A80 else 2)


def test_a_malformed_new_pin_costs_no_try() -> None:
    card = selected()
    assert (
        status(card, CommandApdu(0, 0x24, 0, 0x80, b"000000\xff\xff" + b"123\xff\xff\xff\xff\xff").encode()) == 0x6A80
    )
    assert status(card, CommandApdu(0, 0x2C, 0, 0x80, b"00000000" + b"123\xff\xff\xff\xff\xff").encode()) == 0x6A80
    assert (card.memory.pin.tries_left, card.memory.puk.tries_left) == (3, 3)


def test_a_yubikey_compares_before_it_judges_the_new_pin() -> None:
    card = selected(OLD_YUBICO)
    short = b"123" + b"\xff" * 5
    assert status(card, CommandApdu(0, 0x24, 0, 0x80, b"000000\xff\xff" + short).encode()) == 0x63C2
    assert status(card, CommandApdu(0, 0x24, 0, 0x80, PIN + short).encode()) == 0x6A80
    assert status(card, CommandApdu(0, 0x2C, 0, 0x80, PUK + short).encode()) == 0x6A80
    assert (card.memory.pin, card.memory.puk.tries_left) == (Reference(PIN), 3)


def test_verify_p1_ff_logs_out_and_a_wrong_pin_does_too() -> None:
    card = selected()
    verify(card)
    assert status(card, "0020FF80") == 0x9000
    assert status(card, "00200080") == 0x63C3
    verify(card)
    verify(card, b"000000\xff\xff")
    assert status(card, "00200080") == 0x63C2


@pytest.mark.parametrize("command", ["00200000", "002000810831323334353637380000", "00240082", "002C0081"])
def test_references_that_are_not_there(command: str) -> None:
    assert status(selected(), command) in (0x6A88, 0x6700)


class _FailingStorage(MemoryStorage):
    """Fails, or loses power, at the write numbered `at` from now, before or after it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.at: int | None = None
        self.kind: type[BaseException] = OSError
        self.after = False

    def write(self, image: bytes) -> None:
        if self.at is not None:
            self.at -= 1
        if self.at == 0:
            self.at = None
            if self.after:
                super().write(image)
            raise self.kind
        super().write(image)


def test_the_try_is_counted_before_the_comparison() -> None:
    storage = _FailingStorage()
    card, _ = new_card(GENERIC, storage=storage)
    card.power()
    ask(card, SELECT)
    storage.at, storage.kind, storage.after = 1, PowerLost, True
    with pytest.raises(PowerLost):
        verify(card, b"000000\xff\xff")
    card.power()
    assert card.memory.pin.tries_left == 2
    ask(card, SELECT)
    storage.at, storage.after = 2, False  # the right PIN, power lost before the counter is restored
    with pytest.raises(PowerLost):
        verify(card, PIN)
    card.power()
    assert card.memory.pin.tries_left == 1


def test_a_full_disk_is_6581_and_changes_nothing() -> None:
    storage = _FailingStorage()
    card, _ = new_card(GENERIC, storage=storage)
    card.power()
    ask(card, SELECT)
    managed(card)
    before = card.memory
    storage.at = 1
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x6581
    assert card.memory == before
    storage.at = 1
    assert verify(card) == 0x6581
    assert status(card, "00200080") == 0x63C3


# ---- the management key


@FIRMWARES
@pytest.mark.parametrize("algorithm", list(CipherAlgorithm))
def test_mutual_authentication(firmware: tuple[int, int, int] | None, algorithm: CipherAlgorithm) -> None:
    key = derive_management_key(bytes(16), "card", algorithm)
    card, _ = new_card(firmware, management_key=key)
    card.power()
    ask(card, SELECT)
    other = derive_management_key(bytes(16), "other card", algorithm)
    channel = channel_of(card)
    with pytest.raises(ManagementKeyRefused):
        authenticate_management_key(channel, other, SeededOctets("host"))
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x6982
    authenticate_management_key(channel, key, SeededOctets("host"))
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x9000


@pytest.mark.parametrize("algorithm", list(CipherAlgorithm))
def test_external_authentication(algorithm: CipherAlgorithm) -> None:
    key = factory_key(algorithm)
    card, _ = new_card(GENERIC, management_key=key)
    card.power()
    ask(card, SELECT)
    data, sw = ask(card, f"0087{algorithm:02X}9B047C028100")
    assert sw == 0x9000
    challenge = parse_dynamic_authentication(data)[0x81]
    good = dynamic_authentication((0x82, key.encrypt(challenge)))
    command = CommandApdu(0, 0x87, algorithm, 0x9B, good).encode()
    assert status(card, command) == 0x9000
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x9000
    # The same answer once more: its challenge was spent, and the failure ends the right.
    assert status(card, command) == 0x6982
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x6982


def test_sp_800_78_knows_two_numbers_for_3des() -> None:
    assert status(selected(), "0087009B047C028000") == 0x9000
    assert status(selected(), "0087089B047C028000") == 0x6A86


def test_a_witness_is_not_taken_for_a_challenge_nor_twice() -> None:
    card = selected()
    key = card.memory.management_key
    data, _ = ask(card, "0087039B047C028000")
    witness = parse_dynamic_authentication(data)[0x80]
    # Sending the card's own encrypted witness back as an answer must not work.
    assert status(card, CommandApdu(0, 0x87, 3, 0x9B, dynamic_authentication((0x82, witness))).encode()) == 0x6982
    shown = dynamic_authentication((0x80, key.decrypt(witness)), (0x81, bytes(8)))
    assert status(card, CommandApdu(0, 0x87, 3, 0x9B, shown).encode()) == 0x6982


@pytest.mark.parametrize("template", ["7C00", "7C048000 8000", "7C0C 8000 8108 0000000000000000", "80", "7C028500"])
def test_other_templates_for_the_management_key(template: str) -> None:
    body = bytes.fromhex(template.replace(" ", ""))
    assert status(selected(), CommandApdu(0, 0x87, 3, 0x9B, body).encode()) in (0x6A80, 0x6982)


def test_management_keys_print_nothing() -> None:
    key = derive_management_key(bytes(32), "card", CipherAlgorithm.AES_256)
    assert key.octets.hex() not in repr(key)
    assert repr(key.octets) not in repr(key)


# ---- keys


def _sign(card: VirtualPiv, slot: int, algorithm: int, block: bytes) -> tuple[bytes, int]:
    response = channel_of(card).send(
        CommandApdu(0, 0x87, algorithm, slot, dynamic_authentication((0x82, b""), (0x81, block)), 256)
    )
    return (parse_dynamic_authentication(response.data)[0x82] if response.ok else b""), int(response.status)


@FIRMWARES
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.RSA_3072])
def test_raw_rsa_serves_every_padding(firmware: tuple[int, int, int] | None, algorithm: KeyAlgorithm) -> None:
    card = selected(firmware)
    public = load_public_key(generate(managed(card), Slot.AUTHENTICATION, algorithm))
    assert isinstance(public, rsa.RSAPublicKey)
    verify(card)
    digest = hashlib.sha256(b"message").digest()
    information = bytes.fromhex("3031300d060960864801650304020105000420") + digest
    block = b"\0\1" + b"\xff" * (algorithm.octets - len(information) - 3) + b"\0" + information
    signature, sw = _sign(card, 0x9A, algorithm, block)
    assert sw == 0x9000
    public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    secret = public.encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    plain, sw = _sign(card, 0x9A, algorithm, secret)
    assert sw == 0x9000
    numbers = public.public_numbers()
    assert pow(int.from_bytes(plain, "big"), numbers.e, numbers.n) == int.from_bytes(secret, "big")
    assert _sign(card, 0x9A, algorithm, b"\xff" * algorithm.octets)[1] == 0x6A80
    assert _sign(card, 0x9A, algorithm, b"\0" * (algorithm.octets - 1))[1] == 0x6A80


@FIRMWARES
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.P384])
def test_ecdsa_and_ecdh(firmware: tuple[int, int, int] | None, algorithm: KeyAlgorithm) -> None:
    card = selected(firmware)
    public = load_public_key(generate(managed(card), Slot.KEY_MANAGEMENT, algorithm))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    verify(card)
    digest = hashlib.sha256(b"message").digest()
    signature, sw = _sign(card, 0x9D, algorithm, digest)
    assert sw == 0x9000
    padded = digest.rjust(algorithm.octets, b"\0")
    known = hashes.SHA256() if algorithm is KeyAlgorithm.P256 else hashes.SHA384()
    public.verify(signature, padded, ec.ECDSA(Prehashed(known)))
    assert _sign(card, 0x9D, algorithm, b"\1" * (algorithm.octets + 1))[1] == 0x6A80
    assert _sign(card, 0x9D, algorithm, b"")[1] == 0x6A80
    peer = ec.generate_private_key(public.curve)
    numbers = peer.public_key().public_numbers()
    point = b"\4" + numbers.x.to_bytes(algorithm.octets, "big") + numbers.y.to_bytes(algorithm.octets, "big")
    for value, expected in ((point, 0x9000), (point[:-1] + bytes([point[-1] ^ 1]), 0x6A80), (point[:-1], 0x6A80)):
        template = dynamic_authentication((0x82, b""), (0x85, value))
        response = channel_of(card).send(CommandApdu(0, 0x87, algorithm, 0x9D, template, 256))
        assert response.status == expected
        if expected == 0x9000:
            assert parse_dynamic_authentication(response.data)[0x82] == peer.exchange(ec.ECDH(), public)


@FIRMWARES
def test_9c_asks_for_the_pin_always_9a_once_9e_never(firmware: tuple[int, int, int] | None) -> None:
    card = selected(firmware)
    channel = managed(card)
    for slot in (Slot.SIGNATURE, Slot.AUTHENTICATION, Slot.CARD_AUTHENTICATION):
        generate(channel, slot, KeyAlgorithm.P256)
    digest = bytes(31) + b"\1"

    def use(slot: int) -> int:
        return _sign(card, slot, 0x11, digest)[1]

    assert (use(0x9C), use(0x9A), use(0x9E)) == (0x6982, 0x6982, 0x9000)
    verify(card)
    assert (use(0x9A), use(0x9A)) == (0x9000, 0x9000)
    assert status(card, "00CB3FFF035C017E00") == 0x9000  # reading between VERIFY and signing is allowed
    assert (use(0x9C), use(0x9C)) == (0x9000, 0x6982)
    assert use(0x9A) == 0x9000
    verify(card)
    assert use(0x9C) == 0x9000


def test_generate_by_the_standard_knows_four_slots_and_no_policies() -> None:
    card = selected()
    managed(card)
    for slot in ("82", "95", "F9", "9B", "00"):
        assert status(card, f"004700{slot}05AC03800111") == 0x6A86
    assert status(card, "0047009A08AC06800111AA0101") == 0x6A80
    assert status(card, "0047009A05AC03800106") == 0x6A80
    assert status(card, "0047009A05AC038001FF") == 0x6A80
    assert status(card, "0047009A02AC00") == 0x6A80
    card.reset()
    ask(card, SELECT)
    assert status(card, "0047009A05AC03800111") == 0x6982


def test_rsa_1024_only_on_cards_made_for_it() -> None:
    assert KeyAlgorithm.RSA_1024.bits == 1024
    old = selected(OLD_YUBICO, rsa_1024=True)
    assert generate(managed(old), Slot.AUTHENTICATION, KeyAlgorithm.RSA_1024)
    new = selected(OLD_YUBICO)
    managed(new)
    assert status(new, "0047009A05AC03800106") == 0x6A80


def test_a_key_of_another_algorithm_and_no_key_at_all() -> None:
    card = selected()
    generate(managed(card), Slot.AUTHENTICATION, KeyAlgorithm.P256)
    verify(card)
    assert _sign(card, 0x9A, 0x14, bytes(48))[1] == 0x6A86
    assert _sign(card, 0x9C, 0x11, bytes(32))[1] == 0x6A86
    assert _sign(card, 0x77, 0x11, bytes(32))[1] == 0x6A86


# ---- the image


def test_the_file_brings_the_whole_card_back(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    card, _ = new_card(NEW_YUBICO, storage=FileStorage(path))  # type: ignore[arg-type]
    card.power()
    ask(card, SELECT)
    generate(managed(card), Slot.SIGNATURE, KeyAlgorithm.RSA_2048)
    verify(card, b"000000\xff\xff")
    again = VirtualPiv(FileStorage(path), SeededOctets("again"))
    # Private keys have no equality of their own: their encodings do.
    assert encode_memory(again.memory) == encode_memory(card.memory)
    assert again.memory.pin.tries_left == 2
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["card.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"pin": {"octets": "00", "tries_left": 3, "maximum": 3}},
        {"pin": {"octets": "00" * 8, "tries_left": 4, "maximum": 3}},
        {"management_key": {"algorithm": 3, "octets": "00"}},
        {"keys": {"9a": {"algorithm": 7}}},
        {"keys": {"9a": 1}},
        {"firmware": [1, 2]},
        {"firmware": "5.4.3"},
        {"objects": {"zz": "00"}},
        {"serial": "one"},
    ],
)
def test_a_damaged_image_is_refused_by_name(change: dict[str, object]) -> None:
    card, _ = new_card(GENERIC)
    record = {**encode_memory(card.memory), **change}
    with pytest.raises(Malformed):
        decode_memory(record)
    with pytest.raises((ImageUnusable, ValueError)):
        VirtualPiv(MemoryStorage(), SeededOctets("x"), record, key_maker=KeyBox())


def test_a_jpki_image_is_no_piv_card() -> None:
    storage = MemoryStorage(b'{"format":"jitsuin-virtual-card","kind":"jpki","card":{}}')
    with pytest.raises(ImageUnusable, match="jpki"):
        VirtualPiv(storage, SeededOctets("x"))


def test_memory_shows_no_secret() -> None:
    card = selected(OLD_YUBICO)
    generate(managed(card), Slot.SIGNATURE, KeyAlgorithm.P256)
    shown = repr(card.memory)
    assert "123456" not in shown
    assert card.memory.management_key.octets.hex() not in shown
    assert factory_cipher(NEW_YUBICO) is CipherAlgorithm.AES_192
    assert replace(card.memory, firmware=None).yubico is False
    assert PinPolicy.ALWAYS is card.memory.keys[Slot.SIGNATURE].pin_policy
    assert isinstance(card.memory.management_key, ManagementKey)


def test_a_card_in_memory_is_a_connection() -> None:
    card, _ = new_card(GENERIC)
    connection = DirectConnection(card)
    with connection.transaction():
        assert connection.transmit(bytes.fromhex(SELECT))[-2:] == b"\x90\x00"
    connection.close()
