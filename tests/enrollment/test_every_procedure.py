"""Every procedure from its beginning to its end, and what it does to certificates, ledger, card and deadlines."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest

from ca.revocation import HoldPolicy
from enrollment import (
    card_waiting,
    channels,
    counter_change,
    deadlines,
    deciding,
    lapses,
    loss,
    procedures,
    transfers,
)
from enrollment.application import ApplicationKind, ApplicationState
from enrollment.channels import Channel, Procedure, ProcedurePolicy
from enrollment.deadline import DeadlineKind, DeadlineOutcome
from enrollment.errors import (
    CardNotUsable,
    EvidenceTooWeak,
    EvidenceUsed,
    FilingMalformed,
    FilingReplayed,
    FilingTooEarly,
    FilingTooLate,
    FilingVoid,
    NeedsApproval,
    NothingChanges,
    NotPresent,
    NotYours,
    RemoteBlocked,
    ResidenceUnproven,
    WrongCard,
    WrongState,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.filing import MoveOutFiling, ReissueFiling, parse_filing
from enrollment.person import PersonStatus
from enrollment.proofs import parse_requirement
from enrollment.store import people as rows
from enrollment.store import terms, work
from enrollment.transfer import TransferState
from enrollment.transfers import Transfers
from pki.card_state import CardState
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, hanako, seen

SIGN, AUTH = Purpose.SIGNATURE, Purpose.AUTHENTICATION
NEW = "神奈川県架空市本町１番１号"
DAY = timedelta(days=1)
LATER = AT + timedelta(hours=1)
"""Another check than the one of the first issue."""
LATE = {"void_after": AT + timedelta(days=400)}


@pytest.fixture
def office(database, tmp_path, request):
    return open_office(database, tmp_path, request.node.nodeid)


def live(office, person):
    return sorted(held.purpose for held in office.certificates(person) if held.ended_at is None)


def ended(office, person):
    return sorted(str(held.ended_because) for held in office.certificates(person) if held.ended_at is not None)


def running(office, person):
    return [(one.kind, one.due_at.jst_date()) for one in office.database.read(lambda c: deadlines.running(c, person))]


def kinds(office, person):
    return [event.kind for event in office.events(person)]


def card_state(office, card_id="CARD0001"):
    return office.database.read(lambda c: work.card_of(c, card_id)).state


def keeper(office, person):
    return office.database.read(lambda c: rows.owner_of(c, person))


def told_out(office, card, planned_on, at=AT, municipality=OTHER_TOWN, **changes):
    filing = MoveOutFiling(
        **{"filing": office.random(16).hex(), "municipality": municipality, "planned_on": planned_on,
           "void_after": at + DAY, **changes}
    )  # fmt: skip
    template = office.verified(card, b"request", NEW, at)
    verified = replace(template, filing=filing, document=filing.document())
    assert parse_filing(filing.document()) == filing
    return Transfers(office.database, office.random).accept(verified, f"key-{filing.filing}", at)


def changed(office, person, owner, attributes, at=LATER, clerk="clerk", boss="boss", desk="main", **evidence):
    """The whole way at a counter: proposed, approved by another, done."""
    saw = seen(person, officer=clerk, counter=desk, at=at, **evidence)

    def propose(conn):
        return counter_change.propose(conn, saw, owner, attributes, clerk, at, office.random).approval

    approval = office.database.transaction(propose)
    office.database.transaction(lambda c: deciding.approve(c, approval, rows.operator_of(c, boss), at))
    return office.database.transaction(
        lambda c: counter_change.change(c, saw, owner, attributes, approval, clerk, at, office.random)
    )


def changed_there(office, person, attributes, at=LATER):
    return changed(office, person, OTHER_TOWN, attributes, at, "other-clerk", "other-boss", "other-main")


def test_first_issue(office):
    person, _ = office.enrolled()
    assert (live(office, person), kinds(office, person)) == ([AUTH, SIGN], [EventKind.ANCHOR])
    assert (card_state(office), running(office, person)) == (CardState.ACTIVE, [])


def test_renewal_on_the_same_card_ends_both_certificates_and_anchors(office):
    person, card = office.enrolled()
    done = office.issuing.continue_(office.filed(person, AT + DAY, ApplicationKind.RENEWAL), card, AT + DAY)
    assert done.state is ApplicationState.DELIVERED
    assert ended(office, person) == ["superseded:renewal"] * 2
    assert (live(office, person), kinds(office, person)) == ([AUTH, SIGN], [EventKind.ANCHOR] * 2)


def test_a_lost_card_and_a_new_one_in_its_place(office):
    person, card = office.enrolled()
    office.database.transaction(lambda c: loss.report(c, "CARD0001", "hotline", AT, office.random))
    assert (live(office, person), card_state(office)) == ([], CardState.LOST)
    assert ended(office, person) == ["keyCompromise:card-lost"] * 2
    with pytest.raises(CardNotUsable):
        office.issuing.continue_(office.filed(person, AT + DAY, ApplicationKind.REISSUE), card, AT + DAY)
    application = office.applications(person)[-1].application
    office.issuing.continue_(application, office.card("CARD0002"), AT + DAY)
    assert (live(office, person), card_state(office, "CARD0002")) == ([AUTH, SIGN], CardState.ACTIVE)
    assert kinds(office, person) == [EventKind.ANCHOR] * 2


def test_a_remote_reissue_replaces_the_signature_certificate_alone(office):
    person, card = office.enrolled()
    request = office.request(card)
    filing = ReissueFiling(office.random(16).hex(), hashlib.sha256(request).hexdigest(), AT + DAY)
    verified = replace(office.verified(card, request, NEW), filing=filing, document=filing.document())

    def close(closed):
        policy = ProcedurePolicy(frozenset({Channel.ONLINE}) if closed else frozenset())
        begins = AT + timedelta(seconds=0 if closed else 1)
        office.database.transaction(
            lambda c: channels.adopt(c, TOWN, Procedure.REMOTE_REISSUE, policy, begins, AT, "boss")
        )

    close(True)
    with pytest.raises(RemoteBlocked):
        office.moves.accept(verified, request, "key-0001", AT)
    close(False)
    office.moves.accept(verified, request, "key-0001", AT + timedelta(seconds=1))
    assert ended(office, person) == ["superseded:remote-reissue"]
    assert (live(office, person), kinds(office, person)) == ([AUTH, SIGN], [EventKind.ANCHOR, EventKind.REMOTE_REISSUE])


def test_a_move_within_the_town(office):
    person, card = office.enrolled()
    for moved_on, refused in ((AT.jst_date() + DAY, FilingTooEarly), (AT.jst_date() - 18 * DAY, FilingTooLate)):
        with pytest.raises(refused):
            office.move(card, "東京都見本区１番", moved_on=moved_on)
    assert kinds(office, person) == [EventKind.ANCHOR]
    office.move(card, "東京都見本区１番", moved_on=AT.jst_date() - 14 * DAY)
    assert ended(office, person) == ["affiliationChanged:remote-move"]
    assert (live(office, person), kinds(office, person)[-1]) == ([AUTH, SIGN], EventKind.REMOTE_MOVE)


def test_a_transfer_told_out_and_then_in(office):
    person, card = office.enrolled()
    planned = AT.jst_date() + 10 * DAY
    out = told_out(office, card, planned)
    assert (out.state, out.owner, keeper(office, person)) == (TransferState.ANNOUNCED, TOWN, TOWN)
    assert kinds(office, person) == [EventKind.ANCHOR]  # telling that one will move takes no place
    assert live(office, person) == [AUTH, SIGN]
    assert running(office, person) == [(DeadlineKind.TRANSFER_IN, date(2027, 1, 4))]  # 2 January has no offices
    later = AT + timedelta(days=10 + 13)
    office.move(card, NEW, later, town=OTHER_TOWN, moved_on=planned, **LATE)  # two weeks after it: told out before
    assert (keeper(office, person), running(office, person)) == (OTHER_TOWN, [])
    assert ended(office, person) == ["affiliationChanged:remote-move"]
    states = [one.state for one in office.database.read(lambda c: terms.transfers_of(c, person))]
    assert states == [TransferState.COMPLETED]


def test_a_transfer_in_without_a_transfer_out_tells_both_and_keeps_to_the_shorter_time(office):
    person, card = office.enrolled()
    with pytest.raises(FilingTooLate):
        office.move(card, NEW, town=OTHER_TOWN, moved_on=AT.jst_date() - 11 * DAY)
    office.move(card, NEW, town=OTHER_TOWN, moved_on=AT.jst_date() - 10 * DAY)
    assert keeper(office, person) == OTHER_TOWN


@pytest.mark.parametrize(
    ("planned", "changes", "error"),
    [
        (31, {}, FilingTooEarly),
        (-11, {}, FilingTooLate),
        (0, {"municipality": TOWN}, NothingChanges),
        (0, {"void_after": AT + timedelta(seconds=-1)}, FilingVoid),
    ],
)
def test_a_transfer_out_that_is_refused(office, planned, changes, error):
    person, card = office.enrolled()
    with pytest.raises(error):
        told_out(office, card, AT.jst_date() + planned * DAY, **changes)
    assert office.database.read(lambda c: terms.transfers_of(c, person)) == []
    for day in (30, -10):
        assert told_out(office, card, AT.jst_date() + day * DAY).state is TransferState.ANNOUNCED


def test_the_same_transfer_out_again_is_the_same_and_a_newer_one_takes_its_place(office):
    person, card = office.enrolled()
    fixed = {"filing": "ab" * 16}
    first = told_out(office, card, AT.jst_date(), **fixed)
    assert told_out(office, card, AT.jst_date(), **fixed) == first
    template = office.verified(card, b"request", NEW)
    again = MoveOutFiling("ab" * 16, OTHER_TOWN, AT.jst_date(), AT + DAY)
    with pytest.raises(FilingReplayed):
        Transfers(office.database, office.random).accept(
            replace(template, filing=again, document=again.document()), "another-key", AT
        )
    with pytest.raises(FilingMalformed):
        Transfers(office.database, office.random).accept(template, "key", AT)
    with pytest.raises(FilingMalformed):
        office.moves.accept(replace(template, filing=again, document=again.document()), b"request", "key-2", AT)
    told_out(office, card, AT.jst_date() + DAY)
    states = {one.transfer: one.state for one in office.database.read(lambda c: terms.transfers_of(c, person))}
    assert states.pop("ab" * 16) is TransferState.WITHDRAWN
    assert list(states.values()) == [TransferState.ANNOUNCED]
    assert len(running(office, person)) == 1


def test_a_transfer_out_lapses_and_a_counter_still_takes_the_move_in(office):
    person, card = office.enrolled()
    told_out(office, card, AT.jst_date())
    over = AT + timedelta(days=60)
    assert lapses.settle(office.database, over, office.random) == 1
    with pytest.raises(FilingTooLate):
        office.move(card, NEW, over, town=OTHER_TOWN, moved_on=AT.jst_date(), **LATE)
    changed_there(office, person, hanako(address=NEW), over)
    states = [one.state for one in office.database.read(lambda c: terms.transfers_of(c, person))]
    assert (states, keeper(office, person)) == ([TransferState.COMPLETED], OTHER_TOWN)


def test_an_officer_writes_a_transfer_out_down_and_it_can_be_taken_back(office):
    person, _ = office.enrolled()

    def write(who, at=AT):
        return office.database.transaction(
            lambda c: transfers.announce_at_counter(
                c, person, OTHER_TOWN, AT.jst_date() - 40 * DAY, rows.operator_of(c, who), at, office.random
            )
        )

    with pytest.raises(NotYours):
        write("other-clerk")
    made = write("clerk")  # late, and accepted
    assert made.channel == Channel.ASSISTED
    back = office.database.transaction(lambda c: transfers.withdraw(c, person, made.transfer, AT))
    assert (back.state, running(office, person)) == (TransferState.WITHDRAWN, [])
    with pytest.raises(WrongState):
        office.database.transaction(lambda c: transfers.withdraw(c, person, made.transfer, AT))


def test_a_municipality_that_asks_for_more_or_closes_the_channel(office):
    person, card = office.enrolled()

    def adopt(procedure, owner, **policy):
        office.database.transaction(
            lambda c: channels.adopt(c, owner, procedure, ProcedurePolicy(**policy), AT, AT, "boss")
        )

    adopt(Procedure.MOVE_IN, OTHER_TOWN, residence=parse_requirement([["card-signature", "code-letter"]]))
    with pytest.raises(ResidenceUnproven):
        office.move(card, NEW, town=OTHER_TOWN)
    adopt(Procedure.MOVE_OUT, TOWN, closed=frozenset({Channel.ONLINE}))
    with pytest.raises(RemoteBlocked):
        told_out(office, card, AT.jst_date())
    with pytest.raises(RemoteBlocked):
        office.move(card, NEW, town=OTHER_TOWN)
    assert (kinds(office, person), live(office, person)) == ([EventKind.ANCHOR], [AUTH, SIGN])


def test_a_change_at_the_counter_takes_two_people_and_goes_on_to_the_card(office):
    person, card = office.enrolled()
    done = changed(office, person, TOWN, hanako(name="見本　花子"))
    assert (done.event.kind, done.event.seq) == (EventKind.ANCHOR, None)
    assert (live(office, person), ended(office, person)) == ([AUTH], ["affiliationChanged:attribute-change"])
    application = done.application.application
    with pytest.raises(WrongState):  # issuing makes two keys; this one waits for one
        office.issuing.continue_(application, card, LATER)
    with pytest.raises(WrongCard):
        card_waiting.present(office.issuing, application, office.card("CARD0009"), LATER)
    delivered = card_waiting.present(office.issuing, application, card, LATER)
    assert (delivered.state, live(office, person)) == (ApplicationState.DELIVERED, [AUTH, SIGN])
    assert card_waiting.present(office.issuing, application, card, LATER).state is ApplicationState.DELIVERED
    assert office.chain_holds(person)


def test_a_change_at_the_counter_that_is_refused(office):
    person, _ = office.enrolled()
    new = hanako(address="東京都見本区２番")
    for error, evidence in (
        (NotPresent, {"presented_by": "f" * 32}),
        (EvidenceTooWeak, {"photo_matched": False}),
        (EvidenceTooWeak, {"officer": "boss"}),
    ):
        saw = seen(person, at=LATER, **evidence)
        with pytest.raises(error):
            office.database.transaction(
                lambda c, saw=saw: counter_change.propose(c, saw, TOWN, new, "clerk", LATER, office.random)
            )
    with pytest.raises(NotYours):
        changed(office, person, TOWN, new, clerk="other-clerk", boss="other-boss", desk="other-main")
    saw = seen(person, at=LATER)
    approval = office.database.transaction(
        lambda c: counter_change.propose(c, saw, TOWN, new, "clerk", LATER, office.random).approval
    )

    def do(attributes=new, evidence=saw):
        return office.database.transaction(
            lambda c: counter_change.change(c, evidence, TOWN, attributes, approval, "clerk", LATER, office.random)
        )

    with pytest.raises(NeedsApproval):
        do()
    office.database.transaction(lambda c: deciding.approve(c, approval, rows.operator_of(c, "boss"), LATER))
    with pytest.raises(NeedsApproval):  # another address than the one that was approved
        do(hanako(address="東京都見本区３番"))
    do()
    with pytest.raises(NeedsApproval):  # used up
        do()
    with pytest.raises(EvidenceUsed):
        changed(office, person, TOWN, hanako(address="東京都見本区４番"))
    assert len(kinds(office, person)) == 2


def test_who_comes_without_the_card_has_ninety_days(office):
    person, card = office.enrolled()
    done = changed_there(office, person, hanako(address=NEW))
    assert keeper(office, person) == OTHER_TOWN
    assert running(office, person) == [(DeadlineKind.CONTINUED_USE, date(2027, 2, 22))]  # ninety days: a Sunday
    last = Instant.parse("2027-02-22T14:59:59Z")
    assert lapses.settle(office.database, last, office.random) == 0
    card_waiting.present(office.issuing, done.application.application, card, last)
    assert lapses.settle(office.database, last + timedelta(seconds=1), office.random) == 0
    assert (card_state(office), live(office, person)) == (CardState.ACTIVE, [AUTH, SIGN])


def test_a_card_that_is_not_presented_in_time_lapses_with_what_is_on_it(office):
    person, card = office.enrolled()
    done = changed_there(office, person, hanako(address=NEW))
    over = Instant.parse("2027-02-22T15:00:00Z")
    assert lapses.settle(office.database, over, office.random) == 1
    assert (card_state(office), live(office, person)) == (CardState.ENDED, [])
    assert "cessationOfOperation:not-continued" in ended(office, person)
    with pytest.raises(WrongState):
        card_waiting.present(office.issuing, done.application.application, card, over)
    missed = office.database.read(lambda c: deadlines.history(c, person))
    assert [one.outcome for one in missed] == [DeadlineOutcome.MISSED]


def test_a_card_presented_with_its_pin_goes_on(office):
    person, _ = office.enrolled()
    changed_there(office, person, hanako(address=NEW))

    def go_on(who):
        def body(conn):
            return counter_change.continue_card(conn, person, "CARD0001", who, AT + DAY, office.random)

        return office.database.transaction(body)

    with pytest.raises(NotYours):
        go_on("clerk")
    assert go_on("other-clerk")
    assert not go_on("other-clerk")
    assert kinds(office, person)[-1] is EventKind.CONTACT  # a talk at a counter, once a month
    assert running(office, person) == []


def test_suspension_and_its_end(office):
    person, card = office.enrolled()
    act = office.database.transaction
    act(lambda c: procedures.suspend(c, "CARD0001", "hotline", AT, office.random))
    assert (card_state(office), live(office, person)) == (CardState.SUSPENDED, [AUTH, SIGN])
    released = HoldPolicy(releasable=True)
    act(lambda c: procedures.resume(c, "CARD0001", seen(person), "clerk", AT, office.random, holds=released))
    assert (card_state(office), kinds(office, person)) == (CardState.ACTIVE, [EventKind.ANCHOR])
    office.move(card, "東京都見本区１番")
    act(lambda c: procedures.suspend(c, "CARD0001", "hotline", AT, office.random))
    act(lambda c: procedures.resume(c, "CARD0001", seen(person), "clerk", AT, office.random))
    assert live(office, person) == []  # as the practice statement has it: a hold is final


def ended_by(office, person, status, at=AT, **keep):
    proposed = office.database.transaction(
        lambda c: procedures.propose_end(c, person, status, rows.operator_of(c, "clerk"), at, office.random)
    ).approval
    office.database.transaction(lambda c: deciding.approve(c, proposed, rows.operator_of(c, "boss"), at))
    office.database.transaction(
        lambda c: procedures.end_of_service(
            c, person, status, proposed, rows.operator_of(c, "clerk"), at, office.random, **keep
        )
    )


def reinstated(office, person, at=AT):
    clerk = office.database.read(lambda c: rows.operator_of(c, "clerk"))
    proposed = office.database.transaction(
        lambda c: procedures.propose_reinstatement(c, person, clerk, at, office.random, "another person's death")
    ).approval
    office.database.transaction(lambda c: deciding.approve(c, proposed, rows.operator_of(c, "boss"), at))
    return office.database.transaction(lambda c: procedures.reinstate(c, person, proposed, clerk, at, office.random))


def test_death_ends_all_and_drops_what_was_running(office):
    person, card = office.enrolled()
    told_out(office, card, AT.jst_date() + DAY)
    ended_by(office, person, PersonStatus.DEAD)
    assert (live(office, person), card_state(office), running(office, person)) == ([], CardState.ENDED, [])
    with pytest.raises(WrongState):  # nobody dies twice
        ended_by(office, person, PersonStatus.DEAD)
    with pytest.raises(WrongState):
        ended_by(office, person, PersonStatus.EMIGRATED)


def test_a_record_ended_by_mistake_goes_on_and_nothing_that_was_revoked_comes_back(office):
    person, card = office.enrolled()
    with pytest.raises(WrongState):
        reinstated(office, person)
    ended_by(office, person, PersonStatus.DEAD)
    assert reinstated(office, person, AT + DAY).status is PersonStatus.RESIDENT
    assert live(office, person) == []
    with pytest.raises(CardNotUsable):
        office.issuing.continue_(office.filed(person, AT + DAY, ApplicationKind.REISSUE), card, AT + DAY)
    office.issuing.continue_(office.applications(person)[-1].application, office.card("CARD0002"), AT + DAY)
    assert live(office, person) == [AUTH, SIGN]


def test_who_emigrates_keeps_the_certificates_by_the_exception_and_may_come_back(office):
    person, card = office.enrolled()
    ended_by(office, person, PersonStatus.EMIGRATED, keep_certificates=True)
    assert live(office, person) == [AUTH, SIGN]
    with pytest.raises(RemoteBlocked):
        office.move(card, "東京都見本区１番")
    reinstated(office, person, AT + DAY)
    office.move(card, "東京都見本区１番", AT + DAY)
    other, _ = office.enrolled(card_id="CARD0002")
    ended_by(office, other, PersonStatus.EMIGRATED)
    assert live(office, other) == []
