"""yubikit, the library below ykman, drives the virtual PIV card; ykman itself does so through pcscd.

yubikit asks with extended APDUs, case 4 without Le among them, and knows AES management keys and MOVE KEY, which the
other judges do not. ykman runs `pkill` when it cannot connect, so it gets a process namespace of its own.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import load_der_x509_certificate
from yubikit.core import TRANSPORT, NotSupportedError
from yubikit.core.smartcard import ApduError, SmartCardConnection
from yubikit.piv import (
    KEY_TYPE,
    MANAGEMENT_KEY_TYPE,
    OBJECT_ID,
    PIN_POLICY,
    SLOT,
    TOUCH_POLICY,
    Chuid,
    InvalidPinError,
    PivSession,
)

from cardio.piv_attestation import AttestationAnchors, verify_attestation
from cardio.piv_management_key import factory_key
from cardio.piv_slots import Slot
from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_piv import VirtualPiv
from pki.certificate import parse_certificate
from tests.cardio.piv_cards import AT, EXPIRES, GENERIC, NEW_YUBICO, OLD_YUBICO, SmallAuthority, new_card, rsa_key
from tests.referee.piv_reader import READER, bench, build_fastpoll

pytestmark = pytest.mark.referee
YUBICO = pytest.mark.parametrize("firmware", [OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])


class OurConnection(SmartCardConnection):
    """Their idea of a connection, over our card."""

    def __init__(self, card: VirtualPiv) -> None:
        self.card = card
        card.power()

    @property
    def transport(self) -> TRANSPORT:
        return TRANSPORT.USB

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.card.process(bytes(apdu))
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def close(self) -> None:
        self.card.power(False)


def open_session(card: VirtualPiv) -> PivSession:
    return PivSession(OurConnection(card))


def authenticated(card: VirtualPiv) -> PivSession:
    session = open_session(card)
    key = card.memory.management_key
    session.authenticate(key.octets)
    return session


@YUBICO
def test_version_serial_and_tries(firmware: tuple[int, int, int]) -> None:
    card, _ = new_card(firmware)
    session = open_session(card)
    assert tuple(session.version) == firmware
    assert session.get_serial() == card.memory.serial
    assert session.get_pin_attempts() == 3
    assert session.get_pin_metadata().default_value
    assert session.get_management_key_metadata().key_type == MANAGEMENT_KEY_TYPE(card.memory.management_key.algorithm)


def test_a_card_without_the_additions_is_not_for_yubikit() -> None:
    with pytest.raises(ApduError):
        open_session(new_card(GENERIC)[0])


@YUBICO
@pytest.mark.parametrize("key_type", [KEY_TYPE.RSA2048, KEY_TYPE.ECCP256, KEY_TYPE.ECCP384])
def test_generate_certify_sign(firmware: tuple[int, int, int], key_type: KEY_TYPE) -> None:
    card, _ = new_card(firmware)
    session = authenticated(card)
    public = session.generate_key(SLOT.SIGNATURE, key_type)
    session.verify_pin("123456")
    if isinstance(public, rsa.RSAPublicKey):
        signature = session.sign(SLOT.SIGNATURE, key_type, b"filing", hashes.SHA256(), padding.PKCS1v15())
        public.verify(signature, b"filing", padding.PKCS1v15(), hashes.SHA256())
        session.verify_pin("123456")
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        public.verify(session.sign(SLOT.SIGNATURE, key_type, b"x", hashes.SHA256(), pss), b"x", pss, hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        signature = session.sign(SLOT.SIGNATURE, key_type, b"filing", hashes.SHA256())
        public.verify(signature, b"filing", ec.ECDSA(hashes.SHA256()))
    metadata = session.get_slot_metadata(SLOT.SIGNATURE)
    assert metadata.public_key == public
    assert (metadata.pin_policy, metadata.touch_policy) == (PIN_POLICY.ALWAYS, TOUCH_POLICY.NEVER)
    with pytest.raises(ApduError):
        session.sign(SLOT.SIGNATURE, key_type, b"again", hashes.SHA256(), padding.PKCS1v15())


@YUBICO
def test_decrypt_and_agree(firmware: tuple[int, int, int]) -> None:
    card, _ = new_card(firmware)
    session = authenticated(card)
    public = session.generate_key(SLOT.KEY_MANAGEMENT, KEY_TYPE.RSA2048)
    assert isinstance(public, rsa.RSAPublicKey)
    session.verify_pin("123456")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert session.decrypt(SLOT.KEY_MANAGEMENT, public.encrypt(b"secret", oaep), oaep) == b"secret"
    elliptic = session.generate_key(SLOT.KEY_MANAGEMENT, KEY_TYPE.ECCP384)
    assert isinstance(elliptic, ec.EllipticCurvePublicKey)
    peer = ec.generate_private_key(ec.SECP384R1())
    shared = session.calculate_secret(SLOT.KEY_MANAGEMENT, peer.public_key())
    assert shared == peer.exchange(ec.ECDH(), elliptic)


@YUBICO
@pytest.mark.parametrize("compress", [False, True])
def test_certificates_and_objects(firmware: tuple[int, int, int], compress: bool) -> None:
    card, _ = new_card(firmware)
    session = authenticated(card)
    certificate = load_der_x509_certificate(SmallAuthority().certificate)
    session.put_certificate(SLOT.AUTHENTICATION, certificate, compress)
    assert session.get_certificate(SLOT.AUTHENTICATION) == certificate
    session.delete_certificate(SLOT.AUTHENTICATION)
    with pytest.raises(ApduError):
        session.get_certificate(SLOT.AUTHENTICATION)
    session.put_object(OBJECT_ID.PRINTED, b"for the PIN only")
    with pytest.raises(ApduError):
        open_session(card).get_object(OBJECT_ID.PRINTED)
    reader = open_session(card)
    reader.verify_pin("123456")
    assert reader.get_object(OBJECT_ID.PRINTED) == b"for the PIN only"


def test_our_chuid_is_read_by_yubikit() -> None:
    from tests.cardio.test_piv import World

    world = World(NEW_YUBICO)
    theirs = Chuid.from_bytes(open_session(world.card).get_object(OBJECT_ID.CHUID))
    ours = world.piv.describe().chuid
    assert ours is not None
    assert theirs.guid == ours.guid.bytes
    assert theirs.expiration_date == EXPIRES
    assert theirs.fasc_n.agency_code == 9999


@YUBICO
def test_import(firmware: tuple[int, int, int]) -> None:
    card, _ = new_card(firmware)
    session = authenticated(card)
    key = rsa_key(2048, 1)
    session.put_key(SLOT.AUTHENTICATION, key, PIN_POLICY.NEVER)
    signature = session.sign(SLOT.AUTHENTICATION, KEY_TYPE.RSA2048, b"x", hashes.SHA256(), padding.PKCS1v15())
    key.public_key().verify(signature, b"x", padding.PKCS1v15(), hashes.SHA256())
    assert not session.get_slot_metadata(SLOT.AUTHENTICATION).generated
    with pytest.raises(ApduError):
        session.attest_key(SLOT.AUTHENTICATION)


@YUBICO
@pytest.mark.parametrize("kind", list(MANAGEMENT_KEY_TYPE))
def test_management_keys(firmware: tuple[int, int, int], kind: MANAGEMENT_KEY_TYPE) -> None:
    card, _ = new_card(firmware)
    key = bytes(range(7, 7 + kind.key_len))
    authenticated(card).set_management_key(kind, key)
    session = open_session(card)
    with pytest.raises(ApduError):
        session.authenticate(bytes(kind.key_len))
    session.authenticate(key)
    session.put_object(OBJECT_ID.CHUID, b"x")


@YUBICO
def test_pins(firmware: tuple[int, int, int]) -> None:
    card, _ = new_card(firmware)
    session = authenticated(card)
    session.change_pin("123456", "654321")
    session.change_puk("12345678", "87654321")
    with pytest.raises(InvalidPinError) as caught:
        session.verify_pin("123456")
    assert caught.value.attempts_remaining == 2
    session.unblock_pin("87654321", "123456")
    session.verify_pin("123456")
    session.set_pin_attempts(5, 6)
    assert session.get_pin_metadata().total_attempts == 5
    assert session.get_puk_metadata().total_attempts == 6


@YUBICO
def test_reset(firmware: tuple[int, int, int]) -> None:
    card, _ = new_card(firmware)
    session = authenticated(card)
    session.generate_key(SLOT.SIGNATURE, KEY_TYPE.ECCP256)
    session.reset()
    assert set(card.memory.keys) == {Slot.ATTESTATION}


@YUBICO
def test_attestation(firmware: tuple[int, int, int]) -> None:
    card, root = new_card(firmware)
    assert root is not None
    session = authenticated(card)
    public = session.generate_key(SLOT.AUTHENTICATION, KEY_TYPE.ECCP256, PIN_POLICY.ALWAYS)
    statement = session.attest_key(SLOT.AUTHENTICATION)
    between = session.get_certificate(SLOT.ATTESTATION)
    statement.verify_directly_issued_by(between)
    assert statement.public_key() == public
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = verify_attestation(
        statement.public_bytes(Encoding.DER),
        between.public_bytes(Encoding.DER),
        anchors=AttestationAnchors([parse_certificate(root)]),
        slot=Slot.AUTHENTICATION,
        spki=public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        at=AT,
        card_serial=session.get_serial(),
    )
    assert found.pin_policy.name == "ALWAYS"


def test_moving_and_deleting_keys() -> None:
    card, _ = new_card(NEW_YUBICO)
    session = authenticated(card)
    public = session.generate_key(SLOT.RETIRED2, KEY_TYPE.ECCP256, PIN_POLICY.ALWAYS)
    session.move_key(SLOT.RETIRED2, SLOT.SIGNATURE)
    assert session.get_slot_metadata(SLOT.SIGNATURE).public_key == public
    session.delete_key(SLOT.SIGNATURE)
    with pytest.raises(ApduError):
        session.get_slot_metadata(SLOT.SIGNATURE)
    with pytest.raises(NotSupportedError):
        authenticated(new_card(OLD_YUBICO)[0]).move_key(SLOT.RETIRED2, SLOT.SIGNATURE)


# ---- ykman, through pcscd


@pytest.fixture(scope="module")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    folder = tmp_path_factory.mktemp("p")
    with PrivatePcscd(folder, names=(READER,), preload=build_fastpoll(folder)) as server:
        yield server


@pytest.mark.slow
def test_ykman(pcscd: PrivatePcscd, tmp_path: Path) -> None:
    card, root = new_card(NEW_YUBICO, management_key=factory_key())
    assert root is not None
    namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
    possible = subprocess.run([*namespace, "true"], capture_output=True).returncode == 0
    assert possible or shutil.which("unshare"), "util-linux's unshare is part of every Debian"
    ykman = Path(sys.executable).parent / "ykman"
    # The second slot of the virtual reader is empty, which ykman counts as another device: so it is told which one.
    command = [*(namespace if possible else []), ykman, "--device", str(card.memory.serial), "piv"]
    with bench(pcscd, card, tmp_path) as table:
        assert "PIV version:" in table.run(*command, "info")
        table.run(*command, "access", "change-pin", "-P", "123456", "-n", "654321")
        manage = ("-m", "010203040506070801020304050607080102030405060708")
        table.run(*command, "keys", "generate", *manage, "-a", "ECCP256", "9c", "public.pem")
        table.run(*command, "certificates", "generate", *manage, "-P", "654321", "-s", "CN=Holder", "9c", "public.pem")
        exported = table.run(*command, "certificates", "export", "9c", "certificate.pem")
        assert "CN=Holder" in table.run(*command, "info"), exported
        table.run("openssl", "verify", "-CAfile", "certificate.pem", "certificate.pem")
        table.run(*command, "access", "change-management-key", *manage, "-n", "5a" * 32, "-a", "AES256", "-f")
    assert card.memory.pin.octets == b"654321\xff\xff"
    assert card.memory.management_key.octets == b"\x5a" * 32
