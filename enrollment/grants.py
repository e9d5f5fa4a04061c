"""Acting for another: a legal representative, a proxy, a relative; what they may do, how long, on what evidence."""

from dataclasses import dataclass
from enum import StrEnum

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
    grant = Grant(draw_id(random), person, holder, kind, scope, validity, evidence)
    rows.add_grant(conn, grant.grant, person, holder, kind.value, sorted(scope), validity, evidence)
    return grant


def revoke(conn: Connection, grant: str, at: Instant) -> bool:
    """End a grant from now on; False if there is none, or it ended before."""
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
