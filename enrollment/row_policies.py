"""The SQL that makes `enrollment.isolation` true in PostgreSQL: roles, grants, row policies.

    residents    a plane's role sees a row only in a transaction that names that person (`jitsuin.person`) or that
                 municipality (`jitsuin.owner`): `enrollment.store.people` does, and a query by name finds nobody
    a counter    the login role `jitsuin_desk_CODE` is held to its own municipality by restrictive policies that no
                 setting opens: its own residents, and those who told that they move there
    a town       `jitsuin_town_CODE` reads its own residents' rows and nothing else

The functions below tell who keeps a person, and nothing personal. They run with the rights of the tables' owner, for
whom row policies do not hold; nobody but the roles named here may call them.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from enrollment.isolation import (
    APPEND_ONLY,
    DESKS,
    KNOWN,
    RIGHTS,
    TOWNS,
    Group,
    Right,
    desk_role,
    group_of,
    town_role,
)

PERSON, OWNER = "jitsuin.person", "jitsuin.owner"
"""Settings of a transaction: the resident, or the municipality, that it is about."""
PLANES: Final = tuple(role for role in RIGHTS if role != TOWNS)
_CODE: Final = "right(current_user::text, 5)"
_NAMED: Final = f"person = current_setting('{PERSON}', true) OR owner = current_setting('{OWNER}', true)"

FUNCTIONS: Final = {
    "jitsuin_keeper(text) RETURNS text": "SELECT owner FROM enrollment_people WHERE person = $1",
    "jitsuin_announced(text, text) RETURNS boolean": (
        "SELECT EXISTS (SELECT FROM enrollment_transfers "
        "WHERE person = $1 AND municipality = $2 AND state = 'announced')"
    ),
    "jitsuin_residents() RETURNS bigint": "SELECT count(*) FROM enrollment_people",
}


def statements(schema: str, columns: Mapping[str, frozenset[str]], towns: list[str]) -> Iterator[str]:
    """PostgreSQL's statements that make the table above true; running them again changes nothing.

    `columns`: every table with its columns, as the database has them in `schema`; `towns`: codes. Names are ours or
    checked: none comes from outside.
    """
    ours = {table: group for table in sorted(columns) if (group := group_of(table)) is not None}
    for role in (*RIGHTS, DESKS, *map(town_role, towns), *map(desk_role, towns)):
        login = "LOGIN" if role not in (TOWNS, DESKS) else "NOLOGIN"
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; END IF; END $$"
        )
    yield f"GRANT jitsuin_desk TO {DESKS}"
    for code in towns:
        yield f"GRANT {TOWNS} TO {town_role(code)}"
        yield f"GRANT {DESKS} TO {desk_role(code)}"
    yield from _functions(schema)
    for table, group in ours.items():
        yield f"REVOKE ALL ON {table} FROM PUBLIC"
        for role, rights in RIGHTS.items():
            yield f"REVOKE ALL ON {table} FROM {role}"
            right = rights.get(group)
            if right is not None:
                yield from _grants(table, columns[table], role, right)
        yield from _policies(table, columns[table])
    for table in sorted(columns):
        if table.endswith("_alembic_version"):
            yield f"GRANT SELECT ON {table} TO {', '.join(RIGHTS)}"


def _functions(schema: str) -> Iterator[str]:
    quoted = schema.replace('"', '""')
    for head, body in FUNCTIONS.items():
        name = head.split(" RETURNS ", maxsplit=1)[0]
        yield (
            f"CREATE OR REPLACE FUNCTION {head} LANGUAGE sql STABLE SECURITY DEFINER "
            f'SET search_path = "{quoted}", pg_temp AS $${body}$$'
        )
        yield f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
        yield f"GRANT EXECUTE ON FUNCTION {name} TO {', '.join(PLANES)}"


DELETABLE: Final = frozenset({"enrollment_nonces", "enrollment_incident_records"})
"""What of this package may be deleted: used-up numbers, and whom an incident concerns, as it is computed anew."""


def _grants(table: str, columns: frozenset[str], role: str, right: Right) -> Iterator[str]:
    match right:
        case Right.READ:
            yield f"GRANT SELECT ON {table} TO {role}"
        case Right.OWN:
            if _own_rows(table, columns) is not None:
                yield f"GRANT SELECT ON {table} TO {role}"
        case Right.WRITE:
            changing = "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE"
            deleting = ", DELETE" if not table.startswith("enrollment_") or table in DELETABLE else ""
            yield f"GRANT {changing}{deleting} ON {table} TO {role}"
        case Right.KNOW:
            yield f"GRANT SELECT ({', '.join(KNOWN)}) ON {table} TO {role}"


def _own_rows(table: str, columns: frozenset[str]) -> str | None:
    """The condition under which a row is a municipality's own; None where no row can be told to be."""
    if table == "enrollment_people" or ("owner" in columns and "person" not in columns):
        return f"owner = {_CODE}"
    if "person" in columns:  # who keeps the person now: the rows go along when somebody moves
        return "person IN (SELECT person FROM enrollment_people)"
    if "card_id" in columns:
        return "card_id IN (SELECT card_id FROM enrollment_cards)"
    return None


def _desk_rows(table: str, columns: frozenset[str]) -> str | None:
    """The condition under which a counter of one municipality may see or write a row; None where every one may."""
    if table == "enrollment_people":
        return f"owner = {_CODE} OR jitsuin_announced(person, {_CODE})"
    if table == "enrollment_outbox":
        return f"coalesce(jitsuin_keeper(subject), {_CODE}) = {_CODE}"
    if "person" in columns:
        return (
            f"person IS NULL OR coalesce(jitsuin_keeper(person), {_CODE}) = {_CODE} "
            f"OR jitsuin_announced(person, {_CODE})"
        )
    if group_of(table) is Group.AUTHORITY:  # a certificate of a person's carries their address; `owner` is the person
        return f"coalesce(jitsuin_keeper(owner), {_CODE}) = {_CODE}" if "owner" in columns else None
    if group_of(table) in (Group.REFERENCE, Group.LOG) or "owner" not in columns:
        return None
    return f"owner IN ({_CODE}, '')"


def _policies(table: str, columns: frozenset[str]) -> Iterator[str]:
    desks = _desk_rows(table, columns)
    if not table.startswith("enrollment_") and desks is None:
        return
    seen = _NAMED if table == "enrollment_people" else "true"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS planes ON {table}"
    yield f"CREATE POLICY planes ON {table} TO {', '.join(PLANES)} USING ({seen}) WITH CHECK ({seen})"
    yield f"DROP POLICY IF EXISTS desks ON {table}"
    if desks is not None:
        yield f"CREATE POLICY desks ON {table} AS RESTRICTIVE TO {DESKS} USING ({desks}) WITH CHECK ({desks})"
    yield f"DROP POLICY IF EXISTS towns ON {table}"
    own = _own_rows(table, columns)
    everybody = group_of(table) is Group.REFERENCE
    yield f"CREATE POLICY towns ON {table} FOR SELECT TO {TOWNS} USING ({'true' if everybody else own or 'false'})"
