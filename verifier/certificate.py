"""A certificate as the path engine reads it: every field and extension decoded once, strictly, and kept.

    Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
                                  subjectPublicKeyInfo, [1] issuerUniqueID, [2] subjectUniqueID, [3] extensions }

`pki.certificate.Certificate` carries the words that all packages share; this one carries what RFC 5280 6.1 asks for,
also from certificates that `cryptography` refuses (negative serial numbers, encoded defaults).
"""

from hashlib import sha256
from typing import Final

from pki.certificate import Certificate
from pki.errors import Malformed
from verifier import extensions as ext
from verifier.name_preparation import canonical, same
from verifier.walk import SEQUENCE, element, expect, integer, moment, only, row, truth

MAX_OCTETS: Final = 1 << 20
"""No certificate is larger; what is, is not looked into."""

_INFORMATIVE: Final = frozenset({ext.SIA, ext.IAN, ext.AIA, ext.FRESHEST})
_NULL_VALUE: Final = b"\x05\x00"


class ParsedCertificate:
    """One certificate (RFC 5280 4.1). Made by `parse`, never changed after; equality is that of the octets."""

    __slots__ = (
        "access",
        "alternative_names",
        "authority_key",
        "ca",
        "critical",
        "der",
        "distribution_points",
        "extended_usage",
        "extensions",
        "fingerprint",
        "freshest",
        "has_basic_constraints",
        "inhibit_any_policy",
        "inhibit_mapping",
        "inner_algorithm",
        "issuer",
        "key_identifier",
        "key_usage",
        "mappings",
        "name_constraints",
        "no_check",
        "not_after",
        "not_before",
        "oddities",
        "outer_algorithm",
        "path_length",
        "policies",
        "require_explicit",
        "self_issued",
        "serial",
        "signature",
        "spki",
        "subject",
        "tbs",
        "unknown_critical",
        "version",
    )

    der: bytes
    fingerprint: bytes
    """SHA-256 of `der`."""
    tbs: bytes
    version: int
    """1, 2 or 3."""
    serial: int
    inner_algorithm: bytes
    outer_algorithm: bytes
    """The AlgorithmIdentifiers inside and outside of what was signed, encoded."""
    signature: bytes
    issuer: bytes
    subject: bytes
    """Names, encoded."""
    self_issued: bool
    not_before: int
    not_after: int
    """Seconds since 1970, both included."""
    spki: bytes
    """SubjectPublicKeyInfo, encoded."""
    extensions: dict[bytes, bytes]
    """Every extension's value by the content octets of its identifier."""
    critical: frozenset[bytes]
    unknown_critical: tuple[bytes, ...]
    """Critical extensions that nobody here processes."""
    oddities: tuple[str, ...]
    """What the encoding may not be in DER or in the profile, but can be read in one way only; `strict` refuses it."""
    has_basic_constraints: bool
    ca: bool
    path_length: int | None
    key_usage: int | None
    extended_usage: frozenset[bytes] | None
    policies: tuple[bytes, ...] | None
    mappings: tuple[tuple[bytes, bytes], ...]
    require_explicit: int | None
    inhibit_mapping: int | None
    inhibit_any_policy: int | None
    name_constraints: ext.NameConstraints | None
    alternative_names: tuple[ext.GeneralName, ...]
    key_identifier: bytes | None
    authority_key: ext.AuthorityKeyIdentifier | None
    distribution_points: tuple[ext.DistributionPoint, ...]
    freshest: tuple[ext.DistributionPoint, ...]
    access: tuple[tuple[bytes, ext.GeneralName], ...]
    no_check: bool

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParsedCertificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        # the subject may be a person: a fingerprint names the certificate without telling who it is
        return f"ParsedCertificate(sha256={self.fingerprint.hex()[:16]}…)"

    def is_issued_by_name(self, subject: bytes) -> bool:
        """Whether `subject` is this certificate's issuer (RFC 5280 7.1)."""
        return same(self.issuer, subject)

    @property
    def has_empty_subject(self) -> bool:
        """Whether the subject is an empty sequence."""
        return len(self.subject) == 2

    @property
    def key_bits(self) -> bytes:
        """The octets of the public key: no tag, length or unused-bits octet (RFC 6960 4.1.1). Errors: Malformed."""
        return public_key_bits(self.spki)


