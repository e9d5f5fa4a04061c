"""The demonstration as its users run it, and everything that it promises to leave, in the eyes of other programs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from cli.demo_record import STEP_NAMES

JITSUIN = Path(sys.executable).with_name("jitsuin")
PKILINT = Path(sys.executable).parent


@dataclass(frozen=True)
class Demo:
    """A demonstration that has run: where it left its artifacts, and what it printed."""

    out: Path
    printed: str

    def der(self, name: str) -> Path:
        return self.out / name

    def pem(self, name: str) -> Path:
        """The certificate of that name in PEM, for programs that take nothing else."""
        certificate = x509.load_der_x509_certificate(self.der(name).read_bytes())
        path = self.out.parent / (name.replace("/", "_") + ".pem")
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return path

    def serial(self, name: str) -> int:
        return x509.load_der_x509_certificate(self.der(name).read_bytes()).serial_number


def run(*command: object, check: bool = True, timeout: float = 60) -> str:
    """What a program prints on both streams."""
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, timeout=timeout)
    output = done.stdout + done.stderr
    if check:
        assert done.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One run of the whole story."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    printed = run(JITSUIN, "demo", "--out", out, timeout=240)
    yield Demo(out, printed)
    shutil.rmtree(out)


def people(demo: Demo) -> list[str]:
    return sorted(str(path.relative_to(demo.out)) for path in (demo.out / "people").rglob("*.cer"))


def test_every_step_went_as_the_story_says(demo: Demo) -> None:
    steps = json.loads((demo.out / "report.json").read_text())["steps"]
    assert [step["name"] for step in steps] == list(STEP_NAMES)
    assert all(step["ok"] is True for step in steps)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", step["at"]) for step in steps)
    for name in STEP_NAMES:
        assert name in demo.printed


def test_the_refusal_tells_reason_numbers_and_where_to_go(demo: Demo) -> None:
    steps = {step["name"]: step["detail"] for step in json.loads((demo.out / "report.json").read_text())["steps"]}
    refused = steps["remote-move-refused"]
    assert (refused["used"], refused["limit"]) == (3, 3)
    assert refused["reason"]
    assert refused["where"]
    assert steps["years-cap-refused"]["reason"]


def test_every_certificate_stands_under_its_authority_in_openssl_eyes(demo: Demo) -> None:
    certificates = people(demo)
    assert {f"people/1/signature-{number}.cer" for number in range(1, 6)} < set(certificates)
    for name in [*certificates, "ocsp/signature-responder.cer", "ocsp/authentication-responder.cer"]:
        authority = "authentication" if "authentication" in name else "signature"
        told = run("openssl", "verify", "-x509_strict", "-CAfile", demo.pem(f"ca/{authority}-ca.cer"), demo.pem(name))
        assert told.strip().endswith("OK")


def test_pkilint_finds_nothing_in_any_certificate(demo: Demo) -> None:
    names = [*people(demo), "ca/signature-ca.cer", "ca/authentication-ca.cer"]
    names += ["ocsp/signature-responder.cer", "ocsp/authentication-responder.cer"]
    for name in names:
        assert run(PKILINT / "lint_pkix_cert", "lint", "-s", "WARNING", demo.pem(name)).strip() == ""


def test_the_filing_stands_in_openssl_eyes_and_a_changed_one_falls(demo: Demo, tmp_path: Path) -> None:
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", demo.der("people/1/filing-1.p7s")]
    command += ["-CAfile", demo.pem("ca/signature-ca.cer"), "-purpose", "any", "-out", "/dev/null", "-content"]
    assert "successful" in run(*command, demo.der("people/1/filing-1.txt")).lower()
    changed = tmp_path / "changed.txt"
    content = bytearray(demo.der("people/1/filing-1.txt").read_bytes())
    content[0] ^= 1
    changed.write_bytes(content)
    assert "successful" not in run(*command, changed, check=False).lower()


def test_ocsp_says_good_and_then_revoked_with_reason_and_time(demo: Demo) -> None:
    for name, expected in (("good", "good"), ("revoked", "revoked")):
        told = run(
            "openssl", "ocsp", "-respin", demo.der(f"ocsp/{name}.resp.der"), "-reqin", demo.der(f"ocsp/{name}.req.der"),
            "-issuer", demo.pem("ca/signature-ca.cer"), "-cert", demo.pem("people/1/signature-1.cer"),
            "-CAfile", demo.pem("ca/signature-ca.cer"), "-no_nonce",
        )  # fmt: skip
        assert "Response verify OK" in told
        assert f"signature-1.cer.pem: {expected}" in told
        assert "WARNING" not in told
        assert (
            run(PKILINT / "lint_ocsp_response", "lint", "-s", "WARNING", demo.der(f"ocsp/{name}.resp.der")).strip()
            == ""
        )
    assert "Reason: affiliationChanged" in told
    assert "Revocation Time:" in told
    request = ocsp.load_der_ocsp_request(demo.der("ocsp/good.req.der").read_bytes())
    assert request.serial_number == demo.serial("people/1/signature-1.cer")


@pytest.mark.parametrize(
    ("authority", "revoked"),
    [("signature", [f"signature-{number}.cer" for number in range(1, 6)]), ("authentication", ["authentication.cer"])],
)
def test_the_crl_lists_exactly_what_was_revoked(demo: Demo, authority: str, revoked: list[str]) -> None:
    path = demo.der(f"crl/{authority}.crl")
    issuer = demo.pem(f"ca/{authority}-ca.cer")
    assert "verify OK" in run("openssl", "crl", "-inform", "DER", "-in", path, "-noout", "-CAfile", issuer, "-verify")
    listed = {entry.serial_number for entry in x509.load_der_x509_crl(path.read_bytes())}
    assert listed == {demo.serial(f"people/1/{name}") for name in revoked}
    pem = demo.out.parent / f"{authority}.crl.pem"
    run("openssl", "crl", "-inform", "DER", "-in", path, "-out", pem)
    assert run(PKILINT / "lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "WARNING", pem).strip() == ""


def test_the_verdicts_say_what_the_story_says(demo: Demo) -> None:
    verdicts = {
        "filing-1.verdict.json": "PASSED",
        "filing-1.tampered.verdict.json": "FAILED",
        "filing-1.after-loss.verdict.json": "FAILED",
        "filing-1.as-of-then.verdict.json": "PASSED",
    }
    for name, indication in verdicts.items():
        verdict = json.loads(demo.der(f"people/1/{name}").read_text())
        assert verdict["indication"] == indication, name
        assert verdict["checks"]


def test_two_registered_parties_are_told_the_same_of_a_person_whom_each_knows_by_a_handle_of_its_own(
    demo: Demo,
) -> None:
    library, city = (
        json.loads(demo.der(f"people/1/filing-1.{party}.verdict.json").read_text())
        for party in ("sandbox-library", "sandbox-city")
    )
    (step,) = (
        one for one in json.loads(demo.der("report.json").read_text())["steps"] if one["name"] == "filing-verified"
    )
    for party, told in (("sandbox-library", library), ("sandbox-city", city)):
        assert told["indication"] == "PASSED"
        assert told["person"].startswith("p-")
        assert told["assurance"]["level"] == "fresh"
        assert told["assurance"]["met"] is True
        assert step["detail"][f"handle for {party}"] == told["person"]
    assert step["detail"]["distance_from_trust"].startswith("fresh: in person within 1 year")
    for what in ("person", "certificate", "signature"):
        assert library[what] != city[what], what
    assert "evidence" not in library, "it would name the certificate"
    seen = demo.der("people/1/history.json").read_text()
    assert "見本図書館" in seen, "the person can read who was told"
    assert "見本市役所" in seen


def test_the_log_holds_every_apdu_and_no_pin(demo: Demo) -> None:
    log = demo.der("cards/apdu.log").read_text()
    assert log.count("00A4040C0AD392F000260100000001") + log.count("00 A4 04 0C 0A D3 92 F0 00 26 01 00 00 00 01") > 3
    squeezed = re.sub(r"[^0-9A-F\n]", "", log.upper())
    for pin in (b"1234", b"ABC123"):
        assert not re.search(rf"^00(20|24)....{len(pin):02X}{pin.hex().upper()}", squeezed, re.MULTILINE)
        assert f"{len(pin):02X}{pin.hex().upper()}" not in squeezed


def test_the_log_and_the_persons_own_history_hold_and_no_changed_octet_does(demo: Demo, tmp_path: Path) -> None:
    assert "OK" in run(JITSUIN, "audit", "verify", demo.out)
    key = next((demo.out / "log").rglob("key"))
    history = demo.der("people/1/history.json")
    told = json.loads(run(JITSUIN, "audit", "verify", history, "--key", key, "--json"))
    assert told["records"] > 8
    document = json.loads(history.read_text())
    changes: list[Callable[[Any], object]] = [
        lambda copy: copy["records"][0]["record"].update(recipient="nobody"),
        lambda copy: copy["records"].pop(1),
        lambda copy: copy["records"][2].update(number=copy["records"][2]["number"] + 1),
        lambda copy: copy["logs"][0].update(checkpoint=copy["logs"][0]["checkpoint"].replace("99201", "99202")),
    ]
    for change in changes:
        copy = json.loads(json.dumps(document))
        change(copy)
        (tmp_path / "history.json").write_text(json.dumps(copy))
        assert "OK" not in run(JITSUIN, "audit", "verify", tmp_path / "history.json", "--key", key, check=False)


def test_the_page_shows_the_story_and_needs_nothing_from_elsewhere(demo: Demo) -> None:
    page = demo.der("report.html").read_text()
    assert "<svg" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert page.count("<circle") >= 10


def test_nothing_that_the_demo_started_is_left(demo: Demo) -> None:
    left = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and os.fsencode(demo.out) in words:
            left.append(words)
    assert left == []


def test_a_second_run_in_the_same_place_works(demo: Demo) -> None:
    assert "old-filing-as-of-then" in run(JITSUIN, "demo", "--out", demo.out, timeout=240)


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    process = subprocess.Popen([JITSUIN, "demo", "--out", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    for line in process.stdout:
        if b"certificates-issued" in line:
            break
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(30) != 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _mentions(out):
        time.sleep(0.1)
    assert _mentions(out) == []


def _mentions(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(entry.name)
    return found
