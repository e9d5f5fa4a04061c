"""Which public keys are refused before anything else is done with a request.

| test | why |
|---|---|
| shape | the profile names kinds and sizes |
| exponent 65537 | small ones break padding, large ones slow every verifier, others hide bad generators |
| small factors | a broken generator |
| Fermat | primes too close together: factored in a few steps (CVE-2022-26320) |
| ROCA | keys of one chip family (CVE-2017-15361): the modulus lies in a tell-tale subgroup |
| point on curve | an invalid point leaks the other side's key in some protocols (SP 800-56A 5.6.2.3.3) |
"""

from collections.abc import Iterator
from functools import lru_cache
from math import gcd, isqrt, prod

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa

from ca.errors import WeakKey
from ca.profiles import KeyShape
from pki import der, oids
from pki.algorithms import PublicKey, load_public_key
from pki.errors import InvalidValue, Malformed

EXPONENT = 65537
FERMAT_ROUNDS = 128
_OTHER_KIND = "its kind is not accepted"
_CURVES = {"secp256r1": KeyShape.P256, "secp384r1": KeyShape.P384}


def _primes(limit: int) -> list[int]:
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for number in range(2, isqrt(limit) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number, prime in enumerate(bytes(sieve)) if prime]


_SMALL_PRIMES = prod(_primes(4096))
"""One gcd with this product finds every factor below 4096."""


_SQUARES_64 = frozenset(number * number % 64 for number in range(64))
_SQUARES_4095 = frozenset(number * number % 4095 for number in range(4095))
"""4095 = 3² · 5 · 7 · 13: one number in twelve is a square by it."""


def _generated(prime: int) -> frozenset[int]:
    """The subgroup that 65537 generates modulo `prime`."""
    found, power = set(), 1
    while power not in found:
        found.add(power)
        power = power * EXPONENT % prime
    return frozenset(found)


_ROCA_GROUPS = [(prime, _generated(prime)) for prime in _primes(168) if prime > 2]
"""Primes of the chip's base M that every key size shares. A ROCA modulus is 65537^a modulo M, hence lies in the group
that 65537 generates modulo each of them; a good key passes all by chance about once in 10^8 keys."""


def check_key(spki: bytes, allowed: frozenset[KeyShape]) -> tuple[PublicKey, KeyShape]:
    """The key and its shape. Shape: `spki` is a SubjectPublicKeyInfo in DER. Errors: WeakKey naming the first test
    that fails."""
    key, shape, weakness = _judged(spki)
    if key is not None and shape not in allowed:
        raise WeakKey(f"its kind or size is not one of {', '.join(sorted(allowed))}")
    if key is None or shape is None or weakness is not None:
        raise WeakKey(weakness or _OTHER_KIND)
    return key, shape


@lru_cache(maxsize=4096)
def _judged(spki: bytes) -> tuple[PublicKey | None, KeyShape | None, str | None]:
    """Key, shape and weakness. Remembered: on its way to a certificate a key is asked about several times."""
    try:
        key = load_public_key(spki)
    except Malformed:
        return None, None, "it is not a public key, or its point is not on the curve"
    except InvalidValue:
        return None, None, _OTHER_KIND
    shape = shape_of(key)
    if shape is None:
        return key, None, None
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        try:
            check_rsa(numbers.n, numbers.e)
        except WeakKey as weak:
            return key, shape, weak.weakness
    return key, shape, None if _canonical(spki, shape) else "it is not encoded as its standard says"


def is_readable(spki: bytes) -> bool:
    """Whether a key of a kind that is spoken here can be read; keys of other kinds are not judged."""
    key, _, weakness = _judged(spki)
    return key is not None or weakness is None or weakness == _OTHER_KIND


def rsa_faults(spki: bytes) -> Iterator[str]:
    """What is wrong with an RSA key of whatever size; nothing for other keys."""
    key, shape, weakness = _judged(spki)
    if not isinstance(key, rsa.RSAPublicKey):
        return
    if key.key_size < 2048:
        yield f"an RSA key of {key.key_size} bits"
    if shape is not None:
        if weakness is not None:
            yield weakness
        return
    numbers = key.public_numbers()
    try:
        check_rsa(numbers.n, numbers.e)
    except WeakKey as weak:
        yield weak.weakness


