"""APDUs, data objects and status words: what is encoded is decoded, and what decodes is encoded to the same octets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, parse_command, parse_response
from cardio.status_word import StatusWord
from pki.errors import Malformed

OCTET = st.integers(0, 255)
COMMANDS = st.builds(
    CommandApdu,
    OCTET,
    OCTET,
    OCTET,
    OCTET,
    st.binary(max_size=600),
    st.sampled_from([0, 1, 255, 256, 257, 65535, 65536]),
)

FORMS = [
    # octets, Nc, Ne, extended (ISO/IEC 7816-4, 5.1 table 1: cases 1, 2S, 3S, 4S, 2E, 3E, 4E)
    ("00A40000", 0, 0, False),
    ("00B0000000", 0, 256, False),
    ("00B00000FF", 0, 255, False),
    ("00A4040C023F00", 2, 0, False),
    ("00A40400023F0000", 2, 256, False),
    ("00B00000000000", 0, 65536, True),
    ("00D600000000023F00", 2, 0, True),
    ("00CB3FFF0000023F000100", 2, 256, True),
]


@pytest.mark.parametrize(("octets", "nc", "ne", "extended"), FORMS)
def test_the_forms_of_the_standard(octets: str, nc: int, ne: int, extended: bool) -> None:
    raw = bytes.fromhex(octets)
    command = parse_command(raw)
    assert (len(command.data), command.ne, command.extended) == (nc, ne, extended)
    assert command.encode() == raw


@pytest.mark.parametrize("octets", ["", "00", "00A404", "00A40400050102", "00A4040002010203040506"])
def test_what_is_no_command(octets: str) -> None:
    with pytest.raises(Malformed):
        parse_command(bytes.fromhex(octets))


@given(COMMANDS)
def test_commands_there_and_back(command: CommandApdu) -> None:
    again = parse_command(command.encode())
    assert (again.header, again.data, again.ne) == (command.header, command.data, command.ne)


@given(st.binary(max_size=300))
def test_what_decodes_as_a_command_is_encoded_alike(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert parse_command(raw).encode() == raw


@given(st.binary(max_size=300))
def test_answers_there_and_back(raw: bytes) -> None:
    if len(raw) < 2:
        with pytest.raises(Malformed):
            parse_response(raw)
    else:
        assert parse_response(raw).encode() == raw


def test_header_out_of_range() -> None:
    for wrong in ({"cla": 256}, {"p2": -1}, {"ne": 65537}, {"data": bytes(65536)}):
        with pytest.raises(Malformed):
            CommandApdu(**{"cla": 0, "ins": 0, "p1": 0, "p2": 0, **wrong})  # type: ignore[arg-type]


def test_a_command_never_shows_its_data() -> None:
    assert "1234" not in repr(CommandApdu(0, 0x20, 0, 0x80, b"1234"))


TAGS = st.sampled_from([0x30, 0x53, 0x5C, 0x81, 0x7F49, 0x5F2F, 0x9F70, 0x5FC105, 0x7F4E])


@given(st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=4))
def test_data_objects_there_and_back(objects: list[tuple[int, bytes]]) -> None:
    encoded = b"".join(tlv.encode(tag, value) for tag, value in objects)
    parsed = tlv.parse(encoded)
    assert [(one.tag, one.value) for one in parsed] == objects
    assert b"".join(one.encode() for one in parsed) == encoded


@given(st.binary(max_size=200))
def test_any_octets_are_objects_or_malformed(raw: bytes) -> None:
    try:
        reached = sum(len(one.value) for one in tlv.parse(raw))
    except Malformed as error:
        reached = error.offset or 0
    assert 0 <= reached <= len(raw)


def test_long_lengths_and_what_is_not_allowed() -> None:
    for size in (127, 128, 255, 256, 65535, 65536):
        encoded = tlv.encode(0x53, bytes(size))
        assert tlv.read(encoded + b"more") == (tlv.Tlv(0x53, bytes(size)), len(encoded))
    for wrong in ("53", "5380", "538400000001FF", "5302FF", "00", "1F81818101 00", "5382FF"):
        with pytest.raises(Malformed):
            tlv.parse(bytes.fromhex(wrong))
    with pytest.raises(Malformed):
        tlv.parse_one(bytes.fromhex("530153 00"), 0x53)
    with pytest.raises(Malformed):
        tlv.parse_one(bytes.fromhex("530153"), 0x54)
    with pytest.raises(Malformed):
        tlv.require(bytes.fromhex("530153"), 0x54)
    assert tlv.Tlv(0x7F49, bytes.fromhex("810101")).constructed
    assert tlv.Tlv(0x7F49, bytes.fromhex("810101")).children() == (tlv.Tlv(0x81, b"\x01"),)


def test_status_words() -> None:
    assert StatusWord(0x63C2).retries_left == 2
    assert StatusWord(0x6300).retries_left is None
    assert all(StatusWord(locked).blocked for locked in (0x6983, 0x6984, 0x63C0))
    assert (StatusWord(0x6100).more, StatusWord(0x61FF).more, StatusWord(0x9000).more) == (256, 255, None)
    assert StatusWord(0x6C00).exact_length == 256
    assert str(StatusWord(0x6A82)) == "6A82 (file or application not found)"
    assert f"{StatusWord(0x9000)}" == "9000 (done)"
    assert StatusWord(0x9000) == 0x9000
    assert ResponseApdu(b"", StatusWord(0x9000)).ok
