"""The one call: what a filing's verdict is now, as of then, and in the light of when it was signed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki import cms as builder
from pki import der, oids
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.support.chance import SeededOctets
from tests.verifier.filing_world import (
    AT,
    AUTHENTICATION_POLICY,
    OCSP_URL,
    SIGNATURE_POLICY,
    Holder,
    World,
    aia,
    build_world,
    ec_key,
    imprint_of,
    issue,
    policy_of,
    rsa_key,
    sign_filing,
    usage,
)
from verifier import cms
from verifier.anchors import anchors_of
from verifier.errors import FetchFailed, FetchRefused
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.judge import Trust
from verifier.policy import Limits, Policy, ProofOfExistence, SignatureLevel
from verifier.report import CheckName, Outcome, Report
from verifier.verify import verify_filing

DOCUMENT = "転居届：架空市見本町二丁目へ\n".encode()
POLICY = Policy(certificate_policies=frozenset({SIGNATURE_POLICY}))
LATER = AT + timedelta(hours=2)


@pytest.fixture
def world() -> World:
    return build_world()


@dataclass
class Responders:
    """Answers every question truly, as of `at`; counts who asked."""

    world: World
    holders: list[Holder]
    at: Instant
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def get(self, url: str) -> bytes:
        raise FetchRefused(url, "no CRLs here")

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        assert content_type == "application/ocsp-request"
        self.asked.append(url)
        if self.down:
            raise FetchFailed("ocsp.signature.example", "it is down")
        request = x509.ocsp.load_der_ocsp_request(body)
        nonce = request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        holder = next(one for one in self.holders if one.certificate.serial == request.serial_number)
        return self.world.ocsp_answer(holder, self.at, nonce=nonce)


def trust(world: World) -> Trust:
    return Trust(anchors_of([world.signature_ca.certificate]), anchors_of([world.tsa_ca.certificate]))


def verify(
    world: World,
    signature: bytes,
    document: bytes | None = DOCUMENT,
    *,
    at: Instant = AT,
    policy: Policy = POLICY,
    answers_of: Instant | None = AT,
    evidence: Evidence | None = None,
    proof: ProofOfExistence | None = None,
    first_time: Callable[[bytes], bool] | None = None,
    holder: Holder | None = None,
    online: Responders | None = None,
) -> Report:
    if evidence is None:
        evidence = (
            Evidence()
            if answers_of is None
            else Evidence(
                ocsp=(
                    world.ocsp_answer(holder or world.signer, answers_of),
                    world.ocsp_answer(world.tsa, answers_of, issuer=world.tsa_ca, responder=world.tsa_ca),
                )
            )
        )
    return verify_filing(
        document,
        signature,
        anchors=trust(world),
        policy=policy,
        at=at,
        evidence=evidence,
        fetcher=online,
        random=SeededOctets("nonce") if online else None,
        proof=proof,
        first_time=first_time,
    )


def said(report: Report) -> tuple[Indication, SubIndication | None]:
    return report.indication, report.sub_indication


PASSED = (Indication.PASSED, None)


def doubt(sub: SubIndication) -> tuple[Indication, SubIndication]:
    return Indication.INDETERMINATE, sub


def failure(sub: SubIndication) -> tuple[Indication, SubIndication]:
    return Indication.FAILED, sub


def test_a_filing_passes_with_every_check(world: World) -> None:
    report = verify(world, sign_filing(world.signer, DOCUMENT))
    assert said(report) == PASSED, report.reason
    assert report.reason == ""
    assert [check.name for check in report.checks if check.outcome is Outcome.PASSED] == [
        CheckName.FORMAT,
        CheckName.SIGNED_ATTRIBUTES,
        CheckName.CONTENT_TYPE,
        CheckName.SIGNING_CERTIFICATE,
        CheckName.ALGORITHMS,
        CheckName.KEY,
        CheckName.DOCUMENT_DIGEST,
        CheckName.SIGNATURE_VALUE,
        CheckName.COVERAGE,
        CheckName.PURPOSE,
        CheckName.PATH,
        CheckName.CERTIFICATE_POLICY,
        CheckName.STATUS,
        CheckName.LEVEL,
    ]
    assert report.signer == world.signer.certificate
    assert report.certificate_policies == (SIGNATURE_POLICY,)
    assert report.path == (world.signer.certificate.fingerprint, world.signature_ca.certificate.fingerprint)
    assert report.claimed_time == AT
    assert report.level is SignatureLevel.BASIC


def test_rsa_passes_too(world: World) -> None:
    signer = world.signature_certificate("RSA", rsa_key("RSA signer"))
    assert said(verify(world, sign_filing(signer, DOCUMENT), holder=signer)) == PASSED


def test_the_json_form_is_stable_and_tells_nothing_of_the_person(world: World) -> None:
    report = verify(world, sign_filing(world.signer, DOCUMENT))
    text = json.dumps(report.to_json(evidence=False), ensure_ascii=False)
    assert "花子" not in text
    assert "見本町一丁目" not in text
    told = json.loads(text)
    assert set(told) == {
        "version", "indication", "sub_indication", "reason", "policy", "at", "best_signature_time",
        "claimed_signing_time", "format", "level", "signer", "certificate_policies", "path", "covered",
        "signature_id", "checks", "evidence_sha256",
    }  # fmt: skip
    assert told["version"] == 1
    assert told["indication"] == "PASSED"
    assert all(
        set(check) == {"name", "outcome", "clause", "why", "sub_indication", "detail"} for check in told["checks"]
    )


def test_the_person_is_read_from_the_certificate_only_when_asked(world: World) -> None:
    attributes = verify(world, sign_filing(world.signer, DOCUMENT)).attributes
    assert attributes is not None
    assert attributes.name == "実印　花子"
    assert attributes.date_of_birth.isoformat() == "1980-02-17"


def test_a_changed_byte_fails(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT)
    report = verify(world, signature, DOCUMENT.replace("二".encode(), "三".encode()))
    assert said(report) == failure(SubIndication.HASH_FAILURE)
    assert report.signature_id is None


def test_without_any_answer_nothing_is_certain(world: World) -> None:
    report = verify(world, sign_filing(world.signer, DOCUMENT), answers_of=None)
    assert said(report) == doubt(SubIndication.TRY_LATER)


def test_a_look_without_status_says_so(world: World) -> None:
    policy = replace(POLICY, require_revocation_information=False)
    report = verify(world, sign_filing(world.signer, DOCUMENT), answers_of=None, policy=policy)
    assert said(report) == PASSED
    status = report.check(CheckName.STATUS)
    assert status is not None
    assert status.outcome is Outcome.SKIPPED


def test_the_responder_is_asked_with_a_nonce(world: World) -> None:
    online = Responders(world, [world.signer], AT)
    report = verify(world, sign_filing(world.signer, DOCUMENT), answers_of=None, online=online)
    assert said(report) == PASSED, report.reason
    assert online.asked == [OCSP_URL]
    assert len(report.evidence.ocsp) == 1
    again = verify(world, sign_filing(world.signer, DOCUMENT), evidence=report.evidence)
    assert said(again) == PASSED


def test_nobody_is_asked_about_a_signature_that_does_not_hold(world: World) -> None:
    online = Responders(world, [world.signer], AT)
    signature = bytearray(sign_filing(world.signer, DOCUMENT))
    signature[-1] ^= 1
    verify(world, bytes(signature), answers_of=None, online=online)
    verify(world, sign_filing(world.signer, DOCUMENT), b"another document", answers_of=None, online=online)
    assert online.asked == []


def test_a_source_that_is_down_is_a_doubt_with_its_name(world: World) -> None:
    online = Responders(world, [world.signer], AT, down=True)
    report = verify(world, sign_filing(world.signer, DOCUMENT), answers_of=None, online=online)
    assert said(report) == doubt(SubIndication.TRY_LATER)
    assert "ocsp.signature.example did not answer" in report.reason


@pytest.mark.parametrize("answer", [b"\x30\x03\x0a\x01\x03", b"<html>", b""])
def test_a_responder_that_answers_nothing_is_named_and_the_crl_is_asked(answer: bytes, world: World) -> None:
    """tryLater, a proxy's error page, nothing at all: the next source is asked."""
    asked: list[str] = []
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(world.signature_ca.certificate.x509.subject)
        .last_update(AT.datetime)
        .next_update(LATER.datetime)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(world.signature_ca.key.public_key()), critical=False
        )
        .sign(world.signature_ca.key, hashes.SHA256())
    )

    class Broken(Responders):
        def get(self, url: str) -> bytes:
            asked.append(url)
            return crl.public_bytes(Encoding.DER)

        def post(self, url: str, body: bytes, content_type: str) -> bytes:
            del url, body, content_type
            return answer

    online = Broken(world, [world.signer], AT)
    plain = verify(world, sign_filing(world.signer, DOCUMENT), answers_of=None, online=online)
    assert said(plain) == doubt(SubIndication.TRY_LATER)
    assert "ocsp.signature.example said" in plain.reason
    points = x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/1.crl")], None, None, None)]
    )
    listed = issue(
        "listed",
        ec_key("listed"),
        world.signature_ca,
        [
            (usage("digital_signature", "content_commitment"), True),
            (policy_of(SIGNATURE_POLICY), True),
            (aia(), False),
            (points, False),
        ],
    )
    assert said(verify(world, sign_filing(listed, DOCUMENT), answers_of=None, online=online)) == PASSED
    assert asked == ["http://crl.example/1.crl"]


