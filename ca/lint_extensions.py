"""Rules about the extensions of any certificate: RFC 5280 4.2, RFC 6960 4.2.2.2.1."""

from collections.abc import Iterator

from ca.authority import key_identifier
from ca.lint_rule import ERROR, NOTICE, WARNING, Rule, entering, extended_usage, is_authority, key_usage
from ca.reading import GeneralName, ReadCertificate, read_general_names
from pki import der, names, oids

EXTENSION_RULES: list[Rule] = []
rule = entering(EXTENSION_RULES)

KNOWN_EXTENSIONS = frozenset(
    {
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.KEY_USAGE,
        oids.SUBJECT_ALT_NAME,
        oids.ISSUER_ALT_NAME,
        oids.BASIC_CONSTRAINTS,
        oids.NAME_CONSTRAINTS,
        oids.CRL_DISTRIBUTION_POINTS,
        oids.CERTIFICATE_POLICIES,
        oids.POLICY_MAPPINGS,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.POLICY_CONSTRAINTS,
        oids.EXTENDED_KEY_USAGE,
        oids.FRESHEST_CRL,
        oids.INHIBIT_ANY_POLICY,
        oids.AUTHORITY_INFO_ACCESS,
        oids.SUBJECT_INFO_ACCESS,
        oids.OCSP_NO_CHECK,
    }
)
_MUST_BE_CRITICAL = {
    oids.NAME_CONSTRAINTS: "4.2.1.10",
    oids.POLICY_CONSTRAINTS: "4.2.1.11",
    oids.INHIBIT_ANY_POLICY: "4.2.1.14",
}
_MUST_NOT_BE_CRITICAL = {
    oids.AUTHORITY_KEY_IDENTIFIER: "4.2.1.1",
    oids.SUBJECT_KEY_IDENTIFIER: "4.2.1.2",
    oids.FRESHEST_CRL: "4.2.1.15",
    oids.AUTHORITY_INFO_ACCESS: "4.2.2.1",
    oids.SUBJECT_INFO_ACCESS: "4.2.2.2",
}


@rule("rfc5280.extension-twice", ERROR, "4.2", "layout")
def _twice(certificate: ReadCertificate) -> Iterator[str]:
    found = [extension.oid for extension in certificate.extensions]
    for oid in sorted({oid for oid in found if found.count(oid) > 1}):
        yield f"extension {oid} is there more than once"


@rule("x690.default-false", ERROR, "X.690 11.5", "explicit")
def _explicit_false(certificate: ReadCertificate) -> Iterator[str]:
    for oid in certificate.explicit:
        yield f"extension {oid} writes its criticality FALSE out"


@rule("rfc5280.unknown-critical", ERROR, "4.2", "layout")
def _unknown_critical(certificate: ReadCertificate) -> Iterator[str]:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in KNOWN_EXTENSIONS:
            yield f"extension {extension.oid} is critical, and few verifiers know it"


@rule("rfc5280.criticality", ERROR, "4.2.1.1, 4.2.1.2, 4.2.1.10, 4.2.1.11, 4.2.1.14, 4.2.1.15, 4.2.2", "layout")
def _criticality(certificate: ReadCertificate) -> Iterator[str]:
    for extension in certificate.extensions:
        if extension.oid in _MUST_BE_CRITICAL and not extension.critical:
            yield f"extension {extension.oid} must be critical ({_MUST_BE_CRITICAL[extension.oid]})"
        if extension.oid in _MUST_NOT_BE_CRITICAL and extension.critical:
            yield f"extension {extension.oid} must not be critical ({_MUST_NOT_BE_CRITICAL[extension.oid]})"


@rule("rfc5280.key-usage-form", ERROR, "4.2.1.3", oids.KEY_USAGE)
def _key_usage_form(certificate: ReadCertificate) -> Iterator[str]:
    bits = key_usage(certificate)
    if bits is None:
        return
    if not bits:
        yield "no bit is set"
    found = certificate.find(oids.KEY_USAGE)
    if found is not None and bits and found.value != der.named_bits(*sorted(bits)):
        yield "the bits are not in DER"


@rule("rfc5280.key-usage-critical", WARNING, "4.2.1.3", oids.KEY_USAGE)
def _key_usage_critical(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.KEY_USAGE)
    if found is not None and not found.critical:
        yield "keyUsage should be critical"