def public_key_bits(spki: bytes) -> bytes:
    """The octets of the key inside a SubjectPublicKeyInfo. Errors: Malformed."""
    start, stop = only(spki, SEQUENCE, "a SubjectPublicKeyInfo")
    parts = row(spki, start, stop)
    if len(parts) != 2 or parts[1][0] != 0x03 or spki[parts[1][2] : parts[1][2] + 1] != b"\x00":
        raise Malformed("a SubjectPublicKeyInfo of two parts expected", 0)
    return spki[parts[1][2] + 1 : parts[1][3]]


def parse(encoded: bytes | Certificate) -> ParsedCertificate:
    """Read a certificate in DER.

    Errors: Malformed, for anything that is not DER, not a Certificate, or has an extension twice, in a version that
    has none, or one of those processed here that cannot be decoded.
    """
    der = encoded.der if isinstance(encoded, Certificate) else encoded
    if len(der) > MAX_OCTETS:
        raise Malformed("a certificate of more than a megabyte", MAX_OCTETS)
    made = ParsedCertificate.__new__(ParsedCertificate)
    made.der = der
    made.fingerprint = sha256(der).digest()
    start, end = only(der, SEQUENCE, "a Certificate")
    _, tbs_content, tbs_end = element(der, start, end)
    if der[start] != SEQUENCE:
        raise Malformed("a TBSCertificate expected", start)
    made.tbs = der[start:tbs_end]
    _, algorithm_end = expect(der, tbs_end, end, SEQUENCE, "signatureAlgorithm")
    made.outer_algorithm = der[tbs_end:algorithm_end]
    first, last = expect(der, algorithm_end, end, 0x03, "signatureValue")
    if last != end or first == last:
        raise Malformed("a signatureValue at the end expected", first)
    # a value with unused bits is no signature of any algorithm here: it verifies under no key, and no more is wrong
    made.signature = b"" if der[first] else der[first + 1 : last]
    _read_tbs(made, der, tbs_content, tbs_end)
    return made


def _read_tbs(made: ParsedCertificate, der: bytes, at: int, end: int) -> None:
    oddities: list[str] = []
    made.version = 1
    if der[at] == 0xA0:
        _, start, after = element(der, at, end)
        first, last = expect(der, start, after, 0x02, "version")
        number = integer(der, first, last)
        if number not in (0, 1, 2) or last != after:
            raise Malformed("version 1, 2 or 3 expected", at)
        if number == 0:
            oddities.append("the default version is encoded (X.690 11.5)")
        made.version = number + 1
        at = after
    first, last = expect(der, at, end, 0x02, "serialNumber")
    made.serial = integer(der, first, last)
    _, after = expect(der, last, end, SEQUENCE, "signature")
    made.inner_algorithm = der[last:after]
    at = after
    _, after = expect(der, at, end, SEQUENCE, "issuer")
    made.issuer = der[at:after]
    start, at = expect(der, after, end, SEQUENCE, "validity")
    tag, first, last = element(der, start, at)
    made.not_before = moment(tag, der[first:last])
    other, first, last = element(der, last, at)
    if last != at:
        raise Malformed("a Validity of two times expected", last)
    made.not_after = moment(other, der[first:last])
    if (tag == 0x18) != _is_generalized(made.not_before) or (other == 0x18) != _is_generalized(made.not_after):
        oddities.append("a date is not in the type that RFC 5280 4.1.2.5 gives to its year")
    _, after = expect(der, at, end, SEQUENCE, "subject")
    made.subject = der[at:after]
    # both must be Names, though the path compares octets first
    made.self_issued = canonical(made.issuer) == canonical(made.subject)
    _, at = expect(der, after, end, SEQUENCE, "subjectPublicKeyInfo")
    made.spki = der[after:at]
    latest = 0
    made.extensions = {}
    critical: list[bytes] = []
    while at < end:
        tag, start, after = element(der, at, end)
        if tag not in (0x81, 0x82, 0xA3) or tag <= latest:
            raise Malformed("a field of TBSCertificate in its place expected", at)
        if made.version == 1 or (tag == 0xA3 and made.version != 3):
            raise Malformed(f"a field that version {made.version} does not have", at)
        latest = tag
        if tag == 0xA3:
            _read_extensions(made, der, start, after, critical, oddities)
        else:
            oddities.append("a unique identifier, which RFC 5280 4.1.2.8 forbids")
        at = after
    made.critical = frozenset(critical)
    _decode(made, oddities)
    made.oddities = tuple(oddities)


