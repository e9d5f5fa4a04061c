"""Keys of a deployment's own services: what they sign is checked by others, with nothing of ours but what is public."""

import base64
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cli.__main__ import run
from cli.database import Database
from cli.errors import FileUnusable, SecretMissing
from cli.party import ensure_handle_key
from cli.party_sandbox import make_request, make_sandbox
from cli.sample import PASSWORD, enter, people
from cli.services import Service, certificates, open_service
from cli.settings import load_settings
from cli.tls import server_context
from pki.instant import Instant
from tests.support.service import serving
from tests.verifier.filing_world import imprint_of
from verifier.errors import FetchRefused
from verifier.fetch import AllowedHost, HttpFetcher
from verifier.timestamp import fetch_timestamp
from web.parties import Parties

CLIENTS = Path(__file__).parents[2] / "clients" / "python"


def _now() -> Instant:
    return Instant(int(time.time()))


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A deployment with one person, sandbox parties and a signed form, running."""
    folder = tmp_path_factory.mktemp("services") / "made"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    assert run(["init", str(folder), "--listen", listen, "--json"]) == 0
    settings = load_settings(folder)
    enter(settings, people("見本市")[0], _now())
    database = Database(settings.database_url)
    parties = Parties(database, settings.public_url)
    keys = make_sandbox(settings, parties, _now())
    assert make_sandbox(settings, parties, _now()) == keys, "repeatable"
    ensure_handle_key(settings)
    request = make_request(settings, _now(), os.urandom, PASSWORD)
    assert request is not None
    with serving(folder, "--listen", listen) as service:
        made = SimpleNamespace(
            folder=folder, settings=settings, database=database, parties=parties, keys=keys, url=service.url,
            request=json.loads(request.read_text(encoding="utf-8")),
        )  # fmt: skip
        for name, path in {
            "verdicts.pem": "/v1/verdict-certificates",
            "signature.cer": "/ca/signature-1.cer",
            "authentication.cer": "/ca/authentication-1.cer",
        }.items():
            (folder / name).write_bytes(httpx.get(service.url + path).raise_for_status().content)
        yield made
    database.close()


def _client(trial: Any, party: str) -> Any:
    sys.path.insert(0, str(CLIENTS))
    try:
        package = import_module("jitsuin_client")
    finally:
        sys.path.remove(str(CLIENTS))
    return package.Client(package.Credentials(party, "1", trial.keys[party].read_bytes(), trial.url))


def _verified(trial: Any, party: str, **more: Any) -> tuple[Any, str]:
    with _client(trial, party) as client:
        document, signature = (base64.b64decode(trial.request[name]) for name in ("document", "signature"))
        answer = client.verify(document, signature, **more)
        return answer, client.verdict(answer.id)


def _judged(trial: Any, verdict: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    file = trial.folder / "verdict.jws"
    file.write_text(verdict, encoding="ascii")
    capsys.readouterr()
    status = run(["verify", "verdict", str(file), "--json", *more])
    captured = capsys.readouterr()
    return status, json.loads(captured.out or captured.err)


def test_a_verdict_is_checked_offline_with_the_published_certificate_alone(
    trial: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, verdict = _verified(trial, "sandbox-city")
    assert answer.passed
    service = ("--service", str(trial.folder / "verdicts.pem"))
    status, told = _judged(trial, verdict, capsys, *service)
    assert (status, told["genuine"], told["indication"], told["confirmed"]) == (0, True, "PASSED", None)
    assert told["issuer"] == trial.url
    form = ("--document", str(trial.folder / "parties/form.txt"), "--signature", str(trial.folder / "parties/form.p7s"))
    anchor = ("--anchor", str(trial.folder / "signature.cer"))
    status, told = _judged(trial, verdict, capsys, *service, *form, *anchor)
    assert (status, told["confirmed"]) == (0, True), told
    assert told["report"]["evidence"]["ocsp"], "the evidence is inside"
    # another signer, a changed verdict, another document, and no answer to the question at all
    assert _judged(trial, verdict, capsys, "--service", str(trial.folder / "signature.cer"))[0] == 1
    head, _, value = verdict.split(".")
    assert _judged(trial, f"{head}.e30.{value}", capsys, *service)[0] == 1
    other = ("--document", str(trial.folder / "jitsuin.toml"), "--signature", str(trial.folder / "verdicts.pem"))
    assert _judged(trial, verdict, capsys, *service, *other, *anchor)[0] == 1
    assert _judged(trial, verdict, capsys, *service, *form)[0] == 3, "without an anchor nothing can be verified anew"


def test_a_party_without_evidence_gets_a_verdict_that_names_nobody(
    trial: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, verdict = _verified(trial, "sandbox-library", fields=["name"], affairs="図書館の利用登録")
    assert answer.attributes == {"name": "見本　花子"}
    service = ("--service", str(trial.folder / "verdicts.pem"))
    status, told = _judged(trial, verdict, capsys, *service)
    assert (status, told["genuine"]) == (0, True)
    assert "evidence" not in told["report"]
    form = ("--document", str(trial.folder / "parties/form.txt"), "--signature", str(trial.folder / "parties/form.p7s"))
    anchor = ("--anchor", str(trial.folder / "signature.cer"))
    assert _judged(trial, verdict, capsys, *service, *form, *anchor)[0] == 3


def test_a_verdict_of_a_doubt_is_signed_and_confirmed_too(trial: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer, verdict = _verified(trial, "sandbox-city", minimum_level="T")
    assert answer.data["sub_indication"] == "SIG_CONSTRAINTS_FAILURE"
    form = ("--document", str(trial.folder / "parties/form.txt"), "--signature", str(trial.folder / "parties/form.p7s"))
    status, told = _judged(
        trial, verdict, capsys, "--service", str(trial.folder / "verdicts.pem"), *form,
        "--anchor", str(trial.folder / "signature.cer"),
    )  # fmt: skip
    assert (status, told["indication"], told["confirmed"]) == (2, "INDETERMINATE", True)


def test_a_renewed_key_signs_and_the_older_stays_published(trial: Any) -> None:
    before = certificates(trial.database, Service.VERDICTS)
    assert run(["party", "service-key", str(trial.folder), "--service", "verdicts", "--json"]) == 0
    assert run(["party", "service-key", str(trial.folder), "--service", "cooking"]) != 0
    after = certificates(trial.database, Service.VERDICTS)
    assert after[1:] == before
    opened = open_service(trial.settings, trial.database, Service.VERDICTS, os.urandom)
    assert opened is not None
    assert opened.certificate == after[0]
    published = httpx.get(f"{trial.url}/v1/verdict-certificates").content
    assert [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(published)] == [
        one.der for one in after
    ]


def test_openssl_asks_for_a_time_stamp_and_believes_it(trial: Any, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    root = x509.load_der_x509_certificate((trial.folder / "authentication.cer").read_bytes())
    (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))

    def openssl(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["openssl", "ts", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
        )

    assert openssl("-query", "-data", "data", "-sha256", "-cert", "-out", "q").returncode == 0
    headers = {"content-type": "application/timestamp-query"}
    answer = httpx.post(f"{trial.url}/tsa", content=(tmp_path / "q").read_bytes(), headers=headers)
    assert answer.headers["content-type"] == "application/timestamp-reply"
    (tmp_path / "r").write_bytes(answer.content)
    believed = openssl("-verify", "-queryfile", "q", "-in", "r", "-CAfile", "root.pem")
    assert "Verification: OK" in believed.stdout + believed.stderr
    (tmp_path / "data").write_bytes(b"other")
    assert openssl("-query", "-data", "data", "-sha256", "-out", "other").returncode == 0
    assert openssl("-verify", "-queryfile", "other", "-in", "r", "-CAfile", "root.pem").returncode != 0
    assert httpx.post(f"{trial.url}/tsa", content=b"x").status_code == 415
    assert httpx.post(f"{trial.url}/tsa", content=b"x" * 5000, headers=headers).status_code == 413
    (tmp_path / "garbage").write_bytes(httpx.post(f"{trial.url}/tsa", content=b"\x30\x80", headers=headers).content)
    assert "Rejected" in openssl("-reply", "-in", "garbage", "-text").stdout


def test_time_stamps_are_fetched_from_allowed_hosts_only(trial: Any) -> None:
    host, port = trial.settings.service.listen.rsplit(":", 1)
    allowed = HttpFetcher(frozenset({AllowedHost(host, int(port), private=True)}), time.monotonic)

    def post(fetcher: HttpFetcher) -> bytes:
        return fetch_timestamp(
            b"filing",
            lambda request: fetcher.post(f"{trial.url}/tsa", request, "application/timestamp-query"),
            os.urandom,
        )

    assert hashlib.sha256(b"filing").digest() in post(allowed)
    assert imprint_of(b"filing") in post(allowed)
    for refused in (frozenset[AllowedHost](), frozenset({AllowedHost(host, int(port))})):
        with pytest.raises(FetchRefused):
            post(HttpFetcher(refused, time.monotonic))


# ---- mutual TLS, with a proxy that ends it


def _server(folder: Path) -> None:
    """`server.pem`: a certificate for localhost and 127.0.0.1 with its key; `server.key`: the key alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = _now()
    server = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1)
        .not_valid_before((now + timedelta(hours=-1)).datetime)
        .not_valid_after((now + timedelta(hours=1)).datetime)
        .add_extension(x509.SubjectAlternativeName([*_LOCAL]), critical=False)
        .sign(key, SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(server.public_bytes(Encoding.PEM) + private)
    (folder / "server.key").touch(0o600)
    (folder / "server.key").write_bytes(private)


_LOCAL = x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))


