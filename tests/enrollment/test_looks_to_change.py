"""Whoever changes a record has looked at it: the gate and the counter write that down before they read."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

import enrollment
from enrollment import gateway_release, protection, registry
from enrollment.gateway import Gateway, MessageState
from enrollment.registry import COMPARED, FOUR_ATTRIBUTES
from enrollment.signed import OwnerKeys
from enrollment.store import people as rows
from fixtures.peers.record import ResidentRecord
from tests.enrollment.town import AT, TOWN, found, resident
from tests.peers.world import values


@pytest.fixture
def line(database, random):
    record = ResidentRecord(TOWN)
    gate = Gateway(OwnerKeys({TOWN: record.spki}), random)

    def enter(conn):
        found(conn)
        return resident(conn, random)

    person = database.transaction(enter)

    def send(kind="attributes-changed", **fields):
        octets = record.message(kind, person, AT, fields or values("東京都見本区南町１番"))
        return database.transaction(lambda c: gate.receive(c, TOWN, octets, record.sign(octets), AT))

    return database, person, send


def looks(database, person):
    lines = database.read(lambda c: registry.own_lines(c, person))
    return [(one.access.function, one.access.reason, one.access.recipient, one.result) for one in lines]


def test_a_message_that_is_compared_with_the_record_leaves_a_look_and_so_does_its_release(line, random):
    database, person, send = line
    assert send().state is MessageState.HELD
    told = ("gateway", "attributes-changed", f"municipality:{TOWN}", COMPARED)
    assert looks(database, person) == [told]
    gateway_release.release_due(database, TOWN, AT + timedelta(days=5), random)
    assert looks(database, person) == [told, told]
    (first, _) = database.read(lambda c: registry.own_lines(c, person))
    assert first.access.fields == FOUR_ATTRIBUTES
    assert database.read(lambda c: registry.broken_accesses(c, person)) == ()


def test_a_message_that_is_refused_after_the_look_leaves_it_too(line):
    database, person, send = line
    refused = send(**{**values("東京都見本区南町１番"), "name": "別人", "date_of_birth": "1999-01-01"})
    assert refused.state is MessageState.QUARANTINED
    assert [one[0] for one in looks(database, person)] == ["gateway"]


def test_the_look_of_a_change_is_no_near_miss(line, random):
    database, person, send = line
    database.transaction(lambda c: protection.apply(c, person, rows.operator_of(c, "clerk"), AT, random))
    send()
    assert [one[3] for one in looks(database, person)] == [COMPARED]
    assert database.read(lambda c: registry.near_misses(c, TOWN, AT)) == 0


READERS = {"registry.py"}
"""Who reads a whole record: the registry alone, against a receipt; a sealed copy is made through it too."""


def test_nobody_in_this_package_reads_a_person_past_the_registry():
    found_in = set()
    for file in Path(enrollment.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "person_of" and isinstance(node.value, ast.Name):
                found_in.add(file.name)
    assert found_in == READERS
