"""Profile × order × issuer → the octets to be signed.

TBSCertificate ::= SEQUENCE { [0] version 2, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo,
[3] extensions } (RFC 5280 4.1). Everything is written by the profile's table, in its order; nothing comes from a
request but the key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from ca.authority import Authority, key_identifier
from ca.errors import ProfileMismatch
from ca.orders import Assurance
from ca.points import WHOLE, authority_name, delta_uri, freshest_point, japanese_name
from ca.profiles import Extension, Kind, Profile, Text, Value
from pki import der, names, oids
from pki.attributes import Attributes
from pki.errors import InvalidValue
from pki.instant import JAPAN, Instant, Validity
from pki.municipality import Municipality
from pki.serial import SerialNumber

_ERAS = (
    # The digit before a date of birth, and the first day of its era.
    (date(2019, 5, 1), "5"),
    (date(1989, 1, 8), "4"),
    (date(1926, 12, 25), "3"),
    (date(1912, 7, 30), "2"),
    (date(1868, 1, 25), "1"),
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MUNICIPAL_SUFFIX = "001A"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a cross-certificate grants another domain (RFC 5280 4.2.1.5, 4.2.1.9 to 4.2.1.11).

    `mappings` are pairs (our policy, theirs). `permitted` and `excluded` are directory names, encoded.
    """

    policies: tuple[str, ...]
    path_length: int | None = None
    mappings: tuple[tuple[str, str], ...] = ()
    permitted: tuple[bytes, ...] = ()
    excluded: tuple[bytes, ...] = ()
    require_explicit_policy: int | None = None
    inhibit_policy_mapping: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What one certificate carries beside the profile's constants; a field that the profile does not need is None.

    `point` is the encoded DistributionPointName of `partition`.
    """

    spki: bytes
    serial: SerialNumber
    validity: Validity
    assurance: Assurance
    point: bytes
    common_name: str | None = None
    organization: str | None = None
    municipality: Municipality | None = None
    attributes: Attributes | None = None
    subject: bytes | None = None
    agreement: Agreement | None = None
    partition: int = WHOLE


def signature_common_name(at: Instant, random: Callable[[int], bytes]) -> str:
    """28 digits: the second of issue in Japan, then 14 at random."""
    return f"{_second_in_japan(at)}{_below(random, 10**14):014d}"


@lru_cache(maxsize=64)
def _second_in_japan(at: Instant) -> str:
    return f"{at.datetime.astimezone(JAPAN):%Y%m%d%H%M%S}"


def authentication_common_name(municipality: Municipality, random: Callable[[int], bytes]) -> str:
    """23 characters: six digits, a letter, two digits, five letters; then the municipality's nine."""
    letters = [_LETTERS[_below(random, 26)] for _ in range(6)]
    digits = f"{_below(random, 10**8):08d}"
    head = f"{digits[:6]}{letters[0]}{digits[6:]}{''.join(letters[1:])}"
    return f"{head}{municipality.code}{_MUNICIPAL_SUFFIX}"


