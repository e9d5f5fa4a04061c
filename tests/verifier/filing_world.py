"""A small world of authorities, people and responders for the verifier's tests, made with another library than ours.

Certificates, OCSP answers and CRLs come from `cryptography`'s builders, so that the code under test reads what a second
implementation wrote. Keys are P-256 except where RSA is the point: making RSA keys is slow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ca.tsa import TimestampAuthority
from pki import cms, der, oids
from pki.certificate import Certificate
from pki.instant import Instant
from tests.support.chance import SeededOctets

AT = Instant.parse("2026-11-23T00:00:00Z")
ARC = oids.DOCUMENTATION_ARC
SIGNATURE_POLICY = f"{ARC}.1.1"
AUTHENTICATION_POLICY = f"{ARC}.1.2"
OCSP_URL = "http://ocsp.signature.example/"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

PERSONAL = (
    (oids.JPKI_NAME, "実印　花子"),
    (oids.JPKI_DATE_OF_BIRTH, "319800217"),
    (oids.JPKI_GENDER, "2"),
    (oids.JPKI_ADDRESS, "東京都架空市見本町一丁目２番３号"),
    (oids.JPKI_NAME_SUBSTITUTES, "00000"),
    (oids.JPKI_ADDRESS_SUBSTITUTES, "0000000000000000"),
)


@cache
def ec_key(label: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of that name: the same in every run."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return ec.derive_private_key(
        int.from_bytes(hashlib.sha256(label.encode()).digest()) % (order - 1) + 1, ec.SECP256R1()
    )


@cache
def rsa_key(label: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, made once a process for each name."""
    assert label
    return rsa.generate_private_key(65537, bits)


def raw_sign(key: PrivateKey, message: bytes, hashing: hashes.HashAlgorithm | None = None) -> bytes:
    """PKCS#1 v1.5 or ECDSA with SHA-256, as a card makes it."""
    hashing = hashing or hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashing)
    return key.sign(message, ec.ECDSA(hashing))


@dataclass(frozen=True)
class Holder:
    """A certificate with its private key."""

    certificate: Certificate
    key: PrivateKey

    def sign(self, message: bytes) -> bytes:
        return raw_sign(self.key, message)


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sample"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


_serials = iter(range(1 << 100, 1 << 101))


def issue(
    subject: str,
    key: PrivateKey,
    issuer: Holder | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    *,
    serial: int | None = None,
    not_before: Instant = AT + timedelta(days=-30),
    not_after: Instant = AT + timedelta(days=1500),
    hashing: hashes.HashAlgorithm | None = None,
) -> Holder:
    """A certificate with these extensions beside the key identifiers."""
    issuer_name = name(subject) if issuer is None else issuer.certificate.x509.subject
    signing = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(next(_serials) if serial is None else serial)
        .not_valid_before(not_before.datetime)
        .not_valid_after(not_after.datetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Holder(Certificate(builder.sign(signing, hashing or hashes.SHA256()).public_bytes(Encoding.DER)), key)


def usage(*bits: str) -> x509.KeyUsage:
    known = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{bit: bit in bits for bit in known})


def root(subject: str, key: PrivateKey | None = None, **more: Any) -> Holder:
    return issue(
        subject,
        key or ec_key(subject),
        None,
        [(x509.BasicConstraints(ca=True, path_length=None), True), (usage("key_cert_sign", "crl_sign"), True)],
        **{"not_before": AT + timedelta(days=-1000), "not_after": AT + timedelta(days=3000), **more},
    )


def policy_of(oid: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])


def personal_names() -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [x509.OtherName(x509.ObjectIdentifier(oid), der.utf8(text)) for oid, text in PERSONAL]
    )


def aia(url: str = OCSP_URL) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))]
    )


