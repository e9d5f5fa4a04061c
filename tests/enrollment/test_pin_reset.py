"""A permission to set a PIN anew: who may give it, that it is signed, and that it is used once, whoever hurries."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from enrollment import conversations, deciding, loss, pin_reset
from enrollment.acts import What
from enrollment.conversations import Operation, TalkEvent, TalkState, Task
from enrollment.counters import Affair, Counter, CounterKind
from enrollment.errors import (
    ActNotSigned,
    CardNotUsable,
    EvidenceTooWeak,
    EvidenceUsed,
    NeedsApproval,
    NotPresent,
    NotYours,
    OutOfScope,
    PinNotPermitted,
    PinPermissionExpired,
    PinPermissionUsed,
    SamePerson,
    SelfDealing,
    SignatureInvalid,
    WrongState,
)
from enrollment.operators import Operator, Role
from enrollment.pin_reset import PinResetRule, SecondOfficer
from enrollment.store import people as people_rows
from enrollment.store import permissions as rows
from enrollment.store import tables_cards, tables_terms
from pki.instant import Validity
from pki.purpose import Purpose
from tests.enrollment.office import open_office
from tests.enrollment.officers import drafted, officer, permitted, signed
from tests.enrollment.town import AT, TOWN, resident, seen

CARD = "CARD0001"
PIN, PASSWORD = Purpose.AUTHENTICATION, Purpose.SIGNATURE


class Desk:
    """An office with a card in somebody's hands, and officers who have cards."""

    def __init__(self, database, folder, seed):
        self.office = open_office(database, folder, seed)
        self.database, self.random = database, self.office.random
        self.person, _ = self.office.enrolled()
        post = Counter(
            "station", TOWN, CounterKind.POST_OFFICE, "駅前郵便局", frozenset({Affair.PIN_RESET}),
            Validity(AT, AT + timedelta(days=300)), "令和8年議決第13号",
        )  # fmt: skip

        def appoint(conn):
            people_rows.add_counter(conn, post)
            return officer(conn, "hana", "main"), officer(conn, "yuki", "station")

        self.clerk, self.postal = database.transaction(appoint)

    def permit(self, who=None, purpose=PASSWORD, at=AT):
        return permitted(self.database, who or self.clerk, self.person, CARD, self.random, purpose, at)

    def spend(self, permission, conversation, at=AT):
        return self.database.transaction(
            lambda conn: pin_reset.spend(conn, permission.card_id, permission.number, conversation, at)
        )

    def talk(self, permission, at=AT):
        task = Task(CARD, Operation.ALLOW_PIN, permission.purpose, number=permission.number)
        return self.database.transaction(lambda conn: conversations.begin(conn, task, at, self.random))

    def kept(self, permission):
        return self.database.read(lambda conn: rows.find_permission(conn, CARD, permission.number))

    def give(self, permission, evidence, act, who=None, **more):
        certificate = (who or self.clerk).certificate
        return self.database.transaction(
            lambda conn: pin_reset.permit(
                conn, permission, evidence, act, AT, self.random, officer_certificate=certificate, **more
            )
        )


@pytest.fixture
def desk(sqlite_database, tmp_path, request):
    return Desk(sqlite_database, tmp_path, request.node.nodeid)


def test_given_spent_and_finished_once(desk):
    given = desk.permit()
    assert given.expires_at == AT + timedelta(minutes=15)
    talk = desk.talk(given)
    assert desk.spend(given, talk).spent_by == talk
    assert desk.spend(given, talk).spent_by == talk, "the same conversation, asked again after a crash"
    for _ in range(2):
        desk.database.transaction(lambda conn: pin_reset.finish(conn, CARD, given.number, AT, desk.random))
    assert desk.kept(given).done_at == AT
    with pytest.raises(PinPermissionUsed):
        desk.spend(given, talk)
    with pytest.raises(PinPermissionUsed):
        desk.spend(given, desk.talk(given))


