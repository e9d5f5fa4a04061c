"""Keys that are refused, each made by the fault that it is refused for."""

from math import gcd, isqrt, prod

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import WeakKey
from ca.key_policy import check_key, check_rsa, has_close_primes, is_roca
from ca.profiles import KeyShape
from pki import der, oids
from tests.ca.issuing_world import card_key

EVERY = frozenset(KeyShape)
SMALL = [n for n in range(2, 702) if all(n % d for d in range(2, int(n**0.5) + 1))]


def _spki(key: object) -> bytes:
    return key.public_key().public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _rsa_spki(modulus: int, exponent: int = 65537) -> bytes:
    numbers = der.sequence(der.integer(modulus), der.integer(exponent))
    return der.sequence(der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()), der.bit_string(numbers))


def _is_prime(number: int) -> bool:
    if any(number % prime == 0 for prime in SMALL):
        return number in SMALL
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        value = pow(base, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def _next_prime(number: int) -> int:
    number |= 1
    while not _is_prime(number):
        number += 2
    return number


def _roca_prime(bits: int, seed: int) -> int:
    """k * M + (65537^a mod M), as the broken library made its primes; M: the product of the first 126 primes."""
    base = prod(SMALL[:126])
    factor, power = (1 << bits - 1) // base + seed, 7919 * seed
    while True:
        candidate = factor * base + pow(65537, power, base)
        if candidate.bit_length() == bits and _is_prime(candidate):
            return candidate
        factor, power = factor + 1, power + 1


@pytest.mark.parametrize("shape", list(KeyShape))
def test_a_good_key_of_each_shape_passes(shape: KeyShape) -> None:
    _, found = check_key(card_key("good", shape).public_spki, EVERY)
    assert found is shape


@pytest.mark.parametrize("shape", list(KeyShape))
def test_a_good_key_of_another_shape_does_not(shape: KeyShape) -> None:
    with pytest.raises(WeakKey, match="not one of"):
        check_key(card_key("good", shape).public_spki, EVERY - {shape})


@pytest.mark.parametrize("exponent", [3, 17, 65539, 65537 * 3])
def test_another_exponent(exponent: int) -> None:
    key = card_key("good").public_spki
    modulus = serialization.load_der_public_key(key).public_numbers().n  # type: ignore[union-attr]
    with pytest.raises(WeakKey, match="65537"):
        check_key(_rsa_spki(modulus, exponent), EVERY)


@pytest.mark.parametrize("bits", [1024, 3072, 2047])
def test_another_size(bits: int) -> None:
    with pytest.raises(WeakKey, match="kind or size"):
        check_key(_rsa_spki((1 << bits - 1) + 1), EVERY)


@pytest.mark.parametrize("factor", [3, 751, 4093])
def test_a_small_factor(factor: int) -> None:
    modulus = factor * ((1 << 2048) // factor - 10**6 | 1)
    assert modulus.bit_length() == 2048
    with pytest.raises(WeakKey, match="small factor"):
        check_key(_rsa_spki(modulus), EVERY)


@pytest.mark.parametrize("distance", [2, 10**6, 1 << 500])
def test_close_primes(distance: int) -> None:
    first = _next_prime((3 << 1022) + 12345)
    second = _next_prime(first + distance)
    assert has_close_primes(first * second)
    with pytest.raises(WeakKey, match="Fermat"):
        check_rsa(first * second, 65537)


def test_a_square_is_close_to_itself() -> None:
    prime = _next_prime(3 << 1022)
    with pytest.raises(WeakKey, match="Fermat"):
        check_rsa(prime * prime, 65537)


def test_roca() -> None:
    modulus = _roca_prime(1024, 3) * _roca_prime(1024, 5)
    assert is_roca(modulus)
    with pytest.raises(WeakKey, match="ROCA"):
        check_rsa(modulus, 65537)


def test_no_good_key_looks_like_roca_or_fermat() -> None:
    for number in range(4):
        numbers = card_key(f"good {number}")._private.public_key().public_numbers()
        assert isinstance(numbers, rsa.RSAPublicNumbers)
        assert not is_roca(numbers.n)
        assert not has_close_primes(numbers.n)
        assert gcd(numbers.n, prod(SMALL)) == 1


@pytest.mark.parametrize(("curve", "size"), [(oids.P256, 32), (oids.P384, 48)])
def test_a_point_off_the_curve(curve: str, size: int) -> None:
    algorithm = der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(curve))
    for x, y in ((5, 7), (0, 0), (1, 1)):
        point = b"\x04" + x.to_bytes(size) + y.to_bytes(size)
        with pytest.raises(WeakKey, match="not on the curve"):
            check_key(der.sequence(algorithm, der.bit_string(point)), EVERY)
    with pytest.raises(WeakKey):
        check_key(der.sequence(algorithm, der.bit_string(b"\x00")), EVERY)  # the point at infinity


def test_a_point_in_another_form() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    compressed = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    algorithm = der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.P256))
    with pytest.raises(WeakKey, match="encoded"):
        check_key(der.sequence(algorithm, der.bit_string(compressed)), EVERY)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        mldsa.MLDSA44PrivateKey.generate(),
    ],
    ids=["p-521", "secp256k1", "ed25519", "ml-dsa-44"],
)
def test_kinds_that_no_profile_knows(key: object) -> None:
    with pytest.raises(WeakKey, match="kind"):
        check_key(_spki(key), EVERY)


def test_an_rsa_key_without_its_null_parameters() -> None:
    modulus = serialization.load_der_public_key(card_key("good").public_spki).public_numbers().n  # type: ignore[union-attr]
    numbers = der.sequence(der.integer(modulus), der.integer(65537))
    bare = der.sequence(der.sequence(der.oid(oids.RSA_ENCRYPTION)), der.bit_string(numbers))
    with pytest.raises(WeakKey):
        check_key(bare, EVERY)


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"\x00" * 100, b"\x30\x80\x00\x00"])
def test_what_is_no_key(octets: bytes) -> None:
    with pytest.raises(WeakKey):
        check_key(octets, EVERY)


@given(st.integers(3, 10**7), st.integers(1, 12))
def test_no_step_of_fermat_is_left_out(number: int, rounds: int) -> None:
    """Numbers are told from squares by their remainders; the method without that finds the same."""
    modulus = number | 1
    first = isqrt(modulus - 1) + 1
    plain = any(isqrt((first + step) ** 2 - modulus) ** 2 == (first + step) ** 2 - modulus for step in range(rounds))
    assert has_close_primes(modulus, rounds) == plain
