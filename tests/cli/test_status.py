"""`jitsuin ca revoke, hold, release, crl, ocsp-check, restore`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ca.directory import Directory
from ca.journal_file import JournalFile
from ca.store.tables import CERTIFICATES
from cli.__main__ import run
from cli.database import Database
from cli.settings import load_settings
from tests.support.service import serving


def call(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    assert run(["ca", *arguments, "--json"]) == status
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def some_serial(deployment: Path) -> tuple[str, int]:
    database = Database(load_settings(deployment).database_url)
    authority = database.read(Directory().all)[0]
    query = CERTIFICATES.select().with_only_columns(CERTIFICATES.c.serial).where(CERTIFICATES.c.issuer == authority.id)
    serial = database.read(lambda conn: conn.execute(query.limit(1)).scalar_one())
    database.close()
    return authority.id, int(serial, 16)


def test_revoke_by_hexadecimal_and_by_decimal(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority, serial = some_serial(deployment)
    folder = str(deployment)
    dry = call(capsys, "revoke", folder, f"0x{serial:x}", "--reason", "superseded", "--dry-run")
    assert dry["dry_run"] is True
    first = call(capsys, "revoke", folder, f"0x{serial:x}", "--reason", "keyCompromise")
    assert first["authority"] == authority
    assert (first["status"], first["reason"]) == ("revoked", "keyCompromise"), "the dry run changed nothing"
    again = call(capsys, "revoke", folder, str(serial), "--reason", "superseded")
    assert {**again, "dry_run": False} == first
    assert f"0x{serial:x} ({serial})" == first["serial"]
    entries = [entry.event.kind for entry in JournalFile(deployment / "journal").entries()]
    assert entries.count("revoked") == 1  # type: ignore[comparison-overlap]


def test_hold_and_release_by_policy(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, serial = some_serial(deployment)
    folder = str(deployment)
    assert call(capsys, "hold", folder, str(serial))["reason"] == "certificateHold"
    assert call(capsys, "release", folder, str(serial), status=1)["error"]["code"] == "ca.hold-is-final"
    file = deployment / "jitsuin.toml"
    text = file.read_text()
    assert "release_holds = false" in text
    file.write_text(text.replace("release_holds = false", "release_holds = true", 1))
    assert call(capsys, "release", folder, str(serial))["status"] == "good"


def test_errors_are_named(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(deployment)
    _, serial = some_serial(deployment)
    assert call(capsys, "revoke", folder, "12345", "--reason", "superseded", status=1)["error"]["code"] == (
        "ca.never-issued"
    )
    told = call(capsys, "revoke", folder, str(serial), "--reason", "removeFromCRL", status=1)
    assert told["error"]["code"] == "ca.reason-not-allowed"
    told = call(capsys, "revoke", folder, "abc", "--reason", "superseded", status=1)
    assert told["error"]["code"] == "pki.invalid-value"
    assert run(["ca", "revoke", folder, str(serial), "--reason", "because"]) == 2


def test_crl_then_ocsp_check(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority, serial = some_serial(deployment)
    folder = str(deployment)
    with serving(deployment, "--role", "status") as service:
        url = f"{service.url}/ocsp/{authority}"
        told = call(capsys, "ocsp-check", folder, str(serial), "--url", url)
        assert (told["responder"], told["database"], told["findings"]) == ("good", "good", [])
        call(capsys, "revoke", folder, str(serial), "--reason", "superseded")
        assert call(capsys, "ocsp-check", folder, str(serial), "--url", url)["responder"] == "revoked"
    made = call(capsys, "crl", folder)["crls"]
    assert {one["authority"] for one in made} >= {authority}
    listed = x509.load_der_x509_crl((deployment / "crls" / authority / "full.crl").read_bytes())
    assert [one.serial_number for one in listed] == [serial]
    assert call(capsys, "crl", folder, "--authority", authority, "--delta")["crls"][0]["kind"] == "delta"


def test_restore(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, serial = some_serial(deployment)
    folder = str(deployment)
    settings = load_settings(deployment)
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    database = Database(settings.database_url)
    with database.engine.connect() as conn:
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql(f"VACUUM INTO '{deployment / 'backup.db'}'")
        conn.exec_driver_sql("BEGIN")
    database.close()
    call(capsys, "revoke", folder, str(serial), "--reason", "superseded")
    for left in deployment.glob(f"{file.name}-*"):
        left.unlink()
    shutil.copy(deployment / "backup.db", file)
    refused = call(capsys, "crl", folder, status=1)
    assert refused["error"]["code"] == "ca.restored-database"
    assert call(capsys, "restore", folder)["applied"] == 1
    assert call(capsys, "revoke", folder, str(serial), "--reason", "superseded")["status"] == "revoked"


def test_a_responder_that_is_away_or_no_responder_is_named(
    deployment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, serial = some_serial(deployment)
    for url in ("http://127.0.0.1:9/ocsp", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"):
        told = call(capsys, "ocsp-check", str(deployment), str(serial), "--url", url, status=1)
        assert told["error"]["code"] == "cli.service-silent"
    with serving(deployment, "--role", "status") as service:
        told = call(capsys, "ocsp-check", str(deployment), str(serial), "--url", f"{service.url}/health", status=1)
        assert told["error"]["code"] == "cli.service-silent", "405"
