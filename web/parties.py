"""Registered relying parties: who they are, what they may ask, and how a request proves to come from one.

A request carries an assertion of its own (private_key_jwt of RFC 7523, one a request):

    Authorization: Bearer <JWT>   header {alg, kid}
                                  claims {iss = sub = party, aud = this service, iat, exp ≤ iat + 300, jti,
                                          body = SHA-256 of the request's body in hex}

Bound to the body and used once, a stolen assertion asks nothing new. Behind mutual TLS the connection's certificate
stands in for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from pki.algorithms import load_public_key
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from pki.purpose import Purpose
from verifier.errors import FormatFailure
from verifier.jws_text import from_base64url, strict_json, to_base64url
from verifier.schemes import Kind, Scheme
from verifier.signature import signature_holds
from web.errors import NotAuthenticated, QuotaExhausted
from web.store import Connection, Database
from web.store import relying as rows

LIFETIME: Final = timedelta(minutes=5)
_SKEW: Final = 60
_LONGEST: Final = 4096
FIELDS: Final = ("name", "date_of_birth", "gender", "address")


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What a party is registered for."""

    party: str
    name_ja: str
    name_en: str
    purposes: frozenset[Purpose]
    """Which verifications it may ask for: of filings, of log-ins."""
    legal_basis: str
    """Why it may ask at all; goes into the person's own record of who looked."""
    fields: frozenset[str] = frozenset()
    """Attributes of a person that it may receive, each only when it asks."""
    origins: frozenset[str] = frozenset()
    """Origins of its own web pages, for log-ins."""
    a_minute: int = 600
    may_have_evidence: bool = False
    """Whether verdicts may carry certificates and OCSP answers, which name the person's certificate outright."""
    sandbox: bool = False
    with_consent: frozenset[str] = frozenset()
    """Attributes beyond `fields`, each only while the person's own consent stands (web/consents.py)."""

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(
            {
                "name_ja": self.name_ja,
                "name_en": self.name_en,
                "purposes": sorted(self.purposes),
                "legal_basis": self.legal_basis,
                "fields": sorted(self.fields),
                "origins": sorted(self.origins),
                "a_minute": self.a_minute,
                "may_have_evidence": self.may_have_evidence,
                "sandbox": self.sandbox,
                "with_consent": sorted(self.with_consent),
            },
            ensure_ascii=False,
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, party: str, text: str) -> RelyingParty:
        """What `to_json` wrote. Errors: InvalidValue."""
        try:
            row: dict[str, Any] = json.loads(text)
            return cls(
                party,
                row["name_ja"],
                row["name_en"],
                frozenset(map(Purpose, row["purposes"])),
                row["legal_basis"],
                frozenset(row["fields"]) & frozenset(FIELDS),
                frozenset(row["origins"]),
                int(row["a_minute"]),
                bool(row["may_have_evidence"]),
                bool(row["sandbox"]),
                frozenset(row.get("with_consent", ())) & frozenset(FIELDS),
            )
        except (KeyError, ValueError, TypeError) as bad:
            raise InvalidValue("a registration of a relying party expected") from bad