def shape_of(key: PublicKey) -> KeyShape | None:
    """What shape a key has; None for one that no profile knows."""
    if isinstance(key, rsa.RSAPublicKey):
        return KeyShape.RSA_2048 if key.key_size == 2048 else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    return KeyShape.ML_DSA_65 if isinstance(key, mldsa.MLDSA65PublicKey) else None


def check_rsa(modulus: int, exponent: int) -> None:
    """Errors: WeakKey for a wrong exponent, small factors, close primes or a ROCA modulus."""
    if exponent != EXPONENT:
        raise WeakKey("the RSA exponent is not 65537")
    if gcd(modulus, _SMALL_PRIMES) != 1:
        raise WeakKey("the RSA modulus has a small factor")
    if has_close_primes(modulus):
        raise WeakKey("the RSA primes are too close together (Fermat)")
    if is_roca(modulus):
        raise WeakKey("the RSA key comes from a broken chip library (ROCA, CVE-2017-15361)")


def has_close_primes(modulus: int, rounds: int = FERMAT_ROUNDS) -> bool:
    """Whether Fermat's method factors the modulus within `rounds` steps."""
    root = isqrt(modulus)
    if root * root < modulus:
        root += 1
    # Most numbers are no square by their last six bits and their rest by 4095 alone: small numbers tell it, and no
    # root of 1024 bits is drawn.
    small_root, small_modulus = root % 4095, modulus % 4095
    for step in _square_steps(root % 64, modulus % 64, rounds):
        if ((small_root + step) ** 2 - small_modulus) % 4095 in _SQUARES_4095:
            square = (root + step) ** 2 - modulus
            if isqrt(square) ** 2 == square:
                return True
    return False


@lru_cache(maxsize=4096)
def _square_steps(root: int, modulus: int, rounds: int) -> tuple[int, ...]:
    """Steps of Fermat's method after which (root + step)² − modulus may be a square, as far as its last six bits tell;
    both numbers are given modulo 64."""
    return tuple(step for step in range(rounds) if ((root + step) ** 2 - modulus) % 64 in _SQUARES_64)


def is_roca(modulus: int) -> bool:
    """Whether the modulus has the fingerprint of CVE-2017-15361."""
    return all(modulus % prime in group for prime, group in _ROCA_GROUPS)


_ALGORITHMS: dict[KeyShape, bytes] = {
    KeyShape.RSA_2048: der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()),
    KeyShape.P256: der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.P256)),
    KeyShape.P384: der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.P384)),
    KeyShape.ML_DSA_65: der.sequence(der.oid(oids.ML_DSA_65)),
}
_EC_LENGTHS = {KeyShape.P256: 65, KeyShape.P384: 97}
_EC_HEADS = {
    # All octets before the point's: the point is the last element, and of one length.
    shape: der.sequence(_ALGORITHMS[shape], der.bit_string(bytes(size)))[:-size]
    for shape, size in _EC_LENGTHS.items()
}


def _canonical(spki: bytes, shape: KeyShape) -> bool:
    """One key, one encoding: otherwise a key seen before could come back in another form.

    RFC 3279 2.3.1 (NULL parameters), RFC 5480 2.1.1 (named curve) and 2.2 (uncompressed point), RFC 9881 4.
    """
    if shape in _EC_HEADS:
        head = _EC_HEADS[shape]
        return len(spki) == len(head) + _EC_LENGTHS[shape] and spki.startswith(head) and spki[len(head)] == 4
    try:
        algorithm, bits = der.read_whole(spki).expect(der.SEQUENCE, "a SubjectPublicKeyInfo").children()
        content = bits.bits()
        if algorithm.raw != _ALGORITHMS[shape]:
            return False
        if shape is KeyShape.RSA_2048:
            numbers = der.read_whole(content).expect(der.SEQUENCE, "an RSAPublicKey").children()
            return content == der.sequence(*(der.integer(number.integer()) for number in numbers)) and len(numbers) == 2
    except (Malformed, ValueError):
        return False
    return True
