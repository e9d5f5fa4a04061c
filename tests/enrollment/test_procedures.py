"""Corrections, official changes, suspension, the end of service, and what proves an address."""

from datetime import timedelta

import pytest

from ca.revocation import HoldPolicy
from enrollment import channels, deciding, procedures
from enrollment.channels import Channel, Procedure, ProcedurePolicy
from enrollment.errors import (
    CapReached,
    CardNotUsable,
    NeedsApproval,
    NotYours,
    RemoteBlocked,
    SamePerson,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.person import PersonStatus
from enrollment.store import people as rows
from enrollment.store import work
from pki.card_state import CardChangeRefused, CardState
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, TOWN, hanako, seen


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


def closed(office, procedure, channel):
    policy = ProcedurePolicy(frozenset({channel}))
    office.database.transaction(lambda conn: channels.adopt(conn, TOWN, procedure, policy, AT, AT, "boss"))


def test_where_nothing_is_stopped_by_telephone(office):
    person, _ = office.enrolled()
    closed(office, Procedure.SUSPENSION, Channel.ASSISTED)
    for reporter in ("hotline", "clerk"):
        with pytest.raises(RemoteBlocked):
            run(office, "suspend", "CARD0001", reporter)
    assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.ACTIVE
    for number, (reporter, channel) in enumerate(
        [(person, Channel.ONLINE), ("clerk", Channel.IN_PERSON), ("gateway:1", None)]
    ):
        run(office, "suspend", "CARD0001", reporter, channel=channel)
        assert office.database.read(lambda conn: work.card_of(conn, "CARD0001")).state is CardState.SUSPENDED, number
        run(office, "suspend", "CARD0001", "hotline")  # it is stopped: nothing is asked
        run(office, "resume", "CARD0001", seen(person), "clerk", holds=HoldPolicy(releasable=True))


def test_where_no_record_ends_by_post(office):
    person, _ = office.enrolled()
    before = run(office, "propose_end", person, PersonStatus.DEAD, who="clerk")
    approval = approved(office, before)
    closed(office, Procedure.END_OF_SERVICE, Channel.ASSISTED)
    with pytest.raises(RemoteBlocked):
        run(office, "propose_end", person, PersonStatus.DEAD, who="clerk")
    for channel in (Channel.ASSISTED, Channel.ONLINE):
        with pytest.raises(RemoteBlocked):
            run(office, "end_of_service", person, PersonStatus.DEAD, approval, who="clerk", channel=channel)
    assert office.database.read(lambda conn: rows.person_of(conn, person)).status is PersonStatus.RESIDENT
    run(office, "end_of_service", person, PersonStatus.DEAD, approval, who="clerk", channel=Channel.IN_PERSON)
    assert office.database.read(lambda conn: rows.person_of(conn, person)).status is PersonStatus.DEAD


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
