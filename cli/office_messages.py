"""`jitsuin office messages|retry`: what was to be told to others and nobody could deliver; never what it says."""

import json
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


def messages(folder: Folder, as_json: Json = False) -> None:
    """What others were to be told and was set aside: topic, since when, why. Later messages go on without it."""
    from cli.database import Database
    from cli.settings import load_settings
    from enrollment.store import messages as rows

    database = Database(load_settings(folder).database_url)
    try:
        database.check()
        found = database.read(rows.all_set_aside)
    finally:
        database.close()
    listed = [
        {
            "message": one.message,
            "subject": one.subject,
            "topic": one.topic,
            "because": one.because,
            "attempts": one.attempts,
            "at": one.at.iso(),
            "set_aside_at": one.set_aside_at.iso(),
        }
        for one in found
    ]
    if as_json:
        print(json.dumps({"messages": listed}, ensure_ascii=False))
        return
    for one in found:
        print(f"{one.set_aside_at}  {one.message}  {one.topic:24}  {one.because}")
    if not found:
        print("nothing was set aside")


def retry(
    folder: Folder,
    message: Annotated[
        list[str] | None, typer.Argument(metavar="MESSAGE", help="Its id, as `office messages` lists it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that was set aside.")] = False,
    as_json: Json = False,
) -> None:
    """Have messages that were set aside tried once more; what still cannot be delivered is set aside again."""
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.settings import load_settings
    from enrollment.store import Connection
    from enrollment.store import messages as rows
    from pki.errors import InvalidValue

    if bool(message) == every:
        raise InvalidValue("name the messages, or say --all")
    database = Database(load_settings(folder).database_url)
    at = SystemClock().now()

    def body(conn: Connection) -> list[str]:
        chosen = message or [one.message for one in rows.all_set_aside(conn)]
        missing = [one for one in chosen if not rows.take_back(conn, one, at)]
        if missing:
            raise InvalidValue(f"{', '.join(missing)}: no such message was set aside; nothing was changed")
        return list(chosen)

    try:
        database.check()
        done = database.transaction(body)
    finally:
        database.close()
    print(json.dumps({"retried": done}) if as_json else f"{len(done)} will be tried again")
