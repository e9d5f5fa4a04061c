"""Several municipalities in one PostgreSQL database: each layer alone, and counters that log in as their own town's."""

import hashlib
from datetime import date, timedelta

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from cli.database import Database
from cli.database_roles import apply_grants
from enrollment import counter_change, deciding, issuing, procedures, protection, registry, transfers, visits
from enrollment.channels import Channel
from enrollment.errors import NotYours, UnknownPerson
from enrollment.isolation import desk_role
from enrollment.registry import FOUR_ATTRIBUTES, Access, Field
from enrollment.row_policies import OWNER, PERSON, PLANES
from enrollment.store import people as rows
from pki.purpose import Purpose
from tests.enrollment.office import open_office, parts
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, hanako, resident, seen

LATER = AT + timedelta(hours=1)
NEW = "神奈川県架空市本町１番１号"
COUNTERS = [role for role in PLANES if role in ("jitsuin_desk", "jitsuin_citizen", "jitsuin_gateway", "jitsuin_office")]
BY_NAME = "SELECT person FROM enrollment_people WHERE name LIKE '%'"


@pytest.fixture
def office(postgresql_database, tmp_path, request):
    """A resident with a card here, one of the same name there, and the roles."""
    made = open_office(postgresql_database, tmp_path, request.node.nodeid)
    made.ours, made.card_here = made.enrolled()
    made.theirs = postgresql_database.transaction(lambda conn: resident(conn, made.random, OTHER_TOWN))
    apply_grants(postgresql_database)
    made.opened = []
    yield made
    for one in made.opened:
        one.close()


def as_role(office, role):
    """The whole program, logged in as that role."""
    url = office.database.engine.url.set(username=role)
    office.opened.append(Database(url.render_as_string(hide_password=False)))
    return office.opened[-1]


def ask(office, role, query, about="", within=""):
    engine = create_engine(office.database.engine.url.set(username=role))
    try:
        with engine.begin() as conn:
            for setting, value in ((PERSON, about), (OWNER, within)):
                conn.execute(text("SELECT set_config(:setting, :value, true)"), {"setting": setting, "value": value})
            answer = conn.execute(text(query))
            return [tuple(row) for row in answer] if answer.returns_rows else answer.rowcount
    finally:
        engine.dispose()


def looked_at(database, person, owner, random):
    access = Access("desk", "q", "tax", owner, "somebody", FOUR_ATTRIBUTES, "law")
    return registry.look(database, person, access, AT, random)


@pytest.mark.parametrize("role", COUNTERS)
def test_no_role_finds_anybody_by_name(office, role):
    assert ask(office, role, BY_NAME) == []
    assert ask(office, role, BY_NAME, about=office.ours) == [(office.ours,)]
    assert ask(office, role, BY_NAME, within=OTHER_TOWN) == [(office.theirs,)]
    assert ask(office, role, "UPDATE enrollment_people SET address = 'x'") == 0


