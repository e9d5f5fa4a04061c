"""Serial numbers, names, attributes, reasons, CertIDs and raw signatures."""

import hashlib
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from pki import names, oids
from pki.algorithms import ALGORITHMS, algorithm_for, load_public_key, verify_raw
from pki.attributes import Attributes, Gender
from pki.certid import certid_of
from pki.certificate import Certificate, parse_certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.errors import Error, InvalidValue, Malformed
from pki.municipality import Municipality
from pki.revocation import Reason
from pki.serial import SerialNumber

PKITS = Path(os.path.dirname(cryptography_vectors.__file__)) / "x509" / "PKITS_data" / "certs"
BROKEN_SIGNATURE = {"BadSignedCACert.crt", "InvalidDSASignatureTest6EE.crt"}
"""PKITS breaks these by the octet that counts unused bits."""
INHERITED_DSA = {"ValidDSAParameterInheritanceTest5EE.crt", "DSAParametersInheritedCACert.crt"}


def spki_of(key: object) -> bytes:
    return key.public_key().public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@given(st.binary(min_size=20, max_size=20))
def test_a_drawn_serial_has_twenty_octets_and_reads_back(octets: bytes) -> None:
    serial = SerialNumber.draw(lambda count: octets[:count])
    assert serial.to_bytes(20)[0] >> 6 == 1
    assert SerialNumber.parse("0x" + serial.hex) == serial
    assert SerialNumber.parse(str(int(serial))) == serial
    assert SerialNumber.parse(":".join(serial.hex[i : i + 2] for i in range(0, 40, 2))) == serial


@pytest.mark.parametrize("text", ["0", "-1", "12ab", "0x", "", "1" * 40, "0x" + "f" * 40, "1:2"])
def test_an_ambiguous_or_impossible_serial_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        SerialNumber.parse(text)


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_every_pkits_certificate_parses_to_the_same_fields_as_another_parser() -> None:
    read = 0
    for path in sorted(PKITS.glob("*.crt")):
        if path.name in INHERITED_DSA:
            with pytest.raises(Malformed):
                parse_certificate(path.read_bytes())
            continue
        ours = parse_certificate(path.read_bytes())
        theirs = x509.load_der_x509_certificate(path.read_bytes())
        assert ours.tbs == theirs.tbs_certificate_bytes
        if path.name in BROKEN_SIGNATURE:
            with pytest.raises(Malformed):
                _ = ours.signature
        else:
            assert ours.signature == theirs.signature
        assert ours.serial == theirs.serial_number
        assert ours.issuer == theirs.issuer.public_bytes()
        assert ours.validity.not_after.datetime == theirs.not_valid_after_utc
        assert ours.fingerprint == theirs.fingerprint(hashes.SHA256())
        read += 1
    assert read == 403


@given(st.binary(max_size=80))
def test_garbage_is_malformed_and_nothing_else(octets: bytes) -> None:
    with pytest.raises(Malformed):
        parse_certificate(octets)


def test_a_certid_agrees_with_another_encoder() -> None:
    issuer = parse_certificate((PKITS / "GoodCACert.crt").read_bytes())
    leaf = parse_certificate((PKITS / "ValidCertificatePathTest1EE.crt").read_bytes())
    for name, algorithm in (("sha1", hashes.SHA1()), ("sha256", hashes.SHA256())):
        request = ocsp.OCSPRequestBuilder().add_certificate(leaf.x509, issuer.x509, algorithm).build()
        ours = certid_of(leaf.serial, issuer, name)
        assert (ours.name_hash, ours.key_hash) == (request.issuer_name_hash, request.issuer_key_hash)
        assert ours.der in request.public_bytes(serialization.Encoding.DER)


def test_names_compare_by_rule_not_by_octets() -> None:
    one = names.name(
        names.attribute(oids.COUNTRY_NAME, "JP", printable=True), names.attribute(oids.COMMON_NAME, "A  b")
    )
    other = names.name(names.attribute(oids.COUNTRY_NAME, "jp"), names.attribute(oids.COMMON_NAME, " a B "))
    assert one != other
    assert names.same(one, other)
    assert not names.same(one, names.name(names.attribute(oids.COMMON_NAME, "A b")))
    assert names.readable(one) == "C=JP, CN=A  b"
    wide, narrow = (names.name(names.attribute(oids.COMMON_NAME, text)) for text in ("ｊｐｋｉ", "JPKI"))
    assert names.same(wide, narrow)


