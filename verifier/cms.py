"""CMS SignedData (RFC 5652) read strictly, and what one signature in it says before anybody is believed.

    SignedData ::= SEQUENCE { version, digestAlgorithms SET, encapContentInfo SEQUENCE { eContentType, [0] eContent },
                              certificates [0] IMPLICIT SET, crls [1] IMPLICIT SET, signerInfos SET }
    SignerInfo ::= SEQUENCE { version, sid, digestAlgorithm, signedAttrs [0] IMPLICIT SET, signatureAlgorithm,
                              signature, unsignedAttrs [1] IMPLICIT SET }

RFC 5652 allows BER around the signed attributes; every producer we accept writes DER, and reading only DER leaves no
second way to read the same octets. Nothing here recurses: the walk goes down by hand, level by level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pki import der, oids
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from verifier.errors import FormatFailure, UnacceptableAlgorithm
from verifier.kept import kept
from verifier.policy import Limits
from verifier.schemes import Scheme, algorithm_identifier, hash_named, scheme_of
from verifier.walk import dotted, integer, only, row

ATTRIBUTE_REVOCATION_VALUES: Final = "1.2.840.113549.1.9.16.2.24"
ATTRIBUTE_CERTIFICATE_VALUES: Final = "1.2.840.113549.1.9.16.2.23"
ATTRIBUTE_ADOBE_REVOCATION: Final = "1.2.840.113583.1.1.8"
ATTRIBUTE_CONTENT_TIMESTAMP: Final = "1.2.840.113549.1.9.16.2.20"
ATTRIBUTE_ARCHIVE_TIMESTAMP_V3: Final = "0.4.0.1733.2.4"
ATTRIBUTE_SIGNATURE_POLICY: Final = "1.2.840.113549.1.9.16.2.15"
OTHER_REVOCATION_OCSP: Final = "1.3.6.1.5.5.7.16.2"


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signature: who says to have made it, over what, and how."""

    issuer: bytes | None
    """sid: the issuer's Name encoded, with `serial`; or None with `key_identifier`."""
    serial: int | None
    key_identifier: bytes | None
    digest_oid: str
    digest_parameters: bytes | None
    signature_oid: str
    signature_parameters: bytes | None
    signature: bytes
    signed_attributes: bytes
    """The SET OF Attribute in DER that was signed; empty when there are none."""
    attributes: dict[str, tuple[bytes, ...]]
    """Signed attributes: identifier → encoded values; no identifier occurs twice."""
    unsigned: dict[str, tuple[bytes, ...]]
    """Unsigned attributes likewise; values of equal identifiers are joined."""

    def one(self, oid: str) -> bytes | None:
        """The single value of a signed attribute, None if the attribute is absent.

        Errors: FormatFailure if it has no value or several (RFC 5652 11: contentType, messageDigest and signingTime
        are single-valued; a reader that picks one of two lets the signer say two things).
        """
        values = self.attributes.get(oid)
        if values is None:
            return None
        if len(values) != 1:
            raise FormatFailure(f"the signed attribute {oid} has {len(values)} values", "RFC 5652 11")
        return values[0]

    @property
    def digest_name(self) -> str:
        """The message digest's name. Errors: UnacceptableAlgorithm."""
        return hash_named(self.digest_oid, self.digest_parameters)

    @property
    def scheme(self) -> Scheme:
        """The signature scheme, digest and signature algorithm agreeing. Errors: UnacceptableAlgorithm."""
        return scheme_of(self.signature_oid, self.signature_parameters, self.digest_name)

    @property
    def message_digest(self) -> bytes | None:
        """Errors: FormatFailure."""
        value = self.one(oids.MESSAGE_DIGEST)
        return None if value is None else _strictly(value, "messageDigest").octets()

    @property
    def signed_content_type(self) -> str | None:
        """Errors: FormatFailure."""
        value = self.one(oids.CONTENT_TYPE)
        return None if value is None else _strictly(value, "contentType").oid()

    @property
    def claimed_time(self) -> Instant | None:
        """signingTime: a claim of the signer's, no proof. Errors: FormatFailure."""
        value = self.one(oids.SIGNING_TIME)
        return None if value is None else _strictly(value, "signingTime").instant()

    @property
    def bound_certificates(self) -> tuple[tuple[str, bytes, bytes | None], ...]:
        """What signing-certificate(-v2) binds: (hash name, certificate hash, encoded issuerSerial or None) each.

        Errors: FormatFailure, UnacceptableAlgorithm.
        """
        bound: list[tuple[str, bytes, bytes | None]] = []
        for oid, default in ((oids.SIGNING_CERTIFICATE_V2, "sha256"), (oids.SIGNING_CERTIFICATE, "sha1")):
            value = self.one(oid)
            if value is None:
                continue
            lists = _strictly(value, "signingCertificate").expect(der.SEQUENCE, "signingCertificate").children()
            if not 1 <= len(lists) <= 2:
                raise FormatFailure("signingCertificate has not one or two parts", "RFC 5035 3")
            for entry in lists[0].expect(der.SEQUENCE, "certs").iterate():
                parts = entry.expect(der.SEQUENCE, "ESSCertID").children()
                name = default
                if oid == oids.SIGNING_CERTIFICATE_V2 and parts and parts[0].tag == der.SEQUENCE:
                    name = hash_named(*algorithm_identifier(parts.pop(0)))
                if not 1 <= len(parts) <= 2:
                    raise FormatFailure("ESSCertID has parts that it must not have", "RFC 5035 4")
                bound.append((name, parts[0].octets(), parts[1].raw if len(parts) == 2 else None))
        return tuple(bound)


