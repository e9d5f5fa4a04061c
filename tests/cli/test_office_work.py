"""The periodic work in this process: a crash at any step, two at once, and a clock that jumps."""

import os
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ca.journal_file import JournaledDatabase, JournalFile
from cli.office_work import PIECES, OfficeWork
from enrollment import bookings, protection, registry
from enrollment.counters import Affair
from enrollment.gateway import Gateway
from enrollment.signed import OwnerKeys
from enrollment.store import gate, messages, peers
from enrollment.store import people as rows
from fixtures.peers.record import ResidentRecord
from pki.errors import InvalidValue
from pki.http_signature import RequestKey
from pki.instant import Instant
from tests.enrollment.town import AT, TOWN, found, resident
from tests.peers.world import values
from transparency.checkpoint import Checkpoint
from transparency.cosigning import Gathered
from transparency.errors import WitnessRefused
from transparency.folder import Folder
from transparency.log import Log
from transparency.merkle import Hash
from transparency.note import Signer

NOON = Instant.parse("2026-11-24T03:00:05Z")
NEW = "東京都見本区北町２番"


class Crash(BaseException):
    """The process ends here."""


class Crashing:
    """A database whose n-th transaction is the last: before it is committed, or right after."""

    def __init__(self, inner, at_number, *, after):
        self.inner, self.left, self.after = inner, at_number, after

    def read(self, body):
        return self.inner.read(body)

    def transaction(self, body):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Crash
        done = self.inner.transaction(body)
        if self.left == 0:
            raise Crash
        return done


class Channel(httpx.BaseTransport):
    """A channel without a process: it takes every flag, or is down."""

    def __init__(self):
        self.taken, self.down = [], False

    def handle_request(self, request):
        if self.down:
            raise httpx.ConnectError("down")
        if request.method == "GET":
            return httpx.Response(200, json={"flags": {}})
        self.taken.append(request.read())
        return httpx.Response(202, json={})


class Town:
    """Three people with a change each that waits, and a flag on its way to a channel."""

    def __init__(self, database, folder, random):
        self.database, self.folder, self.random, self.channel = database, folder, random, Channel()
        self.seconds = 0.0
        record = ResidentRecord(TOWN)
        gateway = Gateway(OwnerKeys({TOWN: record.spki}), random)

        def enter(conn):
            found(conn)
            protection.register_channel(conn, "kiosk", TOWN, "kiosk", "http://kiosk.test", AT, random)
            people = [resident(conn, random) for _ in range(3)]
            for person in people:
                octets = record.message("attributes-changed", person, AT, values(NEW))
                gateway.receive(conn, TOWN, octets, record.sign(octets), AT)
            protection.apply(conn, people[0], rows.operator_of(conn, "clerk"), AT, random)
            return people

        self.people = database.transaction(enter)

    def office(self, database=None, holder="one"):
        given = database or self.database
        journaled = JournaledDatabase(given, JournalFile(self.folder / "journal"))
        key = RequestKey("office", ResidentRecord(TOWN).spki, ResidentRecord(TOWN).sign)
        http = httpx.Client(transport=self.channel)
        return OfficeWork(
            database=journaled,
            plain=given,
            key=key,
            http=http,
            post=lambda *_: None,
            random=os.urandom,
            stopwatch=lambda: self.seconds,
            holder=holder,
        )

    def state(self):
        def read(conn):
            flags = protection.standing(conn, self.people[0])
            return (
                [rows.person_of(conn, person).attributes.address for person in self.people],
                gate.count_by_state(conn, TOWN),
                flags.state if flags else None,
                [one.attempts for one in messages.due(conn, NOON + timedelta(days=1), 9, ["protection.flag"])],
                sorted(one.kind for one in peers.alarms_of(conn, TOWN)),
            )

        return self.database.read(read)


@pytest.fixture
def town(sqlite_database, tmp_path, random):
    return Town(sqlite_database, tmp_path, random)


def test_a_crash_at_any_step_changes_nothing_but_the_time(town):
    """Steps of one instance are cut off one after another; the last run finds the rest, and nothing twice."""
    for number in range(1, 14):
        office = town.office(Crashing(town.database, number % 5 + 1, after=number % 2 == 0), holder=f"crash-{number}")
        with pytest.raises(Crash):
            while True:
                office.work(NOON + timedelta(minutes=2 * number))
                office._next.clear()
    last = NOON + timedelta(minutes=40)
    town.office(holder="last").work(last)
    addresses, counts, flag, _, _ = town.state()
    assert addresses == [NEW] * 3
    assert counts == {"released": 3}
    assert flag is not None
    assert town.channel.taken, "the channel was told, perhaps more than once"


