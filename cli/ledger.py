"""`jitsuin ledger`: one person's ledger: what happened, what may be done now and why, and whether the chain holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cli.language import Language, spoken

app = typer.Typer(no_args_is_help=True, help="The ledger: show, explain, verify.")

T = TypeVar("T")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="The person's opaque id, 32 hex digits.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Lang = Annotated[Language | None, typer.Option("--lang", help="ja or en; by default the shell's.")]


@app.callback()
def _ledger() -> None:
    """The ledger of remote procedures and in-person checks. It holds no names and no addresses.

    Whoever reads somebody's ledger here is in that person's record of who looked.
    """


def _read(folder: Path, body: Callable[[Any], T]) -> T:
    from cli.database import Database
    from cli.settings import load_settings

    database = Database(load_settings(folder).database_url)
    try:
        return database.read(body)
    finally:
        database.close()


def _look(folder: Path, person: str, body: Callable[[Any], T]) -> T:
    """The same of one person, once their record says so."""
    import secrets

    from cli.clock import SystemClock
    from cli.database import Database
    from cli.settings import load_settings
    from cli.support_looks import record_support

    database = Database(load_settings(folder).database_url)
    try:
        record_support(database, person, "ledger-show", frozenset(), SystemClock().now(), secrets.token_bytes)
        return database.read(body)
    finally:
        database.close()


@app.command()
def show(folder: Folder, person: Person, as_json: AsJson = False, lang: Lang = None) -> None:
    """Every event of one person, oldest first."""
    from cli import ledger_words
    from enrollment import ledger
    from enrollment.card_keys import proofs_of
    from enrollment.person import PersonId

    def look(conn: Any) -> tuple[Any, Any]:
        return ledger.required_history(conn, PersonId(person)), proofs_of(conn, PersonId(person))

    events, proofs = _look(folder, person, look)
    if as_json:
        told = {
            "person": person,
            "events": [{**e.body(), "hash": e.hash} for e in events],
            "card_evidence": [one.body() for one in proofs],
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    language = spoken(lang)
    print("\n".join([*ledger_words.events(events, language), *ledger_words.card_work(proofs, language)]))


@app.command()
def explain(
    folder: Folder,
    person: Person,
    procedure: Annotated[str, typer.Option("--procedure", help="Which remote procedure.")] = "remote-move",
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="As of then (RFC 3339); else now.")] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """What may be done remotely now, with the numbers and the sentences that a clerk reads aloud."""
    from cli import ledger_words
    from cli.clock import moment
    from enrollment import ledger
    from enrollment.events import EventKind
    from enrollment.person import PersonId
    from pki.errors import InvalidValue

    remote = {kind.value: kind for kind in EventKind if kind.is_remote}
    if procedure not in remote:
        raise InvalidValue(f"the procedure is one of {', '.join(remote)}")
    when = moment(at)
    decision = _look(folder, person, lambda conn: ledger.judge(conn, PersonId(person), remote[procedure], when))
    if as_json:
        print(json.dumps(decision.to_json(), ensure_ascii=False))
        return
    print("\n".join(ledger_words.decision(decision, spoken(lang))))


@app.command()
def verify(
    folder: Folder,
    person: Annotated[str | None, typer.Argument(metavar="[PERSON]", help="One person; everybody if left out.")] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """See that nothing was changed, removed or put in: every hash over its row and the row before it, and every act of
    an officer and every signed check in person over the signature of the officer's card.

    Exit status 1 if a chain or a signature does not hold.
    """
    from cli import ledger_words
    from cli.clock import SystemClock
    from enrollment import acts, ledger, signed_checks
    from enrollment.person import PersonId

    now = SystemClock().now()

    def check(conn: Any) -> dict[str, Any]:
        people = [PersonId(person)] if person else list(ledger.people(conn))
        broken: dict[str, list[dict[str, Any]]] = {}
        for one in people:
            faults = ledger.verify_person(conn, one)
            if faults:
                broken[one] = [{"position": fault.position, "what": fault.what} for fault in faults]
        signed, bad = acts.verify(conn, person)
        checks, bad_checks = signed_checks.verify(conn, now, PersonId(person) if person else None)
        return {
            "people": len(people),
            "broken": broken,
            "acts": signed,
            "broken_acts": [{"act": one.act, "what": one.what} for one in bad],
            "checks": checks,
            "broken_checks": [{"check": one.check, "what": one.what} for one in bad_checks],
        }

    told = _read(folder, check)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print("\n".join(ledger_words.verified(told, spoken(lang))))
    if told["broken"] or told["broken_acts"] or told["broken_checks"]:
        raise typer.Exit(1)
