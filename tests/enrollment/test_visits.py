"""In-person checks: who may make one, where, with what confirmation; and what it gives back."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from enrollment import confirmations, issuing, ledger, rules, visits
from enrollment.application import ApplicationKind
from enrollment.counters import CounterKind
from enrollment.errors import (
    AlreadyAdopted,
    EvidenceTooWeak,
    EvidenceUsed,
    KioskNeverAnchors,
    MunicipalDeskNeeded,
    NotConfirmed,
    NotDesignated,
    NotPresent,
    NotYours,
    OutOfScope,
    SelfDealing,
    SignatureInvalid,
    UnknownPerson,
    WrongState,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.evidence import DocumentSeen
from enrollment.ledger import Happening
from enrollment.policy import CapPolicy
from enrollment.store import people as rows
from tests.enrollment.town import ALWAYS, AT, COMMON_POLICY, OTHER_TOWN, TOWN, found, operator, resident, seen
from tests.verifier.filing_world import build_world


@pytest.fixture
def database(sqlite_database):
    """Nothing here depends on the engine."""
    return sqlite_database


@pytest.fixture
def person(database, random):
    def enter(conn):
        found(conn)
        return resident(conn, random)

    return database.transaction(enter)


def confirm(database, random, person, who="clerk", counter="post", at=AT):
    def body(conn):
        return confirmations.confirm(conn, rows.operator_of(conn, who), person, counter, at, random).confirmation

    return database.transaction(body)


def check(database, random, evidence, who="clerk", at=AT, confirmation=None):
    return database.transaction(lambda conn: visits.check(conn, evidence, who, at, random, confirmation))


def at_post(person, **changes):
    return seen(person, officer="postclerk", counter="post", **changes)


def test_a_check_at_the_post_office_with_the_municipality_confirming(database, random, person):
    confirmation = confirm(database, random, person)
    checked = check(database, random, at_post(person), "postclerk", confirmation=confirmation)
    assert (checked.event.kind, checked.event.channel, checked.event.level) == (EventKind.ANCHOR, "post-office", "ial3")
    assert checked.decision.allowed
    assert checked.decision.anchor_date == date(2026, 11, 23)


def test_recording_the_same_check_again_changes_nothing(database, random, person):
    confirmation = confirm(database, random, person)
    first = check(database, random, at_post(person), "postclerk", confirmation=confirmation)
    again = check(database, random, at_post(person), "postclerk", confirmation=confirmation)
    assert again.event == first.event
    assert len(database.read(lambda conn: ledger.history(conn, person))) == 1


def test_a_post_office_needs_a_confirmation_for_just_this_check(database, random, person):
    other = database.transaction(lambda conn: resident(conn, random))
    used = confirm(database, random, person)
    check(database, random, at_post(person, at=AT + timedelta(hours=-1)), "postclerk", confirmation=used)
    late = confirm(database, random, person, at=AT + timedelta(minutes=-31))
    for wrong in (
        None,
        "0" * 32,
        confirm(database, random, other),
        used,
        late,
        confirm(database, random, person, counter="main"),
    ):
        with pytest.raises(NotConfirmed):
            check(database, random, at_post(person), "postclerk", confirmation=wrong)


def test_only_the_municipality_confirms(database, random, person):
    with pytest.raises(OutOfScope):
        confirm(database, random, person, who="postclerk")
    with pytest.raises(NotYours):
        confirm(database, random, person, who="other-clerk")
    with pytest.raises(NotYours):
        confirm(database, random, person, counter="other-main")
    with pytest.raises(UnknownPerson):
        confirm(database, random, "0" * 32)


def test_an_ended_record_is_not_confirmed(database, random, person):
    from sqlalchemy import text

    with database.engine.begin() as conn:
        conn.execute(text("UPDATE enrollment_people SET status = 'dead'"))
    with pytest.raises(NotConfirmed):
        confirm(database, random, person)
    with pytest.raises(WrongState):
        check(database, random, seen(person))
    with pytest.raises(WrongState):
        database.transaction(
            lambda conn: issuing.file(
                conn, ApplicationKind.FIRST_ISSUE, seen(person), ALWAYS.not_after, "clerk", AT, random
            )
        )


def test_a_policy_is_adopted_once(database, person):
    again = CapPolicy("2026-01", AT)
    same_day = CapPolicy("2026-02", COMMON_POLICY.effective_from)
    for policy in (again, same_day):
        with pytest.raises(AlreadyAdopted):
            database.transaction(lambda conn, p=policy: rules.adopt(conn, p, AT, "boss"))


def test_a_signature_on_the_evidence_must_be_the_officers_own(database, random, person, tmp_path):
    world = build_world()
    signer, other = world.signer, world.signature_certificate("somebody else")
    mine = replace(operator("signer", "main"), card_fingerprint=signer.certificate.fingerprint.hex())
    database.transaction(lambda conn: rows.add_operator(conn, mine))
    evidence = seen(person, officer="signer")

    def record(signature, certificate):
        signed = replace(evidence, signature=signature)
        return database.transaction(
            lambda conn: visits.check(conn, signed, "signer", AT, random, officer_certificate=certificate)
        )

    good = signer.sign(evidence.to_be_signed())
    for signature, certificate in (
        (good, other.certificate.der),
        (good, None),
        (other.sign(evidence.to_be_signed()), signer.certificate.der),
        (signer.sign(seen(person, officer="signer", photo_matched=False).to_be_signed()), signer.certificate.der),
    ):
        with pytest.raises(SignatureInvalid):
            record(signature, certificate)
    assert record(good, signer.certificate.der).event.kind is EventKind.ANCHOR


def test_a_kiosk_never_anchors(database, random, person):
    with pytest.raises(KioskNeverAnchors):
        check(database, random, seen(person, officer="machine", counter="kiosk"), "machine")


def test_outside_the_designation(database, random, person):
    early = AT + timedelta(days=-300)
    with pytest.raises(NotDesignated):
        check(database, random, at_post(person, at=early), "postclerk", early)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"presented_by": "f" * 32}, NotPresent),
        ({"photo_matched": False}, EvidenceTooWeak),
        ({"at": AT + timedelta(seconds=1)}, EvidenceTooWeak),
        ({"at": AT + timedelta(hours=-25)}, EvidenceTooWeak),
        ({"officer": "boss"}, EvidenceTooWeak),
        ({"counter": "branch"}, EvidenceTooWeak),
        ({"documents": (DocumentSeen("driving-licence", date(2020, 1, 1)),)}, EvidenceTooWeak),
    ],
)
def test_what_does_not_prove_presence(database, random, person, changes, error):
    with pytest.raises(error):
        check(database, random, seen(person, **changes))
    assert database.read(lambda conn: ledger.history(conn, person)) == ()


def test_another_municipality_cannot_check_a_resident(database, random, person):
    with pytest.raises(NotYours):
        check(database, random, seen(person, officer="other-clerk", counter="other-main"), "other-clerk")


def test_an_officer_cannot_check_themselves(database, random, person):
    me = replace(operator("me", "main"), person=person)
    database.transaction(lambda conn: rows.add_operator(conn, me))
    with pytest.raises(SelfDealing):
        check(database, random, seen(person, officer="me"), "me")


def test_evidence_of_an_application_is_not_a_visit_too(database, random, person):
    from enrollment.store import records

    evidence = seen(person)
    database.transaction(lambda conn: records.add_evidence(conn, evidence, "some-application"))
    with pytest.raises(EvidenceUsed):
        check(database, random, evidence)


def test_a_policy_can_ask_for_every_second_check_at_a_municipal_desk(database, random, person):
    strict = CapPolicy("strict", AT, TOWN, municipal_every=2)
    database.transaction(lambda conn: rules.adopt(conn, strict, AT, "boss"))

    def post(hours):
        at = AT + timedelta(hours=hours)
        confirmation = confirm(database, random, person, at=at)
        return check(database, random, at_post(person, at=at), "postclerk", at, confirmation)

    with pytest.raises(MunicipalDeskNeeded):
        post(0)
    check(database, random, seen(person, at=AT), at=AT)
    post(1)
    with pytest.raises(MunicipalDeskNeeded):
        post(2)


def test_a_policy_can_take_post_offices_out(database, random, person):
    only_desks = CapPolicy("desks", AT, TOWN, anchors=frozenset({CounterKind.MUNICIPAL_MAIN}))
    database.transaction(lambda conn: rules.adopt(conn, only_desks, AT, "boss"))
    with pytest.raises(MunicipalDeskNeeded):
        check(database, random, at_post(person), "postclerk", confirmation=confirm(database, random, person))


def test_a_check_gives_back_what_was_used(database, random, person):
    check(database, random, seen(person, at=AT))
    for _ in range(3):
        what = Happening(person, EventKind.REMOTE_MOVE, actor=person)
        database.transaction(lambda conn, w=what: ledger.record(conn, w, AT, random))
    assert not database.read(lambda conn: ledger.judge(conn, person, EventKind.REMOTE_MOVE, AT)).allowed
    later = AT + timedelta(days=1)
    assert check(database, random, seen(person, at=later), at=later).decision.used == 0


def test_residents_of_two_towns_do_not_mix(database, random, person):
    stranger = database.transaction(lambda conn: resident(conn, random, owner=OTHER_TOWN))
    with pytest.raises(NotYours):
        check(database, random, seen(stranger))
    check(database, random, seen(stranger, officer="other-clerk", counter="other-main"), "other-clerk")
