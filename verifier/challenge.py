"""Log-in with a card: a one-time challenge, and the card's signature over it and over the origin (Web eID's design).

    signed value = H(origin) ‖ H(nonce), hashed with H again by the signature scheme
    origin: `https://host[:port]` of this server as it is configured, UTF-8, no slash at the end
    nonce:  the base64 text that was handed out, as text

The token holds no claim. Origin and nonce are put in by whoever checks, so that a token made for another site, or for
another challenge, does not verify: nothing in it needs to be compared, and nothing can be forgotten to be compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, utils

from pki.certificate import Certificate, parse_certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from pki.json_text import each_once, no_constant
from verifier.candidate import Candidate, identify
from verifier.errors import ChallengeRefused, UnacceptableAlgorithm, UnacceptableKey
from verifier.indication import SubIndication
from verifier.keys import load_key
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName
from verifier.schemes import Kind, Scheme, check_scheme
from verifier.signature import check_key, signature_holds

NONCE_OCTETS: Final = 33
"""264 random bits: 44 characters of base64 without padding."""
LIFETIME: Final = timedelta(minutes=5)
_SHORTEST, _LONGEST = 100, 10_000
_FORMAT: Final = "web-eid:1"
_HASHES: Final = {"256": "sha256", "384": "sha384", "512": "sha512"}
_KINDS: Final = {"RS": Kind.PKCS1, "PS": Kind.PSS, "ES": Kind.ECDSA}
_FIELDS: Final = frozenset({"unverifiedCertificate", "algorithm", "signature", "format", "appVersion"})


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser session has to sign."""

    nonce: str
    expires: Instant


class Challenges:
    """Open challenges, one a session, in memory; each can be taken once. Safe for threads.

    A restart forgets them all, which costs a person one more try. Beyond `capacity` the oldest is dropped.
    """

    def __init__(self, random: Callable[[int], bytes], lifetime: timedelta = LIFETIME, capacity: int = 100_000) -> None:
        self._random = random
        self._lifetime = lifetime
        self._capacity = capacity
        self._open: dict[str, Challenge] = {}
        self._lock = Lock()

    def issue(self, session: str, at: Instant) -> Challenge:
        """A new challenge for `session`; an older one of the same session is void."""
        challenge = Challenge(base64.b64encode(self._random(NONCE_OCTETS)).decode(), at + self._lifetime)
        with self._lock:
            self._open.pop(session, None)
            while len(self._open) >= self._capacity:
                del self._open[next(iter(self._open))]
            self._open[session] = challenge
        return challenge

    def take(self, session: str, at: Instant) -> str:
        """The nonce of `session`, which is gone with this call: taken before anything is verified.

        Errors: ChallengeRefused.
        """
        with self._lock:
            challenge = self._open.pop(session, None)
        if challenge is None:
            raise ChallengeRefused("unknown or already used")
        if at > challenge.expires:
            raise ChallengeRefused("too old")
        return challenge.nonce


@dataclass(frozen=True, slots=True)
class Token:
    """A log-in token as it was sent; nothing of it is believed yet."""

    certificate: Certificate
    scheme: Scheme
    signature: bytes


def canonical_origin(origin: str) -> str:
    """`origin` if it is one: https, or http on loopback for development; no path, lower-case.

    Errors: InvalidValue.
    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError as bad:
        raise InvalidValue("an origin is written as https://host or https://host:port") from bad
    host = parts.hostname or ""
    rebuilt = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}" + ("" if port is None else f":{port}")
    default = {"https": 443, "http": 80}.get(parts.scheme)
    local = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    if rebuilt != origin or not host or port == default or not (parts.scheme == "https" or local):
        raise InvalidValue("an origin is written as https://host or https://host:port")
    return origin


def login_message(origin: str, nonce: str, hash_name: str) -> bytes:
    """H(origin) ‖ H(nonce): what the card's signature scheme is given as its message."""
    return hashlib.new(hash_name, origin.encode()).digest() + hashlib.new(hash_name, nonce.encode()).digest()


