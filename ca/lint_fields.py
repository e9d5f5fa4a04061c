"""Rules about the fields of any certificate: RFC 5280 4.1 and the RFCs it leans on."""

from collections.abc import Iterator

from ca.key_policy import is_readable, rsa_faults
from ca.lint_rule import ERROR, WARNING, Rule, entering, is_authority, name_parts
from ca.reading import ReadCertificate
from pki import der, names, oids
from pki.algorithms import ALGORITHMS

FIELD_RULES: list[Rule] = []
rule = entering(FIELD_RULES)

_UPPER_BOUNDS = {
    oids.COMMON_NAME: 64,
    oids.ORGANIZATION_NAME: 64,
    oids.ORGANIZATIONAL_UNIT_NAME: 64,
    oids.LOCALITY_NAME: 128,
    oids.STATE_OR_PROVINCE_NAME: 128,
    oids.SERIAL_NUMBER: 64,
    oids.EMAIL_ADDRESS: 255,
}


@rule("rfc5280.version", ERROR, "4.1.2.1", "version", "layout")
def _version(certificate: ReadCertificate) -> Iterator[str]:
    if certificate.extensions and certificate.version != 2:
        yield "a certificate with extensions is version 3"


@rule("rfc5280.serial-positive", ERROR, "4.1.2.2", "serial")
def _serial_positive(certificate: ReadCertificate) -> Iterator[str]:
    if certificate.serial[0] & 0x80 or not any(certificate.serial):
        yield "the serial number is not positive"


@rule("rfc5280.serial-length", ERROR, "4.1.2.2", "serial")
def _serial_length(certificate: ReadCertificate) -> Iterator[str]:
    if len(certificate.serial) > 20:
        yield f"the serial number has {len(certificate.serial)} octets"


@rule("rfc5280.algorithm", ERROR, "4.1.2.3; RFC 4055, 5758, 9881", "algorithm")
def _algorithm(certificate: ReadCertificate) -> Iterator[str]:
    found = ALGORITHMS.get(der.read_whole(certificate.algorithm).children()[0].oid())
    if found is not None and found.identifier != certificate.algorithm:
        yield "the signature algorithm's parameters are not what its standard says"


@rule("rfc5280.algorithm-strength", WARNING, "RFC 6194, 9155", "algorithm")
def _algorithm_strength(certificate: ReadCertificate) -> Iterator[str]:
    found = ALGORITHMS.get(der.read_whole(certificate.algorithm).children()[0].oid())
    if found is not None and found.hash_name == "sha1":
        yield "SHA-1 no longer stands for anything"


@rule("rfc5280.issuer-empty", ERROR, "4.1.2.4", "issuer")
def _issuer_empty(certificate: ReadCertificate) -> Iterator[str]:
    if not name_parts(certificate.issuer):
        yield "the issuer's name is empty"


@rule("rfc5280.issuer-strings", ERROR, "4.1.2.4, appendix A", "issuer")
def _issuer_strings(certificate: ReadCertificate) -> Iterator[str]:
    yield from _name_faults("issuer", certificate.issuer)


@rule("rfc5280.subject-strings", ERROR, "4.1.2.6, appendix A", "subject")
def _subject_strings(certificate: ReadCertificate) -> Iterator[str]:
    yield from _name_faults("subject", certificate.subject)


def _name_faults(which: str, name: bytes) -> Iterator[str]:
    for rdn in name_parts(name):
        for part in rdn:
            yield from _attribute_faults(which, part)


def _attribute_faults(which: str, part: names.Attribute) -> Iterator[str]:
    tag = part.raw[0]
    if part.type == oids.COUNTRY_NAME:
        if tag != der.PRINTABLE_STRING or part.text is None or len(part.text) != 2:
            yield f"the {which}'s country is not a PrintableString of two letters"
        return
    if part.type in (oids.EMAIL_ADDRESS, oids.DOMAIN_COMPONENT):
        if tag != der.IA5_STRING:
            yield f"an attribute {part.type} of the {which} is not an IA5String"
    elif part.type == oids.SERIAL_NUMBER:
        if tag != der.PRINTABLE_STRING:
            yield f"the serialNumber of the {which} is not a PrintableString"
    elif part.type in _UPPER_BOUNDS and tag not in (der.PRINTABLE_STRING, der.UTF8_STRING):
        yield f"an attribute {part.type} of the {which} is neither PrintableString nor UTF8String"
    if part.text is not None and not part.text.strip():
        yield f"an attribute {part.type} of the {which} is empty"
    if part.text is not None and len(part.text) > _UPPER_BOUNDS.get(part.type, len(part.text)):
        yield f"an attribute {part.type} of the {which} is longer than {_UPPER_BOUNDS[part.type]} characters"


@rule("rfc5280.validity-order", ERROR, "4.1.2.5", "not_before", "not_after")
def _validity_order(certificate: ReadCertificate) -> Iterator[str]:
    not_before, not_after = certificate.life
    if not_after < not_before:
        yield "notAfter lies before notBefore"


@rule("rfc5280.validity-form", ERROR, "4.1.2.5", "not_before", "not_after")
def _validity_form(certificate: ReadCertificate) -> Iterator[str]:
    for written, instant in zip((certificate.not_before, certificate.not_after), certificate.life, strict=True):
        if written != der.time(instant):
            yield "a date through 2049 is not a UTCTime, or a later one is"


@rule("rfc5280.subject-empty", ERROR, "4.1.2.6, 4.2.1.6", "subject", oids.BASIC_CONSTRAINTS, oids.SUBJECT_ALT_NAME)
def _subject_empty(certificate: ReadCertificate) -> Iterator[str]:
    if name_parts(certificate.subject):
        return
    if is_authority(certificate):
        yield "an authority has a name"
    alternative = certificate.find(oids.SUBJECT_ALT_NAME)
    if alternative is None or not alternative.critical:
        yield "without a subject, subjectAltName must be there and critical"


@rule("rfc5280.key", ERROR, "4.1.2.7; RFC 3279, 5480, 9881", "spki")
def _key(certificate: ReadCertificate) -> Iterator[str]:
    if not is_readable(certificate.spki):
        yield "the subject's public key cannot be read"


@rule("ca.key-strength", ERROR, "SP 800-57, CVE-2017-15361, CVE-2022-26320", "spki")
def _key_strength(certificate: ReadCertificate) -> Iterator[str]:
    yield from rsa_faults(certificate.spki)


@rule("rfc5280.unique-identifiers", ERROR, "4.1.2.8", "unique_identifiers")
def _unique(certificate: ReadCertificate) -> Iterator[str]:
    if certificate.unique_identifiers:
        yield "unique identifiers must not be written"
