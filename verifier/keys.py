"""Public keys: read from their encoding, looked at by arithmetic alone, and until when they are believed.

No signature is computed with a key that was refused here, so that one built to be slow or broken costs nothing. The
two forms that nearly every certificate has are read here; their keys reach OpenSSL only when a signature is checked.
"""

from enum import Enum, auto
from functools import cache
from math import prod
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa

from pki import der, oids
from pki.instant import Instant
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.kept import kept
from verifier.schemes import Kind, algorithm_identifier, pss_scheme

FOREVER: Final = 1 << 62
END_OF_SHA1: Final = Instant.parse("2013-12-31T23:59:59Z").seconds
"""NIST SP 800-131A: SHA-1, and DSA of 1024 bits, not after 2013."""
END_OF_DSA: Final = Instant.parse("2024-02-03T23:59:59Z").seconds
"""FIPS 186-5: DSA, not after 3 February 2024."""
MAX_RSA_BITS: Final = 8192
MAX_KEY_OCTETS: Final = 4096
"""An ML-DSA-87 key, the largest that is accepted, has 2,614."""
MAX_EXPONENT_BITS: Final = 64

ROCA_PRIMES: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
                      101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167)  # fmt: skip
ROCA_GENERATOR: Final = 65537
_POINT_FORMS: Final = frozenset(b"\x02\x03\x04")
"""Compressed and uncompressed (SEC 1 2.3.3)."""
_CURVES: Final = frozenset(
    {"secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"}
)


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


class Key:
    """A public key that was looked at. Made by `load_key`."""

    __slots__ = ("_public", "_spki", "bits", "curve", "exponent", "kind", "only", "until", "weight")

    def __init__(
        self,
        kind: KeyKind,
        bits: int,
        spki: bytes,
        public: Any = None,
        *,
        curve: str = "",
        exponent: int = 0,
        weight: int = 1,
        only: str = "",
        until: int = FOREVER,
    ) -> None:
        self.kind, self.bits, self.curve, self.exponent = kind, bits, curve, exponent
        self.weight = weight
        """What one check costs, in checks of RSA-2048 or P-256 (some 20 to 70 µs), as the budget counts them."""
        self.only = only
        """For a key that its owner restricted to RSASSA-PSS (RFC 4055 1.2): the one scheme, or any of that family."""
        self.until = until
        """The last second (since 1970) at which a key of this kind and size is believed."""
        self._spki, self._public = spki, public

    @property
    def public(self) -> Any:
        """The key as `cryptography` has it; asked for when a signature is to be checked. Errors: UnacceptableKey."""
        if self._public is None:
            self._public = _load(self._spki)
        return self._public


def check_key(key: Key, at: int, min_rsa_bits: int) -> None:
    """Whether `key` may be believed at `at` (seconds). Errors: UnacceptableKey."""
    if key.kind is KeyKind.RSA:
        if key.bits < min_rsa_bits:
            raise UnacceptableKey(f"an RSA key of {key.bits} bits")
    elif at > key.until:
        raise UnacceptableKey(f"a {key.kind.name} key of {key.bits} bits")


@kept(most=1024, octets=MAX_KEY_OCTETS)
def load_key(spki: bytes) -> Key:
    """The public key of a SubjectPublicKeyInfo, sound by arithmetic alone.

    Errors: UnacceptableKey for what cannot be read (explicit curve parameters, points off the curve, inherited DSA
    parameters), is of an unknown kind or curve, or is built to be slow or broken.
    """
    if len(spki) > MAX_KEY_OCTETS:
        raise UnacceptableKey("a key that is too large")
    plain = _plain_key(spki)
    if plain is not None:
        return plain
    public = _load(spki)
    # the class of every key of a kind is the same one: asking it by name spares the walk through abstract bases
    kind = kind_of(public.__class__)
    if kind is KeyKind.RSA:
        numbers = public.public_numbers()
        return _rsa(numbers.n, numbers.e, spki, public, _restriction(spki))
    if kind is KeyKind.EC:
        curve = public.curve.name
        if curve not in _CURVES:
            raise UnacceptableKey(f"a key on the curve {curve}")
        if der.read_whole(spki).children()[1].bits()[0] not in _POINT_FORMS:
            raise UnacceptableKey("a point in the hybrid form (RFC 5480 2.2)")
        return Key(KeyKind.EC, public.key_size, spki, public, curve=curve, weight=1 if curve == "secp256r1" else 4)
    if kind is KeyKind.DSA:
        bits = public.key_size
        return Key(KeyKind.DSA, bits, spki, public, weight=8, until=END_OF_SHA1 if bits < 2048 else END_OF_DSA)
    if kind is not None:
        return Key(kind, 0, spki, public, weight=2)
    raise UnacceptableKey("a key of a kind that is not accepted")