def test_of_two_at_once_one_is_refused(database, tmp_path, request):
    desk = Desk(database, tmp_path, request.node.nodeid)
    for minute in range(4):
        at = AT + timedelta(minutes=minute)
        given = desk.permit(at=at)
        talks = [desk.talk(given, at) for _ in range(4)]
        together = Barrier(len(talks))

        def spend(talk, given=given, at=at, together=together):
            together.wait()
            try:
                return desk.spend(given, talk, at).spent_by
            except PinPermissionUsed:
                return None

        with ThreadPoolExecutor(len(talks)) as pool:
            won = [one for one in pool.map(spend, talks) if one is not None]
        assert len(won) == 1
        assert desk.kept(given).spent_by == won[0]


def test_taken_up_again_only_after_the_conversation_is_over(desk):
    given = desk.permit()
    first, second = desk.talk(given), desk.talk(given)
    desk.spend(given, first)
    with pytest.raises(PinPermissionUsed):
        desk.spend(given, second)
    later = AT + conversations.LIFE  # torn: nobody went on with the first
    third = desk.talk(given, later)
    assert desk.spend(given, third, later).spent_by == third
    with pytest.raises(PinPermissionUsed):
        desk.spend(given, second, later)


def test_not_after_its_time_nor_with_another_card_or_number(desk):
    given = desk.permit()
    with pytest.raises(PinPermissionExpired):
        desk.spend(given, "talk", AT + timedelta(minutes=15, seconds=1))
    with pytest.raises(PinNotPermitted):
        desk.spend(replace(given, number=given.number + 1), "talk")
    with pytest.raises(PinNotPermitted):
        desk.spend(replace(given, card_id="CARD0002"), "talk")
    desk.database.transaction(lambda conn: loss.report(conn, CARD, "hana", AT, desk.random))
    with pytest.raises(CardNotUsable):
        desk.spend(given, "talk")


def test_numbers_only_grow(desk):
    numbers = [desk.permit(purpose=one, at=AT + timedelta(seconds=n)).number for n, one in enumerate((PIN, PASSWORD))]
    assert numbers[0] < numbers[1]
    drafts = [drafted(desk.database, desk.clerk, desk.person, CARD)[0].number for _ in range(2)]
    assert drafts == [numbers[1] + 1] * 2


def test_who_may_give_it(desk):
    with pytest.raises(OutOfScope):
        desk.database.read(
            lambda conn: pin_reset.draft(
                conn, CARD, PIN, seen(desk.person, officer="postclerk", counter="post"), "postclerk", AT
            )
        )
    with pytest.raises(NotYours):
        desk.database.read(
            lambda conn: pin_reset.draft(
                conn, CARD, PIN, seen(desk.person, officer="other-clerk", counter="other-main"), "other-clerk", AT
            )
        )
    stranger = desk.database.transaction(lambda conn: resident(conn, desk.random))
    for evidence, refused in (
        (seen(stranger, officer="hana"), NotYours),
        (seen(desk.person, officer="hana", presented_by=stranger), NotPresent),
        (seen(desk.person, officer="hana", documents=()), EvidenceTooWeak),
        (seen(desk.person, officer="clerk"), EvidenceTooWeak),
        (seen(desk.person, officer="hana", signature=b"not by her card"), SignatureInvalid),
    ):
        with pytest.raises(refused):
            desk.database.read(lambda conn, e=evidence: pin_reset.draft(conn, CARD, PIN, e, "hana", AT))

    def herself(conn):
        people_rows.add_operator(
            conn,
            Operator(
                "self", TOWN, frozenset({Role.CLERK}), "5" * 64, "main", desk.clerk.operator.validity, desk.person
            ),
        )
        with pytest.raises(SelfDealing):
            pin_reset.draft(conn, CARD, PIN, seen(desk.person, officer="self"), "self", AT)

    desk.database.transaction(herself)