@rule("rfc5280.authority-bits", ERROR, "4.2.1.3, 4.2.1.9", oids.KEY_USAGE, oids.BASIC_CONSTRAINTS)
def _authority_bits(certificate: ReadCertificate) -> Iterator[str]:
    bits, authority = key_usage(certificate), is_authority(certificate)
    if bits is not None and 5 in bits and not authority:
        yield "keyCertSign without cA"
    if authority and bits is None:
        yield "an authority without keyUsage"
    if authority and bits is not None and 5 not in bits:
        yield "an authority whose key may not sign certificates"
    constraints = certificate.find(oids.BASIC_CONSTRAINTS)
    if authority and constraints is not None and not constraints.critical:
        yield "an authority's basicConstraints must be critical"
    if constraints is not None and not authority and len(der.read_whole(constraints.value).children()) > 0:
        yield "basicConstraints of an end entity says more than nothing"


@rule("rfc5280.subject-key", WARNING, "4.2.1.2", oids.SUBJECT_KEY_IDENTIFIER)
def _subject_key(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.SUBJECT_KEY_IDENTIFIER)
    if found is None:
        yield "no subjectKeyIdentifier"
    elif not der.read_whole(found.value).octets():
        yield "an empty subjectKeyIdentifier"


@rule("rfc5280.subject-key-method", NOTICE, "4.2.1.2 (1)", oids.SUBJECT_KEY_IDENTIFIER, "spki")
def _subject_key_method(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.SUBJECT_KEY_IDENTIFIER)
    if found is not None and der.read_whole(found.value).octets() != key_identifier(certificate.spki):
        yield "the identifier is not the SHA-1 of the key's bits"


@rule("rfc5280.authority-key", ERROR, "4.2.1.1", "layout", "issuer", "subject")
def _authority_key(certificate: ReadCertificate) -> Iterator[str]:
    present = any(extension.oid == oids.AUTHORITY_KEY_IDENTIFIER for extension in certificate.extensions)
    if not present and certificate.issuer != certificate.subject:
        yield "no authorityKeyIdentifier"


@rule("rfc5280.authority-key-form", ERROR, "4.2.1.1", oids.AUTHORITY_KEY_IDENTIFIER)
def _authority_key_form(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.AUTHORITY_KEY_IDENTIFIER)
    if found is None:
        return
    tags = [part.tag for part in der.read_whole(found.value).expect(der.SEQUENCE, "a key identifier").children()]
    if 0x80 not in tags:
        yield "no keyIdentifier"
    if (0xA1 in tags) != (0x82 in tags):
        yield "issuer and serial number come together or not at all"


@rule("rfc5280.subject-alt-name", ERROR, "4.2.1.6", oids.SUBJECT_ALT_NAME)
def _subject_alternative(certificate: ReadCertificate) -> Iterator[str]:
    yield from _alternative_faults(certificate, oids.SUBJECT_ALT_NAME)


@rule("rfc5280.issuer-alt-name", ERROR, "4.2.1.7", oids.ISSUER_ALT_NAME)
def _issuer_alternative(certificate: ReadCertificate) -> Iterator[str]:
    yield from _alternative_faults(certificate, oids.ISSUER_ALT_NAME)


def _alternative_faults(certificate: ReadCertificate, oid: str) -> Iterator[str]:
    found = certificate.find(oid)
    if found is None:
        return
    listed = read_general_names(found.value)
    if not listed:
        yield f"extension {oid} is empty"
    for name in listed:
        if name.other is None:
            yield from _general_name_faults(oid, name)
        elif name.other[1].tag != 0xA0 or len(name.other[1].children()) != 1:
            yield f"an otherName of extension {oid} is not a type and one value"


def _general_name_faults(oid: str, name: GeneralName) -> Iterator[str]:
    part = name.node
    if part.tag == 0xA4:
        (directory,) = part.children()
        names.parse_name(directory.raw)
    elif part.tag in (0x81, 0x82, 0x86):
        if not part.value or not part.value.isascii():
            yield f"a name of extension {oid} is empty or not ASCII"
    elif part.tag not in (0x87, 0x88, 0xA3, 0xA5):
        yield f"extension {oid} holds a name of no known kind"


@rule("rfc5280.issuer-alt-critical", WARNING, "4.2.1.7", oids.ISSUER_ALT_NAME)
def _issuer_alt_critical(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.ISSUER_ALT_NAME)
    if found is not None and found.critical:
        yield "issuerAltName should not be critical"


