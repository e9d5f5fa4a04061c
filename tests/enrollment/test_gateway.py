"""The gate: what may pass, when it takes effect, what is called back, and when everything stops."""

import json
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from enrollment import gateway as gate
from enrollment import outbox, protection, registry
from enrollment.errors import Braked, GatewayRefused, NotYours, RoleMissing, WrongState
from enrollment.events import EventKind
from enrollment.gateway import GatePolicy, Gateway, MessageState
from enrollment.gateway_schema import MessageKind, parse_message
from enrollment.person import PersonStatus
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.signed import OwnerKeys
from enrollment.store import care, work
from enrollment.store import gate as gate_rows
from enrollment.store import people as rows
from pki.card_state import CardState
from pki.instant import Instant
from tests.enrollment.office import open_office
from tests.enrollment.peers import KioskChannel, ResidentRecord, bad_line
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, found, resident

NOON = Instant.parse("2026-11-24T03:00:00Z")  # Tuesday after Labour Thanksgiving Day, which is a Monday here
VALUES = {
    "address": "東京都見本区北町２番", "address_substitutes": "", "date_of_birth": "1980-02-17", "gender": "2",
    "name": "実印　花子", "name_substitutes": "",
}  # fmt: skip


class Line:
    """A municipality's system at one end, the gate at the other."""

    def __init__(self, database, random, **policy):
        self.database = database
        self.peer = ResidentRecord(TOWN)
        self.gateway = Gateway(OwnerKeys({TOWN: self.peer.spki}), random, {TOWN: GatePolicy(**policy)})

    def send(self, octets, at=AT, signature=None, owner=TOWN):
        signature = signature or self.peer.sign(octets)
        return self.database.transaction(lambda conn: self.gateway.receive(conn, owner, octets, signature, at))

    def change(self, person, at=AT, **values):
        return self.peer.message("attributes-changed", person, at, {**VALUES, **values})

    def release(self, at=NOON):
        return self.database.transaction(lambda conn: self.gateway.release_due(conn, TOWN, at))

    def address(self, person):
        return self.database.read(lambda conn: rows.person_of(conn, person)).attributes.address


@pytest.fixture
def line(sqlite_database, random):
    sqlite_database.transaction(found)
    return Line(sqlite_database, random)


@pytest.fixture
def person(line, random):
    return line.database.transaction(lambda conn: resident(conn, random))


def test_a_change_waits_for_the_next_working_days_noon(line, person):
    received = line.send(line.change(person))
    assert (received.state, received.due_at) == (MessageState.HELD, NOON)
    assert line.release(NOON + timedelta(seconds=-1)) == 0
    assert line.address(person) != VALUES["address"]
    assert line.release() == 1
    assert line.address(person) == VALUES["address"]
    assert line.release() == 0


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2026-11-25", "2026-11-26"),
        ("2026-11-27", "2026-11-30"),
        ("2026-12-30", "2027-01-05"),
        ("2026-11-22", "2026-11-24"),
    ],
)
def test_working_days(day, due):
    closed = {date(2026, 11, 23), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 4)}
    policy = GatePolicy(holidays=frozenset(closed))
    for hour in (0, 23):
        at = Instant.of_japan(date.fromisoformat(day), hour)
        assert policy.due(MessageKind.MOVE, at) == Instant.of_japan(date.fromisoformat(due), 12)
    assert policy.due(MessageKind.PROTECTION, AT) == AT


def test_a_released_change_ends_the_signature_certificate_and_costs_nothing(sqlite_database, tmp_path):
    office = open_office(sqlite_database, tmp_path, "gate")
    line = Line(sqlite_database, office.random)
    person, _ = office.enrolled()
    line.send(line.peer.message("move", person, AT, {**VALUES, "moved_on": "2026-11-20", "municipality": OTHER_TOWN}))
    line.release()
    assert [event.kind for event in office.events(person)] == [EventKind.ANCHOR, EventKind.OFFICIAL_CHANGE]
    ended = [one.ended_because for one in office.certificates(person) if one.ended_at]
    assert ended == ["affiliationChanged:move"]
    assert office.database.read(lambda conn: rows.owner_of(conn, person)) == OTHER_TOWN
    assert office.chain_holds(person)


def test_a_death_stops_the_cards_at_once_and_ends_the_record_later(sqlite_database, tmp_path):
    office = open_office(sqlite_database, tmp_path, "gate")
    line = Line(sqlite_database, office.random)
    person, _ = office.enrolled()
    line.send(line.peer.message("death", person, AT, {"died_on": "2026-11-22"}))
    state = lambda: office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state  # noqa: E731
    assert state() is CardState.SUSPENDED
    assert office.database.read(lambda conn: rows.person_of(conn, person)).status is PersonStatus.RESIDENT
    line.release()
    assert state() is CardState.ENDED
    assert office.database.read(lambda conn: rows.person_of(conn, person)).status is PersonStatus.DEAD


