"""`jitsuin migrate`: bring a deployment's tables to this version."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def migrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")],
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is needed; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """Bring the database of a deployment to this version. Make a backup first; there is no way back.

    Running it again changes nothing. A database that a newer version migrated is refused before anything is changed.
    """
    from cli.database import Database
    from cli.errors import DatabaseOutdated
    from cli.settings import load_settings

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        try:
            database.check()
            needed = False
        except DatabaseOutdated:
            if check:
                raise
            needed = True
            database.migrate()
    finally:
        database.close()
    if as_json:
        print(json.dumps({"migrated": needed}))
    else:
        print("The database was brought to this version." if needed else "The database is of this version already.")