@dataclass(frozen=True, slots=True)
class Parties:
    """The registered parties. Safe for threads; all it knows is in the database."""

    database: Database
    audience: str
    """This service's own address, as parties name it in `aud`."""

    def register(self, party: RelyingParty, at: Instant) -> None:
        """Enter a party or change what it is registered for."""
        self.database.transaction(lambda conn: rows.put_party(conn, party.party, party.to_json(), at))

    def registered(self, party: str) -> RelyingParty | None:
        """What a party is registered for; None if it is not, or not any more."""
        row = self.database.read(lambda conn: rows.party_row(conn, party))
        return None if row is None else RelyingParty.from_json(party, row)

    def add_key(self, party: str, kid: str, spki: bytes, at: Instant) -> None:
        """Another key of `party`; the older ones stay good until they are ended. Errors: Malformed, InvalidValue."""
        key = load_public_key(spki)
        fits = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048) or (
            isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        )
        if not fits:
            raise InvalidValue("a party signs with P-256 or with RSA of 2048 bits or more")
        text = base64.b64encode(spki).decode()

        def body(conn: Connection) -> None:
            if kid in rows.keys_of(conn, party):
                raise InvalidValue("a key id that is not used yet expected")
            rows.put_key(conn, party, kid, text, at)

        self.database.transaction(body)

    def end_key(self, party: str, kid: str, at: Instant) -> bool:
        """From now on that key signs nothing; False if there was none."""
        return self.database.transaction(lambda conn: rows.end_key(conn, party, kid, at))

    def add_certificate(self, party: str, fingerprint: bytes, at: Instant) -> None:
        """Another client certificate of `party` (its SHA-256). Errors: InvalidValue if it was ever registered."""
        if not self.database.transaction(lambda conn: rows.put_certificate(conn, party, fingerprint.hex(), at)):
            raise InvalidValue("a client certificate that was never registered expected")

    def has_certificate(self, party: str, fingerprint: bytes) -> bool:
        """Whether that client certificate is the party's and has not ended."""
        return self.database.read(lambda conn: rows.party_of_certificate(conn, fingerprint.hex())) == party

    def end_certificate(self, party: str, fingerprint: bytes, at: Instant) -> bool:
        """From now on that certificate opens nothing; False if there was none."""
        return self.database.transaction(lambda conn: rows.end_certificate(conn, party, fingerprint.hex(), at))

    def end(self, party: str, at: Instant) -> None:
        """The party asks nothing any more."""
        self.database.transaction(lambda conn: rows.end_party(conn, party, at))

    def of_request(
        self, authorization: str | None, client_certificate: str | None, body: bytes, at: Instant
    ) -> tuple[RelyingParty, int]:
        """Who asks, and how many requests are left to it in this minute.

        `client_certificate`: SHA-256 in hex of the connection's certificate, proved by whoever ended TLS. It stands in
        for an assertion; where both come, both must be the same party's.
        Errors: NotAuthenticated, QuotaExhausted.
        """
        if authorization is None and client_certificate is not None:
            return self._of_certificate(client_certificate, at)
        name, claims, check = _assertion(authorization)
        if name is None:
            raise NotAuthenticated("there is no bearer assertion")
        party = name

        def known(conn: Connection) -> tuple[str | None, dict[str, str], str | None]:
            owner = None if client_certificate is None else rows.party_of_certificate(conn, client_certificate)
            return rows.party_row(conn, party), rows.keys_of(conn, party), owner

        registration, keys, owner = self.database.read(known)
        if registration is None:
            raise NotAuthenticated("the party is not known, or its key is not")
        found = RelyingParty.from_json(party, registration)
        check(keys)
        if owner is not None and owner != party:
            raise NotAuthenticated("the client certificate is another party's")
        expires, jti = self._claims_hold(claims, body, at)

        def use(conn: Connection) -> int:
            if not rows.is_first_use(conn, party, jti, expires, at):
                raise NotAuthenticated("the assertion was used before")
            return rows.count_use(conn, party, at)

        return found, self._left(found, self.database.transaction(use), at)

    def _of_certificate(self, fingerprint: str, at: Instant) -> tuple[RelyingParty, int]:
        def known(conn: Connection) -> tuple[str | None, str | None]:
            owner = rows.party_of_certificate(conn, fingerprint)
            return owner, None if owner is None else rows.party_row(conn, owner)

        party, registration = self.database.read(known)
        if party is None or registration is None:
            raise NotAuthenticated("the client certificate is nobody's")
        found = RelyingParty.from_json(party, registration)
        used = self.database.transaction(lambda conn: rows.count_use(conn, found.party, at))
        return found, self._left(found, used, at)

    def _left(self, party: RelyingParty, used: int, at: Instant) -> int:
        if used > party.a_minute:
            raise QuotaExhausted(party.a_minute, 60 - at.seconds % 60)
        return party.a_minute - used

    def spend(self, party: RelyingParty, more: int, at: Instant) -> None:
        """Count `more` verifications that came in one request. Errors: QuotaExhausted."""

        def body(conn: Connection) -> int:
            used = 0
            for _ in range(more):
                used = rows.count_use(conn, party.party, at)
            return used

        if more and self.database.transaction(body) > party.a_minute:
            raise QuotaExhausted(party.a_minute, 60 - at.seconds % 60)

    def _claims_hold(self, claims: dict[str, Any], body: bytes, at: Instant) -> tuple[Instant, str]:
        issued, expires, jti = claims.get("iat"), claims.get("exp"), claims.get("jti")
        if not isinstance(issued, int) or not isinstance(expires, int) or isinstance(issued, bool):
            raise NotAuthenticated("iat and exp are not numbers")
        if claims.get("iss") != claims.get("sub") or claims.get("aud") != self.audience:
            raise NotAuthenticated("iss, sub and aud do not name the party and this service")
        if not issued - _SKEW <= at.seconds < expires + _SKEW or not 0 < expires - issued <= LIFETIME.seconds:
            raise NotAuthenticated("it is too old, from the future, or valid for too long")
        if not isinstance(jti, str) or not 16 <= len(jti) <= 128:
            raise NotAuthenticated("jti is not 16 to 128 characters")
        if claims.get("body") != hashlib.sha256(body).hexdigest():
            raise NotAuthenticated("body is not the SHA-256 of what was sent")
        return Instant(expires + _SKEW), jti


