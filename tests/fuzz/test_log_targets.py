"""The logs' fuzz targets on their seeds, on every flipped bit and cut of them, and by chance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.log_targets import TARGETS, seeds


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_seeds_break_nothing_nor_does_any_bit_or_cut_of_them(name: str) -> None:
    for seed in seeds(name):
        TARGETS[name](seed)
        for place in range(len(seed)):
            TARGETS[name](seed[:place])
            TARGETS[name](seed[place:])
            for bit in range(8):
                TARGETS[name](seed[:place] + bytes([seed[place] ^ 1 << bit]) + seed[place + 1 :])


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=100)
@given(octets=st.binary(max_size=600))
def test_chance_breaks_nothing(name: str, octets: bytes) -> None:
    TARGETS[name](octets)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=100)
@given(data=st.data())
def test_mended_seeds_break_nothing(name: str, data: st.DataObject) -> None:
    """Pieces of good examples in any order, with something strange in between."""
    pieces = [piece for seed in seeds(name) for piece in seed.splitlines(keepends=True)] or [b""]
    strange = st.sampled_from([b"\n", b"\n\n", b"\0", b" ", "— ".encode(), b"0", b"x000/", b".p/256", b"\xff\xfe"])
    parts = data.draw(st.lists(st.sampled_from(pieces) | strange, max_size=12))
    TARGETS[name](b"".join(parts))
