"""CRLs, read (RFC 5280 5.1): strict in the encoding, patient with the contents, for publisher, lint and replay."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pki import der, oids
from pki.algorithms import ALGORITHMS, verify_raw
from pki.certificate import Certificate
from pki.der import Node
from pki.errors import Malformed
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension as it stands; `value` is what the OCTET STRING holds."""

    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One revoked certificate. `reason` is a number, None when it is not told."""

    serial: int
    at: Instant
    reason: int | None
    invalidity_date: Instant | None
    extensions: tuple[Extension, ...]


class Crl:
    """A CRL, its parts read when first asked for. Errors: Malformed, at that moment."""

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded
        parts = der.read_whole(encoded).expect(der.SEQUENCE, "a CertificateList").children()
        if len(parts) != 3:
            raise Malformed("a CertificateList of three parts expected", 0)
        self._tbs, outer, signature = parts
        self.outer_algorithm = outer.expect(der.SEQUENCE, "an AlgorithmIdentifier").raw
        self.signature = signature.bits()
        # iterate() does not look inside revokedCertificates: a CRL of a million entries opens at once.
        fields = list(self._tbs.expect(der.SEQUENCE, "a TBSCertList").iterate())
        self.version: int | None = None
        if fields and fields[0].tag == der.INTEGER:
            self.version = fields.pop(0).integer()
        if len(fields) < 3:
            raise Malformed("a TBSCertList with its fields expected", self._tbs.start)
        self.inner_algorithm = fields[0].expect(der.SEQUENCE, "an AlgorithmIdentifier").raw
        self.issuer = fields[1].expect(der.SEQUENCE, "a Name").raw
        self.this_update = fields[2].instant()
        rest = fields[3:]
        self.next_update: Instant | None = None
        if rest and rest[0].tag in (der.UTC_TIME, der.GENERALIZED_TIME):
            self.next_update = rest.pop(0).instant()
        self._entries: Node | None = rest.pop(0) if rest and rest[0].tag == der.SEQUENCE else None
        self.extensions: tuple[Extension, ...] = ()
        if rest and rest[0].tag == 0xA0:
            inner = rest.pop(0).children()
            if len(inner) != 1:
                raise Malformed("crlExtensions expected", self._tbs.start)
            self.extensions = read_extensions(inner[0])
        if rest:
            raise Malformed("nothing after crlExtensions expected", rest[0].start)

    @property
    def tbs(self) -> bytes:
        """The octets that the issuer signed."""
        return self._tbs.raw

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the CRL in hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def has_empty_list(self) -> bool:
        """Whether revokedCertificates is there without an entry, where it should be absent (RFC 5280 5.1.2.6)."""
        return self._entries is not None and self._entries.content_start == self._entries.end

    def entries(self) -> Iterator[Entry]:
        """The revoked certificates in their order."""
        if self._entries is not None:
            for node in self._entries.iterate():
                yield _entry(node)

    def find(self, dotted: str) -> Extension | None:
        """The extension of that identifier."""
        return next((extension for extension in self.extensions if extension.oid == dotted), None)

    @cached_property
    def number(self) -> int | None:
        """CRLNumber (5.2.3)."""
        return _integer(self.find(oids.CRL_NUMBER))

    @cached_property
    def base_number(self) -> int | None:
        """BaseCRLNumber of a delta CRL (5.2.4)."""
        return _integer(self.find(oids.DELTA_CRL_INDICATOR))

    @property
    def is_delta(self) -> bool:
        """Whether it only tells what changed since a base."""
        return self.find(oids.DELTA_CRL_INDICATOR) is not None

    @property
    def scope(self) -> bytes:
        """The issuingDistributionPoint's value, empty when there is none: equal octets mean the same scope."""
        point = self.find(oids.ISSUING_DISTRIBUTION_POINT)
        return b"" if point is None else point.value

    @cached_property
    def authority_key_identifier(self) -> bytes | None:
        """keyIdentifier of authorityKeyIdentifier (5.2.1)."""
        found = self.find(oids.AUTHORITY_KEY_IDENTIFIER)
        if found is None:
            return None
        for node in der.read_whole(found.value).children():
            if node.tag == 0x80:
                return node.value
        return None

    def is_signed_by(self, issuer: Certificate) -> bool:
        """Whether the signature is right with this issuer's key."""
        algorithm = ALGORITHMS.get(der.read(self.outer_algorithm).children()[0].oid())
        return algorithm is not None and verify_raw(issuer.public_key, algorithm, self.signature, self.tbs)


def parse_crl(octets: bytes) -> Crl:
    """A CRL from DER or PEM. Errors: Malformed."""
    if octets.lstrip().startswith(b"-----BEGIN"):
        octets = unwrap_pem(octets, b"X509 CRL")
    return Crl(octets)


def unwrap_pem(octets: bytes, label: bytes) -> bytes:
    """The content of the one PEM block of that label. Errors: Malformed."""
    head, foot = b"-----BEGIN " + label + b"-----", b"-----END " + label + b"-----"
    start, end = octets.find(head), octets.find(foot)
    if start < 0 or end < start:
        raise Malformed(f"a PEM block {label.decode()} expected", 0)
    try:
        return base64.b64decode(b"".join(octets[start + len(head) : end].split()), validate=True)
    except ValueError as error:
        raise Malformed("base64 inside the PEM block expected", start) from error


def read_extensions(node: Node) -> tuple[Extension, ...]:
    """Extensions in their order. Errors: Malformed, also for one that stands twice (RFC 5280 4.2)."""
    found: list[Extension] = []
    for item in node.expect(der.SEQUENCE, "Extensions").iterate():
        parts = item.expect(der.SEQUENCE, "an Extension").children()
        if not 2 <= len(parts) <= 3:
            raise Malformed("an Extension of two or three parts expected", item.start)
        dotted = parts[0].oid()
        if any(dotted == other.oid for other in found):
            raise Malformed(f"one extension {dotted} expected", item.start)
        found.append(Extension(dotted, len(parts) == 3 and parts[1].boolean(), parts[-1].octets()))
    return tuple(found)


def _entry(node: Node) -> Entry:
    parts = node.expect(der.SEQUENCE, "a revoked certificate").children()
    if not 2 <= len(parts) <= 3:
        raise Malformed("a revoked certificate of two or three parts expected", node.start)
    extensions = read_extensions(parts[2]) if len(parts) == 3 else ()
    reason, invalidity = None, None
    for extension in extensions:
        if extension.oid == oids.CRL_REASON:
            reason = der.read_whole(extension.value).expect(der.ENUMERATED, "a CRLReason").integer()
        elif extension.oid == oids.INVALIDITY_DATE:
            invalidity = der.read_whole(extension.value).instant()
    return Entry(parts[0].integer(), parts[1].instant(), reason, invalidity, extensions)


def _integer(extension: Extension | None) -> int | None:
    return None if extension is None else der.read_whole(extension.value).integer()
