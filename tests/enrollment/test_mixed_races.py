"""Sixteen clients of two nodes at one person at once: moves, re-issues, renewals, checks, suspensions and a loss.

Whoever comes first, the ledger, the certificates and the card tell one story.
"""

import hashlib
import random as chance
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from ca import revocation
from ca.profiles import Variant
from enrollment import loss, procedures, visits
from enrollment.application import ApplicationState
from enrollment.errors import EnrollmentError
from enrollment.events import EventKind
from enrollment.filing import ReissueFiling
from enrollment.store import work
from pki.card_state import CardChangeRefused, CardState
from pki.purpose import Purpose
from pki.serial import SerialNumber
from tests.enrollment.office import open_office, parts
from tests.enrollment.renewing import AUTH, INSIDE, SIGN, P256Card, asked
from tests.enrollment.town import seen
from tests.support.chance import SeededOctets

CLIENTS, ROUNDS = 16, 3


@pytest.fixture
def office(database, tmp_path, request):
    made = open_office(database, tmp_path, request.node.nodeid, Variant.P256)
    made.card = lambda card_id="CARD0001": P256Card(tmp_path / card_id, card_id, made.made)
    return made


def of_kind(office, card, filing, request, at):
    """What a verifier hands on of that filing."""
    verified = office.verified(card, request, "見本", at)
    return replace(verified, filing=filing, document=filing.document())


def deeds(office, person, card, at, number):
    """What the clients of a round want, each as (name, what to do on a node at its time). Nothing is begun twice."""

    def filed(name, verified, requests, key):
        def do(node, now):
            return node.moves.accept(verified, requests[SIGN], key, now, requests.get(AUTH))

        return name, do

    renewal, requests = asked(office, card, at)  # a card has one pending key of each kind
    request, until = requests[SIGN], at + timedelta(hours=1)
    digest = hashlib.sha256(request).hexdigest()
    found = []
    for client in range(6):
        verified = office.verified(card, request, f"東京都見本区南町{number}番{client}号", at)
        found.append(filed("filing", verified, {SIGN: request}, f"move-{number}-{client}"))
    for client in range(3):
        again = of_kind(office, card, ReissueFiling(office.random(16).hex(), digest, until), request, at)
        found.append(filed("filing", again, {SIGN: request}, f"reissue-{number}-{client}"))
    for client in range(2):
        other = replace(renewal.filing, filing=office.random(16).hex())
        found.append(filed("filing", of_kind(office, card, other, request, at), requests, f"renewal-{number}-{client}"))

    def check(client):
        evidence = seen(person, at=at + timedelta(seconds=client))

        def do(node, now):
            later = max(now, evidence.at)
            return node.database.transaction(lambda c: visits.check(c, evidence, "clerk", later, node.random))

        return "check", do

    def at_card(name, deed):
        def do(node, now):
            return node.database.transaction(lambda c: deed(c, now, node.random))

        return name, do

    found += [check(client) for client in range(2)]
    if number == ROUNDS:  # which end the card's story
        card_id, back = card.card_id(), seen(person, at=at + timedelta(seconds=5))
        found += [
            at_card("suspension", lambda c, now, rand: procedures.suspend(c, card_id, "clerk", now, rand)),
            at_card("its end", lambda c, now, rand: procedures.resume(
                c, card_id, back, "clerk", max(now, back.at), rand)),
            at_card("loss", lambda c, now, rand: loss.report(c, card_id, "clerk", now, rand)),
        ]  # fmt: skip
    return found


def invariants(office, person, done):
    """One story: of places, certificates, promises and revocations."""
    events = office.events(person)
    assert office.chain_holds(person)
    assert [one.position for one in events] == list(range(len(events)))
    assert [one.at.seconds for one in events] == sorted(one.at.seconds for one in events)
    places = [(one.anchor, one.seq) for one in events if one.seq is not None]
    assert len(places) == len(set(places))
    assert all(one.seq + one.adjustment <= one.cap for one in events if one.seq is not None)
    kinds = Counter(one.kind.is_remote for one in events)
    assert (kinds[True], sum(one.kind is EventKind.ANCHOR for one in events)) == (done["filing"], 1 + done["check"])
    held = office.certificates(person)
    live = [one.purpose for one in held if one.ended_at is None]
    assert len(live) == len(set(live)) <= len(Purpose)

    def told(conn):
        query = text("SELECT count(*) FROM ca_intents WHERE owner = :person")
        promised = conn.execute(query, {"person": person}).scalar_one()
        return promised, [
            revocation.standing(conn, one.issuer, SerialNumber.parse(f"0x{one.serial}"))
            for one in held
            if one.ended_at is not None and one.is_signed
        ]

    promised, ended = office.database.read(told)
    assert promised == len(held)
    assert None not in ended, "what has ended here is revoked there"


def test_whoever_comes_first_one_story_is_told(office):
    person, card = office.enrolled()
    dice, done = chance.Random(9), Counter()
    address = office.database.engine.url.render_as_string(hide_password=False)
    nodes = [parts(type(office.database)(address), office.folder, SeededOctets(f"node {one}")) for one in "ab"]
    skewed = (timedelta(), timedelta(seconds=-90))  # the second node's clock is behind
    for number in range(1, ROUNDS + 1):
        at = INSIDE + timedelta(hours=number)
        wanted = deeds(office, person, card, at, number)
        dice.shuffle(wanted)
        wanted += wanted[: CLIENTS - len(wanted)]  # the same request again, on the other node

        def run(client, wanted=wanted, at=at):
            name, do = wanted[client]
            try:
                return name, do(nodes[client % 2], at + skewed[client % 2])
            except (EnrollmentError, CardChangeRefused):
                return None

        with ThreadPoolExecutor(CLIENTS) as clients:
            results = [one for one in clients.map(run, range(len(wanted))) if one is not None]
        filings = {result.filing: result for name, result in results if name == "filing"}
        done["filing"] += len(filings)
        done["check"] += len({result.event.event for name, result in results if name == "check"})
        assert len(filings) <= 1, "one certificate files once"
        for result in filings.values():
            if result.certificate is None:
                assert (number, result.state) == (ROUNDS, ApplicationState.WITHDRAWN), "the card was lost meanwhile"
                continue
            card.install(SIGN, result.certificate, office.issuing.issuers[SIGN])
            if result.authentication_certificate:
                card.install(AUTH, result.authentication_certificate, office.issuing.issuers[AUTH])
        invariants(office, person, done)
    assert done["check"], "some of each came through"
    assert done["filing"]
    assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.LOST
    assert [one for one in office.certificates(person) if one.ended_at is None] == [], "a lost card has none"
    for node in nodes:
        node.database.engine.dispose()
