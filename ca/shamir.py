"""Sharing a secret among n custodians so that any m of them, and no fewer, can rebuild it.

Shamir's scheme over GF(2^8) with AES's polynomial x^8 + x^4 + x^3 + x + 1: each octet of the secret is the constant
term of a random polynomial of degree m − 1; share number x holds its values at x. With fewer than m shares every
secret of that length is equally likely. Shares say nothing of whether they are right: what they rebuild must be
authenticated by whoever uses it (the key store does, by AES-GCM).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pki.errors import InvalidValue

_EXP = [1] * 510
_LOG = [0] * 256
_value = 1
for _power in range(255):
    _EXP[_power] = _EXP[_power + 255] = _value
    _LOG[_value] = _power
    _value ^= _value << 1  # times the generator 3
    if _value & 0x100:
        _value ^= 0x11B


@dataclass(frozen=True, slots=True)
class Share:
    """The values at `x` (1 to 255), one octet for each octet of the secret."""

    x: int
    values: bytes = field(repr=False)


def _times(one: int, other: int) -> int:
    return 0 if one == 0 or other == 0 else _EXP[_LOG[one] + _LOG[other]]


def _over(one: int, other: int) -> int:
    return 0 if one == 0 else _EXP[_LOG[one] + 255 - _LOG[other]]


def split(secret: bytes, needed: int, total: int, random: Callable[[int], bytes]) -> list[Share]:
    """`total` shares, any `needed` of which rebuild `secret`. Errors: InvalidValue unless 1 ≤ needed ≤ total ≤ 255."""
    if not 1 <= needed <= total <= 255 or not secret:
        raise InvalidValue("shares: 1 ≤ needed ≤ total ≤ 255, of a secret of at least one octet")
    polynomials = [(octet, *random(needed - 1)) for octet in secret]
    return [Share(x, bytes(_evaluate(polynomial, x) for polynomial in polynomials)) for x in range(1, total + 1)]


def _evaluate(polynomial: Sequence[int], x: int) -> int:
    result = 0
    for coefficient in reversed(polynomial):
        result = _times(result, x) ^ coefficient
    return result


def combine(shares: Sequence[Share]) -> bytes:
    """The secret that these shares rebuild; with too few or wrong ones, some other octets.

    Errors: InvalidValue for shares that cannot belong together.
    """
    numbers = [share.x for share in shares]
    lengths = {len(share.values) for share in shares}
    if len(lengths) != 1 or len(set(numbers)) != len(numbers) or not all(0 < x < 256 for x in numbers):
        raise InvalidValue("shares of one secret have different numbers from 1 to 255 and the same length")
    weights = [_weight(x, numbers) for x in numbers]
    secret = bytearray(lengths.pop())
    for share, weight in zip(shares, weights, strict=True):
        for index, value in enumerate(share.values):
            secret[index] ^= _times(value, weight)
    return bytes(secret)


def _weight(x: int, numbers: Sequence[int]) -> int:
    """Lagrange's factor of share x at 0; minus is plus in this field."""
    weight = 1
    for other in numbers:
        if other != x:
            weight = _times(weight, _over(other, other ^ x))
    return weight
