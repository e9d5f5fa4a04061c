"""Flags, the channels that must know of them, unlocks, grants, households and required evidence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, or_, select, update

from enrollment.canonical import canonical
from enrollment.errors import Stale, UnknownChannel
from enrollment.flags import Flag, FlagState, Unlock
from enrollment.person import PersonId
from enrollment.store import tables_care as t
from enrollment.store.connection import Connection
from pki.instant import Instant, Validity


def _flag(row: Any) -> Flag:
    return Flag(
        row["flag"],
        PersonId(row["person"]),
        row["number"],
        row["owner"],
        FlagState(row["state"]),
        row["version"],
        Instant(row["since"]),
        Instant(row["until"]),
        row["contact_desk"],
        row["applied_by"],
        Instant(row["release_after"]) if row["release_after"] is not None else None,
        row["release_approval"],
    )


def _flag_row(flag: Flag) -> dict[str, Any]:
    return {
        "person": flag.person,
        "number": flag.number,
        "flag": flag.flag,
        "owner": flag.owner,
        "state": flag.state.value,
        "version": flag.version,
        "since": flag.since.seconds,
        "until": flag.until.seconds,
        "contact_desk": flag.contact_desk,
        "applied_by": flag.applied_by,
        "release_after": flag.release_after.seconds if flag.release_after else None,
        "release_approval": flag.release_approval,
    }


def flags_of(conn: Connection, person: PersonId) -> list[Flag]:
    """Every flag that a person ever had, the newest first."""
    query = select(t.protection).where(t.protection.c.person == person).order_by(t.protection.c.number.desc())
    return [_flag(row) for row in conn.execute(query).mappings()]


def flags_of_owner(conn: Connection, owner: str) -> list[Flag]:
    """Every flag of a municipality."""
    query = select(t.protection).where(t.protection.c.owner == owner).order_by(t.protection.c.flag)
    return [_flag(row) for row in conn.execute(query).mappings()]


def add_flag(conn: Connection, flag: Flag) -> None:
    """A new flag."""
    conn.execute(insert(t.protection).values(_flag_row(flag)))


def change_flag(conn: Connection, flag: Flag) -> None:
    """Write the next version over the one before it. Errors: Stale if somebody else was first."""
    p = t.protection.c
    done = conn.execute(
        update(t.protection)
        .where(p.person == flag.person, p.number == flag.number, p.version == flag.version - 1)
        .values(_flag_row(flag))
    )
    if done.rowcount != 1:
        raise Stale("the flag")


def add_channel(conn: Connection, channel: str, owner: str, name_ja: str, at: Instant, address: str = "") -> None:
    """Register whoever shows or prints records of this municipality."""
    conn.execute(
        insert(t.channels).values(
            channel=channel, owner=owner, name_ja=name_ja, registered_at=at.seconds, address=address
        )
    )


def channels_to_tell(conn: Connection, flag: Flag) -> list[tuple[str, str]]:
    """(channel, its municipality) of every channel that must know of a flag, or was told of it once."""
    n = t.notices.c
    told = select(n.channel).where(n.flag == flag.flag)
    c = t.channels.c
    query = select(c.channel, c.owner).where(or_(c.owner == flag.owner, c.channel.in_(told))).order_by(c.channel)
    return [(row[0], row[1]) for row in conn.execute(query)]


def was_told(conn: Connection, channel: str, flag: Flag) -> bool:
    """Whether this version of the flag was sent to the channel before."""
    n = t.notices.c
    query = select(n.flag).where(n.flag == flag.flag, n.version == flag.version, n.channel == channel)
    return conn.execute(query).one_or_none() is not None


def flags_told(conn: Connection, channel: str) -> list[Flag]:
    """Every flag that a channel was ever told of, as it stands now."""
    told = select(t.notices.c.flag).where(t.notices.c.channel == channel)
    query = select(t.protection).where(t.protection.c.flag.in_(told)).order_by(t.protection.c.flag)
    return [_flag(row) for row in conn.execute(query).mappings()]


def all_channels(conn: Connection) -> list[tuple[str, str, str]]:
    """(channel, its municipality, its address) of all of them."""
    c = t.channels.c
    return [(row[0], row[1], row[2]) for row in conn.execute(select(c.channel, c.owner, c.address).order_by(c.channel))]


def channel_address(conn: Connection, channel: str) -> str:
    """Where a channel is told; empty for one that has no address. Errors: UnknownChannel."""
    address = conn.execute(select(t.channels.c.address).where(t.channels.c.channel == channel)).scalar_one_or_none()
    if address is None:
        raise UnknownChannel(channel)
    return str(address)


def channels_of(conn: Connection, owner: str) -> list[str]:
    """The channels of a municipality."""
    query = select(t.channels.c.channel).where(t.channels.c.owner == owner).order_by(t.channels.c.channel)
    return list(conn.execute(query).scalars())


def channel_owner(conn: Connection, channel: str) -> str:
    """Errors: UnknownChannel."""
    owner = conn.execute(select(t.channels.c.owner).where(t.channels.c.channel == channel)).scalar_one_or_none()
    if owner is None:
        raise UnknownChannel(channel)
    return str(owner)


def add_notice(conn: Connection, flag: Flag, channel: str, at: Instant, due: Instant) -> None:
    """This version of a flag is on its way to a channel."""
    conn.execute(
        insert(t.notices).values(
            flag=flag.flag,
            version=flag.version,
            channel=channel,
            person=flag.person,
            sent_at=at.seconds,
            due_at=due.seconds,
        )
    )


def acknowledge(conn: Connection, channel: str, flag: str, version: int, at: Instant) -> bool:
    """Note that the channel has this version, and so every older one; False if this version was never sent to it."""
    n = t.notices.c
    sent = select(n.flag).where(n.flag == flag, n.version == version, n.channel == channel)
    if conn.execute(sent).one_or_none() is None:
        return False
    conn.execute(
        update(t.notices)
        .where(n.flag == flag, n.version <= version, n.channel == channel, n.acked_at.is_(None))
        .values(acked_at=at.seconds)
    )
    return True


def overdue_notices(conn: Connection, at: Instant) -> list[tuple[str, str, int, Instant]]:
    """(channel, flag, version, due) of every notice that should have been acknowledged."""
    n = t.notices.c
    query = (
        select(n.channel, n.flag, n.version, n.due_at)
        .where(n.acked_at.is_(None), n.due_at < at.seconds)
        .order_by(n.due_at, n.channel, n.flag)
    )
    return [(row[0], row[1], row[2], Instant(row[3])) for row in conn.execute(query)]


def add_unlock(conn: Connection, unlock: Unlock, approval: str, reason: str) -> None:
    """Keep a permission."""
    conn.execute(
        insert(t.unlocks).values(
            unlock=unlock.unlock,
            person=unlock.person,
            approval=approval,
            reason=reason,
            expires_at=unlock.expires_at.seconds,
        )
    )


def unlock_of(conn: Connection, unlock: str) -> tuple[Unlock, str] | None:
    """A permission and the approval behind it."""
    row = conn.execute(select(t.unlocks).where(t.unlocks.c.unlock == unlock)).mappings().one_or_none()
    if row is None:
        return None
    return Unlock(row["unlock"], PersonId(row["person"]), Instant(row["expires_at"])), row["approval"]


def use_unlock(conn: Connection, unlock: str, person: PersonId, at: Instant, used_by: str) -> bool:
    """Use a permission up; False unless it is unused, in time and for this person."""
    u = t.unlocks.c
    done = conn.execute(
        update(t.unlocks)
        .where(u.unlock == unlock, u.person == person, u.expires_at >= at.seconds, u.used_by.is_(None))
        .values(used_by=used_by)
    )
    return done.rowcount == 1


def unlock_used_by(conn: Connection, unlock: str, used_by: str) -> bool:
    """Whether this very access record used the permission up."""
    query = select(t.unlocks.c.used_by).where(t.unlocks.c.unlock == unlock)
    return conn.execute(query).scalar_one_or_none() == used_by


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A stored grant."""

    grant: str
    person: str
    holder: str
    kind: str
    scope: tuple[str, ...]
    validity: Validity
    evidence: str
    revoked_at: Instant | None


