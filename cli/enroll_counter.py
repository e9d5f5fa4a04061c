"""`jitsuin enroll` at a counter: applications, proposals, visits, and what else a clerk does from a terminal."""

from typing import Annotated, Any

import typer

from cli.enroll_desk import As, AsJson, Documents, Folder, Person, Photo, open_desk, tell

application = typer.Typer(no_args_is_help=True, help="Applications: file, approve, refuse, withdraw, list.")
procedure = typer.Typer(no_args_is_help=True, help="Corrections, suspension, loss, the end of service.")
Application = Annotated[str, typer.Argument(metavar="APPLICATION", help="The application's number.")]
Reason = Annotated[str, typer.Option("--reason", help="In a few words; no personal data.")]
Approval = Annotated[str | None, typer.Option("--approval", help="The approved proposal; without it one is made.")]
InPerson = Annotated[bool, typer.Option("--in-person", help="Somebody stands at the desk; else by post or telephone.")]


@application.command("file")
def file(
    folder: Folder,
    person: Person,
    kind: Annotated[str, typer.Option(help="first-issue, renewal, reissue.")],
    card_end: Annotated[str, typer.Option(metavar="DAY", help="The last day printed on the card.")],
    operator: As,
    document: Documents,
    photo: Photo = False,
    confirmation: Annotated[str | None, typer.Option(help="The municipality's, for a post office.")] = None,
    as_json: AsJson = False,
) -> None:
    """File for the person who stands here; another operator approves it."""
    from enrollment import issuing
    from enrollment.act import What
    from enrollment.application import ApplicationKind, filing_content
    from enrollment.person import PersonId
    from enrollment.wareki import parse_day
    from pki.errors import InvalidValue
    from pki.instant import end_of_japanese_day

    kinds = {one.value: one for one in issuing.AFFAIRS}
    if kind not in kinds:
        raise InvalidValue(f"what is applied for is one of {', '.join(kinds)}")
    chosen: ApplicationKind = kinds[kind]
    end = end_of_japanese_day(parse_day(card_end))
    with open_desk(folder, operator) as desk:
        seen = desk.evidence(PersonId(person), document, photo=photo)

        def body(conn: Any) -> Any:
            desk.sign(conn, What.FILE, person, filing_content(chosen, seen.digest(), end))
            return issuing.file(conn, chosen, seen, end, operator, desk.at, desk.random, confirmation=confirmation)

        made = desk.do(body)
    told = {"application": made.application, "approval": made.approval, "state": made.state.value}
    tell(told, f"{made.application}: filed; approval {made.approval} waits for a second operator.", as_json=as_json)


@application.command("approve")
def approve(folder: Folder, application: Application, operator: As, as_json: AsJson = False) -> None:
    """Approve what another operator filed."""
    _decide(folder, application, operator, None, as_json=as_json)


@application.command("refuse")
def refuse(folder: Folder, application: Application, operator: As, reason: Reason, as_json: AsJson = False) -> None:
    """Refuse what another operator filed."""
    _decide(folder, application, operator, reason, as_json=as_json)


def _decide(folder: Any, application: str, operator: str, reason: str | None, *, as_json: bool) -> None:
    from enrollment import deciding, issuing
    from enrollment.act import What
    from enrollment.approvals import ApprovalEvent
    from enrollment.store import records, work

    event = ApprovalEvent.APPROVE if reason is None else ApprovalEvent.REJECT
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> Any:
            found = work.application_of(conn, application)
            waiting = records.find_approval(conn, str(found.approval))
            if waiting is not None:
                what = What.APPROVE if reason is None else What.REJECT
                desk.sign(conn, what, waiting.approval, deciding.decision_content(waiting, event))
            if reason is None:
                issuing.approve(conn, application, operator, desk.at)
            else:
                issuing.refuse(conn, application, operator, desk.at, reason)
            return work.application_of(conn, application)

        done = desk.do(body)
    tell({"application": application, "state": done.state.value}, f"{application}: {done.state.value}", as_json=as_json)


@application.command("withdraw")
def withdraw(folder: Folder, application: Application, operator: As, reason: Reason, as_json: AsJson = False) -> None:
    """Give an application up before the card is handed over; what was signed for it is revoked."""
    from enrollment import issuing
    from enrollment.act import What
    from enrollment.application import withdrawal_content
    from enrollment.store import work

    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> Any:
            found = work.application_of(conn, application)
            desk.sign(conn, What.WITHDRAW, found.person, withdrawal_content(application, reason))
            return issuing.withdraw(conn, application, operator, desk.at, reason, desk.random)

        done = desk.do(body)
    tell({"application": application, "state": done.state.value}, f"{application}: {done.state.value}", as_json=as_json)


