"""`jitsuin responder`: several workers and instances over one database; each sees each revocation at once."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.x509 import ocsp

from ca import authorities
from ca.authority import Authority
from ca.directory import Directory
from ca.journal_file import JournaledDatabase, JournalFile
from ca.profiles import Variant
from ca.revocation import HoldPolicy, release, revoke
from ca.store.tables import CERTIFICATES
from cli.clock import SystemClock
from cli.database import Database
from cli.settings import Settings, load_settings
from cli.signing import open_signing
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import request_for
from tests.support.postgresql import Server
from tests.support.processes import end, is_running, wait_gone
from tests.support.service import command

TYPE = {"content-type": "application/ocsp-request"}


@contextmanager
def responding(
    folder: Path, *arguments: str, workers: int = 2, presign: int = 0
) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    line = command(
        "responder", "serve", str(folder), "--listen", "127.0.0.1:0", "--workers", str(workers), "--json", *arguments
    )
    errors = (folder.parent / f"{folder.name}-{os.urandom(4).hex()}.stderr").open("w+")
    environment = {**os.environ, "JITSUIN_STATUS__PRESIGN_HOURS": str(presign)}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    assert process.stdout is not None
    try:
        answered, _, _ = select.select([process.stdout], [], [], 60)
        said = process.stdout.readline() if answered else ""
        if not said.startswith("{"):
            errors.seek(0)
            raise AssertionError(f"it did not come up: {errors.read()}")
        yield process, json.loads(said)
    finally:
        end(process.pid, patience=15)
        process.wait()
        process.stdout.close()
        errors.close()


class Connections:
    """Many connections to one address: with enough of them, every worker has some."""

    def __init__(self, url: str, count: int = 24) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.sockets = [socket.create_connection((host, int(port)), timeout=20) for _ in range(count)]

    def ask(self, path: str, body: bytes) -> list[ocsp.OCSPCertStatus | int]:
        """The same request on every connection: statuses, or the number of an unsuccessful answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for one in self.sockets:
            one.sendall(request)
        return [self._read(one) for one in self.sockets]

    def _read(self, one: socket.socket) -> ocsp.OCSPCertStatus | int:
        got = b""
        while b"\r\n\r\n" not in got:
            got += one.recv(65536) or pytest.fail("cut off")
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += one.recv(65536) or pytest.fail("cut off")
        if len(body) == 5:
            return body[4]
        return ocsp.load_der_ocsp_response(body).certificate_status

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def _moved_to_postgresql(folder: Path, url: str) -> None:
    """The same deployment over PostgreSQL: every row of its SQLite database copied."""
    source = Database(load_settings(folder).database_url)
    target = Database(url)
    target.migrate()
    from ca.store.tables import METADATA

    with source.engine.connect() as read, target.engine.begin() as write:
        for table in METADATA.sorted_tables:
            rows = [dict(row._mapping) for row in read.execute(table.select())]
            write.execute(table.delete()) if table.name == "ca_journal_head" else None
            if rows:
                write.execute(table.insert(), rows)
    source.close()
    target.close()
    file = folder / "jitsuin.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("url")]
    at = lines.index("[database]")
    lines.insert(at + 1, f'url = "{url}"')
    file.write_text("\n".join(lines) + "\n")


