"""Support measures: every step of the flag, every read path masked, channels that must answer, two to release."""

from datetime import date, timedelta

import pytest

from enrollment import deciding, protection, registry
from enrollment.application import ApplicationState
from enrollment.counters import Affair
from enrollment.disclosure import disclose
from enrollment.errors import (
    AlreadyProtected,
    NeedsApproval,
    NotProtected,
    NotYours,
    OutputBlocked,
    RemoteBlocked,
    RoleMissing,
    SamePerson,
    StillCooling,
    UnknownChannel,
    WrongState,
)  # fmt: skip
from enrollment.flags import FlagState
from enrollment.registry import FOUR_ATTRIBUTES, Access, Field
from enrollment.store import care, messages
from enrollment.store import people as rows
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, found, hanako, resident

ADDRESS = hanako().address
CHANNELS = ("kiosk-system", "tax-system")


@pytest.fixture
def database(sqlite_database):
    """Nothing here depends on the engine."""
    return sqlite_database


@pytest.fixture
def person(database, random):
    def enter(conn):
        found(conn)
        for channel in CHANNELS:
            care.add_channel(conn, channel, TOWN, channel, AT)
        care.add_channel(conn, "other-system", OTHER_TOWN, "other", AT)
        return resident(conn, random)

    return database.transaction(enter)


class Desk:
    """Short ways to what an operator does with flags."""

    def __init__(self, database, random, person):
        self.database, self.random, self.person = database, random, person

    def do(self, act, *, who=None, at=AT, **more):
        def body(conn):
            operator = [rows.operator_of(conn, who)] if who else []
            return getattr(protection, act)(
                conn, self.person, *more.get("before", ()), *operator, at, self.random, *more.get("after", ())
            )

        return self.database.transaction(body)

    def flag(self):
        return self.database.read(lambda conn: protection.standing(conn, self.person))

    def look(self, fields=FOUR_ATTRIBUTES, at=AT, unlock=None):
        access = Access("inquiry", "question", "resident", TOWN, "見本区 市民課", frozenset(fields), "住民基本台帳法")
        return registry.look(self.database, self.person, access, at, self.random, unlock)


@pytest.fixture
def desk(database, random, person):
    return Desk(database, random, person)


def test_masked_from_the_moment_of_the_application(desk):
    assert desk.look().shown[Field.ADDRESS] == ADDRESS
    flag = desk.do("apply", who="clerk")
    assert flag.state is FlagState.PROVISIONAL
    view = desk.look()
    assert view.shown[Field.ADDRESS] == protection.MASKED
    assert view.shown[Field.NAME]
    assert view.flag == flag
    with pytest.raises(AlreadyProtected):
        desk.do("apply", who="boss")


def test_a_year_and_its_end_unmask_nothing(desk):
    desk.do("apply", who="clerk")
    desk.do("confirm", who="boss")
    assert desk.flag().until.jst_date() == date(2027, 11, 22)

    def tick(at):
        return desk.database.transaction(lambda conn: protection.tick(conn, TOWN, at, desk.random))

    assert tick(AT + timedelta(days=300)) == (0, 0)
    assert tick(AT + timedelta(days=340)) == (1, 0)
    assert desk.flag().state is FlagState.RENEWAL_PENDING
    assert tick(AT + timedelta(days=400)) == (0, 1)
    assert desk.flag().state is FlagState.LAPSED_MASKED
    assert desk.look(at=AT + timedelta(days=900)).shown[Field.ADDRESS] == protection.MASKED
    desk.do("renew", who="boss", at=AT + timedelta(days=900))
    assert desk.flag().state is FlagState.ACTIVE


def test_renewal_only_in_the_last_month(desk):
    desk.do("apply", who="clerk")
    desk.do("confirm", who="boss")
    with pytest.raises(WrongState):
        desk.do("renew", who="boss", at=AT + timedelta(days=300))
    renewed = desk.do("renew", who="boss", at=AT + timedelta(days=350))
    assert renewed.until.jst_date() == date(2028, 11, 21)


def release(desk, second="boss2", at=AT, wait=protection.COOLING_OFF):
    approval = desk.do("propose_release", who="boss", at=at, after=("safe now",)).approval
    desk.do("approve_release", who=second, before=(approval,), at=at)
    return desk.do("release", at=at + wait)


def test_release_takes_two_people_and_a_time_to_think(desk):
    desk.do("apply", who="clerk")
    with pytest.raises(RoleMissing):
        desk.do("propose_release", who="clerk", after=("safe now",))
    with pytest.raises(SamePerson):
        release(desk, second="boss")
    with pytest.raises(StillCooling):
        release(desk, wait=protection.COOLING_OFF - timedelta(seconds=1))
    assert desk.look().shown[Field.ADDRESS] == protection.MASKED
    assert desk.do("release", at=AT + protection.COOLING_OFF).state is FlagState.RELEASED
    assert desk.look().shown[Field.ADDRESS] == ADDRESS


def test_a_release_can_be_stopped_while_there_is_time(desk):
    desk.do("apply", who="clerk")
    approval = desk.do("propose_release", who="boss", after=("safe now",)).approval
    desk.do("approve_release", who="boss2", before=(approval,))
    desk.do("stop_release", who="boss")
    with pytest.raises(StillCooling):
        desk.do("release", at=AT + protection.COOLING_OFF)
    with pytest.raises(NeedsApproval):
        desk.do("approve_release", who="boss2", before=("0" * 32,))


