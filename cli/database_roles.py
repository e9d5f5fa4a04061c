"""`jitsuin database`: one PostgreSQL role for each plane and each municipality, with no more rights than it needs."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cli.database import Database

app = typer.Typer(no_args_is_help=True, help="Roles and row policies of a PostgreSQL database.")


@app.callback()
def _database() -> None:
    """Roles and row policies of a PostgreSQL database."""


@app.command()
def grants(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")],
    show: Annotated[bool, typer.Option("--show", help="Print the statements instead of running them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """Make the roles and what each may do; to be run by the owner of the tables, again after every `jitsuin migrate`.

    Each role may log in once you gave it a password or a client certificate. `jitsuin serve --role` then runs with an
    address in `database.url` that names its role.
    """
    from cli.database import Database
    from cli.settings import load_settings
    from pki.errors import InvalidValue

    database = Database(load_settings(folder).database_url)
    try:
        if database.engine.dialect.name != "postgresql":
            raise InvalidValue("SQLite has no roles: one process holds the whole file. Use PostgreSQL for several")
        made = apply_grants(database, show=show)
    finally:
        database.close()
    if show:
        print("\n".join(f"{statement};" for statement in made))
        return
    told = {"statements": len(made)}
    print(json.dumps(told) if as_json else f"{len(made)} statements carried out")


def apply_grants(database: "Database", *, show: bool = False) -> list[str]:
    """Carry out, or with `show` only give, what `enrollment.isolation` says for the tables that there are."""
    from enrollment.row_policies import statements
    from enrollment.store import Connection, people

    def body(conn: Connection) -> list[str]:
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        columns: dict[str, set[str]] = {}
        for table, column in conn.exec_driver_sql(query):
            columns.setdefault(table, set()).add(column)
        towns = [one.code for one in people.municipalities(conn)]
        schema = str(conn.exec_driver_sql("SELECT current_schema()").scalar_one())
        made = list(statements(schema, {table: frozenset(found) for table, found in columns.items()}, towns))
        if not show:
            _run(conn, made)
        return made

    return database.transaction(body)


def _run(conn: "Connection", made: Iterable[str]) -> None:
    for statement in made:
        conn.exec_driver_sql(statement)
