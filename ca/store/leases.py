"""SQL over leases: every change is a compare-and-set of one row."""

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ca.store.status_tables import LEASES


def take_lease(conn: Connection, name: str, holder: str, now: int, until: int) -> int | None:
    """The term under which `holder` has the lease until `until`, None when another one has it."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    first = dialect.insert(LEASES).values(name=name, holder=holder, until=until, term=1).on_conflict_do_nothing()
    if conn.execute(first.execution_options(preserve_rowcount=True)).rowcount == 1:
        return 1
    row = conn.execute(select(LEASES).where(LEASES.c.name == name).with_for_update()).one()
    if row.holder != holder and row.until > now:
        return None
    term = int(row.term) if row.holder == holder else int(row.term) + 1
    taken = conn.execute(
        update(LEASES)
        .where(LEASES.c.name == name, LEASES.c.term == row.term, or_(LEASES.c.holder == holder, LEASES.c.until <= now))
        .values(holder=holder, until=until, term=term)
    )
    return term if taken.rowcount == 1 else None


def end_lease(conn: Connection, name: str, holder: str) -> None:
    """Let the lease end now, if `holder` still has it."""
    conn.execute(update(LEASES).where(LEASES.c.name == name, LEASES.c.holder == holder).values(until=0))
