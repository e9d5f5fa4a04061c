"""`jitsuin enroll policy`: what a municipality lets be done how often, by which channel, on which evidence."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.enroll_desk import As, AsJson, Folder, open_desk, tell

app = typer.Typer(no_args_is_help=True, help="Adopt a policy of caps, of a procedure or of documents; show what holds.")

File = Annotated[Path, typer.Option("--file", metavar="FILE", help="TOML or JSON.", exists=True, dir_okay=False)]


@app.command("cap")
def cap(folder: Folder, file: File, operator: As, as_json: AsJson = False) -> None:
    """Adopt a cap policy for the operator's municipality: only ever stricter than the common one."""
    from cli.policy import read_policy
    from enrollment import acts, rules
    from enrollment.canonical import digest
    from enrollment.operators import Role
    from pki.errors import InvalidValue

    policy = read_policy(file)
    with open_desk(folder, operator) as desk:
        if policy.owner != desk.owner:
            raise InvalidValue(f"the policy's owner is {desk.owner}, the municipality that adopts it")

        def body(conn: Any) -> None:
            desk.operator.require(Role.POLICY, desk.at)
            content = digest(policy.body())
            desk.sign(conn, acts.What.POLICY, policy.version, content)
            acts.use(conn, desk.operator, acts.What.POLICY, policy.version, content, desk.at)
            rules.adopt(conn, policy, desk.at, operator)

        desk.do(body)
    told = {"version": policy.version, "effective_from": policy.effective_from.iso()}
    tell(told, f"{policy.version} holds from {policy.effective_from.iso()} on.", as_json=as_json)


@app.command("procedure")
def procedure(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="PROCEDURE", help="move-in, move-out, remote-reissue, …")],
    file: File,
    begins: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day in Japan on which it holds.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """Adopt which channels of a procedure are closed and which evidence of residence it asks for."""
    from cli.policy import read_table
    from enrollment import acts, channels
    from enrollment.canonical import digest
    from enrollment.channels import Procedure
    from enrollment.operators import Role
    from enrollment.wareki import parse_day
    from pki.errors import InvalidValue
    from pki.instant import Instant

    try:
        chosen = Procedure(name)
    except ValueError:
        raise InvalidValue(f"a procedure is one of {', '.join(Procedure)}") from None
    policy = channels.parse_procedure_policy(read_table(file))
    start = Instant.of_japan(parse_day(begins))
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> None:
            desk.operator.require(Role.POLICY, desk.at)
            content = digest({"from": start.iso(), "policy": policy.body(), "procedure": chosen.value})
            desk.sign(conn, acts.What.POLICY, chosen.value, content)
            acts.use(conn, desk.operator, acts.What.POLICY, chosen.value, content, desk.at)
            channels.adopt(conn, desk.owner, chosen, policy, start, desk.at, operator)

        desk.do(body)
    tell({"procedure": name, "from": start.iso()}, f"{name}: from {start.iso()} on.", as_json=as_json)


@app.command("documents")
def documents(
    folder: Folder,
    file: File,
    begins: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day in Japan on which it holds.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """Adopt which documents are accepted in person, their strength and expiry, and how many are enough without a photo:
    only ever stricter than the common catalogue."""
    from cli.policy import read_table
    from enrollment import acts, catalogue
    from enrollment.canonical import digest
    from enrollment.operators import Role
    from enrollment.wareki import parse_day
    from pki.instant import Instant

    policy = catalogue.parse_catalogue(read_table(file))
    start = Instant.of_japan(parse_day(begins))
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> None:
            desk.operator.require(Role.POLICY, desk.at)
            content = digest({"catalogue": policy.body(), "from": start.iso()})
            desk.sign(conn, acts.What.POLICY, catalogue.KIND, content)
            acts.use(conn, desk.operator, acts.What.POLICY, catalogue.KIND, content, desk.at)
            catalogue.adopt(conn, desk.owner, policy, start, desk.at, operator)

        desk.do(body)
    told = {"documents": sorted(policy.documents), "from": start.iso()}
    tell(told, f"{len(policy.documents)} kinds of documents from {start.iso()} on.", as_json=as_json)


@app.command("demand-signatures")
def demand_signatures(
    folder: Folder,
    begins: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day in Japan on which it holds.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """From that day on nothing is done in this municipality without the officer's card. It is never taken back."""
    from enrollment import acts
    from enrollment.operators import Role
    from enrollment.wareki import parse_day
    from pki.instant import Instant

    start = Instant.of_japan(parse_day(begins))
    with open_desk(folder, operator) as desk:
        desk.operator.require(Role.POLICY, desk.at)
        desk.do(lambda conn: acts.demand(conn, desk.owner, start, operator))
    tell({"from": start.iso()}, f"Acts are signed from {start.iso()} on.", as_json=as_json)


@app.command("show")
def show(folder: Folder, as_json: AsJson = False) -> None:
    """What holds now in the deployment's municipality: the cap, each procedure's channels and evidence, and which
    documents are accepted in person."""
    from enrollment import catalogue, channels, rules
    from enrollment.channels import CHANNELS, Procedure

    with open_desk(folder) as desk:

        def body(conn: Any) -> dict[str, Any]:
            ours = {one: channels.in_force(conn, desk.owner, one, desk.at) for one in Procedure}
            return {
                "cap": dict(rules.in_force(conn, desk.owner, desk.at).body()),
                "procedures": {
                    one.value: {"open": sorted(CHANNELS[one] - policy.closed), "residence": policy.residence.choices()}
                    for one, policy in ours.items()
                },
                "in_person": dict(catalogue.in_force(conn, desk.owner, desk.at).body()),
            }

        told = desk.database.read(body)
    lines = [f"{name:24} {value}" for name, value in told["cap"].items()]
    lines += [f"{name:24} {', '.join(one['open'])}   {one['residence']}" for name, one in told["procedures"].items()]
    for name, one in told["in_person"]["documents"].items():
        lines.append(f"{name:24} {one['strength']}{', with a date of expiry' if one['expires'] else ''}")
    lines.append(f"{'without a photo':24} {told['in_person']['documents_needed']} documents")
    tell(told, "\n".join(lines), as_json=as_json)
