"""Bare signature values over documents and digests."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.verifier.filing_world import AT, SIGNATURE_POLICY, Holder, World, build_world, ec_key, rsa_key
from tests.verifier.test_verify import PASSED, doubt, failure, said, trust
from verifier.cades import Document, DocumentDigest
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.policy import Policy
from verifier.report import Report
from verifier.verify import verify_raw

DOCUMENT = b"form"
DIGEST = DocumentDigest("sha256", hashlib.sha256(DOCUMENT).digest())


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def checked(
    world: World, holder: Holder, value: bytes, document: Document = DOCUMENT, hash_name: str = "sha256"
) -> Report:
    return verify_raw(
        document,
        value,
        holder.certificate,
        anchors=trust(world),
        policy=Policy(certificate_policies=frozenset({SIGNATURE_POLICY})),
        at=AT,
        hash_name=hash_name,
        evidence=Evidence(ocsp=(world.ocsp_answer(holder, AT),)),
    )


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_values_over_documents_and_digests(kind: str, world: World) -> None:
    holder = world.signer if kind == "ec" else world.signature_certificate("RSA", rsa_key("RSA signer"))
    value = holder.sign(DOCUMENT)
    for document in (DOCUMENT, DIGEST):
        report = checked(world, holder, value, document)
        assert said(report) == PASSED, report.reason
        assert report.format == "raw"
        assert report.signer == holder.certificate
    bad = failure(SubIndication.SIG_CRYPTO_FAILURE)
    assert said(checked(world, holder, value, b"another")) == bad
    assert said(checked(world, holder, value, DocumentDigest("sha256", b"x" * 32))) == bad
    assert said(checked(world, holder, value, DocumentDigest("sha256", b"x"))) == bad
    assert said(checked(world, holder, value[:-1])) == bad
    assert said(checked(world, holder, b"")) == bad
    assert said(checked(world, holder, value, hash_name="sha512")) == bad
    stranger = Holder(holder.certificate, ec_key("stranger"))
    assert said(checked(world, holder, stranger.sign(DOCUMENT))) == bad


def test_a_key_for_pss_makes_no_bare_values(world: World) -> None:
    # RFC 4055 1.2: its owner restricted it; the same value under the same key unrestricted is a good one
    from tests.verifier.test_pss_keys import KEY, restricted

    holder = restricted(world, None)
    value = KEY.sign(DOCUMENT, padding.PKCS1v15(), hashes.SHA256())
    assert said(checked(world, holder, value)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    free = world.signature_certificate("free", KEY)
    assert said(checked(world, free, value)) == PASSED


def test_weak_hashes_and_revoked_signers(world: World) -> None:
    weak = checked(world, world.signer, world.signer.sign(DOCUMENT), hash_name="sha1")
    assert said(weak) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    gone = build_world()
    gone.revoke(gone.signer, AT)
    assert said(checked(gone, gone.signer, gone.signer.sign(DOCUMENT))) == doubt(SubIndication.REVOKED_NO_POE)
