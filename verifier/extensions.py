"""Certificate extensions decoded from their octets (RFC 5280 4.2.1, RFC 6960 4.2.2.2.1).

`cryptography` decodes most of them, but all or none: one BasicConstraints with an encoded default, which old CAs wrote,
makes every extension unreadable, and policyMappings it does not know. OBJECT IDENTIFIERs stay content octets here;
`walk.dotted` writes them for people.
"""

from typing import Final, NamedTuple

from pki import oids
from pki.der import oid
from pki.errors import Malformed
from verifier.walk import SEQUENCE, bits, count, dotted, element, expect, integer, only, row, truth


def key_of(dotted_oid: str) -> bytes:
    """The content octets of an OBJECT IDENTIFIER that is shorter than 128 octets."""
    return oid(dotted_oid)[2:]


SKI: Final = key_of(oids.SUBJECT_KEY_IDENTIFIER)
KU: Final = key_of(oids.KEY_USAGE)
SAN: Final = key_of(oids.SUBJECT_ALT_NAME)
IAN: Final = key_of(oids.ISSUER_ALT_NAME)
BC: Final = key_of(oids.BASIC_CONSTRAINTS)
NC: Final = key_of(oids.NAME_CONSTRAINTS)
CDP: Final = key_of(oids.CRL_DISTRIBUTION_POINTS)
CP: Final = key_of(oids.CERTIFICATE_POLICIES)
PM: Final = key_of(oids.POLICY_MAPPINGS)
AKI: Final = key_of(oids.AUTHORITY_KEY_IDENTIFIER)
PC: Final = key_of(oids.POLICY_CONSTRAINTS)
EKU: Final = key_of(oids.EXTENDED_KEY_USAGE)
FRESHEST: Final = key_of(oids.FRESHEST_CRL)
IAP: Final = key_of(oids.INHIBIT_ANY_POLICY)
AIA: Final = key_of(oids.AUTHORITY_INFO_ACCESS)
SIA: Final = key_of(oids.SUBJECT_INFO_ACCESS)
NO_CHECK: Final = key_of(oids.OCSP_NO_CHECK)
ANY_POLICY: Final = key_of(oids.ANY_POLICY)

# bits of KeyUsage (4.2.1.3), as `walk.bits` numbers them
DIGITAL_SIGNATURE, CONTENT_COMMITMENT, KEY_ENCIPHERMENT, KEY_AGREEMENT = 1 << 0, 1 << 1, 1 << 2, 1 << 4
KEY_CERT_SIGN, CRL_SIGN = 1 << 5, 1 << 6
ALL_REASONS: Final = 0b1_1111_1110
"""Every flag of ReasonFlags (4.2.1.13) but bit 0, which is unused."""

OTHER_NAME, RFC822_NAME, DNS_NAME, DIRECTORY_NAME, URI, IP_ADDRESS = 0, 1, 2, 4, 6, 7
_CONSTRUCTED_NAMES: Final = frozenset({0, 3, 4, 5})


class GeneralName(NamedTuple):
    """One GeneralName (4.2.1.6): the number of the choice, and its content (for directoryName: the encoded Name)."""

    kind: int
    value: bytes


class Subtree(NamedTuple):
    """One GeneralSubtree (4.2.1.10). `bounded`: it has a minimum or maximum, which this profile does not use."""

    kind: int
    value: bytes
    bounded: bool


class NameConstraints(NamedTuple):
    """permittedSubtrees and excludedSubtrees (4.2.1.10)."""

    permitted: tuple[Subtree, ...]
    excluded: tuple[Subtree, ...]


class PointName(NamedTuple):
    """DistributionPointName (4.2.1.13): full names, or one encoded RDN (content octets) relative to the CRL issuer."""

    full: tuple[GeneralName, ...]
    relative: bytes | None


class DistributionPoint(NamedTuple):
    """One DistributionPoint (4.2.1.13); `reasons` None means all."""

    name: PointName | None
    reasons: int | None
    crl_issuer: tuple[GeneralName, ...]


class AuthorityKeyIdentifier(NamedTuple):
    """authorityKeyIdentifier (4.2.1.1)."""

    key_identifier: bytes | None
    issuer: tuple[GeneralName, ...] | None
    serial: int | None


def basic_constraints(value: bytes) -> tuple[bool, int | None, bool]:
    """(cA, pathLenConstraint, whether the default FALSE was encoded, which is not DER). Errors: Malformed."""
    at, end = only(value, SEQUENCE, "BasicConstraints")
    ca, length, encoded_default = False, None, False
    if at < end and value[at] == 0x01:
        _, start, at = element(value, at, end)
        ca = truth(value, start, at)
        encoded_default = not ca
    if at < end:
        start, at = expect(value, at, end, 0x02, "pathLenConstraint")
        length = count(value, start, at, "pathLenConstraint")
    if at != end:
        raise Malformed("BasicConstraints with more than two fields", at)
    return ca, length, encoded_default


