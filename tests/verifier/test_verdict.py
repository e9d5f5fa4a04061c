"""Signed verdicts: a third party can tell who said so, and whether it was right, without asking anybody."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from pki.certificate import Certificate
from tests.verifier.filing_world import AT, Holder, World, build_world, ec_key, issue, root, rsa_key, sign_filing, usage
from tests.verifier.test_verify import LATER, POLICY, trust, verify
from verifier.errors import FormatFailure
from verifier.indication import Indication, SubIndication
from verifier.jws_text import from_base64url, to_base64url
from verifier.verdict import VerdictSigner, check_verdict, sign_verdict

DOCUMENT = b"form"
ISSUER = "https://verify.example"


@pytest.fixture
def world() -> World:
    return build_world()


def service(key: str = "ec") -> tuple[VerdictSigner, Certificate]:
    signing = ec_key("verdicts") if key == "ec" else rsa_key("verdicts")
    holder = issue("Verdicts", signing, root("Service CA"), [(usage("digital_signature"), True)])
    return VerdictSigner(holder.certificate, (), Holder(holder.certificate, signing).sign), holder.certificate


@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_a_verdict_is_told_and_confirmed(key: str, world: World) -> None:
    signer, certificate = service(key)
    signature = sign_filing(world.signer, DOCUMENT)
    report = verify(world, signature, DOCUMENT)
    verdict = sign_verdict(report, signature, signer, AT, ISSUER)
    told = check_verdict(verdict, [certificate])
    assert (told.issuer, told.issued_at, told.indication) == (ISSUER, AT, Indication.PASSED)
    assert told.confirmed is None
    # years later, the signer long revoked: what was said then is confirmed from what the verdict carries
    world.revoke(world.signer, AT + timedelta(hours=1), x509.ReasonFlags.key_compromise)
    again = check_verdict(
        verdict, [certificate], document=DOCUMENT, signature=signature, trust=trust(world), policy=POLICY
    )
    assert again.confirmed
    assert again.again is not None
    assert again.again.to_json() == dict(again.report)


def test_a_bad_verdict_is_confirmed_too(world: World) -> None:
    signer, certificate = service()
    signature = sign_filing(world.signer, DOCUMENT)
    world.revoke(world.signer, AT + timedelta(hours=1))
    report = verify(world, signature, DOCUMENT, at=LATER, answers_of=LATER)
    assert report.sub_indication is SubIndication.REVOKED_NO_POE
    verdict = sign_verdict(report, signature, signer, LATER, ISSUER)
    told = check_verdict(verdict, [certificate], document=DOCUMENT, signature=signature, trust=trust(world),
                         policy=POLICY)  # fmt: skip
    assert told.confirmed
    assert told.sub_indication is SubIndication.REVOKED_NO_POE


def test_a_lie_is_found_out(world: World) -> None:
    """A service that says PASSED of what its own evidence does not carry."""
    signer, certificate = service()
    signature = sign_filing(world.signer, DOCUMENT)
    world.revoke(world.signer, AT + timedelta(hours=1))
    honest = verify(world, signature, DOCUMENT, at=LATER, answers_of=LATER)
    lie = replace(honest, indication=Indication.PASSED, sub_indication=None)
    verdict = sign_verdict(lie, signature, signer, LATER, ISSUER)
    told = check_verdict(verdict, [certificate], document=DOCUMENT, signature=signature, trust=trust(world),
                         policy=POLICY)  # fmt: skip
    assert told.indication is Indication.PASSED
    assert told.confirmed is False


def test_only_pinned_services_are_believed(world: World) -> None:
    signer, _ = service()
    _, other = service("rsa")
    report = verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT)
    verdict = sign_verdict(report, b"signature", signer, AT, ISSUER)
    with pytest.raises(FormatFailure, match="not believed"):
        check_verdict(verdict, [other])
    with pytest.raises(FormatFailure, match="not believed"):
        check_verdict(verdict, [])


def test_no_changed_verdict_holds(world: World) -> None:
    signer, certificate = service()
    signature = sign_filing(world.signer, DOCUMENT)
    verdict = sign_verdict(verify(world, signature, DOCUMENT), signature, signer, AT, ISSUER)
    header, claims, value = verdict.split(".")
    changed = json.loads(from_base64url(claims.encode()))
    changed["report"]["at"] = "2020-01-01T00:00:00Z"
    for text in (
        f"{header}.{to_base64url(json.dumps(changed).encode()).decode()}.{value}",
        f"{header}.{claims}.{value[:-4]}AAAA",
        f"{header}..{value}",
        f"{header}.{claims}.",
        "",
        "x",
        verdict + "A",
    ):
        with pytest.raises(FormatFailure):
            check_verdict(text, [certificate])


def test_a_verdict_about_another_signature_is_refused(world: World) -> None:
    signer, certificate = service()
    signature = sign_filing(world.signer, DOCUMENT)
    verdict = sign_verdict(verify(world, signature, DOCUMENT), signature, signer, AT, ISSUER)
    with pytest.raises(FormatFailure, match="another signature"):
        check_verdict(verdict, [certificate], document=DOCUMENT, signature=signature + b"\0", trust=trust(world))
    with pytest.raises(FormatFailure, match="another signature"):
        check_verdict(verdict, [certificate], trust=trust(world))


def test_signed_claims_that_are_no_verdict_are_refused() -> None:
    signer, certificate = service()
    for claims in ({}, {"report": {}}, {"report": []}, {"report": {"indication": "MAYBE"}}):
        header = {"alg": "ES256", "x5t#S256": to_base64url(certificate.fingerprint).decode()}
        import base64

        header["x5c"] = [base64.b64encode(certificate.der).decode()]  # type: ignore[assignment]
        message = to_base64url(json.dumps(header).encode()) + b"." + to_base64url(json.dumps(claims).encode())
        from cryptography.hazmat.primitives.asymmetric import utils

        r, s = utils.decode_dss_signature(signer.sign(message))
        text = (message + b"." + to_base64url(r.to_bytes(32) + s.to_bytes(32))).decode()
        with pytest.raises(FormatFailure, match="not a verdict"):
            check_verdict(text, [certificate])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "a.b",
        "a.b.c.d",
        "\x00.\ufffd.",
        '{"payload":"","signatures":[]}',
        '{"a":".."}',
        "e30.e30.",
        "." * 9999,
    ],
)
def test_texts_that_are_no_verdict_are_refused_and_never_raise_anything_else(text: str) -> None:
    with pytest.raises(FormatFailure):
        check_verdict(text, [])