def test_raw_signatures_of_every_kind_verify_and_only_for_their_message() -> None:
    signers: list[tuple[object, Callable[[bytes], bytes]]] = []
    rsa_key = rsa.generate_private_key(65537, 2048)
    signers.append((rsa_key, lambda message: rsa_key.sign(message, padding.PKCS1v15(), hashes.SHA256())))
    p256, p384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
    signers.append((p256, lambda message: p256.sign(message, ec.ECDSA(hashes.SHA256()))))
    signers.append((p384, lambda message: p384.sign(message, ec.ECDSA(hashes.SHA384()))))
    edwards, lattice = ed25519.Ed25519PrivateKey.generate(), mldsa.MLDSA65PrivateKey.generate()
    signers += [(edwards, edwards.sign), (lattice, lattice.sign)]
    for key, sign in signers:
        spki = spki_of(key)
        algorithm = algorithm_for(spki)
        signature = sign(b"a filing")
        assert verify_raw(load_public_key(spki), algorithm, signature, b"a filing")
        assert not verify_raw(load_public_key(spki), algorithm, signature, b"a filing.")
        assert not verify_raw(load_public_key(spki), algorithm, b"\x00" + signature, b"a filing")
        for foreign in ALGORITHMS.values():
            if foreign.oid != algorithm.oid:
                assert not verify_raw(load_public_key(spki), foreign, signature, b"a filing")


def test_a_certification_request_proves_possession_to_another_parser() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    info = certification_request_info(spki_of(key))
    request = assemble_request(info, oids.ECDSA_WITH_SHA256, key.sign(info, ec.ECDSA(hashes.SHA256())))
    parsed = x509.load_der_x509_csr(request)
    assert parsed.is_signature_valid
    assert not list(parsed.subject)


def test_reasons_have_the_standard_names() -> None:
    assert [reason.standard_name for reason in Reason] == [
        "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
        "certificateHold", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
    ]  # fmt: skip


def test_attributes_hold_their_rules_and_never_print_themselves() -> None:
    someone = Attributes("実印　太郎", date(1990, 2, 28), Gender.MALE, "東京都渋谷区神南一丁目", "00001")
    assert "実印" not in repr(someone)
    assert someone.moved_to("東京都港区").name == someone.name
    for name, flags in (("", ""), ("あ" * 101, ""), ("実印", "0"), ("実印", "02"), ("実\n印", "")):
        with pytest.raises(InvalidValue) as caught:
            Attributes(name, date(1990, 1, 1), Gender.MALE, "東京都", flags)
        assert "実" not in str(caught.value)


def test_a_municipality_holds_its_rules() -> None:
    Municipality("13113", "Tokyo-to", "Shibuya-ku", "東京都渋谷区")
    for arguments in (("1311", "Tokyo-to", "Shibuya-ku", "渋谷"), ("13113", "東京", "Shibuya-ku", "渋谷")):
        with pytest.raises(InvalidValue):
            Municipality(*arguments)


def test_an_error_tells_code_reason_and_remedy_from_its_fields() -> None:
    error = Malformed("a certificate", 7)
    assert (error.code, error.fields()) == ("pki.malformed", {"what": "a certificate", "offset": 7})
    assert str(error) == "pki.malformed: malformed data: a certificate (at octet 7)"
    assert str(Malformed("a certificate")) == "pki.malformed: malformed data: a certificate"
    assert error.remedy
    assert Error().fields() == {}


def test_two_certificates_are_equal_by_their_octets() -> None:
    octets = (PKITS / "GoodCACert.crt").read_bytes()
    assert Certificate(octets) == parse_certificate(octets)
    assert hashlib.sha256(octets).hexdigest()[:16] in repr(Certificate(octets))
