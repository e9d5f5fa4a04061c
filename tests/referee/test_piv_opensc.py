"""OpenSC 0.23, unmodified, on the virtual PIV card: listing, PINs, signatures, decryption, key agreement."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardio.piv_commands import authenticate_management_key, generate, write_object
from cardio.piv_objects import CHUID, certificate_object
from cardio.piv_slots import KeyAlgorithm, Slot
from cardio.private_pcscd import PrivatePcscd
from pki.purpose import Purpose
from tests.cardio.piv_cards import GENERIC, NEW_YUBICO, SmallAuthority, new_card
from tests.cardio.test_piv import World
from tests.referee.piv_reader import READER, Bench, bench, build_fastpoll
from tests.support.chance import SeededOctets

pytestmark = pytest.mark.referee


@pytest.fixture(scope="module")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    folder = tmp_path_factory.mktemp("p")
    with PrivatePcscd(folder, names=(READER,), preload=build_fastpoll(folder)) as server:
        yield server


FIRMWARES = [GENERIC, NEW_YUBICO]
NAMES = ["generic", "yubico"]


@pytest.fixture(params=FIRMWARES, ids=NAMES)
def table(request: pytest.FixtureRequest, pcscd: PrivatePcscd, tmp_path: Path) -> Iterator[Bench]:
    """A personalised card: RSA-2048 for authentication, P-256 for signatures, RSA-2048 for decryption."""
    world = _prepare(request.param, KeyAlgorithm.RSA_2048, tmp_path)
    with bench(pcscd, world.card, tmp_path) as found:
        yield found


def _prepare(firmware: tuple[int, int, int] | None, confidential: KeyAlgorithm, folder: Path) -> World:
    world = World(firmware)
    world.slot = world.new_slot(authentication=KeyAlgorithm.RSA_2048, signature=KeyAlgorithm.P256)
    for purpose in Purpose:
        certificate = world.issue(purpose)
        world.install(purpose, certificate)
        _keep(folder, purpose, certificate)
    with world.session.work() as channel:
        authenticate_management_key(channel, world.secrets.management_key, SeededOctets("host"))
        spki = generate(channel, Slot.KEY_MANAGEMENT, confidential)
        certificate = world.authority.issue(spki, confidential=True)
        write_object(channel, Slot.KEY_MANAGEMENT.certificate_object, certificate_object(certificate))
    _keep(folder, "confidential", certificate)
    (folder / "data").write_bytes(b"a filing")
    return world


def _keep(folder: Path, name: str, certificate: bytes) -> None:
    (folder / f"{name}.cer").write_bytes(certificate)
    (folder / f"{name}.pem").write_text(_public_key(folder / f"{name}.cer"))


def _public_key(certificate: Path) -> str:
    return subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", certificate, "-noout", "-pubkey"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_card_is_recognised(table: Bench) -> None:
    assert "Personal Identity Verification Card" in table.run("opensc-tool", "-n")
    listed = table.run("pkcs15-tool", "-D")
    assert table.card.memory.objects[CHUID][29:45].hex() in listed  # the card UUID is its serial number
    assert "Certificate for PIV Authentication" in listed
    assert "Certificate for Digital Signature" in listed
    for number, purpose in (("01", Purpose.AUTHENTICATION), ("02", Purpose.SIGNATURE)):
        printed = table.run("pkcs15-tool", "--read-certificate", number)
        (table.folder / "read.pem").write_text(printed[printed.index("-----BEGIN") :])
        table.run("openssl", "x509", "-in", "read.pem", "-outform", "DER", "-out", "read.cer")
        assert (table.folder / "read.cer").read_bytes() == (table.folder / f"{purpose}.cer").read_bytes()


def test_the_token_lists_keys_and_mechanisms(table: Bench) -> None:
    assert "login required" in table.opensc("-L")
    objects = table.opensc("-O", "--login", "--pin", "123456")
    assert objects.count("Private Key Object") == 3
    assert "EC_POINT 256 bits" in objects
    assert "ECDSA" in table.opensc("-M")


@pytest.mark.parametrize("mechanism", ["SHA256-RSA-PKCS", "SHA256-RSA-PKCS-PSS"])
def test_rsa_signatures(table: Bench, mechanism: str) -> None:
    table.opensc(
        *("--login", "--pin", "123456", "--sign", "--id", "01", "-m", mechanism, "-i", "data", "-o", "signature")
    )
    pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if "PSS" in mechanism else []
    verified = table.run(
        *("openssl", "dgst", "-sha256", "-verify", "authentication.pem", "-signature", "signature"), *pss, "data"
    )
    assert "Verified OK" in verified


def test_ecdsa_signatures_ask_for_the_pin_each_time(table: Bench) -> None:
    for number in range(2):
        table.opensc(
            *("--login", "--pin", "123456", "--sign", "--id", "02", "-m", "ECDSA-SHA256", "-i", "data"),
            *("-o", f"signature{number}", "--signature-format", "openssl"),
        )
        verified = table.run(
            *("openssl", "dgst", "-sha256", "-verify", "signature.pem"), "-signature", f"signature{number}", "data"
        )
        assert "Verified OK" in verified
    verifications = [line for line in table.transcript if line.startswith("> 00 20 00 80 08")]
    assert len(verifications) >= 4  # login and context-specific login, each time
    assert all(line.endswith("** ** ** ** ** ** ** **") for line in verifications)


def test_a_wrong_pin_costs_one_try_and_is_named(table: Bench) -> None:
    done = table.try_run(
        *("pkcs11-tool", "--module", "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"),
        *("--login", "--pin", "999999", "--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "data", "-o", "x"),
    )
    assert done.returncode != 0
    assert "CKR_PIN_INCORRECT" in done.stderr
    assert table.card.memory.pin.tries_left == 2
    assert not (table.folder / "x").exists() or (table.folder / "x").read_bytes() == b""


def test_the_pin_is_changed_and_unblocked(table: Bench) -> None:
    table.opensc("--login", "--pin", "123456", "--change-pin", "--new-pin", "654321")
    assert table.card.memory.pin.octets == b"654321\xff\xff"
    for _ in range(3):
        table.try_run("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", "999999")
    assert table.card.memory.pin.blocked
    puk = table.card.memory.puk.octets.decode()
    table.run("pkcs15-tool", "--unblock-pin", "--auth-id", "01", "--puk", puk, "--new-pin", "123456")
    assert table.card.memory.pin.octets == b"123456\xff\xff"


def test_rsa_decryption(table: Bench) -> None:
    table.run("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", "confidential.pem", "-in", "data", "-out", "secret")
    table.opensc(
        *("--login", "--pin", "123456", "--decrypt", "--id", "03", "-m", "RSA-PKCS", "-i", "secret", "-o", "plain")
    )
    assert (table.folder / "plain").read_bytes() == b"a filing"


@pytest.mark.parametrize("firmware", FIRMWARES, ids=NAMES)
def test_key_agreement(firmware: tuple[int, int, int] | None, pcscd: PrivatePcscd, tmp_path: Path) -> None:
    world = _prepare(firmware, KeyAlgorithm.P256, tmp_path)
    with bench(pcscd, world.card, tmp_path) as table:
        table.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "peer.pem")
        table.run("openssl", "pkey", "-in", "peer.pem", "-pubout", "-outform", "DER", "-out", "peer.der")
        table.opensc(
            *("--login", "--pin", "123456", "--derive", "--id", "03", "-m", "ECDH1-DERIVE"),
            *("-i", "peer.der", "-o", "shared"),
        )
        table.run(
            *("openssl", "pkeyutl", "-derive", "-inkey", "peer.pem", "-peerkey", "confidential.pem", "-out", "expected")
        )
        assert (tmp_path / "shared").read_bytes() == (tmp_path / "expected").read_bytes()


def test_management_key_by_piv_tool(pcscd: PrivatePcscd, tmp_path: Path) -> None:
    """piv-tool proves the management key (mutual authentication) and writes an object."""
    card, _ = new_card(GENERIC)
    key = card.memory.management_key.octets.hex(":")
    (tmp_path / "key").write_text(key)
    authority = SmallAuthority()
    (tmp_path / "certificate.der").write_bytes(authority.certificate)
    with bench(pcscd, card, tmp_path) as table:
        table.run("openssl", "x509", "-inform", "DER", "-in", "certificate.der", "-out", "certificate.pem")
        # Its return code is the number of octets written: what it did is read from the card.
        table.try_run(
            *("piv-tool", "-A", "M:9B:03", "-C", "9E", "-i", "certificate.pem"),
            extra={"PIV_EXT_AUTH_KEY": str(tmp_path / "key")},
        )
        assert authority.certificate in card.memory.objects[bytes.fromhex("5FC101")]
