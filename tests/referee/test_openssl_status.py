"""CRLs and OCSP answers that openssl made, read by us: what a real authority's software writes must be accepted."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pki import oids
from pki.instant import Instant
from pki.revocation import Reason, Revoked
from tests.verifier.path_world import NO_CHECK, Ca, extended_usage, key_usage, subject_key
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.sources import Source
from verifier.validator import Result, Validator

pytestmark = pytest.mark.referee
ROOT, RESPONDER = Ca("Root"), Ca("Responder")
GOOD, BAD, HELD, ABSENT = 0x1001, 0x1002, 0x1003, 0x1004


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `openssl ca` and `openssl ocsp` need: certificates, keys, and the index of what was issued."""

    def write(file: str, der: bytes) -> None:
        text = base64.encodebytes(der).decode()
        (tmp_path / file).write_text(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")

    write("root.pem", root())
    write(
        "responder.pem",
        ROOT.issue(
            RESPONDER.named,
            RESPONDER.key,
            extended_usage(oids.OCSP_SIGNING),
            NO_CHECK,
            key_usage(0),
            subject_key(RESPONDER.key),
            start=now() + -timedelta(days=1),
            end=now() + timedelta(days=9),
        ),
    )
    for file, ca in (("root.key", ROOT), ("responder.key", RESPONDER)):
        octets = ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / file).write_bytes(octets)
    stamp = (now() + -timedelta(hours=3)).datetime.strftime("%y%m%d%H%M%SZ")
    end = (now() + timedelta(days=9)).datetime.strftime("%y%m%d%H%M%SZ")
    (tmp_path / "index.txt").write_text(
        f"V\t{end}\t\t{GOOD:X}\tunknown\t/CN=leaf\n"
        f"R\t{end}\t{stamp},keyCompromise\t{BAD:X}\tunknown\t/CN=leaf\n"
        f"R\t{end}\t{stamp},holdInstruction,holdInstructionReject\t{HELD:X}\tunknown\t/CN=leaf\n"
    )
    (tmp_path / "index.txt.attr").write_text("unique_subject = no\n")
    (tmp_path / "crlnumber").write_text("07\n")
    (tmp_path / "ca.cnf").write_text(
        "[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\ncrlnumber = crlnumber\ndefault_md = sha256\n"
        "default_crl_days = 1\ncrl_extensions = crl\n[crl]\nauthorityKeyIdentifier = keyid\n"
    )
    return tmp_path


def now() -> Instant:
    return Instant.from_datetime(datetime.now(UTC))


def root() -> bytes:
    return ROOT.root(start=now() + -timedelta(days=99), end=now() + timedelta(days=99))


def leaf(serial: int) -> bytes:
    return ROOT.leaf(serial=serial, start=now() + -timedelta(days=1), end=now() + timedelta(days=9))


def run(folder: Path, *command: str) -> None:
    subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True, timeout=60)


def judge(serial: int, evidence: Evidence) -> Result:
    # openssl dates what it makes by this machine's clock
    return Validator([anchor_of(root())]).validate(leaf(serial), now(), evidence)


def check(results: dict[int, Result], source: Source) -> None:
    assert results[GOOD].passed
    assert results[GOOD].statuses[0].source is source
    bad = results[BAD]
    assert (bad.indication, bad.sub_indication) == (Indication.FAILED, SubIndication.REVOKED)
    assert isinstance(bad.statuses[0].status, Revoked)
    assert bad.statuses[0].status.reason is Reason.KEY_COMPROMISE
    assert results[HELD].sub_indication is SubIndication.TRY_LATER


def test_crls(folder: Path) -> None:
    made = ("-keyfile", "root.key", "-cert", "root.pem")
    run(folder, "ca", "-config", "ca.cnf", "-gencrl", *made, "-out", "crl.pem")
    run(folder, "crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der")
    evidence = Evidence((), ((folder / "crl.der").read_bytes(),))
    check({serial: judge(serial, evidence) for serial in (GOOD, BAD, HELD)}, Source.CRL)


@pytest.mark.parametrize("signer", ["root", "responder"])
@pytest.mark.parametrize("identified", [(), ("-resp_key_id",)], ids=["by-name", "by-key"])
def test_ocsp_answers(folder: Path, signer: str, identified: tuple[str, ...]) -> None:
    results = {}
    for serial in (GOOD, BAD, HELD, ABSENT):
        made = ("-index", "index.txt", "-CA", "root.pem", "-rsigner", f"{signer}.pem", "-rkey", f"{signer}.key")
        asked = ("-issuer", "root.pem", "-serial", hex(serial), "-reqout", "request.der")
        run(folder, "ocsp", *asked)
        # thisUpdate is the second in which openssl runs; the question is asked at least as late
        run(folder, "ocsp", *made, *identified, "-nmin", "30", "-reqin", "request.der", "-respout", "answer.der")
        results[serial] = judge(serial, Evidence((), (), ((folder / "answer.der").read_bytes(),)))
    check(results, Source.OCSP)
    assert results[ABSENT].indication is Indication.INDETERMINATE
