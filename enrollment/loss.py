"""A card is reported lost: it ends at once, with everything on it. No hold window, no second person, no way back."""

from dataclasses import dataclass

from enrollment import acts, card_life, outbox
from enrollment.canonical import Json, digest
from enrollment.person import PersonId, Random
from enrollment.store import Connection
from enrollment.store import work as rows
from enrollment.store.people import find_operator, hold_person
from enrollment.store.work import HeldCertificate
from pki.card_state import CardEvent, CardState
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class Lost:
    """What the report ended: certificates that were valid or promised until now."""

    card_id: str
    person: PersonId
    ended: tuple[HeldCertificate, ...]


def report(conn: Connection, card_id: str, reported_by: str, at: Instant, random: Random) -> Lost:
    """Mark the card lost (公的個人認証法 10 条), in the caller's transaction; the table of card changes says what
    becomes of its certificates.

    `reported_by`: an operator, or the holder's person id. Reporting again changes nothing. An application under way on
    this card is withdrawn. Errors: UnknownCard; CardChangeRefused for a card that ended otherwise; ActNotSigned for an
    operator.
    """
    hold_person(conn, rows.card_of(conn, card_id).person)
    card = rows.card_of(conn, card_id)
    if card.state is CardState.LOST:
        return Lost(card_id, card.person, ())
    reporter = find_operator(conn, reported_by)
    if reporter is not None:
        acts.use(conn, reporter, acts.What.REPORT_LOSS, card.person, content_of(card_id), at)
    ended = card_life.change(conn, card, CardEvent.LOSE, at, "card-lost", random).ended
    body: dict[str, Json] = {"card_id": card_id, "reported_by": reported_by, "ended": [held.intent for held in ended]}
    outbox.put(conn, card.person, "card.lost", body, at, random)
    return Lost(card_id, card.person, ended)


def content_of(card_id: str) -> str:
    """What an operator signs who reports it."""
    return digest({"act": "report-loss", "card_id": card_id})