def test_a_protection_waits_for_nothing(line, person):
    assert line.send(line.peer.message("protection", person, AT, {})).state is MessageState.RELEASED
    assert line.database.read(lambda conn: protection.standing(conn, person)) is not None
    assert line.send(line.peer.message("protection", person, AT, {})).state is MessageState.RELEASED


def correction(line, person, original, at=AT, **values):
    fields = {**VALUES, "municipality": TOWN, "supersedes": original, **values}
    return line.send(line.peer.message("correction", person, at, fields), at)


def test_a_correction_in_time_means_the_wrong_value_never_was(line, person):
    wrong = line.send(line.change(person, address="東京都見本区誤字町１番"))
    assert correction(line, person, wrong.message).state is MessageState.RELEASED
    assert line.release() == 0
    assert "誤字" not in line.address(person)


def test_a_late_correction_writes_the_right_value_and_names_who_saw_the_wrong_one(line, person, random):
    wrong = line.send(line.change(person, address="東京都見本区誤字町１番"))
    line.release()
    access = Access("inquiry", "question", "tax", TOWN, "見本区 税務課", FOUR_ATTRIBUTES, "地方税法")
    registry.look(line.database, person, access, NOON + timedelta(minutes=5), random)
    correction(line, person, wrong.message, NOON + timedelta(hours=1))
    assert line.address(person) == VALUES["address"]
    registry.look(line.database, person, access, NOON + timedelta(hours=2), random)
    told = line.database.read(lambda conn: gate.who_received(conn, TOWN, wrong.message))
    assert [(one.recipient, one.at) for one in told] == [("見本区 税務課", NOON + timedelta(minutes=5))]


def test_a_correction_of_nothing_is_quarantined(line, person):
    assert correction(line, person, "f" * 32).state is MessageState.QUARANTINED


def test_a_clerk_can_take_a_held_message_back(line, person):
    held = line.send(line.change(person))

    def retract(who):
        return line.database.transaction(
            lambda conn: gate.retract(conn, TOWN, held.message, rows.operator_of(conn, who), AT)
        )

    with pytest.raises(NotYours):
        retract("other-clerk")
    retract("clerk")
    assert line.release() == 0
    with pytest.raises(WrongState):
        retract("clerk")


def test_too_many_changes_in_an_hour_stop_everything_until_somebody_looked(sqlite_database, random):
    sqlite_database.transaction(found)
    line = Line(sqlite_database, random, brake_least=5)
    people = [sqlite_database.transaction(lambda conn: resident(conn, random)) for _ in range(7)]
    for person in people:
        line.send(line.change(person, address="東京都見本区誤字町１番"))
    with pytest.raises(Braked):
        line.release()
    assert all("誤字" not in line.address(person) for person in people)

    def let_go(who):
        return line.database.transaction(lambda conn: gate.let_go(conn, TOWN, rows.operator_of(conn, who), AT))

    with pytest.raises(RoleMissing):
        let_go("clerk")
    assert let_go("boss")
    assert not let_go("boss")
    assert line.release() == 7


def test_the_same_message_again_and_out_of_order_on_a_bad_line(line, person):
    messages = [line.change(person, address=f"東京都見本区北町{number}番") for number in range(8)]
    receipts = {}
    for octets in bad_line(messages, 3):
        received = line.send(octets)
        assert received.state is MessageState.HELD
        assert receipts.setdefault(received.message, received) == received
    assert len(receipts) == 8
    assert line.release() == 8
    assert line.release() == 0