@application.command("list")
def list_applications(folder: Folder, person: Person, as_json: AsJson = False) -> None:
    """Every application of a person, and where it stands: what a crash left goes on from there."""
    from enrollment.person import PersonId
    from enrollment.store import people, work

    def body(conn: Any) -> Any:
        people.owner_of(conn, PersonId(person))
        return work.applications_of(conn, PersonId(person))

    with open_desk(folder) as desk:
        found = desk.database.read(body)
    told = [
        {
            "application": one.application,
            "kind": one.kind.value,
            "state": one.state.value,
            "filed_at": one.filed_at.iso(),
            "card_id": one.card_id,
        }
        for one in found
    ]
    text = "\n".join(f"{one['application']}  {one['kind']:15} {one['state']:12} {one['filed_at']}" for one in told)
    tell({"person": person, "applications": told}, text, as_json=as_json)


def waiting(folder: Folder, operator: As, as_json: AsJson = False) -> None:
    """What waits for a second operator of this municipality."""
    from enrollment.store import records

    with open_desk(folder, operator) as desk:
        found = desk.database.read(lambda conn: records.open_approvals(conn, desk.owner))
    told = [
        {
            "approval": one.approval,
            "affair": one.affair.value,
            "subject": one.subject,
            "proposed_by": one.proposed_by,
            "expires_at": one.expires_at.iso(),
        }
        for one in found
    ]
    text = "\n".join(
        f"{one['approval']}  {one['affair']:16} {one['subject']}  by {one['proposed_by']} until {one['expires_at']}"
        for one in told
    )
    tell({"waiting": told}, text or "Nothing waits.", as_json=as_json)


def decide(
    folder: Folder,
    approval: Annotated[str, typer.Argument(metavar="APPROVAL", help="The proposal's number.")],
    operator: As,
    reject: Annotated[str | None, typer.Option("--reject", metavar="REASON", help="Say no, with a reason.")] = None,
    as_json: AsJson = False,
) -> None:
    """Approve or reject any proposal (a correction, the end of a record …) as the second person."""
    from enrollment import deciding
    from enrollment.act import What
    from enrollment.approvals import ApprovalEvent
    from enrollment.store import records

    event = ApprovalEvent.REJECT if reject else ApprovalEvent.APPROVE
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> None:
            found = records.find_approval(conn, approval)
            if found is not None:
                what = What.REJECT if reject else What.APPROVE
                desk.sign(conn, what, approval, deciding.decision_content(found, event))
            if reject:
                deciding.reject(conn, approval, desk.operator, desk.at, reject)
            else:
                deciding.approve(conn, approval, desk.operator, desk.at)

        desk.do(body)
    state = "rejected" if reject else "approved"
    tell({"approval": approval, "state": state}, f"{approval}: {state}", as_json=as_json)