@contextmanager
def _proxy(trial: Any, folder: Path) -> Iterator[str]:
    """Ends TLS, asks for a client certificate of our authority, and tells it as RFC 9440 has it; one at a time."""
    _server(folder)
    authority = x509.load_der_x509_certificate((trial.folder / "authentication.cer").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(cadata=authority.public_bytes(Encoding.PEM).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    target = trial.settings.service.listen.rsplit(":", 1)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    told = base64.b64encode(secure.getpeercert(binary_form=True) or b"").decode()
                    asked = secure.recv(65536)
                    head, rest = asked.split(b"\r\n", 1)
                    with socket.create_connection((target[0], int(target[1]))) as inner:
                        inner.sendall(head + f"\r\nClient-Cert: :{told}:\r\nConnection: close\r\n".encode() + rest)
                        while part := inner.recv(65536):
                            secure.sendall(part)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


def test_a_party_connects_with_a_certificate_of_our_authority(
    deployment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    text = (deployment / "jitsuin.toml").read_text(encoding="utf-8")
    assert "client_certificates_from = []" in text
    text = text.replace("client_certificates_from = []", 'client_certificates_from = ["127.0.0.1"]')
    (deployment / "jitsuin.toml").write_text(text, encoding="utf-8")
    assert run(["party", "sandbox", str(deployment), "--json"]) == 0
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    (tmp_path / "client.csr").write_bytes(request.public_bytes(Encoding.PEM))
    (tmp_path / "client.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    ask = ["party", "certify", str(deployment), "--party", "sandbox-library", "--request", str(tmp_path / "client.csr")]
    capsys.readouterr()
    assert run([*ask, "--out", str(tmp_path / "client.pem"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    issued = x509.load_pem_x509_certificate((tmp_path / "client.pem").read_bytes())
    assert issued.fingerprint(SHA256()).hex() == told["sha256"]
    assert run([*ask, "--out", str(tmp_path / "client.pem")]) != 0, "nothing is written over"
    assert run([*ask, "--out", str(tmp_path / "again.pem")]) == 0
    assert (tmp_path / "again.pem").read_bytes() == (tmp_path / "client.pem").read_bytes()
    settings = load_settings(deployment)
    with serving(deployment, "--role", "relying-party", "--listen", listen) as service:
        root = httpx.get(f"{service.url}/ca/authentication-1.cer").content
        trial = SimpleNamespace(folder=deployment, settings=SimpleNamespace(service=SimpleNamespace(listen=listen)))
        (deployment / "authentication.cer").write_bytes(root)
        with _proxy(trial, tmp_path) as url:
            trust = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            trust.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
            with httpx.Client(base_url=url, verify=trust) as http:
                answer = http.get("/v1/calls")
                assert answer.status_code == 200, answer.text
                assert answer.headers["ratelimit-limit"] == "60"
            database = Database(settings.database_url)
            Parties(database, settings.public_url).end_certificate(
                "sandbox-library", bytes.fromhex(told["sha256"]), _now()
            )
            database.close()
            with httpx.Client(base_url=url, verify=trust) as http:
                assert http.get("/v1/calls").status_code == 401
            nobody = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            with httpx.Client(base_url=url, verify=nobody) as http, pytest.raises(httpx.TransportError):
                http.get("/v1/calls")


# ---- mutual TLS, without a proxy


def test_tls_ends_here_and_a_client_certificate_opens_what_it_is_registered_for(
    deployment: Path, tmp_path: Path
) -> None:
    _server(tmp_path)
    text = (deployment / "jitsuin.toml").read_text(encoding="utf-8")
    files = f'tls_certificate = "{tmp_path / "server.pem"}"\ntls_key = "{tmp_path / "server.key"}"\n'
    assert 'tls_key = "secrets/tls-key.pem"\n' in text
    text = text.replace('tls_key = "secrets/tls-key.pem"\n', files)
    (deployment / "jitsuin.toml").write_text(text, encoding="utf-8")
    assert run(["party", "sandbox", str(deployment), "--json"]) == 0
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    (tmp_path / "client.csr").write_bytes(request.public_bytes(Encoding.PEM))
    (tmp_path / "client.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    ask = ["party", "certify", str(deployment), "--party", "sandbox-library", "--request", str(tmp_path / "client.csr")]
    assert run([*ask, "--out", str(tmp_path / "client.pem")]) == 0
    trust = str(tmp_path / "server.pem")
    with serving(deployment, "--role", "relying-party") as service:
        address = service.url
        assert address.startswith("https://127.0.0.1:")

        def calls(context: ssl.SSLContext, **headers: str) -> httpx.Response:
            with httpx.Client(verify=context) as http:
                return http.get(f"{address}/v1/calls", headers=headers)

        ours = ssl.create_default_context(cafile=trust)
        assert calls(ours).status_code == 401, "without a certificate an assertion is asked for"
        issued = x509.load_pem_x509_certificate((tmp_path / "client.pem").read_bytes())
        told = base64.b64encode(issued.public_bytes(Encoding.DER)).decode()
        assert calls(ours, **{"client-cert": f":{told}:"}).status_code == 401, "nobody's word is taken for it"
        ours.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        answer = calls(ours)
        assert answer.status_code == 200, answer.text
        assert answer.headers["ratelimit-limit"] == "60"
        strange = ssl.create_default_context(cafile=trust)
        strange.load_cert_chain(tmp_path / "server.pem")
        with pytest.raises(httpx.TransportError):  # not of our authority
            calls(strange)
        with pytest.raises(httpx.TransportError):
            calls(ssl.create_default_context())
        with httpx.Client() as plain, pytest.raises(httpx.TransportError):
            plain.get(f"{address.replace('https:', 'http:')}/v1/calls")
        settings = load_settings(deployment)
        database = Database(settings.database_url)
        Parties(database, settings.public_url).end_certificate("sandbox-library", issued.fingerprint(SHA256()), _now())
        database.close()
        assert calls(ours).status_code == 401


def test_keys_for_tls_that_are_open_to_others_or_do_not_fit(deployment: Path, tmp_path: Path) -> None:
    _server(tmp_path)
    settings = load_settings(deployment)
    service = settings.service.model_copy(
        update={"tls_certificate": tmp_path / "server.pem", "tls_key": tmp_path / "server.key"}
    )
    with_tls = settings.model_copy(update={"service": service})
    context = server_context(with_tls, "desk", [])
    assert context is not None
    assert context.verify_mode is ssl.CERT_NONE, "people's browsers are not asked for certificates"
    assert server_context(settings, "desk", []) is None
    (tmp_path / "server.key").chmod(0o644)
    with pytest.raises(SecretMissing):
        server_context(with_tls, "desk", [])
    (tmp_path / "server.key").chmod(0o600)
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "server.key").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(FileUnusable):
        server_context(with_tls, "desk", [])
