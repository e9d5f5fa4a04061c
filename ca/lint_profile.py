"""Is a certificate what its profile says? Judged on the octets, by the profile's table."""

# ruff: noqa: ARG001 - every check has the same form, whatever it looks at

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from ca.authority import Authority, key_identifier
from ca.errors import WeakKey
from ca.findings import Finding, Severity
from ca.key_policy import check_key
from ca.lint_rule import extended_usage, key_usage, name_parts
from ca.points import japanese_name
from ca.profiles import SIGNATURE_AGE, Kind, Profile, SubjectField, Text, Value
from ca.reading import VARYING, GeneralName, ReadCertificate, read_general_names
from ca.validity import Birthdays, Days, WithinIssuer, Years
from pki import der, names, oids
from pki.attributes import Gender
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant, end_of_japanese_day, years_later

_FORMS = {
    Text.SIGNATURE_CN: re.compile(r"[0-9]{28}\Z"),
    Text.AUTHENTICATION_CN: re.compile(r"[0-9]{6}[A-Z][0-9]{2}[A-Z]{5}[0-9]{8}[A-Z]\Z"),
}
_GENDERS = frozenset(gender.value for gender in Gender)
_FLAGS = re.compile(r"[01]*\Z")
_DATE_OF_BIRTH = re.compile(r"[1-5][0-9]{8}\Z")
_PERSON_ORDER = (
    oids.JPKI_NAME,
    oids.JPKI_DATE_OF_BIRTH,
    oids.JPKI_GENDER,
    oids.JPKI_ADDRESS,
    oids.JPKI_NAME_SUBSTITUTES,
    oids.JPKI_ADDRESS_SUBSTITUTES,
)


Check = Callable[[ReadCertificate, Profile, Authority], Iterator[str]]
_Kept = dict[tuple[object, ...], tuple[Finding, ...]]
_kept: dict[tuple[int, int], tuple[Profile, Authority, _Kept]] = {}
"""Verdicts on fixed parts, for each pair of profile and issuer (both held, so that their ids stay theirs)."""
_MOST_KEPT = 512


