"""Judge: unmodified OpenSC, through a private pcscd, takes our JPKI card for a real one. Signatures are judged by
openssl.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cardio.virtual_jpki import VirtualJpkiCard
from pki.purpose import Purpose
from tests.cardio.conftest import Reader
from tests.cardio.jpki_cards import MadeCard

MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
AUTHENTICATION = ("--token-label", "JPKI (User Authentication PIN)", "--login", "--pin", "1234", "--id", "01")
SIGNATURE = ("--token-label", "JPKI (Digital Signature PIN)", "--login", "--pin", "ABC123", "--id", "02")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program against the private pcscd, with a home and OpenSC settings of its own, at most 60 s."""
    (tmp_path / "opensc.conf").write_text(
        "app default { card_drivers = jpki, PIV-II; framework pkcs15 { use_file_caching = no; } }"
    )

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "OPENSC_CONF": str(tmp_path / "opensc.conf"),
            "PCSCLITE_CSOCK_NAME": os.environ["PCSCLITE_CSOCK_NAME"],
        }
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, cwd=tmp_path)

    return run


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_opensc_names_the_card(reader: Reader, jpki_card: VirtualJpkiCard, run: Run) -> None:
    reader.insert(jpki_card)
    done = run("opensc-tool", "-n")
    assert done.stdout.strip() == "jpki", done.stderr


def test_opensc_finds_the_card_among_all_its_drivers(
    reader: Reader, jpki_card: VirtualJpkiCard, run: Run, tmp_path: Path
) -> None:
    # With another ATR than the one in OpenSC's table, after every driver has probed for its own card.
    jpki_card.atr = bytes.fromhex("3B80800101")
    (tmp_path / "opensc.conf").write_text("app default { framework pkcs15 { use_file_caching = no; } }")
    reader.insert(jpki_card)
    done = run("opensc-tool", "-n")
    assert done.stdout.strip() == "jpki", done.stderr


def test_pkcs15_tool_reads(reader: Reader, jpki_card: VirtualJpkiCard, run: Run, made_card: MadeCard) -> None:
    reader.insert(jpki_card)
    listed = run("pkcs15-tool", "-D", "--list-certificates", "--list-keys", "--list-pins")
    assert listed.returncode == 0, listed.stderr
    for expected in ("User Authentication PIN", "Digital Signature PIN", "Private RSA Key"):
        assert expected in listed.stdout
    authentication = run("pkcs15-tool", "--read-certificate", "01")
    assert _der_of(run, authentication.stdout) == made_card.certificates[Purpose.AUTHENTICATION]
    without_pin = run("pkcs15-tool", "--read-certificate", "02")
    assert "BEGIN CERTIFICATE" not in without_pin.stdout
    with_pin = run("pkcs15-tool", "--read-certificate", "02", "--auth-id", "02", "--verify-pin", "--pin", "ABC123")
    assert _der_of(run, with_pin.stdout) == made_card.certificates[Purpose.SIGNATURE]
    for number in ("03", "04"):
        assert _der_of(run, run("pkcs15-tool", "--read-certificate", number).stdout) == made_card.ca_certificate


def _der_of(run: Run, text: str) -> bytes:
    pem = text[text.index("-----BEGIN") :]
    done = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(), capture_output=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("login", "purpose"), [(AUTHENTICATION, Purpose.AUTHENTICATION), (SIGNATURE, Purpose.SIGNATURE)]
)
def test_pkcs11_tool_signs(
    reader: Reader,
    jpki_card: VirtualJpkiCard,
    run: Run,
    made_card: MadeCard,
    tmp_path: Path,
    login: tuple[str, ...],
    purpose: Purpose,
) -> None:
    reader.insert(jpki_card)
    (tmp_path / "data").write_bytes(b"a filing\n" * 100)
    (tmp_path / "certificate.der").write_bytes(made_card.certificates[purpose])
    signed = run(
        "pkcs11-tool", "--module", MODULE, "--sign", "--mechanism", "SHA256-RSA-PKCS", *login, "-i", "data", "-o", "sig"
    )
    assert signed.returncode == 0, signed.stderr
    key = run("openssl", "x509", "-inform", "DER", "-in", "certificate.der", "-pubkey", "-noout", "-out", "key.pem")
    assert key.returncode == 0, key.stderr
    verified = run("openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "data")
    assert "Verified OK" in verified.stdout, verified.stderr
    assert jpki_card.slots[purpose].pin.left == jpki_card.slots[purpose].pin.limit


def test_pkcs11_tool_with_a_wrong_pin(reader: Reader, jpki_card: VirtualJpkiCard, run: Run, tmp_path: Path) -> None:
    reader.insert(jpki_card)
    (tmp_path / "data").write_bytes(b"x")
    login = ("--token-label", "JPKI (User Authentication PIN)", "--login", "--pin", "9999", "--id", "01")
    failed = run(
        "pkcs11-tool", "--module", MODULE, "--sign", "--mechanism", "SHA256-RSA-PKCS", *login, "-i", "data", "-o", "sig"
    )
    assert failed.returncode != 0
    assert "CKR_PIN_INCORRECT" in failed.stderr
    assert jpki_card.slots[Purpose.AUTHENTICATION].pin.left == 2


@pytest.mark.parametrize(("locked", "expected"), [(0x6984, "CKR_GENERAL_ERROR"), (0x6983, "CKR_PIN_LOCKED")])
def test_pkcs11_tool_with_a_locked_pin(
    reader: Reader, jpki_card: VirtualJpkiCard, run: Run, tmp_path: Path, locked: int, expected: str
) -> None:
    jpki_card.slots[Purpose.AUTHENTICATION].pin.left = 0
    jpki_card.locked_answer = locked
    jpki_card.commit()
    reader.insert(jpki_card)
    listed = run("pkcs11-tool", "--module", MODULE, "-L")
    assert "user PIN locked" in listed.stdout, listed.stderr
    failed = run("pkcs11-tool", "--module", MODULE, "-O", *AUTHENTICATION)
    assert failed.returncode != 0
    assert expected in failed.stderr


def test_pkcs11_tool_lists_tokens_and_objects(reader: Reader, jpki_card: VirtualJpkiCard, run: Run) -> None:
    reader.insert(jpki_card)
    tokens = run("pkcs11-tool", "--module", MODULE, "-L").stdout
    assert "JPKI (User Authentication PIN)" in tokens
    assert "JPKI (Digital Signature PIN)" in tokens
    objects = run("pkcs11-tool", "--module", MODULE, "-O", "--token-label", "JPKI (User Authentication PIN)").stdout
    assert objects.count("Certificate Object") == 3  # its own and both CAs'


def test_opensc_with_a_blank_card(reader: Reader, blank_card: VirtualJpkiCard, run: Run) -> None:
    reader.insert(blank_card)
    assert run("opensc-tool", "-n").stdout.strip() == "jpki"
    assert "User Authentication PIN" in run("pkcs15-tool", "--list-pins").stdout
