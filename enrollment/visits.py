"""Being seen again: an in-person check at a desk, from which trust begins anew."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from enrollment import confirmations, deadlines, ledger, outbox, rules
from enrollment.canonical import Json
from enrollment.caps import Decision
from enrollment.counters import Affair, Counter, CounterKind
from enrollment.counterside import counterside, require_level, require_resident
from enrollment.deadline import Deadline
from enrollment.errors import (
    EvidenceTooWeak,
    EvidenceUsed,
    KioskNeverAnchors,
    MunicipalDeskNeeded,
    NotYours,
)
from enrollment.events import EventKind, LedgerEvent
from enrollment.evidence import InPersonEvidence
from enrollment.ledger import Happening
from enrollment.officers import require_own_signature
from enrollment.operators import Operator
from enrollment.person import PersonId, Random
from enrollment.policy import CapPolicy
from enrollment.store import Connection, records
from enrollment.store import people as people_rows
from pki.instant import Instant

OLDEST_EVIDENCE: Final = timedelta(hours=24)
"""A check is recorded on the day on which it was made, or after a night without a line; not from memory."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that counts: its event, what is possible remotely from now on, and what the person has to keep in time:
    the officer tells it while they stand there."""

    event: LedgerEvent
    decision: Decision
    deadlines: tuple[Deadline, ...]


def check(
    conn: Connection,
    evidence: InPersonEvidence,
    operator: str,
    at: Instant,
    random: Random,
    confirmation: str | None = None,
    officer_certificate: bytes | None = None,
) -> Checked:
    """Record an in-person check as a new ANCHOR, in the caller's transaction.

    The same evidence again gives the same event. At a post office the designation must cover the affair and the day,
    and the municipality must have confirmed just this check. A signature on the evidence must be by the officer's card;
    its certificate (DER) is looked up if it is not given.
    Errors: KioskNeverAnchors, OutOfScope, NotDesignated, NotYours, RoleMissing, OperatorNotValid, SelfDealing;
    NotPresent, EvidenceTooWeak, EvidenceUsed, SignatureInvalid; NotConfirmed; MunicipalDeskNeeded;
    UnknownPerson, WrongState for an ended record, NoPolicy.
    """
    at_desk = counterside(conn, operator)
    _require_desk(at_desk.counter, at_desk.operator, evidence, at)
    at_desk.require(Affair.IN_PERSON_CHECK, at, evidence.person)
    owner = people_rows.hold_person(conn, evidence.person)
    if owner != at_desk.counter.owner:
        raise NotYours(at_desk.counter.owner)
    require_resident(conn, evidence.person, EventKind.ANCHOR.value)
    require_own_signature(conn, evidence, at_desk.operator, at, officer_certificate)
    level = require_level(conn, evidence, at_desk.counter)
    known = [event for event in ledger.history(conn, evidence.person) if evidence.digest() in event.evidence]
    if known and known[0].kind is EventKind.ANCHOR:
        return _checked(conn, known[0], at)
    policy = rules.in_force(conn, owner, at)
    _require_anchoring(conn, policy, at_desk.counter, evidence.person)
    if not records.add_evidence(conn, evidence, f"visit:{evidence.digest()}"):
        raise EvidenceUsed(evidence.digest())
    confirmations.use(conn, confirmation, at_desk.counter, evidence.person, evidence.digest(), at)
    event, _ = ledger.record(
        conn,
        Happening(
            person=evidence.person,
            kind=EventKind.ANCHOR,
            actor=operator,
            channel=at_desk.counter.kind.value,
            level=level.value,
            evidence=(evidence.digest(),),
        ),
        at,
        random,
    )
    body: dict[str, Json] = {"channel": at_desk.counter.kind.value, "event": event.event, "level": level.value}
    outbox.put(conn, evidence.person, "person.seen", body, at, random)
    return _checked(conn, event, at)


def _checked(conn: Connection, event: LedgerEvent, at: Instant) -> Checked:
    decision = ledger.judge(conn, event.person, EventKind.REMOTE_MOVE, at)
    return Checked(event, decision, deadlines.running(conn, event.person))


def _require_desk(counter: Counter, operator: Operator, evidence: InPersonEvidence, at: Instant) -> None:
    if not counter.kind.sees_people:
        raise KioskNeverAnchors(counter.counter)
    if (evidence.counter, evidence.officer) != (counter.counter, operator.operator):
        raise EvidenceTooWeak("the check must be recorded by the officer who made it, at their own desk")
    if not evidence.at <= at <= evidence.at + OLDEST_EVIDENCE:
        raise EvidenceTooWeak("the check lies in the future or more than a day back")


def _require_anchoring(conn: Connection, policy: CapPolicy, counter: Counter, person: PersonId) -> None:
    """Errors: MunicipalDeskNeeded if the policy does not let this kind of desk count, or not this time."""
    if counter.kind not in policy.anchors:
        raise MunicipalDeskNeeded(counter.counter)
    if policy.municipal_every and not counter.kind.is_municipal:
        anchors = [event for event in ledger.history(conn, person) if event.kind is EventKind.ANCHOR]
        recent = anchors[-(policy.municipal_every - 1) :] if policy.municipal_every > 1 else []
        if not any(CounterKind(event.channel).is_municipal for event in recent):
            raise MunicipalDeskNeeded(counter.counter)
