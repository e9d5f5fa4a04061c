"""Renewal from home: both certificates at once, within their last months, counted, and never an anchor."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta

import pytest
from cryptography import x509
from sqlalchemy import event

from ca import revocation
from ca.profiles import Variant
from enrollment import channels, protection, rules, visits
from enrollment.application import ApplicationState
from enrollment.channels import Channel, Procedure, ProcedurePolicy
from enrollment.errors import (
    CapReached,
    CertificateEnded,
    FilingMismatch,
    FilingTooEarly,
    RemoteBlocked,
)
from enrollment.events import EventKind
from enrollment.issuing import proven_request
from enrollment.policy import CapPolicy
from enrollment.store import people as people_rows
from pki.instant import end_of_japanese_day
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.enrollment.office import CARD_END, open_office, parts
from tests.enrollment.renewing import AUTH, END, INSIDE, OPENS, SIGN, P256Card, asked
from tests.enrollment.town import AT, TOWN, resident, seen

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def office(database, tmp_path, request):
    made = open_office(database, tmp_path, request.node.nodeid, Variant.P256)
    made.card = lambda card_id="CARD0001": P256Card(tmp_path / card_id, card_id, made.made)
    return made


def renew(office, card, at=INSIDE, key="key-0001"):
    verified, requests = asked(office, card, at)
    result = office.moves.accept(verified, requests[SIGN], key, at, requests[AUTH])
    card.install(SIGN, result.certificate, office.issuing.issuers[SIGN])
    card.install(AUTH, result.authentication_certificate, office.issuing.issuers[AUTH])
    return result


def policies(octets):
    found = x509.load_der_x509_certificate(octets).extensions.get_extension_for_class(x509.CertificatePolicies)
    return {one.policy_identifier.dotted_string for one in found.value}


def test_both_certificates_are_made_anew_to_one_more_birthday_and_the_old_ones_end(office):
    person, card = office.enrolled()
    before = {purpose: card.read(purpose) for purpose in Purpose}
    olds = office.certificates(person)
    assert {one.not_after for one in olds} == {END}
    result = renew(office, card)
    assert (result.state, result.decision["used"]) == (ApplicationState.SIGNED, 1)
    assert [one.kind for one in office.events(person)] == [EventKind.ANCHOR, EventKind.REMOTE_RENEWAL]
    for old in olds:
        told = office.database.read(
            lambda c, o=old: revocation.standing(c, o.issuer, SerialNumber.parse(f"0x{o.serial}"))
        )
        assert told.reason is Reason.SUPERSEDED
    news = [one for one in office.certificates(person) if one.ended_at is None]
    assert {one.purpose for one in news} == set(Purpose)
    # five birthdays from 2031-02-17 on and one more for renewing in the window; the card's own end is that day too
    assert {one.not_after for one in news} == {CARD_END}
    assert end_of_japanese_day(date(2036, 2, 17)) == CARD_END
    for purpose, octets in before.items():
        new = card.read(purpose)
        assert x509.load_der_x509_certificate(new).public_key() != x509.load_der_x509_certificate(octets).public_key()
        assert policies(new) != policies(octets), "a remote renewal says so in its policy"
        assert {oid.rsplit(".", 1)[1] for oid in policies(new)} == {"2"}
    assert office.chain_holds(person)


def test_a_renewal_is_used_once_and_asked_again_says_the_same(office):
    _, card = office.enrolled()
    verified, requests = asked(office, card)

    def file(key):
        return office.moves.accept(verified, requests[SIGN], key, INSIDE, requests[AUTH])

    first = file("key-0001")
    assert file("key-0001") == first
    assert office.moves.answered(verified.document, requests[SIGN], "key-0001", INSIDE, requests[AUTH]) == first


@SQLITE
@pytest.mark.parametrize("at", [OPENS + timedelta(seconds=-1), AT + timedelta(days=1)])
def test_before_the_last_months_it_is_too_early(office, at):
    person, card = office.enrolled()
    with pytest.raises(FilingTooEarly) as refused:
        renew(office, card, at)
    assert refused.value.opens == OPENS.jst_date()
    assert len(office.events(person)) == 1


@SQLITE
def test_the_first_and_the_last_second_of_the_window(office):
    _, card = office.enrolled()
    assert renew(office, card, OPENS).decision["used"] == 1
    with pytest.raises(FilingTooEarly):
        renew(office, card, OPENS + timedelta(days=1), "key-0002")


@SQLITE
def test_each_request_is_bound_to_the_document(office):
    _, card = office.enrolled()
    verified, requests = asked(office, card)
    other = proven_request(card, AUTH)
    for given in ((requests[SIGN], other), (requests[AUTH], requests[SIGN]), (requests[SIGN], None)):
        with pytest.raises(FilingMismatch):
            office.moves.accept(verified, given[0], "key-0001", INSIDE, given[1])
    plain = office.request(card)
    move = office.verified(card, plain, "東京都見本区南町１番", INSIDE)
    with pytest.raises(FilingMismatch):  # nobody slips another key for log-ins under a move
        office.moves.accept(move, plain, "key-0002", INSIDE, proven_request(card, AUTH))


@SQLITE
def test_a_municipality_may_close_it_a_flag_does_and_the_policy_counts_it(office):
    person, card = office.enrolled()
    office.database.transaction(
        lambda c: channels.adopt(
            c, TOWN, Procedure.REMOTE_RENEWAL, ProcedurePolicy(frozenset({Channel.ONLINE})), AT, AT, "boss"
        )
    )
    with pytest.raises(RemoteBlocked):
        renew(office, card)
    office.database.transaction(
        lambda c: channels.adopt(c, TOWN, Procedure.REMOTE_RENEWAL, ProcedurePolicy(), AT + timedelta(1), AT, "boss")
    )
    office.database.transaction(
        lambda c: protection.apply(c, person, people_rows.operator_of(c, "clerk"), AT, office.random)
    )
    with pytest.raises(RemoteBlocked):
        renew(office, card)
    assert len(office.events(person)) == 1


@SQLITE
def test_at_the_cap_it_is_refused_with_the_numbers(office):
    person, card = office.enrolled()
    for number in (1, 2, 3):
        office.move(card, f"東京都見本区南町{number}番", AT + timedelta(days=number))
    with pytest.raises(CapReached) as refused:
        renew(office, card)
    assert (refused.value.decision.procedure, refused.value.decision.used) == (EventKind.REMOTE_RENEWAL, 3)
    assert len(office.events(person)) == 4


@SQLITE
def test_where_the_policy_does_not_count_it_it_takes_no_place(office):
    person, card = office.enrolled()
    free = CapPolicy("free", AT, consumes=frozenset({EventKind.REMOTE_MOVE, EventKind.REMOTE_REISSUE}))
    office.database.transaction(lambda c: rules.adopt(c, free, AT, "boss"))
    renew(office, card)
    assert [one.seq for one in office.events(person)] == [None, None]


def test_sixteen_renewals_at_once_renew_once(office):
    person, card = office.enrolled()
    several = [asked(office, card) for _ in range(16)]

    def file(number):
        verified, requests = several[number]
        try:
            office.moves.accept(verified, requests[SIGN], f"key-{number:04}", INSIDE, requests[AUTH])
        except (CertificateEnded, FilingTooEarly):
            return 0
        return 1

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(file, range(16))) == 1
    assert [one.seq for one in office.events(person)] == [None, 1]
    assert len([one for one in office.certificates(person) if one.ended_at is None]) == 2
    assert office.chain_holds(person)


def test_moves_and_renewals_together_never_pass_the_cap(office):
    """Sixteen clients of one person, half of them moving; whoever is let through is at most the cap."""
    person, card = office.enrolled()
    asks = []
    for number in range(16):
        if number % 2:
            verified, requests = asked(office, card)
            asks.append((verified, requests[SIGN], requests[AUTH]))
        else:
            request = office.request(card)
            asks.append((office.verified(card, request, f"東京都見本区南町{number}番", INSIDE), request, None))

    def file(number):
        verified, request, other = asks[number]
        try:
            office.moves.accept(verified, request, f"key-{number:04}", INSIDE, other)
        except (CertificateEnded, FilingTooEarly, CapReached):
            return 0
        return 1

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(file, range(16))) == 1, "one certificate files once"
    assert office.chain_holds(person)


@SQLITE
def test_a_check_after_it_begins_anew_for_a_renewal_is_no_anchor(office):
    person, card = office.enrolled()
    renew(office, card)
    later = INSIDE + timedelta(days=1)
    done = office.database.transaction(lambda c: visits.check(c, seen(person, at=later), "clerk", later, office.random))
    assert (done.decision.used, done.decision.anchor_date) == (0, later.jst_date())


@SQLITE
def test_a_card_that_ends_with_its_certificates_is_replaced_and_not_renewed(office):
    person = office.database.transaction(lambda c: resident(c, office.random))
    card = office.card()
    office.issuing.continue_(office.filed(person, AT, end=END), card, AT)
    with pytest.raises(RemoteBlocked):
        renew(office, card)
    assert len(office.events(person)) == 1


class Broken(Exception):
    """The disk said no."""


def failing_at(office, number):
    """The same parts over a database whose n-th statement from now on fails, and none after it."""
    own = type(office.database)(office.database.engine.url.render_as_string(hide_password=False))
    count = [0]

    def step(*_):
        count[0] += 1
        if count[0] == number:
            raise Broken

    made = parts(own, office.folder, office.random)
    event.listen(own.engine, "before_cursor_execute", step)
    return made


@SQLITE
def test_a_write_that_fails_anywhere_leaves_nothing_and_the_same_call_finishes(office):
    """Each eleventh statement of an acceptance, one after another, on a card of its own."""
    number, over = 1, False
    while not over:
        card_id = f"CARD{number:04}"
        person, card = office.enrolled(card_id=card_id)
        verified, requests = asked(office, card)
        own = failing_at(office, number)
        with suppress(Broken):
            own.moves.accept(verified, requests[SIGN], "key-0001", INSIDE, requests[AUTH])
            over = True  # it has fewer statements than that
        own.database.engine.dispose()
        done = office.moves.accept(verified, requests[SIGN], "key-0001", INSIDE, requests[AUTH])
        assert None not in (done.certificate, done.authentication_certificate)
        assert [one.kind for one in office.events(person)] == [EventKind.ANCHOR, EventKind.REMOTE_RENEWAL]
        assert sorted(one.purpose for one in office.certificates(person) if one.ended_at is None) == [AUTH, SIGN]
        assert office.chain_holds(person)
        number += 11
    assert number > 40, "an acceptance has many statements"
