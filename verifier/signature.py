"""Signature values: which schemes exist, which keys are fit, and the bare check of one value (EN 319 102-1 5.2.7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa, utils

from pki import der, oids
from pki.algorithms import HASHES, PublicKey
from pki.errors import Malformed
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.policy import Policy

HASH_NAMES: Final = {oids.SHA1: "sha1", oids.SHA256: "sha256", oids.SHA384: "sha384", oids.SHA512: "sha512"}
_NULL: Final = b"\x05\x00"

ROCA_PRIMES: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
                      101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167)  # fmt: skip
ROCA_GENERATOR: Final = 65537


class Kind(StrEnum):
    """How the signature value is computed."""

    PKCS1 = "RSASSA-PKCS1-v1_5"
    PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    EDDSA = "EdDSA"
    ML_DSA = "ML-DSA"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A signature scheme with everything that its identifier and parameters fix."""

    kind: Kind
    hash_name: str
    """Digest of the message; for EdDSA and ML-DSA the digest that goes with it in CMS (RFC 8419 2.3, RFC 9882 3.3)."""
    salt_length: int = 0

    @property
    def name(self) -> str:
        """For people: `RSASSA-PKCS1-v1_5 with SHA256`."""
        return f"{self.kind} with {self.hash_name.upper()}"


_FIXED: Final[dict[str, tuple[Kind, str]]] = {
    oids.SHA1_WITH_RSA: (Kind.PKCS1, "sha1"),
    oids.SHA256_WITH_RSA: (Kind.PKCS1, "sha256"),
    oids.SHA384_WITH_RSA: (Kind.PKCS1, "sha384"),
    oids.SHA512_WITH_RSA: (Kind.PKCS1, "sha512"),
    oids.ECDSA_WITH_SHA1: (Kind.ECDSA, "sha1"),
    oids.ECDSA_WITH_SHA256: (Kind.ECDSA, "sha256"),
    oids.ECDSA_WITH_SHA384: (Kind.ECDSA, "sha384"),
    oids.ECDSA_WITH_SHA512: (Kind.ECDSA, "sha512"),
    oids.ED25519: (Kind.EDDSA, "sha512"),
    oids.ML_DSA_44: (Kind.ML_DSA, "sha512"),
    oids.ML_DSA_65: (Kind.ML_DSA, "sha512"),
    oids.ML_DSA_87: (Kind.ML_DSA, "sha512"),
}


def hash_named(oid: str, parameters: bytes | None) -> str:
    """The digest of an AlgorithmIdentifier; parameters absent or NULL (RFC 5754 2).

    Errors: UnacceptableAlgorithm for any other.
    """
    if oid not in HASH_NAMES or parameters not in (None, _NULL):
        raise UnacceptableAlgorithm(f"the digest algorithm {oid} is not known here")
    return HASH_NAMES[oid]


def scheme_of(oid: str, parameters: bytes | None, digest: str) -> Scheme:
    """The scheme that a SignerInfo names; `digest` is the name of its digestAlgorithm, which must agree.

    Source: RFC 5652 10.1.2, RFC 5754 3, RFC 4056, RFC 8419, RFC 9882.
    Errors: UnacceptableAlgorithm.
    """
    if oid == oids.RSA_ENCRYPTION and parameters in (None, _NULL):
        return Scheme(Kind.PKCS1, digest)
    if oid == oids.RSASSA_PSS:
        return _pss(parameters, digest)
    if oid not in _FIXED:
        raise UnacceptableAlgorithm(f"the signature algorithm {oid} is not known here")
    kind, hash_name = _FIXED[oid]
    allowed = (None, _NULL) if kind is Kind.PKCS1 else (None,)
    if parameters not in allowed:
        raise UnacceptableAlgorithm(f"{oid} must come without parameters")
    if kind is Kind.ML_DSA:
        return Scheme(kind, digest)  # pure ML-DSA signs the attributes whole; the digest is the message's own
    if hash_name != digest:
        # the two identifiers of one signature must not disagree: which one a reader believes would decide the verdict
        raise UnacceptableAlgorithm(f"the digest is {digest} but the signature algorithm says {hash_name}")
    return Scheme(kind, hash_name)


def _pss(parameters: bytes | None, digest: str) -> Scheme:
    """RSASSA-PSS-params (RFC 4055 3.1): one hash everywhere, the salt as long as the hash, trailer 0xBC.

    Absent parameters would mean SHA-1 with a salt of 20, which nobody may use any more.
    """
    if parameters is None:
        raise UnacceptableAlgorithm("RSASSA-PSS without parameters means SHA-1")
    hash_name, mask_hash, salt, trailer = "sha1", "sha1", 20, 1
    try:
        seen = -1
        for field in der.read_whole(parameters).expect(der.SEQUENCE, "RSASSA-PSS-params").iterate():
            number = field.tag & 0x1F
            inner, *more = field.children()
            if field.tag & 0xE0 != 0xA0 or not seen < number <= 3 or more:
                raise Malformed("RSASSA-PSS-params", field.start)
            seen = number
            if number == 0:
                hash_name = hash_named(*algorithm_identifier(inner))
            elif number == 1:
                oid, mask_parameters = algorithm_identifier(inner)
                if oid != oids.MGF1 or mask_parameters is None:
                    raise UnacceptableAlgorithm(f"the mask function {oid} is not MGF1")
                mask_hash = hash_named(*algorithm_identifier(der.read_whole(mask_parameters)))
            elif number == 2:
                salt = inner.integer()
            else:
                trailer = inner.integer()
    except (Malformed, ValueError) as bad:
        raise UnacceptableAlgorithm("RSASSA-PSS parameters that cannot be read") from bad
    if hash_name != digest or mask_hash != digest:
        raise UnacceptableAlgorithm(f"RSASSA-PSS mixes {hash_name}, a mask with {mask_hash} and the digest {digest}")
    if salt != hashlib.new(digest).digest_size or trailer != 1:
        # the numbers are not repeated: one of a million digits could not be written
        raise UnacceptableAlgorithm("RSASSA-PSS with a salt of another length than the digest's, or another trailer")
    return Scheme(Kind.PSS, digest, salt)