def test_an_answer_to_somebody_elses_question_is_not_believed(world: World) -> None:
    """A replayed good answer carries another nonce than the one that was sent."""

    class Replaying(Responders):
        def post(self, url: str, body: bytes, content_type: str) -> bytes:
            del url, body, content_type
            return self.world.ocsp_answer(world.signer, AT, nonce=b"x" * 32)

    online = Replaying(world, [world.signer], AT)
    report = verify(world, sign_filing(world.signer, DOCUMENT), answers_of=None, online=online)
    assert said(report) == doubt(SubIndication.TRY_LATER)


# ---- revocation and proofs of time


def test_revoked_without_proof_of_time_is_a_doubt(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT, AT)
    world.revoke(world.signer, AT + timedelta(hours=1))
    report = verify(world, signature, at=LATER, answers_of=LATER)
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE)


def test_signed_after_the_revocation_is_a_failure(world: World) -> None:
    world.revoke(world.signer, AT + timedelta(hours=1))
    claimed = sign_filing(world.signer, DOCUMENT, LATER)
    assert said(verify(world, claimed, at=LATER, answers_of=LATER)) == failure(SubIndication.REVOKED)
    silent = sign_filing(world.signer, DOCUMENT, None)
    assert said(verify(world, silent, at=LATER, answers_of=LATER)) == doubt(SubIndication.REVOKED_NO_POE)
    handed_out = ProofOfExistence(not_before=AT + timedelta(minutes=90), source="the filing's one-time number")
    assert said(verify(world, silent, at=LATER, answers_of=LATER, proof=handed_out)) == failure(SubIndication.REVOKED)