def test_it_must_be_signed_by_the_officers_own_card(desk):
    permission, evidence = drafted(desk.database, desk.clerk, desk.person, CARD)
    act = signed(desk.clerk, permission, desk.random)
    with pytest.raises(SignatureInvalid):
        desk.give(permission, evidence, replace(act, signature=desk.postal.sign(act.act.to_be_signed())))
    with pytest.raises(SignatureInvalid):
        desk.give(permission, evidence, act, who=desk.postal)
    with pytest.raises(ActNotSigned):
        desk.give(replace(permission, purpose=PIN), evidence, act)
    with pytest.raises(ActNotSigned):
        desk.give(permission, evidence, replace(act, act=replace(act.act, what=What.RESUME)))
    longer = replace(permission, expires_at=AT + timedelta(hours=1))
    with pytest.raises(PinPermissionExpired):
        desk.give(longer, evidence, signed(desk.clerk, longer, desk.random))
    desk.give(permission, evidence, act)
    next_one, _ = drafted(desk.database, desk.clerk, desk.person, CARD)
    with pytest.raises(EvidenceUsed):
        desk.give(next_one, evidence, signed(desk.clerk, next_one, desk.random))


@pytest.mark.parametrize("column", ["signature", "content"])
def test_whoever_writes_it_into_the_database_opens_nothing(desk, column):
    """The side with the keys verifies the officer's signature again: rows alone are nobody's word."""
    given = desk.permit()
    forged = {"signature": b"forged", "content": "0" * 64}[column]
    desk.database.transaction(lambda conn: conn.execute(update(tables_terms.acts).values({column: forged})))
    with pytest.raises((SignatureInvalid, PinNotPermitted)):
        desk.spend(given, "talk")
    assert desk.kept(given).spent_by is None


def test_a_row_made_longer_by_hand_opens_nothing(desk):
    given = desk.permit()
    late = (AT + timedelta(days=1)).seconds
    desk.database.transaction(lambda conn: conn.execute(update(tables_cards.permissions).values(expires_at=late)))
    with pytest.raises(PinNotPermitted):
        desk.spend(given, "talk", AT + timedelta(hours=2))


def test_at_a_post_office_a_second_officer_approves_just_that(desk):
    permission, evidence = drafted(desk.database, desk.postal, desk.person, CARD)
    act = signed(desk.postal, permission, desk.random)
    give = lambda **more: desk.give(permission, evidence, act, desk.postal, **more)  # noqa: E731
    with pytest.raises(NeedsApproval):
        give()
    other, _ = drafted(desk.database, desk.postal, desk.person, CARD, PIN)
    boss = desk.database.read(lambda conn: people_rows.operator_of(conn, "boss"))

    def approved(what):
        asked = desk.database.transaction(lambda conn: pin_reset.propose(conn, what, AT, desk.random))
        with pytest.raises(SamePerson):
            desk.database.transaction(
                lambda conn: deciding.approve(
                    conn, asked.approval, replace(desk.postal.operator, roles=frozenset({Role.SUPERVISOR})), AT
                )
            )
        desk.database.transaction(lambda conn: deciding.approve(conn, asked.approval, boss, AT))
        return asked.approval

    with pytest.raises(NeedsApproval):
        give(approval=approved(other))
    asked = approved(permission)
    assert give(approval=asked).approval == asked


@pytest.mark.parametrize(
    ("rule", "at_the_town_hall", "at_the_post_office"),
    [(SecondOfficer.NEVER, False, False), (SecondOfficer.POST_OFFICE, False, True), (SecondOfficer.ALWAYS, True, True)],
)
def test_the_rule_says_where(desk, rule, at_the_town_hall, at_the_post_office):
    for who, wanted in ((desk.clerk, at_the_town_hall), (desk.postal, at_the_post_office)):
        permission, evidence = drafted(desk.database, who, desk.person, CARD)
        act = signed(who, permission, desk.random)
        go = lambda p=permission, e=evidence, a=act, w=who: desk.give(p, e, a, w, rule=PinResetRule(rule))  # noqa: E731
        if wanted:
            with pytest.raises(NeedsApproval):
                go()
        else:
            assert go().number == permission.number


def test_the_table_of_a_conversation():
    for state in TalkState:
        for event in TalkEvent:
            if (state, event) in conversations.TRANSITIONS:
                assert conversations.advance(state, event) is conversations.TRANSITIONS[state, event]
            else:
                with pytest.raises(WrongState):
                    conversations.advance(state, event)