@dataclass(frozen=True, slots=True)
class SignedData:
    """A parsed SignedData."""

    content_type: str
    content: bytes | None
    """The enclosed document; None when detached."""
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    ocsp: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]


def _strictly(value: bytes, what: str) -> der.Node:
    try:
        return der.read_whole(value)
    except Malformed as bad:
        raise FormatFailure(f"{what} is not DER", "RFC 5652 5.3") from bad


def parse_signed_data(octets: bytes, limits: Limits) -> SignedData:
    """Read a ContentInfo with SignedData.

    Errors: FormatFailure with the rule that was broken; nothing else, whatever the octets are.
    """
    if len(octets) > limits.signature_octets + limits.document_octets:
        raise FormatFailure("it is larger than is accepted", "limits")
    try:
        return _signed_data(octets, limits)
    except Malformed as bad:
        raise FormatFailure(bad.reason, "RFC 5652 5.1, X.690") from bad


_Part = tuple[int, int, int, int]
"""An element as `walk.row` gives it: tag, start, start of content, end."""


def _signed_data(octets: bytes, limits: Limits) -> SignedData:
    content_info = row(octets, *only(octets, der.SEQUENCE, "a ContentInfo"))
    if len(content_info) != 2 or content_info[1][0] != 0xA0 or _oid(octets, content_info[0]) != oids.CMS_SIGNED_DATA:
        raise FormatFailure("it is not a ContentInfo with SignedData", "RFC 5652 3, 5.1")
    (signed_data,) = _exactly(octets, content_info[1], 1, "RFC 5652 3")
    parts = _inside(octets, signed_data, der.SEQUENCE, "SignedData")
    tags = [part[0] for part in parts]
    if tags not in _SHAPES:
        raise FormatFailure("the parts of SignedData are not those of the standard", "RFC 5652 5.1")
    if integer(octets, parts[0][2], parts[0][3]) not in (1, 3, 4, 5):
        raise FormatFailure("there is no SignedData of that version", "RFC 5652 5.1")
    listed_digests = {_algorithm(_raw(octets, part))[0] for part in _bounded(octets, parts[1], limits.attributes)}
    encapsulated = _inside(octets, parts[2], der.SEQUENCE, "encapContentInfo")
    if not 1 <= len(encapsulated) <= 2:
        raise FormatFailure("encapContentInfo has not one or two parts", "RFC 5652 5.2")
    content = None
    if len(encapsulated) == 2:
        if encapsulated[1][0] != 0xA0:
            raise Malformed("eContent expected", encapsulated[1][1])
        (holder,) = _exactly(octets, encapsulated[1], 1, "RFC 5652 5.2")
        content = _octets(octets, holder)
    certificates: tuple[bytes, ...] = ()
    crls: list[bytes] = []
    ocsp: list[bytes] = []
    for part in parts[3:-1]:
        nodes = _bounded(octets, part, limits.certificates)
        if part[0] == 0xA0:
            # other choices (attribute certificates, PKCS#6) are no certificates of ours and are passed over
            certificates = tuple(_raw(octets, node) for node in nodes if node[0] == der.SEQUENCE)
        else:
            for node in nodes:
                if node[0] == der.SEQUENCE:
                    crls.append(_raw(octets, node))
                elif node[0] == 0xA1:
                    kind, *values = row(octets, node[2], node[3]) or [node]
                    if len(values) == 1 and _oid(octets, kind) == OTHER_REVOCATION_OCSP:  # RFC 5940 2
                        ocsp.append(_raw(octets, values[0]))
    signers = tuple(
        _signer_info(octets, node, listed_digests, limits) for node in _bounded(octets, parts[-1], limits.signatures)
    )
    return SignedData(_oid(octets, encapsulated[0]), content, certificates, tuple(crls), tuple(ocsp), signers)