def algorithm_identifier(node: der.Node) -> tuple[str, bytes | None]:
    """AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }

    The identifier and the encoded parameters. Errors: Malformed.
    """
    parts = node.expect(der.SEQUENCE, "an AlgorithmIdentifier").children()
    if not 1 <= len(parts) <= 2:
        raise Malformed("an AlgorithmIdentifier of one or two parts expected", node.start)
    return parts[0].oid(), parts[1].raw if len(parts) == 2 else None


def check_scheme(scheme: Scheme, policy: Policy) -> None:
    """Errors: UnacceptableAlgorithm when `policy` does not allow the scheme."""
    if scheme.hash_name not in policy.hashes:
        raise UnacceptableAlgorithm(f"{scheme.hash_name.upper()} is not accepted")
    if scheme.kind is Kind.PSS and not policy.allow_pss:
        raise UnacceptableAlgorithm("RSASSA-PSS is not accepted")


def check_key(key: PublicKey, policy: Policy) -> str:
    """The name of the key's kind and size, when it is fit to be believed.

    Everything here is arithmetic on the numbers of the key: no signature is computed with a key that was refused,
    so that a huge modulus or exponent costs nothing.
    Errors: UnacceptableKey.
    """
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        bits = numbers.n.bit_length()
        if not policy.minimum_rsa_bits <= bits <= policy.maximum_rsa_bits:
            raise UnacceptableKey(f"an RSA key of {bits} bits")
        if numbers.e < 65537 or numbers.e % 2 == 0 or numbers.e.bit_length() > 64:
            raise UnacceptableKey("an RSA exponent that is small, even or longer than 64 bits")
        if numbers.n % 2 == 0 or has_roca_fingerprint(numbers.n):
            raise UnacceptableKey("an RSA modulus that is even or bears the ROCA fingerprint (CVE-2017-15361)")
        return f"RSA-{bits}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1):
            raise UnacceptableKey(f"the curve {key.curve.name}")
        return {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PublicKey):
        raise UnacceptableKey("Ed448")
    for kind, name in (
        (mldsa.MLDSA44PublicKey, "ML-DSA-44"),
        (mldsa.MLDSA65PublicKey, "ML-DSA-65"),
        (mldsa.MLDSA87PublicKey, "ML-DSA-87"),
    ):
        if isinstance(key, kind):
            return name
    raise UnacceptableKey(f"a key of the kind {type(key).__name__}")


def has_roca_fingerprint(modulus: int) -> bool:
    """Whether `modulus` is a power of 65537 modulo every small prime, as the keys of CVE-2017-15361 are.

    A sound modulus passes all 38 tests by chance once in about 2^28 keys.
    """
    return all(modulus % prime in _POWERS[prime] for prime in ROCA_PRIMES)


def _powers(prime: int) -> frozenset[int]:
    powers, power = {1}, ROCA_GENERATOR % prime
    while power not in powers:
        powers.add(power)
        power = power * ROCA_GENERATOR % prime
    return frozenset(powers)


_POWERS: Final = {prime: _powers(prime) for prime in ROCA_PRIMES}


def signature_holds(key: PublicKey, scheme: Scheme, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` verifies under `key`. A key of another kind than the scheme's: False.

    PKCS#1 v1.5 is checked by building the one expected encoding and comparing it whole (RFC 8017 8.2.2), so that
    garbage after the DigestInfo, short padding and lenient DER never count.
    """
    return _holds(key, scheme, signature, message, prehashed=False)


def digest_signature_holds(key: PublicKey, scheme: Scheme, signature: bytes, digest: bytes) -> bool:
    """As `signature_holds`, for a message known by its digest only. EdDSA and ML-DSA need the message: False."""
    if len(digest) != HASHES[scheme.hash_name].digest_size:
        return False
    return _holds(key, scheme, signature, digest, prehashed=True)


def _holds(key: PublicKey, scheme: Scheme, signature: bytes, data: bytes, *, prehashed: bool) -> bool:
    hashing = HASHES[scheme.hash_name]
    algorithm = utils.Prehashed(hashing) if prehashed else hashing
    try:
        if scheme.kind is Kind.PKCS1 and isinstance(key, rsa.RSAPublicKey):
            # length first: zeros in front would be a second form of the same signature (RFC 8017 8.2.2 step 1)
            if len(signature) != (key.key_size + 7) // 8:
                return False
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        elif scheme.kind is Kind.PSS and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PSS(padding.MGF1(hashing), scheme.salt_length), algorithm)
        elif scheme.kind is Kind.ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(algorithm))
        elif prehashed:
            return False
        elif (scheme.kind is Kind.EDDSA and isinstance(key, ed25519.Ed25519PublicKey)) or (
            scheme.kind is Kind.ML_DSA
            and isinstance(key, mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey)
        ):
            key.verify(signature, data)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
