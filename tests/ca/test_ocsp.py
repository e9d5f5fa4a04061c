"""OCSP: what is answered to what, and what four other readers say of our answers."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from ca.crl import CrlPolicy, make_crl
from ca.crl_encoding import Scope, extension
from ca.directory import Database
from ca.findings import Severity
from ca.lint_ocsp import judge_ocsp
from ca.ocsp import AnswerPolicy, FixedDelegates, Responder, _front, issuer_hashes
from ca.ocsp_reading import parse_response
from ca.ocsp_references import CrlReferences
from ca.ocsp_request import MAX_REQUESTS, parse_request, slice_request
from ca.ocsp_response import ResponseStatus
from ca.profiles import KeyShape
from ca.revocation import HoldPolicy, release, revoke
from ca.status_errors import ResponderUnusable, StatusError
from ca.store.crls import mark_published
from pki import der, oids
from pki.certid import CertId, certid_of
from pki.errors import Error, Malformed
from pki.instant import Instant
from pki.revocation import Good, Reason, Status
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import encode_request, request_for
from tests.ca.status_world import AT, AUTHORITY, END, World, key, make_responder, make_root, make_world, name
from tests.support.clocks import judging_at

BIN = Path(sys.executable).parent


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


@pytest.fixture
def sqlite_world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random)


def revoke_now(world: World, serial: SerialNumber, reason: Reason, invalidity: Instant | None = None) -> None:
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, reason, AT, invalidity))


def read(octets: bytes) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response(octets)


def status_of(octets: bytes) -> ResponseStatus:
    return ResponseStatus(der.read_whole(octets).children()[0].integer())


@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha384", "sha512"])
def test_good_then_revoked_at_once(world: World, hash_name: str) -> None:
    (serial,) = world.issue()
    responder = world.responder()
    request = request_for(world.root, serial, hash_name=hash_name)
    before = read(responder.answer(request, AT))
    assert before.certificate_status is ocsp.OCSPCertStatus.GOOD
    revoke_now(world, serial, Reason.AFFILIATION_CHANGED, AT + timedelta(days=-2))
    after = read(responder.answer(request, AT))
    assert after.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert after.revocation_reason is x509.ReasonFlags.affiliation_changed
    assert after.revocation_time_utc == AT.datetime
    assert after.hash_algorithm.name == hash_name
    assert after.serial_number == serial
    assert after.responder_key_hash is not None
    assert after.produced_at_utc == after.this_update_utc == AT.datetime
    assert after.next_update_utc == (AT + AnswerPolicy().live_validity).datetime
    assert [Certificate_der(one) for one in after.certificates] == [world.responder_certificate.der]


def Certificate_der(certificate: x509.Certificate) -> bytes:  # noqa: N802
    return certificate.public_bytes(Encoding.DER)


def test_a_released_hold_is_good_again(world: World) -> None:
    (serial,) = world.issue()
    responder = world.responder()
    request = request_for(world.root, serial)
    revoke_now(world, serial, Reason.CERTIFICATE_HOLD, AT + timedelta(days=-1))
    assert read(responder.answer(request, AT)).revocation_reason is x509.ReasonFlags.certificate_hold
    world.database.transaction(lambda conn: release(conn, AUTHORITY, serial, AT, HoldPolicy(releasable=True)))
    assert read(responder.answer(request, AT)).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_several_at_once_in_their_order_each_echoed(world: World) -> None:
    good, revoked = world.issue(2)
    revoke_now(world, revoked, Reason.UNSPECIFIED)
    never = SerialNumber.draw(world.random)
    ids = [
        certid_of(revoked, world.root, "sha256"),
        certid_of(good, world.root, "sha1"),
        certid_of(never, world.root, "sha1"),
        CertId("sha1", b"n" * 20, b"k" * 20, good),
    ]
    nonce = bytes(range(128))
    answer = world.responder().answer(encode_request(*ids, nonce=nonce), AT)
    found = list(read(answer).responses)
    assert [one.certificate_status.name for one in found] == ["REVOKED", "GOOD", "UNKNOWN", "UNKNOWN"]
    assert found[0].revocation_reason is None
    assert all(one.der in answer for one in ids)
    assert read(answer).extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


def test_never_issued_is_unknown_never_good(world: World) -> None:
    answer = read(world.responder().answer(request_for(world.root, SerialNumber.draw(world.random)), AT))
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize("serial", [0, -1, 1 << 160, 5])
def test_serials_that_we_could_not_have_issued_are_unknown(sqlite_world: World, serial: int) -> None:
    answer = read(sqlite_world.responder().answer(request_for(sqlite_world.root, serial), AT))
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_a_serial_that_is_only_intended_is_unknown(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    sqlite_world.database.transaction(
        lambda conn: conn.exec_driver_sql("DELETE FROM ca_certificates WHERE serial = ?", (serial.hex,))
    )
    answer = read(sqlite_world.responder().answer(request_for(sqlite_world.root, serial), AT))
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_another_generation_of_the_same_name_is_not_ours(sqlite_world: World) -> None:
    """Name and key hash must both match: a name says nothing about the key."""
    (serial,) = sqlite_world.issue()
    younger = make_root(key("root-younger", KeyShape.P256)._private, name("Signature CA"), 2)
    assert younger.subject == sqlite_world.root.subject
    answer = sqlite_world.responder().answer(request_for(younger, serial), AT)
    assert status_of(answer) is ResponseStatus.UNAUTHORIZED


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_nonces_are_echoed(sqlite_world: World, length: int) -> None:
    (serial,) = sqlite_world.issue()
    nonce = bytes(range(length))
    answer = read(sqlite_world.responder().answer(request_for(sqlite_world.root, serial, nonce=nonce), AT))
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


@pytest.mark.parametrize("length", [0, 129, 4000])
def test_nonces_of_other_lengths_are_malformed(sqlite_world: World, length: int) -> None:
    request = request_for(sqlite_world.root, 5, nonce=bytes(length))
    assert status_of(sqlite_world.responder().answer(request, AT)) is ResponseStatus.MALFORMED_REQUEST


def test_critical_extensions_that_nobody_knows_are_refused(sqlite_world: World) -> None:
    one = certid_of(5, sqlite_world.root)
    critical = extension("1.3.6.1.4.1.32473.9", der.null(), critical=True)
    harmless = extension("1.3.6.1.4.1.32473.9", der.null())
    responder = sqlite_world.responder()
    assert status_of(responder.answer(encode_request(one, extensions=critical), AT)) is ResponseStatus.MALFORMED_REQUEST
    assert status_of(responder.answer(encode_request(one, extensions=harmless), AT)) is ResponseStatus.SUCCESSFUL


def test_too_many_certificates_in_one_request(sqlite_world: World) -> None:
    responder = sqlite_world.responder()
    most = request_for(sqlite_world.root, *range(1, MAX_REQUESTS + 1))
    assert len(list(read(responder.answer(most, AT)).responses)) == MAX_REQUESTS
    more = request_for(sqlite_world.root, *range(1, MAX_REQUESTS + 2))
    assert status_of(responder.answer(more, AT)) is ResponseStatus.MALFORMED_REQUEST
    assert status_of(responder.answer(encode_request(), AT)) is ResponseStatus.MALFORMED_REQUEST


@given(st.binary(max_size=200))
def test_garbage_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        parse_request(octets)


@given(st.data())
def test_a_changed_request_is_read_or_malformed_never_anything_else(data: st.DataObject) -> None:
    root = make_root(key("root-younger", KeyShape.P256)._private, name("Signature CA"), 2)
    octets = bytearray(request_for(root, 1 << 150, nonce=b"nonce"))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        asked = parse_request(bytes(octets)).asked
    except Malformed:
        return
    assert all(one.encoded in octets for one in asked)


@given(st.data())
def test_the_slice_reads_what_the_parser_reads_or_nothing(data: st.DataObject) -> None:
    root = make_root(key("root-younger", KeyShape.P256)._private, name("Signature CA"), 2)
    hash_name = data.draw(st.sampled_from(["sha1", "sha256"]))
    serial = data.draw(st.integers(1, (1 << 159) - 1))
    nonce = data.draw(st.one_of(st.none(), st.binary(min_size=1, max_size=128)))
    octets = bytearray(request_for(root, serial, hash_name=hash_name, nonce=nonce))
    hashes = issuer_hashes(root)[hash_name]
    front = _front(hash_name, *hashes)
    whole = slice_request(bytes(octets), front, hash_name, len(hashes[0]))
    if nonce is None or len(nonce) <= 64:
        assert whole == parse_request(bytes(octets))
    for _ in range(data.draw(st.integers(1, 2))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        octets += data.draw(st.binary(max_size=3))
    sliced = slice_request(bytes(octets), front, hash_name, len(hashes[0]))
    if sliced is not None:
        assert sliced == parse_request(bytes(octets))


class Failing:
    """A status source that cannot be sure."""

    def __init__(self, error: Error) -> None:
        self.error = error

    def statuses(self, authority: str, serials: object) -> list[Status]:
        raise self.error


def test_a_source_that_is_not_sure_means_try_later_never_good(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    told: list[Error] = []
    live = sqlite_world.responder()
    responder = Responder(AUTHORITY, sqlite_world.root, live.delegates, Failing(StatusError()), alarm=told.append)
    assert status_of(responder.answer(request_for(sqlite_world.root, serial), AT)) is ResponseStatus.TRY_LATER
    assert len(told) == 1


def test_without_a_valid_delegate_nothing_is_signed(sqlite_world: World) -> None:
    """The authority's own key never steps in: the alarm rings and the answer is internalError."""
    (serial,) = sqlite_world.issue()
    told: list[Error] = []
    live = sqlite_world.responder()
    responder = Responder(AUTHORITY, sqlite_world.root, live.delegates, live.source, alarm=told.append)
    after = AT + timedelta(days=31)
    assert status_of(responder.answer(request_for(sqlite_world.root, serial), after)) is ResponseStatus.INTERNAL_ERROR
    assert isinstance(told[0], ResponderUnusable)


