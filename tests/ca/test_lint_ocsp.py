"""Every fault of an OCSP answer that today's tools let pass, built from scratch, and the rule that finds it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.file_key import FileKey
from ca.findings import Finding, Severity
from ca.lint_ocsp import judge_ocsp
from ca.profiles import KeyShape
from pki import der, oids
from pki.algorithms import ALGORITHMS
from pki.certid import CertId, certid_of
from pki.certificate import Certificate
from pki.instant import Instant
from tests.ca.ocsp_requests import encode_request
from tests.ca.status_world import AT, key, make_leaf, make_responder, make_root, name

SERIAL = 0x4242
GOOD, UNKNOWN = b"\x80\x00", b"\x82\x00"


@dataclass(frozen=True)
class Parts:
    """What an answer is made of; a fault is one part replaced."""

    cert_ids: tuple[bytes, ...]
    signer: FileKey
    responder: Certificate
    certificates: tuple[Certificate, ...]
    status: bytes = GOOD
    produced_at: Instant = AT
    this_update: Instant = AT
    next_update: Instant | None = AT + timedelta(hours=1)
    nonce: bytes | None = None
    nonce_value: bytes | None = None
    single_extensions: bytes = b""
    flip: bool = False
    by_name: bool = False
    version: bytes = b""
    responder_id: bytes | None = None

    def encode(self) -> bytes:
        singles = [
            der.sequence(
                cert_id,
                self.status,
                der.generalized_time(self.this_update),
                b"" if self.next_update is None else der.context(0, der.generalized_time(self.next_update)),
                der.context(1, der.sequence(self.single_extensions)) if self.single_extensions else b"",
            )
            for cert_id in self.cert_ids
        ]
        value = self.nonce_value if self.nonce is None else der.octet_string(self.nonce)
        extensions = (
            b""
            if value is None
            else der.context(1, der.sequence(der.sequence(der.oid(oids.OCSP_NONCE), der.octet_string(value))))
        )
        digest = hashlib.sha1(self.responder.public_key_bits).digest()
        identity = der.context(1, self.responder.subject) if self.by_name else der.context(2, der.octet_string(digest))
        data = der.sequence(
            self.version,
            self.responder_id or identity,
            der.generalized_time(self.produced_at),
            der.sequence(*singles),
            extensions,
        )
        signature = bytearray(self.signer.sign(data))
        signature[-1] ^= self.flip
        basic = der.sequence(
            data,
            ALGORITHMS[self.signer.shape.signature_algorithm].identifier,
            der.bit_string(bytes(signature)),
            der.context(0, der.sequence(*(one.der for one in self.certificates))) if self.certificates else b"",
        )
        body = der.sequence(der.oid(oids.OCSP_BASIC), der.octet_string(basic))
        return der.sequence(der.enumerated(0), der.context(0, body))


def root_key() -> FileKey:
    return key("root-lint", KeyShape.P256)


def delegate_key() -> FileKey:
    return key("responder-lint", KeyShape.P256)


@cache
def root() -> Certificate:
    return make_root(root_key()._private, name("Lint CA"))


@cache
def leaf() -> Certificate:
    return make_leaf(root(), root_key()._private, SERIAL)


def delegate(**faults: object) -> Certificate:
    return make_responder(root(), root_key()._private, delegate_key()._private, **faults)  # type: ignore[arg-type]


@cache
def good() -> Parts:
    certificate = delegate()
    return Parts((certid_of(SERIAL, root(), "sha256").der,), delegate_key(), certificate, (certificate,))


def signed_by(certificate: Certificate) -> Parts:
    return replace(good(), responder=certificate, certificates=(certificate,))


def revoked(at: Instant, reason: int | None = 4) -> bytes:
    told = b"" if reason is None else der.context(0, der.enumerated(reason))
    return der.context(1, der.generalized_time(at), told)


def another_authority() -> Certificate:
    other = key("root-other", KeyShape.P256)
    return make_responder(make_root(other._private, name("Lint CA")), other._private, delegate_key()._private)


def other_key_hash() -> bytes:
    mine = certid_of(SERIAL, root(), "sha256")
    return CertId("sha256", mine.name_hash, b"k" * 32, SERIAL).der


MATRIX: dict[str, tuple[Callable[[], Parts], str]] = {
    "expired nextUpdate": (
        lambda: replace(good(), this_update=AT + timedelta(hours=-3), next_update=AT + timedelta(hours=-1)),
        "ocsp.expired",
    ),
    "thisUpdate in the future": (
        lambda: replace(good(), this_update=AT + timedelta(hours=2), next_update=AT + timedelta(hours=3)),
        "ocsp.future",
    ),
    "no OCSPSigning purpose": (lambda: signed_by(delegate(purpose=False)), "rfc6960.signer-purpose"),
    "expired delegate": (
        lambda: signed_by(delegate(end=AT + timedelta(days=-1))),
        "rfc6960.signer-expired",
    ),
    "delegate of another authority": (lambda: signed_by(another_authority()), "rfc6960.signer-issuer"),
    "another serial": (
        lambda: replace(good(), cert_ids=(certid_of(SERIAL + 1, root(), "sha256").der,)),
        "rfc6960.other-serial",
    ),
    "no ocsp-nocheck": (lambda: signed_by(delegate(nocheck=False)), "rfc6960.nocheck"),
    "issuerKeyHash of another key": (lambda: replace(good(), cert_ids=(other_key_hash(),)), "rfc6960.issuer-key-hash"),
    "broken signature": (lambda: replace(good(), flip=True), "rfc6960.signature"),
    "no nextUpdate": (lambda: replace(good(), next_update=None), "ocsp.next-update-missing"),
    "400 days": (lambda: replace(good(), next_update=AT + timedelta(days=400)), "ocsp.validity-too-long"),
    "revocation time in the future": (
        lambda: replace(good(), status=revoked(AT + timedelta(days=1))),
        "ocsp.revocation-future",
    ),
    "nonce of 129 octets": (lambda: replace(good(), nonce=bytes(129)), "rfc9654.nonce-length"),
    "SHA-1 CertID asked with SHA-256": (
        lambda: replace(good(), cert_ids=(certid_of(SERIAL, root(), "sha1").der,)),
        "rfc6960.certid-echo",
    ),
}
"""The fourteen of the matrix: name → (answer, rule)."""

MORE: dict[str, tuple[Callable[[], Parts], str]] = {
    "issuerNameHash of another name": (
        lambda: replace(good(), cert_ids=(CertId("sha1", b"n" * 20, certid_of(1, root()).key_hash, SERIAL).der,)),
        "rfc6960.issuer-name-hash",
    ),
    "empty nonce": (lambda: replace(good(), nonce=b""), "rfc9654.nonce-length"),
    "nonce that is no OCTET STRING": (lambda: replace(good(), nonce_value=b"raw"), "x690.der"),
    "removeFromCRL": (lambda: replace(good(), status=revoked(AT, 8)), "ocsp.reason-remove"),
    "reason 7": (lambda: replace(good(), status=revoked(AT, 7)), "ocsp.reason-unknown"),
    "nextUpdate before thisUpdate": (
        lambda: replace(good(), next_update=AT + timedelta(seconds=-1)),
        "rfc6960.next-update",
    ),
    "about nothing": (lambda: replace(good(), cert_ids=()), "rfc6960.no-single"),
    "the same twice": (lambda: replace(good(), cert_ids=good().cert_ids * 2), "ocsp.duplicate-single"),
    "a long-lived delegate": (
        lambda: signed_by(delegate(end=AT + timedelta(days=2000))),
        "ocsp.delegate-too-long",
    ),
    "version 2": (lambda: replace(good(), version=der.context(0, der.integer(1))), "rfc6960.version"),
    "a responder nobody knows": (
        lambda: replace(good(), responder_id=der.context(2, der.octet_string(bytes(20)))),
        "rfc6960.responder-id",
    ),
    "produced in the future": (lambda: replace(good(), produced_at=AT + timedelta(days=1)), "ocsp.produced-future"),
    "a critical extension that nobody knows": (
        lambda: replace(
            good(),
            single_extensions=der.sequence(der.oid("1.3.6.1.4.1.32473.9"), der.boolean(True), der.octet_string(b"")),
        ),
        "rfc6960.extension-unknown",
    ),
}


def judge(octets: bytes) -> list[Finding]:
    request = encode_request(certid_of(SERIAL, root(), "sha256"))
    return judge_ocsp(octets, issuer=root(), certificate=leaf(), request=request, at=AT)


def grave(findings: list[Finding]) -> set[str]:
    return {one.rule for one in findings if one.severity >= Severity.WARNING}


@pytest.mark.parametrize(
    "parts",
    [
        lambda: good(),
        lambda: replace(good(), by_name=True),
        lambda: replace(good(), status=revoked(AT)),
        lambda: replace(good(), status=UNKNOWN),
        lambda: replace(good(), signer=root_key(), responder=root(), certificates=()),
    ],
    ids=["good", "by name", "revoked", "unknown", "signed by the authority itself"],
)
def test_clean(parts: Callable[[], Parts]) -> None:
    assert grave(judge(parts().encode())) == set()


def test_the_matrix_has_fourteen_faults() -> None:
    assert len(MATRIX) == 14


@pytest.mark.parametrize("fault", [*MATRIX, *MORE])
def test_every_fault_is_found(fault: str) -> None:
    make, rule = {**MATRIX, **MORE}[fault]
    findings = [one for one in judge(make().encode()) if one.rule == rule]
    assert findings, fault
    assert all(one.severity >= Severity.WARNING for one in findings)
    assert all(one.clause.startswith(("RFC ", "5.", "X.690")) for one in findings)


@pytest.mark.parametrize("fault", list(MATRIX))
def test_each_fault_of_the_matrix_is_named_alone(fault: str) -> None:
    make, rule = MATRIX[fault]
    assert grave(judge(make().encode())) <= {
        rule,
        "rfc9654.nonce-unasked",
        "rfc6960.certid-echo",
        "rfc6960.this-update",
    }


def test_nonces_are_compared() -> None:
    asked = encode_request(certid_of(SERIAL, root(), "sha256"), nonce=b"mine")

    def rules(parts: Parts) -> set[str]:
        return grave(judge_ocsp(parts.encode(), issuer=root(), request=asked, at=AT))

    assert rules(replace(good(), nonce=b"mine")) == set()
    assert rules(replace(good(), nonce=b"other")) == {"rfc9654.nonce-differs"}
    assert rules(good()) == {"rfc9654.nonce-missing"}
    assert grave(judge(replace(good(), nonce=b"unasked").encode())) == {"rfc9654.nonce-unasked"}


def test_unsuccessful_answers() -> None:
    assert grave(judge(der.sequence(der.enumerated(3)))) == set()
    assert grave(judge(der.sequence(der.enumerated(4)))) == {"rfc6960.response-status"}
    assert grave(judge(der.sequence(der.enumerated(1), der.context(0, der.null())))) == {"rfc6960.response-bytes"}


@cache
def encoded() -> bytes:
    return good().encode()


@given(st.data())
def test_a_changed_answer_is_never_clean_and_never_crashes(data: st.DataObject) -> None:
    octets = bytearray(encoded())
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] ^= data.draw(st.integers(1, 255))
    assert grave(judge(bytes(octets)))


@given(st.binary(max_size=100))
def test_garbage_is_a_finding(octets: bytes) -> None:
    assert grave(judge(octets))