def test_two_at_once_take_turns_by_lease(town):
    one, other = town.office(holder="one"), town.office(holder="other")
    done = [one.work(NOON), other.work(NOON), one.work(NOON + timedelta(minutes=2))]
    assert sum(one_round.get("release", 0) for one_round in done) == 3
    assert town.state()[1] == {"released": 3}


def test_a_clock_that_jumps_ahead_lets_nothing_through(town):
    office = town.office()
    office.work(AT + timedelta(seconds=1))
    town.seconds += 2
    office.work(NOON)  # more than a day, within two seconds
    assert office.stepped
    assert town.state()[1] == {"held": 3}
    town.seconds += 60
    office.work(NOON + timedelta(seconds=60))
    assert town.state()[1] == {"held": 3}
    assert town.office().work(NOON)["release"] == 3, "somebody started it again: the new time is the right one"


def test_a_channel_that_is_down_is_tried_again_with_growing_pauses_and_alarms(town):
    town.channel.down = True
    office, at = town.office(), AT
    for step in (0, 1, 4, 5, 31, 400, 1000):
        at, town.seconds = AT + timedelta(seconds=step), float(step)
        office.work(at)
    addresses, _, _, attempts, alarms = town.state()
    assert attempts[0] >= 4
    assert alarms == ["channel-silent", "flag-unacknowledged"]
    assert NEW not in addresses
    town.channel.down = False
    town.seconds = 8000.0
    office.work(AT + timedelta(seconds=8000))
    assert len(town.channel.taken) >= 1


def test_who_is_pushed_a_flag_is_in_the_persons_record_first_and_once(town):
    person = town.people[0]

    def pushed():
        lines = town.database.read(lambda conn: registry.own_lines(conn, person))
        return [line.access.reason for line in lines if line.access.recipient == "kiosk"]

    assert pushed() == []
    town.channel.down = True
    town.office().work(NOON)
    assert town.channel.taken == [] and pushed() == ["support-measure:1"], "written before it was tried"
    town.channel.down = False
    town.office().work(NOON + timedelta(hours=1))
    assert len(town.channel.taken) >= 1 and pushed() == ["support-measure:1"]


def test_no_flag_is_pushed_that_could_not_be_recorded(town, monkeypatch):
    def full(*_given, **_named):
        raise InvalidValue("the disk is full")

    monkeypatch.setattr("enrollment.pushes.record_access", full)
    town.office().work(NOON)
    assert town.channel.taken == []


def test_records_that_were_kept_for_seven_years_and_visits_nobody_came_to(town, tmp_path):
    person = town.people[0]
    look = registry.Access("desk", "open", "jpki", TOWN, "main/clerk", registry.FOUR_ATTRIBUTES, "law")
    slot = Instant.parse("2026-11-24T01:30:00Z")

    def enter(conn):
        registry.record_access(conn, person, look, AT, town.random)
        bookings.book(conn, person, "main", slot, frozenset({Affair.IN_PERSON_CHECK}), AT, town.random)

    town.database.transaction(enter)
    folder = Folder(tmp_path / "log")
    signer = Signer(f"log.example/{TOWN}", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    folder.begin(signer.verifier)
    Log(town.database, TOWN, signer, folder).sequence(AT)
    assert town.office().work(NOON).get("visits") is None, "the day is not over"
    assert town.office().work(NOON + timedelta(days=1))["visits"] == 1
    years = Instant.parse("2033-11-24T00:00:00Z")
    assert "forget" not in town.office().work(Instant(years.seconds - 2 * 86_400))
    forgotten = town.office().work(years)["forget"]
    lines = town.database.read(lambda conn: [line for one in town.people for line in registry.own_lines(conn, one)])
    destroyed = [line for line in lines if line.result == "destroyed"]
    assert forgotten == len(destroyed) > 0
    assert all((line.access.recipient, line.access.fields) == ("", frozenset()) for line in destroyed)
    assert "main/clerk" not in {line.access.recipient for line in lines}


def test_witnesses_are_asked_where_there_are_any(town):
    office = town.office()
    assert "cosign" not in office.work(NOON)
    refused = Gathered(Checkpoint("log.example", 3, Hash(bytes(32))), (), (WitnessRefused("w.example", "away"),))
    agreed = Gathered(Checkpoint("log.example", 3, Hash(bytes(32))), ("w.example",), ())
    office.witnessed, office.witnesses = True, lambda: [refused, agreed]
    assert office.work(NOON + timedelta(minutes=1))["cosign"] == 1


def test_every_piece_has_a_name_of_its_own():
    assert len({piece.name for piece in PIECES}) == len(PIECES)
