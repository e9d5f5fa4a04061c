"""Every profile of every certificate that this authority makes, as one table: each field with its clause.

A profile is a row of (kind, variant). The table says what a certificate carries and in which order; `ca.template` turns
it into octets and `ca.lint` judges the octets by the same table with a reader of its own.

Clauses: a bare number is RFC 5280; `JPKI` is the shape that J-LIS's certificates have been seen to have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ca.orders import Assurance
from ca.validity import Birthdays, Days, Lifetime, WithinIssuer, Years
from pki import oids


class Kind(StrEnum):
    """What a certificate is for."""

    ROOT = "root"
    RESPONDER = "ocsp-responder"
    SIGNATURE = "signature"
    AUTHENTICATION = "authentication"
    OPERATOR = "operator"
    TLS_CLIENT = "tls-client"
    TIME_STAMP = "time-stamp"
    VERDICT = "verdict"
    LINK = "link"
    CROSS = "cross"

    @property
    def personal(self) -> bool:
        """Whether it is made for a person's card."""
        return self in (Kind.SIGNATURE, Kind.AUTHENTICATION)


class Variant(StrEnum):
    """Which generation of algorithms an authority belongs to."""

    JPKI = "jpki"
    NEXT = "next"
    ML_DSA = "ml-dsa-65"
    P256 = "p-256"
    """JPKI's lifetimes over P-256: for cards that hold such keys (PIV), where RSA is too slow."""


class KeyShape(StrEnum):
    """A kind of public key with its size."""

    RSA_2048 = "rsa-2048"
    P256 = "p-256"
    P384 = "p-384"
    ML_DSA_65 = "ml-dsa-65"

    @property
    def signature_algorithm(self) -> str:
        """The identifier of the algorithm that such a key signs with."""
        return {
            KeyShape.RSA_2048: oids.SHA256_WITH_RSA,
            KeyShape.P256: oids.ECDSA_WITH_SHA256,
            KeyShape.P384: oids.ECDSA_WITH_SHA384,
            KeyShape.ML_DSA_65: oids.ML_DSA_65,
        }[self]


class Text(StrEnum):
    """Where the text of a subject's attribute comes from."""

    COUNTRY = "the deployment's country"
    ORGANIZATION = "the deployment's organization"
    UNIT = "the authority's unit"
    AGENCY = "the deployment's agency"
    PREFECTURE = "the municipality's prefecture"
    MUNICIPALITY = "the municipality"
    SIGNATURE_CN = "the second of issue and 14 random digits"
    AUTHENTICATION_CN = "14 random characters, the municipality's code, 3 digits and a letter"
    RESPONDER_CN = "authority and number of the responder"
    ORDERED_ORGANIZATION = "the order's organization"
    ORDERED_CN = "the order's common name"


class Value(StrEnum):
    """What an extension carries."""

    KEY_USAGE = "the profile's bits"
    EXTENDED_KEY_USAGE = "the profile's purposes"
    BASIC_CONSTRAINTS_CA = "cA TRUE, no path length"
    PERSON = "six otherNames: the four attributes and their substitute flags"
    ALT_NAME = "the authority's name in Japanese"
    POLICIES = "one policy with a CPS pointer"
    OWN_POINT = "the authority's own CRL"
    POINT = "the CRL of the certificate's partition"
    FRESHEST = "the delta CRL of the certificate's partition, when there is one"
    OCSP = "the OCSP responder's address, when there is one"
    NO_CHECK = "NULL"
    BASIC_CONSTRAINTS_BOUND = "cA TRUE, the path length that was agreed"
    ANY_POLICY = "anyPolicy"
    AGREED_POLICIES = "the policies that were agreed with the other domain"
    POLICY_MAPPINGS = "our policies and theirs, in pairs"
    NAME_CONSTRAINTS = "the names that the other domain may and may not certify"
    POLICY_CONSTRAINTS = "how soon a policy must be explicit, and mapping stops"
    AUTHORITY_KEY = "the issuer's key id, with name and serial where the parameters say so"
    SUBJECT_KEY = "SHA-1 of the key's bits"