def _victim(settings: Settings, database: Database) -> tuple[Authority, SerialNumber]:
    """Some certificate of the deployment: a responder's own will do."""
    authority = database.read(Directory().all)[0]
    query = CERTIFICATES.select().with_only_columns(CERTIFICATES.c.serial).where(CERTIFICATES.c.issuer == authority.id)
    serial = database.read(lambda conn: conn.execute(query.limit(1)).scalar_one())
    assert settings.folder.exists()
    return authority, SerialNumber(int(serial, 16))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_of_two_instances_see_each_change_at_once(
    deployment: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgresql_server")
        name = server.create_database()
        _moved_to_postgresql(deployment, server.url(name))
    settings = load_settings(deployment)
    plain = Database(settings.database_url)
    database = JournaledDatabase(plain, JournalFile(settings.path(settings.status.journal)))
    authority, serial = _victim(settings, plain)
    assert authority.certificate is not None
    path, at = f"/ocsp/{authority.id}", SystemClock().now()
    bare = request_for(authority.certificate, serial)
    nonce = request_for(authority.certificate, serial, nonce=b"n" * 20)
    with ExitStack() as stack:
        stack.callback(plain.close)
        # Both instances first: a connection that asks nothing for ten seconds is cut, and starting one may take longer.
        urls = [stack.enter_context(responding(deployment))[1]["url"] for _ in range(2)]
        everywhere = [Connections(url) for url in urls]
        for connections in everywhere:
            stack.callback(connections.close)

        def told() -> set[ocsp.OCSPCertStatus | int]:
            return {status for one in everywhere for body in (bare, nonce) for status in one.ask(path, body)}

        assert told() == {ocsp.OCSPCertStatus.GOOD}
        for _ in range(5):
            database.transaction(lambda conn: revoke(conn, authority.id, serial, Reason.CERTIFICATE_HOLD, at))
            assert told() == {ocsp.OCSPCertStatus.REVOKED}
            database.transaction(lambda conn: release(conn, authority.id, serial, at, HoldPolicy(releasable=True)))
            assert told() == {ocsp.OCSPCertStatus.GOOD}


def test_answers_signed_ahead_are_given_out_until_their_status_changes(deployment: Path) -> None:
    settings = load_settings(deployment)
    plain = Database(settings.database_url)
    authority, serial = _victim(settings, plain)
    assert authority.certificate is not None
    ran = subprocess.run(
        command("responder", "presign", str(deployment), "--json"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    signed = json.loads(ran.stdout)["signed"]
    assert signed[authority.id] >= 2
    from ca.ocsp_pack import Pack

    pack = Pack(deployment / "ocsp-packs" / f"{authority.id}-sha1")
    from pki.certid import certid_of

    packed = pack.find(certid_of(serial, authority.certificate).der, serial)
    assert packed is not None
    body = request_for(authority.certificate, serial)
    with responding(deployment, workers=1) as (_, ready):
        connections = Connections(ready["url"], 1)
        one = connections.sockets[0]
        head = f"POST /ocsp/{authority.id} HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n"
        one.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        while not got.endswith(packed) and len(got) < 100_000:
            got += one.recv(65536) or pytest.fail("cut off")
        database = JournaledDatabase(plain, JournalFile(settings.path(settings.status.journal)))
        at = SystemClock().now()
        database.transaction(lambda conn: revoke(conn, authority.id, serial, Reason.SUPERSEDED, at))
        assert connections.ask(f"/ocsp/{authority.id}", body) == [ocsp.OCSPCertStatus.REVOKED]
        connections.close()
    plain.close()


def test_a_restored_database_is_not_served(deployment: Path) -> None:
    settings = load_settings(deployment)
    file = deployment / settings.database_url.rpartition("/")[2]
    plain = Database(settings.database_url)
    authority, serial = _victim(settings, plain)
    assert authority.certificate is not None
    backup = deployment / "backup.db"
    with plain.engine.connect() as conn:
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql(f"VACUUM INTO '{backup}'")
        conn.exec_driver_sql("BEGIN")
    database = JournaledDatabase(plain, JournalFile(settings.path(settings.status.journal)))
    at = SystemClock().now()
    database.transaction(lambda conn: revoke(conn, authority.id, serial, Reason.KEY_COMPROMISE, at))
    plain.close()
    for left in deployment.glob(f"{file.name}-*"):
        left.unlink()
    shutil.copy(backup, file)
    body = request_for(authority.certificate, serial)
    with responding(deployment, workers=1) as (_, ready):
        connections = Connections(ready["url"], 1)
        assert connections.ask(f"/ocsp/{authority.id}", body) == [3], "tryLater"
        connections.close()


def test_a_fallen_worker_is_replaced_and_all_end_with_their_parent(deployment: Path) -> None:
    with responding(deployment) as (process, ready):
        first, second = ready["workers"]
        os.kill(first, signal.SIGKILL)
        assert wait_gone(first)
        authority = Database(load_settings(deployment).database_url)
        found, serial = _victim(load_settings(deployment), authority)
        authority.close()
        assert found.certificate is not None
        connections = Connections(ready["url"], 4)
        assert set(connections.ask(f"/ocsp/{found.id}", request_for(found.certificate, serial))) == {
            ocsp.OCSPCertStatus.GOOD
        }
        connections.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert not is_running(second)


def test_it_signs_ahead_by_itself(deployment: Path) -> None:
    def whole() -> list[str]:
        return sorted(path.name for path in (deployment / "ocsp-packs").glob("[!.]*"))

    with responding(deployment, workers=1, presign=4):
        deadline = time.monotonic() + 90
        while len(whole()) < 4 and time.monotonic() < deadline:
            time.sleep(0.2)
    assert whole() == [
        f"{purpose}-1-{name}" for purpose in ("authentication", "signature") for name in ("sha1", "sha256")
    ]


def test_a_new_generation_is_answered_for_without_a_restart(deployment: Path, random: Callable[[int], bytes]) -> None:
    settings = load_settings(deployment)
    with responding(deployment) as (_, ready), open_signing(settings, random) as signing:
        at = SystemClock().now()
        authorities.create(
            signing.database,
            signing.keys,
            Purpose.AUTHENTICATION,
            Variant.NEXT,
            at,
            random,
            responder_keys=signing.responder_keys,
        )
        root = signing.database.read(lambda conn: Directory().get(conn, "authentication-2")).certificate
        assert root is not None
        request, deadline = request_for(root, 7), time.monotonic() + 60
        told: list[int] = []
        while set(told) != {200} and time.monotonic() < deadline:
            time.sleep(0.5)
            # Each time a connection of its own: so both workers are asked.
            told = [
                httpx.post(f"{ready['url']}/ocsp/authentication-2", content=request, headers=TYPE).status_code
                for _ in range(12)
            ]
        assert set(told) == {200}


def test_a_taken_port_is_named(deployment: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = subprocess.run(
            command("responder", "serve", str(deployment), "--listen", address),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 1
    assert "cli.port-taken" in ran.stderr
