"""Parse, validate, rebuild: whatever comes in, only what was built anew goes on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment.errors import GatewayRefused
from enrollment.gateway_schema import FIELDS, MAX_OCTETS, MessageKind, parse_message
from tests.enrollment.town import AT

FOUR = {
    "address": "東京都見本区北町２番", "address_substitutes": "", "date_of_birth": "1980-02-17", "gender": "2",
    "name": "実印　花子", "name_substitutes": "",
}  # fmt: skip
VALUES = {
    MessageKind.ATTRIBUTES_CHANGED: FOUR,
    MessageKind.MOVE: {**FOUR, "moved_on": "2026-11-20", "municipality": "13113"},
    MessageKind.DEATH: {"died_on": "2024-02-29"},
    MessageKind.HOUSEHOLD: {"members": {"0" * 32: "head", "1" * 32: "child"}, "version": 3},
    MessageKind.CORRECTION: {**FOUR, "municipality": "13113", "supersedes": "2" * 32},
    MessageKind.RETRACTION: {"supersedes": "2" * 32},
    MessageKind.PROTECTION: {},
}


def record(kind=MessageKind.ATTRIBUTES_CHANGED, **values):
    return {
        "kind": kind.value, "message": "3" * 32, "owner": "13113", "person": "4" * 32, "schema": 1,
        "sent_at": AT.iso(), "values": {**VALUES[kind], **values},
    }  # fmt: skip


def octets_of(given, **form):
    return json.dumps(given, **form).encode()


@pytest.mark.parametrize("kind", MessageKind)
@given(
    data=st.data(),
    indent=st.sampled_from([None, 0, 3]),
    escaped=st.booleans(),
    around=st.sampled_from(["", " ", "\n\t"]),
)
def test_however_it_is_written_the_same_octets_go_on(kind, data, indent, escaped, around):
    given_record = record(kind)
    shuffled = dict(data.draw(st.permutations(list(given_record.items()))))
    written = around.encode() + octets_of(shuffled, indent=indent, ensure_ascii=escaped) + around.encode()
    rebuilt = parse_message(written).octets()
    assert rebuilt == json.dumps(given_record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@given(st.data())
def test_one_changed_octet_is_refused_or_is_another_message_in_the_same_form(data):
    written = bytearray(octets_of(record(), ensure_ascii=False))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] = data.draw(st.integers(0, 255))
    try:
        message = parse_message(bytes(written))
    except GatewayRefused:
        return
    assert parse_message(message.octets()) == message
    assert message.values.keys() == FIELDS[message.kind].keys()


GOOD = ["𠮷野　花子", "髙﨑　太郎", "葛\U000e0100城　花子", "O'Neill Mary-Jane", "あ" * 100, "ﾔﾏﾀﾞ　ﾊﾅｺ"]
BAD = [
    "", " ", "　", "花子 ", "\u3099花", "花\u200b子", "花\u202e子", "花\ufeff子", "花\x00子", "花\n子", "花\u2028子",
    "<b>", "a;b", "𠮷" * 101, "=1+1", "花\ud842子", "\ue000外字", 5, None, ["花子"], True,
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_names_as_people_have_them(name):
    assert parse_message(octets_of(record(name=name))).values["name"] == name


@pytest.mark.parametrize("name", BAD)
def test_names_that_are_none(name):
    with pytest.raises(GatewayRefused):
        parse_message(octets_of(record(name=name)))


@pytest.mark.parametrize(
    "day",
    ["昭和55年2月17日", "S55.2.17", "R8-02-17", "19800217", "1980-W07-7", "1980-2-17", "2025-02-29", "1980-02-17T00:00",
     "１９８０-02-17", 19800217, None, "0000-01-01"],
)  # fmt: skip
def test_days_that_are_none(day):
    with pytest.raises(GatewayRefused):
        parse_message(octets_of(record(date_of_birth=day)))


def test_flags_fit_the_text_letter_by_letter_with_characters_outside_the_first_plane():
    assert parse_message(octets_of(record(name="𠮷野　花子", name_substitutes="10000"))).values["name_substitutes"]
    for flags in ("1000", "100000", "2", "１0000"):
        with pytest.raises(GatewayRefused):
            parse_message(octets_of(record(name="𠮷野　花子", name_substitutes=flags)))


RAW = [
    b"", b"{}", b"[]", b"null", b"\xff\xfe", octets_of(record()) + b"x", octets_of(record()).decode().encode("utf-16"),
    b"\xef\xbb\xbf" + octets_of(record()), b"[" * 4000 + b"]" * 4000, b'{"a":' * 1300 + b"1" + b"}" * 1300,
    octets_of(record()).replace(b'"schema": 1', b'"schema": 1, "schema": 1'),
    octets_of(record()).replace(b'"gender"', b'"gender": "1", "gender"'),
    octets_of(record()).replace(b'"schema": 1', b'"schema": 1.0'),
    octets_of(record()).replace(b'"schema": 1', b'"schema": 1e0'),
    octets_of(record()).replace(b'"schema": 1', b'"schema": ' + b"1" * 5000),
    octets_of(record()).replace(b'"schema": 1', b'"schema": true'),
    octets_of({**record(), "kind": ["move"]}), octets_of({**record(), "kind": {}}), octets_of({**record(), "x": 1}),
    octets_of({**record(), "sent_at": "9999999-01-01T00:00:00Z"}), octets_of({**record(), "sent_at": 5}),
    octets_of({**record(), "sent_at": "2026-11-23T00:00:00"}), b" " * (MAX_OCTETS + 1),
    octets_of(record(MessageKind.HOUSEHOLD, version=1.5)), octets_of(record(MessageKind.HOUSEHOLD, version=-1)),
    octets_of(record(MessageKind.HOUSEHOLD, members={})),
    octets_of(record(MessageKind.HOUSEHOLD, members={"x": "head"})),
    octets_of(record(MessageKind.HOUSEHOLD, members={"0" * 32: ["head"]})),
    octets_of(record(MessageKind.HOUSEHOLD, members={f"{n:032x}": "other" for n in range(31)})),
]  # fmt: skip


@pytest.mark.parametrize("octets", RAW, ids=range(len(RAW)))
def test_what_is_no_message(octets):
    with pytest.raises(GatewayRefused):
        parse_message(octets)