def test_a_claim_of_lateness_may_be_ignored_by_policy(world: World) -> None:
    world.revoke(world.signer, AT + timedelta(hours=1))
    policy = replace(POLICY, believe_claim_of_lateness=False)
    claimed = sign_filing(world.signer, DOCUMENT, LATER)
    assert said(verify(world, claimed, at=LATER, answers_of=LATER, policy=policy)) == doubt(
        SubIndication.REVOKED_NO_POE
    )


def test_received_before_the_revocation_passes(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT, AT)
    world.revoke(world.signer, AT + timedelta(hours=1))
    receipt = ProofOfExistence(existed_by=AT + timedelta(minutes=5), source="our receipt")
    assert said(verify(world, signature, at=LATER, answers_of=LATER, proof=receipt)) == PASSED
    late = ProofOfExistence(existed_by=AT + timedelta(minutes=65), source="our receipt")
    assert said(verify(world, signature, at=LATER, answers_of=LATER, proof=late)) == doubt(SubIndication.REVOKED_NO_POE)


def test_as_of_then_with_the_stored_evidence_passes(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT, AT)
    first = verify(world, signature)
    stored = Evidence.from_json(json.loads(json.dumps(first.evidence.to_json())))
    world.revoke(world.signer, AT + timedelta(hours=1), x509.ReasonFlags.key_compromise)
    now = verify(world, signature, at=LATER, answers_of=LATER)
    assert said(now) == doubt(SubIndication.REVOKED_NO_POE)
    then = verify(world, signature, at=AT, evidence=stored)
    assert said(then) == PASSED
    assert then.to_json() == first.to_json()


