"""Evidence, approvals, confirmations, filings, and requests already answered."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.approvals import Approval, ApprovalState
from enrollment.counters import Affair
from enrollment.errors import Stale
from enrollment.evidence import InPersonEvidence, parse_evidence
from enrollment.person import PersonId
from enrollment.store import tables as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant


def add_evidence(conn: Connection, evidence: InPersonEvidence, used_by: str) -> bool:
    """Keep it, used up by `used_by`; False if the same evidence was already used by something else."""
    query = select(t.evidence.c.used_by).where(t.evidence.c.digest == evidence.digest())
    known = conn.execute(query).one_or_none()
    if known is not None:
        return bool(known[0] == used_by)
    try:
        conn.execute(
            insert(t.evidence).values(
                digest=evidence.digest(),
                person=evidence.person,
                body=evidence.octets().decode(),
                signature=evidence.signature,
                used_by=used_by,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the evidence") from error
        raise
    return True


def evidence_of(conn: Connection, digest: str) -> InPersonEvidence | None:
    """One record of a check, by its digest."""
    row = conn.execute(select(t.evidence).where(t.evidence.c.digest == digest)).mappings().one_or_none()
    if row is None:
        return None
    return parse_evidence(row["body"], None if row["signature"] is None else bytes(row["signature"]))


@dataclass(frozen=True, slots=True)
class SignedCheck:
    """Evidence with an officer's signature as it is kept. `name`: the digest under which it was stored."""

    name: str
    body: str
    signature: bytes = field(repr=False)


def signed_checks_after(
    conn: Connection, last: str | None, limit: int, person: PersonId | None = None
) -> list[SignedCheck]:
    """Signed evidence in order of its names, page by page."""
    e = t.evidence.c
    query = select(e.digest, e.body, e.signature).where(e.signature.is_not(None)).order_by(e.digest).limit(limit)
    if last is not None:
        query = query.where(e.digest > last)
    if person is not None:
        query = query.where(e.person == person)
    return [SignedCheck(row[0], row[1], bytes(row[2])) for row in conn.execute(query)]


def add_approval(conn: Connection, approval: Approval) -> None:
    """A new proposal."""
    conn.execute(
        insert(t.approvals).values(
            approval=approval.approval,
            owner=approval.owner,
            affair=approval.affair.value,
            subject=approval.subject,
            content=approval.content,
            state=approval.state.value,
            proposed_by=approval.proposed_by,
            proposed_card=approval.proposed_card,
            proposed_at=approval.proposed_at.seconds,
            expires_at=approval.expires_at.seconds,
            reason=approval.reason,
        )
    )


def _approval(row: Any) -> Approval:
    return Approval(
        approval=row["approval"],
        owner=row["owner"],
        affair=Affair(row["affair"]),
        subject=row["subject"],
        content=row["content"],
        state=ApprovalState(row["state"]),
        proposed_by=row["proposed_by"],
        proposed_card=row["proposed_card"],
        proposed_at=Instant(row["proposed_at"]),
        expires_at=Instant(row["expires_at"]),
        decided_by=row["decided_by"],
        decided_card=row["decided_card"],
        decided_at=Instant(row["decided_at"]) if row["decided_at"] is not None else None,
        reason=row["reason"],
    )


def find_approval(conn: Connection, approval: str) -> Approval | None:
    """One proposal, by id."""
    row = conn.execute(select(t.approvals).where(t.approvals.c.approval == approval)).mappings().one_or_none()
    return _approval(row) if row else None


def approvals_about(conn: Connection, subject: str) -> list[Approval]:
    """Every proposal about `subject`, oldest first."""
    query = (
        select(t.approvals)
        .where(t.approvals.c.subject == subject)
        .order_by(t.approvals.c.proposed_at, t.approvals.c.approval)
    )
    return [_approval(row) for row in conn.execute(query).mappings()]


def open_approvals(conn: Connection, owner: str) -> list[Approval]:
    """What waits for a second operator of a municipality, oldest first."""
    query = (
        select(t.approvals)
        .where(t.approvals.c.owner == owner, t.approvals.c.state == ApprovalState.PROPOSED.value)
        .order_by(t.approvals.c.proposed_at, t.approvals.c.approval)
    )
    return [_approval(row) for row in conn.execute(query).mappings()]


