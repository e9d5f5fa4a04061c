"""A certificate as the path engine reads it: every field and extension decoded once, strictly, and kept.

    Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
                                  subjectPublicKeyInfo, [1] issuerUniqueID, [2] subjectUniqueID, [3] extensions }

`pki.certificate.Certificate` carries the words that all packages share; this one carries what RFC 5280 6.1 asks for,
also from certificates that `cryptography` refuses (negative serial numbers, encoded defaults).
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pki.certificate import Certificate
from pki.errors import Malformed
from verifier import extensions as ext
from verifier.kept import kept
from verifier.name_preparation import canonical, same
from verifier.walk import SEQUENCE, element, expect, integer, moment, only, row, truth

MAX_OCTETS: Final = 1 << 20
"""No certificate is larger; what is, is not looked into."""

_NULL_VALUE: Final = b"\x05\x00"
_VERSION_3: Final = b"\xa0\x03\x02\x01\x02"
_UTC_TIME: Final = b"\x17\x0d"
_TWO_UTC_TIMES: Final = b"\x30\x1e" + _UTC_TIME
"""How versions and validities nearly always begin: what is so is read without a walk."""


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
    if der[at : at + 5] == _VERSION_3:
        made.version = 3
        at += 5
    elif der[at] == 0xA0:
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
    if der[after : after + 4] == _TWO_UTC_TIMES and der[after + 17 : after + 19] == _UTC_TIME and after + 32 <= end:
        tag = other = 0x17
        at = after + 32
        made.not_before, made.not_after = moment(tag, der[after + 4 : after + 17]), moment(tag, der[after + 19 : at])
    else:
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
    decoded: dict[bytes, Any] = {}
    while at < end:
        tag, start, after = element(der, at, end)
        if tag not in (0x81, 0x82, 0xA3) or tag <= latest:
            raise Malformed("a field of TBSCertificate in its place expected", at)
        if made.version == 1 or (tag == 0xA3 and made.version != 3):
            raise Malformed(f"a field that version {made.version} does not have", at)
        latest = tag
        if tag == 0xA3:
            decoded = _read_extensions(made, der, start, after, critical, oddities)
        else:
            oddities.append("a unique identifier, which RFC 5280 4.1.2.8 forbids")
        at = after
    made.critical = frozenset(critical)
    made.unknown_critical = tuple([identifier for identifier in critical if identifier not in PROCESSED])
    _spread(made, decoded)
    made.oddities = tuple(oddities)


def _is_generalized(seconds: int) -> bool:
    return not -631152000 <= seconds < 2524608000  # 1950 to 2049


class _Extension(NamedTuple):
    """One Extension, read and decoded."""

    identifier: bytes
    critical: bool
    value: bytes
    decoded: Any
    """What the decoder of its kind gives; None for one that is not processed here."""
    oddity: str = ""


def _read_extensions(
    made: ParsedCertificate, der: bytes, at: int, end: int, critical: list[bytes], oddities: list[str]
) -> dict[bytes, Any]:
    """Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension: what was decoded, by identifier"""
    at, stop = expect(der, at, end, SEQUENCE, "extensions")
    if stop != end or at == stop:
        raise Malformed("a row of extensions expected", at)
    found, decoded = made.extensions, {}
    while at < stop:
        # a signature follows `stop`, so that the octet asked for is there
        after = at + 2 + der[at + 1]
        if der[at] != SEQUENCE or der[at + 1] >= 0x80 or after > stop:
            _, after = expect(der, at, stop, SEQUENCE, "an Extension")
        octets = der[at:after]
        identifier, is_critical, value, content, oddity = (
            _read_extension(octets) if octets[2:7] in _OF_ITS_OWN else known_extension(octets)
        )
        if identifier in found:
            raise Malformed("the same extension twice (RFC 5280 4.2)", at)
        found[identifier] = value
        if is_critical:
            critical.append(identifier)
        if content is not None:
            decoded[identifier] = content
        if oddity:
            oddities.append(oddity)
        at = after
    return decoded


_OF_ITS_OWN: Final = frozenset({b"\x06\x03" + ext.SKI, b"\x06\x03" + ext.SAN})
"""Extensions that no two certificates share: they are not kept. The others are mostly the same below one issuer."""


def _read_extension(octets: bytes) -> _Extension:
    """Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }"""
    size, oddity = len(octets), ""
    # headers in the short form, without a call
    last = 4 + octets[3] if size > 6 else size
    critical = octets[last : last + 3] == b"\x01\x01\xff"
    first = last + 5 if critical else last + 2
    if (
        first <= size < 0x82
        and octets[0] == SEQUENCE
        and octets[1] == size - 2
        and octets[2] == 0x06
        and octets[first - 2] == 0x04
        and octets[first - 1] == size - first
    ):
        return _decoded(octets[4:last], critical, octets[first:], "")
    start, after = only(octets, SEQUENCE, "an Extension")
    first, last = expect(octets, start, after, 0x06, "extnID")
    identifier = octets[first:last]
    critical = False
    if octets[last : last + 1] == b"\x01":
        _, first, last = element(octets, last, after)
        critical = truth(octets, first, last)
        if not critical:
            oddity = "an extension encodes critical FALSE, the default (X.690 11.5)"
    first, last = expect(octets, last, after, 0x04, "extnValue")
    if last != after:
        raise Malformed("octets after extnValue", last)
    return _decoded(identifier, critical, octets[first:last], oddity)


def _decoded(identifier: bytes, critical: bool, value: bytes, oddity: str) -> _Extension:
    decoder = _DECODERS.get(identifier)
    content: Any = None if decoder is None else decoder(value)
    if identifier == ext.BC and content[2]:
        oddity = oddity or "BasicConstraints encodes cA FALSE, the default (X.690 11.5)"
    return _Extension(identifier, critical, value, content, oddity)


known_extension: Final = kept(most=4096, octets=512)(_read_extension)
"""The same, kept by the octets of the whole Extension."""


def _no_check(value: bytes) -> bool:
    if value != _NULL_VALUE:
        raise Malformed("id-pkix-ocsp-nocheck with a value other than NULL")
    return True


_DECODERS: Final[dict[bytes, Callable[[bytes], Any]]] = {
    ext.BC: ext.basic_constraints,
    ext.KU: ext.key_usage,
    ext.EKU: ext.extended_key_usage,
    ext.CP: ext.certificate_policies,
    ext.PM: ext.policy_mappings,
    ext.PC: ext.policy_constraints,
    ext.IAP: ext.inhibit_any_policy,
    ext.NC: ext.name_constraints,
    ext.SAN: ext.alternative_names,
    ext.SKI: ext.subject_key_identifier,
    ext.AKI: ext.authority_key_identifier,
    ext.CDP: ext.distribution_points,
    ext.FRESHEST: ext.distribution_points,
    ext.AIA: ext.access_descriptions,
    ext.NO_CHECK: _no_check,
}


def _spread(made: ParsedCertificate, decoded: dict[bytes, Any]) -> None:
    get = decoded.get
    constraints = get(ext.BC)
    made.has_basic_constraints = constraints is not None
    made.ca, made.path_length, _ = constraints or (False, None, False)
    made.key_usage = get(ext.KU)
    made.extended_usage = get(ext.EKU)
    made.policies = get(ext.CP)
    made.mappings = get(ext.PM, ())
    made.require_explicit, made.inhibit_mapping = get(ext.PC, (None, None))
    made.inhibit_any_policy = get(ext.IAP)
    made.name_constraints = get(ext.NC)
    made.alternative_names = get(ext.SAN, ())
    made.key_identifier = get(ext.SKI)
    made.authority_key = get(ext.AKI)
    made.distribution_points = get(ext.CDP, ())
    made.freshest = get(ext.FRESHEST, ())
    made.access = get(ext.AIA, ())
    made.no_check = get(ext.NO_CHECK, False)


PROCESSED: Final = frozenset({*_DECODERS, ext.SIA, ext.IAN})
"""Extensions whose critical flag is no obstacle: they are processed, or tell only where to look."""