@dataclass(frozen=True, slots=True)
class SubjectField:
    """One relative distinguished name: its type, whether PrintableString (else UTF8String), its text, its clause."""

    type: str
    printable: bool
    text: Text
    clause: str


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension; `optional` ones are left out when the parameters have nothing to put in."""

    oid: str
    critical: bool
    value: Value
    clause: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One row. `keys`: shapes of subject keys that are accepted; `key_usage`: bit numbers (RFC 5280 4.2.1.3);
    `policy`: arcs below the deployment's policy arc by assurance, empty where no policy is written."""

    kind: Kind
    variant: Variant
    issuer_key: KeyShape
    keys: frozenset[KeyShape]
    lifetime: Lifetime
    subject: tuple[SubjectField, ...]
    key_usage: frozenset[int]
    extended_key_usage: tuple[str, ...]
    policy: Mapping[Assurance, tuple[int, ...]]
    extensions: tuple[Extension, ...]
    subject_given: bool = False
    """Whether the subject is another authority's name, taken over octet for octet, instead of built from `subject`."""

    @property
    def name(self) -> str:
        """`kind/variant`, as errors and records name it."""
        return f"{self.kind}/{self.variant}"


DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_CERT_SIGN, CRL_SIGN = 0, 1, 5, 6
"""Bit numbers of KeyUsage (RFC 5280 4.2.1.3)."""

_COUNTRY = SubjectField(oids.COUNTRY_NAME, True, Text.COUNTRY, "4.1.2.6; JPKI")
_AUTHORITY_NAME = (
    _COUNTRY,
    SubjectField(oids.ORGANIZATION_NAME, False, Text.ORGANIZATION, "4.1.2.4; JPKI"),
    SubjectField(oids.ORGANIZATIONAL_UNIT_NAME, False, Text.UNIT, "4.1.2.4; JPKI"),
    SubjectField(oids.ORGANIZATIONAL_UNIT_NAME, False, Text.AGENCY, "4.1.2.4; JPKI"),
)
_ORDERED_NAME = (
    _COUNTRY,
    SubjectField(oids.ORGANIZATION_NAME, False, Text.ORDERED_ORGANIZATION, "4.1.2.6"),
    SubjectField(oids.COMMON_NAME, False, Text.ORDERED_CN, "4.1.2.6"),
)
_SUBJECTS: Mapping[Kind, tuple[SubjectField, ...]] = {
    Kind.ROOT: _AUTHORITY_NAME,
    Kind.RESPONDER: (
        *_AUTHORITY_NAME,
        SubjectField(oids.COMMON_NAME, False, Text.RESPONDER_CN, "4.1.2.6"),
    ),
    Kind.SIGNATURE: (
        _COUNTRY,
        SubjectField(oids.LOCALITY_NAME, False, Text.PREFECTURE, "4.1.2.6; JPKI"),
        SubjectField(oids.LOCALITY_NAME, False, Text.MUNICIPALITY, "4.1.2.6; JPKI"),
        SubjectField(oids.COMMON_NAME, False, Text.SIGNATURE_CN, "4.1.2.6; JPKI"),
    ),
    Kind.AUTHENTICATION: (
        _COUNTRY,
        SubjectField(oids.COMMON_NAME, False, Text.AUTHENTICATION_CN, "4.1.2.6; JPKI"),
    ),
    Kind.OPERATOR: _ORDERED_NAME,
    Kind.TLS_CLIENT: _ORDERED_NAME,
    Kind.TIME_STAMP: _ORDERED_NAME,
    Kind.VERDICT: _ORDERED_NAME,
    Kind.LINK: _AUTHORITY_NAME,
    Kind.CROSS: (),
}

