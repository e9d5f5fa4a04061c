"""`jitsuin card …` on a PIV card through pcscd, with openssl as the authority and as the judge."""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardio.piv_slots import KeyAlgorithm, Slot
from cardio.private_pcscd import PrivatePcscd
from tests.cardio.piv_cards import NEW_YUBICO, new_card
from tests.referee.piv_reader import READER, Bench, bench, build_fastpoll

pytestmark = pytest.mark.referee
JITSUIN = Path(sys.executable).parent / "jitsuin"


@pytest.fixture(scope="module")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    folder = tmp_path_factory.mktemp("p")
    with PrivatePcscd(folder, names=(READER,), preload=build_fastpoll(folder)) as server:
        yield server


@pytest.fixture
def table(pcscd: PrivatePcscd, tmp_path: Path) -> Iterator[Bench]:
    """A YubiKey 5.7 fresh from the shop, its maker's root, a master key and a certification authority."""
    card, root = new_card(NEW_YUBICO)
    assert root is not None
    (tmp_path / "root.der").write_bytes(root)
    (tmp_path / "master").write_text("5a" * 32 + "\n")
    (tmp_path / "master").chmod(0o600)
    (tmp_path / "filing.txt").write_bytes(b"a filing")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-days", "30"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    with bench(pcscd, card, tmp_path) as found:
        yield found


