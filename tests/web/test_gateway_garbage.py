"""Garbage that is shaped like each kind of message, signed as it should be, sent through the door: held, put aside with
a reason, or refused; never an error of ours, and nobody's record changes by it."""

import copy
import json
import random as dice

import pytest
from sqlalchemy import text

from enrollment import gateway_release
from enrollment.gateway_schema import FIELDS, MessageKind, attributes_of, parse_message
from enrollment.store import gate
from enrollment.store import people as rows
from pki.instant import Instant
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, resident
from tests.web.doors_world import VALUES, Doors

DUE = Instant.parse("2026-11-24T03:00:00Z")
ROUNDS = 60
GARBAGE = (
    None, True, False, 0, -1, 1.5, 2**31, 10**30, "", " ", "\u3000", "a" * 101, "𠮷" * 201, "<b>", "\x00", "\ud800",
    "\u202e町", "2026-02-29", "0001-01-01", "9999-12-31", "令和8年1月1日", "0" * 32, "f" * 32, "g" * 32, "13113",
    "１３１１３", "00000", "2", "7", "1" * 801, [], [[]], {}, {"": ""}, {"0" * 32: "head"}, {"0" * 32: "king"},
    {f"{number:032x}": "child" for number in range(31)},
    {"deep": {"deep": {"deep": []}}}, "' OR 1=1 --", "../../etc/passwd", "${jndi:x}", "\ufeffx",
)  # fmt: skip
"""What a field may be filled with."""


@pytest.fixture
def doors(sqlite_database, tmp_path, request):
    return Doors(sqlite_database, tmp_path, request.node.nodeid, per_minute=10_000, brake_least=10_000)


def right(kind, supersedes):
    """Values of that kind as they should be."""
    every = {
        **VALUES, "moved_on": "2026-11-20", "municipality": OTHER_TOWN, "died_on": "2026-11-20",
        "members": {"0" * 32: "head"}, "version": 1, "supersedes": supersedes,
    }  # fmt: skip
    return {name: every[name] for name in FIELDS[kind]}


def spoiled(chance, message):
    """The same with one to three things wrong: in the envelope or among the values."""
    told = copy.deepcopy(message)
    for _ in range(chance.randint(1, 3)):
        where = told["values"] if chance.random() < 0.7 and isinstance(told.get("values"), dict) else told
        name = chance.choice([*where, "more"]) if where else "more"
        match chance.randrange(4):
            case 0:
                where.pop(name, None)
            case 1:
                where[f"{name}2"] = chance.choice(GARBAGE)
            case _:
                where[name] = chance.choice(GARBAGE)
    return told


@pytest.mark.parametrize("kind", MessageKind)
def test_no_garbage_of_any_kind_gets_further_than_the_gate(doors, kind):
    person = doors.database.transaction(lambda conn: resident(conn, doors.random))
    before = doors.database.read(lambda conn: rows.person_of(conn, person))
    chance, seen = dice.Random(f"{kind}"), set()
    for _ in range(ROUNDS):
        message = json.loads(doors.record.message(kind.value, person, AT, right(kind, "e" * 32)))
        told = spoiled(chance, message)
        octets = json.dumps(told, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        answer = doors.send(octets)
        assert answer.status_code in (202, 400, 413, 422), answer.text
        body = answer.json()
        if answer.status_code != 202:
            assert body["code"].count(".") == 1, "a refusal with a code"
            continue
        seen.add(body["state"])
        if body["state"] == "quarantined":
            assert body["reason"]
            kept = doors.database.read(lambda conn, name=body["message"]: gate.find(conn, TOWN, name))
            assert kept is not None
            assert kept.body == "", "no octet of it is kept"
        elif told != message:  # something was replaced by what may stand there
            assert set(told["values"]) == set(FIELDS[kind])
    assert "quarantined" in seen
    assert doors.database.read(lambda conn: rows.person_of(conn, person)) == before, "nothing took effect at once"
    gateway_release.release_due(doors.database, TOWN, DUE, doors.random)
    after = doors.database.read(lambda conn: rows.person_of(conn, person))
    assert after.attributes in (before.attributes, *_right(doors)), "only whole messages take effect"


def _right(doors):
    """Attributes that a message whose every field passed its own rule could give."""
    query = text("SELECT body FROM enrollment_gateway WHERE body <> ''")
    held = doors.database.read(lambda conn: list(conn.execute(query).scalars()))
    messages = [parse_message(one.encode()) for one in held]
    return [attributes_of(one.values) for one in messages if "name" in one.values]


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"\xff\xfe{}", b"[" * 4000, b'{"a":' * 1500, b"null", b"{}", b"x" * 8193,
        json.dumps({"kind": "move"}).encode("utf-16"), b'{"kind":"move","kind":"death"}', b"1e999", b"NaN",
    ],
)  # fmt: skip
def test_octets_that_are_no_message_at_all(doors, octets):
    answer = doors.send(octets)
    assert answer.status_code in (202, 400, 413, 422), answer.text
    if answer.status_code == 202:
        assert answer.json()["state"] == "quarantined"