@rule("rfc5280.policies", ERROR, "4.2.1.4", oids.CERTIFICATE_POLICIES)
def _policies(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.CERTIFICATE_POLICIES)
    if found is None:
        return
    seen: set[str] = set()
    for information in der.read_whole(found.value).expect(der.SEQUENCE, "policies").children():
        parts = information.expect(der.SEQUENCE, "a PolicyInformation").children()
        policy = parts[0].oid()
        if policy in seen:
            yield f"policy {policy} is there more than once"
        seen.add(policy)
        for qualifier in parts[1].children() if len(parts) > 1 else ():
            kind, value = qualifier.children()
            if kind.oid() == oids.CPS_QUALIFIER and (value.tag != der.IA5_STRING or b":" not in value.value):
                yield "a CPS pointer is not a URI"
            elif policy == oids.ANY_POLICY and kind.oid() not in (oids.CPS_QUALIFIER, oids.USER_NOTICE_QUALIFIER):
                yield "anyPolicy with a qualifier of another kind"
    if not seen:
        yield "no policy inside"


@rule("rfc5280.distribution-points", ERROR, "4.2.1.13", oids.CRL_DISTRIBUTION_POINTS)
def _points(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.CRL_DISTRIBUTION_POINTS)
    if found is None:
        return
    points = der.read_whole(found.value).expect(der.SEQUENCE, "distribution points").children()
    if not points:
        yield "no distribution point inside"
    for point in points:
        tags = {part.tag for part in point.expect(der.SEQUENCE, "a DistributionPoint").children()}
        if not tags & {0xA0, 0xA2}:
            yield "a distribution point without name and issuer"


@rule("rfc5280.distribution-points-critical", WARNING, "4.2.1.13", oids.CRL_DISTRIBUTION_POINTS)
def _points_critical(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.CRL_DISTRIBUTION_POINTS)
    if found is not None and found.critical:
        yield "cRLDistributionPoints should not be critical"


@rule("rfc5280.extended-key-usage", ERROR, "4.2.1.12", oids.EXTENDED_KEY_USAGE, oids.KEY_USAGE)
def _extended(certificate: ReadCertificate) -> Iterator[str]:
    if certificate.find(oids.EXTENDED_KEY_USAGE) is None:
        return
    purposes = extended_usage(certificate)
    if not purposes:
        yield "no purpose inside"
    bits = key_usage(certificate)
    if bits is None:
        return
    signing = {oids.CLIENT_AUTH, oids.OCSP_SIGNING, oids.CODE_SIGNING, oids.TIME_STAMPING}
    if signing & set(purposes) and not bits & {0, 1}:
        yield "a purpose that needs signatures, and a key that may not sign"


@rule("rfc5280.access", ERROR, "4.2.2.1", oids.AUTHORITY_INFO_ACCESS)
def _access(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.AUTHORITY_INFO_ACCESS)
    if found is None:
        return
    descriptions = der.read_whole(found.value).expect(der.SEQUENCE, "access descriptions").children()
    if not descriptions:
        yield "no access description inside"
    for description in descriptions:
        method, location = description.children()
        if method.oid() in (oids.ACCESS_OCSP, oids.ACCESS_CA_ISSUERS) and location.tag != 0x86:
            yield "an address that is not a URI"


@rule("rfc6960.no-check", ERROR, "RFC 6960 4.2.2.2.1", oids.OCSP_NO_CHECK, oids.EXTENDED_KEY_USAGE)
def _no_check(certificate: ReadCertificate) -> Iterator[str]:
    found = certificate.find(oids.OCSP_NO_CHECK)
    if found is None:
        return
    if found.value != der.null():
        yield "ocsp-nocheck is not NULL"
    if oids.OCSP_SIGNING not in extended_usage(certificate):
        yield "ocsp-nocheck in a certificate that may not sign OCSP answers"


@rule("rfc6960.responder-life", WARNING, "RFC 6960 4.2.2.2.1", oids.OCSP_NO_CHECK, "not_before", "not_after")
def _responder_life(certificate: ReadCertificate) -> Iterator[str]:
    if certificate.find(oids.OCSP_NO_CHECK) is None:
        return
    not_before, not_after = certificate.life
    if (not_after - not_before).days > 397:
        yield "a responder that nobody checks lives longer than 397 days"
