"""A card is reported lost: it ends at once, with everything on it. No hold window, no second person, no way back."""

from dataclasses import dataclass, replace

from enrollment import certificates, outbox
from enrollment.application import ApplicationEvent
from enrollment.canonical import Json
from enrollment.cards import CardEvent, CardState, advance
from enrollment.person import PersonId, Random
from enrollment.store import Connection
from enrollment.store import work as rows
from enrollment.store.people import hold_person
from enrollment.store.work import HeldCertificate
from pki.instant import Instant
from pki.revocation import Reason


@dataclass(frozen=True, slots=True)
class Lost:
    """What the report ended: certificates that were valid or promised until now."""

    card_id: str
    person: PersonId
    ended: tuple[HeldCertificate, ...]


def report(conn: Connection, card_id: str, reported_by: str, at: Instant, random: Random) -> Lost:
    """Mark the card lost and revoke both certificates (keyCompromise; 公的個人認証法 10 条), in the caller's
    transaction.

    `reported_by`: an operator, or the holder's person id. Reporting again changes nothing. An application under way on
    this card is withdrawn. Errors: UnknownCard, WrongState for a card that ended otherwise.
    """
    hold_person(conn, rows.card_of(conn, card_id).person)
    card = rows.card_of(conn, card_id)
    if card.state is CardState.LOST:
        return Lost(card_id, card.person, ())
    state = advance(card.state, CardEvent.LOSE)
    rows.change_card(conn, replace(card, state=state, version=card.version + 1, changed_at=at))
    ended = tuple(
        certificates.end(conn, held, Reason.KEY_COMPROMISE, at, "card-lost", random)
        for held in rows.certificates_on_card(conn, card_id)
    )
    for application in rows.applications_of(conn, card.person):
        if application.card_id == card_id and not application.state.is_final:
            certificates.change(conn, application, ApplicationEvent.WITHDRAW, at, "card-lost")
    body: dict[str, Json] = {"card_id": card_id, "reported_by": reported_by, "ended": [held.intent for held in ended]}
    outbox.put(conn, card.person, "card.lost", body, at, random)
    return Lost(card_id, card.person, ended)