def test_answers_never_outlive_their_signer(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    end = sqlite_world.responder_certificate.validity.not_after
    answer = read(sqlite_world.responder().answer(request_for(sqlite_world.root, serial), end + timedelta(seconds=-60)))
    assert answer.next_update_utc == end.datetime


@pytest.mark.parametrize("fault", ["purpose", "nocheck", "issuer", "key"])
def test_a_wrong_delegate_is_refused_at_the_start(sqlite_world: World, fault: str) -> None:
    signer, delegate = sqlite_world.signer, sqlite_world.responder_key
    other = key("root-younger", KeyShape.P256)
    certificate = make_responder(
        sqlite_world.root,
        other._private if fault == "issuer" else signer._private,
        delegate._private,
        purpose=fault != "purpose",
        nocheck=fault != "nocheck",
    )
    with pytest.raises(ResponderUnusable):
        FixedDelegates(AUTHORITY, sqlite_world.root, [(certificate, other if fault == "key" else delegate)])


def test_archive_cutoff(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    live = sqlite_world.responder()
    policy = AnswerPolicy(archive_cutoff=timedelta(days=3650))
    responder = Responder(AUTHORITY, sqlite_world.root, live.delegates, live.source, policy)
    single = next(iter(read(responder.answer(request_for(sqlite_world.root, serial), AT)).responses))
    cutoff = der.generalized_time(AT + timedelta(days=-3650))
    assert cutoff in responder.answer(request_for(sqlite_world.root, serial), AT)
    assert single.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_the_crl_that_lists_a_certificate_is_named(sqlite_world: World) -> None:
    world = sqlite_world
    good, bad, late = world.issue(3, real=True)
    ended = world.issue(1, not_after=AT + timedelta(seconds=30))[0]
    for serial in (bad, ended):
        revoke_now(world, serial, Reason.SUPERSEDED)
    references = CrlReferences(world.database, lambda authority, number: f"http://crl.example/{authority}/{number}.crl")
    live = world.responder()
    responder = Responder(AUTHORITY, world.root, live.delegates, live.source, references=references.one)

    def told(serial: int, at: Instant) -> bytes | None:
        octets = responder.answer(request_for(world.root, serial), at)
        assert [one for one in judge_ocsp(octets, issuer=world.root, at=at) if one.severity >= Severity.WARNING] == []
        (single,) = parse_response(octets).singles
        found = [one.value for one in single.extensions if one.oid == oids.OCSP_CRL_REFERENCE]
        return found[0] if found else None

    assert told(bad, AT) is None, "no CRL lists it yet"
    later = AT + timedelta(minutes=1)
    signed = make_crl(world.database, world.issuer, Scope(), later, CrlPolicy())
    assert told(bad, later) is None, "signed, not published"
    world.database.transaction(lambda conn: mark_published(conn, signed.row, later.seconds))
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, late, Reason.SUPERSEDED, later))
    expected = der.sequence(
        der.context(0, der.ia5(f"http://crl.example/{AUTHORITY}/1.crl")),
        der.context(1, der.integer(1)),
        der.context(2, der.generalized_time(later)),
    )
    assert told(bad, later) == expected
    assert told(good, later) is told(late, later) is None
    assert set(references.all(AUTHORITY)) == {bad}, "neither the later one nor one that had ended"
    answer = responder.answer(request_for(world.root, bad), later)
    read_by_others = asn1_ocsp.OCSPResponse.load(answer).response_data["responses"][0]["single_extensions"]
    named = {one["extn_id"].native: one["extn_value"].parsed.native for one in read_by_others}["crl"]
    assert named["crl_num"] == 1
    assert named["crl_time"] == later.datetime