def test_old_evidence_is_no_evidence_for_now(world: World) -> None:
    """A good answer from before the revocation, replayed after its nextUpdate."""
    signature = sign_filing(world.signer, DOCUMENT, AT)
    first = verify(world, signature)
    world.revoke(world.signer, AT + timedelta(hours=1))
    assert said(verify(world, signature, at=LATER, evidence=first.evidence)) == doubt(SubIndication.TRY_LATER)


def test_on_hold_is_try_later(world: World) -> None:
    world.revoke(world.signer, AT, x509.ReasonFlags.certificate_hold)
    signature = sign_filing(world.signer, DOCUMENT, AT + timedelta(days=-1))
    assert said(verify(world, signature)) == doubt(SubIndication.TRY_LATER)


# ---- time-stamps


def stamped(world: World, time: Instant, *, over: bytes | None = None) -> bytes:
    plain = sign_filing(world.signer, DOCUMENT, AT)
    signed = cms.parse_signed_data(plain, Limits()).signers[0]
    token = world.authority.token(imprint_of(over or signed.signature), time)
    return builder.assemble(
        signed.signed_attributes,
        signed.signature,
        world.signer.certificate,
        unsigned_attributes=[builder.attribute(oids.SIGNATURE_TIME_STAMP_TOKEN, token)],
    )


def test_a_time_stamp_before_the_revocation_heals(world: World) -> None:
    signature = stamped(world, AT + timedelta(minutes=1))
    world.revoke(world.signer, AT + timedelta(hours=1), x509.ReasonFlags.key_compromise)
    report = verify(world, signature, at=LATER, answers_of=LATER)
    assert said(report) == PASSED, report.reason
    assert report.best_signature_time == AT + timedelta(minutes=1)
    assert report.level is SignatureLevel.TIMESTAMPED
    assert len(report.evidence.timestamps) == 1


@pytest.mark.parametrize("case", ["after", "other signature", "damaged"])
def test_a_time_stamp_that_does_not_prove_it_does_not_heal(case: str, world: World) -> None:
    signature = {
        "after": lambda: stamped(world, AT + timedelta(minutes=90)),
        "other signature": lambda: stamped(world, AT, over=b"another value"),
        "damaged": lambda: stamped(world, AT).replace(b"Time-stamp unit", b"Time-stamp Unit"),
    }[case]()
    world.revoke(world.signer, AT + timedelta(hours=1))
    report = verify(world, signature, at=LATER, answers_of=LATER)
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE)


def test_a_time_stamp_of_a_stranger_proves_nothing(world: World) -> None:
    signature = stamped(world, AT)
    world.revoke(world.signer, AT + timedelta(hours=1))
    report = verify_filing(
        DOCUMENT,
        signature,
        anchors=[world.signature_ca.certificate],
        policy=POLICY,
        at=LATER,
        evidence=Evidence(ocsp=(world.ocsp_answer(world.signer, LATER),)),
    )
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE)


