"""Certificates, CRLs and OCSP answers written octet by octet, also such as no library would write.

`Ca("Root")` is a key with a name; `.issue(...)` makes a certificate of any shape. The defaults are what a careful
issuer writes, and each test bends one thing. Keys are P-256 and the same in every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import der, oids
from pki.instant import Instant
from verifier.anchors import TrustAnchor, anchor_of
from verifier.certificate import public_key_bits

AT = Instant.parse("2026-11-23T00:00:00Z")
DAY = timedelta(days=1)
ECDSA_SHA256 = der.sequence(der.oid(oids.ECDSA_WITH_SHA256))
RSA_SHA256 = der.sequence(der.oid(oids.SHA256_WITH_RSA), der.null())
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def ec_key(label: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The key of that name: the same in every run."""
    scalar = int.from_bytes(hashlib.sha256(label.encode()).digest()) % (1 << min(curve.key_size, 256) - 8)
    return ec.derive_private_key(scalar | 1, curve())


def spki(key: Key) -> bytes:
    """SubjectPublicKeyInfo, encoded."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(key: Key, octets: bytes, hashing: hashes.HashAlgorithm | None = None) -> bytes:
    """ECDSA or PKCS#1 with SHA-256 unless said otherwise."""
    hashing = hashing or hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), hashing)
    return key.sign(octets, ec.ECDSA(hashing))


def name(*parts: str | tuple[str, str]) -> bytes:
    """A Name: `CN` values, or (type, value) pairs, as UTF8String, one RDN each."""
    pairs = [(oids.COMMON_NAME, part) if isinstance(part, str) else part for part in parts]
    return der.sequence(*(der.set_of(der.sequence(der.oid(type_), der.utf8(text))) for type_, text in pairs))


def extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    """One Extension."""
    return der.sequence(der.oid(oid), der.boolean(True) if critical else b"", der.octet_string(value))


def basic_constraints(ca: bool = True, length: int | None = None, critical: bool = True) -> bytes:
    fields = (der.boolean(True) if ca else b"", b"" if length is None else der.integer(length))
    return extension(oids.BASIC_CONSTRAINTS, der.sequence(*fields), critical)


def key_usage(*positions: int, critical: bool = True) -> bytes:
    return extension(oids.KEY_USAGE, der.named_bits(*positions), critical)


def extended_usage(*purposes: str, critical: bool = False) -> bytes:
    return extension(oids.EXTENDED_KEY_USAGE, der.sequence(*map(der.oid, purposes)), critical)


def subject_key(key: Key, critical: bool = False) -> bytes:
    identifier = hashlib.sha1(public_key_bits(spki(key))).digest()
    return extension(oids.SUBJECT_KEY_IDENTIFIER, der.octet_string(identifier), critical)


def authority_key(key: Key, critical: bool = False) -> bytes:
    identifier = hashlib.sha1(public_key_bits(spki(key))).digest()
    return extension(
        oids.AUTHORITY_KEY_IDENTIFIER, der.sequence(der.context(0, identifier, constructed=False)), critical
    )


def dns(text: str) -> bytes:
    return der.context(2, text.encode(), constructed=False)


def email(text: str) -> bytes:
    return der.context(1, text.encode(), constructed=False)


def uri(text: str) -> bytes:
    return der.context(6, text.encode(), constructed=False)


def ip(octets: bytes) -> bytes:
    return der.context(7, octets, constructed=False)


def directory(encoded: bytes) -> bytes:
    return der.context(4, encoded)


def other_name(oid: str, value: bytes) -> bytes:
    return der.context(0, der.oid(oid), der.context(0, value))


def alternative_names(*names: bytes, critical: bool = False) -> bytes:
    return extension(oids.SUBJECT_ALT_NAME, der.sequence(*names), critical)


def name_constraints(permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = (), critical: bool = True) -> bytes:
    lists = [
        der.context(number, *(der.sequence(base) for base in bases))
        for number, bases in ((0, permitted), (1, excluded))
        if bases
    ]
    return extension(oids.NAME_CONSTRAINTS, der.sequence(*lists), critical)


def policies(*dotted: str, critical: bool = False) -> bytes:
    return extension(oids.CERTIFICATE_POLICIES, der.sequence(*(der.sequence(der.oid(one)) for one in dotted)), critical)


def policy_mappings(*pairs: tuple[str, str], critical: bool = True) -> bytes:
    mapped = (der.sequence(der.oid(one), der.oid(other)) for one, other in pairs)
    return extension(oids.POLICY_MAPPINGS, der.sequence(*mapped), critical)


def policy_constraints(explicit: int | None = None, mapping: int | None = None, critical: bool = True) -> bytes:
    fields = [
        der.tlv(tag, der.integer(value)[2:]) for tag, value in ((0x80, explicit), (0x81, mapping)) if value is not None
    ]
    return extension(oids.POLICY_CONSTRAINTS, der.sequence(*fields), critical)


