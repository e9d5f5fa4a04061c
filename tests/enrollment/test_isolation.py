"""No centre: what each database role can reach without the program's checks, and the program without the database's."""

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from cli.database import Database
from cli.database_roles import apply_grants
from enrollment import isolation, protection, registry
from enrollment.errors import NotYours
from enrollment.isolation import APPEND_ONLY, RIGHTS, TOWNS, Group, group_of, town_role
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.row_policies import OWNER, PERSON
from enrollment.store import people as rows
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, found, hanako, resident

DENIED = "permission denied"


@pytest.fixture
def towns(postgresql_database, random):
    """Two towns with a resident each of the same name, one of them protected; roles as the command makes them."""

    def enter(conn):
        found(conn)
        ours, theirs = resident(conn, random), resident(conn, random, OTHER_TOWN)
        protection.apply(conn, ours, rows.operator_of(conn, "clerk"), AT, random)
        return ours, theirs

    ours, theirs = postgresql_database.transaction(enter)
    for person, owner in ((ours, TOWN), (theirs, OTHER_TOWN)):
        access = Access("desk", "q", "tax", owner, "somebody", FOUR_ATTRIBUTES, "law")
        registry.look(postgresql_database, person, access, AT, random)
    apply_grants(postgresql_database)
    apply_grants(postgresql_database)  # again: nothing changes
    return postgresql_database, ours, theirs


def as_role(database, role):
    """A connection of its own, logged in as `role`: no SET ROLE that could be taken back."""
    return create_engine(database.engine.url.set(username=role))


def ask(database, role, query, about="", within="", **values):
    """What a role is answered in a transaction that names a person or a municipality."""
    engine = as_role(database, role)
    try:
        with engine.connect() as conn:
            for setting, value in ((PERSON, about), (OWNER, within)):
                conn.execute(text("SELECT set_config(:setting, :value, true)"), {"setting": setting, "value": value})
            return [tuple(row) for row in conn.execute(text(query), values)]
    finally:
        engine.dispose()


def test_a_town_sees_its_own_people_and_nobody_elses_whatever_it_asks(towns):
    database, ours, theirs = towns
    for code, own in ((TOWN, ours), (OTHER_TOWN, theirs)):
        role = town_role(code)
        assert ask(database, role, "SELECT person FROM enrollment_people") == [(own,)]
        by_name = "SELECT person FROM enrollment_people WHERE name = :name OR name LIKE '%'"
        assert ask(database, role, by_name, name=hanako().name) == [(own,)], "names are not searched across owners"
        assert ask(database, role, "SELECT DISTINCT person FROM enrollment_access_records") == [(own,)]
        assert ask(database, role, "SELECT count(*) FROM enrollment_people") == [(1,)]
    assert ask(database, town_role(TOWN), "SELECT person FROM enrollment_protection") == [(ours,)]
    assert ask(database, town_role(OTHER_TOWN), "SELECT person FROM enrollment_protection") == []


def test_every_table_that_a_town_can_read_holds_only_its_own_rows(towns):
    database, ours, theirs = towns
    role, reached = town_role(OTHER_TOWN), 0
    for table in inspect(database.engine).get_table_names():
        if not ask(database, role, "SELECT has_table_privilege(:table, 'SELECT')", table=table)[0][0]:
            with pytest.raises(ProgrammingError, match=DENIED):
                ask(database, role, f"SELECT * FROM {table}")
            continue
        reached += 1
        for (row,) in ask(database, role, f"SELECT t::text FROM {table} AS t"):
            assert ours not in row, table
            assert hanako().address not in row or theirs in row, table
    assert reached > 8


