"""Remote moves with a real authority: one transaction, the cap, and every way in which a filing is refused."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from ca import revocation
from enrollment import loss, registry, visits
from enrollment.application import ApplicationState
from enrollment.errors import (
    CapReached,
    CardNotUsable,
    CertificateEnded,
    CertificateExpired,
    FilingMismatch,
    FilingReplayed,
    FilingVoid,
    IdempotencyMismatch,
    KeyNotFromCard,
    NothingChanges,
    RemoteBlocked,
    UnknownCertificate,
    UnknownFiling,
    UnknownMunicipality,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.filing import ReissueFiling
from enrollment.store import people as people_rows
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.enrollment.folder_card import FolderCard
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, OTHER_TOWN, seen

TABLES = """
    enrollment_ledger enrollment_people enrollment_applications enrollment_certificates enrollment_filings
    enrollment_outbox enrollment_idempotency enrollment_requests enrollment_access_records ca_intents ca_revocations
"""


SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Where nothing depends on the engine."""


@pytest.fixture
def office(database, tmp_path, request):
    return open_office(database, tmp_path, request.node.nodeid)


def counts(office):
    return office.database.read(
        lambda conn: {name: conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in TABLES.split()}
    )


def status(office, held):
    return office.database.read(
        lambda conn: revocation.standing(conn, held.issuer, SerialNumber.parse(f"0x{held.serial}"))
    )


def test_a_move_changes_address_certificate_and_ledger_together(office):
    person, card = office.enrolled()
    before = {one.purpose: one for one in office.certificates(person)}
    result = office.move(card, "神奈川県架空市本町１番１号", AT + timedelta(days=1), town=OTHER_TOWN)
    assert result.state is ApplicationState.SIGNED
    assert result.decision["used"] == 1
    assert [event.kind for event in office.events(person)] == [EventKind.ANCHOR, EventKind.REMOTE_MOVE]
    old, authentication, new = (
        before[Purpose.SIGNATURE],
        before[Purpose.AUTHENTICATION],
        office.certificates(person)[-1],
    )
    revoked = status(office, old)
    assert (revoked.reason, revoked.since) == (Reason.AFFILIATION_CHANGED, AT + timedelta(days=1))
    assert status(office, authentication) is None
    assert status(office, new) is None
    assert new.not_after <= authentication.not_after
    assert parse_certificate(card.read(Purpose.SIGNATURE)).fingerprint.hex() == new.fingerprint
    moved = office.database.read(lambda conn: people_rows.person_of(conn, person))
    assert (moved.owner, moved.attributes.address) == (OTHER_TOWN, "神奈川県架空市本町１番１号")
    assert office.chain_holds(person)
    assert office.database.read(lambda conn: registry.broken_accesses(conn, person)) == ()


def test_the_fourth_move_is_refused_with_the_numbers_and_changes_nothing(office):
    person, card = office.enrolled()
    for number in (1, 2, 3):
        office.move(card, f"東京都見本区南町{number}番", AT + timedelta(days=number))
    before = counts(office)
    with pytest.raises(CapReached) as refused:
        office.move(card, "東京都見本区南町９番", AT + timedelta(days=4))
    decision = refused.value.decision
    assert (decision.used, decision.limit, decision.anchor_date) == (3, 3, AT.jst_date())
    assert "窓口" in decision.reasons[0].where_ja
    assert counts(office) == before
    checked = office.database.transaction(
        lambda conn: visits.check(
            conn, seen(person, at=AT + timedelta(days=5)), "clerk", AT + timedelta(days=5), office.random
        )
    )
    assert checked.decision.used == 0
    assert office.move(card, "東京都見本区南町９番", AT + timedelta(days=6)).decision["used"] == 1


def test_who_was_seen_more_than_five_years_ago_is_refused_at_the_first_move(office):
    person, card = office.enrolled()
    before = counts(office)
    with pytest.raises(CapReached) as refused:
        office.move(card, "東京都見本区南町１番", AT + timedelta(days=5 * 366))
    assert [reason.code.value for reason in refused.value.decision.reasons] == ["cap.years"]
    assert counts(office) == before
    assert len(office.events(person)) == 1


def test_the_same_request_again_has_the_same_answer_and_one_effect(office):
    person, card = office.enrolled()
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")
    first = office.moves.accept(verified, request, "key-0001", AT)
    before = counts(office)
    assert office.moves.accept(verified, request, "key-0001", AT + timedelta(days=1)) == first
    assert office.moves.answered(verified.document, request, "key-0001", AT) == first
    assert counts(office) == before
    for ask in (
        lambda: office.moves.accept(verified, request, "key-0002", AT),
        lambda: office.moves.answered(verified.document, request, "key-0002", AT),
    ):
        with pytest.raises(FilingReplayed):
            ask()
    with pytest.raises(IdempotencyMismatch):
        office.moves.accept(verified, office.request(card), "key-0001", AT)
    assert len(office.events(person)) == 2


