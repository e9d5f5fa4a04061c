"""Which cap policy holds where and when; policies are adopted, never edited."""

from collections.abc import Iterable

from enrollment.errors import LooserPolicy, NoPolicy
from enrollment.policy import COMMON, CapPolicy
from enrollment.store import Connection
from enrollment.store import ledger as rows
from pki.instant import Instant


def pick(policies: Iterable[CapPolicy], owner: str, at: Instant) -> CapPolicy | None:
    """The policy in force for `owner` at `at`: its own latest one, or else the common one."""
    begun = sorted((p for p in policies if p.effective_from <= at), key=lambda p: p.effective_from)
    for who in (owner, COMMON):
        own = [policy for policy in begun if policy.owner == who]
        if own:
            return own[-1]
    return None


def in_force(conn: Connection, owner: str, at: Instant) -> CapPolicy:
    """Errors: NoPolicy."""
    policy = pick(rows.policies_of(conn, owner), owner, at)
    if policy is None:
        raise NoPolicy(owner)
    return policy


def adopt(conn: Connection, policy: CapPolicy, at: Instant, adopted_by: str) -> None:
    """Keep `policy` from now on for its date.

    A municipality's policy is compared with every common one that will be in force beside it, and a new common one
    with those of every municipality: whoever comes second must fit. Errors: LooserPolicy, NoPolicy.
    """
    if policy.owner == COMMON:
        for owner in rows.policy_owners(conn):
            known = (*rows.policies_of(conn, owner), policy)
            for theirs in known:
                if theirs.owner == owner and _overlap(theirs, policy, known):
                    theirs.require_not_looser(policy)
    else:
        known = (*rows.policies_of(conn, policy.owner), policy)
        beside = [common for common in known if common.owner == COMMON and _overlap(policy, common, known)]
        if not beside:
            raise NoPolicy(policy.owner)
        loosened = sorted({name for common in beside for name in policy.loosened(common)})
        if loosened:
            raise LooserPolicy(", ".join(loosened))
    rows.add_policy(conn, policy, at, adopted_by)


def _overlap(one: CapPolicy, other: CapPolicy, known: Iterable[CapPolicy]) -> bool:
    """Whether both will be in force at the same moment: each until the next of its own owner."""

    def end(policy: CapPolicy) -> float:
        later = [p.effective_from.seconds for p in known if p.owner == policy.owner]
        return min((s for s in later if s > policy.effective_from.seconds), default=float("inf"))

    return one.effective_from.seconds < end(other) and other.effective_from.seconds < end(one)
