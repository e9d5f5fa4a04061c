"""The migrations, written by hand, end at the very tables that the code uses."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select

from ca.store import status_tables  # noqa: F401 - registers the other tables of the package
from ca.store.tables import METADATA, REVOCATIONS
from cli.database import Database, _histories


def test_migrated_tables_are_those_of_the_code(database: Database) -> None:
    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or (name is not None and name.startswith("ca_") and name != "ca_alembic_version")

    def compare(conn: Connection) -> list[object]:
        context = MigrationContext.configure(conn, opts={"include_name": ours, "compare_type": True})
        return list(compare_metadata(context, METADATA))

    assert database.read(compare) == []


def test_every_constraint_of_the_code_is_in_the_database(database: Database) -> None:
    def counted(conn: Connection) -> dict[str, int]:
        inspector = inspect(conn)
        return {
            table: len(inspector.get_check_constraints(table))
            + len(inspector.get_foreign_keys(table))
            + len(inspector.get_unique_constraints(table))
            for table in METADATA.tables
        }

    expected = {table.name: len(table.constraints) - 1 for table in METADATA.tables.values()}  # less the primary key
    assert database.read(counted) == expected


def test_tables_without_row_numbers_are_so_in_the_database(sqlite_database: Database) -> None:
    """Neither comparison above sees it: `ca_revocations` was read through an index, entry by entry, for want of it."""

    def made(conn: Connection) -> set[str]:
        rows = conn.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name LIKE 'ca_%'")
        return {name for name, sql in rows if sql.rstrip().endswith("WITHOUT ROWID")}

    wanted = {
        table.name for table in METADATA.tables.values() if table.dialect_options["sqlite"]["with_rowid"] is False
    }
    assert "ca_revocations" in wanted
    assert sqlite_database.read(made) == wanted


def test_revocations_stay_when_their_table_is_made_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    database = Database(url)
    database.migrate()
    row = {"issuer": "a", "serial": "1" * 40, "at": 5, "reason": 1, "invalidity_date": None, "cause": "c"}
    row |= {"partition": 0, "not_after": 9, "position": 3, "entry_der": b"\x30\x00"}
    database.transaction(lambda conn: conn.execute(REVOCATIONS.insert(), [row, row | {"serial": "0" * 40}]))
    _move(database, "0002")
    _move(database, "head")
    found = database.read(lambda conn: [dict(one._mapping) for one in conn.execute(select(REVOCATIONS))])
    assert found == [row | {"serial": "0" * 40}, row]
    database.check()
    database.close()


def _move(database: Database, to: str) -> None:
    scripts = next(scripts for package, scripts in _histories() if package == "ca")
    with database.engine.begin() as connection:
        scripts.attributes["connection"] = connection
        scripts.attributes["version_table"] = "ca_alembic_version"
        (command.upgrade if to == "head" else command.downgrade)(scripts, to)
