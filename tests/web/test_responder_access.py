"""Registered relying parties only: the same through the FastAPI application and through the fast responder.

The certificate comes from a proxy that ended mutual TLS (RFC 9440), as nginx writes it and as the standard does.
"""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.ocsp import Responder
from ca.ocsp_access import RegisteredOnly
from ca.ocsp_response import UNSUCCESSFUL, ResponseStatus
from pki import der
from pki.certificate import Certificate
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world
from tests.ca.test_ocsp_access import party, signed
from tests.support.chance import SetClock
from tests.web.test_responder_fast import post, serving
from web.client_certificate import from_proxies
from web.responder import REQUEST_TYPE, make_responder_router

Ask = Callable[[bytes, str], tuple[int, bytes, str]]
"""Body and headers (as in HTTP) → HTTP status, body, Cache-Control."""


@pytest.fixture
def world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random)


def as_nginx(certificate: Certificate) -> str:
    return quote(certificate.x509.public_bytes(Encoding.PEM))


def as_standard(certificate: Certificate) -> str:
    return f":{base64.b64encode(certificate.der).decode()}:"


def through_fastapi(world: World, tmp_path: Path, proxy: str, access: RegisteredOnly) -> Ask:
    live = world.responder()
    responder = Responder(AUTHORITY, world.root, live.delegates, live.source, access=access)
    client_of = from_proxies(frozenset({proxy}), SetClock(AT))
    application = FastAPI()
    application.include_router(
        make_responder_router({AUTHORITY: responder}, FolderShelf(tmp_path), SetClock(AT), client_of)
    )

    def ask(body: bytes, told: str) -> tuple[int, bytes, str]:
        with TestClient(application, client=("127.0.0.1", 5000)) as client:
            headers = {"content-type": REQUEST_TYPE, **({"client-cert": told} if told else {})}
            got = client.post(f"/ocsp/{AUTHORITY}", content=body, headers=headers)
            return got.status_code, got.content, got.headers["cache-control"]

    return ask


def through_the_fast_one(world: World, _tmp_path: Path, proxy: str, access: RegisteredOnly) -> Ask:
    async def exchange(octets: bytes) -> bytes:
        async with serving(world, access=access, proxies=frozenset({proxy})) as here:
            return await here.exchange(octets)

    def ask(body: bytes, told: str) -> tuple[int, bytes, str]:
        got = asyncio.run(exchange(post(body, more=f"Client-Cert: {told}\r\n" if told else "")))
        head, _, content = got.partition(b"\r\n\r\n")
        caching = head.decode().lower().partition("cache-control: ")[2].partition("\r\n")[0]
        return int(got.split()[1]), content, caching

    return ask


@pytest.mark.parametrize("through", [through_fastapi, through_the_fast_one])
def test_who_is_answered_and_what_caches_may_do(
    world: World, tmp_path: Path, through: Callable[[World, Path, str, RegisteredOnly], Ask]
) -> None:
    (serial,) = world.issue()
    signer, mine = party()
    _, others = party("other")
    request = request_for(world.root, serial)
    ask = through(world, tmp_path, "127.0.0.1", RegisteredOnly({mine.fingerprint.hex()}.__contains__))
    required = UNSUCCESSFUL[ResponseStatus.SIG_REQUIRED]
    for body, told in ((request, as_nginx(mine)), (request, as_standard(mine)), (signed(request, signer, mine), "")):
        status, answer, caching = ask(body, told)
        assert (status, der.read_whole(answer).children()[0].integer(), caching) == (200, 0, "no-store")
    assert ask(request, "") == (200, required, "no-store")
    assert ask(request, as_nginx(others)) == (200, required, "no-store")
    assert ask(signed(request, signer, others), "")[1] == UNSUCCESSFUL[ResponseStatus.UNAUTHORIZED]


@pytest.mark.parametrize("through", [through_fastapi, through_the_fast_one])
def test_a_header_from_anybody_else_is_not_believed(
    world: World, tmp_path: Path, through: Callable[[World, Path, str, RegisteredOnly], Ask]
) -> None:
    (serial,) = world.issue()
    _, mine = party()
    ask = through(world, tmp_path, "192.0.2.7", RegisteredOnly({mine.fingerprint.hex()}.__contains__))
    assert ask(request_for(world.root, serial), as_nginx(mine))[1] == UNSUCCESSFUL[ResponseStatus.SIG_REQUIRED]
