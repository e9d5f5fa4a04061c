"""CertificateList in DER (RFC 5280 5.1), written as a stream of octets so that a million entries need one buffer.

    CertificateList        30 len  tbsCertList  signatureAlgorithm  signatureValue
    tbsCertList            30 len  version 1 | AlgorithmIdentifier | issuer | thisUpdate | nextUpdate
                                   | 30 len (one element an entry; left out when there is none) | [0] extensions
    entry                  30 len  serial | revocationDate | 30 len entry extensions (left out when there is none)

Entries are encoded once, when a certificate is revoked, and stored; a CRL is then their concatenation by serial.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ca.keys import SigningKey
from pki import der, oids
from pki.algorithms import ALGORITHMS
from pki.instant import Instant
from pki.revocation import Reason


@runtime_checkable
class StreamSigner(Protocol):
    """A key that can hash the parts of a message one after the other, without a copy of the whole."""

    def sign_parts(self, parts: Iterable[bytes | bytearray]) -> bytes: ...


FULL = "full"
"""The name of the scope that covers everything an issuer has certified."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What certificates a CRL speaks of, as its issuingDistributionPoint tells (RFC 5280 5.2.5)."""

    name: str = FULL
    """How it is called in the database and in paths: `full`, or the number of a partition."""
    partition: int | None = None
    """None for all certificates of the issuer; then there is no issuingDistributionPoint."""
    point: bytes | None = None
    """The DistributionPointName in DER, the very octets of the certificates' cRLDistributionPoints."""

    def issuing_distribution_point(self) -> bytes | None:
        """The value of the extension; None for the whole of an issuer. It is always critical."""
        return None if self.point is None else der.sequence(der.context(0, self.point))


@dataclass(frozen=True, slots=True)
class CrlFields:
    """Everything in a CRL but its entries."""

    issuer: bytes
    authority_key_identifier: bytes
    number: int
    this_update: Instant
    next_update: Instant
    scope: Scope
    base_number: int | None = None
    """The number of the full CRL that this delta adds to; None for a full CRL."""
    freshest_uris: tuple[str, ...] = ()
    """Where deltas to this full CRL are (freshestCRL, RFC 5280 5.2.6)."""


def encode_entry(serial: int, at: Instant, reason: Reason, invalidity_date: Instant | None = None) -> bytes:
    """One entry of revokedCertificates, with its reason and invalidity date (RFC 5280 5.3).

    A reason of unspecified is left out, as 5.3.1 asks.
    """
    extensions = b""
    if reason is not Reason.UNSPECIFIED:
        extensions += extension(oids.CRL_REASON, der.enumerated(reason))
    if invalidity_date is not None:
        extensions += extension(oids.INVALIDITY_DATE, der.generalized_time(invalidity_date))
    return der.sequence(der.integer(serial), der.time(at), der.sequence(extensions) if extensions else b"")


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """An Extension around an encoded value."""
    return der.sequence(der.oid(dotted), der.boolean(True) if critical else b"", der.octet_string(value))


def encode_crl(fields: CrlFields, entries: bytes | bytearray, key: SigningKey) -> Iterator[bytes | bytearray]:
    """The signed CRL in pieces; `entries` are encoded entries in ascending order of serial, put end to end.

    The largest piece is `entries` itself, never copied: a CRL of a million entries needs its own size and no more.
    """
    algorithm = ALGORITHMS[key.shape.signature_algorithm].identifier
    head = b"".join(
        (der.integer(1), algorithm, fields.issuer, der.time(fields.this_update), der.time(fields.next_update))
    )
    if entries:
        head += bytes((der.SEQUENCE,)) + der.length(len(entries))
    tail = der.context(0, der.sequence(*_extensions(fields)))
    size = len(head) + len(entries) + len(tail)
    opening = bytes((der.SEQUENCE,)) + der.length(size)
    signature = der.bit_string(_sign(key, (opening, head, entries, tail)))
    size += len(opening) + len(algorithm) + len(signature)
    yield bytes((der.SEQUENCE,)) + der.length(size)
    yield opening
    yield head
    yield entries
    yield tail
    yield algorithm
    yield signature


def _sign(key: SigningKey, parts: tuple[bytes | bytearray, ...]) -> bytes:
    return key.sign_parts(parts) if isinstance(key, StreamSigner) else key.sign(b"".join(parts))


def _extensions(fields: CrlFields) -> Iterator[bytes]:
    # RFC 5280 5.2.1: the key identifier form, the same as in the certificates of this issuer.
    yield extension(
        oids.AUTHORITY_KEY_IDENTIFIER,
        der.sequence(der.context(0, fields.authority_key_identifier, constructed=False)),
    )
    yield extension(oids.CRL_NUMBER, der.integer(fields.number))
    if fields.base_number is not None:
        yield extension(oids.DELTA_CRL_INDICATOR, der.integer(fields.base_number), critical=True)
    point = fields.scope.issuing_distribution_point()
    if point is not None:
        yield extension(oids.ISSUING_DISTRIBUTION_POINT, point, critical=True)
    # RFC 5280 5.2.6: never in a delta CRL.
    if fields.freshest_uris and fields.base_number is None:
        names = b"".join(der.context(6, uri.encode("ascii"), constructed=False) for uri in fields.freshest_uris)
        yield extension(oids.FRESHEST_CRL, der.sequence(der.sequence(der.context(0, der.context(0, names)))))