def distribution_points(*points: bytes) -> bytes:
    return extension(oids.CRL_DISTRIBUTION_POINTS, der.sequence(*points))


def point(full: Sequence[bytes] = (), reasons: bytes = b"", issuer: Sequence[bytes] = ()) -> bytes:
    """One DistributionPoint; `reasons` as a named-bit list's content."""
    fields = [der.context(0, der.context(0, *full))] if full else []
    if reasons:
        fields.append(der.tlv(0x81, reasons))
    if issuer:
        fields.append(der.context(2, *issuer))
    return der.sequence(*fields)


NO_CHECK = extension(oids.OCSP_NO_CHECK, der.null())
CA_USAGE = (5, 6)


def tbs_certificate(
    *,
    issuer: bytes,
    subject: bytes,
    public_key: bytes,
    serial: int,
    not_before: Instant,
    not_after: Instant,
    extensions: Sequence[bytes],
    version: int | None = 3,
    algorithm: bytes = ECDSA_SHA256,
    validity: bytes | None = None,
) -> bytes:
    """A TBSCertificate; `version` None leaves the field out (version 1)."""
    return der.sequence(
        b"" if version is None else der.context(0, der.integer(version - 1)),
        der.integer(serial),
        algorithm,
        issuer,
        validity or der.sequence(der.time(not_before), der.time(not_after)),
        subject,
        public_key,
        der.context(3, der.sequence(*extensions)) if extensions else b"",
    )


