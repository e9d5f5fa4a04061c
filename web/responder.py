"""OCSP and CRLs over HTTP (RFC 6960 appendix A, RFC 5019 5 and 6, RFC 2585): public and read-only.

    POST /ocsp/{authority}            the request in the body, application/ocsp-request
    GET  /ocsp/{authority}/{base64}   the request in the path
    GET  /crl/{authority}.crl         the full CRL
    GET  /crl/{authority}/{name}.crl  `full`, `delta`, a partition `7`, its delta `7-delta`, one by number `7-42`

Nothing about a requester is written anywhere: no address, no serial number; only counts.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from ca.crl_shelf import FOREVER, Published, Shelf
from ca.ocsp import Answer, refusal
from ca.ocsp_response import ResponseStatus
from pki.instant import Clock, Instant

_THREADS = CapacityLimiter(16)
"""Threads for OCSP alone: a verification waits for an answer of OCSP in one of the common threads, and when those are
all taken by verifications in this same process, nobody would be left to answer them."""

MAX_REQUEST = 64 * 1024
"""Octets of an OCSP request; a longer one is shed before it is read."""

REQUEST_TYPE, RESPONSE_TYPE, CRL_TYPE = "application/ocsp-request", "application/ocsp-response", "application/pkix-crl"


class Answerer(Protocol):
    """Answers the requests to one authority; called from many threads at once."""

    def respond(self, octets: bytes, at: Instant, client: str | None) -> Answer: ...


ClientCertificate = Callable[[Request], str | None]
"""SHA-256 in hex of the certificate that the requester's TLS connection proved; None without one."""


def make_responder_router(
    responders: Mapping[str, Answerer],
    shelf: Shelf,
    clock: Clock,
    client_of: ClientCertificate = lambda _request: None,
) -> APIRouter:
    """The routes above for these authorities; `responders` may come to hold more of them as time goes by."""
    router = APIRouter()

    @router.post("/ocsp/{authority}", response_class=Response)
    async def post(authority: str, request: Request) -> Response:
        responder = responders.get(authority)
        if responder is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != REQUEST_TYPE:
            return Response(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        body = await _bounded_body(request)
        if body is None:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"connection": "close"})
        return await _answer(responder, body, clock.now(), request, client_of(request))

    @router.get("/ocsp/{authority}/{encoded:path}", response_class=Response)
    async def get(authority: str, encoded: str, request: Request) -> Response:
        responder = responders.get(authority)
        if responder is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        octets = decode_path(encoded)
        if octets is None:
            return ocsp_response(refusal(ResponseStatus.MALFORMED_REQUEST), clock.now())
        return await _answer(responder, octets, clock.now(), request, client_of(request))

    @router.get("/crl/{authority}.crl", response_class=Response)
    @router.head("/crl/{authority}.crl", response_class=Response, include_in_schema=False)
    def full(authority: str, request: Request) -> Response:
        return _crl(_current(shelf, authority, "full"), clock.now(), request, None)

    @router.get("/crl/{authority}/{name}.crl", response_class=Response)
    @router.head("/crl/{authority}/{name}.crl", response_class=Response, include_in_schema=False)
    def by_name(authority: str, name: str, request: Request) -> Response:
        head, _, number = name.rpartition("-")
        if head and number.isascii() and number.isdigit() and len(number) < 20:
            return _crl(_numbered(shelf, authority, head, int(number)), clock.now(), request, FOREVER)
        return _crl(_current(shelf, authority, name), clock.now(), request, None)

    return router


def decode_path(encoded: str) -> bytes | None:
    """The request out of a path whose percent signs are already decoded (RFC 6960 A.1); None if it is none."""
    if not encoded or len(encoded) > 4 * MAX_REQUEST // 3 + 4:
        return None
    # Padding may be lost, and a plus may have become a space, on the way through old proxies.
    text = encoded.replace(" ", "+").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def ocsp_headers(answer: Answer, at: Instant) -> dict[str, str]:
    """What caches may do with an answer (RFC 5019 6.2): nothing, unless it is the same for everybody."""
    if not answer.shared or answer.this_update is None or answer.next_update is None or answer.next_update <= at:
        return {"cache-control": "no-store"}
    return {
        "cache-control": f"public, max-age={answer.next_update.seconds - at.seconds}, no-transform, must-revalidate",
        "last-modified": http_date(answer.this_update),
        "expires": http_date(answer.next_update),
        "etag": etag(answer.der),
    }


def ocsp_response(answer: Answer, at: Instant) -> Response:
    """The HTTP response: 200 whatever the OCSP status is (RFC 6960 A.2)."""
    return Response(answer.der, media_type=RESPONSE_TYPE, headers=ocsp_headers(answer, at))


def etag(octets: bytes) -> str:
    """A strong validator."""
    return f'"{hashlib.sha256(octets).hexdigest()[:32]}"'


def http_date(at: Instant) -> str:
    """IMF-fixdate (RFC 9110 5.6.7)."""
    return formatdate(at.seconds, usegmt=True)


async def _answer(responder: Answerer, octets: bytes, at: Instant, request: Request, client: str | None) -> Response:
    # In a thread: the status source may wait for the database, and other requests must not wait with it.
    answer = await to_thread.run_sync(responder.respond, octets, at, client, limiter=_THREADS)
    response = ocsp_response(answer, at)
    if request.method == "GET" and _unchanged(request, response.headers.get("etag")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=ocsp_headers(answer, at))
    return response


async def _bounded_body(request: Request) -> bytes | None:
    announced = request.headers.get("content-length")
    if announced is not None and announced.isdigit() and int(announced) > MAX_REQUEST:
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_REQUEST:
            return None
    return bytes(body)


def _current(shelf: Shelf, authority: str, name: str) -> Published | None:
    try:
        # Partition 0 is the whole: certificates outside every partition may name it by that number.
        return shelf.current(authority, "full" if name == "0" else name)
    except ValueError:
        return None


def _numbered(shelf: Shelf, authority: str, name: str, number: int) -> Published | None:
    try:
        return shelf.numbered(authority, name, number)
    except ValueError:
        return None


def _crl(published: Published | None, at: Instant, request: Request, caching: str | None) -> Response:
    if published is None:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    headers = {
        "cache-control": caching or published.cache_control(at),
        "etag": published.etag,
        "last-modified": http_date(published.this_update),
        "expires": http_date(published.next_update),
    }
    if _unchanged(request, published.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(published.der, media_type=CRL_TYPE, headers=headers)


def _unchanged(request: Request, tag: str | None) -> bool:
    asked = request.headers.get("if-none-match")
    return tag is not None and asked is not None and any(part.strip() in (tag, "*") for part in asked.split(","))
