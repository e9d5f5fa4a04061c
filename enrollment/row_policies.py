"""The SQL that makes `enrollment.isolation` true in PostgreSQL: roles, grants, row policies.

    residents    a plane's role sees a row only in a transaction that names that person (`jitsuin.person`) or that
                 municipality (`jitsuin.owner`): `enrollment.store.people` does, and a query by name finds nobody
    a counter    the login roles `jitsuin_desk_CODE` and `jitsuin_gateway_CODE` are held to their own municipality by
                 restrictive policies that no setting opens: its residents, and those who told that they move there
    my pages     `jitsuin_citizen_CODE` likewise; and of a resident who leaves by a filing made there, what belongs to
                 it, until the new certificate was handed over; never the record that has gone
    seven years  `jitsuin_office` may empty a record of access of its content once it was kept for so long by the
                 database's own clock, and never its place, its hour or its hashes
    a town       `jitsuin_town_CODE` reads its own residents' rows and nothing else

The functions below tell who keeps a person, or how many there are, and nothing personal. They run with the rights of
the tables' owner, for whom row policies do not hold; nobody but the roles named here may call them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from enrollment.isolation import (
    APPEND_ONLY,
    KNOWN,
    LEAVERS,
    LOCAL_PLANES,
    LOCALS,
    RIGHTS,
    TOWNS,
    Group,
    Right,
    group_of,
    local_role,
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
    "jitsuin_looks(bigint) RETURNS TABLE(function text, number bigint)": (
        "SELECT function, count(*) FROM enrollment_access_records WHERE at >= $1 GROUP BY function"
    ),
    # changed by this very transaction, which was only possible to whoever kept them at its beginning
    "jitsuin_leaving(text) RETURNS boolean": (
        "SELECT EXISTS (SELECT FROM enrollment_people "
        "WHERE person = $1 AND xmin = pg_current_xact_id_if_assigned()::xid)"
    ),
    "jitsuin_left(text, text) RETURNS boolean": (
        "SELECT EXISTS (SELECT FROM enrollment_applications WHERE person = $1 AND owner = $2 "
        "AND kind = 'remote-move' AND state IN ('intended', 'signed', 'installed'))"
    ),
}

EMPTIED: Final = ("record", "function", "reason", "affairs", "recipient", "provided", "legal_basis", "result")
"""What is taken out of a record of access in the end (`enrollment.retention`)."""
_SEVEN_YEARS: Final = "at <= extract(epoch FROM now()) - 7 * 365 * 86400"


def statements(schema: str, columns: Mapping[str, frozenset[str]], towns: list[str]) -> Iterator[str]:
    """PostgreSQL's statements that make the table above true; running them again changes nothing.

    `columns`: every table with its columns, as the database has them in `schema`; `towns`: codes. Names are ours or
    checked: none comes from outside.
    """
    ours = {table: group for table in sorted(columns) if (group := group_of(table)) is not None}
    local = {local_role(plane, code): plane for plane in LOCAL_PLANES for code in towns}
    groups = (TOWNS, LOCALS, LEAVERS)
    for role in (*RIGHTS, LOCALS, LEAVERS, *map(town_role, towns), *local):
        login = "LOGIN" if role not in groups else "NOLOGIN"
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; END IF; END $$"
        )
    for code in towns:
        yield f"GRANT {TOWNS} TO {town_role(code)}"
    for role, plane in local.items():
        yield f"GRANT {plane}, {LOCAL_PLANES[plane]} TO {role}"
    yield from _functions(schema, ours)
    for table, group in ours.items():
        yield f"REVOKE ALL ON {table} FROM PUBLIC"
        for role, rights in RIGHTS.items():
            yield f"REVOKE ALL ON {table} FROM {role}"
            right = rights.get(group)
            if right is not None:
                yield from _grants(table, columns[table], role, right)
        yield from _policies(table, columns[table])
    if "enrollment_access_records" in ours:
        yield f"GRANT UPDATE ({', '.join(EMPTIED)}) ON enrollment_access_records TO jitsuin_office"
        yield "DROP POLICY IF EXISTS years ON enrollment_access_records"
        yield (
            "CREATE POLICY years ON enrollment_access_records AS RESTRICTIVE FOR UPDATE TO jitsuin_office "
            f"USING ({_SEVEN_YEARS})"
        )
    for table in sorted(columns):
        if table.endswith("_alembic_version"):
            yield f"GRANT SELECT ON {table} TO {', '.join(RIGHTS)}"


def _functions(schema: str, tables: Iterable[str]) -> Iterator[str]:
    quoted = schema.replace('"', '""')
    counts = " UNION ALL ".join(f"SELECT '{table}'::text, count(*) FROM {table}" for table in tables)  # noqa: S608 - our own
    for head, body in {**FUNCTIONS, "jitsuin_counts() RETURNS TABLE(name text, number bigint)": counts}.items():
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


def _local_rows(table: str, columns: frozenset[str], *, leaving: bool) -> str | None:
    """The condition under which one municipality's process may see or write a row; None where every one may.

    `leaving`: also what belongs to a filing by which its own resident leaves, until it is done.
    """

    def kept(who: str, otherwise: str = _CODE) -> str:
        """Of one person: kept here; of who is not known anywhere, `otherwise` says whose the row is."""
        here = f"coalesce(jitsuin_keeper({who}), {otherwise}) = {_CODE}"
        return f"{here} OR jitsuin_leaving({who}) OR jitsuin_left({who}, {_CODE})" if leaving else here

    if table == "enrollment_people":
        here = f"owner = {_CODE} OR jitsuin_announced(person, {_CODE})"
        # the new row of one who leaves: at its check the function still reads the old one
        return f"{here} OR jitsuin_keeper(person) = {_CODE} OR jitsuin_leaving(person)" if leaving else here
    if table == "web_entries":  # what a clerk typed, an address too
        return "work IN (SELECT work FROM web_work)"
    if group_of(table) in (Group.REFERENCE, Group.LOG):
        return None
    if "person" in columns:
        otherwise = f"nullif(owner, ''), {_CODE}" if "owner" in columns else _CODE
        return f"{kept('person', otherwise)} OR jitsuin_announced(person, {_CODE})"
    if group_of(table) is Group.AUTHORITY:  # a certificate of a person's carries their address; `owner` is the person
        return kept("owner") if "owner" in columns else None
    if "owner" in columns:
        return f"owner IN ({_CODE}, '')"
    return kept("subject") if "subject" in columns else None


def _policies(table: str, columns: frozenset[str]) -> Iterator[str]:
    held = {group: _local_rows(table, columns, leaving=group == LEAVERS) for group in (LOCALS, LEAVERS)}
    if not table.startswith("enrollment_") and held[LOCALS] is None:
        return
    seen = _NAMED if table == "enrollment_people" else "true"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS planes ON {table}"
    yield f"CREATE POLICY planes ON {table} TO {', '.join(PLANES)} USING ({seen}) WITH CHECK ({seen})"
    for group, rows in held.items():
        name = group.removeprefix("jitsuin_")
        yield f"DROP POLICY IF EXISTS {name} ON {table}"
        if rows is not None:
            yield f"CREATE POLICY {name} ON {table} AS RESTRICTIVE TO {group} USING ({rows}) WITH CHECK ({rows})"
    yield f"DROP POLICY IF EXISTS towns ON {table}"
    own = _own_rows(table, columns)
    everybody = group_of(table) is Group.REFERENCE
    yield f"CREATE POLICY towns ON {table} FOR SELECT TO {TOWNS} USING ({'true' if everybody else own or 'false'})"
