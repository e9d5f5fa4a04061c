"""EN 319 102-1, tables 5 and 6: each sub-indication is reached by a test, or declared as told in another way."""

import ast
import base64
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lxml import etree

from pki import cms as builder
from pki import der, oids
from pki.certificate import Certificate
from pki.instant import Instant
from tests.verifier import filing_world as making
from tests.verifier.filing_world import AT, Holder, World, build_world, raw_sign, rsa_key, sign_filing
from tests.verifier.test_jws import compact
from tests.verifier.test_verify import DOCUMENT, LATER, PASSED, POLICY, doubt, said, verify
from tests.verifier.test_xml import octets, parsed, sign_xml
from verifier import cms
from verifier.anchors import anchors_of
from verifier.budget import Budget
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.judge import Trust
from verifier.policy import Policy, ProofOfExistence
from verifier.report import Report
from verifier.validator import Validator
from verifier.verify import verify_filing
from verifier.xml_document import DS, XADES

TOLD_OTHERWISE = {
    SubIndication.NO_POE,
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE,
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
}
"""docs/divergences.md says as what."""
RULES, RULES_OID = b"Rules of filing, first edition", "1.3.6.1.4.1.32473.77"
KNOWN = replace(POLICY, signature_policies=((RULES_OID, RULES),))


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def test_every_one_is_produced_or_declared() -> None:
    produced = set()
    for file in (Path(__file__).parents[2] / "verifier").glob("*.py"):
        if file.name in ("indication.py", "words.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "SubIndication":
                produced.add(SubIndication[node.attr])
    assert set(SubIndication) - produced == TOLD_OTHERWISE | {SubIndication.ASSURANCE_NOT_MET}
    table = (Path(__file__).parents[2] / "docs" / "divergences.md").read_text(encoding="utf-8")
    assert all(one.value in table for one in TOLD_OTHERWISE)


# ---- signature policies (5.2.4)


def cades(world: World, *rest: bytes, implied: bool = False) -> bytes:
    value = der.null() if implied else der.sequence(der.oid(RULES_OID), *rest)
    return sign_filing(world.signer, DOCUMENT, more=[builder.attribute(cms.ATTRIBUTE_SIGNATURE_POLICY, value)])


def digest_of(document: bytes, oid: str = oids.SHA256) -> bytes:
    return der.sequence(der.sequence(der.oid(oid)), der.octet_string(hashlib.sha256(document).digest()))


def jades(world: World, document: bytes = RULES, **more: Any) -> bytes:
    value = {"digAlg": "S256", "digVal": base64.b64encode(hashlib.sha256(document).digest()).decode(), **more}
    return compact(world.signer, sigPId={"id": {"id": f"urn:oid:{RULES_OID}"}, **value}).encode()


def xades(world: World, document: bytes = RULES, method: str = "http://www.w3.org/2001/04/xmlenc#sha256") -> bytes:
    def name(signed: Any) -> None:
        identifier = etree.SubElement(signed, f"{{{XADES}}}SignaturePolicyIdentifier")
        named = etree.SubElement(identifier, f"{{{XADES}}}SignaturePolicyId")
        outer = etree.SubElement(named, f"{{{XADES}}}SigPolicyId")
        etree.SubElement(outer, f"{{{XADES}}}Identifier").text = f"urn:oid:{RULES_OID}"
        digest = etree.SubElement(named, f"{{{XADES}}}SigPolicyHash")
        etree.SubElement(digest, f"{{{DS}}}DigestMethod").set("Algorithm", method)
        value = base64.b64encode(hashlib.sha256(document).digest()).decode()
        etree.SubElement(digest, f"{{{DS}}}DigestValue").text = value

    return octets(sign_xml(world.signer, parsed(), more=name))


FORMS = [
    (lambda world, document: cades(world, digest_of(document)), DOCUMENT),
    (lambda world, document: jades(world, document), None),
    (lambda world, document: xades(world, document), None),
]


@pytest.mark.parametrize("form", FORMS, ids=["CAdES", "JAdES", "XAdES"])
class TestSignaturePolicies:
    def test_one_that_is_known_and_meant(self, form: Any, world: World) -> None:
        make, document = form
        assert said(verify(world, make(world, RULES), document, policy=KNOWN)) == PASSED

    def test_another_edition_than_the_one_at_hand(self, form: Any, world: World) -> None:
        make, document = form
        report = verify(world, make(world, b"Rules, second edition"), document, policy=KNOWN)
        assert said(report) == doubt(SubIndication.POLICY_PROCESSING_ERROR)

    def test_one_that_is_not_at_hand(self, form: Any, world: World) -> None:
        make, document = form
        other = replace(POLICY, signature_policies=(("1.2.3", RULES),))
        assert said(verify(world, make(world, RULES), document, policy=other)) == doubt(
            SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE
        )

    def test_a_recipient_without_such_rules_is_told(self, form: Any, world: World) -> None:
        make, document = form
        report = verify(world, make(world, RULES), document)
        assert said(report) == PASSED
        assert any(RULES_OID in check.why for check in report.checks)


def test_digests_of_policies_that_cannot_be_compared(world: World) -> None:
    unknown = cades(world, digest_of(RULES, "1.2.3.4"))
    for signature, document in (
        (unknown, DOCUMENT),
        (cades(world), DOCUMENT),
        (jades(world, digAlg="MD5"), None),
        (jades(world, digPSp=True), None),
    ):
        assert said(verify(world, signature, document, policy=KNOWN)) == doubt(SubIndication.POLICY_PROCESSING_ERROR)


def test_an_implied_policy_and_junk(world: World) -> None:
    assert said(verify(world, cades(world, implied=True), policy=KNOWN)) == PASSED
    bends: list[dict[str, Any]] = [{"id": 5}, {"id": {}}, {"digVal": "!"}, {"digVal": 5}]
    for more in bends:
        report = verify(world, jades(world, **more), None, policy=KNOWN)
        assert report.sub_indication is SubIndication.FORMAT_FAILURE


# ---- the certificate's time (5.2.6.4)


def test_expired_and_known_not_to_have_been_revoked(world: World) -> None:
    ends = AT + timedelta(minutes=30)
    signer = world.signature_certificate("short", not_after=ends)
    signature = sign_filing(signer, DOCUMENT)
    last = verify(world, signature, at=LATER, answers_of=AT, holder=signer)
    assert said(last) == doubt(SubIndication.OUT_OF_BOUNDS_NOT_REVOKED)
    assert said(verify(world, signature, at=LATER, answers_of=LATER, holder=signer)) == doubt(
        SubIndication.OUT_OF_BOUNDS_NO_POE
    ), "who answers after its end may have forgotten it"
    world.revoke(signer, AT + timedelta(minutes=20))
    later = Evidence(ocsp=(world.ocsp_answer(signer, AT), world.ocsp_answer(signer, LATER)))
    assert said(verify(world, signature, at=LATER, evidence=later)) == doubt(SubIndication.OUT_OF_BOUNDS_NO_POE)


# ---- algorithms by date (5.2.8.4.2, 5.6.2.2)


def with_sha1(holder: Holder, issuer: Holder) -> Holder:
    """The same certificate signed with ecdsa-with-SHA1, which the library does not issue any more."""
    old, new = der.sequence(der.oid(oids.ECDSA_WITH_SHA256)), der.sequence(der.oid("1.2.840.10045.4.1"))
    fields = der.read_whole(holder.certificate.der).children()[0].children()
    tbs = der.sequence(*(new if field.raw == old else field.raw for field in fields))
    value = raw_sign(issuer.key, tbs, hashes.SHA1())
    return Holder(Certificate(der.sequence(tbs, new, der.bit_string(value))), holder.key)


class TestAlgorithmsThatEnded:
    """A certificate signed with SHA-1, of which nobody may believe anything after 2013."""

    THEN = Instant.parse("2012-06-01T00:00:00Z")

    def judged(self, proof: ProofOfExistence | None) -> Report:
        early = Instant.parse("2010-01-01T00:00:00Z")
        span: dict[str, Any] = {"not_before": early, "not_after": AT + timedelta(days=900)}
        ca_key = making.ec_key("CA of 2010")
        bits = making.usage("key_cert_sign", "crl_sign"), True
        above = [(x509.BasicConstraints(True, None), True), bits]
        ca = making.issue("CA of 2010", ca_key, None, above, **span)
        signer = with_sha1(making.signature_certificate("signer of 2012", ca, **span), ca)
        world = build_world()
        answers = tuple(world.ocsp_answer(signer, when, issuer=ca, responder=ca) for when in (self.THEN, AT))
        return verify_filing(
            DOCUMENT,
            sign_filing(signer, DOCUMENT, self.THEN),
            anchors=Trust(anchors_of([ca.certificate])),
            policy=POLICY,
            at=AT,
            evidence=Evidence(ocsp=answers),
            proof=proof,
        )

    def test_without_proof_is_a_doubt(self) -> None:
        assert said(self.judged(None)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE)
        late = ProofOfExistence(existed_by=Instant.parse("2014-06-01T00:00:00Z"), source="a receipt")
        assert said(self.judged(late)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE)

    def test_with_proof_of_a_time_when_it_was_believed(self) -> None:
        receipt = ProofOfExistence(existed_by=self.THEN, source="a receipt")
        assert said(self.judged(receipt)) == PASSED

    def test_what_was_never_believed_is_no_question_of_time(self, world: World) -> None:
        signer = world.signature_certificate("weak", rsa_key("weak", 1024))
        report = verify(world, sign_filing(signer, DOCUMENT), policy=Policy(), holder=signer)
        assert said(report) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


# ---- everything else about the chain


def test_a_budget_that_ran_out_is_a_general_failure(world: World) -> None:
    narrow = Trust(anchors_of([world.signature_ca.certificate]))
    narrow.signers = Validator(anchors_of([world.signature_ca.certificate]), budget=Budget(certificates=0))
    evidence = Evidence(ocsp=(world.ocsp_answer(world.signer, AT),))
    report = verify_filing(
        DOCUMENT, sign_filing(world.signer, DOCUMENT), anchors=narrow, policy=POLICY, at=AT, evidence=evidence
    )
    assert said(report) == doubt(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE)
