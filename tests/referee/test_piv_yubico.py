"""Yubico's own programs, unmodified, on the virtual PIV card: yubico-piv-tool 2.2 and ykcs11.

Two faults are theirs, not the card's: with OpenSSL 3 `-a selfsign` and `-a request` fail before any command is sent, so
openssl issues the certificates here; and this version knows no management key but 3DES.
"""

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardio.piv_management_key import factory_key
from cardio.piv_objects import parse_certificate_object
from cardio.piv_slots import KeyAlgorithm, Slot
from cardio.private_pcscd import PrivatePcscd
from tests.cardio.piv_cards import NEW_YUBICO, OLD_YUBICO, new_card
from tests.referee.piv_reader import READER, YKCS11_MODULE, Bench, bench, build_fastpoll

pytestmark = pytest.mark.referee
MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"


@pytest.fixture(scope="module")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    folder = tmp_path_factory.mktemp("p")
    with PrivatePcscd(folder, names=(READER,), preload=build_fastpoll(folder)) as server:
        yield server


@pytest.fixture(params=[OLD_YUBICO, NEW_YUBICO], ids=["5.4", "5.7"])
def table(request: pytest.FixtureRequest, pcscd: PrivatePcscd, tmp_path: Path) -> Iterator[Bench]:
    """A card fresh from the shop, with the 3DES management key that this version of the program expects."""
    card, root = new_card(request.param, management_key=factory_key())
    assert root is not None
    (tmp_path / "root.der").write_bytes(root)
    (tmp_path / "data").write_bytes(b"a filing")
    _make_ca(tmp_path)
    with bench(pcscd, card, tmp_path) as found:
        yield found


