"""The gate: what may pass, when it takes effect, what is called back, and when everything stops."""

import json
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from enrollment import gateway as gate
from enrollment import gateway_desk, gateway_release, outbox, protection, registry
from enrollment.errors import Braked, GatewayRefused, NeedsApproval, NotYours, RoleMissing, SamePerson, WrongState
from enrollment.errors.gate import GatewayFlooded
from enrollment.events import EventKind
from enrollment.gateway import GatePolicy, Gateway, MessageState
from enrollment.gateway_schema import MessageKind, parse_message
from enrollment.person import PersonStatus
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.signed import OwnerKeys
from enrollment.store import care, work
from enrollment.store import gate as gate_rows
from enrollment.store import people as rows
from fixtures.peers.plan import FaultPlan
from fixtures.peers.record import ResidentRecord
from pki.card_state import CardState
from pki.instant import Instant
from tests.enrollment.office import open_office
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
        return gateway_release.release_due(self.database, TOWN, at, self.gateway.random)

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
    right = correction(line, person, wrong.message)
    assert (right.state, right.due_at) == (MessageState.HELD, NOON)  # it waits in the place of the wrong one
    assert line.release() == 1
    assert line.address(person) == VALUES["address"]
    assert line.database.read(lambda conn: gateway_desk.who_received(conn, TOWN, wrong.message)) == ()


def retraction(line, person, original, at=AT):
    return line.send(line.peer.message("retraction", person, at, {"supersedes": original}), at)


def test_a_retraction_in_time_means_that_nothing_happens(line, person):
    before = line.address(person)
    wrong = line.send(line.change(person))
    assert retraction(line, person, wrong.message).state is MessageState.RELEASED
    assert line.release() == 0
    assert line.address(person) == before
    released = line.send(line.change(person))
    line.release()
    late = retraction(line, person, released.message, NOON)
    assert (late.state, late.reason) == (MessageState.QUARANTINED, "the original took effect: send a correction")


@pytest.mark.parametrize("kind", ["correction", "retraction"])
def test_what_calls_back_may_come_before_what_it_names(line, person, kind):
    before = line.address(person)
    wrong = line.change(person, address="東京都見本区誤字町１番")
    name = json.loads(wrong)["message"]
    early = correction(line, person, name) if kind == "correction" else retraction(line, person, name)
    assert early.state is MessageState.HELD
    assert line.send(wrong).state is MessageState.RETRACTED
    assert line.release() == (1 if kind == "correction" else 0)
    assert line.address(person) == (VALUES["address"] if kind == "correction" else before)


def test_a_wrong_death_can_be_corrected_but_what_ended_stays_ended(sqlite_database, tmp_path):
    office = open_office(sqlite_database, tmp_path, "gate")
    line = Line(sqlite_database, office.random)
    person, _ = office.enrolled()
    wrong = line.send(line.peer.message("death", person, AT, {"died_on": "2026-11-22"}))
    line.release()
    correction(line, person, wrong.message, NOON)
    assert line.release() == 1
    assert office.database.read(lambda conn: rows.person_of(conn, person)).status is PersonStatus.RESIDENT
    assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.ENDED
    assert all(one.ended_at is not None for one in office.certificates(person))


def test_a_late_correction_writes_the_right_value_and_names_who_saw_the_wrong_one(line, person, random):
    wrong = line.send(line.change(person, address="東京都見本区誤字町１番"))
    line.release()
    access = Access("inquiry", "question", "tax", TOWN, "見本区 税務課", FOUR_ATTRIBUTES, "地方税法")
    registry.look(line.database, person, access, NOON + timedelta(minutes=5), random)
    correction(line, person, wrong.message, NOON + timedelta(hours=1))
    line.release(NOON + timedelta(hours=1))
    assert line.address(person) == VALUES["address"]
    registry.look(line.database, person, access, NOON + timedelta(hours=2), random)
    told = line.database.read(lambda conn: gateway_desk.who_received(conn, TOWN, wrong.message))
    assert [(one.recipient, one.at) for one in told] == [("見本区 税務課", NOON + timedelta(minutes=5))]


