"""`jitsuin enroll letter|deadlines`: codes by letter, and what a person has to keep in time."""

from typing import Annotated, Any

import typer

from cli.enroll_desk import As, AsJson, Folder, Person, open_desk, tell

letter = typer.Typer(no_args_is_help=True, help="Letters with a code: ask for one, redeem it.")


@letter.command("ask")
def ask(
    folder: Folder,
    person: Person,
    municipality: Annotated[str, typer.Option(metavar="CODE", help="The municipality of the address: five digits.")],
    address: Annotated[str, typer.Option(help="Where the letter goes.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """Have a letter with a code sent to an address; `jitsuin office` gives it to whoever prints it."""
    from enrollment.code_letters import CodeLetters
    from enrollment.operators import Role
    from enrollment.person import PersonId

    with open_desk(folder, operator) as desk:
        desk.operator.require(Role.CLERK, desk.at, PersonId(person))
        letters = CodeLetters(desk.database, desk.random)
        made = desk.do(lambda conn: letters.ask(conn, PersonId(person), municipality, address, desk.at))
    told = {"letter": made.letter, "until": made.expires_at.jst_date().isoformat()}
    tell(told, f"{made.letter}: good until {told['until']}", as_json=as_json)


@letter.command("redeem")
def redeem(
    folder: Folder,
    person: Person,
    number: Annotated[str, typer.Option("--letter", help="The letter's number.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """Type in the code that the person read from the letter (asked for, never an argument: others see arguments)."""
    from enrollment.code_letters import CodeLetters
    from enrollment.operators import Role
    from enrollment.person import PersonId

    code = typer.prompt("Code", hide_input=True, err=True)
    with open_desk(folder, operator) as desk:
        desk.operator.require(Role.CLERK, desk.at, PersonId(person))
        CodeLetters(desk.database, desk.random).redeem(PersonId(person), number, code, desk.at)
    tell({"letter": number, "state": "redeemed"}, f"{number}: redeemed", as_json=as_json)


def deadlines(folder: Folder, person: Person, as_json: AsJson = False) -> None:
    """What a person has to keep, and what became of what they had to keep."""
    from enrollment import deadlines as kept
    from enrollment.person import PersonId
    from enrollment.store import people

    def body(conn: Any) -> Any:
        people.owner_of(conn, PersonId(person))
        return kept.history(conn, PersonId(person))

    with open_desk(folder) as desk:
        found = desk.database.read(body)
    told = [
        {
            "kind": one.kind.value,
            "subject": one.subject,
            "due": one.due_at.jst_date().isoformat(),
            "outcome": one.outcome.value or "running",
        }
        for one in found
    ]
    text = "\n".join(f"{one['due']}  {one['kind']:15} {one['outcome']:8} {one['subject']}" for one in told)
    tell({"person": person, "deadlines": told}, text or "Nothing.", as_json=as_json)
