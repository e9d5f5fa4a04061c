"""The cap under sixteen clients of two nodes whose transactions the engine gives up, and whose clocks disagree."""

import random as chance
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock

import pytest
from sqlalchemy import event

from enrollment import ledger
from enrollment.errors import CapReached
from enrollment.events import EventKind
from enrollment.ledger import Happening
from enrollment.store import ledger as rows
from pki.errors import Retryable
from tests.enrollment.town import AT, COMMON_POLICY, found, resident

PEOPLE, CLIENTS = 3, 16


@pytest.fixture
def people(database, random):
    def enter(conn):
        found(conn)
        some = [resident(conn, random) for _ in range(PEOPLE)]
        for person in some:
            ledger.record(conn, Happening(person, EventKind.ANCHOR, "clerk"), AT, random)
        return some

    return database.transaction(enter)


def nodes(database, count=2):
    address = database.engine.url.render_as_string(hide_password=False)
    return [type(database)(address) for _ in range(count)]


def race(here, people, random, at=lambda _number: AT, requests=18):
    """Sixteen clients ask for remote moves of a few people, by turns on each node; who was let through how often."""

    def ask(number):
        person = people[number % len(people)]
        what = Happening(person, EventKind.REMOTE_MOVE, actor=person)
        try:
            here[number % len(here)].transaction(lambda c: ledger.record(c, what, at(number), random))
        except CapReached:
            return None
        return person

    with ThreadPoolExecutor(CLIENTS) as clients:
        let_through = Counter(filter(None, clients.map(ask, range(requests))))
    for node in here:
        node.engine.dispose()
    return let_through


def holds(database, people, let_through):
    """Nobody is over the cap, nobody below who asked often enough, every chain is whole."""
    assert dict(let_through) == dict.fromkeys(people, COMMON_POLICY.max_consecutive)
    for person in people:
        events = database.read(lambda c, p=person: rows.events_of(c, p))
        assert [one.seq for one in events if one.seq is not None] == [1, 2, 3]
        assert [one.at.seconds for one in events] == sorted(one.at.seconds for one in events)
        assert database.read(lambda c, p=person: ledger.verify_person(c, p)) == ()


def test_transactions_that_are_given_up_at_their_commit_are_decided_anew(database, random, people):
    """A third of all commits fails after everything was written, on either node."""
    seeded, lock, failed = chance.Random(7), Lock(), []

    def sometimes(_connection):
        with lock:
            unlucky = seeded.random() < 0.33
        if unlucky:
            failed.append(1)
            raise Retryable

    here = nodes(database)
    for node in here:
        event.listen(node.engine, "commit", sometimes)
    let_through = race(here, people, random)
    assert failed
    holds(database, people, let_through)


def test_real_serialization_failures_cost_nobody_a_place(postgresql_database, random):
    """With every transaction SERIALIZABLE PostgreSQL itself gives some up with 40001; the answers stay the same."""
    database = postgresql_database

    def enter(conn):
        found(conn)
        return [resident(conn, random) for _ in range(PEOPLE)]

    people = database.transaction(enter)
    for person in people:
        what = Happening(person, EventKind.ANCHOR, "clerk")
        database.transaction(lambda c, w=what: ledger.record(c, w, AT, random))
    given_up = []
    here = nodes(database)
    for node in here:
        event.listen(
            node.engine, "begin", lambda conn: conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        )
        event.listen(
            node.engine,
            "handle_error",
            lambda context: given_up.append(getattr(context.original_exception, "sqlstate", "")),
        )
    let_through = race(here, people, random)
    holds(database, people, let_through)
    assert "40001" in given_up


def test_two_nodes_whose_clocks_disagree_write_one_story(database, random, people):
    """One node's clock is a year behind, and steps; the second to come is never older than the first."""

    def at(number):
        return AT + (timedelta(days=-365) if number % 2 else timedelta(seconds=number % 7))

    holds(database, people, race(nodes(database), people, random, at))
