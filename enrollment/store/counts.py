"""How much there is of each kind of record, for everybody to see: numbers only.

Under row policies a process counts what it may see, and one municipality's would publish other numbers than the next
one's; so where the database's roles are in force, its own functions count (`enrollment.row_policies`).
"""

from collections import Counter

from sqlalchemy import BigInteger, Text, func, inspect, literal_column, select, table

from enrollment.isolation import Group, group_of
from enrollment.store import tables as t
from enrollment.store.connection import Connection
from pki.instant import Instant

_NAME, _FUNCTION = literal_column("name", Text), literal_column("function", Text)
_NUMBER = literal_column("number", BigInteger)


def rows_by_group(conn: Connection) -> Counter[Group]:
    """Rows of each group, over all tables that the database has."""
    found: Counter[Group] = Counter()
    for name, number in _by_table(conn).items():
        group = group_of(name)
        if group is not None and not name.endswith("_alembic_version"):
            found[group] += number
    return found


def _by_table(conn: Connection) -> dict[str, int]:
    if _has(conn, "jitsuin_counts"):
        counted = select(_NAME, _NUMBER).select_from(func.jitsuin_counts())
        return {row[0]: row[1] for row in conn.execute(counted)}
    names = (name for name in inspect(conn).get_table_names() if group_of(name) is not None)
    return {name: conn.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names}


def looks_since(conn: Connection, since: Instant) -> dict[str, int]:
    """How often anybody was looked at since then, by function (desk, gateway, …), result and all."""
    a = t.access_records.c
    query = select(a.function, func.count()).where(a.at >= since.seconds).group_by(a.function)
    if _has(conn, "jitsuin_looks"):
        counted = select(_FUNCTION, _NUMBER).select_from(func.jitsuin_looks(since.seconds))
        return {row[0]: row[1] for row in conn.execute(counted.order_by(_FUNCTION))}
    return {row[0]: row[1] for row in conn.execute(query.order_by(a.function))}


def _has(conn: Connection, function: str) -> bool:
    if conn.dialect.name != "postgresql":
        return False
    return conn.execute(select(func.to_regproc(function))).scalar_one() is not None