def run(*command: object) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("shape", [KeyShape.RSA_2048, KeyShape.P384])
@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_referees(
    sqlite_database: Database,
    random: Callable[[int], bytes],
    tmp_path: Path,
    shape: KeyShape,
    revoked: bool,
    hash_name: str,
) -> None:
    """openssl, ocsptool, pkilint and pyhanko-certvalidator (with OCSP required) read our answers."""
    world = make_world(sqlite_database, random, shape)
    (serial,) = world.issue(real=True)
    if revoked:
        revoke_now(world, serial, Reason.AFFILIATION_CHANGED)
    root, leaf = tmp_path / "root.pem", tmp_path / "leaf.pem"
    root.write_bytes(world.root.x509.public_bytes(Encoding.PEM))
    leaf.write_bytes(world.certificate(serial).x509.public_bytes(Encoding.PEM))
    asked, answered = tmp_path / "q.der", tmp_path / "r.der"
    digest = f"-{hash_name}"
    made = run("openssl", "ocsp", "-issuer", root, digest, "-cert", leaf, "-reqout", asked, "-no_nonce")
    assert made[0] == 0, made[1]
    octets = world.responder().answer(asked.read_bytes(), AT)
    answered.write_bytes(octets)
    base = ("openssl", "ocsp", "-respin", answered, "-reqin", asked, "-issuer", root, digest, "-cert", leaf)
    code, said = run(*base, "-CAfile", root, "-attime", AT.seconds, "-validity_period", 10**9)
    assert code == 0, said
    assert "Response verify OK" in said
    assert f"{leaf}: {'revoked' if revoked else 'good'}" in said
    assert not revoked or "Reason: affiliationChanged" in said
    said = run(*judging_at(AT), "ocsptool", "-e", "--load-response", answered, "--load-trust", root)[1]
    assert "Verifying OCSP Response: Success" in said, said
    assert f"Certificate Status: {'revoked' if revoked else 'good'}" in said
    code, said = run(BIN / "lint_ocsp_response", "lint", "-s", "INFO", answered)
    assert code == 0, said
    assert certvalidator_says(world, serial, octets) == (not revoked)


