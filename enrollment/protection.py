"""Support measures for people in danger: the address is masked everywhere until two people release it.

    (applied) ▶ PROVISIONAL ▶ ACTIVE ▶ RENEWAL_PENDING ▶ LAPSED_MASKED ▶ RELEASED

The flag begins with the application itself, by one clerk, at once. It lasts a year, can be renewed from a month before
its end, and its end unmasks nothing: only two people, and a time to think in between, release it. When the person moves
to another municipality, that one begins with a provisional flag.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from enrollment import acts, deciding, outbox
from enrollment.approvals import Approval, Approved
from enrollment.canonical import Json, digest
from enrollment.counters import Affair
from enrollment.errors import AlreadyProtected, NotProtected, NotYours, OutputBlocked, StillCooling
from enrollment.flags import Flag, FlagEvent, FlagState, Unlock, advance
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random, draw_id
from enrollment.store import Connection
from enrollment.store import care as rows
from enrollment.store import people as people_rows
from pki.instant import Instant, end_of_japanese_day, years_later

TERM_YEARS: Final = 1
RENEWABLE: Final = timedelta(days=31)
"""A renewal is possible from a month before the end."""
COOLING_OFF: Final = timedelta(days=7)
"""Between the second person's approval and the release itself; anybody of the municipality may stop it meanwhile."""
ACKNOWLEDGE: Final = timedelta(minutes=15)
"""A channel that has not said within this time that it has the flag is an alarm."""
FLAG_TOPIC: Final = "protection.flag"
"""What the outbox calls a flag on its way to a channel."""
MASKED = "＊＊＊（閲覧制限）＊＊＊"
"""What stands where an address would."""


def standing(conn: Connection, person: PersonId) -> Flag | None:
    """The flag that masks `person` now, if there is one. It does not depend on any clock or daily run."""
    return next((flag for flag in rows.flags_of(conn, person) if flag.state.masks), None)


def require_output(conn: Connection, person: PersonId) -> None:
    """To be asked before anything with an address is printed or exported. Errors: OutputBlocked."""
    flag = standing(conn, person)
    if flag is not None:
        raise OutputBlocked(flag.contact_desk)


def act_content(act: str, person: PersonId) -> str:
    """What an officer signs who applies, confirms, renews, or stops a release (the release itself takes two people)."""
    record: dict[str, Json] = {"act": f"protection-{act}", "person": person}
    return digest(record)


def _term_end(at: Instant) -> Instant:
    return end_of_japanese_day(years_later(at.jst_date(), TERM_YEARS) - timedelta(days=1))


def apply(conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random) -> Flag:
    """Mask from this moment on. One clerk is enough, and nothing is waited for.

    Errors: NotYours, RoleMissing, OperatorNotValid; AlreadyProtected; UnknownPerson.
    """
    owner = people_rows.hold_person(conn, person)
    if owner != operator.owner:
        raise NotYours(operator.owner)
    operator.require(Role.CLERK, at)
    acts.use(conn, operator, acts.What.PROTECTION, person, act_content("apply", person), at)
    if standing(conn, person) is not None:
        raise AlreadyProtected(operator.counter)
    number = len(rows.flags_of(conn, person)) + 1
    flag = Flag(
        draw_id(random), person, number, owner, FlagState.PROVISIONAL, 1, at, _term_end(at), operator.counter,
        operator.operator,
    )  # fmt: skip
    rows.add_flag(conn, flag)
    _propagate(conn, flag, at, random)
    return flag


def apply_from_register(conn: Connection, person: PersonId, owner: str, at: Instant, random: Random) -> Flag:
    """The municipality's own register says that somebody is protected: masked at once, confirmed here later.

    Errors: UnknownPerson, NotYours.
    """
    if people_rows.hold_person(conn, person) != owner:
        raise NotYours(owner)
    desks = [desk.counter for desk in people_rows.counters_of_owner(conn, owner) if desk.kind.is_municipal]
    flag = Flag(
        draw_id(random),
        person,
        len(rows.flags_of(conn, person)) + 1,
        owner,
        FlagState.PROVISIONAL,
        1,
        at,
        _term_end(at),
        desks[0] if desks else owner,
        f"municipality:{owner}",
    )
    rows.add_flag(conn, flag)
    _propagate(conn, flag, at, random)
    return flag


def _load(conn: Connection, person: PersonId, operator: Operator | None) -> Flag:
    people_rows.hold_person(conn, person)
    flag = standing(conn, person)
    if flag is None:
        raise NotProtected
    if operator is not None and operator.owner != flag.owner:
        raise NotYours(operator.owner)
    return flag


def _change(conn: Connection, flag: Flag, at: Instant, random: Random) -> Flag:
    changed = replace(flag, version=flag.version + 1)
    rows.change_flag(conn, changed)
    _propagate(conn, changed, at, random)
    return changed


