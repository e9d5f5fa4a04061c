"""Registered relying parties only, as a setting: through real mutual TLS (nginx in front) and by signed requests.

Both faces of OCSP: `jitsuin serve` and `jitsuin responder`.
"""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ca.directory import Directory
from ca.file_key import FileKey
from ca.ocsp_response import UNSUCCESSFUL, ResponseStatus
from ca.profiles import KeyShape
from cli.clock import SystemClock
from cli.database import Database
from cli.sample import enter, people
from cli.settings import load_settings
from enrollment import registry
from enrollment.person import PersonId
from enrollment.store import work
from pki import der
from pki.certificate import Certificate
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import request_for
from tests.ca.test_ocsp_access import signed
from tests.cli.test_monitoring import free_address
from tests.cli.test_responder import TYPE, responding
from tests.cli.test_signing import with_settings
from tests.support.processes import end
from tests.support.service import serving
from web.parties import Parties, RelyingParty

SERIAL = 7


class Somebody:
    """A key, a certificate of its own making, and both as files."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(subject, subject, key.public_key(), 1)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate = Certificate(made.public_bytes(Encoding.DER))
        self.key = FileKey(name, KeyShape.P256, key)
        self.files = folder / f"{name}.pem", folder / f"{name}.key"
        self.files[0].write_bytes(made.public_bytes(Encoding.PEM))
        self.files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def client(self, server: "Somebody", *, shows: bool = True) -> httpx.Client:
        """A client that trusts `server` and shows its own certificate."""
        context = ssl.create_default_context(cafile=str(server.files[0]))
        if shows:
            context.load_cert_chain(*map(str, self.files))
        return httpx.Client(verify=context, headers=TYPE, timeout=20)


@contextmanager
def mutual_tls(folder: Path, server: Somebody, inside: str) -> Iterator[str]:
    """nginx, which asks for client certificates and tells the one behind which one it was."""
    address = free_address()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
        daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_processes 1;
        events {{ worker_connections 64; }}
        http {{
            access_log off;
            client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
            uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            server {{
                listen {address} ssl; server_name localhost;
                ssl_certificate {server.files[0]}; ssl_certificate_key {server.files[1]};
                ssl_verify_client optional_no_ca;
                location / {{ proxy_pass {inside}; proxy_set_header Client-Cert $ssl_client_escaped_cert; }}
            }}
        }}
        """
    )
    process = subprocess.Popen(["nginx", "-c", str(configuration), "-p", str(folder)], stderr=subprocess.PIPE)
    try:
        deadline = SystemClock().now() + timedelta(seconds=20)
        while True:
            try:
                httpx.get(f"http://{address}/", timeout=2)
                break
            except httpx.TransportError:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert SystemClock().now() < deadline
        yield f"https://localhost:{address.rpartition(':')[2]}"
    finally:
        end(process.pid, patience=10)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize("face", ["serve", "responder"])
def test_registered_relying_parties_only(deployment: Path, tmp_path: Path, face: str) -> None:
    with_settings(deployment, ocsp_access="registered", client_certificates_from=["127.0.0.1"])
    settings = load_settings(deployment)
    mine, other, server = (Somebody(tmp_path, name) for name in ("mine", "other", "server"))
    database = Database(settings.database_url)
    parties, at = Parties(database, settings.public_url), SystemClock().now()
    parties.register(RelyingParty("bank", "見本銀行", "Example Bank", frozenset(), "test"), at)
    parties.add_certificate("bank", mine.certificate.fingerprint, at)
    root = database.read(lambda conn: Directory().get(conn, "signature-1")).certificate
    assert root is not None
    resident = enter(settings, people(settings.municipality.name)[0], at).person
    held = database.read(lambda conn: work.certificates_of(conn, PersonId(resident)))
    theirs = next(SerialNumber(int(one.serial or "", 16)) for one in held if one.issuer == "signature-1")
    before = database.read(lambda conn: registry.own_lines(conn, PersonId(resident)))
    bare = request_for(root, SERIAL, theirs)
    required, unauthorized = (UNSUCCESSFUL[each] for each in (ResponseStatus.SIG_REQUIRED, ResponseStatus.UNAUTHORIZED))
    with ExitStack() as stack:
        stack.callback(database.close)
        inside: str
        if face == "serve":
            inside = stack.enter_context(serving(deployment, "--role", "status")).url
        else:
            inside = stack.enter_context(responding(deployment))[1]["url"]
        outside = stack.enter_context(mutual_tls(tmp_path, server, inside))

        def ask(client: httpx.Client, body: bytes, **more: Any) -> bytes:
            with client:
                got = client.post(f"{outside}/ocsp/signature-1", content=body, **more)
            assert got.status_code == 200
            assert got.headers["cache-control"] == "no-store"
            return got.content

        def told() -> list[tuple[str, str, str]]:
            """Who asked about the resident, as they can read it themselves."""
            now = database.read(lambda conn: registry.own_lines(conn, PersonId(resident)))
            return [(one.access.recipient, one.access.affairs, one.access.legal_basis) for one in now[len(before) :]]

        asked = ("bank 見本銀行", "status of a certificate", "test")
        assert _status(ask(mine.client(server), bare)) == 0
        assert told() == [asked]
        assert _status(ask(mine.client(server), bare)) == 0
        assert told() == [asked] * 2
        assert _status(ask(mine.client(server), request_for(root, SERIAL))) == 0
        assert told() == [asked] * 2, "a number that is nobody's"
        assert ask(other.client(server), bare) == required
        assert ask(mine.client(server, shows=False), bare) == required
        forged = {"client-cert": f":{'A' * 8}:"}
        assert ask(mine.client(server, shows=False), bare, headers=forged) == required, (
            "nginx drops what came from outside"
        )
        assert _status(ask(other.client(server, shows=False), signed(bare, mine.key, mine.certificate))) == 0
        assert ask(other.client(server, shows=False), signed(bare, other.key, other.certificate)) == unauthorized
        assert told() == [asked] * 3, "signed as well as by its connection; who is refused learned nothing"
        parties.end_certificate("bank", mine.certificate.fingerprint, SystemClock().now())
        assert ask(mine.client(server), bare) == required, "ended at once"
        assert ask(other.client(server, shows=False), signed(bare, mine.key, mine.certificate)) == unauthorized
        assert told() == [asked] * 3


def _status(octets: bytes) -> int:
    return der.read_whole(octets).children()[0].integer()
