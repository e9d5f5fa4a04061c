"""DER: what is written reads back, and nothing but DER is read."""

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from pki import der
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant

OIDS = st.builds(
    lambda first, second, rest: ".".join(map(str, (first, second % 40 if first < 2 else second, *rest))),
    st.integers(0, 2),
    st.integers(0, 5000),
    st.lists(st.integers(0, 1 << 40), max_size=6),
)


@given(st.integers(-(1 << 200), 1 << 200))
def test_integers_are_the_shortest_and_read_back(value: int) -> None:
    encoded = der.integer(value)
    assert der.read_whole(encoded).integer() == value
    assert encoded == core.Integer(value).dump()


@given(OIDS)
def test_object_identifiers_read_back_and_agree_with_another_encoder(dotted: str) -> None:
    encoded = der.oid(dotted)
    assert der.read_whole(encoded).oid() == dotted
    assert encoded == core.ObjectIdentifier(dotted).dump()


@given(st.integers(0, 70000))
def test_lengths_are_the_shortest(count: int) -> None:
    element = der.octet_string(bytes(count))
    node = der.read_whole(element)
    assert (node.octets(), node.raw) == (bytes(count), element)
    assert element == core.OctetString(bytes(count)).dump()


@given(st.sets(st.integers(0, 16)))
def test_named_bits_drop_the_zeros_at_the_end(positions: set[int]) -> None:
    node = der.read_whole(der.named_bits(*positions))
    unused, octets = node.value[0], node.value[1:]
    bits = "".join(f"{octet:08b}" for octet in octets)
    assert {index for index, bit in enumerate(bits) if bit == "1"} == positions
    assert not positions or (bits[len(bits) - unused - 1] == "1" and 0 <= unused < 8)


@given(st.integers(-2_000_000_000, 5_000_000_000))
def test_times_choose_their_form_by_year_and_read_back(seconds: int) -> None:
    at = Instant(seconds)
    node = der.read_whole(der.time(at))
    assert node.instant() == at
    assert node.tag == (der.UTC_TIME if 1950 <= at.datetime.year < 2050 else der.GENERALIZED_TIME)
    assert der.read_whole(der.generalized_time(at)).instant() == at


@given(st.binary(max_size=60))
def test_what_is_read_is_the_only_encoding_of_itself(octets: bytes) -> None:
    try:
        node = der.read(octets)
    except Malformed:
        return
    assert der.tlv(node.tag, node.value) == octets[: node.end] == node.raw


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "30",
        "3080020100000000",  # indefinite length
        "308101ff",  # long form where the short one does
        "30820001ff",  # a zero in front of the length
        "3085010000000000",  # a length of five octets
        "1f8101",  # a tag number over 30
        "300502",  # runs over the end
    ],
)
def test_lengths_and_tags_that_der_forbids_are_refused(octets: str) -> None:
    with pytest.raises(Malformed):
        der.read_whole(bytes.fromhex(octets))


def test_octets_behind_the_element_are_refused_with_their_place() -> None:
    with pytest.raises(Malformed) as caught:
        der.read_whole(der.null() + b"\x00")
    assert caught.value.offset == 2


@pytest.mark.parametrize(
    ("octets", "reader"),
    [
        ("0200", "integer"),
        ("020200ff"[:6] + "7f", "integer"),  # 0x00 before a clear bit
        ("0202ff80", "integer"),
        ("010101", "boolean"),
        ("0102ffff", "boolean"),
        ("0600", "oid"),
        ("06022a80", "oid"),
        ("06032a8001", "oid"),
        ("030201fe", "bits"),
        ("0300", "bits"),
        ("170b3236313132333030303030", "instant"),
        ("170d3236313133333030303030305a", "instant"),
        ("180f32303236313132333030303030302b", "instant"),
        ("2403040100", "octets"),
    ],
)
def test_values_outside_der_are_malformed(octets: str, reader: str) -> None:
    node = der.read(bytes.fromhex(octets))
    with pytest.raises(Malformed):
        getattr(node, reader)()


def test_nesting_is_bounded() -> None:
    octets = b""
    for _ in range(100):
        octets = der.sequence(octets)

    def dive(node: der.Node) -> None:
        for child in node.iterate():
            dive(child)

    with pytest.raises(Malformed, match="deep"):
        dive(der.read_whole(octets))


@pytest.mark.parametrize("dotted", ["1", "3.1", "1.40", "1.2.-3", "x.y", ""])
def test_what_is_no_identifier_is_refused(dotted: str) -> None:
    with pytest.raises(InvalidValue):
        der.oid(dotted)


def test_strings_refuse_characters_they_lack() -> None:
    with pytest.raises(InvalidValue):
        der.printable("a@b")
    with pytest.raises(InvalidValue):
        der.ia5("渋谷")
    assert der.read_whole(der.utf8("𠮷")).value.decode() == "𠮷"


def test_a_set_of_is_sorted() -> None:
    assert der.set_of(der.integer(2), der.integer(1)) == der.set_of(der.integer(1), der.integer(2))