def change_approval(conn: Connection, approval: Approval, was: ApprovalState) -> None:
    """Errors: Stale if the state is no longer `was`."""
    done = conn.execute(
        update(t.approvals)
        .where(t.approvals.c.approval == approval.approval, t.approvals.c.state == was.value)
        .values(
            state=approval.state.value,
            decided_by=approval.decided_by,
            decided_card=approval.decided_card,
            decided_at=approval.decided_at.seconds if approval.decided_at else None,
            reason=approval.reason,
        )
    )
    if done.rowcount != 1:
        raise Stale("the approval")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A municipality says, while the person waits, that its record matches and the desk may go on; usable once."""

    confirmation: str
    owner: str
    person: PersonId
    counter: str
    given_by: str
    given_at: Instant
    expires_at: Instant


def add_confirmation(conn: Connection, confirmation: Confirmation) -> None:
    """Keep a confirmation."""
    conn.execute(
        insert(t.confirmations).values(
            confirmation=confirmation.confirmation,
            owner=confirmation.owner,
            person=confirmation.person,
            counter=confirmation.counter,
            given_by=confirmation.given_by,
            given_at=confirmation.given_at.seconds,
            expires_at=confirmation.expires_at.seconds,
        )
    )


def use_confirmation(
    conn: Connection, confirmation: str, owner: str, person: PersonId, counter: str, at: Instant, used_by: str
) -> bool:
    """Use it up for `used_by`; False unless it is unused, in time, and for just this person and desk."""
    c = t.confirmations.c
    done = conn.execute(
        update(t.confirmations)
        .where(
            c.confirmation == confirmation,
            c.owner == owner,
            c.person == person,
            c.counter == counter,
            c.given_at <= at.seconds,
            c.expires_at >= at.seconds,
            c.used_by.is_(None),
        )
        .values(used_by=used_by)
    )
    return done.rowcount == 1


def confirmations_waiting(conn: Connection, owner: str, at: Instant) -> int:
    """How many confirmations are given and unused."""
    c = t.confirmations.c
    query = select(func.count()).where(c.owner == owner, c.used_by.is_(None), c.expires_at >= at.seconds)
    return conn.execute(query).scalar_one()


@dataclass(frozen=True, slots=True)
class StoredFiling:
    """An accepted filing with its signature and the verifier's report."""

    filing: str
    person: PersonId
    application: str
    event: str
    document: bytes
    signature: bytes
    report: str
    decision: str
    accepted_at: Instant


def add_filing(conn: Connection, filing: StoredFiling) -> None:
    """Errors: Stale if the same filing id was accepted at the same moment (looked at again, it is a replay)."""
    try:
        conn.execute(
            insert(t.filings).values(
                filing=filing.filing,
                person=filing.person,
                application=filing.application,
                event=filing.event,
                document=filing.document,
                signature=filing.signature,
                report=filing.report,
                decision=filing.decision,
                accepted_at=filing.accepted_at.seconds,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the filing") from error
        raise


def find_filing(conn: Connection, filing: str) -> StoredFiling | None:
    """An accepted filing, by its one-time id."""
    row = conn.execute(select(t.filings).where(t.filings.c.filing == filing)).mappings().one_or_none()
    if row is None:
        return None
    return StoredFiling(
        row["filing"],
        PersonId(row["person"]),
        row["application"],
        row["event"],
        bytes(row["document"]),
        bytes(row["signature"]),
        row["report"],
        row["decision"],
        Instant(row["accepted_at"]),
    )


def outcome_of(conn: Connection, client: str, key: str) -> tuple[str, str] | None:
    """(digest of the request, outcome) stored under this client's key."""
    query = select(t.idempotency.c.request, t.idempotency.c.outcome).where(
        t.idempotency.c.client == client, t.idempotency.c.key == key
    )
    row = conn.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def put_outcome(conn: Connection, client: str, key: str, request: str, outcome: str, at: Instant) -> None:
    """Errors: Stale if the same key was stored at the same moment."""
    try:
        conn.execute(
            insert(t.idempotency).values(client=client, key=key, request=request, outcome=outcome, at=at.seconds)
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the request") from error
        raise