@dataclass
class World:
    """Two independent authorities with a responder each, a person's two certificates, and a time-stamp authority."""

    signature_ca: Holder
    authentication_ca: Holder
    signature_responder: Holder
    authentication_responder: Holder
    tsa_ca: Holder
    tsa: Holder
    signer: Holder
    """The person's signature certificate."""
    login: Holder
    """The person's authentication certificate."""
    revoked: dict[int, tuple[Instant, x509.ReasonFlags, Instant | None]] = field(default_factory=dict)

    def signature_certificate(self, label: str, key: PrivateKey | None = None, **more: Any) -> Holder:
        """Another person's signature certificate."""
        return signature_certificate(label, self.signature_ca, key, **more)

    def revoke(
        self,
        holder: Holder,
        since: Instant,
        reason: x509.ReasonFlags = x509.ReasonFlags.affiliation_changed,
        invalid_from: Instant | None = None,
    ) -> None:
        """From now on every answer says so."""
        self.revoked[holder.certificate.serial] = (since, reason, invalid_from)

    def ocsp_answer(
        self,
        holder: Holder,
        at: Instant,
        *,
        issuer: Holder | None = None,
        responder: Holder | None = None,
        lifetime: timedelta | None = timedelta(hours=1),
        nonce: bytes | None = None,
    ) -> bytes:
        """A genuine OCSP answer for `holder`, produced at `at`."""
        issuer = issuer or self.signature_ca
        responder = responder or self.signature_responder
        since, reason, _ = self.revoked.get(holder.certificate.serial, (None, None, None))
        known = since is not None and since <= at
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=holder.certificate.x509,
                issuer=issuer.certificate.x509,
                algorithm=hashes.SHA256(),
                cert_status=ocsp.OCSPCertStatus.REVOKED if known else ocsp.OCSPCertStatus.GOOD,
                this_update=at.datetime,
                next_update=None if lifetime is None else (at + lifetime).datetime,
                revocation_time=since.datetime if known and since is not None else None,
                revocation_reason=reason if known else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate.x509)
            .certificates([responder.certificate.x509])
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        # the builder stamps producedAt with the machine's clock, so the outer part is made here
        return _produced_at(builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER), at, responder)

    @property
    def authority(self) -> TimestampAuthority:
        """The time-stamp authority, ready to answer."""
        return TimestampAuthority(
            self.tsa.certificate, (), self.tsa.sign, f"{ARC}.3.1", SeededOctets("time-stamp serials")
        )


def _produced_at(response: bytes, at: Instant, responder: Holder) -> bytes:
    status, holder = der.read_whole(response).children()
    kind, octets = holder.children()[0].children()
    data, algorithm, _, *certificates = der.read_whole(octets.octets()).children()
    fields = [part.raw if part.tag != der.GENERALIZED_TIME else der.generalized_time(at) for part in data.children()]
    changed = der.sequence(*fields)
    basic = der.sequence(
        changed,
        algorithm.raw,
        der.bit_string(raw_sign(responder.key, changed)),
        *(part.raw for part in certificates),
    )
    return der.sequence(status.raw, der.context(0, der.sequence(kind.raw, der.octet_string(basic))))


def responder_for(issuer: Holder, label: str, **more: Any) -> Holder:
    return issue(
        label,
        ec_key(label),
        issuer,
        [
            (usage("digital_signature"), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
            (x509.OCSPNoCheck(), False),
        ],
        **more,
    )


def signature_certificate(label: str, issuer: Holder, key: PrivateKey | None = None, **more: Any) -> Holder:
    return issue(
        label,
        key or ec_key(label),
        issuer,
        [
            (usage("digital_signature", "content_commitment"), True),
            (personal_names(), False),
            (policy_of(SIGNATURE_POLICY), True),
            (aia(), False),
        ],
        **more,
    )


def authentication_certificate(label: str, issuer: Holder, key: PrivateKey | None = None, **more: Any) -> Holder:
    return issue(
        label,
        key or ec_key(label),
        issuer,
        [
            (usage("digital_signature"), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
            (policy_of(AUTHENTICATION_POLICY), True),
            (aia("http://ocsp.authentication.example/"), False),
        ],
        **more,
    )


def time_stamp_certificate(label: str, issuer: Holder, **more: Any) -> Holder:
    return issue(
        label,
        ec_key(label),
        issuer,
        [
            (usage("digital_signature"), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
            (x509.OCSPNoCheck(), False),
        ],
        **more,
    )


def build_world() -> World:
    """A fresh world; certificates differ only by serial between two of them."""
    signature_ca, authentication_ca = root("Signature CA"), root("Authentication CA")
    tsa_ca = root("Time-stamp CA")
    return World(
        signature_ca,
        authentication_ca,
        responder_for(signature_ca, "Signature responder"),
        responder_for(authentication_ca, "Authentication responder"),
        tsa_ca,
        time_stamp_certificate("Time-stamp unit", tsa_ca),
        signature_certificate("2026112300000000000000000000", signature_ca),
        authentication_certificate("123456A78BCDEF13101001A", authentication_ca),
    )


def sign_filing(
    holder: Holder,
    document: bytes,
    at: Instant | None = AT,
    *,
    unsigned: Sequence[bytes] = (),
    more: Sequence[bytes] = (),
    content: bytes | None = None,
) -> bytes:
    """A detached CAdES-B signature."""
    digest = hashlib.new(cms.digest_name(holder.certificate), document).digest()
    attributes = cms.to_be_signed(digest, holder.certificate, at, more=more)
    return cms.assemble(
        attributes, holder.sign(attributes), holder.certificate, (), unsigned_attributes=unsigned, content=content
    )


def imprint_of(octets: bytes) -> bytes:
    """A MessageImprint with SHA-256."""
    return der.sequence(der.sequence(der.oid(oids.SHA256)), der.octet_string(hashlib.sha256(octets).digest()))