def key_usage(value: bytes) -> int:
    """The bits of KeyUsage. Errors: Malformed, also for none set (4.2.1.3: at least one MUST be)."""
    start, stop = only(value, 0x03, "KeyUsage")
    usage = bits(value, start, stop, "KeyUsage")
    if not usage:
        raise Malformed("KeyUsage without any usage", start)
    return usage


def extended_key_usage(value: bytes) -> frozenset[bytes]:
    """The purposes. Errors: Malformed, also for an empty list."""
    start, stop = only(value, SEQUENCE, "ExtKeyUsageSyntax")
    purposes = [_oid(value, entry) for entry in row(value, start, stop)]
    if not purposes:
        raise Malformed("ExtKeyUsageSyntax without a purpose", start)
    return frozenset(purposes)


def _oid(data: bytes, entry: tuple[int, int, int, int]) -> bytes:
    tag, at, start, stop = entry
    if tag != 0x06:
        raise Malformed("an OBJECT IDENTIFIER expected", at)
    content = data[start:stop]
    # an arc that begins with 0x80 is padded, and an unfinished one has no end: without those octets neither can be
    if not 0 < stop - start <= 128 or 0x80 in content or content[-1] & 0x80:
        dotted(content)
    return content


def certificate_policies(value: bytes) -> tuple[bytes, ...]:
    """The policies in order; qualifiers are for people and not read. Errors: Malformed, also for one twice."""
    start, stop = only(value, SEQUENCE, "CertificatePolicies")
    policies = []
    for tag, at, content, end in row(value, start, stop):
        parts = row(value, content, end) if tag == SEQUENCE else []
        if not 1 <= len(parts) <= 2 or (len(parts) == 2 and parts[1][0] != SEQUENCE):
            raise Malformed("PolicyInformation expected", at)
        policies.append(_oid(value, parts[0]))
    if not policies or len(set(policies)) != len(policies):
        raise Malformed("CertificatePolicies is empty or names a policy twice", start)
    return tuple(policies)