def judge_profile(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> list[Finding]:
    """Everything in which the certificate is not what `profile` and the issuer's parameters say.

    What an authority writes into every certificate is judged once for the same octets (`_FIXED`).
    """
    entry = _kept.get((id(profile), id(issuer)))
    if entry is None:
        if len(_kept) > _MOST_KEPT:
            _kept.clear()
        entry = _kept[id(profile), id(issuer)] = (profile, issuer, {})
    kept = entry[2]
    key = certificate.repeated
    found = kept.get(key)
    if found is None:
        if len(kept) > _MOST_KEPT:
            kept.clear()
        kept[key] = found = tuple(
            finding for row in _FIXED for finding in _apply(row, certificate.only(row[3]), profile, issuer)
        )
    findings = list(found)
    for row in _VARYING:
        findings += _apply(row, certificate, profile, issuer)
    return findings


def _apply(row: "_Row", shown: ReadCertificate, profile: Profile, issuer: Authority) -> list[Finding]:
    name, clause, check, _ = row
    found: list[Finding] = []
    try:
        for detail in check(shown, profile, issuer):
            found.append(Finding(f"profile.{name}", Severity.ERROR, clause, detail))  # noqa: PERF401 - as Rule.apply
    except (Malformed, InvalidValue, ValueError, IndexError):
        found.append(Finding(f"profile.{name}", Severity.ERROR, clause, "cannot be read"))
    return found


def _serial(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    # Fewer octets would tell that the serial was not drawn: 158 random bits leave 20 octets always.
    if len(certificate.serial) != 20 or not 0x40 <= certificate.serial[0] < 0x80:
        yield "the serial number was not drawn at random"


def _algorithm(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    if certificate.algorithm != issuer.algorithm.identifier:
        yield f"the signature algorithm is not {issuer.algorithm.name}"
    if issuer.key_shape is not profile.issuer_key:
        yield "the issuer's key is not of the profile's variant"


def _issuer(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    if certificate.issuer != issuer.subject:
        yield "the issuer's name is not the authority's, octet for octet"


def _subject(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    if profile.subject_given:
        if certificate.subject == certificate.issuer:
            yield "a cross-certificate is for another authority"
        return
    rdns = name_parts(certificate.subject)
    if len(rdns) != len(profile.subject) or any(len(rdn) != 1 for rdn in rdns):
        yield f"the subject has not the {len(profile.subject)} parts of its profile"
        return
    if profile.kind is Kind.ROOT and certificate.subject != certificate.issuer:
        yield "a root is not its own issuer"
    for field, (part,) in zip(profile.subject, rdns, strict=True):
        yield from _subject_field(field, part, issuer)


def _subject_field(field: SubjectField, part: names.Attribute, issuer: Authority) -> Iterator[str]:
    if part.type != field.type:
        yield f"an attribute {part.type} stands where {field.type} should"
    if part.raw[0] != (der.PRINTABLE_STRING if field.printable else der.UTF8_STRING):
        yield f"the attribute {field.type} is not of its string type"
    form = _FORMS.get(field.text)
    if form is not None and not form.match(part.text or ""):
        yield f"the common name is not {field.text}"
    if field.text in _FIXED_TEXTS and part.text != _fixed_text(field.text, issuer):
        yield f"the attribute {field.type} is not {field.text}"


_FIXED_TEXTS = frozenset({Text.COUNTRY, Text.ORGANIZATION, Text.UNIT, Text.AGENCY})


def _fixed_text(text: Text, issuer: Authority) -> str:
    parameters = issuer.parameters
    if text is Text.COUNTRY:
        return parameters.country
    if text is Text.ORGANIZATION:
        return parameters.organization
    return parameters.roman_unit(issuer.purpose) if text is Text.UNIT else parameters.agency


def _key(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    try:
        check_key(certificate.spki, profile.keys)
    except WeakKey as weak:
        yield weak.weakness


def _lifetime(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    not_before, not_after = certificate.life
    if not_after > latest_end(profile, issuer, not_before):
        yield "it lives longer than its profile allows"
    if not issuer.validity.not_before <= not_before or not not_after <= issuer.validity.not_after:
        yield "it does not lie within its issuer's life"


def latest_end(profile: Profile, issuer: Authority, not_before: Instant) -> Instant:
    """The last second that any order could reach under a profile."""
    day = not_before.jst_date()
    match profile.lifetime:
        case Birthdays(renewed=renewed):
            return end_of_japanese_day(years_later(day, renewed))
        case Years(years=years):
            return end_of_japanese_day(years_later(day, years) - timedelta(days=1))
        case Days(parameter=parameter):
            return not_before + timedelta(days=getattr(issuer.parameters, parameter), seconds=-1)
        case WithinIssuer():
            return issuer.validity.not_after


def _extensions(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = [(extension.oid, extension.critical) for extension in certificate.extensions]
    present = {oid for oid, _ in found}
    wanted = [(row.oid, row.critical) for row in profile.extensions if row.oid in present or not row.optional]
    if found != wanted:
        yield "the extensions are not those of the profile, in its order and criticality"


def _key_usage(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    if key_usage(certificate) != profile.key_usage:
        yield "the key's usage is not the profile's"


def _extended_usage(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    if extended_usage(certificate) != profile.extended_key_usage:
        yield "the key's purposes are not the profile's"


def _policy(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = certificate.find(oids.CERTIFICATE_POLICIES)
    if found is None:
        return
    listed = der.read_whole(found.value).children()
    policy = listed[0].children()[0].oid()
    if profile.kind in (Kind.LINK, Kind.CROSS):
        if (policy == oids.ANY_POLICY) != (profile.kind is Kind.LINK):
            yield "a link states anyPolicy, a cross-certificate the policies that were agreed"
        return
    (qualifier,) = listed[0].children()[1].children()
    kind, pointer = qualifier.children()
    if kind.oid() != oids.CPS_QUALIFIER or pointer.value != issuer.parameters.cps_uri.encode():
        yield "the CPS pointer is not the deployment's"
    if len(listed) != 1 or policy not in {issuer.parameters.policy(*arcs) for arcs in profile.policy.values()}:
        yield "the policy is not one that this profile may state"


def _authority_key(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = certificate.find(oids.AUTHORITY_KEY_IDENTIFIER)
    if found is None:
        return
    parts = der.read_whole(found.value).children()
    if parts[0].tag != 0x80 or parts[0].value != key_identifier(issuer.spki):
        yield "the key identifier is not that of the issuer's key"
    if issuer.certificate is None:
        return
    with_name = len(parts) == 3
    if with_name != (issuer.parameters.issuer_and_serial and profile.kind is not Kind.LINK):
        yield "issuer and serial number are there against the parameters, or missing"
    if with_name:
        named = parts[1].children()[0].children()[0].raw
        serial = int.from_bytes(parts[2].value, signed=True)
        if (named, serial) != (issuer.certificate.issuer, issuer.certificate.serial):
            yield "issuer and serial number are not those of the issuer's certificate"


def _subject_key(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = certificate.find(oids.SUBJECT_KEY_IDENTIFIER)
    if found is not None and der.read_whole(found.value).octets() != key_identifier(certificate.spki):
        yield "the key identifier is not that of the key"


def _basic_constraints(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = certificate.find(oids.BASIC_CONSTRAINTS)
    if found is None:
        return
    parts = der.read_whole(found.value).children()
    if not parts or not parts[0].boolean():
        yield "basicConstraints does not say cA"
    if len(parts) > 1 and profile.kind is not Kind.CROSS:
        yield "basicConstraints has a path length"


def _person(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    if not any(row.value is Value.PERSON for row in profile.extensions):
        return
    found = certificate.find(oids.SUBJECT_ALT_NAME)
    if found is None:
        return
    pairs = [_other_name(name) for name in read_general_names(found.value)]
    if tuple(oid for oid, _ in pairs) != _PERSON_ORDER:
        yield "the person's attributes are not the six, in their order"
        return
    texts = dict(pairs)
    for text, flags in (
        (oids.JPKI_NAME, oids.JPKI_NAME_SUBSTITUTES),
        (oids.JPKI_ADDRESS, oids.JPKI_ADDRESS_SUBSTITUTES),
    ):
        if not texts[text] or len(texts[text]) != len(texts[flags]) or not _FLAGS.match(texts[flags]):
            yield "substitute flags are not one 0 or 1 a character"
    if texts[oids.JPKI_GENDER] not in _GENDERS:
        yield "the gender is not one of the digits"
    birth = texts[oids.JPKI_DATE_OF_BIRTH]
    if not _DATE_OF_BIRTH.match(birth):
        yield "the date of birth has not nine digits"
        return
    day = date(int(birth[1:5]), int(birth[5:7]), int(birth[7:9]))
    if certificate.life[0].jst_date() < years_later(day, SIGNATURE_AGE):
        yield f"the person is younger than {SIGNATURE_AGE}"


def _other_name(name: GeneralName) -> tuple[str, str]:
    if name.other is None:
        raise Malformed("an otherName expected", name.node.start)
    kind, value = name.other
    (text,) = value.children()
    return kind, text.expect(der.UTF8_STRING, "a UTF8String").value.decode("utf-8")


def _access(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = certificate.find(oids.AUTHORITY_INFO_ACCESS)
    listed = any(row.value is Value.OCSP for row in profile.extensions)
    if found is None:
        if listed and issuer.parameters.ocsp_uri is not None:
            yield "the OCSP responder's address is missing"
        return
    (description,) = der.read_whole(found.value).children()
    method, location = description.children()
    if method.oid() != oids.ACCESS_OCSP or location.value.decode("ascii") != issuer.parameters.ocsp_uri:
        yield "the OCSP responder's address is not the deployment's"


def _issuer_alternative_name(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    yield from _japanese_name(certificate, profile, issuer, oids.ISSUER_ALT_NAME)


def _subject_alternative_name(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    yield from _japanese_name(certificate, profile, issuer, oids.SUBJECT_ALT_NAME)


def _japanese_name(certificate: ReadCertificate, profile: Profile, issuer: Authority, oid: str) -> Iterator[str]:
    found = certificate.find(oid)
    if found is None or not any(row.value is Value.ALT_NAME and row.oid == oid for row in profile.extensions):
        return
    if found.value != der.sequence(der.tlv(0xA4, japanese_name(issuer.parameters, issuer.purpose))):
        yield f"extension {oid} is not the authority's name in Japanese"


def _point(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found = certificate.find(oids.CRL_DISTRIBUTION_POINTS)
    if found is None:
        return
    (point,) = der.read_whole(found.value).children()
    (written,) = point.children()
    (full,) = written.expect(0xA0, "a DistributionPointName").children()
    if full.tag != 0xA0 or len(full.children()) != 1:
        yield "the distribution point is not one full name"
    name = full.children()[0]
    if profile.kind is Kind.ROOT and name.tag == 0xA4 and name.children()[0].raw != certificate.issuer:
        yield "a root's distribution point is not its own name"


def _freshest(certificate: ReadCertificate, profile: Profile, issuer: Authority) -> Iterator[str]:
    found, template = certificate.find(oids.FRESHEST_CRL), issuer.parameters.delta_uri
    if found is None:
        if template is not None and any(row.value is Value.FRESHEST for row in profile.extensions):
            yield "the delta CRL's address is missing"
        return
    (point,) = der.read_whole(found.value).children()
    ((written,),) = [part.expect(0xA0, "a DistributionPointName").children() for part in point.children()]
    (address,) = written.expect(0xA0, "a full name").children()
    head, _, tail = (template or "").replace("{authority}", issuer.id).partition("{name}")
    wanted = f"{re.escape(head)}([1-9][0-9]*-)?delta{re.escape(tail)}"
    if template is None or address.tag != 0x86 or not re.fullmatch(wanted, address.value.decode("ascii")):
        yield "the delta CRL's address is not the deployment's"


_Row = tuple[str, str, Check, tuple[str, ...]]
_CHECKS: tuple[_Row, ...] = (
    ("serial", "4.1.2.2", _serial, ("serial",)),
    ("algorithm", "4.1.2.3", _algorithm, ("algorithm",)),
    ("issuer", "4.1.2.4", _issuer, ("issuer",)),
    ("subject", "4.1.2.6", _subject, ("subject", "issuer")),
    ("key", "4.1.2.7", _key, ("spki",)),
    ("lifetime", "4.1.2.5", _lifetime, ("not_before", "not_after")),
    ("extensions", "4.2", _extensions, ("layout",)),
    ("key-usage", "4.2.1.3", _key_usage, (oids.KEY_USAGE,)),
    ("extended-key-usage", "4.2.1.12", _extended_usage, (oids.EXTENDED_KEY_USAGE,)),
    ("policy", "4.2.1.4", _policy, (oids.CERTIFICATE_POLICIES,)),
    ("authority-key", "4.2.1.1", _authority_key, (oids.AUTHORITY_KEY_IDENTIFIER,)),
    ("subject-key", "4.2.1.2 (1)", _subject_key, (oids.SUBJECT_KEY_IDENTIFIER, "spki")),
    ("basic-constraints", "4.2.1.9", _basic_constraints, (oids.BASIC_CONSTRAINTS,)),
    ("person", "4.2.1.6; JPKI", _person, (oids.SUBJECT_ALT_NAME, "not_before", "not_after")),
    ("access", "4.2.2.1", _access, (oids.AUTHORITY_INFO_ACCESS,)),
    ("distribution-point", "4.2.1.13", _point, (oids.CRL_DISTRIBUTION_POINTS, "issuer")),
    ("freshest", "4.2.1.15", _freshest, (oids.FRESHEST_CRL,)),
    ("alternative-name", "4.2.1.7; JPKI", _issuer_alternative_name, (oids.ISSUER_ALT_NAME,)),
    ("alternative-name", "4.2.1.6; JPKI", _subject_alternative_name, (oids.SUBJECT_ALT_NAME,)),
)
"""Name, clause, check, and the parts of the certificate that it looks at: it is shown no other."""
_VARYING = tuple(row for row in _CHECKS if VARYING & set(row[3]))
_FIXED = tuple(row for row in _CHECKS if not VARYING & set(row[3]))