def _propagate(conn: Connection, flag: Flag, at: Instant, random: Random) -> None:
    """Tell every channel of the municipality in the same transaction: all of them, or the flag does not change.

    Who was told of it before, in a municipality that the person left, is told too: old addresses stay masked there.
    """
    for channel, owner in rows.channels_to_tell(conn, flag):
        rows.add_notice(conn, flag, channel, at, at + ACKNOWLEDGE)
        _tell(conn, flag, channel, owner, at, random)


def _tell(conn: Connection, flag: Flag, channel: str, owner: str, at: Instant, random: Random) -> None:
    told = flag.notice() if owner == flag.owner else flag.notice_from(owner)
    outbox.put(conn, f"flag:{channel}", FLAG_TOPIC, {"channel": channel, **told}, at, random)


def register_channel(
    conn: Connection, channel: str, owner: str, name_ja: str, address: str, at: Instant, random: Random
) -> None:
    """A new channel of a municipality; it is told of every flag that masks. Errors: UnknownMunicipality."""
    people_rows.municipality_of(conn, owner)
    rows.add_channel(conn, channel, owner, name_ja, at, address)
    for flag in rows.flags_of_owner(conn, owner):
        if flag.state.masks:
            tell_again(conn, channel, flag, at, random)


def tell_again(conn: Connection, channel: str, flag: Flag, at: Instant, random: Random) -> None:
    """A channel lacks a flag, or has it old: it is told once more. Errors: UnknownChannel."""
    owner = rows.channel_owner(conn, channel)
    if not rows.was_told(conn, channel, flag):
        rows.add_notice(conn, flag, channel, at, at + ACKNOWLEDGE)
    _tell(conn, flag, channel, owner, at, random)


def confirm(conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random) -> Flag:
    """The municipality decides that the measure stands. Errors: NotProtected, NotYours, RoleMissing, WrongState."""
    flag = _load(conn, person, operator)
    operator.require(Role.PROTECTION, at)
    acts.use(conn, operator, acts.What.PROTECTION, person, act_content("confirm", person), at)
    return _change(conn, replace(flag, state=advance(flag.state, FlagEvent.CONFIRM)), at, random)


def renew(conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random) -> Flag:
    """Another year, from a month before the end on. Errors: NotProtected, NotYours, RoleMissing, WrongState."""
    flag = _load(conn, person, operator)
    operator.require(Role.PROTECTION, at)
    acts.use(conn, operator, acts.What.PROTECTION, person, act_content("renew", person), at)
    if flag.state is FlagState.ACTIVE and at + RENEWABLE >= flag.until:
        flag = replace(flag, state=advance(flag.state, FlagEvent.APPROACH_END))
    start = max(at, flag.until)
    renewed = replace(
        flag,
        state=advance(flag.state, FlagEvent.RENEW),
        until=_term_end(start),
        release_after=None,
        release_approval=None,
    )
    return _change(conn, renewed, at, random)


def tick(conn: Connection, owner: str, at: Instant, random: Random) -> tuple[int, int]:
    """The daily run: (flags whose renewal is due now, flags that lapsed). Nothing is ever unmasked by it."""
    due = lapsed = 0
    for flag in rows.flags_of_owner(conn, owner):
        if flag.state.masks and flag.state is not FlagState.LAPSED_MASKED and at > flag.until:
            _change(conn, replace(flag, state=advance(flag.state, FlagEvent.LAPSE)), at, random)
            lapsed += 1
        elif flag.state is FlagState.ACTIVE and at + RENEWABLE >= flag.until:
            _change(conn, replace(flag, state=advance(flag.state, FlagEvent.APPROACH_END)), at, random)
            due += 1
    return due, lapsed


def release_content(flag: Flag) -> str:
    """What is approved, and signed for: to unmask this person, this time."""
    record: dict[str, Json] = {"act": "release", "flag": flag.flag, "number": flag.number}
    return digest(record)


def propose_release(
    conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random, reason: str
) -> Approval:
    """The first of two people. Errors: NotProtected, NotYours, RoleMissing."""
    flag = _load(conn, person, operator)
    operator.require(Role.PROTECTION, at)
    content = release_content(flag)
    return deciding.propose(conn, operator, Affair.PROTECTION, flag.flag, content, at, random, reason)


def approve_release(
    conn: Connection, person: PersonId, approval: str, operator: Operator, at: Instant, random: Random
) -> Flag:
    """The second one; the release itself waits for `COOLING_OFF`. Errors: those of `deciding.approve`, NotProtected."""
    flag = _load(conn, person, operator)
    deciding.approve(conn, approval, operator, at)
    deciding.use(conn, approval, Affair.PROTECTION, flag.flag, release_content(flag), at)
    return _change(conn, replace(flag, release_after=at + COOLING_OFF, release_approval=approval), at, random)


