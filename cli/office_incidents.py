"""`jitsuin office incident`: what went wrong, whom it concerns, telling them, drills."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.enroll_desk import As, AsJson, Folder, open_desk, tell

if TYPE_CHECKING:
    from enrollment.incident import Incident, Moment
    from pki.instant import Instant

incident = typer.Typer(no_args_is_help=True, help="Incidents: whom one concerns, telling them, drills.")
Number = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's number.")]
DRILL = "DRILL (nobody is told, nothing is published): "


@incident.command("open")
def open_(
    folder: Folder,
    operator: As,
    kind: Annotated[str, typer.Option(help="mistaken-inquiry, mistaken-provision, wrong-value, leak.")],
    drill: Annotated[
        bool, typer.Option("--drill", help="Go the same way with the same records, and tell nobody.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Something was found to be wrong."""
    from enrollment import incidents
    from enrollment.incident import IncidentKind
    from pki.errors import InvalidValue

    if kind not in list(IncidentKind):
        raise InvalidValue(f"a kind is one of {', '.join(IncidentKind)}")
    with open_desk(folder, operator) as desk:
        made = desk.do(
            lambda conn: incidents.find(conn, IncidentKind(kind), desk.operator, desk.at, desk.random, drill=drill)
        )
        _tell(made, desk.at, as_json=as_json)


@incident.command("list")
def list_(folder: Folder, operator: As, as_json: AsJson = False) -> None:
    """Every incident and drill of the operator's municipality, the newest first."""
    from enrollment import incidents
    from enrollment.operators import Role

    with open_desk(folder, operator) as desk:
        desk.operator.require(Role.SUPERVISOR, desk.at)
        found = desk.database.read(lambda conn: incidents.of_owner(conn, desk.owner))
        text = "\n".join(_line(one, desk.at) for one in found) or "None."
        tell({"incidents": [_told(one, desk.at) for one in found]}, text, as_json=as_json)


@incident.command("affected")
def affected(
    folder: Folder,
    number: Number,
    operator: As,
    since: Annotated[str, typer.Option(metavar="TIME", help="From this time (RFC 3339, with a zone).")],
    until: Annotated[str, typer.Option(metavar="TIME", help="Until this time, included.")],
    function: Annotated[str | None, typer.Option(help="All records by this function.")] = None,
    recipient: Annotated[str | None, typer.Option(help="All records of what this recipient was given.")] = None,
    affairs: Annotated[str | None, typer.Option(help="All records for these affairs.")] = None,
    record: Annotated[list[str] | None, typer.Option("--record", help="This record; repeat.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute from the records whom it concerns; may be done again until they are told."""
    from enrollment import incidents
    from enrollment.incident import Scope
    from pki.instant import Instant

    within = Scope(Instant.parse(since), Instant.parse(until), function, recipient, affairs, tuple(record or ()))
    with open_desk(folder, operator) as desk:
        done = desk.do(lambda conn: incidents.scope(conn, number, within, desk.operator, desk.at))
        _tell(done, desk.at, as_json=as_json)


@incident.command("notify")
def notify(folder: Folder, number: Number, operator: As, as_json: AsJson = False) -> None:
    """Have everybody concerned told on their own pages; by another supervisor than who found it."""
    from enrollment import incidents

    with open_desk(folder, operator) as desk:
        done = desk.do(lambda conn: incidents.notify(conn, number, desk.operator, desk.at, desk.random))
        _tell(done, desk.at, as_json=as_json)


@incident.command("timeline")
def timeline(folder: Folder, number: Number, operator: As, as_json: AsJson = False) -> None:
    """What was done when and by whom; with --json what the public reads as well."""
    from enrollment import incidents

    with open_desk(folder, operator) as desk:
        found = desk.database.read(lambda conn: incidents.theirs(conn, number, desk.operator, desk.at))
        moments = desk.database.read(lambda conn: incidents.timeline(conn, number))
        public = desk.database.read(lambda conn: incidents.public_notice(conn, number))
        told = [{"at": one.at.iso(), "what": one.what.value, "operator": one.operator} for one in moments]
        lines = [_line(found, desk.at), *(f"  {one.at.iso()}  {_what(found, one):7} {one.operator}" for one in moments)]
        tell({**_told(found, desk.at), "timeline": told, "public": public}, "\n".join(lines), as_json=as_json)


@incident.command("close")
def close(folder: Folder, number: Number, operator: As, as_json: AsJson = False) -> None:
    """Everything that followed from it is done."""
    from enrollment import incidents

    with open_desk(folder, operator) as desk:
        done = desk.do(lambda conn: incidents.close(conn, number, desk.operator, desk.at))
        _tell(done, desk.at, as_json=as_json)


def _what(one: "Incident", moment: "Moment") -> str:
    told = one.drill and moment.what.value == "notify"
    return "notify (a drill: nobody was told)" if told else moment.what.value


def _tell(one: "Incident", at: "Instant", *, as_json: bool) -> None:
    tell(_told(one, at), _line(one, at), as_json=as_json)


def _line(one: "Incident", at: "Instant") -> str:
    due = f", to be told by {one.due_at.jst_date()}{' OVERDUE' if one.overdue(at) else ''}" if one.waits else ""
    people = "" if one.affected is None else f", {one.affected} people, {one.records} records"
    return f"{DRILL if one.drill else ''}{one.incident}  {one.kind.value}  {one.state.value}{people}{due}"


def _told(one: "Incident", at: "Instant") -> dict[str, object]:
    return {
        "incident": one.incident,
        "kind": one.kind.value,
        "drill": one.drill,
        "state": one.state.value,
        "found": one.found_at.iso(),
        "found_by": one.found_by,
        "due": one.due_at.jst_date().isoformat(),
        "overdue": one.overdue(at),
        "people": one.affected,
        "records": one.records,
    }
