"""The migrations, written by hand, end at the very tables that the code uses."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from ca.store import status_tables  # noqa: F401 - registers the other tables of the package
from ca.store.tables import METADATA
from cli.database import Database


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