def test_sixteen_copies_of_one_filing_at_once_have_one_effect(office):
    person, card = office.enrolled()
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")

    def attempt(number):
        try:
            return office.moves.accept(verified, request, f"key-{number % 4:04}", AT).application
        except FilingReplayed:
            return None

    with ThreadPoolExecutor(16) as clients:
        answers = {one for one in clients.map(attempt, range(16)) if one}
    assert len(answers) == 1
    assert len(office.events(person)) == 2


def test_sixteen_different_filings_by_one_certificate_at_once(office):
    person, card = office.enrolled()
    filings = []
    for number in range(16):
        request = office.request(card)
        filings.append((office.verified(card, request, f"東京都見本区南町{number}番"), request))

    def attempt(filing):
        try:
            office.moves.accept(*filing, f"key-{filing[0].filing.filing}", AT)
        except CertificateEnded:
            return 0
        return 1

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(attempt, filings)) == 1
    assert [event.seq for event in office.events(person)] == [None, 1]
    assert office.chain_holds(person)


def test_sixteen_clients_that_never_give_up_get_exactly_the_cap(office, tmp_path):
    """Each client files with whatever certificate is the newest, and tries again until it is told to come in person."""
    person, card = office.enrolled()
    newest = [parse_certificate(card.read(Purpose.SIGNATURE)).fingerprint.hex()]

    def client(number):
        mine = FolderCard(tmp_path / f"keys-{number}", made=office.made)
        accepted = 0
        while True:
            request = office.request(mine)
            verified = replace(office.verified(card, request, f"東京都見本区{number}町{accepted}番"), signer=newest[-1])
            try:
                result = office.moves.accept(verified, request, "key-0001", AT)
            except CertificateEnded:
                continue
            except CapReached:
                return accepted
            newest.append(parse_certificate(result.certificate).fingerprint.hex())
            accepted += 1

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(client, range(16))) == 3
    assert [event.seq for event in office.events(person)] == [None, 1, 2, 3]
    assert len([one for one in office.certificates(person) if one.ended_at is None]) == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"void_after": AT + timedelta(seconds=-1)}, FilingVoid),
        ({"request_digest": "0" * 64}, FilingMismatch),
        ({"address": "東京都見本区見本町一丁目２番３号"}, NothingChanges),
        ({"municipality": "99999"}, UnknownMunicipality),
    ],
)
@SQLITE
def test_a_filing_that_cannot_be_accepted_changes_nothing(office, changes, error):
    _, card = office.enrolled()
    request = office.request(card)
    before = counts(office)
    with pytest.raises(error):
        office.moves.accept(
            office.verified(card, request, **{"address": "東京都見本区南町１番", **changes}), request, "key-0001", AT
        )
    assert counts(office) == before


def test_a_signature_by_an_ended_expired_or_unknown_certificate(office):
    _, card = office.enrolled()
    old = card.read(Purpose.SIGNATURE)
    request = office.request(card)
    stale = office.verified(card, request, "東京都見本区南町７番")
    unknown = replace(stale, signer="0" * 64)
    authentication = replace(stale, signer=parse_certificate(card.read(Purpose.AUTHENTICATION)).fingerprint.hex())
    for wrong in (unknown, authentication):
        with pytest.raises(UnknownCertificate):
            office.moves.accept(wrong, request, "key-0001", AT)
    late = parse_certificate(old).validity.not_after + timedelta(seconds=1)
    with pytest.raises(CertificateExpired):
        office.moves.accept(office.verified(card, request, "東京都見本区南町７番", late), request, "key-0001", late)
    office.move(card, "東京都見本区南町１番")
    request = office.request(card)
    again = office.verified(card, request, "東京都見本区南町７番")
    with pytest.raises(CertificateEnded):
        office.moves.accept(replace(again, signer=stale.signer), request, "key-0003", AT)


def test_a_card_that_is_lost_before_its_certificate_is_signed_gets_none_and_the_answer_says_so(office):
    """Accepted, and in the moment before the authority signs somebody reports the loss: no error, no certificate."""
    person, card = office.enrolled()
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")

    def lost_first(intent, at):
        office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", at, office.random))
        return office.signer.sign(office.database, intent, at)

    moves = replace(office.moves, sign=lost_first)
    result = moves.accept(verified, request, "key-0001", AT)
    assert (result.state, result.certificate) == (ApplicationState.WITHDRAWN, None)
    assert moves.accept(verified, request, "key-0001", AT) == result
    assert [one for one in office.certificates(person) if one.ended_at is None] == []
    assert [one.kind for one in office.events(person)] == [EventKind.ANCHOR, EventKind.REMOTE_MOVE]


