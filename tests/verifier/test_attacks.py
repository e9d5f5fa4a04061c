"""Attacks on filings, each built from scratch (reference: CMS, keys, OCSP, time; paths and CRLs have their own files).

Every test says what an honest signature over the same data answers, then bends one thing.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import cms as builder
from pki import der, oids
from pki.certificate import Certificate
from pki.instant import Instant
from tests.verifier.filing_world import (
    AT,
    Holder,
    World,
    _produced_at,
    build_world,
    ec_key,
    issue,
    raw_sign,
    root,
    rsa_key,
    sign_filing,
    usage,
)
from tests.verifier.test_verify import PASSED, Responders, doubt, failure, said, verify
from verifier.cades import read_cades
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.keys import has_roca_fingerprint
from verifier.policy import Policy
from verifier.report import CheckName, Report

DOCUMENT = b"transfer to: 2-1 Mihon\n"


@pytest.fixture
def world() -> World:
    return build_world()


def attributes_for(holder: Holder, document: bytes = DOCUMENT) -> list[bytes]:
    """The honest signed attributes, one by one."""
    whole = builder.to_be_signed(hashlib.sha256(document).digest(), holder.certificate, AT)
    return [node.raw for node in der.read_whole(whole).iterate()]


def craft(
    holder: Holder,
    *,
    attributes: Sequence[bytes] | None = None,
    value: bytes | None = None,
    digest_algorithm: bytes | None = None,
    signature_algorithm: bytes | None = None,
    sid: bytes | None = None,
    certificates: Sequence[bytes] | None = None,
    content_type: str = oids.CMS_DATA,
    content: bytes = b"",
    listed: bytes | None = None,
    version: int = 1,
    in_order: bool = True,
    document: bytes = DOCUMENT,
) -> bytes:
    """A SignedData with every part bendable; what is not bent is honest."""
    certificate = holder.certificate
    attributes = attributes_for(holder, document) if attributes is None else attributes
    signed = der.set_of(*attributes) if in_order else der.tlv(der.SET, *attributes)
    value = holder.sign(signed if attributes else document) if value is None else value
    digest_algorithm = digest_algorithm or der.sequence(der.oid(oids.SHA256))
    rsa_key_used = isinstance(holder.key, rsa.RSAPrivateKey)
    honest = (
        der.sequence(der.oid(oids.SHA256_WITH_RSA), der.null())
        if rsa_key_used
        else der.sequence(der.oid(oids.ECDSA_WITH_SHA256))
    )
    info = der.sequence(
        der.integer(version),
        sid or der.sequence(certificate.issuer, der.integer(certificate.serial)),
        digest_algorithm,
        b"\xa0" + signed[1:] if attributes else b"",
        signature_algorithm or honest,
        der.octet_string(value),
    )
    carried = der.set_of(*(certificates if certificates is not None else [certificate.der]))
    return der.sequence(
        der.oid(oids.CMS_SIGNED_DATA),
        der.context(
            0,
            der.sequence(
                der.integer(1),
                listed if listed is not None else der.set_of(digest_algorithm),
                der.sequence(der.oid(content_type), content),
                b"\xa0" + carried[1:],
                der.set_of(info),
            ),
        ),
    )


def judged(world: World, signature: bytes, document: bytes | None = DOCUMENT, **more: Any) -> Report:
    return verify(world, signature, document, **more)


def without(attributes: Sequence[bytes], oid: str) -> list[bytes]:
    return [one for one in attributes if der.read_whole(one).children()[0].oid() != oid]


def test_what_is_not_bent_passes(world: World) -> None:
    assert said(judged(world, craft(world.signer))) == PASSED


# ---- signed attributes


def test_no_signed_attributes(world: World) -> None:
    signature = craft(world.signer, attributes=[])
    assert said(judged(world, signature)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)


def test_attributes_of_a_victim_as_the_document(world: World) -> None:
    """The value over the signed attributes is also one over a document of the same octets without attributes."""
    signed = der.set_of(*attributes_for(world.signer))
    value = world.signer.sign(signed)
    report = judged(world, craft(world.signer, attributes=[], value=value), signed)
    assert said(report) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert "taken from another signature" in report.reason


def test_content_type_of_the_signer_and_of_the_envelope_differ(world: World) -> None:
    signature = craft(world.signer, content_type=oids.TST_INFO)
    assert said(judged(world, signature)) == failure(SubIndication.FORMAT_FAILURE)
    attributes = [
        *without(attributes_for(world.signer), oids.CONTENT_TYPE),
        builder.attribute(oids.CONTENT_TYPE, der.oid(oids.TST_INFO)),
    ]
    assert said(judged(world, craft(world.signer, attributes=attributes))) == failure(SubIndication.FORMAT_FAILURE)
    both = craft(world.signer, attributes=attributes, content_type=oids.TST_INFO)
    assert said(judged(world, both)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)


RIGHT = hashlib.sha256(DOCUMENT).digest()
WRONG = hashlib.sha256(b"another document").digest()


@pytest.mark.parametrize(
    "digests",
    [
        [[RIGHT], [WRONG]],
        [[WRONG], [RIGHT]],
        [[RIGHT], [RIGHT]],
        [[RIGHT, WRONG]],
        [[WRONG, RIGHT]],
        [[]],
        [],
    ],
)
def test_message_digest_twice_or_missing(digests: list[list[bytes]], world: World) -> None:
    bent = [
        builder.attribute(oids.MESSAGE_DIGEST, *(der.octet_string(value) for value in values)) for values in digests
    ]
    attributes = [*without(attributes_for(world.signer), oids.MESSAGE_DIGEST), *bent]
    for in_order in (True, False):
        signature = craft(world.signer, attributes=attributes, in_order=in_order)
        assert said(judged(world, signature)) == failure(SubIndication.FORMAT_FAILURE)


@pytest.mark.parametrize("oid", [oids.CONTENT_TYPE, oids.SIGNING_TIME, oids.SIGNING_CERTIFICATE_V2])
def test_other_attributes_twice_or_without_a_value(oid: str, world: World) -> None:
    attributes = attributes_for(world.signer)
    (one,) = [a for a in attributes if der.read_whole(a).children()[0].oid() == oid]
    twice = craft(world.signer, attributes=[*attributes, one])
    assert said(judged(world, twice)) == failure(SubIndication.FORMAT_FAILURE)
    empty = craft(world.signer, attributes=[*without(attributes, oid), der.sequence(der.oid(oid), der.set_of())])
    assert said(judged(world, empty)) == failure(SubIndication.FORMAT_FAILURE)


def test_attributes_out_of_order_or_not_in_der(world: World) -> None:
    attributes = sorted(attributes_for(world.signer), reverse=True)
    assert said(judged(world, craft(world.signer, attributes=attributes, in_order=False))) == failure(
        SubIndication.FORMAT_FAILURE
    )
    honest = craft(world.signer)
    assert said(judged(world, b"\x30\x80" + honest[4:] + b"\0\0")) == failure(SubIndication.FORMAT_FAILURE)


# ---- which certificate


def test_no_certificate_is_bound(world: World) -> None:
    attributes = without(attributes_for(world.signer), oids.SIGNING_CERTIFICATE_V2)
    assert said(judged(world, craft(world.signer, attributes=attributes))) == doubt(
        SubIndication.SIG_CONSTRAINTS_FAILURE
    )


def test_another_certificate_is_bound(world: World) -> None:
    other = world.signature_certificate("other")
    attributes = [
        *without(attributes_for(world.signer), oids.SIGNING_CERTIFICATE_V2),
        builder.attribute(oids.SIGNING_CERTIFICATE_V2, builder.signing_certificate_v2(other.certificate)),
    ]
    signature = craft(
        world.signer, attributes=attributes, certificates=[world.signer.certificate.der, other.certificate.der]
    )
    assert said(judged(world, signature)) == doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND)


def test_a_second_certificate_for_the_same_key_does_not_take_its_place(world: World) -> None:
    """The sid is unsigned: whoever holds a second certificate for a victim's key could claim the signature."""
    twin = world.signature_certificate("twin", world.signer.key)
    sid = der.sequence(twin.certificate.issuer, der.integer(twin.certificate.serial))
    signature = craft(world.signer, sid=sid, certificates=[twin.certificate.der, world.signer.certificate.der])
    assert said(judged(world, signature)) == doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND)


