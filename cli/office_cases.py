"""`jitsuin office case`: residents' questions about records of access, at a terminal."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.enroll_desk import As, AsJson, Folder, open_desk, tell

if TYPE_CHECKING:
    from enrollment.case import Case
    from enrollment.registry import AccessLine
    from pki.instant import Instant

case = typer.Typer(no_args_is_help=True, help="Questions that residents ask about records of access.")
GONE = "The record was kept for seven years and then destroyed."
CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The question's number.")]


@case.command("list")
def list_(
    folder: Folder,
    operator: As,
    every: Annotated[bool, typer.Option("--all", help="Those that wait for nobody here too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What waits for the owner's answer, the most urgent first."""
    from enrollment import cases
    from enrollment.operators import Role

    with open_desk(folder, operator) as desk:
        desk.operator.require(Role.SUPERVISOR, desk.at)
        read = cases.of_owner if every else cases.waiting
        found = desk.database.read(lambda conn: read(conn, desk.owner))
        told = [_told(one, desk.at) for one in found]
    text = "\n".join(
        f"{one['case']}  {one['state']:9} due {one['due']}{'  OVERDUE' if one['overdue'] else ''}" for one in told
    )
    tell({"cases": told}, text or "Nothing waits.", as_json=as_json)


@case.command("show")
def show(folder: Folder, number: CaseId, operator: As, as_json: AsJson = False) -> None:
    """The record that is asked about: who looked, when, why, at what. Never whose it is."""
    from enrollment import cases

    with open_desk(folder, operator) as desk:
        found, line = desk.database.read(lambda conn: cases.asked(conn, number, desk.operator, desk.at))
        told = {**_told(found, desk.at), "record": None if line is None else _record(line)}
    lines = [f"{name}: {value}" for name, value in told.items() if name != "record"]
    lines += [f"  {name}: {value}" for name, value in _record(line).items()] if line else [GONE]
    tell(told, "\n".join(lines), as_json=as_json)


@case.command("answer")
def answer(
    folder: Folder,
    number: CaseId,
    operator: As,
    finding: Annotated[str, typer.Option(help="rightful, mistake, unlawful.")],
    text: Annotated[str, typer.Option(help="What the resident will read: up to 1,000 characters.")],
    as_json: AsJson = False,
) -> None:
    """Answer; with a mistake an incident begins, to find everybody else whom it concerns."""
    from enrollment import cases
    from enrollment.case import Finding
    from pki.errors import InvalidValue

    if finding not in list(Finding):
        raise InvalidValue(f"a finding is one of {', '.join(Finding)}")
    with open_desk(folder, operator) as desk:
        done = desk.do(
            lambda conn: cases.answer(conn, number, desk.operator, Finding(finding), text, desk.at, desk.random)
        )
        told = _told(done, desk.at)
    begun = f"; incident {done.incident}" if done.incident else ""
    tell(told, f"{done.case}: {done.state.value}{begun}", as_json=as_json)


def _told(found: "Case", at: "Instant") -> dict[str, object]:
    return {
        "case": found.case,
        "state": found.state.value,
        "opened": found.opened_at.iso(),
        "due": found.due_at.jst_date().isoformat(),
        "overdue": found.overdue(at),
        "finding": found.finding.value if found.finding else None,
        "answer": found.answer,
        "answered_by": list(found.answered_by),
        "incident": found.incident,
    }


def _record(line: "AccessLine") -> dict[str, object]:
    access = line.access
    return {
        "when": line.at.iso(),
        "function": access.function,
        "reason": access.reason,
        "affairs": access.affairs,
        "from": access.provider,
        "to": access.recipient,
        "what": sorted(access.fields),
        "legal_basis": access.legal_basis,
        "result": line.result,
    }
