"""Every fault of a CRL that today's tools let pass, built from scratch, and the rule that finds it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.crl_reading import Crl
from ca.file_key import FileKey
from ca.findings import Finding, Severity
from ca.lint_crl import judge_crl
from ca.profiles import KeyShape
from pki import der, oids
from pki.algorithms import ALGORITHMS
from pki.certificate import Certificate
from pki.instant import Instant
from tests.ca.status_world import AT, key, make_leaf, make_root, name

POINT = der.sequence(der.context(0, der.context(0, der.tlv(0x86, b"http://crl.example/1.crl"))))


@dataclass(frozen=True)
class Listed:
    """One entry."""

    serial: int
    at: Instant = AT + timedelta(days=-1)
    reason: int | None = None
    invalidity: Instant | None = None
    extension: bytes = b""

    def encode(self) -> bytes:
        extensions = self.extension
        if self.reason is not None:
            extensions += _extension(oids.CRL_REASON, der.enumerated(self.reason))
        if self.invalidity is not None:
            extensions += _extension(oids.INVALIDITY_DATE, der.generalized_time(self.invalidity))
        return der.sequence(
            der.integer(self.serial), der.time(self.at), der.sequence(extensions) if extensions else b""
        )


@dataclass(frozen=True)
class Parts:
    """What a CRL is made of; a fault is one part replaced."""

    entries: tuple[Listed, ...] = (Listed(5), Listed(9, reason=1), Listed(12, reason=6))
    number: int | None = 7
    key_identifier: bytes | None = b""
    base: int | None = None
    base_critical: bool = True
    point: bytes | None = None
    point_critical: bool = True
    this_update: Instant = AT
    next_update: Instant | None = AT + timedelta(days=2)
    version: int | None = 1
    empty_list: bool = False
    flip: bool = False
    inner: bytes = b""
    issuer: bytes = b""
    more: bytes = b""

    def encode(self) -> bytes:
        algorithm = ALGORITHMS[signer().shape.signature_algorithm].identifier
        identifier = root().key_identifier if self.key_identifier == b"" else self.key_identifier
        extensions = self.more
        if identifier is not None:
            extensions += _extension(
                oids.AUTHORITY_KEY_IDENTIFIER, der.sequence(der.context(0, identifier, constructed=False))
            )
        if self.number is not None:
            extensions += _extension(oids.CRL_NUMBER, der.integer(self.number))
        if self.base is not None:
            extensions += _extension(oids.DELTA_CRL_INDICATOR, der.integer(self.base), self.base_critical)
        if self.point is not None:
            extensions += _extension(oids.ISSUING_DISTRIBUTION_POINT, self.point, self.point_critical)
        entries = b"".join(one.encode() for one in self.entries)
        tbs = der.sequence(
            b"" if self.version is None else der.integer(self.version),
            self.inner or algorithm,
            self.issuer or root().subject,
            der.time(self.this_update),
            b"" if self.next_update is None else der.time(self.next_update),
            der.sequence(entries) if entries or self.empty_list else b"",
            der.context(0, der.sequence(extensions)) if extensions else b"",
        )
        signature = bytearray(signer().sign(tbs))
        signature[-1] ^= self.flip
        return der.sequence(tbs, algorithm, der.bit_string(bytes(signature)))


def _extension(dotted: str, value: bytes, critical: bool = False) -> bytes:
    return der.sequence(der.oid(dotted), der.boolean(True) if critical else b"", der.octet_string(value))


def signer() -> FileKey:
    return key("root-lint", KeyShape.P256)


@cache
def root() -> Certificate:
    return make_root(signer()._private, name("Lint CA"))


GOOD = Parts()
DELTA = Parts(entries=(Listed(12, reason=8), Listed(20)), number=9, base=7)
LATER = AT + timedelta(days=1)

MATRIX: dict[str, tuple[Parts, str]] = {
    "no CRL number": (replace(GOOD, number=None), "rfc5280.crl-number-missing"),
    "no authority key identifier": (replace(GOOD, key_identifier=None), "rfc5280.crl-aki-missing"),
    "reason unspecified": (replace(GOOD, entries=(Listed(5, reason=0),)), "rfc5280.reason-unspecified"),
    "removeFromCRL in a full CRL": (replace(GOOD, entries=(Listed(5, reason=8),)), "rfc5280.remove-from-full"),
    "400 days": (replace(GOOD, next_update=AT + timedelta(days=400)), "crl.validity-too-long"),
    "expired": (
        replace(GOOD, this_update=AT + timedelta(days=-3), next_update=AT + timedelta(days=-1)),
        "crl.expired",
    ),
    "a serial twice": (replace(GOOD, entries=(Listed(5), Listed(5, reason=1))), "x509.crl-duplicate-serial"),
    "delta number not above its base": (replace(DELTA, base=9), "rfc5280.delta-number"),
    "issuing distribution point not critical": (
        replace(GOOD, point=POINT, point_critical=False),
        "rfc5280.idp-critical",
    ),
    "revocation date in the future": (
        replace(GOOD, entries=(Listed(5, at=AT + timedelta(days=9)),)),
        "crl.revocation-future",
    ),
    "no nextUpdate": (replace(GOOD, next_update=None), "rfc5280.crl-next-update-missing"),
    "delta indicator not critical": (replace(DELTA, base_critical=False), "rfc5280.delta-indicator-critical"),
    "broken signature": (replace(GOOD, flip=True), "rfc5280.crl-signature"),
}
"""The thirteen: name → (CRL, rule)."""

MORE: dict[str, tuple[Parts, str]] = {
    "version 1": (replace(GOOD, version=None), "rfc5280.crl-version"),
    "an empty list": (replace(GOOD, entries=(), empty_list=True), "rfc5280.crl-empty-list"),
    "inner algorithm": (
        replace(GOOD, inner=ALGORITHMS[oids.ECDSA_WITH_SHA384].identifier),
        "rfc5280.algorithms-differ",
    ),
    "thisUpdate in the future": (
        replace(GOOD, this_update=AT + timedelta(days=1), entries=()),
        "crl.future",
    ),
    "of another issuer": (replace(GOOD, issuer=name("Other").public_bytes()), "rfc5280.crl-issuer-name"),
    "another key": (replace(GOOD, key_identifier=b"k" * 20), "rfc5280.crl-key-identifiers"),
    "reason 7": (replace(GOOD, entries=(Listed(5, reason=7),)), "rfc5280.reason-unknown"),
    "serial 0": (replace(GOOD, entries=(Listed(0),)), "rfc5280.crl-serial-range"),
    "invalid after it was revoked": (
        replace(GOOD, entries=(Listed(5, invalidity=AT),)),
        "crl.invalidity-after",
    ),
    "an unknown critical extension": (
        replace(GOOD, more=_extension("1.3.6.1.4.1.32473.9", der.null(), True)),
        "rfc5280.crl-extension-unknown",
    ),
    "an unknown critical entry extension": (
        replace(GOOD, entries=(Listed(5, extension=_extension("1.3.6.1.4.1.32473.9", der.null(), True)),)),
        "rfc5280.entry-extension-unknown",
    ),
    "a delta that points to deltas": (
        replace(DELTA, more=_extension(oids.FRESHEST_CRL, der.sequence())),
        "rfc5280.delta-freshest",
    ),
    "an empty issuing distribution point": (replace(GOOD, point=der.sequence()), "rfc5280.idp-empty"),
    "times the wrong way round": (replace(GOOD, next_update=AT + timedelta(seconds=-1)), "rfc5280.crl-times"),
}

BEFORE: dict[str, tuple[Parts, Parts, str]] = {
    "the same number again": (GOOD, replace(GOOD, this_update=LATER), "rfc5280.crl-number-regress"),
    "a smaller number": (GOOD, replace(GOOD, number=6, this_update=LATER), "rfc5280.crl-number-regress"),
    "an earlier time": (replace(GOOD, this_update=LATER), replace(GOOD, number=8), "crl.time-regress"),
    "another partition": (GOOD, replace(GOOD, number=8, point=POINT), "rfc5280.crl-scope-changed"),
    "a revocation that became a hold": (
        GOOD,
        replace(GOOD, number=8, entries=(Listed(5, reason=6), Listed(9, reason=1))),
        "crl.revocation-undone",
    ),
    "a revocation that moved": (
        GOOD,
        replace(GOOD, number=8, entries=(Listed(5, at=AT), Listed(9, reason=1), Listed(12, reason=6))),
        "crl.revocation-moved",
    ),
}
"""name → (the one before, the one judged, rule)."""

BASES: dict[str, tuple[Parts, Parts, str]] = {
    "a base that is too old": (replace(GOOD, number=6), DELTA, "rfc5280.delta-base-number"),
    "a base of another partition": (replace(GOOD, point=POINT), DELTA, "rfc5280.delta-base-scope"),
    "a base that is a delta": (DELTA, replace(DELTA, number=10, base=9), "rfc5280.delta-base-delta"),
    "a base of another key": (replace(GOOD, key_identifier=b"k" * 20), DELTA, "rfc5280.delta-base-key"),
    "a delta that frees a revoked certificate": (
        GOOD,
        replace(DELTA, entries=(Listed(9, reason=8),)),
        "crl.revocation-undone",
    ),
    "a delta older than its base": (
        GOOD,
        replace(DELTA, this_update=AT + timedelta(hours=-1), entries=()),
        "crl.time-regress",
    ),
}


def grave(findings: list[Finding]) -> set[str]:
    return {one.rule for one in findings if one.severity >= Severity.WARNING}


def judge(parts: Parts, previous: Parts | None = None, base: Parts | None = None) -> list[Finding]:
    return judge_crl(
        parts.encode(),
        issuer=root(),
        previous=None if previous is None else Crl(previous.encode()),
        base=None if base is None else Crl(base.encode()),
        at=AT,
    )


def test_clean() -> None:
    assert grave(judge(GOOD)) == set()
    assert grave(judge(replace(GOOD, entries=()))) == set()
    assert grave(judge(replace(GOOD, point=POINT))) == set()
    assert grave(judge(DELTA, base=GOOD)) == set()
    released = (Listed(5), Listed(9, reason=1))
    assert grave(judge(replace(GOOD, number=8, entries=released), previous=GOOD)) == set()
    assert grave(judge(replace(DELTA, number=7, base=6), previous=GOOD)) == set()


def test_the_matrix_has_thirteen_faults() -> None:
    assert len(MATRIX) == 13


@pytest.mark.parametrize("fault", [*MATRIX, *MORE])
def test_every_fault_is_found_and_named_alone(fault: str) -> None:
    parts, rule = {**MATRIX, **MORE}[fault]
    findings = judge(parts)
    assert rule in grave(findings), fault
    assert all(one.clause for one in findings)
    if fault in MATRIX:
        assert grave(findings) == {rule}


@pytest.mark.parametrize("fault", list(BEFORE))
def test_beside_the_one_before(fault: str) -> None:
    before, parts, rule = BEFORE[fault]
    assert rule in grave(judge(parts, previous=before))


@pytest.mark.parametrize("fault", list(BASES))
def test_a_delta_beside_its_base(fault: str) -> None:
    base, parts, rule = BASES[fault]
    assert rule in grave(judge(parts, base=base))


def test_beside_a_certificate() -> None:
    listed = make_leaf(root(), signer()._private, 9)
    other = make_leaf(root(), signer()._private, 10)

    def rules(certificate: Certificate) -> set[str]:
        found = judge_crl(GOOD.encode(), issuer=root(), certificate=certificate, at=AT)
        return {one.rule for one in found}

    assert rules(listed) == {"crl.certificate-listed"}
    assert rules(other) == set()


@cache
def encoded() -> bytes:
    return GOOD.encode()


@given(st.data())
def test_a_changed_crl_is_never_clean_and_never_crashes(data: st.DataObject) -> None:
    octets = bytearray(encoded())
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    assert grave(judge_crl(bytes(octets), issuer=root(), at=AT))


@given(st.binary(max_size=100))
def test_garbage_is_a_finding(octets: bytes) -> None:
    assert grave(judge_crl(octets, at=AT))


def test_order_is_a_notice() -> None:
    found: Callable[[], list[Finding]] = lambda: judge(replace(GOOD, entries=(Listed(9), Listed(5))))  # noqa: E731
    assert {one.rule for one in found()} == {"crl.unsorted"}
    assert grave(found()) == set()