_KEY_USAGE = Extension(oids.KEY_USAGE, True, Value.KEY_USAGE, "4.2.1.3; JPKI")
_EXTENDED = Extension(oids.EXTENDED_KEY_USAGE, False, Value.EXTENDED_KEY_USAGE, "4.2.1.12; JPKI")
_POLICIES = Extension(oids.CERTIFICATE_POLICIES, True, Value.POLICIES, "4.2.1.4; JPKI")
_ISSUER_ALT = Extension(oids.ISSUER_ALT_NAME, False, Value.ALT_NAME, "4.2.1.7; JPKI")
_POINT = Extension(oids.CRL_DISTRIBUTION_POINTS, False, Value.POINT, "4.2.1.13; JPKI")
_FRESHEST = Extension(oids.FRESHEST_CRL, False, Value.FRESHEST, "4.2.1.15", optional=True)
_OCSP = Extension(oids.AUTHORITY_INFO_ACCESS, False, Value.OCSP, "4.2.2.1; JPKI", optional=True)
_AUTHORITY_KEY = Extension(oids.AUTHORITY_KEY_IDENTIFIER, False, Value.AUTHORITY_KEY, "4.2.1.1; JPKI")
_SUBJECT_KEY = Extension(oids.SUBJECT_KEY_IDENTIFIER, False, Value.SUBJECT_KEY, "4.2.1.2 (1); JPKI")

_EXTENSIONS: Mapping[Kind, tuple[Extension, ...]] = {
    Kind.ROOT: (
        _KEY_USAGE,
        Extension(oids.SUBJECT_ALT_NAME, False, Value.ALT_NAME, "4.2.1.6; JPKI"),
        Extension(oids.BASIC_CONSTRAINTS, True, Value.BASIC_CONSTRAINTS_CA, "4.2.1.9; JPKI"),
        Extension(oids.CRL_DISTRIBUTION_POINTS, False, Value.OWN_POINT, "4.2.1.13; JPKI"),
        _SUBJECT_KEY,
    ),
    Kind.RESPONDER: (
        _KEY_USAGE,
        Extension(oids.EXTENDED_KEY_USAGE, False, Value.EXTENDED_KEY_USAGE, "RFC 6960 4.2.2.2"),
        Extension(oids.OCSP_NO_CHECK, False, Value.NO_CHECK, "RFC 6960 4.2.2.2.1"),
        _AUTHORITY_KEY,
        _SUBJECT_KEY,
    ),
    Kind.SIGNATURE: (
        _KEY_USAGE,
        Extension(oids.SUBJECT_ALT_NAME, False, Value.PERSON, "4.2.1.6; JPKI"),
        _POLICIES,
        _ISSUER_ALT,
        _POINT,
        _OCSP,
        _AUTHORITY_KEY,
        _SUBJECT_KEY,
    ),
    Kind.AUTHENTICATION: (
        _KEY_USAGE,
        _EXTENDED,
        _POLICIES,
        _ISSUER_ALT,
        _POINT,
        _OCSP,
        _AUTHORITY_KEY,
        _SUBJECT_KEY,
    ),
    Kind.LINK: (
        _KEY_USAGE,
        Extension(oids.BASIC_CONSTRAINTS, True, Value.BASIC_CONSTRAINTS_CA, "4.2.1.9"),
        Extension(oids.CERTIFICATE_POLICIES, False, Value.ANY_POLICY, "4.2.1.4; RFC 4210 4.4"),
        Extension(oids.CRL_DISTRIBUTION_POINTS, False, Value.POINT, "4.2.1.13"),
        Extension(oids.AUTHORITY_KEY_IDENTIFIER, False, Value.AUTHORITY_KEY, "4.2.1.1"),
        _SUBJECT_KEY,
    ),
    Kind.CROSS: (
        _KEY_USAGE,
        Extension(oids.BASIC_CONSTRAINTS, True, Value.BASIC_CONSTRAINTS_BOUND, "4.2.1.9"),
        Extension(oids.CERTIFICATE_POLICIES, True, Value.AGREED_POLICIES, "4.2.1.4"),
        Extension(oids.POLICY_MAPPINGS, True, Value.POLICY_MAPPINGS, "4.2.1.5", optional=True),
        Extension(oids.NAME_CONSTRAINTS, True, Value.NAME_CONSTRAINTS, "4.2.1.10", optional=True),
        Extension(oids.POLICY_CONSTRAINTS, True, Value.POLICY_CONSTRAINTS, "4.2.1.11", optional=True),
        Extension(oids.CRL_DISTRIBUTION_POINTS, False, Value.POINT, "4.2.1.13"),
        _OCSP,
        _AUTHORITY_KEY,
        _SUBJECT_KEY,
    ),
    Kind.OPERATOR: (_KEY_USAGE, _EXTENDED, _POLICIES, _POINT, _OCSP, _AUTHORITY_KEY, _SUBJECT_KEY),
    Kind.TLS_CLIENT: (_KEY_USAGE, _EXTENDED, _POLICIES, _POINT, _OCSP, _AUTHORITY_KEY, _SUBJECT_KEY),
    Kind.TIME_STAMP: (
        _KEY_USAGE,
        Extension(oids.EXTENDED_KEY_USAGE, True, Value.EXTENDED_KEY_USAGE, "RFC 3161 2.3"),
        _POLICIES,
        _POINT,
        _OCSP,
        _AUTHORITY_KEY,
        _SUBJECT_KEY,
    ),
    Kind.VERDICT: (_KEY_USAGE, _EXTENDED, _POLICIES, _POINT, _OCSP, _AUTHORITY_KEY, _SUBJECT_KEY),
}