REFUSED = {
    "another schema": {"schema": 2},
    "a boolean for a number": {"schema": True},
    "another kind": {"kind": "free-text"},
    "another town": {"owner": OTHER_TOWN},
    "no such person": {"person": "f" * 32},
    "from the future": {"sent_at": "2026-11-24T00:00:00Z"},
    "a field more": {"note": "hello"},
    "an id that is none": {"message": "../../etc/passwd"},
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_may_not_pass_lies_in_quarantine_with_a_reason(line, person, why):
    octets = line.peer.message("attributes-changed", person, AT, VALUES, **REFUSED[why])
    received = line.send(octets)
    assert received.state is MessageState.QUARANTINED
    assert received.reason
    (kept,) = line.database.read(lambda conn: gate_rows.quarantined(conn, TOWN))
    assert (kept.body, kept.person) == ("", None)
    assert line.release() == 0


BAD_VALUES = [
    {"address": "<script>"}, {"address": "東京都\n見本区"}, {"address": ""}, {"address": "あ" * 201},
    {"name": "a\u202eb"}, {"name": ["実印"]}, {"gender": "7"}, {"date_of_birth": "昭和55年"},
    {"date_of_birth": "2025-02-29"}, {"address_substitutes": "012"}, {"name": 5}, {"extra": "x"},
]  # fmt: skip


@pytest.mark.parametrize("values", BAD_VALUES)
def test_values_outside_their_rule(line, person, values):
    assert line.send(line.change(person, **values)).state is MessageState.QUARANTINED


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"{}", b"[]", b"\xff", b"{" * 5000, b"[" * 100000, b'{"kind":"move","kind":"death"}', b'{"a":1.5}',
        b'{"a":NaN}', b"x" * 9000,
    ],
)  # fmt: skip
def test_octets_that_are_no_message(line, octets):
    assert line.send(octets).state is MessageState.QUARANTINED


def test_a_signature_by_somebody_else(line, person):
    octets = line.change(person)
    other = ResidentRecord(TOWN)
    other.key = ec.derive_private_key(99, ec.SECP256R1())
    assert line.send(octets, signature=other.sign(octets)).state is MessageState.QUARANTINED
    assert line.send(octets, owner=OTHER_TOWN).state is MessageState.QUARANTINED
    assert line.send(octets).state is MessageState.HELD


def test_unusual_but_right_characters_pass(line, person):
    for name in ("𠮷野　花子", "㐂　太郎", "SMITH JOHN JR.", "ｶﾞｲｼﾞ　太郎", "あ" * 100):
        assert line.send(line.change(person, name=name)).state is MessageState.HELD


def test_no_octet_passes_through(line, person):
    octets = line.change(person)
    spaced = json.dumps(json.loads(octets), indent=3, ensure_ascii=True).encode()
    received = line.send(spaced, signature=line.peer.sign(octets))
    assert received.state is MessageState.HELD
    kept = line.database.read(lambda conn: gate_rows.find(conn, TOWN, received.message))
    assert kept.body.encode() == octets


def test_a_flood_is_shed(sqlite_database, random):
    sqlite_database.transaction(found)
    line = Line(sqlite_database, random, per_minute=3)
    person = sqlite_database.transaction(lambda conn: resident(conn, random))
    states = [line.send(line.change(person)).state for _ in range(5)]
    assert states == [MessageState.HELD] * 3 + [MessageState.QUARANTINED] * 2
    assert line.send(line.change(person), AT + timedelta(minutes=2)).state is MessageState.HELD


def test_a_household_is_told(line, person):
    members = {person: "head", "0" * 32: "child"}
    line.send(line.peer.message("household", person, AT, {"members": members, "version": 7}))
    assert line.database.read(lambda conn: gate.household_of(conn, TOWN, person)) == (7, members)


def test_a_channel_that_is_down_is_an_alarm_until_it_answers(line, person, random):
    kiosk = KioskChannel("kiosk", down=True)
    line.database.transaction(lambda conn: care.add_channel(conn, "kiosk", TOWN, "見本店", AT))
    line.send(line.peer.message("protection", person, AT, {}))

    def hand_over(message):
        answer = kiosk.receive(message)
        if answer is None:
            raise GatewayRefused("no answer")
        line.database.transaction(lambda conn: protection.acknowledge(conn, "kiosk", *answer, AT))

    late = AT + timedelta(hours=1)
    assert outbox.deliver(line.database, {"protection.flag": hand_over}, AT) == (0, 1)
    assert [one.channel for one in line.database.read(lambda conn: protection.alarms(conn, late))] == ["kiosk"]
    kiosk.down = False
    assert outbox.deliver(line.database, {"protection.flag": hand_over}, late) == (1, 0)
    assert line.database.read(lambda conn: protection.alarms(conn, late)) == []
    agreed = line.database.read(lambda conn: protection.reconcile(conn, "kiosk", kiosk.flags, AT.jst_date()))
    assert agreed.agrees


@given(st.binary(max_size=300))
def test_any_octets_are_either_a_message_or_refused(octets):
    try:
        message = parse_message(octets)
    except GatewayRefused:
        return
    assert parse_message(message.octets()) == message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    ),
    st.sampled_from(MessageKind),
)
def test_any_values_are_either_right_or_refused(values, kind):
    octets = ResidentRecord(TOWN).message(kind.value, "0" * 32, AT, values)
    try:
        message = parse_message(octets)
    except GatewayRefused:
        return
    assert message.octets() == octets