def _assertion(authorization: str | None) -> tuple[str | None, dict[str, Any], Callable[[dict[str, str]], None]]:
    """The party's name, the claims, and how to check the signature once its keys are known.

    Errors: NotAuthenticated for what is no assertion.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST or token.count(".") != 2:
        return None, {}, lambda _keys: None
    header_text, claims_text, value_text = token.encode("ascii", "replace").split(b".")
    try:
        header, claims = strict_json(from_base64url(header_text)), strict_json(from_base64url(claims_text))
        value = from_base64url(value_text)
    except FormatFailure:
        raise NotAuthenticated("the assertion cannot be read") from None
    if "crit" in header or not isinstance(claims.get("iss"), str):
        raise NotAuthenticated("the assertion cannot be read")

    def check(keys: dict[str, str]) -> None:
        text = keys.get(str(header.get("kid")))
        if text is None:
            raise NotAuthenticated("the party is not known, or its key is not")
        if not _holds(base64.b64decode(text), header.get("alg"), value, header_text + b"." + claims_text):
            raise NotAuthenticated("the assertion's signature does not hold")

    return str(claims["iss"]), claims, check


def _holds(spki: bytes, algorithm: object, value: bytes, message: bytes) -> bool:
    """The key decides the algorithm; `alg` may only agree (RFC 8725 3.1)."""
    try:
        key = load_public_key(spki)
    except (Malformed, InvalidValue):
        return False
    if isinstance(key, rsa.RSAPublicKey):
        kind = {"RS256": Kind.PKCS1, "PS256": Kind.PSS}.get(str(algorithm))
        return kind is not None and signature_holds(key, Scheme(kind, "sha256", 32), value, message)
    if algorithm != "ES256" or len(value) != 64:
        return False
    encoded = utils.encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    return signature_holds(key, Scheme(Kind.ECDSA, "sha256"), encoded, message)


def make_assertion(
    party: str,
    kid: str,
    audience: str,
    body: bytes,
    at: Instant,
    jti: str,
    algorithm: str,
    sign: Callable[[bytes], bytes],
) -> str:
    """The assertion for one request. `sign` gives the value as JWS has it (ES256: r ‖ s)."""
    header = to_base64url(json.dumps({"alg": algorithm, "kid": kid, "typ": "JWT"}).encode())
    claims = {
        "iss": party,
        "sub": party,
        "aud": audience,
        "iat": at.seconds,
        "exp": at.seconds + LIFETIME.seconds,
        "jti": jti,
        "body": hashlib.sha256(body).hexdigest(),
    }
    message = header + b"." + to_base64url(json.dumps(claims).encode())
    return (message + b"." + to_base64url(sign(message))).decode()
