"""Seeing one protected address once: one officer says why, another agrees, and the first one looks."""

from functools import partial

from enrollment import deciding, protection, registry
from enrollment.approvals import Approval
from enrollment.counters import Affair
from enrollment.errors import NeedsApproval, NotProtected, NotYours
from enrollment.flags import Unlock
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random
from enrollment.registry import Access, Field, View
from enrollment.store import Connection, Database, care, records
from enrollment.store import people as people_rows
from pki.instant import Instant

LEGAL_BASIS = "住民基本台帳事務処理要領 第6-10"


def propose(
    conn: Connection, person: PersonId, operator: Operator, reason: str, at: Instant, random: Random
) -> Approval:
    """The first of two. Errors: UnknownPerson, NotYours, RoleMissing, OperatorNotValid, SelfDealing; NotProtected."""
    if people_rows.owner_of(conn, person) != operator.owner:
        raise NotYours(operator.owner)
    operator.require(Role.CLERK, at, person)
    if protection.standing(conn, person) is None:
        raise NotProtected
    content = protection.unlock_content(person, reason)
    return deciding.propose(conn, operator, Affair.PROTECTION, person, content, at, random, reason)


def approve(
    conn: Connection, person: PersonId, approval: str, operator: Operator, at: Instant, random: Random
) -> Unlock:
    """The second one. Errors: those of `deciding.approve` and `protection.unlock`; SelfDealing."""
    operator.require(Role.PROTECTION, at, person)
    asked = records.find_approval(conn, approval)
    if asked is None or asked.subject != person:
        raise NeedsApproval(Affair.PROTECTION.value)
    approved = deciding.approve(conn, approval, operator, at)
    return protection.unlock(conn, person, approved, asked.reason, at, random)


def see(database: Database, person: PersonId, unlock: str, operator: Operator, at: Instant, random: Random) -> View:
    """The address, for whoever asked first, once and within ten minutes; masked for anybody later, and recorded.

    Errors: NeedsApproval if the permission is none, or another's; NotYours, RoleMissing.
    """
    allowed = database.read(partial(_allowed, person=person, unlock=unlock, operator=operator, at=at))
    access = Access(
        "desk",
        "unlock",
        Affair.PROTECTION.value,
        operator.owner,
        f"{operator.counter}/{operator.operator}",
        frozenset({Field.ADDRESS}),
        LEGAL_BASIS,
    )
    return registry.look(database, person, access, at, random, allowed)


def _allowed(conn: Connection, person: PersonId, unlock: str, operator: Operator, at: Instant) -> Unlock:
    operator.require(Role.CLERK, at, person)
    found = care.unlock_of(conn, unlock)
    if found is None or found[0].person != person:
        raise NeedsApproval(Affair.PROTECTION.value)
    asked = records.find_approval(conn, found[1])
    if asked is None or asked.proposed_by != operator.operator:
        raise NeedsApproval(Affair.PROTECTION.value)
    return found[0]
