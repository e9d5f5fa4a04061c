"""RFC 5280 6.1, one bent thing at a time; what is refused in every profile and what in `strict` only."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import der, oids
from pki.instant import Instant
from tests.verifier.path_world import (
    AT,
    DAY,
    RSA_SHA256,
    Ca,
    alternative_names,
    authority_key,
    basic_constraints,
    directory,
    dns,
    ec_key,
    extended_usage,
    extension,
    ip,
    key_usage,
    name,
    policies,
    policy_constraints,
    policy_mappings,
    sign,
    spki,
    subject_key,
    tbs_certificate,
)
from verifier.anchors import TrustAnchor, anchor_of
from verifier.certificate import parse
from verifier.indication import Indication, SubIndication
from verifier.inputs import PathInputs, Profile, Usage
from verifier.path import PathFailure, ValidPath
from verifier.path_search import validate_path


def pss(hashing: str, mask: str, salt: int, trailer: int = 1) -> bytes:
    """RSASSA-PSS-params."""

    def digest(oid: str) -> bytes:
        return der.sequence(der.oid(oid), der.null())

    return der.sequence(
        der.context(0, digest(hashing)),
        der.context(1, der.sequence(der.oid(oids.MGF1), digest(mask))),
        der.context(2, der.integer(salt)),
        der.context(3, der.integer(trailer)) if trailer != 1 else b"",
    )


PSS_SHA256 = pss(oids.SHA256, oids.SHA256, 32)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def signer(algorithm: str) -> tuple[bytes, bytes, Callable[[bytes], bytes]]:
    """(SubjectPublicKeyInfo, AlgorithmIdentifier, how to sign)"""
    if algorithm == "PKCS1":
        return spki(rsa_key()), RSA_SHA256, lambda octets: sign(rsa_key(), octets)
    if algorithm == "PSS":
        way = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        identifier = der.sequence(der.oid(oids.RSASSA_PSS), PSS_SHA256)
        return spki(rsa_key()), identifier, lambda octets: rsa_key().sign(octets, way, hashes.SHA256())
    if algorithm.startswith("P-"):
        curve, oid, hashing = {
            "P-256": (ec.SECP256R1, oids.ECDSA_WITH_SHA256, hashes.SHA256()),
            "P-384": (ec.SECP384R1, oids.ECDSA_WITH_SHA384, hashes.SHA384()),
            "P-521": (ec.SECP521R1, oids.ECDSA_WITH_SHA512, hashes.SHA512()),
        }[algorithm]
        key = ec_key("Root", curve)
        return spki(key), der.sequence(der.oid(oid)), lambda octets: sign(key, octets, hashing)
    family, oid = {
        "Ed25519": (ed25519.Ed25519PrivateKey, oids.ED25519),
        "Ed448": (ed448.Ed448PrivateKey, oids.ED448),
        "ML-DSA-44": (mldsa.MLDSA44PrivateKey, oids.ML_DSA_44),
        "ML-DSA-65": (mldsa.MLDSA65PrivateKey, oids.ML_DSA_65),
        "ML-DSA-87": (mldsa.MLDSA87PrivateKey, oids.ML_DSA_87),
    }[algorithm]
    made = family.generate()
    return spki(made), der.sequence(der.oid(oid)), lambda octets: made.sign(octets)  # type: ignore[arg-type]


ROOT, SUB, SUB2 = Ca("Root"), Ca("Sub"), Ca("Sub 2")
UNKNOWN = extension("1.3.6.1.4.1.32473.666", b"\x05\x00", critical=True)
STRICT = PathInputs(profile=Profile.STRICT)


def judge(
    leaf: bytes,
    *intermediates: bytes,
    anchor: TrustAnchor | None = None,
    inputs: PathInputs | None = None,
    at: Instant = AT,
) -> ValidPath | PathFailure:
    return validate_path(parse(leaf), map(parse, intermediates), [anchor or ROOT.anchor()], at, inputs or PathInputs())


def holds(*chain: bytes, **how: object) -> bool:
    return isinstance(judge(*chain, **how), ValidPath)  # type: ignore[arg-type]


def refusal(*chain: bytes, **how: object) -> str:
    found = judge(*chain, **how)  # type: ignore[arg-type]
    assert isinstance(found, PathFailure)
    return found.reason


@pytest.mark.parametrize("profile", list(Profile))
def test_a_careful_path_holds_in_both_profiles(profile: Profile) -> None:
    found = judge(SUB.leaf(), ROOT.ca(SUB), inputs=PathInputs(profile=profile))
    assert isinstance(found, ValidPath)
    assert len(found.fingerprints) == 3
    assert all(check.holds for check in found.checks)


def test_a_path_may_have_no_intermediate() -> None:
    assert holds(ROOT.leaf())


def test_a_bare_name_and_key_are_an_anchor_without_limits() -> None:
    assert holds(ROOT.leaf(), anchor=TrustAnchor(ROOT.named, spki(ROOT.key)))


def test_no_issuer_at_hand_is_indeterminate() -> None:
    found = judge(SUB.leaf())
    assert isinstance(found, PathFailure)
    assert (found.indication, found.sub_indication) == (
        Indication.INDETERMINATE,
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
    )


def test_a_changed_signature_is_told_as_such() -> None:
    leaf = bytearray(SUB.leaf())
    leaf[-1] ^= 1
    found = judge(bytes(leaf), ROOT.ca(SUB))
    assert isinstance(found, PathFailure)
    assert (found.indication, found.sub_indication) == (Indication.FAILED, SubIndication.SIG_CRYPTO_FAILURE)


@pytest.mark.parametrize(
    ("at", "sub_indication"),
    [
        (AT + -365 * DAY + timedelta(seconds=-1), SubIndication.NOT_YET_VALID),
        (AT + -365 * DAY, None),
        (AT + 365 * DAY, None),
        (AT + 365 * DAY + timedelta(seconds=1), SubIndication.EXPIRED),
    ],
)
def test_both_ends_of_the_validity_are_included(at: Instant, sub_indication: SubIndication | None) -> None:
    # the CAs live longer than the leaf
    span = {"start": AT + -999 * DAY, "end": AT + 999 * DAY}
    found = judge(SUB.leaf(), ROOT.ca(SUB, **span), anchor=anchor_of(ROOT.root(**span)), at=at)
    assert getattr(found, "sub_indication", None) == sub_indication


@pytest.mark.parametrize("which", ["intermediate", "anchor"])
def test_an_expired_ca_ends_the_path(which: str) -> None:
    past = {"start": AT + -9 * DAY, "end": AT + -DAY}
    sub = ROOT.ca(SUB, **(past if which == "intermediate" else {}))
    anchor = anchor_of(ROOT.root(**(past if which == "anchor" else {})))
    assert "has expired" in refusal(SUB.leaf(), sub, anchor=anchor)


class TestWhoMayIssue:
    def test_without_basic_constraints_nobody_does(self) -> None:
        sub = ROOT.issue(SUB.named, SUB.key, key_usage(5, 6), subject_key(SUB.key), authority_key(ROOT.key))
        assert "no CA's" in refusal(SUB.leaf(), sub)

    def test_nor_with_ca_false(self) -> None:
        sub = ROOT.issue(SUB.named, SUB.key, basic_constraints(False), key_usage(5, 6), subject_key(SUB.key))
        assert "no CA's" in refusal(SUB.leaf(), sub)

    def test_nor_a_version_1_certificate(self) -> None:
        assert "no CA's" in refusal(SUB.leaf(), ROOT.issue(SUB.named, SUB.key, version=None))

    def test_nor_without_key_cert_sign(self) -> None:
        sub = ROOT.issue(SUB.named, SUB.key, basic_constraints(), key_usage(6), subject_key(SUB.key))
        assert "keyCertSign" in refusal(SUB.leaf(), sub)

    def test_key_usage_may_be_absent(self) -> None:
        sub = ROOT.issue(SUB.named, SUB.key, basic_constraints(), subject_key(SUB.key), authority_key(ROOT.key))
        assert holds(SUB.leaf(), sub)

    def test_an_anchor_must_be_a_ca_and_may_sign_certificates(self) -> None:
        plain = anchor_of(ROOT.issue(ROOT.named, ROOT.key, subject_key(ROOT.key)))
        assert "no CA's" in refusal(ROOT.leaf(), anchor=plain)
        unable = anchor_of(ROOT.issue(ROOT.named, ROOT.key, basic_constraints(), key_usage(6)))
        assert "keyCertSign" in refusal(ROOT.leaf(), anchor=unable)

    def test_a_version_1_root_is_still_an_anchor_unless_strict(self) -> None:
        old = anchor_of(ROOT.issue(ROOT.named, ROOT.key, version=None))
        assert holds(ROOT.leaf(), anchor=old)
        assert "version 1" in refusal(ROOT.leaf(), anchor=old, inputs=STRICT)

    def test_a_leaf_that_is_the_anchor_itself(self) -> None:
        own = ROOT.issue(ROOT.named, ROOT.key, key_usage(0))
        assert holds(own, anchor=anchor_of(own))

    def test_a_root_asked_about_itself_need_not_name_its_own_key(self) -> None:
        """RFC 5280 4.2.1.1: the exception for self-signed certificates."""
        assert holds(ROOT.root(), anchor=ROOT.anchor(), inputs=STRICT)

    def test_an_intermediate_without_key_usage_passes_unless_strict(self) -> None:
        """RFC 5280 4.2.1.3 binds who issues it; 6.1.4 (n) looks at the extension only where it is."""
        named = (basic_constraints(), subject_key(SUB.key), authority_key(ROOT.key))
        sub = ROOT.issue(SUB.named, SUB.key, *named)
        assert holds(SUB.leaf(), sub)
        assert "without keyUsage" in refusal(SUB.leaf(), sub, inputs=STRICT)


class TestPathLength:
    def test_zero_lets_a_leaf_follow_and_no_ca(self) -> None:
        assert holds(SUB.leaf(), ROOT.ca(SUB, length=0))
        assert "longer than" in refusal(SUB2.leaf(), SUB.ca(SUB2), ROOT.ca(SUB, length=0))

    def test_the_last_certificate_may_be_a_ca_under_zero(self) -> None:
        assert holds(SUB.ca(SUB2, length=0), ROOT.ca(SUB, length=0))

    def test_a_lower_ca_may_ask_for_more_but_gets_no_more(self) -> None:
        assert holds(SUB2.leaf(), SUB.ca(SUB2, length=9), ROOT.ca(SUB, length=1))
        third = Ca("Sub 3")
        chain = (third.leaf(), SUB2.ca(third), SUB.ca(SUB2, length=9), ROOT.ca(SUB, length=1))
        assert "longer than" in refusal(*chain)

    def test_self_issued_certificates_are_not_counted(self) -> None:
        renewed = Ca("Sub, next key", SUB.named)
        assert holds(renewed.leaf(), SUB.ca(renewed), ROOT.ca(SUB, length=0))

    def test_the_anchors_own_limit_binds(self) -> None:
        root = ROOT.issue(ROOT.named, ROOT.key, basic_constraints(True, 0), key_usage(5, 6), subject_key(ROOT.key))
        assert holds(ROOT.leaf(), anchor=anchor_of(root))
        assert "longer than" in refusal(SUB.leaf(), ROOT.ca(SUB), anchor=anchor_of(root))

    @pytest.mark.parametrize(("most", "fits"), [(0, False), (1, True), (255, True), (None, True)])
    def test_the_callers_limit(self, most: int | None, fits: bool) -> None:
        assert holds(SUB.leaf(), ROOT.ca(SUB), inputs=PathInputs(max_depth=most)) is fits
        assert holds(ROOT.leaf(), inputs=PathInputs(max_depth=0))

    @pytest.mark.parametrize("length", [2**31 - 1, 2**31, 2**64, 2**2000])
    def test_any_number_is_a_limit(self, length: int) -> None:
        """INTEGER (0..MAX) (4.2.1.9)."""
        assert holds(SUB.leaf(), ROOT.ca(SUB, length=length))

    def test_the_callers_limit_does_not_count_self_issued_ones(self) -> None:
        renewed = Ca("Sub, next key", SUB.named)
        assert holds(renewed.leaf(), SUB.ca(renewed), ROOT.ca(SUB), inputs=PathInputs(max_depth=1))


class TestCriticalExtensions:
    def test_an_unknown_one_ends_the_path_wherever_it_is(self) -> None:
        assert "1.3.6.1.4.1.32473.666" in refusal(SUB.leaf(UNKNOWN), ROOT.ca(SUB))
        assert "1.3.6.1.4.1.32473.666" in refusal(SUB.leaf(), ROOT.ca(SUB, UNKNOWN))
        assert "1.3.6.1.4.1.32473.666" in refusal(SUB.leaf(), ROOT.ca(SUB), anchor=ROOT.anchor(UNKNOWN))

    def test_but_not_in_a_certificate_that_is_not_used(self) -> None:
        other = Ca("Other root")
        anchors = [other.anchor(UNKNOWN), ROOT.anchor()]
        found = validate_path(parse(SUB.leaf()), [parse(ROOT.ca(SUB)), parse(ROOT.ca(SUB2, UNKNOWN))], anchors, AT)
        assert isinstance(found, ValidPath)

    def test_nor_when_it_is_not_critical(self) -> None:
        assert holds(ROOT.leaf(extension("1.3.6.1.4.1.32473.666", b"\x05\x00")))

    def test_the_transparency_poison_is_unknown(self) -> None:
        poison = extension("1.3.6.1.4.1.11129.2.4.3", der.null(), critical=True)
        assert "1.3.6.1.4.1.11129.2.4.3" in refusal(ROOT.leaf(poison))


class TestNames:
    def test_an_empty_issuer_names_nobody(self) -> None:
        anchor = TrustAnchor(name(), spki(ROOT.key))
        assert "issuer" in refusal(ROOT.leaf(issuer=name()), anchor=anchor)

    def test_a_ca_with_an_empty_subject_issues_nothing(self) -> None:
        nameless = Ca("Nameless", name())
        assert not holds(nameless.leaf(), ROOT.ca(nameless))
        assert not holds(ROOT.leaf(issuer=name()), anchor=anchor_of(Ca("Root", name()).root()))

    def test_case_and_spaces_do_not_tell_names_apart(self) -> None:
        sub = ROOT.ca(Ca("Sub", name("  sUB ")))
        assert holds(SUB.leaf(), sub)


class TestAlgorithms:
    def test_sha1_ended_with_2013(self) -> None:
        old = Instant.parse("2010-01-01T00:00:00Z")
        sha1 = der.sequence(der.oid(oids.ECDSA_WITH_SHA1))
        tbs = tbs_certificate(
            issuer=ROOT.named,
            subject=name("leaf"),
            public_key=spki(ec_key("leaf")),
            serial=5,
            not_before=old,
            not_after=AT + DAY,
            extensions=[authority_key(ROOT.key)],
            algorithm=sha1,
        )
        leaf = der.sequence(tbs, sha1, der.bit_string(sign(ROOT.key, tbs, hashes.SHA1())))
        anchor = TrustAnchor(ROOT.named, spki(ROOT.key))
        assert holds(leaf, anchor=anchor, at=Instant.parse("2011-04-15T00:00:00Z"))
        found = judge(leaf, anchor=anchor, at=Instant.parse("2021-04-15T00:00:00Z"))
        assert isinstance(found, PathFailure)
        assert found.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE

    def test_the_two_identifiers_must_be_one(self) -> None:
        leaf = ROOT.leaf(outer=der.sequence(der.oid(oids.ECDSA_WITH_SHA384)))
        assert not holds(leaf)
        with_null = der.sequence(der.oid(oids.ECDSA_WITH_SHA256), der.null())
        assert not holds(ROOT.leaf(outer=with_null))
        root = ROOT.issue(
            ROOT.named, ROOT.key, basic_constraints(), outer=der.sequence(der.oid(oids.ECDSA_WITH_SHA384))
        )
        assert "differ" in refusal(ROOT.leaf(), anchor=anchor_of(root))

    def test_ecdsa_has_no_parameters(self) -> None:
        assert not holds(ROOT.leaf(algorithm=der.sequence(der.oid(oids.ECDSA_WITH_SHA256), der.null())))

    @pytest.mark.parametrize("oid", ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.2", "1.3.6.1.4.1.32473.1"])
    def test_what_is_not_in_the_table_is_refused(self, oid: str) -> None:
        found = judge(ROOT.leaf(algorithm=der.sequence(der.oid(oid), der.null())))
        assert isinstance(found, PathFailure)
        assert found.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE

    def test_curves_outside_the_table_are_refused(self) -> None:
        small = ec_key("small", ec.SECP192R1)
        weak = ROOT.issue(name("leaf"), small, authority_key(ROOT.key))
        assert "secp192r1" in refusal(weak)

    @pytest.mark.parametrize(("form", "fits"), [(2, True), (4, True), (6, False)])
    @pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1])
    def test_forms_of_a_point(self, form: int, fits: bool, curve: type[ec.EllipticCurve]) -> None:
        """RFC 5480 2.2: compressed may be, hybrid must not."""
        key = ec_key("leaf", curve).public_key()
        compressed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        whole = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        point = {2: compressed, 4: whole, 6: bytes([4 + compressed[0]]) + whole[1:]}[form]
        identifier = der.read_whole(spki(ec_key("leaf", curve))).children()[0].raw
        public = der.sequence(identifier, der.bit_string(point))
        assert holds(ROOT.issue(name("leaf"), public, authority_key(ROOT.key))) is fits

    def test_explicit_curve_parameters_are_refused(self) -> None:
        # CVE-2020-0601: the curve of a chosen generator
        field = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(2**256 - 2**224 + 2**192 + 2**96 - 1))
        parameters = der.sequence(
            der.integer(1),
            field,
            der.sequence(der.octet_string(bytes(32)), der.octet_string(bytes(32))),
            der.octet_string(b"\x04" + bytes(64)),
            der.integer(2**256 - 2**224 + 2**192 - 89188191075325690597107910205041859247),
        )
        key = der.sequence(der.sequence(der.oid(oids.EC_PUBLIC_KEY), parameters), der.bit_string(b"\x04" + bytes(64)))
        assert not holds(ROOT.issue(name("leaf"), key, authority_key(ROOT.key)))

    @pytest.mark.parametrize(
        ("bits", "low", "exponent", "fit"),
        [
            (2048, 9, 65537, True),
            (1024, 9, 65537, False),
            (16384, 9, 65537, False),
            (2048, 9, 1, False),
            (2048, 9, 2**80 + 1, False),
            (2048, 9, 65536, False),
            (2048, 8, 65537, False),
        ],
    )
    def test_rsa_keys_are_looked_at_before_they_are_used(self, bits: int, low: int, exponent: int, fit: bool) -> None:
        modulus = 2 ** (bits - 1) + low
        key = der.sequence(
            der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()),
            der.bit_string(der.sequence(der.integer(modulus), der.integer(exponent))),
        )
        leaf = ROOT.issue(name("leaf"), key, authority_key(ROOT.key))
        assert holds(leaf) is fit

    def test_a_key_with_the_roca_fingerprint(self) -> None:
        # CVE-2017-15361: the modulus is a power of 65537 modulo the product of the first primes
        from math import prod

        from verifier.keys import ROCA_PRIMES

        primorial = prod(ROCA_PRIMES) * 2
        modulus = pow(65537, 5, primorial) + primorial * (2**2047 // primorial + 1)
        key = der.sequence(
            der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()),
            der.bit_string(der.sequence(der.integer(modulus), der.integer(65537))),
        )
        assert "ROCA" in refusal(ROOT.issue(name("leaf"), key, authority_key(ROOT.key)))

    @pytest.mark.parametrize(
        "algorithm",
        ["PKCS1", "PSS", "P-256", "P-384", "P-521", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"],
    )
    def test_every_algorithm_of_the_table(self, algorithm: str) -> None:
        root, anchor = self.signed(algorithm)
        assert isinstance(validate_path(parse(root), [], [anchor], AT), ValidPath)
        other = "ML-DSA-65" if algorithm == "ML-DSA-44" else "ML-DSA-44"
        assert not isinstance(validate_path(parse(root), [], [self.signed(other)[1]], AT), ValidPath)

    def signed(self, algorithm: str) -> tuple[bytes, TrustAnchor]:
        """A leaf, and the anchor that signed it with this algorithm; every anchor has the same name."""
        key, identifier, signing = signer(algorithm)
        tbs = tbs_certificate(
            issuer=name("Root"),
            subject=name("leaf"),
            public_key=spki(ec_key("leaf")),
            serial=5,
            not_before=AT + -DAY,
            not_after=AT + DAY,
            extensions=[key_usage(0)],
            algorithm=identifier,
        )
        leaf = der.sequence(tbs, identifier, der.bit_string(signing(tbs)))
        return leaf, TrustAnchor(name("Root"), key)

    @pytest.mark.parametrize(
        ("parameters", "fits"),
        [
            (PSS_SHA256, True),
            (der.tlv(0x30), False),  # absent fields mean SHA-1
            (pss(oids.SHA256, oids.SHA1, 32), False),
            (pss(oids.SHA1, oids.SHA1, 20), False),
            (pss(oids.SHA256, oids.SHA256, 0), False),
            (pss(oids.SHA256, oids.SHA256, 32, trailer=2), False),
            (b"", False),
            (der.null(), False),
        ],
    )
    def test_parameters_of_pss(self, parameters: bytes, fits: bool) -> None:
        leaf, anchor = self.signed("PSS")
        usual = der.sequence(der.oid(oids.RSASSA_PSS), PSS_SHA256)
        other = der.sequence(der.oid(oids.RSASSA_PSS), parameters)
        key, _, signing = signer("PSS")
        fields = [other if node.raw == usual else node.raw for node in der.read_whole(leaf).children()[0].children()]
        tbs = der.sequence(*fields)
        changed = der.sequence(tbs, other, der.bit_string(signing(tbs)))
        assert isinstance(validate_path(parse(changed), [], [anchor], AT), ValidPath) is fits
        assert key == anchor.spki

    def test_a_key_that_is_for_pss_only(self) -> None:
        plain, _, _ = signer("PKCS1")
        restricted = der.sequence(
            der.sequence(der.oid(oids.RSASSA_PSS), PSS_SHA256), der.read_whole(plain).children()[1].raw
        )
        leaf, _ = self.signed("PKCS1")
        anchor = TrustAnchor(name("Root"), restricted)
        assert not isinstance(validate_path(parse(leaf), [], [anchor], AT), ValidPath)
        leaf, _ = self.signed("PSS")
        assert isinstance(validate_path(parse(leaf), [], [anchor], AT), ValidPath)
        longer = der.sequence(
            der.sequence(der.oid(oids.RSASSA_PSS), pss(oids.SHA384, oids.SHA384, 48)),
            der.read_whole(plain).children()[1].raw,
        )
        anchor = TrustAnchor(name("Root"), longer)
        assert not isinstance(validate_path(parse(leaf), [], [anchor], AT), ValidPath)

    def test_a_bare_anchors_key_is_looked_at_too(self) -> None:
        leaf, anchor = self.signed("PKCS1")
        found = validate_path(parse(leaf), [], [anchor], AT, PathInputs(min_rsa_bits=3072))
        assert isinstance(found, PathFailure)
        assert found.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE

    def test_the_caller_may_ask_for_longer_keys_or_allow_shorter(self) -> None:
        def leaf(bits: int) -> bytes:
            key = der.sequence(
                der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()),
                der.bit_string(der.sequence(der.integer(2 ** (bits - 1) + 9), der.integer(65537))),
            )
            return ROOT.issue(name("leaf"), key, authority_key(ROOT.key))

        assert not holds(leaf(2048), inputs=PathInputs(min_rsa_bits=3072))
        assert holds(leaf(1024), inputs=PathInputs(min_rsa_bits=1024))


class TestUsage:
    SERVER, CLIENT = extended_usage(oids.SERVER_AUTH), extended_usage(oids.CLIENT_AUTH)

    @pytest.mark.parametrize(
        ("usage", "bits", "purposes", "fits"),
        [
            (Usage.ANY, (3,), CLIENT, True),
            (Usage.TLS_SERVER, (0,), SERVER, True),
            (Usage.TLS_SERVER, (0,), CLIENT, False),
            (Usage.TLS_SERVER, (6,), SERVER, False),
            (Usage.TLS_SERVER, (0,), b"", True),
            (Usage.TLS_SERVER, (0,), extended_usage(oids.ANY_EXTENDED_KEY_USAGE), True),
            (Usage.TLS_CLIENT, (0,), CLIENT, True),
            (Usage.TLS_CLIENT, (2,), CLIENT, False),
            (Usage.SIGNATURE, (1,), b"", True),
            (Usage.SIGNATURE, (2,), b"", False),
            (Usage.SIGNATURE, (0, 1), SERVER, False),
            (Usage.AUTHENTICATION, (0,), CLIENT, True),
            (Usage.AUTHENTICATION, (1,), CLIENT, False),
        ],
    )
    def test_key_usage_and_purposes(self, usage: Usage, bits: tuple[int, ...], purposes: bytes, fits: bool) -> None:
        more = (purposes,) if purposes else ()
        assert holds(ROOT.leaf(*more, usage=bits), inputs=PathInputs(usage=usage)) is fits

    def test_the_purposes_of_a_ca_bind_what_it_issues(self) -> None:
        inputs = PathInputs(usage=Usage.TLS_SERVER)
        assert not holds(SUB.leaf(self.SERVER), ROOT.ca(SUB, self.CLIENT), inputs=inputs)
        assert holds(SUB.leaf(self.SERVER), ROOT.ca(SUB, self.SERVER), inputs=inputs)


class TestPolicies:
    ONE, TWO, THREE = (f"1.3.6.1.4.1.32473.1.{number}" for number in (1, 2, 3))

    def judged(self, leaf: bytes, *above: bytes, **inputs: object) -> tuple[str, ...] | None:
        found = judge(leaf, *above, inputs=PathInputs(**inputs))  # type: ignore[arg-type]
        return found.policies if isinstance(found, ValidPath) else None

    def test_what_every_certificate_asserts_remains(self) -> None:
        chain = (SUB.leaf(policies(self.ONE, self.TWO)), ROOT.ca(SUB, policies(self.ONE, self.THREE)))
        assert self.judged(*chain) == (self.ONE,)

    def test_nothing_in_common_matters_only_when_a_policy_is_required(self) -> None:
        chain = (SUB.leaf(policies(self.TWO)), ROOT.ca(SUB, policies(self.ONE)))
        assert self.judged(*chain) == ()
        assert self.judged(*chain, require_explicit_policy=True) is None
        asking = ROOT.ca(SUB, policies(self.ONE), policy_constraints(explicit=0))
        assert self.judged(chain[0], asking) is None

    def test_wrap_up_counts_a_self_issued_leaf_too(self) -> None:
        # 6.1.5 (a) does not ask whether it is: RFC 3280 did
        sub = ROOT.ca(SUB, policies(self.ONE), policy_constraints(1))
        own = SUB.issue(SUB.named, ec_key("new key"), key_usage(0), authority_key(SUB.key))
        assert "policy" in refusal(own, sub)
        asserting = SUB.issue(SUB.named, ec_key("new key"), key_usage(0), authority_key(SUB.key), policies(self.ONE))
        assert holds(asserting, sub)
        # an issuer between is not counted (6.1.4 (h)): two below, and the second is the first that needs a policy
        sub = ROOT.ca(SUB, policies(self.ONE), policy_constraints(2))
        renewed = Ca("Renewed", SUB.named)
        assert holds(renewed.leaf(), sub, SUB.ca(renewed))
        assert "policy" in refusal(
            renewed.leaf(), ROOT.ca(SUB, policies(self.ONE), policy_constraints(1)), SUB.ca(renewed)
        )

    def test_a_mapping_carries_one_policy_into_another(self) -> None:
        sub = ROOT.ca(SUB, policies(self.ONE), policy_mappings((self.ONE, self.TWO)))
        leaf = SUB.leaf(policies(self.TWO))
        assert self.judged(leaf, sub) == (self.ONE,)
        assert self.judged(leaf, sub, inhibit_policy_mapping=True, require_explicit_policy=True) is None

    def test_any_number_of_certificates_may_be_skipped(self) -> None:
        """SkipCerts ::= INTEGER (0..MAX) (4.2.1.11, 4.2.1.14)."""
        skipping = policy_constraints(2**40, 2**40), extension(oids.INHIBIT_ANY_POLICY, der.integer(2**40), True)
        assert holds(SUB.leaf(), ROOT.ca(SUB, *skipping))

    def test_any_policy_must_not_be_mapped(self) -> None:
        for pair in ((oids.ANY_POLICY, self.ONE), (self.ONE, oids.ANY_POLICY)):
            assert self.judged(SUB.leaf(), ROOT.ca(SUB, policies(self.ONE), policy_mappings(pair))) is None

    def test_any_policy_stands_for_all_unless_it_is_inhibited(self) -> None:
        chain = (SUB.leaf(policies(self.ONE)), ROOT.ca(SUB, policies(oids.ANY_POLICY)))
        assert self.judged(*chain) == (self.ONE,)
        assert self.judged(*chain, inhibit_any_policy=True, require_explicit_policy=True) is None

    def test_the_callers_set_is_what_can_come_out(self) -> None:
        chain = (SUB.leaf(policies(self.ONE, self.TWO)), ROOT.ca(SUB, policies(self.ONE, self.TWO)))
        wanted = frozenset((self.TWO, self.THREE))
        assert self.judged(*chain, initial_policies=wanted) == (self.TWO,)
        every = (SUB.leaf(policies(oids.ANY_POLICY)), ROOT.ca(SUB, policies(oids.ANY_POLICY)))
        assert self.judged(*every, initial_policies=wanted) == tuple(sorted(wanted))
        assert self.judged(*every) == (oids.ANY_POLICY,)

    def test_the_anchors_policies_bind(self) -> None:
        # RFC 5937 3.2
        anchor = ROOT.anchor(policies(self.ONE))
        chain = (SUB.leaf(policies(self.ONE, self.TWO)), ROOT.ca(SUB, policies(self.ONE, self.TWO)))
        found = judge(*chain, anchor=anchor)
        assert isinstance(found, ValidPath)
        assert found.policies == (self.ONE,)


def odd_serial(value: int) -> bytes:
    return ROOT.leaf(serial=value)


class TestStrict:
    """What issuers must not do; none of it stops a path in the other profile unless it says so here."""

    @pytest.mark.parametrize("serial", [0, -1, 1 << 159, 1 << 200])
    def test_serial_numbers(self, serial: int) -> None:
        assert holds(odd_serial(serial))
        assert "serial number" in refusal(odd_serial(serial), inputs=STRICT)

    def test_the_largest_serial_number(self) -> None:
        assert holds(odd_serial((1 << 159) - 1), inputs=STRICT)

    def test_missing_key_identifiers(self) -> None:
        leaf = ROOT.issue(name("leaf"), ec_key("leaf"), key_usage(0))
        assert holds(leaf)
        assert "authorityKeyIdentifier" in refusal(leaf, inputs=STRICT)
        sub = ROOT.issue(SUB.named, SUB.key, basic_constraints(), key_usage(5, 6), authority_key(ROOT.key))
        assert holds(SUB.leaf(), sub)
        assert "subjectKeyIdentifier" in refusal(SUB.leaf(), sub, inputs=STRICT)
        root = anchor_of(ROOT.issue(ROOT.named, ROOT.key, basic_constraints(), key_usage(5, 6)))
        assert "subjectKeyIdentifier" in refusal(ROOT.leaf(), anchor=root, inputs=STRICT)

    @pytest.mark.parametrize("having", [("issuer",), ("serial",), ("issuer", "serial")])
    def test_an_authority_key_identifier_with_half_a_name(self, having: tuple[str, ...]) -> None:
        anchor = ROOT.anchor()
        assert anchor.certificate is not None
        identifier = anchor.certificate.key_identifier
        assert identifier is not None
        fields = {"issuer": der.context(1, directory(ROOT.named)), "serial": der.tlv(0x82, b"\x05")}
        value = der.sequence(der.context(0, identifier, constructed=False), *(fields[one] for one in having))
        named = extension(oids.AUTHORITY_KEY_IDENTIFIER, value)
        leaf = ROOT.issue("leaf", ec_key("leaf"), key_usage(0), subject_key(ec_key("leaf")), named)
        assert holds(leaf, anchor=anchor)
        assert holds(leaf, anchor=anchor, inputs=STRICT) is (len(having) == 2)

    def test_an_authority_key_identifier_of_another_key(self) -> None:
        leaf = ROOT.issue(name("leaf"), ec_key("leaf"), authority_key(ec_key("somebody else")))
        assert holds(leaf)
        assert "another key" in refusal(leaf, inputs=STRICT)

    @pytest.mark.parametrize(
        "wrong",
        [
            authority_key(ROOT.key, critical=True),
            subject_key(ec_key("leaf"), critical=True),
            extension(
                oids.AUTHORITY_INFO_ACCESS,
                der.sequence(
                    der.sequence(der.oid(oids.ACCESS_OCSP), der.context(6, b"http://o.example", constructed=False))
                ),
                critical=True,
            ),
        ],
    )
    def test_critical_where_it_must_not_be(self, wrong: bytes) -> None:
        others = [key_usage(0), authority_key(ROOT.key), subject_key(ec_key("leaf"))]
        oid = wrong[2:7]
        leaf = ROOT.issue(name("leaf"), ec_key("leaf"), wrong, *(one for one in others if oid not in one))
        assert holds(leaf)
        assert "critical" in refusal(leaf, inputs=STRICT)

    def test_basic_constraints_not_critical(self) -> None:
        def sub(ca: Ca, issuer: Ca) -> bytes:
            return issuer.issue(
                ca.named,
                ca.key,
                basic_constraints(critical=False),
                key_usage(5, 6),
                subject_key(ca.key),
                authority_key(issuer.key),
            )

        assert holds(SUB.leaf(), sub(SUB, ROOT))
        assert "critical basicConstraints" in refusal(SUB.leaf(), sub(SUB, ROOT), inputs=STRICT)
        assert "critical basicConstraints" in refusal(ROOT.leaf(), anchor=anchor_of(sub(ROOT, ROOT)), inputs=STRICT)

    def test_key_cert_sign_on_a_leaf(self) -> None:
        leaf = ROOT.leaf(basic_constraints(False, critical=False), usage=(0, 5))
        assert holds(leaf)
        assert "keyCertSign" in refusal(leaf, inputs=STRICT)

    def test_a_ca_as_leaf_is_for_nothing_in_particular(self) -> None:
        assert holds(ROOT.ca(SUB), inputs=STRICT)
        assert not holds(ROOT.ca(SUB), inputs=replace(STRICT, usage=Usage.TLS_SERVER))

    def test_name_constraints_in_a_leaf(self) -> None:
        from tests.verifier.path_world import name_constraints

        for critical in (True, False):
            leaf = ROOT.leaf(name_constraints([dns("example.com")], critical=critical))
            assert "nameConstraints" in refusal(leaf, inputs=STRICT)

    def test_an_empty_subject_needs_a_critical_alternative_name(self) -> None:
        def leaf(critical: bool) -> bytes:
            return ROOT.leaf(alternative_names(dns("a.example"), critical=critical), subject=name())

        assert holds(leaf(True), inputs=STRICT)
        assert holds(leaf(False))
        assert "empty subject" in refusal(leaf(False), inputs=STRICT)

    @pytest.mark.parametrize(
        "wrong",
        [
            dns("under_score.example"),
            dns("192.0.2.1"),
            dns(".example.com"),
            dns("a..b"),
            dns("exämple.com"),
            ip(bytes(8)),
        ],
    )
    def test_alternative_names_that_are_none(self, wrong: bytes) -> None:
        if not wrong[2:].isascii():
            from pki.errors import Malformed

            with pytest.raises(Malformed):
                parse(ROOT.leaf(alternative_names(wrong)))
            return
        assert not holds(ROOT.leaf(alternative_names(wrong)), inputs=STRICT)

    def test_dates_in_the_wrong_type(self) -> None:
        validity = der.sequence(der.generalized_time(AT + -DAY), der.generalized_time(AT + DAY))
        leaf = ROOT.leaf(validity=validity)
        assert holds(leaf)
        assert "date" in refusal(leaf, inputs=STRICT)

    def test_encoded_defaults(self) -> None:
        explicit_false = extension(oids.BASIC_CONSTRAINTS, der.sequence(der.boolean(False)))
        leaf = ROOT.leaf(explicit_false)
        assert holds(leaf)
        assert "default" in refusal(leaf, inputs=STRICT)
        not_critical = der.sequence(der.oid("1.3.6.1.4.1.32473.5"), der.boolean(False), der.octet_string(b"\x05\x00"))
        assert holds(ROOT.leaf(not_critical))
        assert "default" in refusal(ROOT.leaf(not_critical), inputs=STRICT)

    def test_policy_constraints_must_be_critical(self) -> None:
        sub = ROOT.ca(SUB, policy_constraints(explicit=5, critical=False))
        assert holds(SUB.leaf(), sub)
        assert "policyConstraints" in refusal(SUB.leaf(), sub, inputs=STRICT)

    def test_rules_of_the_web(self) -> None:
        server = replace(STRICT, usage=Usage.TLS_SERVER)
        good = (alternative_names(dns("a.example.com")), TestUsage.SERVER)
        assert holds(ROOT.leaf(*good, label="a.example.com", usage=(0,)), inputs=server)
        critical = (alternative_names(dns("a.example.com"), critical=True), TestUsage.SERVER)
        assert not holds(ROOT.leaf(*critical, label="a.example.com", usage=(0,)), inputs=server)
        for written in ("A.Example.com", "0xC0000201", "192.0.2.001", "例え.example.com"):
            assert not holds(ROOT.leaf(*good, label=written, usage=(0,)), inputs=server)
        assert holds(ROOT.leaf(*good, label="Example Corporation", usage=(0,)), inputs=server)
        root = anchor_of(ROOT.root(extended_usage(oids.SERVER_AUTH)))
        assert not holds(ROOT.leaf(*good, label="a.example.com", usage=(0,)), anchor=root, inputs=server)
