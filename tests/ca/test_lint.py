"""The judge: every rule is broken once by hand and named; nothing unlinted can be signed."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.authority import Authority, AuthorityState
from ca.errors import LintFailed
from ca.findings import Severity
from ca.lint import RULES, Linted, judge, lint
from ca.orders import Assurance
from ca.parameters import Parameters
from ca.points import WHOLE, authority_name, point_name
from ca.profiles import ISSUER_KEYS, PROFILES, KeyShape, Kind, Variant
from ca.template import Contents, assemble, build
from pki import der, names, oids
from pki.certificate import Certificate
from pki.instant import Instant, Validity
from pki.purpose import Purpose
from pki.serial import SerialNumber
from tests.ca.issuing_world import CARD_END, OCSP, PERSON, SHIBUYA, card_key, request
from tests.support.chance import SeededOctets

AT = Instant.parse("2026-11-23T00:00:00Z")
SIGNATURE = PROFILES[Kind.SIGNATURE, Variant.JPKI]
SERIAL = SerialNumber.draw(SeededOctets("lint"))


@cache
def _issuer() -> Authority:
    key = card_key("authority lint", ISSUER_KEYS[Variant.JPKI])
    parameters = Parameters(ocsp_uri=OCSP)
    pending = Authority(
        "signature-1",
        Purpose.SIGNATURE,
        1,
        Variant.JPKI,
        "signature-1",
        key.shape,
        authority_name(parameters, Purpose.SIGNATURE),
        key.public_spki,
        parameters,
        None,
        Validity(AT, AT + timedelta(days=3652, seconds=-32401)),
        AuthorityState.PENDING,
    )
    profile = PROFILES[Kind.ROOT, Variant.JPKI]
    contents = Contents(key.public_spki, SERIAL, pending.validity, Assurance.IN_PERSON, _point(parameters))
    root = lint(build(profile, pending, contents), profile, pending)
    certificate = Certificate(assemble(root.tbs, pending.algorithm.identifier, key.sign(root.tbs)))
    return Authority(
        pending.id,
        pending.purpose,
        1,
        pending.variant,
        pending.key_label,
        pending.key_shape,
        pending.subject,
        pending.spki,
        parameters,
        certificate,
        pending.validity,
        AuthorityState.ACTIVE,
    )


def _point(parameters: Parameters) -> bytes:
    return point_name(parameters, Purpose.SIGNATURE, "signature-1", WHOLE, None)


@cache
def _tbs() -> bytes:
    contents = Contents(
        spki=card_key("card signature").public_spki,
        serial=SERIAL,
        validity=Validity(AT, AT + timedelta(days=1000)),
        assurance=Assurance.IN_PERSON,
        point=_point(_issuer().parameters),
        common_name="2026112309000000000000000000",
        municipality=SHIBUYA,
        attributes=PERSON,
    )
    return build(SIGNATURE, _issuer(), contents)


def _fields() -> list[bytes]:
    return [node.raw for node in der.read_whole(_tbs()).children()]


def _with(index: int, raw: bytes) -> bytes:
    fields = _fields()
    fields[index] = raw
    return der.sequence(*fields)


def _extensions() -> list[bytes]:
    return [node.raw for node in der.read_whole(_fields()[7]).children()[0].children()]


def _with_extensions(*extensions: bytes) -> bytes:
    return _with(7, der.context(3, der.sequence(*extensions)))


def _extension(oid: str, value: bytes, critical: bool | None = None) -> bytes:
    flag = b"" if critical is None else der.boolean(critical)
    return der.sequence(der.oid(oid), flag, der.octet_string(value))


def _replaced(oid: str, value: bytes, critical: bool | None = None) -> bytes:
    new = [
        _extension(oid, value, critical) if raw[2:].startswith(der.oid(oid)) or der.oid(oid) in raw[:12] else raw
        for raw in _extensions()
    ]
    assert new != _extensions()
    return _with_extensions(*new)


def _added(oid: str, value: bytes, critical: bool | None = None) -> bytes:
    return _with_extensions(*_extensions(), _extension(oid, value, critical))


def _without(oid: str) -> bytes:
    return _with_extensions(*(raw for raw in _extensions() if der.oid(oid) not in raw[:12]))


def _validity(not_before: bytes, not_after: bytes) -> bytes:
    return _with(4, der.sequence(not_before, not_after))


def _subject(*rdns: bytes) -> bytes:
    return _with(5, names.name(*rdns))


LATER = AT + timedelta(days=1000)
_RSA = der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null())

FAULTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "version 1": ("rfc5280.version", lambda: der.sequence(*_fields()[1:])),
    "negative serial": ("rfc5280.serial-positive", lambda: _with(1, der.integer(-5))),
    "serial zero": ("rfc5280.serial-positive", lambda: _with(1, der.integer(0))),
    "serial of 21 octets": ("rfc5280.serial-length", lambda: _with(1, der.integer(1 << 163))),
    "RSA without NULL": (
        "rfc5280.algorithm",
        lambda: _with(2, der.sequence(der.oid(oids.SHA256_WITH_RSA))),
    ),
    "SHA-1": ("rfc5280.algorithm-strength", lambda: _with(2, der.sequence(der.oid(oids.SHA1_WITH_RSA), der.null()))),
    "empty issuer": ("rfc5280.issuer-empty", lambda: _with(3, names.name())),
    "country of three letters": (
        "rfc5280.subject-strings",
        lambda: _subject(names.attribute(oids.COUNTRY_NAME, "JPN", printable=True)),
    ),
    "country as UTF8String": ("rfc5280.subject-strings", lambda: _subject(names.attribute(oids.COUNTRY_NAME, "JP"))),
    "common name of 65 characters": (
        "rfc5280.subject-strings",
        lambda: _subject(names.attribute(oids.COMMON_NAME, "x" * 65)),
    ),
    "blank common name": ("rfc5280.subject-strings", lambda: _subject(names.attribute(oids.COMMON_NAME, " "))),
    "common name as IA5String": (
        "rfc5280.subject-strings",
        lambda: _subject(der.set_of(der.sequence(der.oid(oids.COMMON_NAME), der.ia5("x")))),
    ),
    "ends before it begins": ("rfc5280.validity-order", lambda: _validity(der.time(LATER), der.time(AT))),
    "GeneralizedTime before 2050": (
        "rfc5280.validity-form",
        lambda: _validity(der.time(AT), der.generalized_time(LATER)),
    ),
    "time without seconds": (
        "rfc5280.validity-order",
        lambda: _validity(der.tlv(der.UTC_TIME, b"2611230000Z"), der.time(LATER)),
    ),
    "empty subject": ("rfc5280.subject-empty", lambda: _subject()),
    "key that cannot be read": (
        "rfc5280.key",
        lambda: _with(6, der.sequence(_RSA, der.bit_string(b"\x30\x03\x02\x01\x05"))),
    ),
    "RSA key of 1024 bits": (
        "ca.key-strength",
        lambda: _with(
            6, der.sequence(_RSA, der.bit_string(der.sequence(der.integer((1 << 1023) + 7), der.integer(65537))))
        ),
    ),
    "unique identifier": (
        "rfc5280.unique-identifiers",
        lambda: der.sequence(*_fields()[:7], der.context(1, b"\x00\x01", constructed=False), _fields()[7]),
    ),
    "extension twice": ("rfc5280.extension-twice", lambda: _with_extensions(*_extensions(), _extensions()[0])),
    "FALSE written out": (
        "x690.default-false",
        lambda: _added(oids.BASIC_CONSTRAINTS, der.sequence(), False),
    ),
    "unknown critical extension": ("rfc5280.unknown-critical", lambda: _added("2.999.5", der.null(), True)),
    "critical key identifier": (
        "rfc5280.criticality",
        lambda: _replaced(oids.SUBJECT_KEY_IDENTIFIER, der.octet_string(b"x" * 20), True),
    ),
    "name constraints not critical": ("rfc5280.criticality", lambda: _added(oids.NAME_CONSTRAINTS, der.sequence())),
    "no bit of keyUsage": ("rfc5280.key-usage-form", lambda: _replaced(oids.KEY_USAGE, der.bit_string(b""), True)),
    "keyUsage with bits at the end": (
        "rfc5280.key-usage-form",
        lambda: _replaced(oids.KEY_USAGE, der.bit_string(b"\xc0"), True),
    ),
    "keyUsage not critical": ("rfc5280.key-usage-critical", lambda: _replaced(oids.KEY_USAGE, der.named_bits(0, 1))),
    "keyCertSign without cA": ("rfc5280.authority-bits", lambda: _replaced(oids.KEY_USAGE, der.named_bits(5), True)),
    "cA without keyCertSign": (
        "rfc5280.authority-bits",
        lambda: _added(oids.BASIC_CONSTRAINTS, der.sequence(der.boolean(True)), True),
    ),
    "no subject key identifier": ("rfc5280.subject-key", lambda: _without(oids.SUBJECT_KEY_IDENTIFIER)),
    "no authority key identifier": ("rfc5280.authority-key", lambda: _without(oids.AUTHORITY_KEY_IDENTIFIER)),
    "authority serial without issuer": (
        "rfc5280.authority-key-form",
        lambda: _replaced(oids.AUTHORITY_KEY_IDENTIFIER, der.sequence(der.tlv(0x80, b"x" * 20), der.tlv(0x82, b"\1"))),
    ),
    "empty alternative name": ("rfc5280.subject-alt-name", lambda: _replaced(oids.SUBJECT_ALT_NAME, der.sequence())),
    "empty issuer alternative name": (
        "rfc5280.issuer-alt-name",
        lambda: _replaced(oids.ISSUER_ALT_NAME, der.sequence()),
    ),
    "issuer's country of three letters": (
        "rfc5280.issuer-strings",
        lambda: _with(3, names.name(names.attribute(oids.COUNTRY_NAME, "JPN", printable=True))),
    ),
    "critical issuer alternative name": (
        "rfc5280.issuer-alt-critical",
        lambda: _replaced(oids.ISSUER_ALT_NAME, der.sequence(der.tlv(0xA4, names.name())), True),
    ),
    "policy twice": (
        "rfc5280.policies",
        lambda: _replaced(oids.CERTIFICATE_POLICIES, der.sequence(*[der.sequence(der.oid("2.999.1"))] * 2), True),
    ),
    "no policy": ("rfc5280.policies", lambda: _replaced(oids.CERTIFICATE_POLICIES, der.sequence(), True)),
    "CPS pointer in UTF-8": (
        "rfc5280.policies",
        lambda: _replaced(
            oids.CERTIFICATE_POLICIES,
            der.sequence(
                der.sequence(
                    der.oid("2.999.1"), der.sequence(der.sequence(der.oid(oids.CPS_QUALIFIER), der.utf8("http://x")))
                )
            ),
            True,
        ),
    ),
    "distribution point without name": (
        "rfc5280.distribution-points",
        lambda: _replaced(oids.CRL_DISTRIBUTION_POINTS, der.sequence(der.sequence())),
    ),
    "critical distribution point": (
        "rfc5280.distribution-points-critical",
        lambda: _replaced(
            oids.CRL_DISTRIBUTION_POINTS, der.sequence(der.sequence(der.context(0, _point(Parameters())))), True
        ),
    ),
    "no purpose": ("rfc5280.extended-key-usage", lambda: _added(oids.EXTENDED_KEY_USAGE, der.sequence())),
    "access without address": ("rfc5280.access", lambda: _replaced(oids.AUTHORITY_INFO_ACCESS, der.sequence())),
    "nocheck in a person's certificate": ("rfc6960.no-check", lambda: _added(oids.OCSP_NO_CHECK, der.null())),
    "nocheck that is not NULL": (
        "rfc6960.no-check",
        lambda: _with_extensions(
            *_extensions(),
            _extension(oids.EXTENDED_KEY_USAGE, der.sequence(der.oid(oids.OCSP_SIGNING))),
            _extension(oids.OCSP_NO_CHECK, der.sequence()),
        ),
    ),
    "a responder for three years": ("rfc6960.responder-life", lambda: _added(oids.OCSP_NO_CHECK, der.null())),
    # --- the same octets against their profile
    "short serial": ("profile.serial", lambda: _with(1, der.integer(77))),
    "another algorithm": ("profile.algorithm", lambda: _with(2, der.sequence(der.oid(oids.ECDSA_WITH_SHA256)))),
    "another issuer": ("profile.issuer", lambda: _with(3, names.name(names.attribute(oids.COMMON_NAME, "x")))),
    "common name of letters": (
        "profile.subject",
        lambda: _with(5, _fields()[5].replace(b"2026112309000000000000000000", b"Hanako Mihon, Shibuya-ku, To")),
    ),
    "subject without municipality": (
        "profile.subject",
        lambda: _subject(names.attribute(oids.COUNTRY_NAME, "JP", printable=True)),
    ),
    "an elliptic key": ("profile.key", lambda: _with(6, card_key("card", KeyShape.P256).public_spki)),
    "seven years": ("profile.lifetime", lambda: _validity(der.time(AT), der.time(AT + timedelta(days=2600)))),
    "before its issuer": (
        "profile.lifetime",
        lambda: _validity(der.time(AT + timedelta(days=-1)), der.time(AT + timedelta(days=1000))),
    ),
    "one extension more": (
        "profile.extensions",
        lambda: _added(oids.EXTENDED_KEY_USAGE, der.sequence(der.oid("1.2.3"))),
    ),
    "another order": ("profile.extensions", lambda: _with_extensions(*reversed(_extensions()))),
    "another key usage": ("profile.key-usage", lambda: _replaced(oids.KEY_USAGE, der.named_bits(0), True)),
    "a purpose": (
        "profile.extended-key-usage",
        lambda: _added(oids.EXTENDED_KEY_USAGE, der.sequence(der.oid(oids.CLIENT_AUTH))),
    ),
    "another policy": (
        "profile.policy",
        lambda: _with(7, _fields()[7].replace(der.oid("1.3.6.1.4.1.32473.1.1"), der.oid("1.3.6.1.4.1.32473.2.1"))),
    ),
    "another authority's key": (
        "profile.authority-key",
        lambda: _with(7, _fields()[7].replace(_issuer().key_identifier, bytes(20))),
    ),
    "another subject key identifier": (
        "profile.subject-key",
        lambda: _replaced(oids.SUBJECT_KEY_IDENTIFIER, der.octet_string(bytes(20))),
    ),
    "path length": (
        "profile.basic-constraints",
        lambda: _added(oids.BASIC_CONSTRAINTS, der.sequence(der.boolean(True), der.integer(0)), True),
    ),
    "date of birth without era": ("profile.person", lambda: _with(7, _fields()[7].replace(b"419900217", b"019900217"))),
    "a child": ("profile.person", lambda: _with(7, _fields()[7].replace(b"419900217", b"520200217"))),
    "flags too short": (
        "profile.person",
        lambda: _with(7, _fields()[7].replace(der.utf8("00000"), der.utf8("0000x"))),
    ),
    "another responder": (
        "profile.access",
        lambda: _with(7, _fields()[7].replace(OCSP.encode(), OCSP.encode().replace(b"8080", b"8081"))),
    ),
    "a distribution point by issuer only": (
        "profile.distribution-point",
        lambda: _replaced(
            oids.CRL_DISTRIBUTION_POINTS, der.sequence(der.sequence(der.context(2, der.tlv(0xA4, names.name()))))
        ),
    ),
    "not DER": ("x690.der", lambda: _tbs()[:-1]),
    "octets behind": ("x690.der", lambda: _tbs() + b"\x00"),
}


def test_what_the_template_builds_is_clean() -> None:
    linted = lint(_tbs(), SIGNATURE, _issuer())
    assert linted.tbs == _tbs()
    assert linted.profile == "signature/jpki"
    assert linted.authority == "signature-1"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_named(fault: str) -> None:
    rule, make = FAULTS[fault]
    with pytest.raises(LintFailed) as failed:
        lint(make(), SIGNATURE, _issuer())
    assert rule in failed.value.rules.split(", ")


def test_every_rule_has_a_fault() -> None:
    named = {rule for rule, _ in FAULTS.values()}
    notices = {rule.id for rule in RULES if rule.severity is Severity.NOTICE}
    assert {rule.id for rule in RULES} - notices <= named
    assert all(rule.clause for rule in RULES)
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_only_the_linter_makes_linted() -> None:
    with pytest.raises(TypeError):
        Linted(object(), _tbs(), SIGNATURE.name, "signature-1")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_octet_outside_of_free_text_passes(index: int, change: int) -> None:
    """Whatever passes after one octet was changed has changed only where orders put their own words."""
    original = _tbs()
    index %= len(original)
    changed = bytearray(original)
    changed[index] ^= change
    try:
        lint(bytes(changed), SIGNATURE, _issuer())
    except LintFailed:
        return
    free = [
        SERIAL.to_bytes(20),
        PERSON.name.encode(),
        PERSON.address.encode(),
        b"419900217",
        der.tlv(der.UTF8_STRING, b"2")[1:],
        b"0" * len(PERSON.address),
        b"0" * len(PERSON.name),
        b"2026112309000000000000000000",
        b"Tokyo-to",
        b"Shibuya-ku",
        der.time(AT),
        der.time(LATER),
        card_key("card signature").public_spki,
        der.oid("1.3.6.1.4.1.32473.1.1"),
        _point(_issuer().parameters),
    ]
    spans = [(original.index(part), original.index(part) + len(part)) for part in free]
    assert any(start <= index < end for start, end in spans), index


@given(st.binary(max_size=400))
def test_garbage_is_a_finding_and_no_crash(octets: bytes) -> None:
    with pytest.raises(LintFailed):
        lint(octets, SIGNATURE, _issuer())
    assert judge(Certificate(octets))


def _signed(tbs: bytes) -> Certificate:
    key = card_key("authority lint", KeyShape.RSA_2048)
    return Certificate(assemble(tbs, _issuer().algorithm.identifier, key.sign(tbs)))


def _rules(certificate: Certificate, **given_: object) -> set[str]:
    return {finding.rule for finding in judge(certificate, **given_)}  # type: ignore[arg-type]


def test_a_signed_certificate_is_judged_with_its_issuer_request_and_time() -> None:
    root = _issuer().certificate
    assert root is not None
    good = _signed(_tbs())
    assert _rules(good, issuer=root, request=request("card signature"), at=AT) == set()
    assert _rules(good, issuer=good) >= {"rfc5280.issuer-name", "rfc5280.signature", "rfc5280.issuer-authority"}
    assert _rules(good, request=request("another card")) == {"ca.request-key"}
    assert _rules(good, request=b"garbage") == {"rfc2986.request"}
    assert _rules(good, at=AT + timedelta(days=-1)) == {"rfc5280.time"}
    assert _rules(good, at=CARD_END + timedelta(days=9999)) == {"rfc5280.time"}
    assert _rules(Certificate(good.der[:-1] + bytes([good.der[-1] ^ 1])), issuer=root) == {"rfc5280.signature"}
    differing = assemble(_tbs(), der.sequence(der.oid(oids.SHA384_WITH_RSA), der.null()), good.signature)
    assert "rfc5280.algorithms-differ" in _rules(Certificate(differing), issuer=root)
    long = _signed(_validity(der.time(AT), der.time(AT + timedelta(days=5000))))
    assert "ca.outlives-issuer" in _rules(long, issuer=root)
    assert _rules(root) == set()
    forged = Certificate(root.der[:-1] + bytes([root.der[-1] ^ 1]))
    assert _rules(forged) == {"rfc5280.signature"}  # a root is judged by itself