ATTEMPTS = {
    "SET ROLE jitsuin_desk": "permission denied to set role",
    "SET ROLE jitsuin_town_13113": "permission denied to set role",
    "ALTER TABLE enrollment_people DISABLE ROW LEVEL SECURITY": "must be owner",
    "UPDATE enrollment_people SET owner = '14104'": DENIED,
    "DELETE FROM enrollment_people": DENIED,
    "INSERT INTO enrollment_access_records (person) VALUES ('x')": DENIED,
    "CREATE TABLE mine AS SELECT * FROM enrollment_people": DENIED,
    "ALTER ROLE jitsuin_town_14104 BYPASSRLS": "must be superuser|permission denied",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_town_cannot_reach_further(towns, attempt):
    database, *_ = towns
    with pytest.raises(ProgrammingError, match=ATTEMPTS[attempt]):
        ask(database, town_role(OTHER_TOWN), attempt)


def test_switching_the_policies_off_gives_an_error_and_no_rows(towns):
    database, *_ = towns
    engine = as_role(database, town_role(OTHER_TOWN))
    with engine.connect() as conn:
        conn.execute(text("SET row_security = off"))
        with pytest.raises(ProgrammingError, match="row-level security"):
            conn.execute(text("SELECT * FROM enrollment_people"))
    engine.dispose()


def test_planes_without_counters_never_see_a_name(towns):
    database, ours, _ = towns
    for role in ("jitsuin_status", "jitsuin_signer", "jitsuin_relying_party"):
        for column in ("name", "address", "date_of_birth", "gender", "*"):
            with pytest.raises(ProgrammingError, match=DENIED):
                ask(database, role, f"SELECT {column} FROM enrollment_people")
    known = ask(database, "jitsuin_relying_party", "SELECT owner FROM enrollment_people", about=ours)
    assert known == [(TOWN,)]
    with pytest.raises(ProgrammingError, match=DENIED):
        ask(database, "jitsuin_relying_party", "SELECT 1 FROM enrollment_people WHERE name = 'x'")
    with pytest.raises(ProgrammingError, match=DENIED):
        ask(database, "jitsuin_status", "SELECT * FROM enrollment_ledger")


def test_nobody_rewrites_what_is_only_added_to(towns):
    database, *_ = towns
    for role in RIGHTS:
        if role == TOWNS:
            continue
        for table in APPEND_ONLY:
            for attempt in (f"DELETE FROM {table}", f"UPDATE {table} SET person = person"):
                with pytest.raises(ProgrammingError, match=DENIED):
                    ask(database, role, attempt)


def test_without_the_database_s_checks_the_program_still_refuses(towns, random):
    """The other layer: as the owner of the tables, for whom no policy holds."""
    database, ours, theirs = towns
    for asking, person in ((OTHER_TOWN, ours), (TOWN, theirs)):
        access = Access("desk", "q", "tax", asking, "somebody", FOUR_ATTRIBUTES, "law")
        with pytest.raises(NotYours):
            registry.look(database, person, access, AT, random)


def test_a_counter_s_role_can_do_a_counter_s_work(towns, random):
    database, ours, _ = towns
    desk = Database(database.engine.url.set(username="jitsuin_desk").render_as_string(hide_password=False))
    try:
        desk.check()
        access = Access("desk", "q", "tax", TOWN, "somebody", FOUR_ATTRIBUTES, "law")
        view = registry.look(desk, ours, access, AT, random)
        assert view.shown[registry.Field.ADDRESS] == protection.MASKED
        desk.transaction(lambda conn: protection.confirm(conn, ours, rows.operator_of(conn, "boss"), AT, random))
    finally:
        desk.close()


def test_every_table_has_its_group_and_every_group_and_role_its_words(towns):
    database, *_ = towns
    names = [name for name in inspect(database.engine).get_table_names() if not name.endswith("alembic_version")]
    assert [name for name in names if group_of(name) is None] == []
    assert set(isolation.TABLES) <= set(names)
    assert set(isolation.WORDS) == set(Group)
    assert set(isolation.ROLE_WORDS) == set(RIGHTS)


@pytest.mark.parametrize("code", ["1310", "131130", "1310a", "13'; --", "１３１１３"])
def test_a_role_s_name_is_made_of_digits_only(code):
    with pytest.raises(ValueError, match="five digits"):
        town_role(code)
