"""`jitsuin verify`: verdicts as exit statuses, for every format, offline."""

import hashlib
import json
import random
import re
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cli.__main__ import run
from cli.verify_words import DETAIL, JUDGED, STATUS, WHY
from pki import der, oids
from pki.cms import attribute
from tests.verifier.filing_world import AT, SIGNATURE_POLICY, World, build_world, raw_sign, sign_filing
from tests.verifier.path_world import Ca
from tests.verifier.test_jws import compact
from tests.verifier.test_pdf import blank, sign_pdf
from tests.verifier.test_xml import octets, parsed, sign_xml
from verifier import pdf
from verifier.cms import ATTRIBUTE_SIGNATURE_POLICY
from verifier.indication import SubIndication

RULES_DIGEST = der.sequence(der.sequence(der.oid(oids.SHA256)), der.octet_string(hashlib.sha256(b"rules").digest()))
DOCUMENT = "転居届\n".encode()
Say = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def _signed_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claimed time that pyHanko writes into a PDF is the machine's; in this world it is AT."""
    monkeypatch.setattr(pdf, "_claimed_time", lambda _embedded: AT)


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    files = {
        "form.txt": DOCUMENT,
        "form.p7s": sign_filing(world.signer, DOCUMENT),
        "ca.cer": world.signature_ca.certificate.der,
        "other-ca.cer": world.authentication_ca.certificate.der,
        "signer.cer": world.signer.certificate.der,
        "good.der": world.ocsp_answer(world.signer, AT),
        "form.xml": octets(sign_xml(world.signer, parsed())),
        "form.jws": compact(world.signer).encode(),
        "form.pdf": sign_pdf(world.signer, blank()),
        "form.raw": raw_sign(world.signer.key, DOCUMENT),
        "ruled.p7s": sign_filing(
            world.signer,
            DOCUMENT,
            more=[attribute(ATTRIBUTE_SIGNATURE_POLICY, der.sequence(der.oid("1.2.3"), RULES_DIGEST))],
        ),
        "rules.txt": b"rules",
        "garbage.bin": b"\x30\x80garbage",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LC_ALL", "C")

    def _say(*arguments: str) -> tuple[int, str]:
        status = run(["verify", *arguments])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return _say


KNOWN = ("--anchor", "ca.cer", "--ocsp", "good.der", "--at", AT.iso())


FORMATS = [
    ("form.txt", "--signature", "form.p7s"),
    ("form.xml",),
    ("form.jws",),
    ("form.pdf",),
    ("form.txt", "--signature", "form.raw", "--signer", "signer.cer"),
]


@pytest.mark.parametrize("arguments", FORMATS, ids=["cms", "xml", "jws", "pdf", "raw"])
def test_every_format_passes(arguments: tuple[str, ...], say: Say) -> None:
    status, text = say(*arguments, *KNOWN)
    assert status == 0, text
    assert "The signature is valid" in text
    status, text = say(*KNOWN, *arguments, "--json", "--policy", SIGNATURE_POLICY)
    assert status == 0, text
    assert json.loads(text)["indication"] == "PASSED"


@pytest.mark.parametrize("arguments", FORMATS, ids=["cms", "xml", "jws", "pdf", "raw"])
def test_octets_changed_at_random_are_a_verdict(arguments: tuple[str, ...], say: Say, folder: Path) -> None:
    """Never an exit status of another meaning, never a stack trace, always a page."""
    chance = random.Random(5)
    target = folder / (arguments[2] if len(arguments) > 1 else arguments[0])
    whole = target.read_bytes()
    for _ in range(25):
        octets = bytearray(whole)
        for _ in range(chance.choice((1, 4, 40))):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        target.write_bytes(octets[: chance.choice((len(octets), len(octets), chance.randrange(len(octets))))])
        status, text = say(*arguments, *KNOWN)
        assert status in (0, 1, 2), text
        assert "Traceback" not in text
        html = say(*arguments, *KNOWN, "--html")
        assert (html[0], "</html>" in html[1]) == (status, True)


def test_a_bare_value_needs_its_signer_and_hash(say: Say) -> None:
    raw = ("form.txt", "--signature", "form.raw", *KNOWN)
    assert say(*raw)[0] == 1, "by itself it is no format"
    assert say(*raw, "--signer", "ca.cer")[0] == 1
    assert say(*raw, "--signer", "signer.cer", "--hash", "sha512")[0] == 1
    assert say(*raw, "--signer", "signer.cer", "--hash", "md5")[0] == 3
    assert say("form.txt", "--signer", "signer.cer", *KNOWN)[0] == 3
    assert say(*raw, "--signer", "form.txt")[0] in (1, 3)


def test_a_signature_policy_that_is_known_and_one_that_is_not(say: Say) -> None:
    asked = ("form.txt", "--signature", "ruled.p7s", *KNOWN)
    assert say(*asked)[0] == 0
    assert say(*asked, "--signature-policy", "1.2.3=rules.txt")[0] == 0
    assert say(*asked, "--signature-policy", "1.2.3=form.txt")[0] == 2
    assert say(*asked, "--signature-policy", "1.2.4=rules.txt")[0] == 2
    assert say(*asked, "--signature-policy", "rules.txt")[0] == 3


def test_a_changed_document_is_1_and_a_doubt_is_2(say: Say, folder: Path) -> None:
    (folder / "form.txt").write_bytes(DOCUMENT + b"!")
    assert say("form.txt", "--signature", "form.p7s", *KNOWN)[0] == 1
    (folder / "form.txt").write_bytes(DOCUMENT)
    assert say("form.txt", "--signature", "form.p7s", "--anchor", "ca.cer", "--at", AT.iso())[0] == 2
    assert say("form.txt", "--signature", "form.p7s", "--anchor", "other-ca.cer", "--at", AT.iso())[0] == 2
    assert say("garbage.bin", *KNOWN)[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.txt",),
        ("form.txt", "--signature", "missing.p7s"),
        ("form.xml", "--anchor", "form.txt"),
        ("form.xml", "--at", "yesterday"),
        ("form.xml", "--level", "Z"),
        ("form.xml", "--bogus"),
        ("form.xml", "--lang", "fr", "--anchor", "ca.cer"),
        ("form.xml", "--evidence", "form.txt"),
        ("form.xml", "--purpose", "encryption"),
        ("certificate", "form.txt"),
        ("certificate", "signer.cer", "--usage", "cooking"),
        ("status",),
        ("explain", "NO_SUCH_WORD"),
        ("file",),
    ],
)
def test_what_is_not_understood_is_3_and_no_verdict(arguments: tuple[str, ...], say: Say) -> None:
    status, text = say(*arguments)
    assert status == 3, text
    assert "PASSED" not in text