def visit(
    folder: Folder,
    person: Person,
    operator: As,
    document: Documents,
    photo: Photo = False,
    confirmation: Annotated[str | None, typer.Option(help="The municipality's, for a post office.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record that the person was seen here, and say what they may do from afar now."""
    from enrollment import visits
    from enrollment.person import PersonId

    with open_desk(folder, operator) as desk:
        seen = desk.evidence(PersonId(person), document, photo=photo)
        checked = desk.do(
            lambda conn: visits.check(conn, seen, operator, desk.at, desk.random, confirmation=confirmation)
        )
    due = [{"kind": one.kind.value, "by": one.due_at.jst_date().isoformat()} for one in checked.deadlines]
    told = {
        "event": checked.event.event,
        "level": checked.event.level,
        "decision": checked.decision.to_json(),
        "deadlines": due,
    }
    text = f"{checked.event.event}: seen, {checked.event.level}; {checked.decision.left} remote procedures from here"
    tell(told, "\n".join([text, *(f"  {one['kind']} by {one['by']}" for one in due)]), as_json=as_json)


def confirm(
    folder: Folder,
    person: Person,
    at: Annotated[str, typer.Option("--desk", help="The desk at which the person stands.")],
    operator: As,
    as_json: AsJson = False,
) -> None:
    """Confirm, as the municipality, that its record of the person stands: for one check at that desk, at once."""
    from enrollment import confirmations
    from enrollment.act import What
    from enrollment.person import PersonId

    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> Any:
            desk.sign(conn, What.CONFIRM_CHECK, person, confirmations.content_of(PersonId(person), at))
            return confirmations.confirm(conn, desk.operator, PersonId(person), at, desk.at, desk.random)

        made = desk.do(body)
    told = {"confirmation": made.confirmation, "expires_at": made.expires_at.iso()}
    tell(told, f"{made.confirmation} until {made.expires_at.iso()}", as_json=as_json)


@procedure.command("correct")
def correct(
    folder: Folder,
    person: Person,
    event: Annotated[str, typer.Option(help="The ledger's event that was a mistake.")],
    operator: As,
    reason: Reason = "",
    approval: Approval = None,
    as_json: AsJson = False,
) -> None:
    """Take an event of the ledger back: first proposed, then, approved by another operator, done."""
    from enrollment import procedures
    from enrollment.act import What
    from enrollment.events import EventId
    from enrollment.person import PersonId

    who, which = PersonId(person), EventId(event)
    content = procedures.content_of("correction", person=person, event=event)
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> dict[str, Any]:
            if approval is None:
                desk.sign(conn, What.PROPOSE, person, content)
                made = procedures.propose_correction(conn, who, which, desk.operator, desk.at, desk.random, reason)
                return {"approval": made.approval, "state": "proposed"}
            desk.sign(conn, What.CORRECT, person, content)
            done = procedures.correct(conn, who, which, approval, desk.operator, desk.at, desk.random)
            return {"event": done.event, "state": "corrected"}

        told = desk.do(body)
    tell(told, " ".join(told.values()), as_json=as_json)


@procedure.command("end")
def end(
    folder: Folder,
    person: Person,
    status: Annotated[str, typer.Option(metavar="dead|emigrated", help="Why the record ends.")],
    operator: As,
    approval: Approval = None,
    in_person: InPerson = False,
    keep_certificates: Annotated[bool, typer.Option("--keep-certificates", help="Only for who emigrates.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a record: first proposed, then, approved by another operator, done."""
    from enrollment import procedures
    from enrollment.act import What
    from enrollment.channels import Channel
    from enrollment.person import PersonId, PersonStatus
    from pki.errors import InvalidValue

    channel = Channel.IN_PERSON if in_person else Channel.ASSISTED
    if status not in (PersonStatus.DEAD, PersonStatus.EMIGRATED):
        raise InvalidValue("a record ends by death or emigration: dead, emigrated")
    who, becomes = PersonId(person), PersonStatus(status)
    content = procedures.content_of("end", person=person, status=status)
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> dict[str, Any]:
            if approval is None:
                desk.sign(conn, What.PROPOSE, person, content)
                made = procedures.propose_end(conn, who, becomes, desk.operator, desk.at, desk.random, channel)
                return {"approval": made.approval, "state": "proposed"}
            desk.sign(conn, What.END_OF_SERVICE, person, content)
            procedures.end_of_service(
                conn, who, becomes, approval, desk.operator, desk.at, desk.random, channel,
                keep_certificates=keep_certificates,
            )  # fmt: skip
            return {"person": person, "state": status}

        told = desk.do(body)
    tell(told, " ".join(told.values()), as_json=as_json)


@procedure.command("suspend")
def suspend(
    folder: Folder,
    card: Annotated[str, typer.Argument(metavar="CARD", help="The card's own serial.")],
    operator: As,
    in_person: InPerson = False,
    lost: Annotated[bool, typer.Option("--lost", help="It is lost for good: everything on it ends now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a card at once; with --lost for good."""
    from enrollment import loss, procedures
    from enrollment.act import What
    from enrollment.channels import Channel
    from enrollment.store import work

    channel = Channel.IN_PERSON if in_person else Channel.ASSISTED
    with open_desk(folder, operator) as desk:

        def body(conn: Any) -> str:
            found = work.card_of(conn, card)
            if lost:
                desk.sign(conn, What.REPORT_LOSS, found.person, loss.content_of(card))
                loss.report(conn, card, operator, desk.at, desk.random)
            else:
                desk.sign(conn, What.SUSPEND, found.person, procedures.content_of("suspend", card_id=card))
                procedures.suspend(conn, card, operator, desk.at, desk.random, channel)
            return work.card_of(conn, card).state.value

        state = desk.do(body)
    tell({"card": card, "state": state}, f"{card}: {state}", as_json=as_json)
