"""The bare check of one signature value under one key, and which keys a policy takes (EN 319 102-1 5.2.7, 5.2.8)."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from pki.algorithms import PublicKey
from verifier.algorithms import Algorithm
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.keys import Key, KeyKind, kind_of
from verifier.policy import Policy
from verifier.schemes import HASH_SIZES, Kind, Scheme

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - spoken, so that old signatures can be judged; policy says by when
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_PKCS1: Final = padding.PKCS1v15()
_ML_DSA: Final = frozenset({KeyKind.ML_DSA_44, KeyKind.ML_DSA_65, KeyKind.ML_DSA_87})
_KINDS: Final = {
    Kind.PKCS1: frozenset({KeyKind.RSA}),
    Kind.PSS: frozenset({KeyKind.RSA}),
    Kind.ECDSA: frozenset({KeyKind.EC}),
    Kind.DSA: frozenset({KeyKind.DSA}),
    Kind.EDDSA: frozenset({KeyKind.ED25519, KeyKind.ED448}),
    Kind.ML_DSA: _ML_DSA,
}
_NAMES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_MIN_EXPONENT: Final = 65537


def holds(algorithm: Algorithm, key: Key, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` verifies under `key`; a key of another kind than the algorithm's: False.

    Errors: UnacceptableKey for a key that `cryptography` refuses.
    """
    if key.kind is not algorithm.kind or not algorithm.name.startswith(key.only):
        return False
    return _holds(key.kind, key.public, algorithm.scheme, signature, message)


def signature_holds(key: PublicKey, scheme: Scheme, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` verifies under `key`. A key of another kind than the scheme's: False.

    PKCS#1 v1.5 is checked by building the one expected encoding and comparing it whole (RFC 8017 8.2.2), so that
    garbage after the DigestInfo, short padding and lenient DER never count.
    """
    kind = kind_of(key.__class__)
    return kind in _KINDS[scheme.kind] and _holds(kind, key, scheme, signature, message)


def digest_signature_holds(key: PublicKey, scheme: Scheme, signature: bytes, digest: bytes) -> bool:
    """As `signature_holds`, for a message known by its digest only. EdDSA and ML-DSA need the message: False."""
    kind = kind_of(key.__class__)
    if kind not in _KINDS[scheme.kind] or scheme.kind not in (Kind.PKCS1, Kind.PSS, Kind.ECDSA):
        return False
    return len(digest) == HASH_SIZES[scheme.hash_name] and _holds(kind, key, scheme, signature, digest, prehashed=True)


def _holds(
    kind: KeyKind, public: Any, scheme: Scheme, signature: bytes, data: bytes, *, prehashed: bool = False
) -> bool:
    try:
        if kind is KeyKind.RSA:
            # length first: zeros in front would be a second form of the same signature (RFC 8017 8.2.2 step 1)
            if len(signature) != (public.key_size + 7) // 8:
                return False
            public.verify(signature, data, _padding(scheme), _hashing(scheme.hash_name, prehashed))
        elif kind is KeyKind.EC:
            public.verify(signature, data, _ecdsa(scheme.hash_name, prehashed))
        elif kind is KeyKind.DSA:
            public.verify(signature, data, _hashing(scheme.hash_name, prehashed))
        else:
            public.verify(signature, data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


@cache
def _hashing(name: str, prehashed: bool) -> Any:
    return utils.Prehashed(_HASHES[name]) if prehashed else _HASHES[name]


@cache
def _ecdsa(name: str, prehashed: bool) -> ec.ECDSA:
    return ec.ECDSA(_hashing(name, prehashed))


@cache
def _pss(hash_name: str, salt_length: int) -> padding.PSS:
    return padding.PSS(padding.MGF1(_HASHES[hash_name]), salt_length)


def _padding(scheme: Scheme) -> padding.AsymmetricPadding:
    return _PKCS1 if scheme.kind is Kind.PKCS1 else _pss(scheme.hash_name, scheme.salt_length)


def check_key(key: Key, scheme: Scheme, policy: Policy) -> str:
    """The name of the key's kind and size, when it is fit to have made a document's signature by `scheme`.

    Errors: UnacceptableKey, UnacceptableAlgorithm when the key's owner restricted it to another one (RFC 4055 1.2).
    """
    if not scheme.name.startswith(key.only):
        raise UnacceptableAlgorithm("the key's owner restricted it to another algorithm (RFC 4055 1.2)")
    if key.kind is KeyKind.RSA:
        if not policy.minimum_rsa_bits <= key.bits <= policy.maximum_rsa_bits:
            raise UnacceptableKey(f"an RSA key of {key.bits} bits")
        if key.exponent < _MIN_EXPONENT:
            raise UnacceptableKey("an RSA exponent that is small")
        return f"RSA-{key.bits}"
    if key.kind is KeyKind.EC:
        if key.curve not in _NAMES:
            raise UnacceptableKey(f"the curve {key.curve}")
        return _NAMES[key.curve]
    if key.kind is KeyKind.ED25519:
        return "Ed25519"
    if key.kind in _ML_DSA:
        return key.kind.name.replace("_", "-")
    raise UnacceptableKey(f"a key of the kind {key.kind.name}")