def test_a_town_s_counter_reaches_its_own_and_nobody_else_s_whatever_it_names(office):
    here, there = desk_role(TOWN), desk_role(OTHER_TOWN)
    assert ask(office, here, BY_NAME, about=office.ours) == [(office.ours,)]
    for names in ({"about": office.ours}, {"within": TOWN}, {"about": office.ours, "within": TOWN}):
        assert ask(office, there, BY_NAME, **names) == []
        assert ask(office, there, "UPDATE enrollment_people SET owner = '14104'", **names) == 0
    for attempt in (
        "SET ROLE jitsuin_office",
        "SET ROLE jitsuin_desk_13113",
        "SET SESSION AUTHORIZATION jitsuin_office",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            ask(office, there, attempt)


def test_no_table_shows_a_counter_another_town_s_person(office):
    office.move(office.card_here, "東京都見本区秘町１番")
    told = office.ours, "秘町"
    reached = 0
    for table in inspect(office.database.engine).get_table_names():
        whole = office.database.read(
            lambda c, t=table: [row[0] for row in c.execute(text(f"SELECT t::text FROM {t} t"))]
        )
        if not any(one in row for row in whole for one in told) or table.startswith("transparency_"):
            continue
        if not ask(office, desk_role(OTHER_TOWN), f"SELECT has_table_privilege('{table}', 'SELECT')")[0][0]:
            continue
        reached += 1
        query = f"SELECT t::text FROM {table} t"
        for (row,) in ask(office, desk_role(OTHER_TOWN), query, about=office.ours, within=TOWN):
            assert not any(one in row for one in told), table
    assert reached > 8


def test_it_writes_nothing_about_another_town_s_person(office):
    write = (
        "INSERT INTO enrollment_deadlines (person, kind, subject, set_at, due_at, outcome) "
        f"VALUES ('{office.ours}', 'in-person', 'x', 0, 0, '')"
    )
    calls_them_here = (
        "INSERT INTO enrollment_transfers (transfer, person, owner, municipality, planned_on, state, version, channel, "
        f"document, announced_at, changed_at) VALUES ('t', '{office.ours}', '{TOWN}', '{OTHER_TOWN}', '2026-11-20', "
        "'announced', 1, 'in-person', '', 0, 0)"
    )
    for attempt in (write, calls_them_here):
        with pytest.raises(DBAPIError, match="row-level security"):
            ask(office, desk_role(OTHER_TOWN), attempt)
    with pytest.raises(DBAPIError, match="row-level security"):
        ask(
            office, desk_role(OTHER_TOWN),
            "INSERT INTO enrollment_people (person, owner, status, version, since, name, name_substitutes, "
            "date_of_birth, gender, address, address_substitutes) "
            f"VALUES ('{'0' * 32}', '{TOWN}', 'resident', 1, 0, 'x', '', '2000-01-01', '1', 'x', '')",
            about="0" * 32,
        )  # fmt: skip


def test_the_program_at_a_town_s_counter_does_its_work_and_meets_no_stranger(office):
    here = as_role(office, desk_role(TOWN))
    assert looked_at(here, office.ours, TOWN, office.random).shown[Field.NAME] == hanako().name
    with pytest.raises(UnknownPerson):
        looked_at(here, office.theirs, OTHER_TOWN, office.random)
    newcomer = here.transaction(lambda conn: resident(conn, office.random))
    desk = parts(here, office.folder, office.random)
    clerk = rows.operator_of
    filed = desk.filed(newcomer, LATER)
    assert here.read(lambda conn: issuing.rows.application_of(conn, filed)).person == newcomer
    here.transaction(lambda conn: protection.apply(conn, newcomer, clerk(conn, "clerk"), AT, office.random))
    here.transaction(lambda conn: visits.check(conn, seen(office.ours, at=LATER), "clerk", LATER, office.random))
    here.transaction(lambda conn: procedures.suspend(conn, "CARD0001", "clerk", AT, office.random))
    assert here.read(lambda conn: rows.count_people(conn, TOWN)) == 2
    assert here.read(lambda conn: rows.count_people(conn, OTHER_TOWN)) == 0


def test_who_told_that_they_move_there_is_met_there_and_moves_in(office):
    there = as_role(office, desk_role(OTHER_TOWN))
    attributes = hanako(address=NEW)
    saw = seen(office.ours, officer="other-clerk", counter="other-main", at=LATER)

    def propose(conn):
        return counter_change.propose(conn, saw, OTHER_TOWN, attributes, "other-clerk", LATER, office.random).approval

    with pytest.raises(UnknownPerson):
        there.transaction(propose)
    here = as_role(office, desk_role(TOWN))

    def tell(conn):
        moving = date(2026, 11, 20)
        transfers.announce(
            conn, office.ours, "f" * 32, OTHER_TOWN, moving, Channel.IN_PERSON, b"told", None, AT, office.random
        )

    here.transaction(tell)
    approval = there.transaction(propose)
    there.transaction(lambda c: deciding.approve(c, approval, rows.operator_of(c, "other-boss"), LATER))
    there.transaction(
        lambda c: counter_change.change(c, saw, OTHER_TOWN, attributes, approval, "other-clerk", LATER, office.random)
    )
    assert looked_at(there, office.ours, OTHER_TOWN, office.random).shown[Field.ADDRESS] == NEW
    with pytest.raises(UnknownPerson):
        looked_at(here, office.ours, TOWN, office.random)


# each layer with the others switched off


def drop(office, *policies):
    with office.database.engine.begin() as conn:
        for table in inspect(conn).get_table_names():
            for policy in policies:
                conn.execute(text(f"DROP POLICY IF EXISTS {policy} ON {table}"))
            if "planes" in policies:
                conn.execute(text(f"CREATE POLICY planes ON {table} USING (true) WITH CHECK (true)"))


def test_without_the_naming_of_residents_a_town_s_counter_is_still_held_to_its_own(office):
    drop(office, "planes")
    assert ask(office, desk_role(OTHER_TOWN), BY_NAME) == [(office.theirs,)]
    assert ask(office, desk_role(TOWN), BY_NAME) == [(office.ours,)]


def test_without_the_towns_policies_nobody_is_found_who_is_not_named(office):
    drop(office, "desks")
    assert ask(office, desk_role(OTHER_TOWN), BY_NAME) == []
    assert ask(office, desk_role(OTHER_TOWN), BY_NAME, about=office.ours) == [(office.ours,)]


def test_without_any_policy_the_program_refuses(office):
    drop(office, "planes", "desks")
    there = as_role(office, desk_role(OTHER_TOWN))
    with pytest.raises(NotYours):
        looked_at(there, office.ours, OTHER_TOWN, office.random)


def test_without_the_program_s_checks_the_database_refuses(office, monkeypatch):
    there = as_role(office, desk_role(OTHER_TOWN))
    monkeypatch.setattr(registry, "_require_recorded", lambda *_: registry.PROVIDED)
    monkeypatch.setattr(registry, "record_access", lambda _c, person, access, at, *_a, **_k: registry.AccessReceipt(
        "r", person, 0, access, at, hashlib.sha256(b"").hexdigest()))  # fmt: skip
    with pytest.raises(UnknownPerson):
        looked_at(there, office.ours, OTHER_TOWN, office.random)
    assert looked_at(there, office.theirs, OTHER_TOWN, office.random).shown[Field.NAME] == hanako().name


def test_the_planes_roles_serve_the_whole_program_together(office):
    """Citizen plane and office at work for several towns: a move from afar, seen and ended by their own roles."""
    citizen = parts(as_role(office, "jitsuin_citizen"), office.folder, office.random)
    request = office.request(office.card_here)
    verified = office.verified(office.card_here, request, NEW, LATER, town=OTHER_TOWN)
    waiting = citizen.moves
    result = waiting.accept(verified, request, "key-0001", LATER)
    assert result.decision["used"] == 1
    assert office.database.read(lambda conn: rows.owner_of(conn, office.ours)) == OTHER_TOWN
    assert {one.purpose for one in office.certificates(office.ours) if one.ended_at is None} == set(Purpose)