def _below(random: Callable[[int], bytes], limit: int) -> int:
    """A number from 0 to limit − 1: 64 bits more than are needed leave no bias that could be seen."""
    return int.from_bytes(random((limit.bit_length() + 7) // 8 + 8)) % limit


def subject_name(profile: Profile, issuer: Authority, contents: Contents) -> bytes:
    """The subject, in the order of the profile. Errors: ProfileMismatch when a text is missing."""
    rdns = []
    for field in profile.subject:
        text = _text(field.text, issuer, contents)
        if text is None:
            raise ProfileMismatch(profile.name, f"{field.text} is missing")
        rdns.append(names.attribute(field.type, text, printable=field.printable))
    return names.name(*rdns)


def _text(text: Text, issuer: Authority, contents: Contents) -> str | None:
    parameters, municipality = issuer.parameters, contents.municipality
    match text:
        case Text.COUNTRY:
            return parameters.country
        case Text.ORGANIZATION:
            return parameters.organization
        case Text.UNIT:
            return parameters.roman_unit(issuer.purpose)
        case Text.AGENCY:
            return parameters.agency
        case Text.PREFECTURE:
            return municipality.prefecture_roman if municipality else None
        case Text.MUNICIPALITY:
            return municipality.municipality_roman if municipality else None
        case Text.ORDERED_ORGANIZATION:
            return contents.organization
        case Text.SIGNATURE_CN | Text.AUTHENTICATION_CN | Text.RESPONDER_CN | Text.ORDERED_CN:
            return contents.common_name


def build(profile: Profile, issuer: Authority, contents: Contents) -> bytes:
    """The TBSCertificate. Errors: ProfileMismatch, InvalidValue."""
    if contents.validity.not_after > issuer.validity.not_after:
        raise ProfileMismatch(profile.name, "it would end after its issuer")
    return der.sequence(
        der.context(0, der.integer(2)),
        der.integer(contents.serial),
        issuer.algorithm.identifier,
        issuer.subject,
        der.sequence(der.time(contents.validity.not_before), der.time(contents.validity.not_after)),
        contents.subject
        if profile.subject_given and contents.subject is not None
        else subject_name(profile, issuer, contents),
        contents.spki,
        der.context(3, der.sequence(*_extensions(profile, issuer, contents))),
    )


def assemble(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """The certificate from its three parts; `algorithm` is an encoded AlgorithmIdentifier."""
    return der.sequence(tbs, algorithm, der.bit_string(signature))


_REPEATED = frozenset(
    {
        Value.KEY_USAGE,
        Value.EXTENDED_KEY_USAGE,
        Value.ALT_NAME,
        Value.POLICIES,
        Value.POINT,
        Value.FRESHEST,
        Value.OCSP,
        Value.AUTHORITY_KEY,
    }
)
"""Extensions that depend on nothing but profile, issuer, assurance and partition."""
_Key = tuple[int, int, Assurance, int, bytes]
_Frame = tuple[bytes | Extension, ...]
"""A profile's extensions: those that are repeated in DER, between them those that are still to be encoded."""
_kept: dict[_Key, tuple[Profile, Authority, _Frame]] = {}
_MOST_KEPT = 1024


def _extensions(profile: Profile, issuer: Authority, contents: Contents) -> list[bytes]:
    """The extensions in order, repeated ones as they were encoded for the first certificate that had them."""
    key = (id(profile), id(issuer), contents.assurance, contents.partition, contents.point)
    kept = _kept.get(key)
    if kept is None:
        frame = tuple(
            _encoded(profile, extension, issuer, contents) if extension.value in _REPEATED else extension
            for extension in profile.extensions
        )
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        # Profile and issuer are held, so that their ids stay theirs.
        kept = _kept[key] = (profile, issuer, frame)
    return [part if isinstance(part, bytes) else _encoded(profile, part, issuer, contents) for part in kept[2]]


def _encoded(profile: Profile, extension: Extension, issuer: Authority, contents: Contents) -> bytes:
    """An extension; nothing where it is optional and there is nothing to say. Errors: ProfileMismatch."""
    value = _value(profile, extension, issuer, contents)
    if value is not None:
        return _extension(extension, value)
    if not extension.optional:
        raise ProfileMismatch(profile.name, f"{extension.value} is missing")
    return b""


def _extension(extension: Extension, value: bytes) -> bytes:
    critical = der.boolean(True) if extension.critical else b""
    return der.sequence(der.oid(extension.oid), critical, der.octet_string(value))


def _value(profile: Profile, extension: Extension, issuer: Authority, contents: Contents) -> bytes | None:
    parameters = issuer.parameters
    match extension.value:
        case Value.KEY_USAGE:
            return der.named_bits(*sorted(profile.key_usage))
        case Value.EXTENDED_KEY_USAGE:
            return der.sequence(*map(der.oid, profile.extended_key_usage))
        case Value.BASIC_CONSTRAINTS_CA:
            return der.sequence(der.boolean(True))
        case Value.PERSON:
            return None if contents.attributes is None else person(contents.attributes)
        case Value.ALT_NAME:
            return der.sequence(der.tlv(0xA4, japanese_name(parameters, issuer.purpose)))
        case Value.POLICIES:
            arcs = profile.policy.get(contents.assurance)
            return None if arcs is None else policies(parameters.policy(*arcs), parameters.cps_uri)
        case Value.OWN_POINT | Value.POINT:
            return der.sequence(der.sequence(der.context(0, contents.point)))
        case Value.FRESHEST:
            freshest = delta_uri(parameters, issuer.id, contents.partition)
            return None if freshest is None else freshest_point(freshest)
        case Value.OCSP:
            return None if parameters.ocsp_uri is None else ocsp_access(parameters.ocsp_uri)
        case Value.NO_CHECK:
            return der.null()
        case Value.BASIC_CONSTRAINTS_BOUND:
            return None if contents.agreement is None else _bound(contents.agreement.path_length)
        case Value.ANY_POLICY:
            return der.sequence(der.sequence(der.oid(oids.ANY_POLICY)))
        case Value.AGREED_POLICIES | Value.POLICY_MAPPINGS | Value.NAME_CONSTRAINTS | Value.POLICY_CONSTRAINTS:
            return None if contents.agreement is None else _agreed(extension.value, contents.agreement)
        case Value.AUTHORITY_KEY:
            # A link certificate exists beside the root's own: pointing to a serial would contradict one of them.
            return authority_key(issuer, with_serial=profile.kind is not Kind.LINK)
        case Value.SUBJECT_KEY:
            return der.octet_string(key_identifier(contents.spki))


def person(attributes: Attributes) -> bytes:
    """subjectAltName of a person: otherNames in JPKI's order 1, 4, 3, 5, 2, 6.

    Each is `[0] { type OID, [0] UTF8String }`. The date of birth has nine digits: era, then the Gregorian date. The
    substitute flags are one digit a character; none given means all "0".
    """
    values = (
        (oids.JPKI_NAME, attributes.name),
        (oids.JPKI_DATE_OF_BIRTH, _date_of_birth(attributes.date_of_birth)),
        (oids.JPKI_GENDER, attributes.gender.value),
        (oids.JPKI_ADDRESS, attributes.address),
        (oids.JPKI_NAME_SUBSTITUTES, attributes.name_substitutes or "0" * len(attributes.name)),
        (oids.JPKI_ADDRESS_SUBSTITUTES, attributes.address_substitutes or "0" * len(attributes.address)),
    )
    return der.sequence(*(der.context(0, der.oid(type_), der.context(0, der.utf8(text))) for type_, text in values))


def _date_of_birth(day: date) -> str:
    for first, digit in _ERAS:
        if day >= first:
            return f"{digit}{day.year:04d}{day.month:02d}{day.day:02d}"
    raise InvalidValue("a date of birth lies in one of the eras since Meiji")


@lru_cache(maxsize=64)
def policies(policy: str, cps_uri: str) -> bytes:
    """certificatePolicies with one policy and its CPS pointer (RFC 5280 4.2.1.4)."""
    qualifier = der.sequence(der.oid(oids.CPS_QUALIFIER), der.ia5(cps_uri))
    return der.sequence(der.sequence(der.oid(policy), der.sequence(qualifier)))


@lru_cache(maxsize=64)
def ocsp_access(uri: str) -> bytes:
    """authorityInfoAccess that names the OCSP responder (RFC 5280 4.2.2.1)."""
    return der.sequence(der.sequence(der.oid(oids.ACCESS_OCSP), der.tlv(0x86, uri.encode("ascii"))))


def _bound(path_length: int | None) -> bytes:
    return der.sequence(der.boolean(True), b"" if path_length is None else der.integer(path_length))


def _agreed(value: Value, agreement: Agreement) -> bytes | None:
    """None for what was not agreed on."""
    if value is Value.AGREED_POLICIES:
        return der.sequence(*(der.sequence(der.oid(policy)) for policy in agreement.policies))
    if value is Value.POLICY_MAPPINGS:
        pairs = [der.sequence(der.oid(ours), der.oid(theirs)) for ours, theirs in agreement.mappings]
        return der.sequence(*pairs) if pairs else None
    if value is Value.NAME_CONSTRAINTS:
        trees = [
            der.context(number, *(der.sequence(der.tlv(0xA4, name)) for name in subtrees))
            for number, subtrees in ((0, agreement.permitted), (1, agreement.excluded))
            if subtrees
        ]
        return der.sequence(*trees) if trees else None
    numbers = [
        der.tlv(0x80 | number, der.integer(count)[2:])
        for number, count in ((0, agreement.require_explicit_policy), (1, agreement.inhibit_policy_mapping))
        if count is not None
    ]
    return der.sequence(*numbers) if numbers else None


def authority_key(issuer: Authority, *, with_serial: bool = True) -> bytes:
    """authorityKeyIdentifier: key id, and issuer's name with serial where the parameters ask for them."""
    parts = [der.tlv(0x80, issuer.key_identifier)]
    if with_serial and issuer.parameters.issuer_and_serial and issuer.certificate is not None:
        # The issuer is a self-signed root, so its own issuer is its subject (RFC 5280 4.2.1.1).
        parts.append(der.context(1, der.tlv(0xA4, issuer.certificate.issuer)))
        parts.append(der.tlv(0x82, der.integer(issuer.certificate.serial)[2:]))
    return der.sequence(*parts)


def root_name(issuer: Authority) -> bytes:
    """The name that an authority of these parameters has."""
    return authority_name(issuer.parameters, issuer.purpose)