def test_the_stored_report_is_evidence_for_as_of_then(say: Say, folder: Path) -> None:
    status, text = say("form.txt", "--signature", "form.p7s", *KNOWN, "--json")
    assert status == 0
    (folder / "report.json").write_text(text, encoding="utf-8")
    again = ("form.txt", "--signature", "form.p7s", "--anchor", "ca.cer", "--evidence", "report.json")
    assert say(*again, "--at", AT.iso())[0] == 0
    assert say(*again, "--at", (AT + timedelta(days=1)).iso())[0] == 2


def test_the_page_and_the_explanation(say: Say, folder: Path) -> None:
    status, page = say("form.txt", "--signature", "form.p7s", *KNOWN, "--html", "--lang", "ja")
    assert status == 0
    assert page.startswith("<!doctype html>")
    assert "有効な署名です" in page
    assert "花子" not in page
    _, text = say("form.txt", "--signature", "form.p7s", *KNOWN, "--json")
    (folder / "report.json").write_text(text, encoding="utf-8")
    assert say("explain", "report.json", "--html", "--lang", "ja") == (0, page)
    assert "Signature value" in say("explain", "report.json")[1]
    assert "REVOKED" not in say("explain", "REVOKED_NO_POE")[1]
    assert say("explain", "FAILED", "--lang", "ja") == (0, "無効な署名です\n")