_SHAPES: Final = tuple(
    [der.INTEGER, der.SET, der.SEQUENCE, *middle, der.SET] for middle in ([], [0xA0], [0xA1], [0xA0, 0xA1])
)
_SIGNER_SHAPES: Final = tuple(
    [der.INTEGER, sid, der.SEQUENCE, *signed, der.SEQUENCE, der.OCTET_STRING, *unsigned]
    for sid in (der.SEQUENCE, 0x80)
    for signed in ([0xA0], [])
    for unsigned in ([0xA1], [])
)


def _raw(octets: bytes, part: _Part) -> bytes:
    return octets[part[1] : part[3]]


def _inside(octets: bytes, part: _Part, tag: int, what: str) -> list[_Part]:
    if part[0] != tag:
        raise Malformed(f"{what} expected", part[1])
    return row(octets, part[2], part[3])


def _oid(octets: bytes, part: _Part) -> str:
    if part[0] != der.OID:
        raise Malformed("an OBJECT IDENTIFIER expected", part[1])
    return dotted(octets[part[2] : part[3]])


def _octets(octets: bytes, part: _Part) -> bytes:
    if part[0] != der.OCTET_STRING:
        raise Malformed("an OCTET STRING expected", part[1])
    return octets[part[2] : part[3]]


@kept(most=256, octets=256)
def _algorithm(encoded: bytes) -> tuple[str, bytes | None]:
    return algorithm_identifier(der.read_whole(encoded))


def _exactly(octets: bytes, part: _Part, count: int, clause: str) -> list[_Part]:
    children = row(octets, part[2], part[3])
    if len(children) != count:
        raise FormatFailure(f"{len(children)} elements where {count} belong", clause)
    return children


def _bounded(octets: bytes, part: _Part, most: int) -> list[_Part]:
    children = row(octets, part[2], part[3])
    if len(children) > most:
        raise FormatFailure(f"more than {most} elements in one set", "limits")
    return children


def _signer_info(octets: bytes, node: _Part, listed_digests: set[str], limits: Limits) -> SignerInfo:
    parts = _inside(octets, node, der.SEQUENCE, "SignerInfo")
    if [part[0] for part in parts] not in _SIGNER_SHAPES:
        raise FormatFailure("the parts of SignerInfo are not those of the standard", "RFC 5652 5.3")
    version, sid = integer(octets, parts[0][2], parts[0][3]), parts[1]
    issuer = serial = key_identifier = None
    if sid[0] == der.SEQUENCE:
        name, number = _exactly(octets, sid, 2, "RFC 5652 10.2.4")
        if number[0] != der.INTEGER:
            raise Malformed("an INTEGER expected", number[1])
        issuer, serial = _raw(octets, name), integer(octets, number[2], number[3])
    else:
        key_identifier = octets[sid[2] : sid[3]]
    if version != (1 if issuer is not None else 3):
        raise FormatFailure("the version of SignerInfo does not fit its sid", "RFC 5652 5.3")
    digest_oid, digest_parameters = _algorithm(_raw(octets, parts[2]))
    if digest_oid not in listed_digests:
        raise FormatFailure("the signer's digest is not among digestAlgorithms", "RFC 5652 5.1")
    rest = parts[3:]
    signed_attributes, attributes = b"", {}
    if rest[0][0] == 0xA0:
        signed = rest.pop(0)
        attributes = _attributes(octets, signed, limits, "signed")
        # signed as SET OF, sent as [0]: 5.4 has the tag changed back before hashing
        signed_attributes = b"\x31" + octets[signed[1] + 1 : signed[3]]
    signature_oid, signature_parameters = _algorithm(_raw(octets, rest[0]))
    unsigned = _attributes(octets, rest[2], limits, "unsigned") if len(rest) == 3 else {}
    return SignerInfo(
        issuer,
        serial,
        key_identifier,
        digest_oid,
        digest_parameters,
        signature_oid,
        signature_parameters,
        octets[rest[1][2] : rest[1][3]],
        signed_attributes,
        attributes,
        unsigned,
    )