def policy_mappings(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """(issuerDomainPolicy, subjectDomainPolicy) pairs. Errors: Malformed."""
    start, stop = only(value, SEQUENCE, "PolicyMappings")
    pairs = []
    for tag, at, content, end in row(value, start, stop):
        parts = row(value, content, end) if tag == SEQUENCE else []
        if len(parts) != 2:
            raise Malformed("a pair of policies expected", at)
        pairs.append((_oid(value, parts[0]), _oid(value, parts[1])))
    if not pairs:
        raise Malformed("PolicyMappings is empty", start)
    return tuple(pairs)


def policy_constraints(value: bytes) -> tuple[int | None, int | None]:
    """(requireExplicitPolicy, inhibitPolicyMapping). Errors: Malformed, also for neither (4.2.1.11)."""
    start, stop = only(value, SEQUENCE, "PolicyConstraints")
    found: dict[int, int] = {}
    last = 0x7F
    for tag, at, content, end in row(value, start, stop):
        if tag not in (0x80, 0x81) or tag <= last:
            raise Malformed("requireExplicitPolicy or inhibitPolicyMapping expected", at)
        last = tag
        found[tag] = count(value, content, end, "SkipCerts")
    if not found:
        raise Malformed("PolicyConstraints is empty", start)
    return found.get(0x80), found.get(0x81)


def inhibit_any_policy(value: bytes) -> int:
    """SkipCerts. Errors: Malformed."""
    start, stop = only(value, 0x02, "InhibitAnyPolicy")
    return count(value, start, stop, "SkipCerts")


def general_names(data: bytes, start: int, stop: int, what: str) -> tuple[GeneralName, ...]:
    """The names that fill `start`..`stop`. Errors: Malformed, also for none."""
    names = tuple(_general_name(data, *entry) for entry in row(data, start, stop))
    if not names:
        raise Malformed(f"{what} without a name", start)
    return names


def _general_name(data: bytes, tag: int, at: int, start: int, stop: int) -> GeneralName:
    kind = tag & 0x1F
    if tag & 0xC0 != 0x80 or kind > 8 or bool(tag & 0x20) != (kind in _CONSTRUCTED_NAMES):
        raise Malformed("a GeneralName expected", at)
    if kind == DIRECTORY_NAME:
        _, end = expect(data, start, stop, SEQUENCE, "a Name")
        if end != stop:
            raise Malformed("a directoryName of one Name expected", end)
    elif kind in (RFC822_NAME, DNS_NAME, URI) and not data[start:stop].isascii():
        raise Malformed("an IA5String expected", at)
    elif kind == OTHER_NAME:
        parts = row(data, start, stop)
        if len(parts) != 2 or parts[1][0] != 0xA0:
            raise Malformed("an otherName of type and value expected", at)
        _oid(data, parts[0])
    return GeneralName(kind, data[start:stop])


def alternative_names(value: bytes) -> tuple[GeneralName, ...]:
    """subjectAltName or issuerAltName. Errors: Malformed, also for an empty one."""
    start, stop = only(value, SEQUENCE, "GeneralNames")
    return general_names(value, start, stop, "GeneralNames")


def name_constraints(value: bytes) -> NameConstraints:
    """Both lists; an absent one is empty. Errors: Malformed, also for a list that is present and empty."""
    start, stop = only(value, SEQUENCE, "NameConstraints")
    found: dict[int, tuple[Subtree, ...]] = {}
    last = 0
    for tag, at, content, end in row(value, start, stop):
        if tag not in (0xA0, 0xA1) or tag <= last:
            raise Malformed("permittedSubtrees or excludedSubtrees expected", at)
        last = tag
        found[tag] = tuple(_subtree(value, *entry) for entry in row(value, content, end))
        if not found[tag]:
            raise Malformed("GeneralSubtrees without a subtree", at)
    return NameConstraints(found.get(0xA0, ()), found.get(0xA1, ()))


def _subtree(data: bytes, tag: int, at: int, start: int, stop: int) -> Subtree:
    parts = row(data, start, stop) if tag == SEQUENCE else []
    if not parts:
        raise Malformed("a GeneralSubtree expected", at)
    name = _general_name(data, *parts[0])
    bounded = any(tag == 0x81 or data[content:end] != b"\x00" for tag, _, content, end in parts[1:])
    return Subtree(name.kind, name.value, bounded)


def distribution_points(value: bytes) -> tuple[DistributionPoint, ...]:
    """cRLDistributionPoints or freshestCRL. Errors: Malformed."""
    start, stop = only(value, SEQUENCE, "CRLDistributionPoints")
    points = []
    for tag, at, content, end in row(value, start, stop):
        if tag != SEQUENCE:
            raise Malformed("a DistributionPoint expected", at)
        name, reasons, last = None, None, 0
        issuer: tuple[GeneralName, ...] = ()
        for part, offset, first, after in row(value, content, end):
            if part & 0x1F < last or part & 0xC0 != 0x80:
                raise Malformed("fields of a DistributionPoint in their order expected", offset)
            last = (part & 0x1F) + 1
            if part == 0xA0:
                name = point_name(value, first, after)
            elif part == 0x81:
                reasons = bits(value, first, after, "ReasonFlags") & ALL_REASONS
            elif part == 0xA2:
                issuer = general_names(value, first, after, "cRLIssuer")
            else:
                raise Malformed("a field of a DistributionPoint expected", offset)
        points.append(DistributionPoint(name, reasons, issuer))
    if not points:
        raise Malformed("CRLDistributionPoints is empty", start)
    return tuple(points)


def point_name(data: bytes, start: int, stop: int) -> PointName:
    """DistributionPointName ::= CHOICE { fullName [0], nameRelativeToCRLIssuer [1] }. Errors: Malformed."""
    tag, content, end = element(data, start, stop)
    if end != stop or tag not in (0xA0, 0xA1):
        raise Malformed("a DistributionPointName expected", start)
    if tag == 0xA0:
        return PointName(general_names(data, content, end, "fullName"), None)
    return PointName((), data[content:end])


def subject_key_identifier(value: bytes) -> bytes:
    """The identifier. Errors: Malformed."""
    if value[:2] == b"\x04\x14" and len(value) == 22:
        return value[2:]
    start, stop = only(value, 0x04, "SubjectKeyIdentifier")
    return value[start:stop]


def authority_key_identifier(value: bytes) -> AuthorityKeyIdentifier:
    """All three fields. Errors: Malformed."""
    start, stop = only(value, SEQUENCE, "AuthorityKeyIdentifier")
    identifier = issuer = serial = None
    last = -1
    for tag, at, content, end in row(value, start, stop):
        if tag & 0x1F <= last:
            raise Malformed("fields of AuthorityKeyIdentifier in their order expected", at)
        last = tag & 0x1F
        if tag == 0x80:
            identifier = value[content:end]
        elif tag == 0xA1:
            issuer = general_names(value, content, end, "authorityCertIssuer")
        elif tag == 0x82:
            serial = integer(value, content, end)
        else:
            raise Malformed("a field of AuthorityKeyIdentifier expected", at)
    return AuthorityKeyIdentifier(identifier, issuer, serial)


def access_descriptions(value: bytes) -> tuple[tuple[bytes, GeneralName], ...]:
    """authorityInfoAccess or subjectInfoAccess (4.2.2). Errors: Malformed."""
    start, stop = only(value, SEQUENCE, "AuthorityInfoAccessSyntax")
    found = []
    for tag, at, content, end in row(value, start, stop):
        parts = row(value, content, end) if tag == SEQUENCE else []
        if len(parts) != 2:
            raise Malformed("an AccessDescription expected", at)
        found.append((_oid(value, parts[0]), _general_name(value, *parts[1])))
    if not found:
        raise Malformed("AuthorityInfoAccessSyntax is empty", start)
    return tuple(found)
