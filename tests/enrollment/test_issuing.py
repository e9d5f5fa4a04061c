"""First issue, renewal and re-issue at a counter, with a real authority and a card that remembers."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ca import authorities, revocation
from ca.orders import ServiceKind, ServiceOrder
from ca.profiles import KeyShape
from enrollment import certificates, issuing
from enrollment.application import ApplicationKind, ApplicationState
from enrollment.errors import (
    AlreadyIssued,
    ApprovalExpired,
    CardNotUsable,
    EvidenceTooWeak,
    EvidenceUsed,
    NeedsApproval,
    NotDesignated,
    NotPresent,
    NotSignedYet,
    NotYours,
    OutOfScope,
    RoleMissing,
    SamePerson,
    SignatureInvalid,
    UnknownApplication,
    WrongCard,
    WrongState,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.evidence import DocumentSeen
from enrollment.store import people as people_rows
from enrollment.store import work
from pki.card_state import CardState
from pki.certificate import parse_certificate
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason
from tests.enrollment.folder_card import Unplugged
from tests.enrollment.office import CARD_END, open_office
from tests.enrollment.town import AT, OTHER_TOWN, operator, resident, seen

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Where nothing depends on the engine."""


@pytest.fixture
def office(database, tmp_path, request):
    return open_office(database, tmp_path, request.node.nodeid)


@pytest.fixture
def person(office):
    return office.database.transaction(lambda conn: resident(conn, office.random))


def file(office, evidence, operator="clerk", at=AT, kind=ApplicationKind.FIRST_ISSUE):
    return office.database.transaction(
        lambda conn: issuing.file(conn, kind, evidence, CARD_END, operator, at, office.random)
    )


def approve(office, application, operator, at=AT):
    return office.database.transaction(lambda conn: issuing.approve(conn, application, operator, at))


def test_a_first_issue_from_the_counter_to_the_card(office, person):
    card = office.card()
    done = office.issuing.continue_(office.filed(person), card, AT)
    assert (done.state, done.card_id) == (ApplicationState.DELIVERED, "CARD0001")
    assert [event.kind for event in office.events(person)] == [EventKind.ANCHOR]
    assert office.events(person)[0].level == "ial3"
    held = {one.purpose: one for one in office.certificates(person)}
    for purpose in Purpose:
        certificate = parse_certificate(card.read(purpose))
        assert certificate.fingerprint.hex() == held[purpose].fingerprint
        assert certificate.validity.not_after == held[purpose].not_after
    assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.ACTIVE
    assert office.chain_holds(person)


def test_continuing_what_is_done_changes_nothing(office, person):
    card, application = office.card(), office.filed(person)
    done = office.issuing.continue_(application, card, AT)
    calls = list(card.calls)
    assert office.issuing.continue_(application, card, AT + timedelta(days=1)) == done
    assert card.calls == calls


def test_nothing_happens_before_the_second_operator(office, person):
    application = file(office, seen(person)).application
    card = office.card()
    with pytest.raises(NeedsApproval):
        office.issuing.continue_(application, card, AT)
    assert card.calls == []
    with pytest.raises(RoleMissing):
        approve(office, application, "clerk")
    with pytest.raises(NotYours):
        approve(office, application, "other-boss")
    with pytest.raises(ApprovalExpired):
        approve(office, application, "boss", AT + timedelta(hours=9))


@SQLITE
def test_who_filed_may_not_approve(office, person):
    application = file(office, seen(person, officer="boss"), operator="boss").application
    with pytest.raises(SamePerson):
        approve(office, application, "boss")
    approve(office, application, "boss2")
    with pytest.raises(WrongState):
        approve(office, application, "boss2")


@SQLITE
def test_an_approval_is_worth_nothing_the_next_day(office, person):
    application = office.filed(person)
    with pytest.raises(ApprovalExpired):
        office.issuing.continue_(application, office.card(), AT + timedelta(days=1))
    assert office.events(person) == ()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"photo_matched": False}, EvidenceTooWeak),
        ({"documents": ()}, EvidenceTooWeak),
        ({"documents": (DocumentSeen("passport", date(2026, 11, 22)),)}, EvidenceTooWeak),
        ({"documents": (DocumentSeen("passport"),)}, EvidenceTooWeak),
        ({"documents": (DocumentSeen("library-card", date(2030, 1, 1)),)}, EvidenceTooWeak),
        ({"documents": (DocumentSeen("pension-handbook"),), "photo_matched": False}, EvidenceTooWeak),
        ({"presented_by": "f" * 32}, NotPresent),
        ({"officer": "boss"}, EvidenceTooWeak),
    ],
)
@SQLITE
def test_what_was_shown_must_prove_the_person(office, person, changes, error):
    with pytest.raises(error):
        file(office, seen(person, **changes))