def basic(response: bytes) -> bytes:
    """The BasicOCSPResponse inside an OCSPResponse."""
    _, holder = der.read_whole(response).children()
    return holder.children()[0].children()[1].octets()


def test_level_lt_stands_on_its_own_without_anybody_to_ask(world: World) -> None:
    """Time-stamp, certificates and answers travel in unsigned attributes; nothing else is handed in."""
    signed = cms.parse_signed_data(stamped(world, AT), Limits()).signers[0]
    answers = (
        world.ocsp_answer(world.signer, AT),
        world.ocsp_answer(world.tsa, AT, issuer=world.tsa_ca, responder=world.tsa_ca),
    )
    values = der.sequence(der.context(1, der.sequence(*map(basic, answers))))
    long_term = builder.assemble(
        signed.signed_attributes,
        signed.signature,
        world.signer.certificate,
        unsigned_attributes=[
            builder.attribute(oids.SIGNATURE_TIME_STAMP_TOKEN, *signed.unsigned[oids.SIGNATURE_TIME_STAMP_TOKEN]),
            builder.attribute(cms.ATTRIBUTE_REVOCATION_VALUES, values),
            builder.attribute(cms.ATTRIBUTE_CERTIFICATE_VALUES, der.sequence(world.signature_ca.certificate.der)),
        ],
    )
    policy = replace(POLICY, minimum_level=SignatureLevel.LONG_TERM)
    report = verify(world, long_term, answers_of=None, policy=policy)
    assert said(report) == PASSED, report.reason
    assert report.level is SignatureLevel.LONG_TERM
    assert said(verify(world, stamped(world, AT), policy=policy)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)