def test_one_address_can_be_seen_once_by_two_peoples_leave(desk):
    desk.do("apply", who="clerk")

    def leave(conn):
        clerk, boss = rows.operator_of(conn, "clerk"), rows.operator_of(conn, "boss")
        content = protection.unlock_content(desk.person, "ambulance")
        proposed = deciding.propose(conn, clerk, Affair.PROTECTION, desk.person, content, AT, desk.random)
        approved = deciding.approve(conn, proposed.approval, boss, AT)
        with pytest.raises(NeedsApproval):
            protection.unlock(conn, desk.person, approved, "curiosity", AT, desk.random)
        return protection.unlock(conn, desk.person, approved, "ambulance", AT, desk.random)

    unlock = desk.database.transaction(leave)
    assert desk.look(unlock=unlock, at=AT + timedelta(minutes=11)).shown[Field.ADDRESS] == protection.MASKED
    assert desk.look(unlock=unlock).shown[Field.ADDRESS] == ADDRESS
    assert desk.look(unlock=unlock).shown[Field.ADDRESS] == protection.MASKED


def test_every_channel_is_told_in_the_same_transaction_and_silence_is_an_alarm(desk):
    flag = desk.do("apply", who="clerk")
    told = [desk.database.read(lambda conn, c=c: messages.about(conn, f"flag:{c}")) for c in CHANNELS]
    assert [len(one) for one in told] == [1, 1]
    for one in told:
        for secret in (ADDRESS, desk.person, "実印"):
            assert secret not in one[0].body
    late = AT + protection.ACKNOWLEDGE + timedelta(seconds=1)

    def alarms():
        return [one.channel for one in desk.database.read(lambda conn: protection.alarms(conn, late))]

    assert alarms() == sorted(CHANNELS)
    for channel in CHANNELS:
        assert desk.database.transaction(
            lambda conn, c=channel: protection.acknowledge(conn, c, flag.flag, flag.version, AT)
        )
    assert alarms() == []
    assert not desk.database.transaction(lambda conn: protection.acknowledge(conn, "tax-system", flag.flag, 99, AT))
    desk.do("confirm", who="boss")
    assert alarms() == sorted(CHANNELS)


def test_the_daily_comparison_names_what_a_channel_lacks(desk):
    flag = desk.do("apply", who="clerk")

    def compare(held, channel="tax-system"):
        return desk.database.read(lambda conn: protection.reconcile(conn, channel, held, AT.jst_date()))

    assert compare({flag.flag: 1}).agrees
    assert compare({}).missing == (flag.flag,)
    assert compare({flag.flag: 1, "f" * 32: 1}).unknown == ("f" * 32,)
    desk.do("confirm", who="boss")
    assert compare({flag.flag: 1}).outdated == (flag.flag,)
    with pytest.raises(UnknownChannel):
        compare({}, "nobody")


def test_moving_on_begins_provisionally_in_the_new_town(desk):
    desk.do("apply", who="clerk")
    desk.do("confirm", who="boss")

    def move(conn):
        kept = rows.person_of(conn, desk.person)
        return registry.move(conn, kept, OTHER_TOWN, kept.attributes.moved_to("神奈川県架空市１番"), AT, desk.random)

    desk.database.transaction(move)
    flag = desk.flag()
    assert (flag.owner, flag.state, flag.contact_desk) == (OTHER_TOWN, FlagState.PROVISIONAL, "other-main")
    assert len(desk.database.read(lambda conn: messages.about(conn, "flag:other-system"))) == 1
    with pytest.raises(NotYours):
        desk.do("confirm", who="boss")
    desk.do("confirm", who="other-boss")


def test_near_misses_are_counted(desk):
    desk.do("apply", who="clerk")
    desk.look()
    desk.look()
    desk.look(fields={Field.NAME})
    assert desk.database.read(lambda conn: registry.near_misses(conn, TOWN, AT)) == 2


def test_who_may_do_what(desk):
    with pytest.raises(NotYours):
        desk.do("apply", who="other-boss")
    with pytest.raises(NotProtected):
        desk.do("confirm", who="boss")
    desk.do("apply", who="clerk")
    with pytest.raises(RoleMissing):
        desk.do("confirm", who="clerk")


def test_every_way_in_which_an_address_could_come_out(sqlite_database, tmp_path):
    """The matrix: each read path of this package, before the flag and after it."""
    office = open_office(sqlite_database, tmp_path, "matrix")
    person, card = office.enrolled()
    moved = office.move(card, "東京都見本区南町１番")
    desk = Desk(office.database, office.random, person)
    new_address = "東京都見本区南町１番"

    def said():
        out = {
            "look": str(desk.look().shown),
            "partial look": str(desk.look({Field.ADDRESS}).shown),
            "filing result": str(office.moves.result(moved.filing, AT)),
            "accesses": str(office.database.read(lambda conn: disclose(conn, person))),
            "ledger": str([event.body() for event in office.events(person)]),
            "outbox": str(office.database.read(lambda conn: messages.about(conn, person))),
        }
        certificate = office.moves.result(moved.filing, AT).certificate
        out["certificate"] = certificate.decode("utf-8", "replace") if certificate else ""
        try:
            office.database.read(lambda conn: protection.require_output(conn, person))
            out["print"] = new_address
        except OutputBlocked:
            out["print"] = ""
        return out

    before = said()
    shows = {path for path, text in before.items() if new_address in text}
    assert shows == {"look", "partial look", "filing result", "certificate", "print"} - (
        set() if new_address in before["filing result"] else {"filing result"}
    )
    assert "見本区 市民課" in before["accesses"]
    desk.do("apply", who="clerk")
    after = said()
    assert [path for path, text in after.items() if new_address in text] == []
    assert "見本区 市民課" not in after["accesses"]
    with pytest.raises(RemoteBlocked) as refused:
        office.move(card, "東京都見本区南町２番")
    assert "protect" not in str(refused.value)
    assert office.applications(person)[-1].state is ApplicationState.SIGNED