def parse_token(text: str) -> Token:
    """Read a token: JSON of 100 to 10,000 characters with exactly the known fields. Errors: Malformed."""
    if not _SHORTEST <= len(text) <= _LONGEST:
        raise Malformed(f"a token of {_SHORTEST} to {_LONGEST} characters expected")
    try:
        fields = json.loads(text, object_pairs_hook=each_once, parse_constant=no_constant)
    except (ValueError, RecursionError) as bad:
        raise Malformed("a token in JSON expected") from bad
    if not isinstance(fields, dict) or set(fields) - _FIELDS or not all(isinstance(v, str) for v in fields.values()):
        raise Malformed("a token with the known fields, all of them text, expected")
    version = str(fields.get("format", ""))
    if version != _FORMAT and not version.startswith(f"{_FORMAT}."):
        raise Malformed("a token of the format web-eid:1 expected")
    algorithm = str(fields.get("algorithm", ""))
    kind, hash_name = _KINDS.get(algorithm[:2]), _HASHES.get(algorithm[2:])
    if kind is None or hash_name is None:
        raise Malformed("an algorithm out of RS, PS, ES with 256, 384, 512 expected")
    try:
        certificate = parse_certificate(base64.b64decode(fields.get("unverifiedCertificate", ""), validate=True))
        signature = base64.b64decode(fields.get("signature", ""), validate=True)
    except (binascii.Error, ValueError) as bad:
        raise Malformed("a token with base64 in it expected") from bad
    salt = hashlib.new(hash_name).digest_size if kind is Kind.PSS else 0
    return Token(certificate, Scheme(kind, hash_name, salt), signature)


def read_login(token: Token, origin: str, nonce: str, policy: Policy) -> Candidate:
    """Check the token's signature over our `origin` and our `nonce`. Certificates are judged where all are."""
    candidate = Candidate(SignatureFormat.LOGIN)
    findings = candidate.findings
    findings.passed(CheckName.FORMAT, "a log-in token")
    candidate.signer = token.certificate
    try:
        check_scheme(token.scheme, policy)
        findings.passed(CheckName.ALGORITHMS, token.scheme.name)
        loaded = load_key(token.certificate.spki)
        findings.passed(CheckName.KEY, "accepted", key=check_key(loaded, token.scheme, policy))
        signature = _der_signature(token)
    except UnacceptableAlgorithm as bad:
        findings.failed(CheckName.ALGORITHMS, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        return candidate
    except (UnacceptableKey, InvalidValue, Malformed) as bad:
        findings.failed(CheckName.KEY, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        return candidate
    message = login_message(origin, nonce, token.scheme.hash_name)
    if not signature_holds(token.certificate.public_key, token.scheme, signature, message):
        findings.failed(
            CheckName.SIGNATURE_VALUE,
            SubIndication.SIG_CRYPTO_FAILURE,
            "the signature is not one over this site's origin and challenge by the certificate's key",
        )
        return candidate
    findings.passed(CheckName.SIGNATURE_VALUE, "over this site's origin and challenge")
    candidate.holds = True
    candidate.signature_id = identify(message, token.certificate)
    return candidate


def _der_signature(token: Token) -> bytes:
    """ECDSA values come as r ‖ s of equal length (RFC 7518 3.4). Errors: UnacceptableAlgorithm."""
    key = token.certificate.public_key
    if token.scheme.kind is not Kind.ECDSA or not isinstance(key, ec.EllipticCurvePublicKey):
        return token.signature
    size = (key.curve.key_size + 7) // 8
    if len(token.signature) != 2 * size:
        raise UnacceptableAlgorithm("the ECDSA value has another length than the curve's")
    return utils.encode_dss_signature(int.from_bytes(token.signature[:size]), int.from_bytes(token.signature[size:]))
