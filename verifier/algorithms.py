"""Which signatures and keys are believed until when, as data; and the check of one signature over signed octets.

Sources of the dates: NIST SP 800-131A (SHA-1, and DSA of 1024 bits: not after 2013), FIPS 186-5 (DSA: not after
3 February 2024). An algorithm is judged at the time of the question, not at the date that a certificate claims.
"""

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from pki import der, oids
from pki.errors import Malformed
from pki.instant import Instant
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.kept import kept
from verifier.signature import algorithm_identifier, has_roca_fingerprint, hash_named

FOREVER: Final = 1 << 62
_END_OF_SHA1: Final = Instant.parse("2013-12-31T23:59:59Z").seconds
_END_OF_DSA: Final = Instant.parse("2024-02-03T23:59:59Z").seconds
_PSS: Final = "RSASSA-PSS"
_PSS_OID: Final = der.oid(oids.RSASSA_PSS)
MAX_RSA_BITS: Final = 8192
MAX_KEY_OCTETS: Final = 4096
"""An ML-DSA-87 key, the largest that is accepted, has 2,614."""
MAX_EXPONENT_BITS: Final = 64


class KeyKind(Enum):
    """Families of public keys; a key and an algorithm fit if theirs is the same one."""

    RSA = auto()
    EC = auto()
    DSA = auto()
    ED25519 = auto()
    ED448 = auto()
    ML_DSA_44 = auto()
    ML_DSA_65 = auto()
    ML_DSA_87 = auto()


class Key(NamedTuple):
    """A public key that was looked at; asking `cryptography` for its class each time costs more than it tells."""

    kind: KeyKind
    bits: int
    curve: str
    public: Any
    weight: int = 1
    """What one check costs, in checks of RSA-2048 or P-256 (some 20 to 70 µs), as the budget counts them."""
    only: str = ""
    """For a key that its owner restricted to RSASSA-PSS (RFC 4055 1.2): the one algorithm, or any of that family."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How one AlgorithmIdentifier has a signature checked, and until when it is believed (seconds since 1970)."""

    name: str
    kind: KeyKind
    hashing: hashes.HashAlgorithm | None
    until: int = FOREVER
    scheme: padding.AsymmetricPadding | ec.ECDSA | None = None
    lacks_null: bool = False
    """RSA PKCS#1 without the NULL that RFC 4055 5 has issuers write and readers do without."""


_PKCS1: Final = padding.PKCS1v15()
_SHA1, _SHA224, _SHA256, _SHA384, _SHA512 = (
    hashes.SHA1(),  # noqa: S303 - believed until the end of 2013 only
    hashes.SHA224(),
    hashes.SHA256(),
    hashes.SHA384(),
    hashes.SHA512(),
)
_RSA: Final[dict[str, tuple[str, hashes.HashAlgorithm, int]]] = {
    oids.SHA1_WITH_RSA: ("sha1WithRSAEncryption", _SHA1, _END_OF_SHA1),
    "1.2.840.113549.1.1.14": ("sha224WithRSAEncryption", _SHA224, FOREVER),
    oids.SHA256_WITH_RSA: ("sha256WithRSAEncryption", _SHA256, FOREVER),
    oids.SHA384_WITH_RSA: ("sha384WithRSAEncryption", _SHA384, FOREVER),
    oids.SHA512_WITH_RSA: ("sha512WithRSAEncryption", _SHA512, FOREVER),
}
_EC, _DSA = KeyKind.EC, KeyKind.DSA
_BARE: Final[dict[str, Algorithm]] = {
    oids.ECDSA_WITH_SHA1: Algorithm("ecdsa-with-SHA1", _EC, _SHA1, _END_OF_SHA1, ec.ECDSA(_SHA1)),
    "1.2.840.10045.4.3.1": Algorithm("ecdsa-with-SHA224", _EC, _SHA224, FOREVER, ec.ECDSA(_SHA224)),
    oids.ECDSA_WITH_SHA256: Algorithm("ecdsa-with-SHA256", _EC, _SHA256, FOREVER, ec.ECDSA(_SHA256)),
    oids.ECDSA_WITH_SHA384: Algorithm("ecdsa-with-SHA384", _EC, _SHA384, FOREVER, ec.ECDSA(_SHA384)),
    oids.ECDSA_WITH_SHA512: Algorithm("ecdsa-with-SHA512", _EC, _SHA512, FOREVER, ec.ECDSA(_SHA512)),
    oids.DSA_WITH_SHA1: Algorithm("dsa-with-SHA1", _DSA, _SHA1, _END_OF_SHA1),
    oids.DSA_WITH_SHA256: Algorithm("dsa-with-SHA256", _DSA, _SHA256, _END_OF_DSA),
    oids.ED25519: Algorithm("Ed25519", KeyKind.ED25519, None),
    oids.ED448: Algorithm("Ed448", KeyKind.ED448, None),
    oids.ML_DSA_44: Algorithm("ML-DSA-44", KeyKind.ML_DSA_44, None),
    oids.ML_DSA_65: Algorithm("ML-DSA-65", KeyKind.ML_DSA_65, None),
    oids.ML_DSA_87: Algorithm("ML-DSA-87", KeyKind.ML_DSA_87, None),
}
"""Algorithms whose identifier MUST come without parameters (RFC 5758, RFC 8410, RFC 9881); NULL is not none."""

