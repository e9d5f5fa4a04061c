"""`jitsuin serve` as a process: ready when it says so, gone when told, never leaving anybody behind."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from ca.directory import Directory
from ca.ocsp_request import parse_request
from cli.database import Database
from cli.errors import AddressUnusable, DatabaseNewer, DatabaseOutdated, PartStopped, PortTaken, SecretMissing
from cli.settings import load_settings
from tests.support.postgresql import Server
from tests.support.processes import is_running, wait_gone
from tests.support.service import command, serving


def _serve(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("serve", str(folder), *arguments), capture_output=True, text=True, timeout=60, check=False
    )


def _code(ran: "subprocess.CompletedProcess[str]") -> str:
    assert ran.returncode == 1, (ran.stdout, ran.stderr)
    line = ran.stderr.strip().splitlines()[-1]
    assert line.startswith("jitsuin: ")
    return line.split(": ")[1]


def test_it_answers_once_it_says_that_it_is_ready_and_ends_when_told(deployment: Path, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    with serving(deployment, "--role", "status", "--ready-file", str(ready_file)) as service:
        assert json.loads(ready_file.read_text()) == service.ready
        assert httpx.get(f"{service.url}/health").json() == {"status": "ok"}
        assert httpx.get(f"{service.url}/ready").json() == {"status": "ok"}
        for name, address in service.ready["addresses"].items():
            if name.startswith("CRL"):
                assert httpx.get(address).status_code == 404, "nobody has signed a CRL yet"
        assert service.stop() == 0
    assert not ready_file.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_everything_ends_with_the_signal_and_the_signer_had_no_network(deployment: Path, number: int) -> None:
    with serving(deployment) as service:
        signer = service.ready["signer"]
        assert is_running(signer["pid"])
        assert signer["network"] is False
        with socket.socket() as outside, pytest.raises(OSError, match="refused"):
            outside.connect(("127.0.0.1", 1))  # this side has a network, so the comparison below means something
        seen = {Path(f"/proc/{pid}/ns/net").readlink() for pid in (service.process.pid, signer["pid"])}
        assert len(seen) == 2, "the signer is in a network of its own"
        assert service.stop(number) == 0
        assert not is_running(signer["pid"])


def test_the_signer_publishes_crls_that_the_web_serves_and_openssl_reads(deployment: Path, tmp_path: Path) -> None:
    with serving(deployment) as service:
        crls = {name: address for name, address in service.ready["addresses"].items() if name.startswith("CRL")}
        assert len(crls) == 2
        for address in crls.values():
            answer = _once_published(address)
            file = tmp_path / "got.crl"
            file.write_bytes(answer.content)
            listed = subprocess.run(
                ["openssl", "crl", "-inform", "der", "-in", str(file), "-noout", "-crlnumber"],
                capture_output=True,
                text=True,
                check=True,
            )
            assert listed.stdout.startswith("crlNumber=")


def test_postgresql_by_url_serves_the_same_and_the_signer_needs_no_network(
    postgresql_database: Database, tmp_path: Path
) -> None:
    url = postgresql_database.engine.url.render_as_string(hide_password=False)
    (tmp_path / "mine.toml").write_text(f"[database]\nurl = {json.dumps(url)}\n")
    line = command("init", str(tmp_path / "new"), "--settings", str(tmp_path / "mine.toml"))
    made = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr
    assert not list((tmp_path / "new").glob("*.db*"))
    with serving(tmp_path / "new") as service:
        assert service.ready["signer"]["network"] is False
        assert httpx.get(f"{service.url}/ready").status_code == 200
        assert _once_published(service.ready["addresses"]["CRL signature"]).status_code == 200
        assert service.stop() == 0


def test_a_killed_web_process_takes_the_signer_with_it(deployment: Path) -> None:
    with serving(deployment) as service:
        signer = service.ready["signer"]["pid"]
        service.process.kill()
        service.process.wait()
        assert wait_gone(signer)


def test_a_killed_signer_stops_the_service_by_name(deployment: Path) -> None:
    with serving(deployment) as service:
        os.kill(service.ready["signer"]["pid"], signal.SIGKILL)
        assert service.process.wait(timeout=30) == 1
        assert service.process.stdout is not None
        assert json.loads(service.process.stdout.read())["error"]["code"] == PartStopped.code


def test_a_signer_whose_parent_is_another_does_not_start(deployment: Path) -> None:
    ran = _serve(deployment, "--role", "ca", "--parent", "1")
    assert ran.returncode == 1
    assert ran.stdout == ""


def test_a_taken_port_is_named_before_anything_is_opened(deployment: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        ran = _serve(deployment, "--listen", address)
        assert _code(ran) == PortTaken.code
        assert address in ran.stderr


def test_an_address_of_another_machine_is_named(deployment: Path) -> None:
    assert _code(_serve(deployment, "--listen", "192.0.2.1:8080")) == AddressUnusable.code


def test_an_address_that_is_none_is_a_wrong_setting(deployment: Path) -> None:
    assert _code(_serve(deployment, "--listen", "here")) == "cli.setting-wrong"


def test_a_database_of_a_newer_version_is_refused(deployment: Path) -> None:
    _set_revision(deployment, "9999_from_the_future")
    for arguments in ((), ("--role", "ca"), ("--role", "status")):
        assert _code(_serve(deployment, *arguments, "--listen", "127.0.0.1:0")) == DatabaseNewer.code
    migrated = subprocess.run(
        command("migrate", str(deployment)), capture_output=True, text=True, timeout=60, check=False
    )
    assert _code(migrated) == DatabaseNewer.code


def test_an_empty_database_is_refused_until_it_is_migrated(deployment: Path) -> None:
    for file in deployment.glob("jitsuin.db*"):
        file.unlink()
    assert _code(_serve(deployment, "--role", "status", "--listen", "127.0.0.1:0")) == DatabaseOutdated.code
    checked = subprocess.run(
        command("migrate", str(deployment), "--check"), capture_output=True, text=True, check=False
    )
    assert _code(checked) == DatabaseOutdated.code
    for wanted in (True, False):
        ran = subprocess.run(
            command("migrate", str(deployment), "--json"), capture_output=True, text=True, timeout=60, check=False
        )
        assert json.loads(ran.stdout) == {"migrated": wanted}


def test_secrets_that_others_may_read_are_refused(deployment: Path) -> None:
    (deployment / "secrets" / "authorities-passphrase").chmod(0o640)
    assert _code(_serve(deployment, "--role", "ca")) == SecretMissing.code
    (deployment / "secrets" / "responders-passphrase").unlink()
    assert _code(_serve(deployment, "--role", "status", "--listen", "127.0.0.1:0")) == SecretMissing.code


def test_the_status_plane_never_opens_the_authorities_keys(deployment: Path) -> None:
    (deployment / "secrets" / "authorities-passphrase").unlink()
    for file in (deployment / "keys" / "authorities").iterdir():
        file.unlink()
    with serving(deployment, "--role", "status") as service:
        assert httpx.get(f"{service.url}/ready").status_code == 200
        assert "signer" not in service.ready


@pytest.mark.referee
def test_openssl_asks_the_service_and_believes_it(deployment: Path, tmp_path: Path) -> None:
    """The status of the responder's own certificate, which its authority issued like any other."""
    database = Database(load_settings(deployment).database_url)
    authority = next(one for one in database.read(Directory().all) if one.id == "signature-1")
    responder = database.read(lambda conn: Directory().responders(conn, "signature-1"))[0]
    database.close()
    assert authority.certificate is not None
    assert responder.certificate is not None
    for name, certificate in (("ca", authority.certificate), ("leaf", responder.certificate)):
        (tmp_path / f"{name}.der").write_bytes(certificate.der)
        subprocess.run(
            ["openssl", "x509", "-inform", "der", "-in", f"{tmp_path}/{name}.der", "-out", f"{tmp_path}/{name}.pem"],
            check=True,
        )
    with serving(deployment, "--role", "status") as service:
        line = ["openssl", "ocsp", "-issuer", f"{tmp_path}/ca.pem", "-cert", f"{tmp_path}/leaf.pem"]
        line += ["-url", f"{service.url}/ocsp/signature-1", "-CAfile", f"{tmp_path}/ca.pem"]
        line += ["-reqout", f"{tmp_path}/request.der"]
        asked = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert "Response verify OK" in asked.stderr, asked.stderr
    assert f"{tmp_path}/leaf.pem: good" in asked.stdout
    assert parse_request((tmp_path / "request.der").read_bytes()).nonce is not None


