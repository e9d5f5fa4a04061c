"""The outbox: order per subject, and what nobody can deliver is set aside without holding anybody up."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

import enrollment
from cli.office_numbers import office_families
from enrollment import code_letters, outbox, protection, watch
from enrollment.card_procedures import NOTED
from enrollment.store import messages, peers
from pki.errors import Error
from tests.enrollment.town import AT, TOWN, found, resident

SOON, LATE = AT + timedelta(seconds=1), AT + timedelta(minutes=11)


@pytest.fixture
def person(database, random):
    def enter(conn):
        found(conn)
        return resident(conn, random)

    return database.transaction(enter)


def put(database, random, subject, *topics):
    for topic in topics:
        database.transaction(lambda c, t=topic: outbox.put(c, subject, t, {"n": 1}, AT, random))


def aside(database):
    return [(one.topic, one.because) for one in database.read(messages.all_set_aside)]


def test_an_unknown_topic_is_set_aside_with_an_alarm_and_the_later_ones_go_on(database, random, person):
    put(database, random, person, "told", "of.another.version", "told", "person.seen")
    seen = []
    handlers = {"told": lambda message: seen.append(message.number)}
    assert outbox.deliver(database, handlers, SOON) == (1, 0), "the first; its successor waits for the next round"
    assert outbox.deliver(database, handlers, SOON) == (1, 0)
    assert seen == [1, 3]
    assert outbox.set_aside_unknown(database, handlers, SOON) == 0, "a newer version may just be starting"
    assert outbox.set_aside_unknown(database, handlers, LATE) == 1
    assert aside(database) == [("of.another.version", "no handler for its topic")]
    assert database.transaction(lambda c: watch.look(c, LATE, random)) == (1, 0)
    (alarm,) = database.read(lambda c: peers.alarms_of(c, TOWN))
    assert (alarm.kind, alarm.subject) == (watch.SET_ASIDE, f"{TOWN}/of.another.version")
    assert person not in alarm.detail
    waiting = database.read(messages.numbers)
    assert waiting == (0, None, 1), "events that nobody asked for wait for nobody"


def test_it_is_tried_again_when_somebody_says_so_and_the_alarm_ends(database, random, person):
    put(database, random, person, "of.another.version")
    outbox.set_aside_unknown(database, {}, LATE)
    database.transaction(lambda c: watch.look(c, LATE, random))
    (one,) = database.read(messages.all_set_aside)
    assert database.transaction(lambda c: messages.take_back(c, one.message, LATE))
    assert not database.transaction(lambda c: messages.take_back(c, one.message, LATE))
    seen = []
    handlers = {"of.another.version": lambda message: seen.append(message.topic)}
    assert outbox.deliver(database, handlers, LATE) == (1, 0)
    assert seen == ["of.another.version"]
    assert database.transaction(lambda c: watch.look(c, LATE, random)) == (0, 1)


def test_a_message_that_breaks_its_handler_is_set_aside_and_the_queue_goes_on(database, random, person):
    put(database, random, person, "told", "told")

    def breaks_on_the_first(message):
        if message.number == 1:
            raise KeyError("no such field")

    assert outbox.deliver(database, {"told": breaks_on_the_first}, SOON) == (0, 1)
    assert aside(database) == [("told", "broke its handler: KeyError")]
    assert outbox.deliver(database, {"told": breaks_on_the_first}, SOON) == (1, 0)


def test_while_one_fails_the_later_ones_of_its_subject_wait_and_others_do_not(database, random, person):
    put(database, random, person, "told", "told")
    put(database, random, "owner:13113", "told")
    seen = []

    def fails_for_the_person(message):
        if message.subject == person and message.number == 1:
            raise Error("away")
        seen.append(message.subject)

    handlers = {"told": fails_for_the_person}
    assert outbox.deliver(database, handlers, SOON) == (1, 1)
    assert outbox.deliver(database, handlers, SOON) == (0, 0)
    assert seen == ["owner:13113"]
    assert aside(database) == [], "who is away is asked again"


def test_every_topic_that_is_written_is_known():
    """Read out of the program: a topic that no process knows would be set aside."""
    constants = {"FLAG_TOPIC": protection.FLAG_TOPIC, "TOPIC": code_letters.TOPIC}
    written = set()
    for file in Path(enrollment.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "outbox.put":
                topic = node.args[2]
                if isinstance(topic, ast.JoinedStr):
                    assert file.name == "card_procedures.py"
                    written |= {f"card.{state.value}" for state in NOTED.values()}
                else:
                    written.add(constants[topic.id] if isinstance(topic, ast.Name) else ast.literal_eval(topic))
    handled = {protection.FLAG_TOPIC, code_letters.TOPIC, "gateway.braked"}
    assert written == outbox.EVENTS | handled


def test_numbers_for_whoever_watches(database, random, person):
    put(database, random, person, "of.another.version", "told")
    outbox.set_aside_unknown(database, {"told"}, LATE)
    told = {one.name: one.samples[0][1] for one in database.read(lambda c: office_families(c, LATE)) if one.samples}
    assert (told["jitsuin_messages_waiting"], told["jitsuin_messages_set_aside"]) == (1, 1)
    assert told["jitsuin_messages_waiting_seconds"] == 660