def _make_ca(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-days", "30"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", "any.key", "-out", "any.csr", "-subj", "/CN=Holder"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def _issue(table: Bench, public: str, certificate: str) -> None:
    table.run(
        *("openssl", "x509", "-req", "-in", "any.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-force_pubkey", public),
        *("-days", "30", "-out", certificate),
    )


def test_status_and_version(table: Bench) -> None:
    version = ".".join(str(part) for part in table.card.memory.firmware or ())
    assert f"Application version {version} found" in table.yubico("-a", "version")
    status = table.yubico("-a", "status")
    assert f"Serial Number:\t{table.card.memory.serial}" in status
    assert "PIN tries left:\t3" in status


@pytest.mark.parametrize(
    ("slot", "algorithm"), [("9a", "RSA2048"), ("9c", "ECCP256"), ("9c", "ECCP384"), ("9e", "RSA2048")]
)
def test_generate_certify_and_sign(table: Bench, slot: str, algorithm: str) -> None:
    table.yubico("-a", "generate", "-s", slot, "-A", algorithm, "-o", "public.pem")
    _issue(table, "public.pem", "certificate.pem")
    table.yubico("-a", "import-certificate", "-s", slot, "-i", "certificate.pem")
    assert table.yubico("-a", "read-certificate", "-s", slot) == (table.folder / "certificate.pem").read_text()
    said = table.yubico(
        *("-a", "verify-pin", "-P", "123456", "-a", "test-signature", "-s", slot, "-i", "certificate.pem")
    )
    assert "Successful ECDSA verification" in said or "Successful RSA verification" in said
    status = table.yubico("-a", "status")
    assert "Issuer DN:\tCN=CA" in status


def test_a_generated_key_is_attested_for_openssl(table: Bench) -> None:
    table.yubico("-a", "generate", "-s", "9c", "-A", "ECCP256", "-o", "public.pem")
    (table.folder / "statement.pem").write_text(table.yubico("-a", "attest", "-s", "9c"))
    (table.folder / "between.pem").write_text(table.yubico("-a", "read-certificate", "-s", "f9"))
    table.run("openssl", "x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem")
    said = table.run("openssl", "verify", "-CAfile", "root.pem", "-untrusted", "between.pem", "statement.pem")
    assert said.strip() == "statement.pem: OK"
    statement = table.run("openssl", "x509", "-in", "statement.pem", "-noout", "-subject", "-pubkey")
    assert "YubiKey PIV Attestation 9c" in statement
    assert (table.folder / "public.pem").read_text().strip() in statement


def test_import_a_key(table: Bench) -> None:
    table.run("openssl", "genrsa", "-traditional", "-out", "rsa.pem", "2048")
    table.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem")
    for slot, key in (("9a", "rsa.pem"), ("9d", "ec.pem")):
        table.yubico("-a", "import-key", "-s", slot, "-i", key)
        table.run("openssl", "pkey", "-in", key, "-pubout", "-out", "public.pem")
        _issue(table, "public.pem", "certificate.pem")
        said = table.yubico(
            *("-a", "verify-pin", "-P", "123456", "-a", "test-signature", "-s", slot, "-i", "certificate.pem")
        )
        assert "Successful" in said
    assert table.card.memory.keys[Slot.AUTHENTICATION].algorithm is KeyAlgorithm.RSA_2048


def test_decipher(table: Bench) -> None:
    for algorithm in ("RSA2048", "ECCP256"):
        table.yubico("-a", "generate", "-s", "9d", "-A", algorithm, "-o", "public.pem")
        _issue(table, "public.pem", "certificate.pem")
        said = table.yubico(
            *("-a", "verify-pin", "-P", "123456", "-a", "test-decipher", "-s", "9d", "-i", "certificate.pem")
        )
        assert "Successful" in said


def test_pin_and_puk(table: Bench) -> None:
    table.yubico("-a", "change-pin", "-P", "123456", "-N", "654321")
    table.yubico("-a", "change-puk", "-P", "12345678", "-N", "87654321")
    memory = table.card.memory
    assert (memory.pin.octets, memory.puk.octets) == (b"654321\xff\xff", b"87654321")
    for left in (2, 1, 0):
        done = table.try_run("yubico-piv-tool", "-r", "", "-a", "verify-pin", "-P", "999999")
        assert done.returncode != 0
        assert f"{left} tries left" in done.stderr or "blocked" in done.stderr
    assert table.card.memory.pin.blocked
    table.yubico("-a", "unblock-pin", "-P", "87654321", "-N", "123456")
    assert "Successfully verified PIN" in table.yubico("-a", "verify-pin", "-P", "123456")


def test_retries_chuid_ccc_and_objects(table: Bench) -> None:
    table.yubico("-a", "verify-pin", "-P", "123456", "-a", "pin-retries", "--pin-retries", "5", "--puk-retries", "4")
    assert (table.card.memory.pin.maximum, table.card.memory.puk.maximum) == (5, 4)
    table.yubico("-a", "set-chuid", "-a", "set-ccc")
    assert {bytes.fromhex("5FC102"), bytes.fromhex("5FC107")} <= set(table.card.memory.objects)
    table.yubico("-a", "write-object", "--id", "0x5fc10b", "-i", "-", text="53024142")
    assert "4142" in table.yubico("-a", "read-object", "--id", "0x5fc10b")


def test_management_key(table: Bench) -> None:
    other = "a1" * 23 + "b2"
    table.yubico("-a", "set-mgm-key", "-n", other)
    assert table.card.memory.management_key.octets.hex() == other
    done = table.try_run("yubico-piv-tool", "-r", "", "-a", "generate", "-s", "9a", "-A", "ECCP256")
    assert "Failed authentication" in done.stderr
    table.yubico(f"-k{other}", "-a", "generate", "-s", "9a", "-A", "ECCP256")


def test_reset(table: Bench) -> None:
    table.yubico("-a", "generate", "-s", "9a", "-A", "ECCP256")
    assert table.try_run("yubico-piv-tool", "-r", "", "-a", "reset").returncode != 0
    for action, value in (("verify-pin", ("-P", "999999")), ("unblock-pin", ("-P", "99999999", "-N", "123456"))):
        for _ in range(4):
            table.try_run("yubico-piv-tool", "-r", "", "-a", action, *value)
    table.yubico("-a", "reset")
    assert Slot.AUTHENTICATION not in table.card.memory.keys


def _prepare_for_ykcs11(table: Bench) -> None:
    for slot, algorithm in (("9a", "RSA2048"), ("9c", "ECCP256")):
        table.yubico("-a", "generate", "-s", slot, "-A", algorithm, "-o", f"{slot}.pem")
        _issue(table, f"{slot}.pem", "certificate.pem")
        table.yubico("-a", "import-certificate", "-s", slot, "-i", "certificate.pem")


@pytest.mark.parametrize(
    ("number", "mechanism", "slot"),
    [("01", "SHA256-RSA-PKCS", "9a"), ("01", "SHA256-RSA-PKCS-PSS", "9a"), ("02", "ECDSA-SHA256", "9c")],
)
def test_ykcs11_lists_and_signs(table: Bench, number: str, mechanism: str, slot: str) -> None:
    _prepare_for_ykcs11(table)
    assert "YubiKey PIV" in table.ykcs11("-L")
    assert "X.509 Certificate for PIV Authentication" in table.ykcs11("-O")
    form = ["--signature-format", "openssl"] if "ECDSA" in mechanism else []
    table.ykcs11(
        *("--login", "--pin", "123456", "--sign", "--id", number, "-m", mechanism, "-i", "data", "-o", "signature"),
        *form,
    )
    pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if "PSS" in mechanism else []
    said = table.run(*("openssl", "dgst", "-sha256", "-verify", f"{slot}.pem", "-signature", "signature"), *pss, "data")
    assert "Verified OK" in said


def test_ykcs11_generates_and_tells_a_wrong_pin(table: Bench) -> None:
    table.ykcs11(
        *("--login", "--login-type", "so", "--so-pin", MANAGEMENT_KEY, "--keypairgen", "--id", "02"),
        *("--key-type", "EC:secp256r1"),
    )
    assert table.card.memory.keys[Slot.SIGNATURE].algorithm is KeyAlgorithm.P256
    done = table.try_run(
        *("pkcs11-tool", "--module", YKCS11_MODULE, "--login", "--pin", "999999", "--sign", "--id", "02"),
        *("-m", "ECDSA-SHA256", "-i", "data", "-o", "x"),
    )
    assert "CKR_PIN_INCORRECT" in done.stderr
    assert table.card.memory.pin.tries_left == 2


def test_our_reading_of_their_certificate(table: Bench) -> None:
    """What yubico-piv-tool wrote, also compressed, our application reads."""
    table.yubico("-a", "generate", "-s", "9a", "-A", "ECCP256", "-o", "public.pem")
    _issue(table, "public.pem", "certificate.pem")
    table.run("openssl", "x509", "-in", "certificate.pem", "-outform", "DER", "-out", "certificate.der")
    expected = (table.folder / "certificate.der").read_bytes()
    table.yubico("-a", "import-certificate", "-s", "9a", "-i", "certificate.pem")
    assert parse_certificate_object(table.card.memory.objects[Slot.AUTHENTICATION.certificate_object]) == expected
    (table.folder / "certificate.gz").write_bytes(gzip.compress(expected))
    table.yubico("-a", "import-certificate", "-s", "9a", "-K", "GZIP", "-i", "certificate.gz")
    assert parse_certificate_object(table.card.memory.objects[Slot.AUTHENTICATION.certificate_object]) == expected
