"""CMS is read in one way only, and what pki.cms builds is what OpenSSL reads."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki import cms as builder
from pki import der, oids
from pki.errors import InvalidValue
from tests.verifier.filing_world import AT, Holder, World, build_world, ec_key, rsa_key, sign_filing
from verifier import cms
from verifier.cades import DocumentDigest, read_cades
from verifier.errors import FormatFailure
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.policy import Limits, Policy
from verifier.report import CheckName

DOCUMENT = "転居届\n".encode()


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def rsa_signer(world: World) -> Holder:
    return world.signature_certificate("RSA signer", rsa_key("RSA signer"))


def verdict(
    signature: bytes, document: bytes | DocumentDigest | None = DOCUMENT
) -> tuple[Indication, SubIndication | None]:
    (candidate,) = read_cades(signature, document, Policy(), Evidence())
    indication, sub, _ = candidate.findings.verdict
    assert candidate.holds == (indication is Indication.PASSED)
    return indication, sub


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_what_is_built_holds_here_and_for_openssl(kind: str, world: World, rsa_signer: Holder, tmp_path: Path) -> None:
    holder = rsa_signer if kind == "rsa" else world.signer
    signature = sign_filing(holder, DOCUMENT)
    assert verdict(signature) == (Indication.PASSED, None)
    assert verdict(signature, DocumentDigest("sha256", hashlib.sha256(DOCUMENT).digest())) == (Indication.PASSED, None)

    (tmp_path / "signature.p7s").write_bytes(signature)
    (tmp_path / "document").write_bytes(DOCUMENT)
    subprocess.run(["openssl", "x509", "-inform", "DER", "-out", tmp_path / "ca.pem"],
                   input=world.signature_ca.certificate.der, check=True)  # fmt: skip
    command: list[str | Path] = ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER"]
    command += ["-in", tmp_path / "signature.p7s", "-content", tmp_path / "document", "-CAfile", tmp_path / "ca.pem"]
    command += ["-purpose", "any", "-attime", str(AT.seconds), "-out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "document").write_bytes(DOCUMENT + b"!")
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_the_parts_are_what_was_put_in(world: World) -> None:
    signed = cms.parse_signed_data(sign_filing(world.signer, DOCUMENT), Limits())
    (signer,) = signed.signers
    assert signed.content is None
    assert signed.content_type == oids.CMS_DATA
    assert signer.message_digest == hashlib.sha256(DOCUMENT).digest()
    assert signer.claimed_time == AT
    assert signer.serial == world.signer.certificate.serial
    assert (
        cms.find_signer(signer, signer.bound_certificates, [world.login.certificate, world.signer.certificate])[0]
        == world.signer.certificate
    )


def test_a_changed_byte_is_a_hash_failure(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT)
    assert verdict(signature, DOCUMENT + b" ") == (Indication.FAILED, SubIndication.HASH_FAILURE)


def test_a_changed_signature_is_a_crypto_failure(world: World) -> None:
    signature = bytearray(sign_filing(world.signer, DOCUMENT))
    signature[-1] ^= 1
    assert verdict(bytes(signature)) == (Indication.FAILED, SubIndication.SIG_CRYPTO_FAILURE)


def test_without_the_document_nothing_is_said(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT)
    assert verdict(signature, None) == (Indication.INDETERMINATE, SubIndication.SIGNED_DATA_NOT_FOUND)
    other = DocumentDigest("sha512", hashlib.sha512(DOCUMENT).digest())
    assert verdict(signature, other) == (Indication.INDETERMINATE, SubIndication.SIGNED_DATA_NOT_FOUND)


def test_an_enclosed_document_is_read_and_a_second_one_refused(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT, content=DOCUMENT)
    assert verdict(signature, None) == (Indication.PASSED, None)
    assert verdict(signature, DOCUMENT) == (Indication.FAILED, SubIndication.FORMAT_FAILURE)
    assert verdict(signature, b"another") == (Indication.FAILED, SubIndication.FORMAT_FAILURE)


def test_every_truncation_and_trailing_octet_is_a_format_failure(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT)
    for end in range(0, len(signature), 7):
        assert verdict(signature[:end]) == (Indication.FAILED, SubIndication.FORMAT_FAILURE)
    for tail in (b"\0", b"0\0"):
        assert verdict(signature + tail) == (Indication.FAILED, SubIndication.FORMAT_FAILURE)


def test_no_changed_octet_passes(world: World) -> None:
    """Every octet of a signature is either signed, or part of the one encoding, or names the signer."""
    signature = sign_filing(world.signer, DOCUMENT)
    start = signature.find(world.signer.certificate.der)
    inside_certificate = range(start, start + len(world.signer.certificate.der))
    for offset in range(len(signature)):
        if offset in inside_certificate and offset % 17:
            continue  # the certificate is bound by its hash; every 17th octet shows it
        changed = bytearray(signature)
        changed[offset] ^= 0x01
        (candidate,) = read_cades(bytes(changed), DOCUMENT, Policy(), Evidence())
        assert not candidate.holds, offset


@given(st.binary(max_size=300))
def test_garbage_is_a_format_failure(garbage: bytes) -> None:
    assert verdict(garbage) == (Indication.FAILED, SubIndication.FORMAT_FAILURE)


@given(st.data())
def test_damaged_signatures_never_crash(data: st.DataObject) -> None:
    signature = bytearray(_SIGNATURE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(signature) - 1))
        match data.draw(st.sampled_from(("flip", "cut", "copy"))):
            case "flip":
                signature[at] = data.draw(st.integers(0, 255))
            case "cut":
                del signature[at : at + data.draw(st.integers(1, 20))]
            case _:
                signature[at:at] = signature[at : at + data.draw(st.integers(1, 20))]
        if not signature:
            return
    for candidate in read_cades(bytes(signature), DOCUMENT, Policy(), Evidence()):
        assert candidate.holds == (bytes(signature) == _SIGNATURE)


_SIGNATURE = sign_filing(build_world().signer, DOCUMENT)


def test_limits_are_named(world: World) -> None:
    signature = builder.assemble(
        builder.to_be_signed(b"", world.signer.certificate, None), b"", world.signer.certificate
    )
    with pytest.raises(FormatFailure, match="larger than is accepted"):
        cms.parse_signed_data(signature, Limits(signature_octets=10, document_octets=10))
    with pytest.raises(FormatFailure, match="more than 2 elements"):
        cms.parse_signed_data(signature, Limits(attributes=2))
    with pytest.raises(FormatFailure, match="more than 0 elements"):
        cms.parse_signed_data(signature, Limits(certificates=0))


def test_the_builder_refuses_attributes_that_are_no_set(world: World) -> None:
    with pytest.raises(InvalidValue, match="SET OF"):
        builder.assemble(der.sequence(), b"", world.signer.certificate)


def test_a_signature_id_names_the_act_and_not_its_form(world: World) -> None:
    """Another encoding of the same ECDSA value (n - s), or more unsigned attributes, are the same act of signing."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    attributes = builder.to_be_signed(hashlib.sha256(DOCUMENT).digest(), world.signer.certificate, AT)
    value = world.signer.sign(attributes)
    r, s = (node.integer() for node in der.read_whole(value).children())
    twin = der.sequence(der.integer(r), der.integer(order - s))
    forms = [
        builder.assemble(attributes, value, world.signer.certificate),
        builder.assemble(attributes, twin, world.signer.certificate),
        builder.assemble(
            attributes, value, world.signer.certificate, unsigned_attributes=[builder.attribute("1.2.3", der.null())]
        ),
    ]
    assert len(set(forms)) == 3
    found = [read_cades(form, DOCUMENT, Policy(), Evidence())[0] for form in forms]
    assert all(candidate.holds for candidate in found)
    assert len({candidate.signature_id for candidate in found}) == 1
    again = read_cades(sign_filing(world.signer, DOCUMENT, None), DOCUMENT, Policy(), Evidence())[0]
    assert again.signature_id not in {candidate.signature_id for candidate in found}


def test_several_signers_are_several_candidates(world: World) -> None:
    other = world.signature_certificate("second signer", ec_key("second signer"))
    outer = der.read_whole(sign_filing(world.signer, DOCUMENT)).children()[1].children()[0].children()
    inner = der.read_whole(sign_filing(other, DOCUMENT)).children()[1].children()[0].children()
    both = der.sequence(
        der.oid(oids.CMS_SIGNED_DATA),
        der.context(
            0,
            der.sequence(
                *(part.raw for part in outer[:3]),
                b"\xa0" + der.set_of(world.signer.certificate.der, other.certificate.der)[1:],
                der.set_of(outer[4].value, inner[4].value),
            ),
        ),
    )
    candidates = read_cades(both, DOCUMENT, Policy(), Evidence())
    assert {candidate.signer for candidate in candidates} == {world.signer.certificate, other.certificate}
    assert all(candidate.holds for candidate in candidates)
    check = candidates[0].findings.checks[0]
    assert check.name is CheckName.FORMAT
    assert check.detail["signers"] == 2
