"""Signature algorithms: their identifiers, and whether a raw signature is right.

Whether an algorithm may still be believed at some date is not decided here: that is the verifier's policy; which ones
an authority uses is its profile's.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa

from pki import der, oids
from pki.errors import InvalidValue, Malformed


class KeyKind(StrEnum):
    """Families of public keys."""

    RSA = "rsa"
    EC = "ec"
    ED25519 = "ed25519"
    ED448 = "ed448"
    ML_DSA = "ml-dsa"


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One row of the table: `parameters` is what follows the identifier in an AlgorithmIdentifier, `identifier` the
    whole of it, encoded."""

    name: str
    oid: str
    key_kind: KeyKind
    hash_name: str | None
    parameters: bytes
    identifier: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identifier", der.sequence(der.oid(self.oid), self.parameters))


_NULL = der.null()
ALGORITHMS: dict[str, SignatureAlgorithm] = {
    row.oid: row
    for row in (
        SignatureAlgorithm("sha1WithRSAEncryption", oids.SHA1_WITH_RSA, KeyKind.RSA, "sha1", _NULL),
        SignatureAlgorithm("sha256WithRSAEncryption", oids.SHA256_WITH_RSA, KeyKind.RSA, "sha256", _NULL),
        SignatureAlgorithm("sha384WithRSAEncryption", oids.SHA384_WITH_RSA, KeyKind.RSA, "sha384", _NULL),
        SignatureAlgorithm("sha512WithRSAEncryption", oids.SHA512_WITH_RSA, KeyKind.RSA, "sha512", _NULL),
        SignatureAlgorithm("ecdsa-with-SHA1", oids.ECDSA_WITH_SHA1, KeyKind.EC, "sha1", b""),
        SignatureAlgorithm("ecdsa-with-SHA256", oids.ECDSA_WITH_SHA256, KeyKind.EC, "sha256", b""),
        SignatureAlgorithm("ecdsa-with-SHA384", oids.ECDSA_WITH_SHA384, KeyKind.EC, "sha384", b""),
        SignatureAlgorithm("ecdsa-with-SHA512", oids.ECDSA_WITH_SHA512, KeyKind.EC, "sha512", b""),
        SignatureAlgorithm("Ed25519", oids.ED25519, KeyKind.ED25519, None, b""),
        SignatureAlgorithm("Ed448", oids.ED448, KeyKind.ED448, None, b""),
        SignatureAlgorithm("ML-DSA-44", oids.ML_DSA_44, KeyKind.ML_DSA, None, b""),
        SignatureAlgorithm("ML-DSA-65", oids.ML_DSA_65, KeyKind.ML_DSA, None, b""),
        SignatureAlgorithm("ML-DSA-87", oids.ML_DSA_87, KeyKind.ML_DSA, None, b""),
    )
}
"""Every algorithm with fixed parameters that is spoken here, by identifier (RSASSA-PSS is the verifier's own)."""

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 -- spoken, so that old signatures can be judged
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
HASH_OIDS = {"sha1": oids.SHA1, "sha256": oids.SHA256, "sha384": oids.SHA384, "sha512": oids.SHA512}

PublicKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)


def load_public_key(spki: bytes) -> PublicKey:
    """The public key of a SubjectPublicKeyInfo. Errors: Malformed for what is none, InvalidValue for other kinds."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError) as error:
        raise Malformed("a SubjectPublicKeyInfo expected") from error
    except UnsupportedAlgorithm as error:
        raise InvalidValue("a public key of a kind that is not spoken here") from error
    if not isinstance(key, PublicKey):
        raise InvalidValue("a public key of a kind that is not spoken here")
    return key


def algorithm_for(spki: bytes) -> SignatureAlgorithm:
    """The algorithm that fits a key best: SHA-256 for RSA and P-256, SHA-384 for P-384, SHA-512 for P-521."""
    key = load_public_key(spki)
    if isinstance(key, rsa.RSAPublicKey):
        return ALGORITHMS[oids.SHA256_WITH_RSA]
    if isinstance(key, ec.EllipticCurvePublicKey):
        by_size = {256: oids.ECDSA_WITH_SHA256, 384: oids.ECDSA_WITH_SHA384, 521: oids.ECDSA_WITH_SHA512}
        if key.curve.key_size not in by_size:
            raise InvalidValue("an elliptic curve that is not spoken here")
        return ALGORITHMS[by_size[key.curve.key_size]]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ALGORITHMS[oids.ED25519]
    if isinstance(key, ed448.Ed448PublicKey):
        return ALGORITHMS[oids.ED448]
    return ALGORITHMS[_ml_dsa_oid(key)]


def _ml_dsa_oid(key: mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey) -> str:
    if isinstance(key, mldsa.MLDSA44PublicKey):
        return oids.ML_DSA_44
    return oids.ML_DSA_65 if isinstance(key, mldsa.MLDSA65PublicKey) else oids.ML_DSA_87


def verify_raw(key: PublicKey, algorithm: SignatureAlgorithm, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made with `key` by `algorithm`; False also when the kinds do not fit."""
    try:
        match key, algorithm.key_kind:
            case rsa.RSAPublicKey(), KeyKind.RSA:
                # Length first: a longer block with zeros in front would be a second form of the same signature.
                if len(signature) != (key.key_size + 7) // 8:
                    return False
                key.verify(signature, message, padding.PKCS1v15(), HASHES[cast(str, algorithm.hash_name)])
            case ec.EllipticCurvePublicKey(), KeyKind.EC:
                key.verify(signature, message, ec.ECDSA(HASHES[cast(str, algorithm.hash_name)]))
            case ed25519.Ed25519PublicKey(), KeyKind.ED25519:
                key.verify(signature, message)
            case ed448.Ed448PublicKey(), KeyKind.ED448:
                key.verify(signature, message)
            case (
                (mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey()) as lattice,
                KeyKind.ML_DSA,
            ):
                if _ml_dsa_oid(lattice) != algorithm.oid:
                    return False
                lattice.verify(signature, message)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