@SQLITE
def test_two_documents_without_a_photo_make_a_lower_level(office, person):
    two = (DocumentSeen("pension-handbook"), DocumentSeen("health-eligibility", date(2027, 3, 31)))
    application = file(office, seen(person, documents=two, photo_matched=False)).application
    approve(office, application, "boss")
    office.issuing.continue_(application, office.card(), AT)
    assert office.events(person)[0].level == "ial2"


@SQLITE
def test_desks_do_only_what_they_may(office, person):
    with pytest.raises(OutOfScope):
        file(office, seen(person, officer="postclerk", counter="post"), "postclerk")
    early = AT + timedelta(days=-300)
    with pytest.raises(NotDesignated):
        file(office, seen(person, officer="postclerk", counter="post", at=early), "postclerk", early)
    with pytest.raises(OutOfScope):
        file(office, seen(person, officer="machine", counter="kiosk"), "machine")
    stranger = office.database.transaction(lambda conn: resident(conn, office.random, owner=OTHER_TOWN))
    with pytest.raises(NotYours):
        file(office, seen(stranger))


def test_one_application_at_a_time_and_evidence_once(office, person):
    evidence = seen(person)
    first = file(office, evidence)
    with pytest.raises(AlreadyIssued):
        file(office, seen(person, at=AT + timedelta(seconds=1)), at=AT + timedelta(seconds=1))
    office.database.transaction(lambda conn: issuing.refuse(conn, first.application, "boss", AT, "wrong photo"))
    with pytest.raises(EvidenceUsed):
        file(office, evidence)
    with pytest.raises(WrongState):
        office.issuing.continue_(first.application, office.card(), AT)


def test_who_holds_certificates_does_not_get_a_first_issue(office):
    person, _ = office.enrolled()
    with pytest.raises(AlreadyIssued):
        file(office, seen(person, at=AT + timedelta(days=1)), at=AT + timedelta(days=1))


def test_a_card_that_was_issued_to_somebody_else(office, person):
    office.enrolled()
    application = office.filed(person)
    with pytest.raises(CardNotUsable):
        office.issuing.continue_(application, office.card(), AT)
    assert office.issuing.continue_(application, office.card("CARD0002"), AT).state is ApplicationState.DELIVERED


@pytest.mark.parametrize("call", ["card_id", "generate", "prove", "install", "read"])
@SQLITE
def test_a_card_pulled_out_at_any_moment(office, person, call):
    card, application = office.card(), office.filed(person)
    card.pull_out_before = call
    with pytest.raises(Unplugged):
        office.issuing.continue_(application, card, AT)
    card.pull_out_before = None
    assert office.issuing.continue_(application, card, AT).state is ApplicationState.DELIVERED
    assert [event.kind for event in office.events(person)] == [EventKind.ANCHOR]
    assert len(office.certificates(person)) == 2


@SQLITE
def test_another_card_in_the_reader_is_refused(office, person):
    card, application = office.card(), office.filed(person)
    card.pull_out_before = "install"
    with pytest.raises(Unplugged):
        office.issuing.continue_(application, card, AT)
    with pytest.raises(WrongCard):
        office.issuing.continue_(application, office.card("CARD0002"), AT)


def test_without_the_authority_in_this_process_one_waits(office, person):
    application, card = office.filed(person), office.card()
    waiting = replace(office.issuing, sign=None)
    for _ in range(2):
        with pytest.raises(NotSignedYet):
            waiting.continue_(application, card, AT)
    assert office.signer.sign_pending(office.database, AT) == 2
    assert waiting.continue_(application, card, AT).state is ApplicationState.DELIVERED