def add_grant(
    conn: Connection,
    grant: str,
    person: PersonId,
    holder: PersonId,
    kind: str,
    scope: Sequence[str],
    validity: Validity,
    evidence: str,
) -> None:
    """A new grant."""
    conn.execute(
        insert(t.grants).values(
            grant_id=grant,
            person=person,
            holder=holder,
            kind=kind,
            scope=canonical(list(scope)).decode(),
            not_before=validity.not_before.seconds,
            not_after=validity.not_after.seconds,
            evidence=evidence,
        )
    )


def revoke_grant(conn: Connection, grant: str, at: Instant) -> bool:
    """Note the end; False if there was nothing to end."""
    g = t.grants.c
    done = conn.execute(
        update(t.grants).where(g.grant_id == grant, g.revoked_at.is_(None)).values(revoked_at=at.seconds)
    )
    return done.rowcount == 1


def grants_of(conn: Connection, person: PersonId) -> list[GrantRow]:
    """Every grant over a person."""
    query = select(t.grants).where(t.grants.c.person == person).order_by(t.grants.c.not_before, t.grants.c.grant_id)
    return [
        GrantRow(
            row["grant_id"],
            row["person"],
            row["holder"],
            row["kind"],
            tuple(json.loads(row["scope"])),
            Validity(Instant(row["not_before"]), Instant(row["not_after"])),
            row["evidence"],
            Instant(row["revoked_at"]) if row["revoked_at"] is not None else None,
        )
        for row in conn.execute(query).mappings()
    ]


def add_member(
    conn: Connection, filing: str, person: PersonId, filer: PersonId, outcome: str, told: str, at: Instant
) -> None:
    """What became of one member of a household's filing."""
    conn.execute(
        insert(t.households).values(
            filing=filing, person=person, filer=filer, outcome=outcome, told=told, at=at.seconds
        )
    )


def members_of(conn: Connection, filing: str) -> list[tuple[PersonId, str, str]]:
    """(person, outcome, told) of each member, in order of id."""
    h = t.households.c
    query = select(h.person, h.outcome, h.told).where(h.filing == filing).order_by(h.person)
    return [(PersonId(row[0]), row[1], row[2]) for row in conn.execute(query)]


def add_residence_policy(
    conn: Connection, owner: str, procedure: str, begins: Instant, body: str, at: Instant, by: str
) -> None:
    """A version of what a municipality asks for."""
    conn.execute(
        insert(t.residence).values(
            owner=owner,
            procedure=procedure,
            effective_from=begins.seconds,
            body=body,
            adopted_at=at.seconds,
            adopted_by=by,
        )
    )


def residence_policy(conn: Connection, owner: str, procedure: str, at: Instant) -> str | None:
    """The version in force."""
    r = t.residence.c
    query = (
        select(r.body)
        .where(r.owner == owner, r.procedure == procedure, r.effective_from <= at.seconds)
        .order_by(r.effective_from.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()