def _load(spki: bytes) -> Any:
    try:
        return serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
        raise UnacceptableKey("a key that cannot be read") from bad


def _rsa(modulus: int, exponent: int, spki: bytes, public: Any = None, only: str = "") -> Key:
    bits = modulus.bit_length()
    if bits > MAX_RSA_BITS or exponent.bit_length() > MAX_EXPONENT_BITS:
        raise UnacceptableKey("an RSA key that is too large")
    if exponent < 3 or not exponent & 1 or not modulus & 1:
        raise UnacceptableKey("an RSA key with an even modulus, or an exponent that is even or one")
    if has_roca_fingerprint(modulus):
        raise UnacceptableKey("an RSA key with the ROCA fingerprint (CVE-2017-15361)")
    return Key(KeyKind.RSA, bits, spki, public, exponent=exponent, weight=1 if bits <= 4096 else 4, only=only)


# ---- the two forms that nearly every certificate has

_EXPONENT: Final = der.integer(65537)
_P256: Final = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"))
_P256_FORM: Final = der.sequence(_P256, der.bit_string(b"\x04" + bytes(64)))[:-64]
_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B  # SP 800-186 3.2.1.3


def _rsa_form(bits: int) -> tuple[int, bytes]:
    """(octets of the whole, what stands before the modulus) of an RSA key of exactly `bits` and exponent 65537."""
    key = der.sequence(der.integer((1 << bits) - 1), _EXPONENT)
    whole = der.sequence(der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()), der.bit_string(key))
    return len(whole), whole[: -(bits // 8) - len(_EXPONENT)]


_RSA_FORMS: Final = dict(map(_rsa_form, (2048, 3072, 4096)))


def _plain_key(spki: bytes) -> Key | None:
    """RSA with exponent 65537, or P-256 uncompressed, in the one form that DER has for it; None: ask the reader."""
    form = _RSA_FORMS.get(len(spki))
    if form is not None:
        start = len(form)
        if spki.startswith(form) and spki.endswith(_EXPONENT) and spki[start] & 0x80:
            return _rsa(int.from_bytes(spki[start : -len(_EXPONENT)]), 65537, spki)
    elif len(spki) == 91 and spki.startswith(_P256_FORM):
        x, y = int.from_bytes(spki[27:59]), int.from_bytes(spki[59:])
        # SP 800-56A 5.6.2.3.3 steps 1 to 3; the cofactor is one, so that step 4 is done with them
        if x < _P256_PRIME > y and (x * x * x - 3 * x + _P256_B - y * y) % _P256_PRIME == 0:
            return Key(KeyKind.EC, 256, spki, curve="secp256r1")
    return None


# ----


@cache
def kind_of(class_: type[object]) -> KeyKind | None:
    """The family of one of `cryptography`'s classes of public keys; None for a foreign one."""
    return next((kind for kind, family in _FAMILIES if issubclass(class_, family)), None)


def _restriction(spki: bytes) -> str:
    oid, parameters = algorithm_identifier(der.read_whole(spki).children()[0])
    if oid != oids.RSASSA_PSS:
        return ""
    if parameters is None:
        return Kind.PSS
    try:
        return pss_scheme(parameters).name
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


def has_roca_fingerprint(modulus: int) -> bool:
    """Whether `modulus` is a power of 65537 modulo every small prime, as the keys of CVE-2017-15361 are.

    A sound modulus passes all 38 tests by chance once in about 2^28 keys.
    """
    small = modulus % _ROCA_PRODUCT  # one long division instead of one for each prime
    return all(small % prime in powers for prime, powers in _ROCA_POWERS)


def _powers(prime: int) -> frozenset[int]:
    powers, power = {1}, ROCA_GENERATOR % prime
    while power not in powers:
        powers.add(power)
        power = power * ROCA_GENERATOR % prime
    return frozenset(powers)


_ROCA_POWERS: Final = tuple((prime, _powers(prime)) for prime in ROCA_PRIMES)
_ROCA_PRODUCT: Final = prod(ROCA_PRIMES)