def test_certificates_and_their_status(say: Say, folder: Path, world: World) -> None:
    status, text = say("certificate", "signer.cer", *KNOWN, "--usage", "signature", "--json")
    assert status == 0, text
    told = json.loads(text)
    assert told["statuses"][0]["status"] == "good"
    assert told["path"][0] == world.signer.certificate.fingerprint.hex()
    (folder / "login.cer").write_bytes(world.login.certificate.der)
    login = ("certificate", "login.cer", "--anchor", "other-ca.cer", "--at", AT.iso(), "--no-status", "--usage")
    assert say(*login, "authentication")[0] == 0
    assert say(*login, "tls-server")[0] == 1
    assert say("certificate", "signer.cer", "--anchor", "ca.cer", "--at", AT.iso(), "--no-status")[0] == 0
    assert say("status", "signer.cer", *KNOWN)[0] == 0
    assert say("status", "signer.cer", "--anchor", "ca.cer", "--at", AT.iso())[0] == 2
    gone = build_world()
    gone.revoke(gone.signer, AT)
    (folder / "signer.cer").write_bytes(gone.signer.certificate.der)
    (folder / "revoked.der").write_bytes(gone.ocsp_answer(gone.signer, AT))
    status, text = say("status", "signer.cer", "--anchor", "ca.cer", "--ocsp", "revoked.der", "--at", AT.iso())
    assert status == 1, text
    assert "affiliationChanged" in text


def test_as_a_program(folder: Path) -> None:
    """The real thing, from outside: exit status and output of a process."""
    command = [sys.executable, "-m", "cli", "verify", str(folder / "form.xml"), "--anchor", str(folder / "ca.cer"),
               "--ocsp", str(folder / "good.der"), "--at", AT.iso(), "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["format"] == "xml"


def test_a_certificate_in_both_languages(say: Say, folder: Path, world: World) -> None:
    asked = ("certificate", "signer.cer", *KNOWN)
    assert "The certificate is valid (PASSED)" in say(*asked, "--lang", "en")[1]
    status, text = say(*asked, "--lang", "ja")
    assert status == 0
    assert "証明書は有効です (PASSED)" in text
    assert "失効していません" in text
    status, text = say("certificate", "signer.cer", "--anchor", "other-ca.cer", "--lang", "ja")
    assert status == 2
    assert "信頼する認証局につながりません (INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND)" in text
    gone = build_world()
    gone.revoke(gone.signer, AT)
    (folder / "gone.der").write_bytes(gone.ocsp_answer(gone.signer, AT))
    (folder / "gone.cer").write_bytes(gone.signer.certificate.der)
    (folder / "gone-ca.cer").write_bytes(gone.signature_ca.certificate.der)
    revoked = ("status", "gone.cer", "--anchor", "gone-ca.cer", "--ocsp", "gone.der", "--at", AT.iso())
    status, text = say(*revoked, "--lang", "ja")
    assert (status, text.splitlines()[0]) == (1, "失効しています")
    assert "失効日時: 2026-11-23T00:00:00Z" in text
    status, text = say(*revoked, "--lang", "en")
    assert (status, text.splitlines()[0]) == (1, "revoked")
    status, text = say("status", "signer.cer", "--anchor", "ca.cer", "--at", AT.iso(), "--lang", "ja")
    assert (status, text.splitlines()[0]) == (2, "失効しているかどうか分かりません")
    assert say("status", "signer.cer", "--lang", "fr")[0] == 3


def test_every_word_of_the_path_engine_is_said_of_a_certificate() -> None:
    """The sub-indications that files of the engine name, in both languages and with nothing left over."""
    engine = ("validator", "path", "path_search", "path_steps")
    sources = [(Path(__file__).parents[2] / "verifier" / f"{name}.py").read_text(encoding="utf-8") for name in engine]
    produced = {SubIndication[name] for text in sources for name in re.findall(r"SubIndication\.([A-Z_]+)", text)}
    assert set(WHY) == produced
    for said in (*WHY.values(), *JUDGED.values(), *STATUS.values(), *DETAIL.values()):
        assert said.ja != said.en
        assert not re.search("[ぁ-ん]", said.en)


def test_a_certificate_that_other_readers_refuse_and_a_chain_in_one_file(say: Say, folder: Path) -> None:
    root, sub = Ca("Root"), Ca("Sub")
    (folder / "root.cer").write_bytes(root.root())
    chain = (sub.leaf(serial=-5), root.ca(sub))
    (folder / "chain.pem").write_text("".join(ssl.DER_cert_to_PEM_cert(one) for one in chain))
    assert say("certificate", "chain.pem", "--anchor", "root.cer", "--at", AT.iso(), "--no-status")[0] == 0
    (folder / "leaf.cer").write_bytes(chain[0])
    assert say("certificate", "leaf.cer", "--anchor", "root.cer", "--at", AT.iso(), "--no-status")[0] == 2
    assert say("certificate", "garbage.bin", "--anchor", "root.cer")[0] == 3
