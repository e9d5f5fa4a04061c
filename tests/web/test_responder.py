"""OCSP and CRLs through the FastAPI application."""

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ca.crl import CrlKind, CrlPolicy, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher
from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.revocation import revoke
from pki import der
from pki.revocation import Reason
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world
from tests.support.chance import SetClock
from web.responder import MAX_REQUEST, make_responder_router

TYPE = {"content-type": "application/ocsp-request"}


@pytest.fixture
def world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random)


@pytest.fixture
def client(world: World, clock: SetClock, tmp_path: Path) -> Iterator[TestClient]:
    application = FastAPI()
    application.include_router(
        make_responder_router({AUTHORITY: world.responder()}, FolderShelf(tmp_path / "crl"), clock)
    )
    with TestClient(application) as client:
        yield client


def status(octets: bytes) -> int:
    return der.read_whole(octets).children()[0].integer()


def test_post_and_get_give_the_same_status(client: TestClient, world: World) -> None:
    (serial,) = world.issue()
    request = request_for(world.root, serial)
    posted = client.post(f"/ocsp/{AUTHORITY}", content=request, headers=TYPE)
    got = client.get(f"/ocsp/{AUTHORITY}/{quote(base64.b64encode(request), safe='')}")
    for response in (posted, got):
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/ocsp-response"
        read = ocsp.load_der_ocsp_response(response.content)
        assert read.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert got.headers["cache-control"] == "public, max-age=900, no-transform, must-revalidate"
    assert got.headers["expires"] == "Mon, 23 Nov 2026 00:15:00 GMT"
    assert got.headers["last-modified"] == "Mon, 23 Nov 2026 00:00:00 GMT"
    assert got.headers["etag"]


def test_base64_with_slashes_plus_and_lost_padding(client: TestClient, world: World) -> None:
    for serial in world.issue(20):
        request = request_for(world.root, serial)
        text = base64.b64encode(request).decode()
        for path in (text, text.rstrip("="), quote(text, safe="")):
            response = client.get(f"/ocsp/{AUTHORITY}/{path}")
            assert ocsp.load_der_ocsp_response(response.content).serial_number == serial


def test_nonces_are_not_cached(client: TestClient, world: World) -> None:
    (serial,) = world.issue()
    request = request_for(world.root, serial, nonce=b"n" * 32)
    response = client.get(f"/ocsp/{AUTHORITY}/{quote(base64.b64encode(request), safe='')}")
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


@pytest.mark.parametrize("path", ["%%%", "AAAA", "====", "a" * 100, "MEIwQDA"])
def test_garbage_in_the_path_is_malformed(client: TestClient, path: str) -> None:
    response = client.get(f"/ocsp/{AUTHORITY}/{path}")
    assert response.status_code == 200
    assert status(response.content) == 1
    assert response.headers["cache-control"] == "no-store"


def test_bodies_are_limited_before_they_are_read(client: TestClient) -> None:
    url = f"/ocsp/{AUTHORITY}"
    assert client.post(url, content=bytes(MAX_REQUEST + 1), headers=TYPE).status_code == 413
    assert client.post(url, content=iter([bytes(MAX_REQUEST), b"\0"]), headers=TYPE).status_code == 413
    assert status(client.post(url, content=bytes(MAX_REQUEST), headers=TYPE).content) == 1
    assert status(client.post(url, content=b"", headers=TYPE).content) == 1


def test_other_types_and_authorities_are_refused(client: TestClient, world: World) -> None:
    request = request_for(world.root, 5)
    assert client.post(f"/ocsp/{AUTHORITY}", content=request).status_code == 415
    assert client.post("/ocsp/nobody", content=request, headers=TYPE).status_code == 404
    assert client.get("/ocsp/nobody/AAAA").status_code == 404
    assert client.put(f"/ocsp/{AUTHORITY}", content=request).status_code == 405


def test_crls_with_validators(client: TestClient, world: World, tmp_path: Path, clock: SetClock) -> None:
    (serial,) = world.issue()
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, Reason.SUPERSEDED, AT))
    publisher = Publisher(AUTHORITY, world.root, FolderShelf(tmp_path / "crl"), world.database)
    scope = Scope()
    for kind in CrlKind:
        publisher.publish(make_crl(world.database, world.issuer, scope, AT, CrlPolicy(), kind), scope, AT)
    response = client.get(f"/crl/{AUTHORITY}.crl")
    assert response.headers["content-type"] == "application/pkix-crl"
    assert [one.serial_number for one in x509.load_der_x509_crl(response.content)] == [serial]
    assert response.headers["cache-control"] == "public, max-age=86400, must-revalidate"
    assert client.get(f"/crl/{AUTHORITY}/full.crl").content == response.content
    assert client.get(f"/crl/{AUTHORITY}/0.crl").content == response.content
    old = client.get(f"/crl/{AUTHORITY}/full-1.crl")
    assert old.content == response.content
    assert "immutable" in old.headers["cache-control"]
    assert client.get(f"/crl/{AUTHORITY}/delta.crl").status_code == 200
    assert client.head(f"/crl/{AUTHORITY}.crl").status_code == 200
    unchanged = client.get(f"/crl/{AUTHORITY}.crl", headers={"if-none-match": response.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    clock.set(AT + timedelta(days=3))
    assert client.get(f"/crl/{AUTHORITY}.crl").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["nobody.crl", "nobody/full.crl", "..%2f..%2fetc/passwd.crl", "signature-1/-.crl"])
def test_what_is_not_on_the_shelf_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"/crl/{path}").status_code == 404