@dataclass
class Ca:
    """A certification authority: a name and a key, and the certificates that others made for it."""

    label: str
    named: bytes = b""
    key: Key = field(default=None)  # type: ignore[assignment]
    serial: int = 100

    def __post_init__(self) -> None:
        self.named = self.named or name(self.label)
        self.key = self.key or ec_key(self.label)

    @property
    def algorithm(self) -> bytes:
        return RSA_SHA256 if isinstance(self.key, rsa.RSAPrivateKey) else ECDSA_SHA256

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def issue(
        self,
        subject: bytes | str,
        key: Key | bytes,
        *extensions: bytes,
        serial: int | None = None,
        start: Instant = AT + -365 * DAY,
        end: Instant = AT + 365 * DAY,
        version: int | None = 3,
        algorithm: bytes | None = None,
        outer: bytes | None = None,
        issuer: bytes | None = None,
        validity: bytes | None = None,
    ) -> bytes:
        """A certificate with exactly these extensions."""
        algorithm = self.algorithm if algorithm is None else algorithm
        tbs = tbs_certificate(
            issuer=self.named if issuer is None else issuer,
            subject=name(subject) if isinstance(subject, str) else subject,
            public_key=key if isinstance(key, bytes) else spki(key),
            serial=self.next_serial() if serial is None else serial,
            not_before=start,
            not_after=end,
            extensions=extensions,
            version=version,
            algorithm=algorithm,
            validity=validity,
        )
        return der.sequence(tbs, algorithm if outer is None else outer, der.bit_string(sign(self.key, tbs)))

    def root(self, *more: bytes, **how: object) -> bytes:
        """Its self-signed certificate, with further extensions."""
        return self.issue(
            self.named,
            self.key,
            basic_constraints(),
            key_usage(*CA_USAGE),
            subject_key(self.key),
            *more,
            **how,  # type: ignore[arg-type]
        )

    def anchor(self, *more: bytes) -> TrustAnchor:
        return anchor_of(self.root(*more))

    def ca(self, other: Ca, *more: bytes, length: int | None = None, **how: object) -> bytes:
        """A CA certificate for `other`."""
        return self.issue(
            other.named,
            other.key,
            basic_constraints(True, length),
            key_usage(*CA_USAGE),
            subject_key(other.key),
            authority_key(self.key),
            *more,
            **how,  # type: ignore[arg-type]
        )

    def leaf(self, *more: bytes, label: str = "leaf", usage: Sequence[int] = (0, 1), **how: object) -> bytes:
        """An end-entity certificate."""
        return self.issue(
            how.pop("subject", name(label)),  # type: ignore[arg-type]
            ec_key(label),
            key_usage(*usage),
            subject_key(ec_key(label)),
            authority_key(self.key),
            *more,
            **how,  # type: ignore[arg-type]
        )

    def crl(
        self,
        *entries: bytes,
        this: Instant = AT + -DAY,
        then: Instant | None = AT + DAY,
        number: int | None = 1,
        base: int | None = None,
        scope: bytes | None = None,
        more: Sequence[bytes] = (),
        issuer: bytes | None = None,
        key: Key | None = None,
    ) -> bytes:
        """A CRL. `scope`: the content of issuingDistributionPoint; `base`: makes it a delta CRL."""
        key = key or self.key
        extensions = [authority_key(key)]
        if number is not None:
            extensions.append(extension(oids.CRL_NUMBER, der.integer(number)))
        if base is not None:
            extensions.append(extension(oids.DELTA_CRL_INDICATOR, der.integer(base), True))
        if scope is not None:
            extensions.append(extension(oids.ISSUING_DISTRIBUTION_POINT, der.sequence(scope), True))
        tbs = der.sequence(
            der.integer(1),
            self.algorithm,
            self.named if issuer is None else issuer,
            der.time(this),
            b"" if then is None else der.time(then),
            der.sequence(*entries) if entries else b"",
            der.context(0, der.sequence(*extensions, *more)),
        )
        return der.sequence(tbs, self.algorithm, der.bit_string(sign(key, tbs)))

    def answer(
        self,
        serial: int,
        status: bytes = b"\x80\x00",
        *,
        this: Instant = AT + timedelta(hours=-1),
        then: Instant | None = AT + timedelta(hours=1),
        produced: Instant | None = None,
        responder: Ca | None = None,
        certificates: Sequence[bytes] = (),
        singles: Sequence[bytes] = (),
        nonce: bytes | None = None,
        more: Sequence[bytes] = (),
        by_name: bool = False,
        key: Key | None = None,
    ) -> bytes:
        """An OCSP answer of `responder` (itself if None) about the certificate `serial` of this CA."""
        responder = responder or self
        extensions = list(more)
        if nonce is not None:
            extensions.append(extension(oids.OCSP_NONCE, der.octet_string(nonce)))
        identifier = (
            der.context(1, responder.named)
            if by_name
            else der.context(2, der.octet_string(hashlib.sha1(public_key_bits(spki(responder.key))).digest()))
        )
        tbs = der.sequence(
            identifier,
            der.generalized_time(produced or this),
            der.sequence(*(singles or [self.single(serial, status, this, then)])),
            der.context(1, der.sequence(*extensions)) if extensions else b"",
        )
        basic = der.sequence(
            tbs,
            responder.algorithm,
            der.bit_string(sign(key or responder.key, tbs)),
            der.context(0, der.sequence(*certificates)) if certificates else b"",
        )
        return der.sequence(
            der.enumerated(0),
            der.context(0, der.sequence(der.oid(oids.OCSP_BASIC), der.octet_string(basic))),
        )

    def single(
        self,
        serial: int,
        status: bytes = b"\x80\x00",
        this: Instant = AT + timedelta(hours=-1),
        then: Instant | None = AT + timedelta(hours=1),
        hash_name: str = "sha1",
        more: Sequence[bytes] = (),
        named: bytes | None = None,
        key: Key | None = None,
    ) -> bytes:
        """One SingleResponse."""
        digest = {"sha1": oids.SHA1, "sha256": oids.SHA256, "sha384": oids.SHA384, "sha512": oids.SHA512}[hash_name]
        certid = der.sequence(
            der.sequence(der.oid(digest), der.null()),
            der.octet_string(hashlib.new(hash_name, self.named if named is None else named).digest()),
            der.octet_string(hashlib.new(hash_name, public_key_bits(spki(key or self.key))).digest()),
            der.integer(serial),
        )
        return der.sequence(
            certid,
            status,
            der.generalized_time(this),
            b"" if then is None else der.context(0, der.generalized_time(then)),
            der.context(1, der.sequence(*more)) if more else b"",
        )


def entry(serial: int, since: Instant = AT + -2 * DAY, reason: int | None = None, *more: bytes) -> bytes:
    """One entry of a CRL."""
    extensions = list(more)
    if reason is not None:
        extensions.insert(0, extension(oids.CRL_REASON, der.enumerated(reason)))
    return der.sequence(der.integer(serial), der.time(since), der.sequence(*extensions) if extensions else b"")


def revoked(since: Instant = AT + -2 * DAY, reason: int | None = None) -> bytes:
    """certStatus revoked."""
    return der.context(
        1,
        der.generalized_time(since),
        b"" if reason is None else der.context(0, der.enumerated(reason)),
    )


UNKNOWN = b"\x82\x00"


def scope(
    full: Sequence[bytes] = (),
    user: bool = False,
    ca: bool = False,
    reasons: bytes = b"",
    indirect: bool = False,
    attribute: bool = False,
) -> bytes:
    """The content of issuingDistributionPoint."""
    fields = [der.context(0, der.context(0, *full))] if full else []
    for number, flag in ((1, user), (2, ca)):
        if flag:
            fields.append(der.context(number, b"\xff", constructed=False))
    if reasons:
        fields.append(der.tlv(0x83, reasons))
    for number, flag in ((4, indirect), (5, attribute)):
        if flag:
            fields.append(der.context(number, b"\xff", constructed=False))
    return b"".join(fields)