def certvalidator_says(world: World, serial: SerialNumber, octets: bytes) -> bool:
    from asn1crypto import x509 as asn1_x509
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import RevokedError
    from pyhanko_certvalidator.policy_decl import (
        CertRevTrustPolicy,
        RevocationCheckingPolicy,
        RevocationCheckingRule,
    )

    policy = CertRevTrustPolicy(
        RevocationCheckingPolicy(RevocationCheckingRule.OCSP_REQUIRED, RevocationCheckingRule.OCSP_REQUIRED)
    )
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(world.root.der)],
        ocsps=[asn1_ocsp.OCSPResponse.load(octets)],
        moment=(AT + timedelta(minutes=1)).datetime,
        revinfo_policy=policy,
        allow_fetching=False,
    )
    validator = CertificateValidator(
        asn1_x509.Certificate.load(world.certificate(serial).der), validation_context=context
    )
    try:
        asyncio.run(validator.async_validate_usage({"digital_signature"}))
    except RevokedError:
        return False
    return True


def test_an_ml_dsa_authority_answers_too(sqlite_database: Database, random: Callable[[int], bytes]) -> None:
    world = make_world(sqlite_database, random, KeyShape.ML_DSA_65)
    (serial,) = world.issue()
    octets = world.responder().answer(request_for(world.root, serial), AT)
    basic = der.read_whole(der.read_whole(octets).children()[1].children()[0].children()[1].octets()).children()
    world.responder_certificate.public_key.verify(basic[2].bits(), basic[0].raw)  # type: ignore[call-arg]
    assert world.responder().source.statuses(AUTHORITY, [serial]) == [Good()]
    assert END > AT
