"""A municipality confirms, while the person stands at somebody else's desk, that its record of them stands."""

from datetime import timedelta
from typing import Final

from enrollment import acts
from enrollment.canonical import digest
from enrollment.counters import Counter
from enrollment.errors import NotConfirmed, NotYours, OutOfScope
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, PersonStatus, Random, draw_id
from enrollment.store import Connection, records
from enrollment.store import people as people_rows
from enrollment.store.records import Confirmation
from pki.instant import Instant

CONFIRMATION_LIFETIME: Final = timedelta(minutes=30)
"""The municipality answers while the person stands at the desk; an older answer is about another moment."""


def confirm(
    conn: Connection, operator: Operator, person: PersonId, counter: str, at: Instant, random: Random
) -> Confirmation:
    """The municipality's own officer confirms that its record of `person` stands, for one check at one desk.

    Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing; NotConfirmed if the record has ended; OutOfScope if
    the officer works at a post office themselves; UnknownPerson, UnknownCounter.
    """
    operator.require(Role.CLERK, at, person)
    if people_rows.owner_of(conn, person) != operator.owner:
        raise NotYours(operator.owner)
    desk = people_rows.counter_of(conn, counter)
    if desk.owner != operator.owner:
        raise NotYours(operator.owner)
    if not people_rows.counter_of(conn, operator.counter).kind.is_municipal:
        raise OutOfScope(operator.counter, "confirmation")
    if people_rows.status_of(conn, person) is not PersonStatus.RESIDENT:
        raise NotConfirmed(counter)
    acts.use(conn, operator, acts.What.CONFIRM_CHECK, person, content_of(person, counter), at)
    confirmation = Confirmation(
        draw_id(random), operator.owner, person, counter, operator.operator, at, at + CONFIRMATION_LIFETIME
    )
    records.add_confirmation(conn, confirmation)
    return confirmation


def content_of(person: PersonId, counter: str) -> str:
    """What the municipality's officer signs who confirms a check at another desk."""
    return digest({"act": "confirm-check", "counter": counter, "person": person})


def use(
    conn: Connection, confirmation: str | None, counter: Counter, person: PersonId, used_by: str, at: Instant
) -> None:
    """Use a confirmation up where this kind of desk needs one. Errors: NotConfirmed unless it is for just this."""
    if not counter.kind.needs_confirmation:
        return
    if confirmation is None or not records.use_confirmation(
        conn, confirmation, counter.owner, person, counter.counter, at, used_by
    ):
        raise NotConfirmed(counter.counter)
