"""Acting for another: a legal representative, a proxy, a relative; what they may do, how long, on what evidence."""

from dataclasses import dataclass
from enum import StrEnum

from enrollment import acts
from enrollment.canonical import digest
from enrollment.counters import Affair
from enrollment.errors import NotGranted, NotYours
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random, draw_id
from enrollment.store import Connection
from enrollment.store import care as rows
from enrollment.store import people as people_rows
from pki.instant import Instant, Validity


class GrantKind(StrEnum):
    """Why somebody may act for another."""

    LEGAL_REPRESENTATIVE = "legal-representative"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Grant:
    """`holder` may act for `person` in `scope` during `validity`. `evidence`: digest of what was shown for it."""

    grant: str
    person: PersonId
    holder: PersonId
    kind: GrantKind
    scope: frozenset[Affair]
    validity: Validity
    evidence: str
    revoked_at: Instant | None = None

    def covers(self, affair: Affair, at: Instant) -> bool:
        """Whether it holds for `affair` at `at`."""
        ended = self.revoked_at is not None and at >= self.revoked_at
        return affair in self.scope and self.validity.contains(at) and not ended


def give(
    conn: Connection,
    person: PersonId,
    holder: PersonId,
    kind: GrantKind,
    scope: frozenset[Affair],
    validity: Validity,
    evidence: str,
    operator: Operator,
    at: Instant,
    random: Random,
) -> Grant:
    """Record a grant at a counter. An in-person check can never be granted away.

    Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing; NotGranted for a check, or for oneself.
    """
    if people_rows.hold_person(conn, person) != operator.owner:
        raise NotYours(operator.owner)
    operator.require(Role.CLERK, at, holder)
    if Affair.IN_PERSON_CHECK in scope or person == holder:
        raise NotGranted(Affair.IN_PERSON_CHECK.value)
    content = content_of(person, holder, kind, scope, validity, evidence)
    acts.use(conn, operator, acts.What.GRANT, person, content, at)
    grant = Grant(draw_id(random), person, holder, kind, scope, validity, evidence)
    rows.add_grant(conn, grant.grant, person, holder, kind.value, sorted(scope), validity, evidence)
    return grant


def content_of(
    person: PersonId,
    holder: PersonId,
    kind: GrantKind,
    scope: frozenset[Affair],
    validity: Validity,
    evidence: str,
) -> str:
    """What the officer signs who gives a grant."""
    return digest(
        {
            "act": "grant",
            "evidence": evidence,
            "holder": holder,
            "kind": kind.value,
            "not_after": validity.not_after.iso(),
            "not_before": validity.not_before.iso(),
            "person": person,
            "scope": sorted(scope),
        }
    )


def revoke_content(person: PersonId, grant: str) -> str:
    """What the officer signs who ends one."""
    return digest({"act": "revoke-grant", "grant": grant, "person": person})


def revoke(conn: Connection, person: PersonId, grant: str, by: Operator | PersonId, at: Instant) -> bool:
    """End a grant over `person` from now on; False if there is none, or it ended before.

    The person may, who acts for them may give it up, and an operator of their municipality may.
    Errors: UnknownPerson; NotYours, RoleMissing, OperatorNotValid, ActNotSigned; NotGranted for anybody else.
    """
    owner = people_rows.hold_person(conn, person)
    found = next((one for one in grants_of(conn, person) if one.grant == grant), None)
    if found is None:
        return False
    if isinstance(by, Operator):
        if owner != by.owner:
            raise NotYours(by.owner)
        by.require(Role.CLERK, at, found.holder)
        acts.use(conn, by, acts.What.REVOKE_GRANT, person, revoke_content(person, grant), at)
    elif by not in (person, found.holder):
        raise NotGranted("revoke")
    return rows.revoke_grant(conn, grant, at)


def grants_of(conn: Connection, person: PersonId) -> list[Grant]:
    """Every grant over `person`, ended ones too."""
    return [
        Grant(
            row.grant,
            PersonId(row.person),
            PersonId(row.holder),
            GrantKind(row.kind),
            frozenset(Affair(name) for name in row.scope),
            row.validity,
            row.evidence,
            row.revoked_at,
        )
        for row in rows.grants_of(conn, person)
    ]


def acting_for(conn: Connection, person: PersonId, holder: PersonId, affair: Affair, at: Instant) -> Grant:
    """The grant by which `holder` acts for `person` now. Errors: NotGranted."""
    for grant in grants_of(conn, person):
        if grant.holder == holder and grant.covers(affair, at):
            return grant
    raise NotGranted(affair.value)
