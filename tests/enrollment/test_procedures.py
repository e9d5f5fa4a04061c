"""Corrections, official changes, suspension, the end of service, and what proves an address."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ca.revocation import HoldPolicy
from enrollment import deciding, procedures, residence
from enrollment.errors import (
    CapReached,
    CardNotUsable,
    LooserPolicy,
    NeedsApproval,
    NotPresent,
    NotYours,
    RemoteBlocked,
    ResidenceUnproven,
    SamePerson,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.person import PersonStatus
from enrollment.procedures import Channel, Procedure, require_channel
from enrollment.residence import Piece, Proof, Requirement, parse_requirement
from enrollment.store import people as rows
from enrollment.store import work
from pki.card_state import CardChangeRefused, CardState
from pki.errors import InvalidValue
from pki.purpose import Purpose
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, found, hanako, seen


@pytest.fixture
def office(sqlite_database, tmp_path, request):
    return open_office(sqlite_database, tmp_path, request.node.nodeid)


def run(office, act, *arguments, who=None, at=AT, **more):
    def body(conn):
        operator = [rows.operator_of(conn, who)] if who else []
        return getattr(procedures, act)(conn, *arguments, *operator, at, office.random, **more)

    return office.database.transaction(body)


def approved(office, approval, who="boss", at=AT):
    office.database.transaction(lambda conn: deciding.approve(conn, approval.approval, rows.operator_of(conn, who), at))
    return approval.approval


def test_a_correction_takes_two_people_and_gives_the_right_back(office):
    person, card = office.enrolled()
    for number in (1, 2, 3):
        office.move(card, f"東京都見本区{number}番", AT + timedelta(minutes=number))
    wrong = office.events(person)[-1].event
    later = AT + timedelta(hours=1)
    proposed = run(office, "propose_correction", person, wrong, who="clerk", at=later, reason="typed twice")
    with pytest.raises(NeedsApproval):
        run(office, "correct", person, wrong, proposed.approval, who="clerk", at=later)
    with pytest.raises(SamePerson):
        boss = run(office, "propose_correction", person, wrong, who="boss", at=later, reason="mine")
        approved(office, boss, at=later)
    approved(office, proposed, at=later)
    with pytest.raises(NeedsApproval):  # approved for another event
        run(office, "correct", person, office.events(person)[1].event, proposed.approval, who="clerk", at=later)
    done = run(office, "correct", person, wrong, proposed.approval, who="clerk", at=later)
    assert (done.kind, done.corrects) == (EventKind.CORRECTION, wrong)
    with pytest.raises(NeedsApproval):  # used up
        run(office, "correct", person, wrong, proposed.approval, who="clerk", at=later)
    assert office.move(card, "東京都見本区９番", later).decision["used"] == 3
    with pytest.raises(CapReached):
        office.move(card, "東京都見本区１０番", later)
    assert office.chain_holds(person)


def test_a_renamed_street_costs_nothing(office):
    person, _ = office.enrolled()
    renamed = hanako(address="東京都見本区新見本町１番")
    event = run(office, "official_change", person, renamed, who="clerk")
    assert (event.kind, event.seq) == (EventKind.OFFICIAL_CHANGE, None)
    assert all(one.ended_at is None for one in office.certificates(person))
    assert office.database.read(lambda conn: rows.person_of(conn, person)).attributes == renamed


def test_a_change_at_the_counter_is_a_new_anchor_and_ends_the_signature_certificate(office):
    person, _ = office.enrolled()
    moved = hanako(address="神奈川県架空市本町１番")
    evidence = seen(person, officer="other-clerk", counter="other-main")
    event = run(office, "change_attributes", evidence, OTHER_TOWN, moved, "other-clerk")
    assert (event.kind, event.owner) == (EventKind.ANCHOR, OTHER_TOWN)
    live = [one.purpose for one in office.certificates(person) if one.ended_at is None]
    assert live == [Purpose.AUTHENTICATION]
    with pytest.raises(NotPresent):
        run(office, "change_attributes", replace(evidence, presented_by="f" * 32), OTHER_TOWN, moved, "other-clerk")
    with pytest.raises(NotYours):
        run(office, "change_attributes", seen(person), TOWN + "0", moved, "clerk")


def test_a_suspended_card_wakes_only_for_its_holder(office):
    person, card = office.enrolled()
    run(office, "suspend", "CARD0001", "hotline")
    run(office, "suspend", "CARD0001", "hotline")
    with pytest.raises(CardNotUsable):
        office.move(card, "東京都見本区１番")
    stranger, _ = office.enrolled(card_id="CARD0002")
    with pytest.raises(NotYours):
        run(office, "resume", "CARD0001", seen(stranger), "clerk")
    run(office, "resume", "CARD0001", seen(person), "clerk", holds=HoldPolicy(releasable=True))
    with pytest.raises(CardChangeRefused):
        run(office, "resume", "CARD0001", seen(person), "clerk")
    assert office.move(card, "東京都見本区１番").decision["used"] == 1


def test_death_ends_everything(office):
    person, _card = office.enrolled()
    proposed = run(office, "propose_end", person, PersonStatus.DEAD, who="clerk")
    with pytest.raises(NeedsApproval):
        run(office, "end_of_service", person, PersonStatus.EMIGRATED, approved(office, proposed), who="clerk")
    with pytest.raises(RemoteBlocked):
        run(office, "end_of_service", person, PersonStatus.DEAD, proposed.approval, who="clerk", keep_certificates=True)
    run(office, "end_of_service", person, PersonStatus.DEAD, proposed.approval, who="clerk")
    assert all(one.ended_because == "cessationOfOperation:dead" for one in office.certificates(person))
    assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.ENDED


def test_who_emigrates_may_keep_the_certificates(office):
    person, card = office.enrolled()
    proposed = run(office, "propose_end", person, PersonStatus.EMIGRATED, who="clerk")
    approval = approved(office, proposed)
    run(office, "end_of_service", person, PersonStatus.EMIGRATED, approval, who="clerk", keep_certificates=True)
    assert all(one.ended_at is None for one in office.certificates(person))
    with pytest.raises(RemoteBlocked):
        office.move(card, "東京都見本区１番")


@pytest.mark.parametrize("procedure", Procedure)
@pytest.mark.parametrize("channel", Channel)
def test_every_procedure_and_channel(procedure, channel):
    if channel in procedures.CHANNELS[procedure]:
        require_channel(procedure, channel, frozenset())
        with pytest.raises(RemoteBlocked):
            require_channel(procedure, channel, frozenset({(procedure, channel)}))
    else:
        with pytest.raises(RemoteBlocked):
            require_channel(procedure, channel, frozenset())


def test_first_issue_and_renewal_are_never_remote():
    for procedure in (Procedure.FIRST_ISSUE, Procedure.RENEWAL, Procedure.PIN_RESET, Procedure.END_OF_SUSPENSION):
        assert procedures.CHANNELS[procedure] == {Channel.IN_PERSON}


SIGNED = frozenset({Proof.CARD_SIGNATURE})
WITH_LETTER = frozenset({Proof.CARD_SIGNATURE, Proof.CODE_LETTER})


def test_a_municipality_may_ask_for_more_and_never_for_less(sqlite_database):
    sqlite_database.transaction(found)
    with pytest.raises(LooserPolicy):
        parse_requirement([["utility"]])
    for wrong in ([], [[]], [["moon"]], "desk", None, [1]):
        with pytest.raises((InvalidValue, LooserPolicy)):
            parse_requirement(wrong)
    asked = parse_requirement([["card-signature", "code-letter"], ["desk"]])
    begins = AT + timedelta(days=10)

    def adopt(conn):
        residence.adopt(conn, TOWN, Procedure.MOVE_IN, asked, begins, AT, "boss")
        return (
            residence.required(conn, TOWN, Procedure.MOVE_IN, AT),
            residence.required(conn, TOWN, Procedure.MOVE_IN, begins),
            residence.required(conn, OTHER_TOWN, Procedure.MOVE_IN, begins),
        )

    before, after, elsewhere = sqlite_database.transaction(adopt)
    assert (before, after, elsewhere) == (Requirement(), asked, Requirement())
    pieces = [Piece(Proof.CARD_SIGNATURE, begins)]

    def ask(pieces):
        return sqlite_database.read(lambda conn: residence.require(conn, TOWN, Procedure.MOVE_IN, pieces, begins))

    with pytest.raises(ResidenceUnproven) as refused:
        ask(pieces)
    assert refused.value.choices == "card-signature+code-letter / desk"
    assert ask([*pieces, Piece(Proof.CODE_LETTER, begins + timedelta(days=-30))]) == WITH_LETTER
    with pytest.raises(ResidenceUnproven):
        ask([*pieces, Piece(Proof.CODE_LETTER, begins + timedelta(days=-31))])
    with pytest.raises(ResidenceUnproven):
        ask([*pieces, Piece(Proof.CODE_LETTER, begins + timedelta(seconds=1))])