_KEY_USAGES: Mapping[Kind, frozenset[int]] = {
    Kind.ROOT: frozenset({KEY_CERT_SIGN, CRL_SIGN}),
    Kind.RESPONDER: frozenset({DIGITAL_SIGNATURE}),
    Kind.SIGNATURE: frozenset({DIGITAL_SIGNATURE, NON_REPUDIATION}),
    Kind.AUTHENTICATION: frozenset({DIGITAL_SIGNATURE}),
    Kind.OPERATOR: frozenset({DIGITAL_SIGNATURE}),
    Kind.TLS_CLIENT: frozenset({DIGITAL_SIGNATURE}),
    Kind.TIME_STAMP: frozenset({DIGITAL_SIGNATURE}),
    Kind.VERDICT: frozenset({DIGITAL_SIGNATURE, NON_REPUDIATION}),
    Kind.LINK: frozenset({KEY_CERT_SIGN, CRL_SIGN}),
    Kind.CROSS: frozenset({KEY_CERT_SIGN, CRL_SIGN}),
}
_EXTENDED_USAGES: Mapping[Kind, tuple[str, ...]] = {
    Kind.RESPONDER: (oids.OCSP_SIGNING,),
    Kind.AUTHENTICATION: (oids.CLIENT_AUTH,),
    Kind.OPERATOR: (oids.CLIENT_AUTH,),
    Kind.TLS_CLIENT: (oids.CLIENT_AUTH,),
    Kind.TIME_STAMP: (oids.TIME_STAMPING,),
    Kind.VERDICT: (oids.DOCUMENT_SIGNING,),
}
_POLICY_ARCS: Mapping[Kind, Mapping[Assurance, tuple[int, ...]]] = {
    # Two policies a use: any RFC 5280 verifier can demand the one for checks in person.
    Kind.SIGNATURE: {Assurance.IN_PERSON: (1, 1), Assurance.REMOTE: (1, 2)},
    Kind.AUTHENTICATION: {Assurance.IN_PERSON: (2, 1), Assurance.REMOTE: (2, 2)},
    Kind.OPERATOR: {Assurance.IN_PERSON: (3, 1)},
    Kind.TLS_CLIENT: {Assurance.IN_PERSON: (4, 1)},
    Kind.TIME_STAMP: {Assurance.IN_PERSON: (5, 1)},
    Kind.VERDICT: {Assurance.IN_PERSON: (6, 1)},
}

ISSUER_KEYS: Mapping[Variant, KeyShape] = {
    Variant.JPKI: KeyShape.RSA_2048,
    Variant.NEXT: KeyShape.P384,
    Variant.ML_DSA: KeyShape.ML_DSA_65,
    Variant.P256: KeyShape.P256,
}
"""The key of an authority of each variant."""

