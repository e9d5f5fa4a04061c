"""Chaining, GET RESPONSE and 6Cxx around any card, and the trace that shows no secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardio.apdu import CommandApdu, answer, parse_command
from cardio.channel import MAXIMUM_ANSWER, Channel
from cardio.errors import PinMalformed, ProtocolViolated, Refused
from cardio.jpki import pin
from cardio.pin import Pin
from cardio.trace import Trace, carries_secret, mask_command
from pki.purpose import Purpose


class Recorder:
    """Answers from a script, keeps what it was sent."""

    def __init__(self, *answers: str) -> None:
        self.answers = [bytes.fromhex(one) for one in answers]
        self.seen: list[str] = []

    def transmit(self, command: bytes) -> bytes:
        self.seen.append(command.hex().upper())
        return self.answers.pop(0)


def test_get_response_until_the_end() -> None:
    card = Recorder("AA6102", "BBCC6101", "DD9000")
    response = Channel(card).send(CommandApdu(0x00, 0xCB, 0x3F, 0xFF, b"\x5c", 256))
    assert (response.data.hex(), response.status) == ("aabbccdd", 0x9000)
    assert card.seen == ["00CB3FFF015C00", "00C0000002", "00C0000001"]


def test_wrong_le_is_repeated_once_also_inside_get_response() -> None:
    card = Recorder("6C03", "0102036102", "6C01", "049000")
    assert Channel(card).send(CommandApdu(0x00, 0xB0, 0, 0, ne=256)).data == bytes((1, 2, 3, 4))
    assert card.seen == ["00B0000000", "00B0000003", "00C0000002", "00C0000001"]


def test_long_data_goes_as_a_chain_unless_extended() -> None:
    data = bytes(range(256)) + b"tail"
    card = Recorder("9000", "9000")
    Channel(card).send(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, data))
    assert [one[:10] for one in card.seen] == ["10DB3FFFFF", "00DB3FFF05"]
    assert bytes.fromhex(card.seen[0][10:] + card.seen[1][10:]) == data
    card = Recorder("9000")
    Channel(card, extended=True).send(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, data))
    assert parse_command(bytes.fromhex(card.seen[0])).data == data


def test_a_chain_refused_early_ends_there() -> None:
    card = Recorder("9000", "6A80")
    assert Channel(card).send(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, bytes(700))).status == 0x6A80
    assert len(card.seen) == 2


def test_get_response_keeps_the_logical_channel_only() -> None:
    card = Recorder("6101", "AA9000")
    Channel(card).send(CommandApdu(0x86, 0xCA, 0, 0, ne=256))
    assert card.seen[1] == "02C0000001"


class Endless:
    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        self.count = 0

    def transmit(self, command: bytes) -> bytes:
        self.count += 1
        return self.reply


@given(st.integers(0, 255), st.binary(max_size=256))
def test_an_answer_without_end_ends(left: int, data: bytes) -> None:
    card = Endless(data + bytes((0x61, left)))
    with pytest.raises(ProtocolViolated):
        Channel(card).send(CommandApdu(0, 0xB0, 0, 0, ne=256))
    assert card.count * max(1, len(data)) <= MAXIMUM_ANSWER + 1500


@given(st.binary(max_size=1))
def test_an_answer_without_status_word(reply: bytes) -> None:
    with pytest.raises(ProtocolViolated):
        Channel(Endless(reply)).send(CommandApdu(0, 0xB0, 0, 0, ne=256))


def test_require_names_the_command() -> None:
    with pytest.raises(Refused) as refused:
        Channel(Recorder("6A82")).require(CommandApdu(0, 0xA4, 0, 0), "SELECT")
    assert "SELECT: 6A82 (file or application not found)" in str(refused.value)


def command(header: str, data: bytes) -> CommandApdu:
    cla, ins, p1, p2 = bytes.fromhex(header)
    return CommandApdu(cla, ins, p1, p2, data)


SECRET = b"\xde\xad\xbe\xef" * 3


@pytest.mark.parametrize(
    "header",
    ["00200080", "10200080", "00240181", "002C0080", "80320080", "84D60000", "84820000", "0C200080", "00FFFFFF",
     "0087039B",
     "80D80181", "01200080", "40200080", "60D60000", "002C0280", "00260080", "00FE079A"],
)  # fmt: skip
def test_no_secret_reaches_the_trace(header: str) -> None:
    lines: list[str] = []
    raw = bytes.fromhex(header) + bytes((len(SECRET),)) + SECRET
    card = Endless(b"\x90\x00")
    Channel(card, Trace(lines.append)).send(parse_command(raw))
    Channel(card, Trace(lines.append), extended=True).send(command(header, SECRET * 30))
    Channel(card, Trace(lines.append)).send(command(header, SECRET * 30))
    shown = "\n".join(lines).replace(" ", "").lower()
    assert not any(SECRET[n : n + 3].hex() in shown for n in range(4))
    assert lines[0] == f"> {bytes.fromhex(header).hex(' ').upper()} 0C" + " **" * 12
    assert lines[1] == "< 90 00"


def test_answers_of_the_secure_channel_are_masked_with_all_their_parts() -> None:
    lines: list[str] = []
    Channel(Recorder("AABB6102", "CCDD9000", "EEFF9000"), Trace(lines.append)).send(
        CommandApdu(0x84, 0xCA, 0, 0, ne=256)
    )
    assert lines == ["> 84 CA 00 00 00", "< ** ** 61 02", "> 00 C0 00 00 02", "< ** ** 90 00"]


def test_ordinary_commands_stay_readable() -> None:
    assert mask_command(bytes.fromhex("00A4020C020018")) == "00 A4 02 0C 02 00 18"
    assert mask_command(bytes.fromhex("00200080")) == "00 20 00 80"
    assert mask_command(bytes.fromhex("0020008008")) == "00 20 00 80 08"
    assert not carries_secret(b"\x00\x20")


@given(st.binary(min_size=4, max_size=40))
def test_the_trace_takes_anything(raw: bytes) -> None:
    trace = Trace(lambda _: None)
    trace.command(raw)
    trace.response(raw)


def test_a_failed_transmission_is_told() -> None:
    lines: list[str] = []

    class Gone:
        def transmit(self, command: bytes) -> bytes:
            raise ProtocolViolated("an APDU", what="gone")

    with pytest.raises(ProtocolViolated):
        Channel(Gone(), Trace(lines.append)).send(CommandApdu(0, 0xB0, 0, 0))
    assert lines == ["> 00 B0 00 00", "! protocol"]


@pytest.mark.parametrize("text", ["", "123", "12345", "12a4", "１２３４", "12 4"])
def test_pins_that_cannot_be(text: str) -> None:
    with pytest.raises(PinMalformed) as refused:
        pin(Purpose.AUTHENTICATION, text)
    assert not text or text not in str(refused.value)


def test_pins_are_never_shown_nor_kept() -> None:
    password = pin(Purpose.SIGNATURE, "abc123")
    assert password.octets == b"ABC123"
    assert "ABC" not in repr(password) + str(password) + f"{password}"
    assert password == pin(Purpose.SIGNATURE, "ABC123")
    assert password != pin(Purpose.SIGNATURE, "ABC124")
    with pytest.raises(TypeError):
        hash(password)
    import pickle

    with pytest.raises(TypeError):
        pickle.dumps(password)
    assert isinstance(password, Pin)
    assert answer(0x9000).ok
