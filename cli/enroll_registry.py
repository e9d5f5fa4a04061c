"""`jitsuin enroll person|desk|operator`: who is registered, who serves them, where."""

from typing import Annotated, Any

import typer

from cli.enroll_desk import As, AsJson, Folder, Person, open_desk, tell

person = typer.Typer(no_args_is_help=True, help="Residents: register, list, show with a receipt.")
desk = typer.Typer(no_args_is_help=True, help="Desks: what each may do, and until when.")
operator = typer.Typer(no_args_is_help=True, help="Operators: roles, desk, card, appointment.")

Town = Annotated[str | None, typer.Option("--municipality", metavar="CODE", help="Five digits; else the deployment's.")]


@person.command("register")
def register(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Family name, blank, given name.")],
    born: Annotated[str, typer.Option(metavar="DAY", help="昭和55年2月17日, S55.2.17 or 1980-02-17.")],
    gender: Annotated[str, typer.Option(metavar="1|2|3|9", help="1 male, 2 female, 3 unknown, 9 not applicable.")],
    address: Annotated[str, typer.Option(help="As the resident record has it.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """Enter a resident of the operator's municipality; prints the opaque id and nothing else."""
    from enrollment import registry
    from enrollment.operators import Role
    from enrollment.wareki import parse_day
    from pki.attributes import Attributes, Gender
    from pki.errors import InvalidValue

    try:
        chosen = Gender(gender)
    except ValueError:
        raise InvalidValue("gender is 1, 2, 3 or 9") from None
    attributes = Attributes(name.replace(" ", "\u3000"), parse_day(born), chosen, address)
    with open_desk(folder, operator) as at_desk:
        at_desk.operator.require(Role.CLERK, at_desk.at)
        made = at_desk.do(lambda conn: registry.register(conn, at_desk.owner, attributes, at_desk.at, at_desk.random))
    tell({"person": made}, made, as_json=as_json)


@person.command("list")
def list_people(folder: Folder, municipality: Town = None, as_json: AsJson = False) -> None:
    """The ids of one municipality's residents: no names, for nobody asked for one."""
    from enrollment.store import people

    with open_desk(folder) as at_desk:
        code = municipality or at_desk.owner
        found = at_desk.database.read(lambda conn: people.people_of_owner(conn, code, None, 100_000))
    tell({"municipality": code, "people": list(found)}, "\n".join(found), as_json=as_json)


@person.command()
def show(
    folder: Folder,
    person: Person,
    reason: Annotated[str, typer.Option(help="Why this person is looked at (利用事由).")],
    operator: As,
    fields: Annotated[str, typer.Option(help="name,date-of-birth,gender,address: only these are read.")] = "name",
    affairs: Annotated[str, typer.Option(help="For which affairs (提供事務区分).")] = "jpki",
    legal_basis: Annotated[str, typer.Option(help="By which law.")] = "公的個人認証法",
    as_json: AsJson = False,
) -> None:
    """Show just these fields. The look is recorded first, durably; the person sees it in their history."""
    from enrollment import registry
    from enrollment.operators import Role
    from enrollment.person import PersonId
    from enrollment.registry import Access, fields_of
    from pki.errors import InvalidValue

    try:
        wanted = fields_of(name for name in fields.split(",") if name)
    except ValueError:
        raise InvalidValue("fields are name, date-of-birth, gender, address") from None
    with open_desk(folder, operator) as at_desk:
        at_desk.operator.require(Role.CLERK, at_desk.at, PersonId(person))
        access = Access("terminal", reason, affairs, at_desk.owner, at_desk.operator.operator, wanted, legal_basis)
        view = registry.look(at_desk.database, PersonId(person), access, at_desk.at, at_desk.random)
    shown = {field.value: value for field, value in view.shown.items()}
    told = {"person": person, "owner": view.owner, "status": view.status.value, "protected": view.flag is not None}
    lines = [f"{name:14} {value}" for name, value in {**told, **shown}.items()]
    tell({**told, "shown": shown}, "\n".join(lines), as_json=as_json)


@desk.command("list")
def list_desks(folder: Folder, municipality: Town = None, as_json: AsJson = False) -> None:
    """Every desk that serves a municipality."""
    from enrollment.store import people

    with open_desk(folder) as at_desk:
        code = municipality or at_desk.owner
        found = at_desk.database.read(lambda conn: people.counters_of_owner(conn, code))
    told = [
        {
            "counter": one.counter,
            "kind": one.kind.value,
            "name": one.name_ja,
            "affairs": sorted(one.affairs),
            "designated_until": one.designation.not_after.iso() if one.designation else None,
            "designation_record": one.designation_record,
        }
        for one in found
    ]
    text = "\n".join(
        f"{one['counter']:24} {one['kind']:15} {one['name']}  {one['designated_until'] or ''}" for one in told
    )
    tell({"municipality": code, "desks": told}, text, as_json=as_json)


@desk.command("add")
def add_desk(
    folder: Folder,
    counter: Annotated[str, typer.Option("--id", help="The desk's short name.")],
    kind: Annotated[str, typer.Option(metavar="KIND", help="municipal-main, branch, post-office, mobile.")],
    name: Annotated[str, typer.Option(help="As people read it.")],
    operator: As,
    affairs: Annotated[str, typer.Option(help="Separated by commas; all that the kind may do if left out.")] = "",
    designated: Annotated[
        str | None, typer.Option(metavar="FROM/UNTIL", help="Days of the designation (post offices).")
    ] = None,
    record: Annotated[str, typer.Option(help="The resolution and contract that the designation rests on.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a desk. A post office needs its designation; whoever adds desks is a supervisor."""
    from enrollment.counters import POST_OFFICE_AFFAIRS, Affair, Counter, CounterKind
    from enrollment.operators import Role
    from enrollment.store import people
    from enrollment.wareki import parse_day
    from pki.errors import InvalidValue
    from pki.instant import Instant, Validity, end_of_japanese_day

    try:
        what = CounterKind(kind)
        chosen = frozenset(Affair(one) for one in affairs.split(",") if one)
    except ValueError:
        raise InvalidValue(f"kinds are {', '.join(CounterKind)}; affairs are {', '.join(Affair)}") from None
    if what.needs_designation and designated is None:
        raise InvalidValue("a post office works by designation: --designated FROM/UNTIL --record TEXT")
    period = None
    if designated is not None:
        first, _, last = designated.partition("/")
        period = Validity(Instant.of_japan(parse_day(first)), end_of_japanese_day(parse_day(last)))
    whole = POST_OFFICE_AFFAIRS if what is CounterKind.POST_OFFICE else frozenset(Affair)
    with open_desk(folder, operator) as at_desk:
        at_desk.operator.require(Role.SUPERVISOR, at_desk.at)
        made = Counter(counter, at_desk.owner, what, name, chosen or whole, period, record)
        at_desk.do(lambda conn: people.add_counter(conn, made))
    tell({"counter": counter}, f"{counter} is registered.", as_json=as_json)


@operator.command("list")
def list_operators(folder: Folder, municipality: Town = None, as_json: AsJson = False) -> None:
    """Every operator of a municipality."""
    from enrollment.store import people

    with open_desk(folder) as at_desk:
        code = municipality or at_desk.owner
        found = at_desk.database.read(lambda conn: people.operators_of_owner(conn, code))
        now = at_desk.at
    told: list[dict[str, Any]] = [
        {
            "operator": one.operator,
            "roles": sorted(one.roles),
            "counter": one.counter,
            "until": one.validity.not_after.iso(),
            "valid": one.validity.contains(now),
            "card": one.card_fingerprint,
        }
        for one in found
    ]
    text = "\n".join(
        f"{one['operator']:24} {','.join(one['roles']):30} {one['counter']:20} "
        f"{'until' if one['valid'] else 'ended'} {one['until']}"
        for one in told
    )
    tell({"municipality": code, "operators": told}, text, as_json=as_json)


@operator.command("add")
def add_operator(
    folder: Folder,
    name: Annotated[str, typer.Option("--id", help="The operator's short name.")],
    counter: Annotated[str, typer.Option(help="The desk that they are bound to.")],
    card: Annotated[str, typer.Option(metavar="SHA256", help="Fingerprint of their card's certificate: 64 digits.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="The last day of the appointment.")],
    operator: As,
    roles: Annotated[str, typer.Option(help="clerk, supervisor, protection, policy; separated by commas.")] = "clerk",
    person: Annotated[str | None, typer.Option(help="Their own record's id, so that they never act on it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Appoint an operator with their card; whoever appoints is a supervisor."""
    from enrollment.operators import Operator, Role
    from enrollment.person import PersonId
    from enrollment.store import people
    from enrollment.wareki import parse_day
    from pki.errors import InvalidValue
    from pki.instant import Validity, end_of_japanese_day

    try:
        chosen = frozenset(Role(one) for one in roles.split(",") if one)
    except ValueError:
        raise InvalidValue(f"roles are {', '.join(Role)}") from None
    if len(card) != 64 or set(card) - set("0123456789abcdef"):
        raise InvalidValue("a card is named by the SHA-256 of its certificate: 64 hex digits")
    with open_desk(folder, operator) as at_desk:
        at_desk.operator.require(Role.SUPERVISOR, at_desk.at)
        period = Validity(at_desk.at, end_of_japanese_day(parse_day(until)))
        made = Operator(name, at_desk.owner, chosen, card, counter, period, PersonId(person) if person else None)

        def body(conn: Any) -> None:
            people.counter_of(conn, counter)
            people.add_operator(conn, made)

        at_desk.do(body)
    tell({"operator": name}, f"{name} is appointed until {until}.", as_json=as_json)