def test_level_t_can_be_asked_for(world: World) -> None:
    policy = replace(POLICY, minimum_level=SignatureLevel.TIMESTAMPED)
    plain = sign_filing(world.signer, DOCUMENT)
    assert said(verify(world, plain, policy=policy)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert said(verify(world, stamped(world, AT), policy=policy)) == PASSED


# ---- the certificate's time


def test_expired_without_proof_is_a_doubt_and_with_proof_passes(world: World) -> None:
    ends = AT + timedelta(hours=1)
    signer = world.signature_certificate("short", not_after=ends)
    signature = sign_filing(signer, DOCUMENT, AT)
    first = verify(world, signature, holder=signer)
    assert said(first) == PASSED
    report = verify(world, signature, at=LATER, answers_of=LATER, holder=signer)
    assert said(report) == doubt(SubIndication.OUT_OF_BOUNDS_NO_POE)
    receipt = ProofOfExistence(existed_by=AT, source="our receipt")
    assert said(verify(world, signature, at=LATER, evidence=first.evidence, proof=receipt)) == PASSED


def test_signed_after_the_end_is_a_failure(world: World) -> None:
    signer = world.signature_certificate("short", not_after=AT + timedelta(hours=1))
    signature = sign_filing(signer, DOCUMENT, LATER)
    report = verify(world, signature, at=LATER, answers_of=LATER, holder=signer)
    assert said(report) == failure(SubIndication.EXPIRED)


def test_existing_before_the_certificate_is_a_failure(world: World) -> None:
    early = ProofOfExistence(existed_by=AT + timedelta(days=-60), source="a receipt that cannot be")
    report = verify(world, sign_filing(world.signer, DOCUMENT, None), proof=early)
    assert said(report) == failure(SubIndication.NOT_YET_VALID)


def test_a_certificate_that_ends_before_it_begins_is_no_stumbling_block(world: World) -> None:
    honest = world.signer.certificate
    parts = der.read_whole(honest.tbs).children()
    begins, ends = (der.time(AT + timedelta(days=days)) for days in (5, -5))
    period = der.sequence(der.time(honest.validity.not_before), der.time(honest.validity.not_after))
    for bent in (der.sequence(begins, ends), der.sequence(ends), der.sequence(der.null(), der.null()), der.sequence()):
        tbs = der.sequence(*(bent if part.raw == period else part.raw for part in parts))
        value = der.bit_string(world.signature_ca.sign(tbs))
        holder = Holder(Certificate(der.sequence(tbs, honest.signature_algorithm, value)), world.signer.key)
        signature = sign_filing(holder, DOCUMENT, None)
        receipt = ProofOfExistence(existed_by=AT + timedelta(days=-60), source="a receipt")
        for proof in (None, receipt):
            report = verify(world, signature, proof=proof, at=LATER, answers_of=LATER)
            assert report.indication is not Indication.PASSED


def test_a_claimed_time_in_the_future_is_refused(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT, AT + timedelta(days=1))
    assert said(verify(world, signature)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert said(verify(world, sign_filing(world.signer, DOCUMENT, AT + timedelta(minutes=4)))) == PASSED


# ---- who may sign


def test_a_log_in_certificate_does_not_sign_filings(world: World) -> None:
    both = Trust(anchors_of([world.signature_ca.certificate, world.authentication_ca.certificate]))
    answer = world.ocsp_answer(
        world.login, AT, issuer=world.authentication_ca, responder=world.authentication_responder
    )
    report = verify_filing(
        DOCUMENT,
        sign_filing(world.login, DOCUMENT),
        anchors=both,
        policy=Policy(),
        at=AT,
        evidence=Evidence(ocsp=(answer,)),
    )
    assert said(report) == doubt(SubIndication.CHAIN_CONSTRAINTS_FAILURE)
    swapped = verify_filing(
        DOCUMENT,
        sign_filing(world.signer, DOCUMENT),
        anchors=both,
        policy=Policy(purpose=Purpose.AUTHENTICATION),
        at=AT,
        evidence=Evidence(ocsp=(world.ocsp_answer(world.signer, AT),)),
    )
    assert said(swapped) == doubt(SubIndication.CHAIN_CONSTRAINTS_FAILURE)


def test_an_unknown_authority_is_a_doubt(world: World) -> None:
    report = verify_filing(
        DOCUMENT,
        sign_filing(world.signer, DOCUMENT),
        anchors=[world.authentication_ca.certificate],
        policy=POLICY,
        at=AT,
        evidence=Evidence(ocsp=(world.ocsp_answer(world.signer, AT),)),
    )
    assert said(report) == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)


def test_another_policy_than_the_asked_one_is_refused(world: World) -> None:
    policy = replace(POLICY, certificate_policies=frozenset({AUTHENTICATION_POLICY}))
    report = verify(world, sign_filing(world.signer, DOCUMENT), policy=policy)
    assert report.indication is not Indication.PASSED
    assert report.sub_indication is SubIndication.CHAIN_CONSTRAINTS_FAILURE


# ---- replay


def test_a_filing_handed_in_twice_is_told(world: World) -> None:
    seen: set[bytes] = set()

    def first_time(signature_id: bytes) -> bool:
        new = signature_id not in seen
        seen.add(signature_id)
        return new

    signature = sign_filing(world.signer, DOCUMENT)
    assert said(verify(world, signature, b"tampered", first_time=first_time)) == failure(SubIndication.HASH_FAILURE)
    assert said(verify(world, signature, first_time=first_time)) == PASSED
    again = verify(world, signature, first_time=first_time)
    assert said(again) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert "before" in again.reason


def test_garbage_never_raises(world: World) -> None:
    for garbage in (
        b"",
        b"\0",
        b"0",
        b"-----BEGIN CMS-----",
        b"-----BEGIN CMS-----\n!!\n-----END CMS-----",
        b"{",
        b"<",
    ):
        assert verify(world, garbage).indication is Indication.FAILED
    assert said(verify_filing(None, None, anchors=trust(world), policy=POLICY, at=AT)) == failure(
        SubIndication.FORMAT_FAILURE
    )