def _card(table: Bench, *arguments: str, pin: str | None = "123456") -> dict[str, object]:
    """`jitsuin card … --json`, its document."""
    done = table.try_run(JITSUIN, "card", *arguments, "--json", text=None if pin is None else pin + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


MASTER = ("--master-key-file", "master")


def _certify(table: Bench, number: int, *options: str) -> dict[str, object]:
    made = _card(
        table,
        *("piv", "request", *MASTER, "--out", "request.der", "--evidence", "evidence.json", "--pin-stdin"),
        *("--algorithm", "p-256", "--attestation-root", "root.der", *options),
    )
    # openssl checks the request's signature by itself: the new key's possession.
    table.run("openssl", "req", "-inform", "DER", "-in", "request.der", "-verify", "-noout")
    table.run(
        *("openssl", "x509", "-req", "-inform", "DER", "-in", "request.der", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-days", "30", "-out", f"{number}.pem"),
    )
    return made


def test_the_life_of_a_card(table: Bench) -> None:
    first = _card(table, "piv", "personalise", *MASTER, pin=None)
    assert first["card"] == f"piv-s{table.card.memory.serial}"
    assert not table.card.memory.management_key.known_default
    assert _card(table, "piv", "personalise", *MASTER, pin=None)["guid"] == first["guid"]

    made = _certify(table, 1)
    attestation = made["attestation"]
    assert isinstance(attestation, dict)
    assert (attestation["slot"], attestation["pin_policy"]) == ("83", "always")
    assert json.loads((table.folder / "evidence.json").read_text()) == made
    _card(table, "piv", "install", "1.pem", "--ca", "ca.pem", *MASTER, pin=None)

    _card(table, "sign", "filing.txt", "--form", "raw", "--pin-stdin")
    table.run("openssl", "x509", "-in", "1.pem", "-noout", "-pubkey", "-out", "1.pub")
    said = table.run("openssl", "dgst", "-sha256", "-verify", "1.pub", "-signature", "filing.txt.sig", "filing.txt")
    assert "Verified OK" in said
    _card(table, "sign", "filing.txt", "--pin-stdin")
    table.run(
        *("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "filing.txt.p7s", "-content", "filing.txt"),
        *("-CAfile", "ca.pem", "-purpose", "any", "-out", "verified.txt"),
    )

    _certify(table, 2)
    shown = _card(table, "show", pin=None)
    assert shown["kind"] == "piv"
    _card(table, "sign", "filing.txt", "--form", "raw", "--pin-stdin")  # the first key, while the second one waits
    table.run("openssl", "dgst", "-sha256", "-verify", "1.pub", "-signature", "filing.txt.sig", "filing.txt")
    _card(table, "piv", "install", "2.pem", "--ca", "ca.pem", *MASTER, pin=None)
    _card(table, "sign", "filing.txt", "--form", "raw", "--pin-stdin")
    table.run("openssl", "x509", "-in", "2.pem", "-noout", "-pubkey", "-out", "2.pub")
    table.run("openssl", "dgst", "-sha256", "-verify", "2.pub", "-signature", "filing.txt.sig", "filing.txt")
    assert table.card.memory.keys[Slot.SIGNATURE].algorithm is KeyAlgorithm.P256
    assert Slot.RETIRED_2 not in table.card.memory.keys

    assert table.try_run(JITSUIN, "card", "piv", "retire", *MASTER).returncode != 0
    _card(table, "piv", "retire", *MASTER, "--yes", pin=None)
    assert set(table.card.memory.keys) == {Slot.ATTESTATION}


@pytest.mark.slow
def test_the_documents_lines_are_true(table: Bench) -> None:
    """docs/cards-piv.md, line by line; whatever asks for a PIN gets it from standard input."""
    text = (Path(__file__).parents[2] / "docs" / "cards-piv.md").read_text(encoding="utf-8")
    lines = text.partition("```sh\n")[2].partition("```")[0].splitlines()
    assert len(lines) == 6
    (table.folder / "master").rename(table.folder / "master.key")
    (table.folder / "root.der").rename(table.folder / "maker-root.cer")
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "jitsuin"
        if "retire" not in words:
            words.append("--pin-stdin")
        done = table.try_run(JITSUIN, *words[1:], text="135790\n")
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        if "request" in words:
            table.run(
                *("openssl", "x509", "-req", "-inform", "DER", "-in", "request.der", "-CA", "ca.pem"),
                *("-CAkey", "ca.key", "-days", "30", "-out", "certificate.pem"),
            )
    assert (table.folder / "filing.txt.p7s").exists()
    assert set(table.card.memory.keys) == {Slot.ATTESTATION}


def test_a_blocked_pin_is_set_anew(table: Bench) -> None:
    assert _card(table, "piv", "personalise", *MASTER, "--set-pin", "--pin-stdin", pin="135790")["pin_set"] is True
    assert _card(table, "piv", "personalise", *MASTER, "--set-pin", "--pin-stdin", pin="135790")["pin_set"] is False
    assert _card(table, "verify-pin", "--pin-stdin", pin="135790") == {"verified": True}
    for _ in range(3):
        done = table.try_run(JITSUIN, "card", "verify-pin", "--pin-stdin", "--last-try", "--json", text="999999\n")
        assert done.returncode != 0
    assert "cardio.pin-blocked" in done.stdout + done.stderr
    assert table.card.memory.pin.blocked
    _card(table, "piv", "unblock", *MASTER, "--pin-stdin", pin="24681357")
    assert _card(table, "verify-pin", "--pin-stdin", pin="24681357") == {"verified": True}


@pytest.mark.slow
def test_what_is_refused_by_name(table: Bench) -> None:
    (table.folder / "other").write_text("00" * 32)
    (table.folder / "other").chmod(0o600)
    (table.folder / "open").write_text("00" * 32)
    (table.folder / "open").chmod(0o644)
    (table.folder / "short").write_text("00")
    (table.folder / "short").chmod(0o600)
    _card(table, "piv", "personalise", *MASTER, pin=None)
    for file, code in (
        ("other", "cardio.management-key-refused"),
        ("open", "cli.secret-missing"),
        ("short", "cli.secret-missing"),
        ("nowhere", "cli.secret-missing"),
    ):
        done = table.try_run(JITSUIN, "card", "piv", "personalise", "--master-key-file", file, "--json")
        assert done.returncode != 0
        assert code in done.stdout + done.stderr
    table.run("openssl", "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der")
    done = table.try_run(
        *(JITSUIN, "card", "piv", "request", *MASTER, "--out", "r.der", "--attestation-root", "ca.der"),
        *("--algorithm", "p-256", "--pin-stdin", "--json"),
        text="123456\n",
    )
    assert "cardio.attestation-refused" in done.stdout + done.stderr
    assert not (table.folder / "r.der").exists()
    done = table.try_run(
        JITSUIN, "card", "piv", "install", "ca.pem", "--ca", "ca.pem", *MASTER, "--json", text="123456\n"
    )
    assert "cardio.certificate-mismatch" in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("maker", ["yubikey-5.7", "yubikey-5.4", "standard"])
def test_virtual_cards_that_are_lent_to_pcscd(pcscd: PrivatePcscd, tmp_path: Path, maker: str) -> None:
    """`card virtual new` and `start`: shown, signed with, and taken by OpenSC."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **pcscd.client_environment}

    def jitsuin(*arguments: str, text: str | None = None) -> str:
        done = subprocess.run(
            [JITSUIN, "card", *arguments],
            cwd=tmp_path,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    made = json.loads(jitsuin("virtual", "new", "card.json", "--kind", "piv", "--maker", maker, "--json"))
    blank = json.loads(jitsuin("virtual", "new", "blank.json", "--kind", "piv", "--maker", maker, "--blank", "--json"))
    assert made["card"] != blank["card"]
    assert (tmp_path / "card.json.attestation-root.cer").exists() is (maker != "standard")
    process = subprocess.Popen(
        [JITSUIN, "card", "virtual", "start", "card.json", "--port", str(pcscd.readers[0].port), "--json"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "inserted"
        _until_present(environment, present=True)
        second = subprocess.run(
            [JITSUIN, "card", "virtual", "start", "card.json", "--port", str(pcscd.readers[1].port), "--json"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode != 0
        assert "cli.file-unusable" in second.stdout + second.stderr
        shown = json.loads(jitsuin("show", "--json"))
        assert (shown["kind"], shown["card"]) == ("piv", made["card"])
        assert set(shown["certificates"]) == {"authentication", "signature"}
        (tmp_path / "filing.txt").write_bytes(b"a filing")
        jitsuin("sign", "filing.txt", "--form", "raw", "--pin-stdin", text="123456\n")
        jitsuin("read-certificates", "--out", "certificates")
        key = ["openssl", "x509", "-inform", "DER", "-in", "certificates/signature.cer", "-noout", "-pubkey"]
        public = subprocess.run(key, cwd=tmp_path, check=True, capture_output=True).stdout
        (tmp_path / "key.pem").write_bytes(public)
        verify = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "filing.txt.sig", "filing.txt"]
        assert b"Verified OK" in subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True).stdout
        named = subprocess.run(["opensc-tool", "-n"], env=environment, capture_output=True, text=True, timeout=60)
        assert "Personal Identity Verification Card" in named.stdout
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()  # type: ignore[union-attr]
        _until_present(environment, present=False)
    assert not (tmp_path / ".card.json.lock").exists()


def _until_present(environment: dict[str, str], *, present: bool) -> None:
    """Wait for pcscd's next look at its readers."""
    tick = threading.Event()
    for _ in range(200):
        listed = subprocess.run(["opensc-tool", "-l"], env=environment, capture_output=True, text=True, timeout=60)
        if (" Yes " in listed.stdout) is present:
            return
        tick.wait(0.02)
    raise AssertionError("the reader did not change")