def _attributes(octets: bytes, node: _Part, limits: Limits, which: str) -> dict[str, tuple[bytes, ...]]:
    found: dict[str, tuple[bytes, ...]] = {}
    before = b""
    encoded = _bounded(octets, node, limits.attributes)
    if not encoded:
        raise FormatFailure(f"the {which} attributes are an empty set", "RFC 5652 5.3")
    for child in encoded:
        parts = _inside(octets, child, der.SEQUENCE, "Attribute")
        if len(parts) != 2 or parts[1][0] != der.SET:
            raise FormatFailure("an attribute is not a type with a set of values", "RFC 5652 5.3")
        oid = _oid(octets, parts[0])
        values = tuple([_raw(octets, value) for value in _bounded(octets, parts[1], limits.attributes)])
        if which == "signed":
            if oid in found:
                raise FormatFailure(f"the signed attribute {oid} occurs twice", "RFC 5652 5.3")
            # the digest is over DER: another order on the wire would need a second, re-sorted reading
            whole = _raw(octets, child)
            if whole < before:
                raise FormatFailure("the signed attributes are not in DER order", "RFC 5652 5.4, X.690 11.6")
            before = whole
        found[oid] = found.get(oid, ()) + values
    return found


def looks_like_attributes(content: bytes) -> bool:
    """Whether a document is itself a SET OF Attribute.

    A signature without signed attributes over such a document may be the signature of another document: the value
    over the attributes serves as a value over a content of the same octets (RFC 5652 5.4 leaves the two alike).
    """
    try:
        node = der.read_whole(content)
        return node.tag == der.SET and all(
            child.tag == der.SEQUENCE and child.children()[0].tag == der.OID for child in node.iterate()
        )
    except (Malformed, IndexError):
        return False


Bound = tuple[tuple[str, bytes, bytes | None], ...]
"""What `SignerInfo.bound_certificates` gives."""


def find_signer(
    signer: SignerInfo, bound: Bound, certificates: Sequence[Certificate]
) -> tuple[Certificate | None, str]:
    """The signing certificate and, if there is none, why (EN 319 102-1 5.2.3; EN 319 122-1 5.2.2).

    It is the certificate that `sid` names AND that signing-certificate-v2 binds by hash: the sid alone is unsigned,
    so that somebody could put another certificate with the same key, or of the same number, in its place.
    Errors: FormatFailure, UnacceptableAlgorithm.
    """
    if not bound:
        return None, "the signed attributes bind no signing certificate"
    hash_name, expected, issuer_serial = bound[0]
    for certificate in certificates:
        if hashlib.new(hash_name, certificate.der).digest() != expected or not _is_named(signer, certificate):
            continue
        if issuer_serial is not None and not _same_issuer_serial(issuer_serial, certificate):
            return None, "issuerSerial in signing-certificate names another certificate than its hash"
        return certificate, ""
    if any(_is_named(signer, certificate) for certificate in certificates):
        return None, "the certificate that sid names is not the one that the signed attributes bind"
    return None, "no certificate at hand is the one that sid names"


def _is_named(signer: SignerInfo, certificate: Certificate) -> bool:
    try:
        if signer.issuer is not None:
            return certificate.serial == signer.serial and certificate.issuer == signer.issuer
        return certificate.key_identifier is not None and certificate.key_identifier == signer.key_identifier
    except Malformed:
        return False


def _same_issuer_serial(issuer_serial: bytes, certificate: Certificate) -> bool:
    try:
        names, serial = der.read_whole(issuer_serial).children()
        (general_name,) = names.children()
        (name,) = general_name.expect(0xA4, "directoryName").children()
        return name.raw == certificate.issuer and serial.integer() == certificate.serial
    except (Malformed, ValueError):
        return False


__all__ = [
    "SignedData",
    "SignerInfo",
    "UnacceptableAlgorithm",
    "find_signer",
    "looks_like_attributes",
    "parse_signed_data",
]