_PERSON_KEYS: Mapping[Variant, frozenset[KeyShape]] = {
    Variant.JPKI: frozenset({KeyShape.RSA_2048}),
    Variant.NEXT: frozenset({KeyShape.P384}),
    # Cards that hold lattice keys do not exist yet: the authority moves first, the cards' keys follow.
    Variant.ML_DSA: frozenset({KeyShape.RSA_2048, KeyShape.P384, KeyShape.ML_DSA_65}),
    Variant.P256: frozenset({KeyShape.P256}),
}
_RESPONDER_KEYS: Mapping[Variant, frozenset[KeyShape]] = {
    Variant.JPKI: frozenset({KeyShape.RSA_2048, KeyShape.P256}),
    Variant.NEXT: frozenset({KeyShape.P256, KeyShape.P384}),
    Variant.ML_DSA: frozenset({KeyShape.P256, KeyShape.P384, KeyShape.ML_DSA_65}),
    Variant.P256: frozenset({KeyShape.P256}),
}
_SERVICE_KEYS = frozenset({KeyShape.RSA_2048, KeyShape.P256, KeyShape.P384})

_FIVE_BIRTHDAYS = frozenset({Variant.JPKI, Variant.P256})
"""Variants with the lifetimes of today; the others have those of the next card."""

SIGNATURE_AGE = 15
"""Nobody younger gets a signature certificate."""


def _lifetime(kind: Kind, variant: Variant) -> Lifetime:
    """Roots outlive the longest certificate below them: ten years for five (six), twenty for ten (eleven)."""
    match kind:
        case Kind.ROOT:
            return Years(10 if variant in _FIVE_BIRTHDAYS else 20)
        case Kind.RESPONDER:
            return Days("responder_days")
        case Kind.OPERATOR:
            return Days("operator_days")
        case Kind.TLS_CLIENT:
            return Days("tls_client_days")
        case Kind.TIME_STAMP:
            return Days("time_stamp_days")
        case Kind.VERDICT:
            return Days("verdict_days")
        case Kind.LINK | Kind.CROSS:
            return WithinIssuer()
        case Kind.SIGNATURE | Kind.AUTHENTICATION:
            age = SIGNATURE_AGE if kind is Kind.SIGNATURE else None
            return Birthdays(5, 6, 3, age) if variant in _FIVE_BIRTHDAYS else Birthdays(10, 11, 12, age)


def _keys(kind: Kind, variant: Variant) -> frozenset[KeyShape]:
    match kind:
        case Kind.ROOT:
            return frozenset({ISSUER_KEYS[variant]})
        case Kind.RESPONDER:
            return _RESPONDER_KEYS[variant]
        case Kind.SIGNATURE | Kind.AUTHENTICATION:
            return _PERSON_KEYS[variant]
        case Kind.OPERATOR | Kind.TLS_CLIENT | Kind.TIME_STAMP | Kind.VERDICT:
            return _SERVICE_KEYS
        case Kind.LINK | Kind.CROSS:
            return frozenset(KeyShape)


def _extensions(kind: Kind, variant: Variant) -> tuple[Extension, ...]:
    """JPKI's certificates have no freshestCRL, and those of its shape (and their CRLs) have none here either: there are
    deltas, but no verifier is made to look for them."""
    listed = _EXTENSIONS[kind]
    if variant in _FIVE_BIRTHDAYS or _POINT not in listed:
        return listed
    place = listed.index(_POINT) + 1
    return (*listed[:place], _FRESHEST, *listed[place:])


Profiles = Mapping[tuple[Kind, Variant], Profile]

PROFILES: Profiles = {
    (kind, variant): Profile(
        kind=kind,
        variant=variant,
        issuer_key=ISSUER_KEYS[variant],
        keys=_keys(kind, variant),
        lifetime=_lifetime(kind, variant),
        subject=_SUBJECTS[kind],
        key_usage=_KEY_USAGES[kind],
        extended_key_usage=_EXTENDED_USAGES.get(kind, ()),
        policy=_POLICY_ARCS.get(kind, {}),
        extensions=_extensions(kind, variant),
        subject_given=kind is Kind.CROSS,
    )
    for kind in Kind
    for variant in Variant
}
"""The table."""
