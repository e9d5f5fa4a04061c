"""The quick way of comparing names says what the full one says (RFC 5280 7.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki import der, names, oids
from pki.errors import Malformed
from verifier.name_preparation import canonical, same

TEXTS = [
    "Example",
    "EXAMPLE",
    "  exa  mple ",
    "Ｅｘａｍｐｌｅ",
    "exam\u00adple",
    "実印",
    "straße",
    "STRASSE",
    "a\tb",
    "a b",
    "\x1fx",
]
VALUES = st.one_of(
    st.sampled_from(TEXTS).map(der.utf8),
    st.sampled_from(["Example", "EXAMPLE", "exa mple", "a b"]).map(der.printable),
    st.sampled_from([der.tlv(0x14, b"Example"), der.tlv(0x1E, "Example".encode("utf-16-be")), der.integer(5)]),
    st.text(max_size=6).map(der.utf8),
)
PAIRS = st.tuples(st.sampled_from([oids.COMMON_NAME, oids.ORGANIZATION_NAME]), VALUES)
RDNS = st.lists(PAIRS, min_size=1, max_size=2)
NAMES = st.lists(RDNS, max_size=3).map(
    lambda rdns: der.sequence(*(der.set_of(*(der.sequence(der.oid(oid), value) for oid, value in rdn)) for rdn in rdns))
)


@given(one=NAMES, other=NAMES)
def test_both_ways_agree(one: bytes, other: bytes) -> None:
    assert same(one, other) is names.same(one, other)


@given(one=NAMES, other=NAMES)
def test_a_name_begins_with_its_prefix_in_both(one: bytes, other: bytes) -> None:
    """Directory name constraints compare RDN by RDN: what stands behind must not change what stands before."""
    joined = der.sequence(one[2 if one[1] < 0x80 else 3 :], other[2 if other[1] < 0x80 else 3 :])
    assert canonical(joined)[: len(canonical(one))] == canonical(one)


def test_a_name_in_another_writing() -> None:
    def named(value: bytes) -> bytes:
        return der.sequence(der.set_of(der.sequence(der.oid(oids.COMMON_NAME), value)))

    writings = [der.utf8("Example CA"), der.printable("example  ca"), der.utf8("ＥＸＡＭＰＬＥ\u3000ＣＡ")]
    assert len({canonical(named(value)) for value in writings}) == 1
    assert canonical(named(der.utf8("Example CB"))) != canonical(named(writings[0]))


@pytest.mark.parametrize("octets", [b"", b"\x30", der.null(), der.sequence(der.null()), der.sequence(der.set_of())])
def test_octets_that_are_no_name_equal_only_themselves(octets: bytes) -> None:
    with pytest.raises(Malformed):
        canonical(octets)
    assert same(octets, octets)
    assert not same(octets, der.sequence())