_CURVES: Final = {
    "secp256r1": FOREVER,
    "secp384r1": FOREVER,
    "secp521r1": FOREVER,
    "brainpoolP256r1": FOREVER,
    "brainpoolP384r1": FOREVER,
    "brainpoolP512r1": FOREVER,
}


def algorithm_of(identifier: bytes) -> Algorithm:
    """The algorithm of an encoded AlgorithmIdentifier.

    Errors: UnacceptableAlgorithm for one that is not in the tables (MD5 and MD2 are not) or has other parameters than
    its standard gives it.
    """
    return _BY_IDENTIFIER.get(identifier) or _read_algorithm(identifier)


@kept(most=256, octets=256)
def _read_algorithm(identifier: bytes) -> Algorithm:
    try:
        oid, parameters = algorithm_identifier(der.read_whole(identifier))
    except Malformed as bad:
        raise UnacceptableAlgorithm("the signature algorithm cannot be read") from bad
    if oid in _RSA:
        if parameters not in (None, b"\x05\x00"):
            raise UnacceptableAlgorithm(f"{_RSA[oid][0]} with parameters")
        name, hashing, until = _RSA[oid]
        return Algorithm(name, KeyKind.RSA, hashing, until, _PKCS1, parameters is None)
    if oid in _BARE:
        if parameters is not None:
            raise UnacceptableAlgorithm(f"{_BARE[oid].name} with parameters")
        return _BARE[oid]
    if oid == oids.RSASSA_PSS:
        return _pss(parameters)
    raise UnacceptableAlgorithm(f"the signature algorithm {oid} is not accepted")


def _pss(parameters: bytes | None) -> Algorithm:
    """RSASSA-PSS-params (RFC 4055 3.1): one hash for message and mask, a salt as long as it, trailer 0xBC.

    Absent parameters and absent fields mean SHA-1 and a salt of 20 octets, which ended with SHA-1.
    """
    hash_name, mask, salt, trailer, seen = "sha1", "sha1", 20, 1, -1
    try:
        fields = [] if parameters is None else der.read_whole(parameters).expect(der.SEQUENCE, "parameters").children()
        for field in fields:
            number = field.tag & 0x1F
            (inner,) = field.children()
            if field.tag & 0xE0 != 0xA0 or not seen < number <= 3:
                raise Malformed("a field of RSASSA-PSS-params expected", field.start)
            seen = number
            if number == 0:
                hash_name = hash_named(*algorithm_identifier(inner))
            elif number == 1:
                function, of = algorithm_identifier(inner)
                if function != oids.MGF1 or of is None:
                    raise UnacceptableAlgorithm("RSASSA-PSS with a mask function other than MGF1")
                mask = hash_named(*algorithm_identifier(der.read_whole(of)))
            elif number == 2:
                salt = inner.integer()
            else:
                trailer = inner.integer()
    except (Malformed, ValueError) as bad:
        raise UnacceptableAlgorithm("RSASSA-PSS with parameters that cannot be read") from bad
    hashing = {"sha1": _SHA1, "sha256": _SHA256, "sha384": _SHA384, "sha512": _SHA512}[hash_name]
    if mask != hash_name or salt != hashing.digest_size or trailer != 1:
        raise UnacceptableAlgorithm("RSASSA-PSS with mixed hashes, another salt than the hash's length, or a trailer")
    return Algorithm(
        f"{_PSS} with {hash_name.upper()}",
        KeyKind.RSA,
        hashing,
        _END_OF_SHA1 if hash_name == "sha1" else FOREVER,
        padding.PSS(padding.MGF1(hashing), salt),
    )


_BY_IDENTIFIER: Final = {
    encoded: _read_algorithm(encoded)
    for encoded in (
        *(der.sequence(der.oid(oid), der.null()) for oid in _RSA),
        *(der.sequence(der.oid(oid)) for oid in _BARE),
    )
}
"""The identifiers as they are meant to be written, so that nothing is read to find them."""


