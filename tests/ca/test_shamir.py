"""Sharing a secret: any m rebuild it, any m − 1 could be shares of every other secret as well."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.shamir import Share, combine, split
from pki.errors import InvalidValue
from tests.support.chance import SeededOctets

sizes = st.integers(1, 6).flatmap(lambda needed: st.tuples(st.just(needed), st.integers(needed, 7)))


@given(st.binary(min_size=1, max_size=40), sizes, st.text())
def test_any_m_of_n_rebuild_the_secret(secret: bytes, size: tuple[int, int], seed: str) -> None:
    needed, total = size
    shares = split(secret, needed, total, SeededOctets(seed))
    for chosen in combinations(shares, needed):
        assert combine(chosen) == secret
    assert combine(shares) == secret


@given(st.binary(min_size=1, max_size=8), st.binary(min_size=8, max_size=8), st.text())
def test_fewer_shares_fit_every_other_secret(secret: bytes, other: bytes, seed: str) -> None:
    """For two shares of three needed there is a third that makes them shares of any secret one likes."""
    other = other[: len(secret)]
    two = split(secret, 3, 5, SeededOctets(seed))[:2]
    zero, pair, third = Share(255, bytes(len(secret))), two, 255
    base = combine([*pair, zero])  # linear in the third share: find what it must be
    factor = combine([Share(share.x, bytes(len(secret))) for share in pair] + [Share(third, b"\x01" * len(secret))])
    assert 0 not in factor
    wanted = bytes(
        next(value for value in range(256) if _times(value, f) == b ^ o)
        for f, b, o in zip(factor, base, other, strict=True)
    )
    assert combine([*pair, Share(third, wanted)]) == other


def _times(one: int, other: int) -> int:
    """Multiplication in the field the slow way, with AES's polynomial."""
    result = 0
    for bit in range(8):
        if other >> bit & 1:
            result ^= one << bit
    for bit in range(14, 7, -1):
        if result >> bit & 1:
            result ^= 0x11B << bit - 8
    return result


def test_the_field_is_that_of_aes() -> None:
    import ca.shamir as module

    for one in range(256):
        for other in (0, 1, 2, 3, 0x53, 0xCA, 255):
            assert module._times(one, other) == _times(one, other)
            if other:
                assert module._times(module._over(one, other), other) == one
    assert _times(0x53, 0xCA) == 1  # FIPS 197's example of an inverse


@pytest.mark.parametrize(("needed", "total"), [(0, 3), (4, 3), (2, 256), (-1, 2)])
def test_sizes_that_make_no_sense(needed: int, total: int) -> None:
    with pytest.raises(InvalidValue):
        split(b"secret", needed, total, SeededOctets("x"))


def test_shares_that_do_not_belong_together() -> None:
    one, two = split(b"secret", 2, 2, SeededOctets("x"))
    for wrong in ([], [one, one], [one, Share(two.x, two.values[:-1])], [one, Share(0, two.values)]):
        with pytest.raises(InvalidValue):
            combine(wrong)
    assert "secret" not in repr(one)
    assert one.values.hex() not in repr(one)