def test_a_lost_card_ends_everything_and_nothing_more_is_accepted(office):
    person, card = office.enrolled()
    office.move(card, "東京都見本区南町１番")
    lost = office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", AT, office.random))
    assert {one.purpose for one in lost.ended} == set(Purpose)
    for held in office.certificates(person):
        assert held.ended_at is not None
    assert [status(office, held).reason for held in lost.ended] == [Reason.KEY_COMPROMISE] * 2
    with pytest.raises(CertificateEnded):
        office.move(card, "東京都見本区南町２番")
    assert (
        office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", AT, office.random)).ended == ()
    )


def test_a_card_lost_between_promise_and_signature(office):
    person, card = office.enrolled()
    waiting = replace(office.moves, sign=None)
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")
    assert waiting.accept(verified, request, "key-0001", AT).state is ApplicationState.INTENDED
    office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", AT, office.random))
    assert office.signer.sign_pending(office.database, AT) == 0
    assert waiting.result(verified.filing.filing, AT).certificate is None
    assert all(held.ended_at for held in office.certificates(person))


@SQLITE
def test_a_suspended_card_and_an_ended_record(office):
    person, card = office.enrolled()
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")
    with office.database.engine.begin() as conn:
        conn.execute(text("UPDATE enrollment_cards SET state = 'suspended'"))
    with pytest.raises(CardNotUsable):
        office.moves.accept(verified, request, "key-0001", AT)
    with office.database.engine.begin() as conn:
        conn.execute(text("UPDATE enrollment_cards SET state = 'active'"))
        conn.execute(text("UPDATE enrollment_people SET status = 'dead' WHERE person = :p"), {"p": person})
    with pytest.raises(RemoteBlocked):
        office.moves.accept(verified, request, "key-0001", AT)


@SQLITE
def test_a_use_of_the_new_certificate_ends_the_delivery(office):
    person, card = office.enrolled()
    office.move(card, "東京都見本区南町１番", AT + timedelta(days=1))
    office.move(card, "東京都見本区南町２番", AT + timedelta(days=2))
    assert [one.state for one in office.applications(person)] == [
        ApplicationState.DELIVERED, ApplicationState.DELIVERED, ApplicationState.SIGNED,
    ]  # fmt: skip


@SQLITE
def test_a_remote_reissue_takes_a_place_and_keeps_the_address(office):
    person, card = office.enrolled()
    request = office.request(card)
    move = office.verified(card, request, "東京都見本区南町１番")
    filing = ReissueFiling(move.filing.filing, move.filing.request_digest, move.filing.void_after)
    result = office.moves.accept(replace(move, filing=filing, document=filing.document()), request, "key-0001", AT)
    assert result.decision["used"] == 1
    assert office.events(person)[-1].kind is EventKind.REMOTE_REISSUE
    assert (
        status(
            office,
            office.certificates(person)[0]
            if office.certificates(person)[0].purpose is Purpose.SIGNATURE
            else office.certificates(person)[1],
        ).reason
        is Reason.SUPERSEDED
    )


@SQLITE
def test_an_unknown_filing(office):
    with pytest.raises(UnknownFiling):
        office.moves.result("0" * 32, AT)


def test_the_authority_elsewhere_signs_later(office):
    _, card = office.enrolled()
    waiting = replace(office.moves, sign=None)
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")
    assert waiting.accept(verified, request, "key-0001", AT).certificate is None
    assert office.signer.sign_pending(office.database, AT) == 1
    assert waiting.result(verified.filing.filing, AT).certificate is not None


def test_a_key_that_was_not_made_on_the_card_is_refused(office, tmp_path):
    """It works, and its holder can prove it; but nobody saw this card make it."""
    person, card = office.enrolled()
    elsewhere = FolderCard(tmp_path / "software", "CARD0001")
    request = office.request(elsewhere)
    with pytest.raises(KeyNotFromCard):
        office.moves.accept(office.verified(card, request, "東京都見本区南町１番"), request, "key-0001", AT)
    assert [event.seq for event in office.events(person)] == [None]
    other = office.card("CARD0002")
    with pytest.raises(KeyNotFromCard):
        request = office.request(other)
        office.moves.accept(office.verified(card, request, "東京都見本区南町１番"), request, "key-0002", AT)
    assert len([one for one in office.certificates(person) if one.ended_at is None]) == 2
