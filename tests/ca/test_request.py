"""Certification requests: possession is proven or nothing happens."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import MalformedRequest, PossessionNotProven, RequestRefused, WeakKey
from ca.profiles import KeyShape
from ca.request import MAX_OCTETS, prove_possession
from pki import oids
from pki.certification_request import assemble_request, certification_request_info
from tests.ca.issuing_world import card_key, request

EVERY = frozenset(KeyShape)


@pytest.mark.parametrize("shape", list(KeyShape))
def test_a_request_proves_possession(shape: KeyShape) -> None:
    proven = prove_possession(request("card", shape), EVERY)
    assert proven.key_shape is shape
    assert proven.spki == card_key("card", shape).public_spki


@pytest.mark.parametrize("shape", [KeyShape.RSA_2048, KeyShape.P256, KeyShape.P384])
def test_openssl_sees_the_same_possession(shape: KeyShape, tmp_path: Path) -> None:
    path = tmp_path / "request.der"
    path.write_bytes(request("card", shape))
    done = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", path, "-noout", "-verify"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "verify OK" in done.stdout + done.stderr


def test_a_request_of_another_maker_with_subject_and_extensions_gives_its_key_only() -> None:
    key = card_key("card", KeyShape.P256)
    built = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key._private, hashes.SHA256())  # type: ignore[arg-type]
    )
    assert prove_possession(built.public_bytes(Encoding.DER), EVERY).spki == key.public_spki


def test_another_key_inside() -> None:
    mine, other = card_key("card", KeyShape.P256), card_key("other", KeyShape.P256)
    info = certification_request_info(other.public_spki)
    with pytest.raises(PossessionNotProven):
        prove_possession(assemble_request(info, oids.ECDSA_WITH_SHA256, mine.sign(info)), EVERY)


def test_a_signature_over_another_request() -> None:
    key = card_key("card", KeyShape.P256)
    info = certification_request_info(key.public_spki)
    with pytest.raises(PossessionNotProven):
        prove_possession(assemble_request(info, oids.ECDSA_WITH_SHA256, key.sign(info + b"x")), EVERY)


def test_sha1_and_foreign_algorithms_are_refused() -> None:
    key = card_key("card")
    info = certification_request_info(key.public_spki)
    for algorithm in (oids.SHA1_WITH_RSA, oids.ECDSA_WITH_SHA256, oids.ML_DSA_65):
        with pytest.raises(MalformedRequest):
            prove_possession(assemble_request(info, algorithm, key.sign(info)), EVERY)


def test_the_key_is_judged_before_its_signature() -> None:
    with pytest.raises(WeakKey):
        prove_possession(request("card", KeyShape.P256), frozenset({KeyShape.P384}))


def test_too_long() -> None:
    with pytest.raises(MalformedRequest):
        prove_possession(b"\x30" * (MAX_OCTETS + 1), EVERY)


GOOD = request("card", KeyShape.P256)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_octet_proves_possession(index: int, change: int) -> None:
    changed = bytearray(GOOD)
    changed[index] ^= change
    with pytest.raises(RequestRefused):
        prove_possession(bytes(changed), EVERY)


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else(octets: bytes) -> None:
    with pytest.raises(RequestRefused):
        prove_possession(octets, EVERY)


@given(st.integers(0, len(GOOD) - 1))
def test_a_request_cut_short_is_refused(size: int) -> None:
    with pytest.raises(RequestRefused):
        prove_possession(GOOD[:size], EVERY)
    with pytest.raises(RequestRefused):
        prove_possession(GOOD + bytes(size + 1), EVERY)