@kept(most=1024, octets=MAX_KEY_OCTETS)
def load_key(spki: bytes) -> Key:
    """The public key of a SubjectPublicKeyInfo, sound by arithmetic alone: no signature is computed with a bad one.

    Errors: UnacceptableKey for what cannot be read (explicit curve parameters, points off the curve, inherited DSA
    parameters), is of an unknown kind or curve, or is built to be slow or broken.
    """
    if len(spki) > MAX_KEY_OCTETS:
        raise UnacceptableKey("a key that is too large")
    try:
        public: Any = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
        raise UnacceptableKey("a key that cannot be read") from bad
    # the class of every key of a kind is the same one: asking it by name spares the walk through abstract bases
    kind = _kind_of(public.__class__)
    if kind is KeyKind.RSA:
        numbers, bits = public.public_numbers(), public.key_size
        if bits > MAX_RSA_BITS or numbers.e.bit_length() > MAX_EXPONENT_BITS:
            raise UnacceptableKey("an RSA key that is too large")
        if numbers.e < 3 or not numbers.e & 1 or not numbers.n & 1:
            raise UnacceptableKey("an RSA key with an even modulus, or an exponent that is even or one")
        if has_roca_fingerprint(numbers.n):
            raise UnacceptableKey("an RSA key with the ROCA fingerprint (CVE-2017-15361)")
        return Key(KeyKind.RSA, bits, "", public, 1 if bits <= 4096 else 4, _restriction(spki))
    if kind is KeyKind.EC:
        curve = public.curve.name
        if curve not in _CURVES:
            raise UnacceptableKey(f"a key on the curve {curve}")
        return Key(KeyKind.EC, public.key_size, curve, public, 1 if curve == "secp256r1" else 4)
    if kind is KeyKind.DSA:
        return Key(KeyKind.DSA, public.key_size, "", public)
    if kind is not None:
        return Key(kind, 0, "", public, 2)
    raise UnacceptableKey("a key of a kind that is not accepted")


@cache
def _kind_of(class_: type[object]) -> KeyKind | None:
    return next((kind for kind, family in _FAMILIES if issubclass(class_, family)), None)


def _restriction(spki: bytes) -> str:
    if _PSS_OID not in spki[:32]:
        return ""
    oid, parameters = algorithm_identifier(der.read_whole(spki).children()[0])
    if oid != oids.RSASSA_PSS:
        return ""
    if parameters is None:
        return _PSS
    try:
        return _pss(parameters).name
    except UnacceptableAlgorithm as refused:
        raise UnacceptableKey("an RSASSA-PSS key with parameters that are not accepted") from refused


_FAMILIES: Final = (
    (KeyKind.RSA, rsa.RSAPublicKey),
    (KeyKind.EC, ec.EllipticCurvePublicKey),
    (KeyKind.DSA, dsa.DSAPublicKey),
    (KeyKind.ED25519, ed25519.Ed25519PublicKey),
    (KeyKind.ED448, ed448.Ed448PublicKey),
    (KeyKind.ML_DSA_44, mldsa.MLDSA44PublicKey),
    (KeyKind.ML_DSA_65, mldsa.MLDSA65PublicKey),
    (KeyKind.ML_DSA_87, mldsa.MLDSA87PublicKey),
)


def check_key(key: Key, at: int, min_rsa_bits: int) -> None:
    """Whether `key` may be believed at `at` (seconds). Errors: UnacceptableKey."""
    if key.kind is KeyKind.RSA:
        if key.bits < min_rsa_bits:
            raise UnacceptableKey(f"an RSA key of {key.bits} bits")
    elif key.kind is KeyKind.DSA and at > (_END_OF_SHA1 if key.bits < 2048 else _END_OF_DSA):
        raise UnacceptableKey(f"a DSA key of {key.bits} bits")


def holds(algorithm: Algorithm, key: Key, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` verifies under `key`; a key of another kind than the algorithm's: False."""
    if key.kind is not algorithm.kind or not algorithm.name.startswith(key.only):
        return False
    try:
        if key.kind is KeyKind.RSA:
            # length first: zeros in front would be a second form of the same signature (RFC 8017 8.2.2 step 1)
            if len(signature) != (key.bits + 7) // 8:
                return False
            key.public.verify(signature, message, algorithm.scheme, algorithm.hashing)
        elif key.kind is KeyKind.EC:
            key.public.verify(signature, message, algorithm.scheme)
        elif key.kind is KeyKind.DSA:
            key.public.verify(signature, message, algorithm.hashing)
        else:
            key.public.verify(signature, message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
