"""Signed HTTP requests: one profile of RFC 9421 that says who asks for exactly what, once, for five minutes.

    Content-Digest:  sha-256=:…:                                                          RFC 9530 2
    Signature-Input: jitsuin=("@method" "@authority" "@path" "@query" "content-digest")
                     ;created=…;expires=…;nonce="…";keyid="…";tag="jitsuin"               RFC 9421 2.3
    Signature:       jitsuin=:…:

The covered components are always these five in this order, and the parameters too: what could be left out could be
changed. `@authority` is the name by which the receiver calls itself, so that a request for one service is worth nothing
at another. The key decides the algorithm (3.3.2 rsa-v1_5-sha256, 3.3.4 ecdsa-p256-sha256, 3.3.5, 3.3.6 ed25519).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, utils

from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant

LIFETIME: Final = timedelta(minutes=5)
SKEW: Final = timedelta(minutes=1)
"""How far a caller's clock may be ahead of ours."""
_TAG: Final = "jitsuin"
_COVERED: Final = '("@method" "@authority" "@path" "@query" "content-digest")'
_INPUT = re.compile(
    re.escape(f"jitsuin={_COVERED}")
    + r';created=(\d{1,12});expires=(\d{1,12});nonce="([A-Za-z0-9_-]{16,64})";keyid="([A-Za-z0-9:._/-]{1,200})"'
    + r';tag="jitsuin"',
)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_VALUE = re.compile(r"jitsuin=:([A-Za-z0-9+/]{1,8000}={0,2}):")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a request claims: the key's name, its time, its nonce, and the octets that were signed."""

    keyid: str
    created: Instant
    expires: Instant
    nonce: str
    base: bytes
    signature: bytes

    def in_time(self, at: Instant) -> bool:
        """Whether it is young enough to be answered."""
        return self.created <= at + SKEW and at <= self.expires and self.expires - self.created <= LIFETIME

    def signed_by(self, spki: bytes) -> bool:
        """Whether the key of this SubjectPublicKeyInfo signed it."""
        key = load_public_key(spki)
        signature = self.signature
        if isinstance(key, ec.EllipticCurvePublicKey):
            size = (key.curve.key_size + 7) // 8
            if len(signature) != 2 * size:
                return False
            numbers = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            signature = utils.encode_dss_signature(*numbers)
        return verify_raw(key, algorithm_for(spki), signature, self.base)


def _base(method: str, authority: str, path: str, query: str, digest: str, parameters: str) -> bytes:
    lines = (
        f'"@method": {method}',
        f'"@authority": {authority}',
        f'"@path": {path}',
        f'"@query": ?{query}',
        f'"content-digest": {digest}',
        f'"@signature-params": {parameters}',
    )
    return "\n".join(lines).encode("ascii")


def _digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def parse_signed(
    method: str, authority: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> SignedRequest:
    """Read the three headers. `authority`: what the receiver calls itself, in lower case; `headers` with names in lower
    case. Errors: Malformed for anything but the profile, and for a body of another digest.
    """
    given = _INPUT.fullmatch(headers.get("signature-input", ""))
    value = _VALUE.fullmatch(headers.get("signature", ""))
    digest = headers.get("content-digest", "")
    if given is None or value is None or _DIGEST.fullmatch(digest) is None:
        raise Malformed("the headers of a signed request expected")
    if digest != _digest(body):
        raise Malformed("content-digest is not that of the body")
    parameters = given.group().removeprefix("jitsuin=")
    try:
        base = _base(method, authority, path, query, digest, parameters)
        signature = base64.b64decode(value.group(1), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("the headers of a signed request expected") from None
    if base64.b64encode(signature).decode() != value.group(1):  # RFC 4648 3.5: one signature has one spelling
        raise Malformed("the headers of a signed request expected")
    created, expires = Instant(int(given.group(1))), Instant(int(given.group(2)))
    return SignedRequest(given.group(4), created, expires, given.group(3), base, signature)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A key that signs requests, by the name that the receiver knows it by. `sign` gives ECDSA values in DER."""

    keyid: str
    spki: bytes
    sign: Callable[[bytes], bytes]

    def headers(self, method: str, url: str, body: bytes, at: Instant, nonce: str) -> dict[str, str]:
        """The headers that make a request to `url` (absolute) a signed one. Errors: InvalidValue for a bad nonce."""
        parts = urlsplit(url)
        parameters = (
            f'{_COVERED};created={at.seconds};expires={(at + LIFETIME).seconds};nonce="{nonce}"'
            f';keyid="{self.keyid}";tag="{_TAG}"'
        )
        if _INPUT.fullmatch(f"jitsuin={parameters}") is None:
            raise InvalidValue("a nonce is 16 to 64 letters, digits, - and _; a key's name likewise with : . /")
        digest = _digest(body)
        base = _base(method, authority_of(url), parts.path or "/", parts.query, digest, parameters)
        signature = self.sign(base)
        key = load_public_key(self.spki)
        if isinstance(key, ec.EllipticCurvePublicKey):
            size = (key.curve.key_size + 7) // 8
            r, s = utils.decode_dss_signature(signature)
            signature = r.to_bytes(size) + s.to_bytes(size)
        return {
            "content-digest": digest,
            "signature-input": f"jitsuin={parameters}",
            "signature": f"jitsuin=:{base64.b64encode(signature).decode()}:",
        }


def authority_of(url: str) -> str:
    """Host and port as `@authority` has them: lower case, without the scheme's own port (RFC 9421 2.2.3)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"
