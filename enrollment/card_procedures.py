"""What an officer notes about a card besides stop, release and loss: it is damaged, handed in, or destroyed.

    suspend, resume     enrollment.procedures        lose     enrollment.loss
    prepare, deliver    enrollment.issuing           damage, return, end     here

All of them are steps of one table (`pki.card_state`), which also says what becomes of the certificates.
"""

from typing import Final

from enrollment import acts, card_life, outbox
from enrollment.acts import What
from enrollment.canonical import Json, digest
from enrollment.card_life import Changed
from enrollment.errors import NotYours
from enrollment.operators import Role
from enrollment.person import Random
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from pki.card_state import CardChangeRefused, CardEvent, CardState
from pki.instant import Instant

NOTED: Final = {
    CardEvent.DAMAGE: CardState.DAMAGED,
    CardEvent.RETURN: CardState.RETURNED,
    CardEvent.END: CardState.ENDED,
}
"""What is noted here, and the state that it leads to."""


def content(card_id: str, event: CardEvent) -> str:
    """What the officer's act is about (`What.CHANGE_CARD`, about the card's holder)."""
    return digest({"act": What.CHANGE_CARD.value, "card_id": card_id, "event": event.value})


def note(conn: Connection, card_id: str, event: CardEvent, operator: str, at: Instant, random: Random) -> Changed:
    """Damage, return or end of a card, in the caller's transaction. Noting it again changes nothing.

    Errors: UnknownCard, UnknownOperator; NotYours, RoleMissing, OperatorNotValid, SelfDealing; ActNotSigned;
    CardChangeRefused, also for an event that has a procedure of its own.
    """
    person = rows.card_of(conn, card_id).person
    owner = people_rows.hold_person(conn, person)
    card = rows.card_of(conn, card_id)
    who = people_rows.operator_of(conn, operator)
    if who.owner != owner:
        raise NotYours(who.owner)
    who.require(Role.CLERK, at, person)
    if event not in NOTED:
        raise CardChangeRefused(card.state, event)
    if card.state is NOTED[event]:
        return Changed(card, ())
    acts.use(conn, who, What.CHANGE_CARD, person, content(card_id, event), at)
    changed = card_life.change(conn, card, event, at, f"card-{event.value}", random)
    ended = [held.intent for held in changed.ended]
    body: dict[str, Json] = {"card_id": card_id, "by": operator, "event": event.value, "ended": ended}
    outbox.put(conn, person, f"card.{NOTED[event].value}", body, at, random)
    return changed