def test_withdrawing_after_the_promise_leaves_nothing_valid(office, person):
    application, card = office.filed(person), office.card()
    card.pull_out_before = "install"
    with pytest.raises(Unplugged):
        office.issuing.continue_(application, card, AT)
    office.database.transaction(lambda conn: issuing.withdraw(conn, application, "clerk", AT, "left", office.random))
    held = office.certificates(person)
    assert all(one.ended_at == AT for one in held)
    assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.ENDED
    with pytest.raises(WrongState):
        office.issuing.continue_(application, office.card(), AT)


def test_withdrawing_before_the_authority_signed_means_it_never_will(office, person):
    application, card = office.filed(person), office.card()
    with pytest.raises(NotSignedYet):
        replace(office.issuing, sign=None).continue_(application, card, AT)
    office.database.transaction(lambda conn: issuing.withdraw(conn, application, "clerk", AT, "left", office.random))
    assert office.signer.sign_pending(office.database, AT) == 0


def test_a_renewal_on_the_same_card_is_a_new_check(office):
    person, card = office.enrolled()
    old = {one.purpose: one for one in office.certificates(person)}
    later = old[Purpose.AUTHENTICATION].not_after + timedelta(days=-300)
    application = office.filed(person, later, ApplicationKind.RENEWAL, Instant.parse("2045-12-31T14:59:59Z"))
    office.issuing.continue_(application, card, later)
    assert [event.kind for event in office.events(person)] == [EventKind.ANCHOR, EventKind.ANCHOR]
    for purpose in Purpose:
        now = office.database.read(lambda conn, p=purpose: certificates.live(conn, person, p, later))
        assert parse_certificate(card.read(purpose)).fingerprint.hex() == now.fingerprint
        assert now.fingerprint != old[purpose].fingerprint
        assert now.not_after.jst_date() == date(2045, 12, 31)


def test_a_reissue_needs_a_fresh_card_and_ends_the_old_one(office):
    person, card = office.enrolled()
    application = office.filed(person, AT + timedelta(days=9), ApplicationKind.REISSUE)
    with pytest.raises(CardNotUsable):
        office.issuing.continue_(application, card, AT + timedelta(days=9))
    office.issuing.continue_(application, office.card("CARD0002"), AT + timedelta(days=9))
    cards = {one.card_id: one.state for one in office.database.read(lambda conn: work.cards_of(conn, person))}
    assert cards == {"CARD0001": CardState.ENDED, "CARD0002": CardState.ACTIVE}


def test_below_fifteen_there_is_no_signature_certificate(office):
    born = date(AT.jst_date().year - 15, 11, 24)
    person, card = office.enrolled(date_of_birth=born)
    assert [one.purpose for one in office.certificates(person)] == [Purpose.AUTHENTICATION]
    assert card.read(Purpose.SIGNATURE) is None


@SQLITE
def test_an_unknown_application(office):
    with pytest.raises(UnknownApplication):
        office.issuing.continue_("0" * 32, office.card(), AT)


@SQLITE
def test_the_officers_certificate_is_looked_up_and_must_not_be_revoked(office, person, tmp_path):
    key = office.signer._keys.create("officer", KeyShape.P384)
    order = ServiceOrder(
        ServiceKind.OPERATOR, authorities.self_request(key), "officer", "Mihon-ku", "officer", "", None, "officer-1"
    )
    intent = office.database.transaction(lambda conn: office.issuing.registrar.intend(conn, order, AT))
    issued = office.signer.sign(office.database, intent, AT)
    fingerprint = parse_certificate(issued.der).fingerprint.hex()
    officer = replace(operator("officer", "main"), card_fingerprint=fingerprint)
    office.database.transaction(lambda conn: people_rows.add_operator(conn, officer))
    evidence = seen(person, officer="officer")
    signed = replace(evidence, signature=key.sign(evidence.to_be_signed()))
    with pytest.raises(SignatureInvalid):
        file(office, replace(signed, photo_matched=True, signature=key.sign(b"other")), "officer")
    application = file(office, signed, "officer")
    office.database.transaction(
        lambda conn: issuing.refuse(conn, application.application, "boss", AT, "once more, please")
    )
    office.database.transaction(
        lambda conn: revocation.revoke(conn, issued.authority, issued.serial, Reason.KEY_COMPROMISE, AT, cause="test")
    )
    later = seen(person, officer="officer", at=AT + timedelta(minutes=1))
    with pytest.raises(SignatureInvalid):
        file(office, replace(later, signature=key.sign(later.to_be_signed())), "officer", AT + timedelta(minutes=1))