def test_issuer_serial_that_contradicts_the_hash(world: World) -> None:
    bent = der.sequence(
        der.sequence(
            der.sequence(
                der.octet_string(world.signer.certificate.fingerprint),
                der.sequence(der.sequence(der.context(4, world.signer.certificate.issuer)), der.integer(7)),
            )
        )
    )
    attributes = [
        *without(attributes_for(world.signer), oids.SIGNING_CERTIFICATE_V2),
        builder.attribute(oids.SIGNING_CERTIFICATE_V2, bent),
    ]
    assert said(judged(world, craft(world.signer, attributes=attributes))) == doubt(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND
    )


def test_a_certificate_bound_by_sha1_only(world: World) -> None:
    digest = hashlib.sha1(world.signer.certificate.der, usedforsecurity=False).digest()
    old = der.sequence(der.sequence(der.sequence(der.octet_string(digest))))
    attributes = [
        *without(attributes_for(world.signer), oids.SIGNING_CERTIFICATE_V2),
        builder.attribute(oids.SIGNING_CERTIFICATE, old),
    ]
    assert said(judged(world, craft(world.signer, attributes=attributes))) == doubt(
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    )


# ---- algorithms


@pytest.fixture(scope="module")
def rsa_world() -> tuple[World, Holder]:
    world = build_world()
    return world, world.signature_certificate("RSA signer", rsa_key("RSA signer"))


