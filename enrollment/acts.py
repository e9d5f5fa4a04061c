"""What an operator does, signed by their own card before it is done.

    prepared here (with a nonce and our time) ─ signed by the officer's card ─▶ `record` ─▶ `use` by exactly that act

An act names what is done, to whom or what, with which content (a digest of every parameter), by whom and at which desk.
It is recorded first, and what it names then happens in the same transaction and uses it up: so a signature does one
thing once. A municipality that demands it (`demand`) has nothing done by its officers without; others may.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from enrollment.act import Act, What
from enrollment.errors import ActNotSigned, ActRefused, SignatureInvalid
from enrollment.officers import own_certificate, verify_own
from enrollment.operators import Operator
from enrollment.person import Random, draw_id
from enrollment.store import Connection
from enrollment.store import acts as rows
from enrollment.store import people as people_rows
from pki.instant import Instant
from transparency import entry as log

__all__ = [
    "Act",
    "ActFault",
    "SignedAct",
    "What",
    "demand",
    "is_demanded",
    "prepare",
    "record",
    "settle",
    "use",
    "verify",
]

FRESH: Final = timedelta(minutes=5)
"""Between the moment that our server wrote into the act and its use."""


@dataclass(frozen=True, slots=True)
class SignedAct:
    """`signature`: raw, by the officer's card, over `act.to_be_signed()`."""

    act: Act
    signature: bytes


def prepare(operator: Operator, what: What, subject: str, content: str, at: Instant, random: Random) -> Act:
    """The act to be signed: our time, our nonce, the operator's own desk."""
    return Act(what, subject, content, operator.operator, operator.counter, at, draw_id(random))


def record(conn: Connection, signed: SignedAct, at: Instant, certificate: bytes | None = None) -> str:
    """Keep a signed act; its digest. Repeating it changes nothing. `certificate` (DER) is looked up if not given.

    Errors: UnknownOperator; OperatorNotValid; SignatureInvalid unless the operator's own card, unrevoked, signed just
    this; ActRefused for another desk than the operator's, or for an act that is not of these five minutes.
    """
    act = signed.act
    operator = people_rows.operator_of(conn, act.operator)
    operator.require_valid(at)
    if act.counter != operator.counter:
        raise ActRefused("it names another desk than the operator's")
    if not act.at <= at <= act.at + FRESH:
        raise ActRefused("it lies in the future or more than five minutes back")
    known = rows.find_act(conn, act.digest())
    if known is not None:
        return act.digest()
    certificate = own_certificate(conn, operator, at, certificate)
    verify_own(certificate, operator.card_fingerprint, operator.operator, signed.signature, act.to_be_signed())
    if rows.nonce_used(conn, act.operator, act.nonce):
        raise ActRefused("its nonce was used for another act")
    rows.add_act(conn, operator.owner, act, operator.card_fingerprint, certificate, signed.signature)
    log.record(conn, operator.owner, log.EntryKind.ACT, act.digest(), bytes.fromhex(act.digest()), at)
    return act.digest()


def use(conn: Connection, operator: Operator, what: What, subject: str, content: str, at: Instant) -> str | None:
    """Use up the operator's signed act for exactly this; its digest, None where none is demanded and none was made.

    Errors: ActNotSigned; Stale if it was used at the same moment.
    """
    found = rows.unused_act(conn, operator.operator, what, subject, content, at + -FRESH, at)
    if found is None:
        if is_demanded(conn, operator.owner, at):
            raise ActNotSigned(operator.operator, what.value, subject, content)
        return None
    rows.use_act(conn, found, at)
    return found


def settle(conn: Connection, act: Act, at: Instant) -> None:
    """After its deed: what is still unused was for a step that has no procedure here to use it, or for one that found
    nothing to change. Then it is used up now, and serves for nothing later. Errors: Stale."""
    stored = rows.find_act(conn, act.digest())
    if stored is not None and stored.used_at is None:
        rows.use_act(conn, act.digest(), at)


def demand(conn: Connection, owner: str, begins: Instant, by: str) -> None:
    """From `begins` on nothing is done in this municipality without the officer's card. It is never taken back."""
    rows.demand_signing(conn, owner, begins, by)


def is_demanded(conn: Connection, owner: str, at: Instant) -> bool:
    """Whether acts and evidence must be signed there now."""
    begins = rows.signing_demanded_from(conn, owner)
    return begins is not None and at >= begins


@dataclass(frozen=True, slots=True)
class ActFault:
    """A stored act that does not hold."""

    act: str
    what: str


def verify(conn: Connection, subject: str | None = None) -> tuple[int, tuple[ActFault, ...]]:
    """Check every stored act, or those about `subject`: its name over its content, its signature, the card's
    certificate; (how many were looked at, what does not hold)."""
    count, faults = 0, []
    for stored in _stored(conn, subject):
        count += 1
        if stored.act.digest() != stored.name:
            faults.append(ActFault(stored.name, "its content is not what was signed under this name"))
            continue
        try:
            verify_own(
                stored.certificate,
                stored.card_fingerprint,
                stored.act.operator,
                stored.signature,
                stored.act.to_be_signed(),
            )
        except SignatureInvalid:
            faults.append(ActFault(stored.name, "its signature does not verify"))
    return count, tuple(faults)


def _stored(conn: Connection, subject: str | None) -> Iterator[rows.StoredAct]:
    last = None
    while page := rows.acts_after(conn, last, 500, subject):
        yield from page
        last = page[-1].name