def test_a_clock_given_by_hand_is_the_services_clock(deployment: Path) -> None:
    with serving(deployment, "--clock", "2031-01-01T00:00:00Z") as service:
        address = service.ready["addresses"]["CRL signature"]
        answer = _once_published(address)
        assert "2031" in answer.headers["last-modified"]


def _once_published(address: str) -> httpx.Response:
    """The CRL at `address`; the signer makes it after the service says that it is ready."""
    until = time.monotonic() + 30
    while (answer := httpx.get(address)).status_code != 200:
        assert time.monotonic() < until, answer
        time.sleep(0.05)
    return answer


def _set_revision(folder: Path, revision: str) -> None:
    with sqlite3.connect(folder / "jitsuin.db") as connection:
        connection.execute("UPDATE ca_alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_a_database_that_goes_away_and_comes_back_ends_no_process(tmp_path: Path, postgresql_server: Server) -> None:
    name, mine, place = postgresql_server.create_database(), tmp_path / "mine.toml", tmp_path / "deployment"
    mine.write_text(f'[database]\nurl = "{postgresql_server.url(name)}"\n')
    made = subprocess.run(
        command("init", str(place), "--settings", str(mine)), capture_output=True, text=True, timeout=120, check=False
    )
    assert made.returncode == 0, made.stderr
    log = tmp_path / "deployment.stderr"

    def until(holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < ends, log.read_text()[-2000:]
            time.sleep(0.05)

    with serving(place) as service:
        parts = [service.ready[one]["pid"] for one in ("signer", "card_keys")]
        postgresql_server.cut_off(name, off=True)
        until(lambda: httpx.get(f"{service.url}/ready").status_code == 503)
        until(lambda: "cards: cli.database-unavailable" in log.read_text())
        until(lambda: "jitsuin.signing cli.database-unavailable" in log.read_text())
        assert all(is_running(pid) for pid in parts) and service.process.poll() is None
        postgresql_server.cut_off(name, off=False)
        until(lambda: httpx.get(f"{service.url}/ready").status_code == 200)
        said = log.read_text().count("jitsuin.signing cli.database-unavailable")
        assert said < 10, "one thing is said once in a while, not in every round"
        assert all(is_running(pid) for pid in parts)
        assert service.stop() == 0
    postgresql_server.drop_database(name)
