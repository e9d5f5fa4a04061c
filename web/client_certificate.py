"""The client certificate of a connection: of our own TLS, or told by a proxy before us at which TLS ended (RFC 9440).

    Client-Cert: :<base64 of the certificate in DER>:          as the standard has it
    Client-Cert: -----BEGIN%20CERTIFICATE-----%0A…             as nginx writes $ssl_client_escaped_cert

The header is believed from the addresses that are named in the settings, and from nobody else: anybody can write it.
Such a proxy must ask for client certificates, and must drop a `Client-Cert` that came from outside. Of everybody else
counts the certificate whose key the connection itself has proved (ASGI's TLS extension).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import Request

from pki.instant import Clock, Instant
from web.errors import NotAuthenticated

_LONGEST: Final = 16 * 1024


def from_proxies(trusted: frozenset[str], clock: Clock) -> Callable[[Request], str | None]:
    """SHA-256 in hex of the certificate that a trusted proxy told, or that the connection has proved; None without one.

    The function's errors: NotAuthenticated for a header that cannot be read, and for a certificate outside its time.
    """

    def fingerprint(request: Request) -> str | None:
        if request.client is None or request.client.host not in trusted:
            return own_fingerprint(request.scope, clock.now())
        told = request.headers.getlist("client-cert")
        if not told:
            return None
        if len(told) > 1:
            raise NotAuthenticated("Client-Cert came more than once")
        return told_fingerprint(told[0], clock.now())

    return fingerprint


def own_fingerprint(scope: Mapping[str, Any], at: Instant) -> str | None:
    """SHA-256 in hex of the certificate that the connection's own TLS has proved; None without one.

    Errors: NotAuthenticated for one outside its time: a connection may last longer than what it began with.
    """
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", ())
    return (
        None if not chain else hashlib.sha256(_valid(x509.load_pem_x509_certificate(chain[0].encode()), at)).hexdigest()
    )


def told_fingerprint(header: str, at: Instant) -> str:
    """SHA-256 in hex of the certificate in one `Client-Cert`. Errors: NotAuthenticated, as above."""
    if len(header) > _LONGEST:
        raise NotAuthenticated("Client-Cert is too long")
    return hashlib.sha256(_certificate(header.strip(), at)).hexdigest()


def _certificate(text: str, at: Instant) -> bytes:
    try:
        if text.startswith(":") and text.endswith(":") and len(text) > 2:
            found = x509.load_der_x509_certificate(base64.b64decode(text[1:-1], validate=True))
        else:
            found = x509.load_pem_x509_certificate(unquote(text, errors="strict").encode("ascii"))
    except (ValueError, binascii.Error, UnicodeError) as bad:
        raise NotAuthenticated("Client-Cert holds no certificate") from bad
    return _valid(found, at)


def _valid(found: x509.Certificate, at: Instant) -> bytes:
    if not found.not_valid_before_utc <= at.datetime <= found.not_valid_after_utc:
        raise NotAuthenticated("the client certificate is not valid now")
    return found.public_bytes(Encoding.DER)