def _is_generalized(seconds: int) -> bool:
    return not -631152000 <= seconds < 2524608000  # 1950 to 2049


def _read_extensions(
    made: ParsedCertificate, der: bytes, at: int, end: int, critical: list[bytes], oddities: list[str]
) -> None:
    """Extensions ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue }"""
    at, stop = expect(der, at, end, SEQUENCE, "extensions")
    if stop != end or at == stop:
        raise Malformed("a row of extensions expected", at)
    found = made.extensions
    while at < stop:
        start, after = expect(der, at, stop, SEQUENCE, "an Extension")
        first, last = expect(der, start, after, 0x06, "extnID")
        identifier = der[first:last]
        if der[last : last + 3] == b"\x01\x01\xff":
            critical.append(identifier)
            last += 3
        elif der[last : last + 1] == b"\x01":
            _, first, last = element(der, last, after)
            truth(der, first, last)
            oddities.append("an extension encodes critical FALSE, the default (X.690 11.5)")
        first, last = expect(der, last, after, 0x04, "extnValue")
        if last != after:
            raise Malformed("octets after extnValue", last)
        if identifier in found:
            raise Malformed("the same extension twice (RFC 5280 4.2)", at)
        found[identifier] = der[first:last]
        at = after


def _decode(made: ParsedCertificate, oddities: list[str]) -> None:
    found = made.extensions
    get = found.get
    made.has_basic_constraints, made.ca, made.path_length = False, False, None
    if (value := get(ext.BC)) is not None:
        made.has_basic_constraints = True
        made.ca, made.path_length, encoded_default = ext.basic_constraints(value)
        if encoded_default:
            oddities.append("BasicConstraints encodes cA FALSE, the default (X.690 11.5)")
    made.key_usage = ext.key_usage(value) if (value := get(ext.KU)) is not None else None
    made.extended_usage = ext.extended_key_usage(value) if (value := get(ext.EKU)) is not None else None
    made.policies = ext.certificate_policies(value) if (value := get(ext.CP)) is not None else None
    made.mappings = ext.policy_mappings(value) if (value := get(ext.PM)) is not None else ()
    made.require_explicit, made.inhibit_mapping = (
        ext.policy_constraints(value) if (value := get(ext.PC)) is not None else (None, None)
    )
    made.inhibit_any_policy = ext.inhibit_any_policy(value) if (value := get(ext.IAP)) is not None else None
    made.name_constraints = ext.name_constraints(value) if (value := get(ext.NC)) is not None else None
    made.alternative_names = ext.alternative_names(value) if (value := get(ext.SAN)) is not None else ()
    made.key_identifier = ext.subject_key_identifier(value) if (value := get(ext.SKI)) is not None else None
    made.authority_key = ext.authority_key_identifier(value) if (value := get(ext.AKI)) is not None else None
    made.distribution_points = ext.distribution_points(value) if (value := get(ext.CDP)) is not None else ()
    made.freshest = ext.distribution_points(value) if (value := get(ext.FRESHEST)) is not None else ()
    made.access = ext.access_descriptions(value) if (value := get(ext.AIA)) is not None else ()
    made.no_check = False
    if (value := get(ext.NO_CHECK)) is not None:
        if value != _NULL_VALUE:
            raise Malformed("id-pkix-ocsp-nocheck with a value other than NULL")
        made.no_check = True
    made.unknown_critical = tuple(oid for oid in found if oid in made.critical and oid not in PROCESSED)


PROCESSED: Final = _INFORMATIVE | {
    ext.BC,
    ext.KU,
    ext.EKU,
    ext.CP,
    ext.PM,
    ext.PC,
    ext.IAP,
    ext.NC,
    ext.SAN,
    ext.SKI,
    ext.AKI,
    ext.CDP,
    ext.NO_CHECK,
}
"""Extensions whose critical flag is no obstacle: they are processed, or tell only where to look."""