def test_a_clock_that_steps_while_changes_wait_shortens_nobodys_wait(line, person):
    """Behind when a message comes: it came from the future, and does not pass. Behind or ahead while it waits: nothing
    passes before the hour that was promised, and what has passed stays passed."""
    behind = AT + timedelta(days=-7)
    early = line.send(line.change(person), behind)
    assert (early.state, early.reason) == (MessageState.QUARANTINED, "it was sent in the future")
    held = line.send(line.change(person))
    before = line.address(person)
    for steps in (behind, AT, NOON + timedelta(seconds=-1), AT + timedelta(hours=-1)):
        assert line.release(steps) == 0
        assert line.address(person) == before
    again = line.database.read(lambda c: gate_rows.find(c, TOWN, held.message))
    assert again is not None
    assert again.due_at == held.due_at == NOON
    assert line.release(NOON) == 1
    assert line.address(person) == VALUES["address"]
    assert line.release(behind) == 0
    assert line.address(person) == VALUES["address"]


def test_who_saw_a_wrong_name_beside_a_masked_address_received_it_too(line, person, random):
    wrong = line.send(line.change(person, name="実印　花代"))
    line.release()
    clerk = line.database.read(lambda conn: rows.operator_of(conn, "clerk"))
    line.database.transaction(lambda conn: protection.apply(conn, person, clerk, NOON, random))
    access = Access("inquiry", "question", "tax", TOWN, "見本区 税務課", FOUR_ATTRIBUTES, "地方税法")
    registry.look(line.database, person, access, NOON + timedelta(minutes=5), random)
    told = line.database.read(lambda conn: gateway_desk.who_received(conn, TOWN, wrong.message))
    assert [(one.recipient, one.fields) for one in told] == [
        ("見本区 税務課", FOUR_ATTRIBUTES - {registry.Field.ADDRESS})
    ]


def test_a_correction_of_nothing_is_quarantined(line, person):
    held = correction(line, person, "f" * 32)
    assert (held.state, held.due_at) == (MessageState.HELD, AT + gate.ORIGINAL_WITHIN)
    assert line.release(held.due_at) == 0
    (kept,) = line.database.read(lambda conn: gate_rows.quarantined(conn, TOWN))
    assert (kept.message, kept.reason) == (held.message, "it corrects nothing known")