def algorithm(oid: str, *parameters: bytes) -> bytes:
    return der.sequence(der.oid(oid), *parameters)


def test_digest_and_signature_algorithm_disagree(world: World) -> None:
    for signature_algorithm in (oids.ECDSA_WITH_SHA1, oids.ECDSA_WITH_SHA384, oids.ECDSA_WITH_SHA512):
        signature = craft(world.signer, signature_algorithm=algorithm(signature_algorithm))
        assert said(judged(world, signature)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    signature = craft(world.signer, digest_algorithm=algorithm(oids.SHA1))
    assert said(judged(world, signature)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def test_sha1_and_md5_are_not_accepted(rsa_world: tuple[World, Holder]) -> None:
    world, holder = rsa_world
    document_digest = hashlib.sha1(DOCUMENT, usedforsecurity=False).digest()
    attributes = [
        *without(attributes_for(holder), oids.MESSAGE_DIGEST),
        builder.attribute(oids.MESSAGE_DIGEST, der.octet_string(document_digest)),
    ]
    signed = der.set_of(*attributes)
    signature = craft(
        holder,
        attributes=attributes,
        value=raw_sign(holder.key, signed, hashes.SHA1()),
        digest_algorithm=algorithm(oids.SHA1),
        signature_algorithm=algorithm(oids.SHA1_WITH_RSA, der.null()),
    )
    assert said(judged(world, signature, holder=holder)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    md5 = craft(
        holder,
        digest_algorithm=algorithm("1.2.840.113549.2.5", der.null()),
        signature_algorithm=algorithm("1.2.840.113549.1.1.4", der.null()),
    )
    assert said(judged(world, md5, holder=holder)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def test_a_digest_that_is_not_listed(world: World) -> None:
    for listed in (der.set_of(), der.set_of(algorithm(oids.SHA512))):
        assert said(judged(world, craft(world.signer, listed=listed))) == failure(SubIndication.FORMAT_FAILURE)


def test_parameters_where_none_belong(world: World) -> None:
    for parameters in (der.null(), der.sequence(), der.octet_string(b"x")):
        signature = craft(world.signer, signature_algorithm=algorithm(oids.ECDSA_WITH_SHA256, parameters))
        assert said(judged(world, signature)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def pss(hash_oid: str = oids.SHA256, mask: str = oids.SHA256, salt: int = 32, trailer: int | None = None) -> bytes:
    fields = [
        der.context(0, algorithm(hash_oid)),
        der.context(1, algorithm(oids.MGF1, algorithm(mask))),
        der.context(2, der.integer(salt)),
    ]
    if trailer is not None:
        fields.append(der.context(3, der.integer(trailer)))
    return der.sequence(der.oid(oids.RSASSA_PSS), der.sequence(*fields))


def pss_value(holder: Holder, salt: int = 32, mask: hashes.HashAlgorithm | None = None) -> bytes:
    assert isinstance(holder.key, rsa.RSAPrivateKey)
    signed = der.set_of(*attributes_for(holder))
    return holder.key.sign(signed, padding.PSS(padding.MGF1(mask or hashes.SHA256()), salt), hashes.SHA256())


def test_pss_as_it_should_be(rsa_world: tuple[World, Holder]) -> None:
    world, holder = rsa_world
    signature = craft(holder, value=pss_value(holder), signature_algorithm=pss())
    assert said(judged(world, signature, holder=holder)) == PASSED


@pytest.mark.parametrize(
    ("bent", "salt", "mask"),
    [
        (pss(salt=0), 0, None),
        (pss(salt=20), 20, None),
        (pss(salt=190), 190, None),
        (pss(salt=10**9), 32, None),
        (pss(salt=-1), 32, None),
        (pss(mask=oids.SHA1), 32, hashes.SHA1()),
        (pss(mask=oids.SHA512), 32, hashes.SHA512()),
        (pss(hash_oid=oids.SHA1), 32, None),
        (pss(hash_oid=oids.SHA512), 32, None),
        (pss(trailer=2), 32, None),
        (algorithm(oids.RSASSA_PSS), 32, None),
        (algorithm(oids.RSASSA_PSS, der.null()), 32, None),
        (algorithm(oids.RSASSA_PSS, der.sequence()), 32, None),
        (
            algorithm(oids.RSASSA_PSS, der.sequence(der.context(2, der.integer(32)), der.context(0, der.null()))),
            32,
            None,
        ),
        (algorithm(oids.RSASSA_PSS, der.sequence(der.context(0))), 32, None),
    ],
)
def test_pss_parameter_games(
    bent: bytes, salt: int, mask: hashes.HashAlgorithm | None, rsa_world: tuple[World, Holder]
) -> None:
    world, holder = rsa_world
    signature = craft(holder, value=pss_value(holder, salt, mask), signature_algorithm=bent)
    assert said(judged(world, signature, holder=holder)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def test_pss_and_pkcs1_values_are_not_exchanged(rsa_world: tuple[World, Holder]) -> None:
    world, holder = rsa_world
    assert said(judged(world, craft(holder, value=pss_value(holder)), holder=holder)) == failure(
        SubIndication.SIG_CRYPTO_FAILURE
    )
    assert said(judged(world, craft(holder, signature_algorithm=pss()), holder=holder)) == failure(
        SubIndication.SIG_CRYPTO_FAILURE
    )


# ---- keys


DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def holder_with_spki(world: World, spki: bytes) -> Holder:
    """A certificate for a key that no library would make, signed by the real authority by hand."""
    tbs = der.read_whole(world.signer.certificate.tbs).children()
    old = world.signer.certificate.spki
    changed = der.sequence(*(spki if part.raw == old else part.raw for part in tbs))
    certificate = der.sequence(
        changed,
        world.signer.certificate.signature_algorithm,
        der.bit_string(raw_sign(world.signature_ca.key, changed)),
    )
    return Holder(Certificate(certificate), world.signer.key)


def rsa_spki(modulus: int, exponent: int) -> bytes:
    key = der.sequence(der.integer(modulus), der.integer(exponent))
    return der.sequence(algorithm(oids.RSA_ENCRYPTION, der.null()), der.bit_string(key))


def with_weak_key(world: World, modulus: int, exponent: int, value: Callable[[bytes], bytes]) -> Report:
    holder = holder_with_spki(world, rsa_spki(modulus, exponent))
    signed = der.set_of(*attributes_for(holder))
    signature = craft(holder, value=value(signed), signature_algorithm=algorithm(oids.SHA256_WITH_RSA, der.null()))
    return judged(world, signature)


def encoded_message(message: bytes, size: int) -> bytes:
    info = DIGEST_INFO + hashlib.sha256(message).digest()
    return b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info


def test_exponent_one_signs_everything(world: World) -> None:
    modulus = rsa_key("RSA signer").public_key().public_numbers().n
    report = with_weak_key(world, modulus, 1, lambda message: encoded_message(message, 256))
    assert report.indication is not Indication.PASSED
    assert report.sub_indication in (SubIndication.CRYPTO_CONSTRAINTS_FAILURE, SubIndication.FORMAT_FAILURE)


def cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        if middle**3 < number:
            low = middle + 1
        else:
            high = middle
    return low


def test_garbage_after_the_digest_under_exponent_three(world: World) -> None:
    """Bleichenbacher 2006: 00 01 FF 00 DigestInfo garbage is a perfect cube somewhere."""
    modulus = rsa_key("RSA signer").public_key().public_numbers().n

    def forge(message: bytes) -> bytes:
        start = b"\0\1\xff\0" + DIGEST_INFO + hashlib.sha256(message).digest()
        root_of = cube_root(int.from_bytes(start + b"\0" * (256 - len(start)))) + 1
        assert (root_of**3).to_bytes(256).startswith(start[:20])
        return root_of.to_bytes(256)

    report = with_weak_key(world, modulus, 3, forge)
    assert said(report) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


@pytest.mark.parametrize(
    "bent",
    [
        lambda info: b"\0\1" + b"\xff" * 8 + b"\0" + info + b"x" * (256 - len(info) - 11),
        lambda info: b"\0\1" + b"\xff" * (253 - len(info) - 1) + b"\0" + info + b"\0",
        lambda info: b"\0\2" + b"\xff" * (253 - len(info)) + b"\0" + info,
        lambda info: b"\0\1" + b"\xfe" * (253 - len(info)) + b"\0" + info,
        lambda info: b"\0\1" + b"\xff" * (253 - len(info[19:])) + b"\0" + info[19:],
        lambda info: b"\0\1" + b"\xff" * (253 - len(info) - 2) + b"\0" + b"\x30\x2f\x30\x0b" + info[4:15] + info[17:],
    ],
)
def test_lenient_paddings_are_not_believed(bent: Callable[[bytes], bytes], rsa_world: tuple[World, Holder]) -> None:
    """Made with the true private key, so that only the padding's form is wrong."""
    world, holder = rsa_world
    assert isinstance(holder.key, rsa.RSAPrivateKey)
    numbers = holder.key.private_numbers()
    modulus = numbers.public_numbers.n
    signed = der.set_of(*attributes_for(holder))
    block = bent(DIGEST_INFO + hashlib.sha256(signed).digest()).ljust(256, b"\0")[:256]
    value = pow(int.from_bytes(block), numbers.d, modulus).to_bytes(256)
    assert said(judged(world, craft(holder, value=value), holder=holder)) == failure(SubIndication.SIG_CRYPTO_FAILURE)


def test_values_of_another_length_are_not_believed(rsa_world: tuple[World, Holder]) -> None:
    world, holder = rsa_world
    value = holder.sign(der.set_of(*attributes_for(holder)))
    for other in (b"\0" + value, value[:-1], value + b"\0", b"", b"\0" * 256):
        assert said(judged(world, craft(holder, value=other), holder=holder)) == failure(
            SubIndication.SIG_CRYPTO_FAILURE
        )


@pytest.mark.parametrize("bits", [512, 1024, 1536, 2047, 16384, 65536])
def test_moduli_that_are_too_short_or_too_long(bits: int, world: World) -> None:
    """Refused by their length alone: nothing is computed with a modulus of 65536 bits."""
    report = with_weak_key(world, (1 << bits) - 1 - (1 << 17), 65537, lambda _message: b"\1" * (bits // 8))
    assert report.indication is not Indication.PASSED
    assert report.check(CheckName.SIGNATURE_VALUE) is None


def test_exponents_that_are_even_or_huge(world: World) -> None:
    modulus = rsa_key("RSA signer").public_key().public_numbers().n
    for exponent in (2, 65536, 65535, (1 << 16001) + 1, modulus - 2):
        report = with_weak_key(world, modulus, exponent, lambda _message: b"\1" * 256)
        assert report.indication is not Indication.PASSED
        assert report.check(CheckName.SIGNATURE_VALUE) is None


def test_the_roca_fingerprint(world: World) -> None:
    """A modulus that is a power of 65537 modulo the primorial, as the chips' were."""
    primorial = 1
    for prime in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
                  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167):  # fmt: skip
        primorial *= prime
    start = 1 << 2047
    residue = pow(65537, 12345, primorial)
    modulus = start + (residue - start) % primorial
    while modulus % 2 == 0:
        modulus += primorial
    assert has_roca_fingerprint(modulus)
    assert modulus.bit_length() == 2048
    report = with_weak_key(world, modulus, 65537, lambda _message: b"\1" * 256)
    assert said(report) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    assert "ROCA" in report.reason
    for label in ("RSA signer", "another"):
        assert not has_roca_fingerprint(rsa_key(label).public_key().public_numbers().n)


def test_elliptic_curves_outside_the_list(world: World) -> None:
    for curve in (ec.SECP192R1(), ec.SECP224R1(), ec.SECP256K1(), ec.BrainpoolP256R1()):
        key = ec.generate_private_key(curve)
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        holder = Holder(holder_with_spki(world, spki).certificate, key)
        report = judged(world, craft(holder))
        assert report.indication is not Indication.PASSED
        assert report.check(CheckName.SIGNATURE_VALUE) is None


def test_explicit_parameters_and_points_off_the_curve(world: World) -> None:
    """CVE-2020-0601: a curve of the forger's with the victim's point; and a point that is on no curve."""
    point = world.signer.certificate.public_key_bits
    explicit = der.sequence(
        der.integer(1),
        der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(2**256 - 2**224 + 2**192 + 2**96 - 1)),
        der.sequence(der.octet_string(b"\xff" * 32), der.octet_string(b"\x5a" * 32)),
        der.octet_string(point),
        der.integer(1),
    )
    off = point[:-1] + bytes([point[-1] ^ 1])
    for parameters, bits in ((explicit, point), (der.oid(oids.P256), off), (der.oid(oids.P256), b"\0"), (b"", point)):
        spki = der.sequence(algorithm(oids.EC_PUBLIC_KEY, parameters), der.bit_string(bits))
        report = judged(world, craft(holder_with_spki(world, spki)))
        assert report.indication is not Indication.PASSED
        assert report.check(CheckName.SIGNATURE_VALUE) is None


def test_ecdsa_values_that_are_no_values(world: World) -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for r, s in ((0, 0), (1, 0), (0, 1), (order, 1), (1, order), (order + 1, order + 1), (-1, 1), (1 << 600, 1)):
        value = der.sequence(der.integer(r), der.integer(s))
        assert said(judged(world, craft(world.signer, value=value))) == failure(SubIndication.SIG_CRYPTO_FAILURE)


# ---- deep and large


@pytest.mark.parametrize("depth", [100, 5_000, 50_000])
def test_deep_nesting_ends_at_once(depth: int, world: World) -> None:
    nested = b""
    for _ in range(min(depth, 5_000)):
        nested = der.sequence(nested)
    for octets in (b"\x30\x80" * depth, b"\x24\x80" * depth, nested, b"\xa0\x80" * depth + b"\0\0" * depth):
        assert said(judged(world, octets)) == failure(SubIndication.FORMAT_FAILURE)
    in_attribute = [*attributes_for(world.signer), builder.attribute("1.2.3.4", nested)]
    assert judged(world, craft(world.signer, attributes=in_attribute)).indication is Indication.PASSED


def test_more_of_everything_than_is_accepted(world: World) -> None:
    many = [builder.attribute(f"1.2.3.{number}", der.null()) for number in range(100)]
    assert said(judged(world, craft(world.signer, attributes=[*attributes_for(world.signer), *many]))) == failure(
        SubIndication.FORMAT_FAILURE
    )
    crowd = [world.signer.certificate.der + bytes([0]) * 0 for _ in range(100)]
    assert said(judged(world, craft(world.signer, certificates=crowd))) == failure(SubIndication.FORMAT_FAILURE)
    policy = Policy()
    large = craft(world.signer) + b"\0" * policy.limits.signature_octets
    assert said(judged(world, large)) == failure(SubIndication.FORMAT_FAILURE)


def test_numbers_and_identifiers_of_a_megabyte(world: World) -> None:
    """Python writes no number of more than 4,300 digits, and reading a long identifier takes quadratic time."""
    huge = der.tlv(der.INTEGER, b"\x7f" + b"\xff" * 1_000_000)
    long_oid = der.tlv(der.OID, b"\x2a" + b"\xff" * 1_000_000 + b"\x01")
    honest = der.read_whole(craft(world.signer)).children()[1].children()[0].children()
    outer = [part.raw for part in honest]
    wrapped = [
        der.sequence(der.oid(oids.CMS_SIGNED_DATA), der.context(0, der.sequence(*parts)))
        for parts in ([huge, *outer[1:]], [*outer[:2], der.sequence(long_oid), *outer[3:]])
    ]
    wrapped += [
        craft(world.signer, sid=der.sequence(world.signer.certificate.issuer, huge)),
        craft(world.signer, digest_algorithm=der.sequence(long_oid)),
        craft(world.signer, signature_algorithm=der.sequence(long_oid)),
        craft(world.signer, attributes=[*attributes_for(world.signer), der.sequence(long_oid, der.set_of(der.null()))]),
        craft(world.signer, value=der.sequence(huge, huge)),
        craft(world.signer, signature_algorithm=pss(salt=1 << 100_000)),
        der.sequence(long_oid, der.context(0, b"")),
    ]
    info = der.read_whole(outer[-1]).children()[0].children()
    bent_info = der.sequence(huge, *(part.raw for part in info[1:]))
    wrapped.append(
        der.sequence(der.oid(oids.CMS_SIGNED_DATA), der.context(0, der.sequence(*outer[:-1], der.set_of(bent_info))))
    )
    for signature in wrapped:
        assert judged(world, signature).indication is not Indication.PASSED


# ---- OCSP answers


def answer(
    world: World,
    *,
    about: Holder | None = None,
    issuer: Holder | None = None,
    responder: Holder | None = None,
    carried: Sequence[Holder] | None = None,
    statuses: Sequence[tuple[ocsp.OCSPCertStatus, Instant, Instant | None]] | None = None,
    produced: Instant = AT,
) -> bytes:
    """An OCSP answer with every part bendable."""
    about, issuer = about or world.signer, issuer or world.signature_ca
    responder = responder or world.signature_responder
    (status, this, upto), *_ = statuses or [(ocsp.OCSPCertStatus.GOOD, AT, AT + timedelta(hours=1))]
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    made = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=about.certificate.x509,
            issuer=issuer.certificate.x509,
            algorithm=hashes.SHA256(),
            cert_status=status,
            this_update=this.datetime,
            next_update=None if upto is None else upto.datetime,
            revocation_time=(AT + timedelta(days=-1)).datetime if revoked else None,
            revocation_reason=x509.ReasonFlags.unspecified if revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate.x509)
        .certificates([holder.certificate.x509 for holder in (carried if carried is not None else [responder])])
        .sign(responder.key, hashes.SHA256())
    )
    return _produced_at(made.public_bytes(serialization.Encoding.DER), produced, responder)


def with_answer(world: World, *answers: bytes) -> Report:
    return judged(world, sign_filing(world.signer, DOCUMENT), evidence=Evidence(ocsp=answers))


UNKNOWN = doubt(SubIndication.TRY_LATER)


def test_the_honest_answer_passes(world: World) -> None:
    assert said(with_answer(world, answer(world))) == PASSED
    assert said(with_answer(world, answer(world, responder=world.signature_ca))) == PASSED


def test_responders_that_may_not_answer(world: World) -> None:
    ca = world.signature_ca
    no_usage = issue("no usage", ec_key("no usage"), ca, [(usage("digital_signature"), True)])
    for_tls = issue(
        "tls",
        ec_key("tls"),
        ca,
        [(usage("digital_signature"), True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
    )
    any_usage = issue(
        "any",
        ec_key("any"),
        ca,
        [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False), (x509.OCSPNoCheck(), False)],
    )
    sub_ca = issue("sub", ec_key("sub"), ca, [(x509.BasicConstraints(ca=True, path_length=None), True),
                                              (usage("key_cert_sign"), True)])  # fmt: skip
    ocsp_signing = [
        (usage("digital_signature"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
    ]
    below = issue("below", ec_key("below"), sub_ca, ocsp_signing)
    expired = issue("expired", ec_key("expired"), ca, ocsp_signing, not_after=AT + timedelta(days=-1))
    stranger = issue("stranger", ec_key("stranger"), root("Signature CA", ec_key("forged root")), ocsp_signing)
    for responder in (
        no_usage,
        for_tls,
        any_usage,
        below,
        expired,
        stranger,
        world.authentication_responder,
        world.signer,
        world.login,
        sub_ca,
    ):
        report = with_answer(world, answer(world, responder=responder, carried=[responder, sub_ca]))
        assert said(report) == UNKNOWN, responder.certificate.x509.subject


def test_answers_about_somebody_else(world: World) -> None:
    other = world.signature_certificate("other")
    ca, serial = world.signature_ca.certificate, world.signer.certificate.serial
    hashed = hashlib.sha256(ca.subject).digest()
    assert answer(world).count(hashed) == 1
    another_name = _produced_at(
        answer(world).replace(hashed, hashlib.sha256(b"Another name").digest()), AT, world.signature_responder
    )
    another_serial = _produced_at(
        answer(world).replace(der.integer(serial), der.integer(serial ^ 1)), AT, world.signature_responder
    )
    for bent in (
        answer(world, about=other),
        answer(world, issuer=world.authentication_ca),
        answer(world, issuer=root("Signature CA", ec_key("same name, other key"))),
        another_name,
        another_serial,
    ):
        assert said(with_answer(world, bent)) == UNKNOWN


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("this", "upto", "produced"),
    [
        (AT + -2 * HOUR, AT + -1 * HOUR, AT + -2 * HOUR),  # stale
        (AT + 2 * HOUR, AT + 3 * HOUR, AT + 2 * HOUR),  # from the future
        (AT, AT + -1 * HOUR, AT),  # ended before it began
        (AT, AT + HOUR, AT + -2 * HOUR),  # produced before what it tells
        (AT, AT + HOUR, AT + 3 * HOUR),  # produced in the future
        (AT + -30 * 24 * HOUR, None, AT + -30 * 24 * HOUR),  # old, without an end
    ],
)
def test_answers_of_another_time(this: Instant, upto: Instant | None, produced: Instant, world: World) -> None:
    if upto is not None and upto < this:
        bent = _with_next_update(world, this, upto)
    else:
        bent = answer(world, statuses=[(ocsp.OCSPCertStatus.GOOD, this, upto)], produced=produced)
    assert said(with_answer(world, bent)) == UNKNOWN


def _with_next_update(world: World, this: Instant, upto: Instant) -> bytes:
    honest = answer(world, statuses=[(ocsp.OCSPCertStatus.GOOD, this, AT + timedelta(days=9))])
    old, new = der.generalized_time(AT + timedelta(days=9)), der.generalized_time(upto)
    assert honest.count(old) == 1
    return _produced_at(honest.replace(old, new), AT, world.signature_responder)


def test_good_and_revoked_for_the_same_certificate(world: World) -> None:
    good = answer(world)
    revoked = answer(world, statuses=[(ocsp.OCSPCertStatus.REVOKED, AT, AT + HOUR)])
    for order in ((good, revoked), (revoked, good), (good, revoked, good)):
        assert said(with_answer(world, *order)) == failure(SubIndication.REVOKED)
    both = _joined(good, revoked, world)
    assert said(with_answer(world, both)) == failure(SubIndication.REVOKED)


def _joined(one: bytes, two: bytes, world: World) -> bytes:
    """Two SingleResponses in one signed answer."""

    def data(response: bytes) -> list[der.Node]:
        _, holder = der.read_whole(response).children()
        basic = der.read_whole(holder.children()[0].children()[1].octets())
        return basic.children()[0].children()

    singles = [data(response)[-1].children()[0].raw for response in (one, two)]
    fields = [part.raw for part in data(one)[:-1]]
    changed = der.sequence(*fields, der.sequence(*singles))
    _, holder = der.read_whole(one).children()
    basic = der.read_whole(holder.children()[0].children()[1].octets()).children()
    remade = der.sequence(
        changed,
        basic[1].raw,
        der.bit_string(raw_sign(world.signature_responder.key, changed)),
        *(part.raw for part in basic[3:]),
    )
    return der.sequence(
        der.enumerated(0), der.context(0, der.sequence(der.oid(oids.OCSP_BASIC), der.octet_string(remade)))
    )


def test_unknown_and_errors_are_never_good(world: World) -> None:
    unknown = answer(world, statuses=[(ocsp.OCSPCertStatus.UNKNOWN, AT, AT + HOUR)])
    assert said(with_answer(world, unknown)) == UNKNOWN
    for status in (1, 2, 3, 5, 6):
        assert said(with_answer(world, der.sequence(der.enumerated(status)))) == UNKNOWN
    for garbage in (b"", b"\0", b"<html>", b"\x30\x03\x0a\x01\x00"):
        assert said(with_answer(world, garbage)) == UNKNOWN


def test_a_changed_answer_is_not_believed(world: World) -> None:
    honest = answer(world, statuses=[(ocsp.OCSPCertStatus.REVOKED, AT, AT + HOUR)])
    good = answer(world)
    # the good answer's data under the revoked one's signature
    _, holder = der.read_whole(honest).children()
    kind, octets = holder.children()[0].children()
    basic = der.read_whole(octets.octets()).children()
    _, other = der.read_whole(good).children()
    data = der.read_whole(other.children()[0].children()[1].octets()).children()[0]
    forged = der.sequence(data.raw, *(part.raw for part in basic[1:]))
    response = der.sequence(der.enumerated(0), der.context(0, der.sequence(kind.raw, der.octet_string(forged))))
    assert said(with_answer(world, response)) == UNKNOWN


def test_a_nonce_is_compared(world: World) -> None:
    class Forgetful(Responders):
        nonce: bytes | None = None

        def post(self, url: str, body: bytes, content_type: str) -> bytes:
            del url, body, content_type
            return self.world.ocsp_answer(world.signer, AT, nonce=self.nonce)

    for nonce in (None, b"another nonce, 32 octets long....", b""):
        online = Forgetful(world, [world.signer], AT)
        online.nonce = nonce or None
        report = judged(world, sign_filing(world.signer, DOCUMENT), answers_of=None, online=online)
        assert said(report) == UNKNOWN


# ---- hold and release, compromise


def test_hold_then_release_then_revocation(world: World) -> None:
    signature = sign_filing(world.signer, DOCUMENT, AT + timedelta(minutes=-10))
    world.revoke(world.signer, AT + timedelta(minutes=-20), x509.ReasonFlags.certificate_hold)
    assert said(judged(world, signature)) == doubt(SubIndication.TRY_LATER)
    world.revoked.clear()  # released: the responder says good again
    assert said(judged(world, signature)) == PASSED
    world.revoke(world.signer, AT + timedelta(minutes=-20), x509.ReasonFlags.key_compromise)
    assert judged(world, signature).sub_indication is SubIndication.REVOKED


def test_a_backdated_claim_does_not_heal_a_compromised_key(world: World) -> None:
    """Whoever stole the key can claim any time."""
    world.revoke(world.signer, AT + timedelta(hours=-1), x509.ReasonFlags.key_compromise)
    signature = sign_filing(world.signer, DOCUMENT, AT + timedelta(days=-10))
    assert said(judged(world, signature)) == doubt(SubIndication.REVOKED_NO_POE)


# ---- detached content and many signers


def test_one_good_signer_does_not_carry_a_bad_one(world: World) -> None:
    stranger = issue("stranger", ec_key("stranger"), root("Signature CA", ec_key("forged root")), [])
    mine, theirs = (
        der.read_whole(craft(one)).children()[1].children()[0].children() for one in (world.signer, stranger)
    )
    both = der.sequence(
        der.oid(oids.CMS_SIGNED_DATA),
        der.context(
            0,
            der.sequence(
                *(part.raw for part in mine[:3]),
                b"\xa0" + der.set_of(world.signer.certificate.der, stranger.certificate.der)[1:],
                der.set_of(mine[4].value, theirs[4].value),
            ),
        ),
    )
    assert len(read_cades(both, DOCUMENT, Policy(), Evidence())) == 2
    report = judged(world, both)
    assert report.indication is not Indication.PASSED
    assert len(report.parts) == 2
    assert {part.indication for part in report.parts} == {Indication.PASSED, Indication.INDETERMINATE}


def test_no_signer_at_all(world: World) -> None:
    parts = der.read_whole(craft(world.signer)).children()[1].children()[0].children()
    empty = der.sequence(
        der.oid(oids.CMS_SIGNED_DATA),
        der.context(0, der.sequence(*(part.raw for part in parts[:4]), der.set_of())),
    )
    assert said(judged(world, empty)) == failure(SubIndication.FORMAT_FAILURE)
