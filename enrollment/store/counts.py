"""How much there is of each kind of record, for everybody to see: numbers only."""

from collections import Counter

from sqlalchemy import column, func, inspect, select, table

from enrollment.isolation import Group, group_of
from enrollment.store import tables as t
from enrollment.store.connection import Connection
from pki.instant import Instant


def rows_by_group(conn: Connection) -> Counter[Group]:
    """Rows of each group, over all tables that the database has."""
    found: Counter[Group] = Counter()
    for name in inspect(conn).get_table_names():
        group = group_of(name)
        if group is not None and not name.endswith("_alembic_version"):
            found[group] += _rows(conn, name)
    return found


def _rows(conn: Connection, name: str) -> int:
    """Of residents, row policies show a plane none that it does not name: there a function counts."""
    counts = name == t.people.name and conn.dialect.name == "postgresql"
    if counts and conn.execute(select(func.to_regproc("jitsuin_residents"))).scalar_one() is not None:
        return int(conn.execute(select(func.jitsuin_residents())).scalar_one())
    return int(conn.execute(select(func.count()).select_from(table(name))).scalar_one())


def looks_since(conn: Connection, since: Instant) -> dict[str, int]:
    """How often anybody was looked at since then, by function (desk, gateway, …), result and all."""
    a = t.access_records.c
    query = select(a.function, func.count(column("record"))).where(a.at >= since.seconds).group_by(a.function)
    return {row[0]: row[1] for row in conn.execute(query.order_by(a.function))}