def test_a_clerk_can_take_a_held_message_back(line, person):
    held = line.send(line.change(person))

    def retract(who):
        return line.database.transaction(
            lambda conn: gateway_desk.retract(conn, TOWN, held.message, rows.operator_of(conn, who), AT)
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

    def do(act, who, *more):
        return line.database.transaction(lambda conn: act(conn, *more[:1], rows.operator_of(conn, who), AT, *more[1:]))

    asked = line.database.transaction(
        lambda conn: gateway_desk.propose_go(conn, rows.operator_of(conn, "boss"), AT, random, "looked")
    ).approval
    for who, error in (("clerk", RoleMissing), ("boss", SamePerson), ("other-boss", WrongState)):
        with pytest.raises(error):
            do(gateway_desk.let_go, who, asked)
    with pytest.raises(NeedsApproval):
        do(gateway_desk.let_go, "boss2", "0" * 32)
    do(gateway_desk.let_go, "boss2", asked)
    with pytest.raises(WrongState):
        do(gateway_desk.let_go, "boss2", asked)
    assert line.release() == 7


def test_a_flood_of_deaths_stops_no_cards_until_somebody_looked(sqlite_database, tmp_path):
    office = open_office(sqlite_database, tmp_path, "gate")
    line = Line(sqlite_database, office.random, brake_least=1)
    one, _ = office.enrolled()
    other, _ = office.enrolled(card_id="CARD0002")
    for person in (one, other):
        line.send(line.peer.message("death", person, AT, {"died_on": "2026-11-22"}))

    def states():
        return [office.database.read(lambda conn, c=c: work.card_of(conn, c)).state for c in ("CARD0001", "CARD0002")]

    assert states() == [CardState.SUSPENDED, CardState.ACTIVE]
    gateway_release.stop_cards_of_the_dead(sqlite_database, TOWN, AT, office.random)
    assert states() == [CardState.SUSPENDED, CardState.ACTIVE]
    sqlite_database.transaction(lambda conn: gate_rows.release_brake(conn, TOWN, AT, "two"))
    gateway_release.stop_cards_of_the_dead(sqlite_database, TOWN, AT, office.random)
    assert states() == [CardState.SUSPENDED, CardState.SUSPENDED]


def test_one_message_that_cannot_take_effect_holds_up_nobody(line, person, random):
    second = line.database.transaction(lambda conn: resident(conn, random))
    gone = line.send(line.change(person))
    line.send(line.change(second))
    kept = line.database.read(lambda conn: rows.person_of(conn, person))
    line.database.transaction(lambda conn: registry.move(conn, kept, OTHER_TOWN, kept.attributes, AT, random))
    assert line.release() == 1
    assert line.address(second) == VALUES["address"]
    assert line.address(person) != VALUES["address"]
    row = line.database.read(lambda conn: gate_rows.find(conn, TOWN, gone.message))
    assert (row.state, row.reason) == ("quarantined", "enrollment.not-yours")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_the_end_is_the_same_in_whatever_order_they_come(line, person, order, together):
    sent = [AT + timedelta(seconds=number) for number in range(3)]
    messages = [line.change(person, at, address=f"東京都見本区北町{n}番") for n, at in enumerate(sent)]
    for number in order:
        line.send(messages[number], AT + timedelta(seconds=3))
        if not together:
            line.release()
    line.release()
    assert line.address(person) == "東京都見本区北町2番"


PLAUSIBLE = {
    "death": [{"died_on": "2026-11-25"}, {"died_on": "1979-01-01"}],
    "move": [
        {**VALUES, "moved_on": "2027-12-01", "municipality": OTHER_TOWN},
        {**VALUES, "moved_on": "2026-11-20", "municipality": "99999"},
    ],
    "attributes-changed": [
        {**VALUES, "date_of_birth": "2027-01-01"},
        {**VALUES, "date_of_birth": "1990-01-01", "name": "別人　太郎"},
    ],
}


@pytest.mark.parametrize(("kind", "values"), [(kind, one) for kind, many in PLAUSIBLE.items() for one in many])
def test_what_cannot_be_true_is_not_believed(line, person, kind, values):
    assert line.send(line.peer.message(kind, person, AT, values)).state is MessageState.QUARANTINED


def test_the_same_message_again_and_out_of_order_on_a_bad_line(line, person):
    messages = [line.change(person, address=f"東京都見本区北町{number}番") for number in range(8)]
    receipts = {}
    for octets in FaultPlan(seed=3, reordered=0.8, duplicates=0.4).line(messages):
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
    assert [line.send(line.change(person)).state for _ in range(3)] == [MessageState.HELD] * 3
    for octets in (line.change(person), b"no message at all"):
        with pytest.raises(GatewayFlooded):
            line.send(octets)
    assert line.database.read(lambda conn: gate_rows.count_by_state(conn, TOWN)) == {"held": 3}
    assert line.send(line.change(person), AT + timedelta(minutes=2)).state is MessageState.HELD


def test_a_household_is_told(line, person):
    members = {person: "head", "0" * 32: "child"}
    line.send(line.peer.message("household", person, AT, {"members": members, "version": 7}))
    assert line.database.read(lambda conn: gate.household_of(conn, TOWN, person)) == (7, members)


def test_a_channel_that_is_down_is_an_alarm_until_it_answers(line, person, random):
    held, down = {}, True
    line.database.transaction(lambda conn: care.add_channel(conn, "kiosk", TOWN, "見本店", AT))
    line.send(line.peer.message("protection", person, AT, {}))

    def hand_over(message):
        if down:
            raise GatewayRefused("no answer")
        told = json.loads(message.body)
        held[told["flag"]] = told["version"]
        answer = (told["flag"], told["version"])
        line.database.transaction(lambda conn: protection.acknowledge(conn, "kiosk", *answer, AT))

    late = AT + timedelta(hours=1)
    handlers = {"protection.flag": hand_over}
    assert outbox.deliver(line.database, handlers, AT) == (0, 1)
    assert outbox.deliver(line.database, handlers, AT + timedelta(seconds=4)) == (0, 0), "not before its pause is over"
    assert [one.channel for one in line.database.read(lambda conn: protection.alarms(conn, late))] == ["kiosk"]
    down = False
    assert outbox.deliver(line.database, handlers, late) == (1, 0)
    assert line.database.read(lambda conn: protection.alarms(conn, late)) == []
    agreed = line.database.read(lambda conn: protection.reconcile(conn, "kiosk", held, AT.jst_date()))
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