def stop_release(conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random) -> Flag:
    """Anybody of the municipality who works with flags may stop a release that has not happened yet."""
    flag = _load(conn, person, operator)
    operator.require(Role.PROTECTION, at)
    acts.use(conn, operator, acts.What.PROTECTION, person, act_content("stop-release", person), at)
    return _change(conn, replace(flag, release_after=None, release_approval=None), at, random)


def release(conn: Connection, person: PersonId, at: Instant, random: Random) -> Flag:
    """Unmask, once two people have approved and the time to think is over. Errors: NotProtected, StillCooling."""
    flag = _load(conn, person, None)
    if flag.release_after is None or at < flag.release_after:
        raise StillCooling(flag.release_after.iso() if flag.release_after else "never")
    return _change(conn, replace(flag, state=advance(flag.state, FlagEvent.RELEASE)), at, random)


def release_by(conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random) -> Flag:
    """The same by an officer of the municipality. Errors: NotYours, RoleMissing; those of `release`."""
    _load(conn, person, operator)
    operator.require(Role.PROTECTION, at, person)
    return release(conn, person, at, random)


def carry_over(conn: Connection, person: PersonId, owner: str, desk: str, at: Instant, random: Random) -> Flag | None:
    """The person is another municipality's from now on: it begins with a provisional flag; None if there was none."""
    flag = standing(conn, person)
    if flag is None:
        return None
    moved = replace(
        flag,
        state=advance(flag.state, FlagEvent.CARRY_OVER),
        owner=owner,
        contact_desk=desk,
        release_after=None,
        release_approval=None,
    )
    return _change(conn, moved, at, random)


UNLOCK_LIFETIME: Final = timedelta(minutes=10)


def unlock_content(person: PersonId, reason: str) -> str:
    """What is approved: to see this person's address for this reason."""
    record: dict[str, Json] = {"act": "unlock", "person": person, "reason": reason}
    return digest(record)


def unlock(conn: Connection, person: PersonId, approved: Approved, reason: str, at: Instant, random: Random) -> Unlock:
    """Errors: NeedsApproval unless exactly this was approved, ApprovalExpired, NotProtected."""
    if standing(conn, person) is None:
        raise NotProtected
    content = unlock_content(person, reason)
    deciding.use(conn, approved.approval, Affair.PROTECTION, person, content, at)
    made = Unlock(draw_id(random), person, at + UNLOCK_LIFETIME)
    rows.add_unlock(conn, made, approved.approval, reason)
    return made


def acknowledge(conn: Connection, channel: str, flag: str, version: int, at: Instant) -> bool:
    """A channel has this version of a flag; False if it was never told. Repeating it changes nothing.

    Errors: UnknownChannel.
    """
    rows.channel_owner(conn, channel)
    return rows.acknowledge(conn, channel, flag, version, at)


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """An alarm: a channel that may still show what must be masked."""

    channel: str
    flag: str
    version: int
    due_at: Instant


def alarms(conn: Connection, at: Instant) -> list[Unacknowledged]:
    """Every notice past its time without an acknowledgement."""
    return [Unacknowledged(*found) for found in rows.overdue_notices(conn, at)]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A channel's list against ours: flags it lacks, holds in an old version, or holds though nobody set them."""

    missing: tuple[str, ...]
    outdated: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.missing or self.outdated or self.unknown)


def reconcile(conn: Connection, channel: str, held: Mapping[str, int], day: date) -> Reconciled:
    """The daily comparison: `held` is the channel's own list, flag → version, of flags that mask. `day` is its date.

    Flags that it was told of after that day are not missed, and what it was told lately is not unknown.
    Errors: UnknownChannel.
    """
    ours = {flag.flag: flag for flag in flags_for(conn, channel)}
    masking = {name: flag.version for name, flag in ours.items() if flag.state.masks and flag.since.jst_date() <= day}
    known = {name for name, flag in ours.items() if flag.state.masks}
    return Reconciled(
        tuple(sorted(masking.keys() - held.keys())),
        tuple(sorted(name for name, version in masking.items() if name in held and held[name] != version)),
        tuple(sorted(held.keys() - known)),
    )


def flags_for(conn: Connection, channel: str) -> list[Flag]:
    """The flags that a channel should know: its municipality's, and what it was told while they were. Errors:
    UnknownChannel."""
    owner = rows.channel_owner(conn, channel)
    found = {flag.flag: flag for flag in (*rows.flags_told(conn, channel), *rows.flags_of_owner(conn, owner))}
    return [found[name] for name in sorted(found)]
