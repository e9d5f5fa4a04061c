"""Yubico's additional commands on the virtual PIV card."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cardio import piv_commands, tlv
from cardio.apdu import CommandApdu
from cardio.channel import Channel
from cardio.errors import AttestationRefused, Refused
from cardio.piv_attestation import AttestationAnchors, AttestationFault, verify_attestation
from cardio.piv_commands import authenticate_management_key, generate, read_object, write_object
from cardio.piv_management_key import ManagementKey, factory_key
from cardio.piv_objects import parse_certificate_object
from cardio.piv_slots import CipherAlgorithm, KeyAlgorithm, PinPolicy, Slot, TouchPolicy
from cardio.virtual_piv import VirtualPiv
from pki.certificate import parse_certificate
from pki.instant import Instant
from tests.cardio.piv_cards import AT, GENERIC, NEW_YUBICO, OLD_YUBICO, SmallAuthority, new_card, rsa_key
from tests.cardio.test_virtual_piv import PIN, PUK, ask, channel_of, managed, selected, status, verify

YUBICO = pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
P256_MECHANISM = bytes.fromhex("AC03800111")


@pytest.mark.parametrize("ins", ["FD", "F8", "F7", "FF", "FE", "FA", "FB", "F9", "F6"])
def test_a_card_without_the_additions_does_not_know_them(ins: str) -> None:
    card = selected(GENERIC)
    managed(card)
    assert status(card, f"00{ins}000000") == 0x6D00


@YUBICO
def test_version_and_serial(firmware: tuple[int, int, int]) -> None:
    card = selected(firmware)
    assert ask(card, "00FD000000") == (bytes(firmware), 0x9000)
    assert ask(card, "00F8000000") == (card.memory.serial.to_bytes(4, "big"), 0x9000)
    assert piv_commands.version(channel_of(card)) == firmware
    assert piv_commands.serial(channel_of(card)) == card.memory.serial


@YUBICO
def test_metadata_of_pin_puk_and_management_key(firmware: tuple[int, int, int]) -> None:
    card = selected(firmware)
    assert ask(card, "00F7008000")[0].hex() == "0101ff05010106020303"
    assert ask(card, "00F7008100")[0].hex() == "0101ff05010106020303"
    verify(card, b"000000\xff\xff")
    assert ask(card, "00F7008000")[0].hex() == "0101ff05010106020302"
    status(card, CommandApdu(0, 0x24, 0, 0x81, PUK + b"87654321").encode())
    assert ask(card, "00F7008100")[0].hex() == "0101ff05010006020303"
    algorithm = "0a" if firmware == NEW_YUBICO else "03"
    assert ask(card, "00F7009B00")[0].hex() == f"0101{algorithm}02020001050101"


@YUBICO
def test_metadata_of_keys(firmware: tuple[int, int, int]) -> None:
    card = selected(firmware)
    channel = managed(card)
    assert status(card, "00F7009A00") == 0x6A88
    assert status(card, "00F7007700") == 0x6A88
    spki = generate(channel, Slot.RETIRED_1, KeyAlgorithm.P384, PinPolicy.ALWAYS, TouchPolicy.CACHED)
    found = piv_commands.metadata(channel, Slot.RETIRED_1)
    assert found is not None
    assert found.spki == spki
    assert (found.pin_policy, found.touch_policy) == (PinPolicy.ALWAYS, TouchPolicy.CACHED)
    assert found.generated
    generate(channel, Slot.SIGNATURE, KeyAlgorithm.RSA_2048)
    signature = piv_commands.metadata(channel, Slot.SIGNATURE)
    assert signature is not None
    assert (signature.algorithm, signature.pin_policy) == (KeyAlgorithm.RSA_2048, PinPolicy.ALWAYS)
    assert piv_commands.metadata(channel, Slot.AUTHENTICATION) is None


def test_metadata_came_with_5_3() -> None:
    card = selected((5, 2, 7))
    assert status(card, "00F7009B00") == 0x6D00
    with pytest.raises(Refused):
        piv_commands.metadata(channel_of(card), Slot.SIGNATURE)
    assert piv_commands.management_key_algorithm(channel_of(card)) is None


@YUBICO
@pytest.mark.parametrize("algorithm", list(CipherAlgorithm))
def test_set_management_key(firmware: tuple[int, int, int], algorithm: CipherAlgorithm) -> None:
    card = selected(firmware)
    key = ManagementKey(algorithm, bytes(range(1, 1 + algorithm.key_length)))
    with pytest.raises(Refused):
        piv_commands.set_management_key(channel_of(card), key)
    piv_commands.set_management_key(managed(card), key)
    assert card.memory.management_key == key
    authenticate_management_key(channel_of(card), key, lambda n: bytes(n))
    assert piv_commands.management_key_algorithm(channel_of(card)) == algorithm


@pytest.mark.parametrize("data", ["", "03", "039B", "039B18", "039B0100", "089B08" + "00" * 8, "099B10" + "00" * 16])
def test_set_management_key_refuses(data: str) -> None:
    card = selected(OLD_YUBICO)
    managed(card)
    assert status(card, CommandApdu(0, 0xFF, 0xFF, 0xFF, bytes.fromhex(data)).encode()) == 0x6A80
    assert card.memory.management_key == factory_key()


@YUBICO
def test_import_rsa_and_ec(firmware: tuple[int, int, int]) -> None:
    card = selected(firmware)
    key = rsa_key(2048, 0)
    numbers = key.private_numbers()
    parts = [numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    data = b"".join(tlv.encode(tag, value.to_bytes(128, "big")) for tag, value in enumerate(parts, 1))
    command = CommandApdu(0, 0xFE, 0x07, 0x9A, data)
    assert channel_of(card).send(command).status == 0x6982
    channel = managed(card)
    assert channel.send(command).status == 0x9000
    scalar = ec.generate_private_key(ec.SECP384R1())
    value = scalar.private_numbers().private_value.to_bytes(48, "big")
    imported = CommandApdu(0, 0xFE, 0x14, 0x9C, tlv.encode(6, value) + b"\xaa\x01\x01")
    assert channel.send(imported).status == 0x9000
    first, second = (piv_commands.metadata(channel, slot) for slot in (Slot.AUTHENTICATION, Slot.SIGNATURE))
    assert first is not None
    assert second is not None
    assert first.spki == _spki(key.public_key())
    assert second.spki == _spki(scalar.public_key())
    assert not first.generated
    assert second.pin_policy is PinPolicy.NEVER
    assert status(card, "00F99A0000") == 0x6985  # no statement about a key that came from outside


def _spki(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("algorithm", "data"),
    [
        (0x07, ""),
        (0x07, "0101030201" + "05"),
        (0x07, "010100020100"),
        (0x11, "0600"),
        (0x11, "0601" + "00"),
        (0x11, "0620" + "FF" * 32),
        (0x06, "010103020105"),
        (0xE0, "0720" + "01" * 32),
    ],
)
def test_import_refuses(algorithm: int, data: str) -> None:
    card = selected(OLD_YUBICO)
    managed(card)
    assert status(card, CommandApdu(0, 0xFE, algorithm, 0x9A, bytes.fromhex(data)).encode()) == 0x6A80
    assert Slot.AUTHENTICATION not in card.memory.keys


@YUBICO
def test_reset_needs_both_blocked(firmware: tuple[int, int, int]) -> None:
    card = selected(firmware)
    generate(managed(card), Slot.SIGNATURE, KeyAlgorithm.P256)
    assert status(card, "00FB0000") == 0x6985
    for _ in range(3):
        verify(card, b"000000\xff\xff")
    assert status(card, "00FB0000") == 0x6985
    for _ in range(3):
        status(card, CommandApdu(0, 0x2C, 0, 0x80, b"00000000" + PIN).encode())
    assert status(card, "00FB0000") == 0x9000
    assert set(card.memory.keys) == {Slot.ATTESTATION}
    assert verify(card) == 0x9000
    assert status(card, "00DB3FFF085C035FC10253017A") == 0x6982


@YUBICO
def test_set_retries(firmware: tuple[int, int, int]) -> None:
    card = selected(firmware)
    assert status(card, "00FA0508") == 0x6982
    managed(card)
    assert status(card, "00FA0508") == 0x6982
    verify(card)
    assert status(card, "00FA0008") == 0x6A86
    assert status(card, "00FA0508") == 0x9000
    assert (card.memory.pin.maximum, card.memory.puk.maximum) == (5, 8)
    assert status(card, "00200080") == 0x63C5


def test_more_tries_than_a_status_word_can_say() -> None:
    card = selected(OLD_YUBICO)
    managed(card)
    verify(card)
    assert status(card, "00FAFFFF") == 0x9000
    assert status(card, "00200080") == 0x63CF
    assert verify(card, b"000000\xff\xff") == 0x63CF


def test_keys_move_since_5_7() -> None:
    old = selected(OLD_YUBICO)
    managed(old)
    assert status(old, "00F69C83") == 0x6D00
    card = selected(NEW_YUBICO)
    assert status(card, "00F69C83") == 0x6982
    channel = managed(card)
    assert status(card, "00F69C83") == 0x6A88
    generate(channel, Slot.SIGNATURE, KeyAlgorithm.P256)
    spki = generate(channel, Slot.RETIRED_2, KeyAlgorithm.P256, PinPolicy.ALWAYS)
    piv_commands.move_key(channel, Slot.RETIRED_2, Slot.SIGNATURE)
    found = piv_commands.metadata(channel, Slot.SIGNATURE)
    assert found is not None
    assert (found.spki, found.pin_policy) == (spki, PinPolicy.ALWAYS)
    assert piv_commands.metadata(channel, Slot.RETIRED_2) is None
    assert status(card, "00F69C9C") == 0x6A86
    assert status(card, "00F6F99C") == 0x6A86
    assert status(card, "00F6779C") == 0x6A88
    assert status(card, "00F6FF9C") == 0x9000
    assert piv_commands.metadata(channel, Slot.SIGNATURE) is None


# ---- attestation


@pytest.fixture
def attested() -> tuple[VirtualPiv, Channel, bytes, AttestationAnchors]:
    card, root = new_card(NEW_YUBICO)
    assert root is not None
    card.power()
    channel = managed(_select(card))
    spki = generate(channel, Slot.SIGNATURE, KeyAlgorithm.P256)
    return card, channel, spki, AttestationAnchors([parse_certificate(root)])


def _select(card: VirtualPiv) -> VirtualPiv:
    assert status(card, "00A4040005A000000308") == 0x9000
    return card


def _between(channel: Channel) -> bytes:
    content = read_object(channel, Slot.ATTESTATION.certificate_object)
    assert content is not None
    return parse_certificate_object(content) or b""


def test_an_attestation_is_believed(attested: tuple[VirtualPiv, Channel, bytes, AttestationAnchors]) -> None:
    card, channel, spki, anchors = attested
    found = verify_attestation(
        piv_commands.attest(channel, Slot.SIGNATURE),
        _between(channel),
        anchors=anchors,
        slot=Slot.SIGNATURE,
        spki=spki,
        at=AT,
        card_serial=card.memory.serial,
    )
    assert found.firmware == NEW_YUBICO
    assert found.card_serial == card.memory.serial
    assert (found.pin_policy, found.touch_policy) == (PinPolicy.ALWAYS, TouchPolicy.NEVER)
    assert found.form_factor == 1
    assert not found.fips
    assert replace(found, form_factor=0x83).fips
    assert len(found.chain) == 3
    assert found.chain[-1] == anchors.roots[0].der


def _fault(
    channel: Channel,
    anchors: AttestationAnchors,
    spki: bytes,
    *,
    slot: Slot = Slot.SIGNATURE,
    asked: Slot = Slot.SIGNATURE,
    at: Instant = AT,
    serial: int | None = None,
) -> str:
    with pytest.raises(AttestationRefused) as caught:
        verify_attestation(
            piv_commands.attest(channel, slot),
            _between(channel),
            anchors=anchors,
            slot=asked,
            spki=spki,
            at=at,
            card_serial=serial,
        )
    return caught.value.fault


def test_what_is_not_believed(attested: tuple[VirtualPiv, Channel, bytes, AttestationAnchors]) -> None:
    card, channel, spki, anchors = attested
    other = generate(channel, Slot.AUTHENTICATION, KeyAlgorithm.P256)
    assert _fault(channel, anchors, other) == AttestationFault.OTHER_KEY
    assert _fault(channel, anchors, spki, asked=Slot.AUTHENTICATION) == AttestationFault.OTHER_SLOT
    assert _fault(channel, anchors, spki, serial=card.memory.serial + 1) == AttestationFault.OTHER_CARD
    later = Instant.parse("2199-01-01T00:00:00Z")
    assert _fault(channel, anchors, spki, at=later) == AttestationFault.OUT_OF_VALIDITY
    _, strange_root = new_card(NEW_YUBICO, seed="another card")
    assert strange_root is not None
    strange = AttestationAnchors([parse_certificate(strange_root)])
    assert _fault(channel, strange, spki) == AttestationFault.NO_PATH
    assert _fault(channel, AttestationAnchors([]), spki) == AttestationFault.NO_PATH
    open_key = generate(channel, Slot.RETIRED_3, KeyAlgorithm.P256, PinPolicy.NEVER)
    fault = _fault(channel, anchors, open_key, slot=Slot.RETIRED_3, asked=Slot.RETIRED_3)
    assert fault == AttestationFault.PIN_POLICY


def test_rsa_keys_of_a_chip_that_made_weak_ones() -> None:
    """CVE-2017-15361: a genuine statement about a worthless key. Elliptic keys of the same chip are sound."""
    for firmware, algorithm, believed in (
        ((4, 3, 4), KeyAlgorithm.RSA_2048, False),
        ((4, 3, 5), KeyAlgorithm.RSA_2048, True),
        ((4, 3, 4), KeyAlgorithm.P256, True),
    ):
        card, root = new_card(firmware)
        assert root is not None
        card.power()
        channel = managed(_select(card))
        spki = generate(channel, Slot.SIGNATURE, algorithm)
        anchors = AttestationAnchors([parse_certificate(root)])
        if not believed:
            assert _fault(channel, anchors, spki) == AttestationFault.WEAK_MAKER
            continue
        statement = piv_commands.attest(channel, Slot.SIGNATURE)
        assert (
            verify_attestation(
                statement, _between(channel), anchors=anchors, slot=Slot.SIGNATURE, spki=spki, at=AT
            ).firmware
            == firmware
        )


def test_any_certificate_is_no_attestation(attested: tuple[VirtualPiv, Channel, bytes, AttestationAnchors]) -> None:
    _, channel, spki, anchors = attested
    authority = SmallAuthority()
    for statement, between in (
        (authority.issue(spki), authority.certificate),
        (b"", b""),
        (b"\x30\x03\x02\x01\x01", _between(channel)),
        (piv_commands.attest(channel, Slot.SIGNATURE), b""),
    ):
        with pytest.raises(AttestationRefused) as caught:
            verify_attestation(statement, between, anchors=anchors, slot=Slot.SIGNATURE, spki=spki, at=AT)
        assert caught.value.fault == AttestationFault.MALFORMED


def test_every_changed_octet_of_a_statement_is_noticed(
    attested: tuple[VirtualPiv, Channel, bytes, AttestationAnchors],
) -> None:
    _, channel, spki, anchors = attested
    statement, between = piv_commands.attest(channel, Slot.SIGNATURE), _between(channel)
    for position in range(0, len(statement), 7):
        changed = bytearray(statement)
        changed[position] ^= 0x01
        with pytest.raises(AttestationRefused):
            verify_attestation(
                bytes(changed), between, anchors=anchors, slot=Slot.SIGNATURE, spki=spki, at=AT, card_serial=None
            )


def test_a_statement_signed_by_a_leaf_is_not_believed(
    attested: tuple[VirtualPiv, Channel, bytes, AttestationAnchors],
) -> None:
    """The attestation certificate must be a CA: else any certified key of the maker could attest."""
    _, channel, spki, anchors = attested
    statement = piv_commands.attest(channel, Slot.SIGNATURE)
    with pytest.raises(AttestationRefused) as caught:
        verify_attestation(statement, statement, anchors=anchors, slot=Slot.SIGNATURE, spki=spki, at=AT)
    assert caught.value.fault == AttestationFault.NO_PATH


def test_no_statement_without_key_or_attestation_certificate(
    attested: tuple[VirtualPiv, Channel, bytes, AttestationAnchors],
) -> None:
    card, channel, _, _ = attested
    assert status(card, "00F99A0000") == 0x6A88
    assert status(card, "00F9F90000") == 0x6A88
    assert status(card, "00F9770000") == 0x6A88
    write_object(channel, Slot.ATTESTATION.certificate_object, b"")
    assert status(card, "00F99C0000") == 0x6A88
    write_object(channel, Slot.ATTESTATION.certificate_object, b"\x70\x01\x00")
    assert status(card, "00F99C0000") == 0x6A88
