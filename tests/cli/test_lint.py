"""`jitsuin lint`: kinds told apart, exit status, JSON, neighbours."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.lint_file import FileKind, kind_of, things_in
from cli.__main__ import run
from pki.certid import certid_of
from tests.ca import test_lint_crl as crls
from tests.ca import test_lint_ocsp as answers
from tests.ca.ocsp_requests import encode_request
from tests.ca.status_world import AT

NOW = ("--at", AT.iso())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "root.cer": answers.root().der,
        "leaf.cer": answers.leaf().der,
        "good.crl": crls.GOOD.encode(),
        "delta.crl": crls.DELTA.encode(),
        "good.ocsp": answers.good().encode(),
        "request.der": encode_request(certid_of(answers.SERIAL, answers.root(), "sha256")),
        "root.pem": answers.root().x509.public_bytes(Encoding.PEM),
        "good.pem": x509.load_der_x509_crl(crls.GOOD.encode()).public_bytes(Encoding.PEM),
        "garbage": b"garbage",
    }
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)
    return tmp_path


def lint(folder: Path, *arguments: str) -> int:
    return run(["lint", *(str(folder / one) if "." in one or one == "garbage" else one for one in arguments)])


def test_kinds_are_told_apart(folder: Path) -> None:
    expected = {
        "root.cer": FileKind.CERTIFICATE,
        "good.crl": FileKind.CRL,
        "good.ocsp": FileKind.OCSP,
        "request.der": FileKind.UNKNOWN,
        "garbage": FileKind.UNKNOWN,
    }
    assert {name: kind_of((folder / name).read_bytes()) for name in expected} == expected
    both = (folder / "root.pem").read_bytes() + (folder / "good.pem").read_bytes()
    assert [kind for kind, _ in things_in(both)] == [FileKind.CERTIFICATE, FileKind.CRL]


@pytest.mark.parametrize("file", ["good.crl", "good.pem", "good.ocsp"])
def test_clean_is_0(folder: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(folder, file, "--issuer", "root.cer", *NOW) == 0
    assert "nothing found" in capsys.readouterr().out


def test_beside_everything(folder: Path) -> None:
    beside = ("--issuer", "root.pem", "--certificate", "leaf.cer", "--request", "request.der")
    assert lint(folder, "good.ocsp", *beside, *NOW) == 0
    assert lint(folder, "delta.crl", "--issuer", "root.cer", "--base", "good.crl", *NOW) == 0
    assert lint(folder, "good.crl", "--previous", "delta.crl", *NOW) == 1


def test_findings_are_1_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = ("--at", (AT + timedelta(days=9)).iso())
    assert lint(folder, "good.crl", "good.ocsp", *later) == 1
    out = capsys.readouterr().out
    assert "error crl.expired [6.3.3 (a)]" in out
    assert "error ocsp.expired [RFC 6960 3.2 (6), 4.2.2.1]" in out
    assert lint(folder, "garbage") == 1


def test_without_at_it_is_now(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expired = folder / "old.crl"
    expired.write_bytes(crls.MATRIX["expired"][0].encode())
    assert lint(folder, "old.crl") == 1
    assert "crl.expired" in capsys.readouterr().out


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(folder, "good.crl", "garbage", "--json", *NOW) == 1
    document = json.loads(capsys.readouterr().out)
    assert [one["clean"] for one in document["files"]] == [True, False]
    assert document["clean"] is False
    assert document["files"][1]["findings"][0]["rule"] == "lint.unknown-kind"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--nonsense",),
        ("not-there.crl",),
        ("good.crl", "--issuer", "not-there.cer"),
        ("good.crl", "--issuer", "garbage"),
        ("good.ocsp", "--request", "garbage"),
        ("good.crl", "--at", "yesterday"),
    ],
)
def test_usage_is_3(folder: Path, arguments: tuple[str, ...]) -> None:
    assert lint(folder, *arguments) == 3
