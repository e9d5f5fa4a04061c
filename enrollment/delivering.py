"""The last steps of an application: everything promised is signed, the card is handed over, older cards end."""

from collections.abc import Callable

from ca.intents import IntentId
from enrollment import card_life, certificates
from enrollment.application import Application, ApplicationState
from enrollment.errors import NotSignedYet
from enrollment.person import Random
from enrollment.store import Connection, Database
from enrollment.store import work as rows
from pki.card_state import CardEvent, CardState
from pki.instant import Instant


def have_signed(
    database: Database, application: Application, sign: Callable[[IntentId, Instant], object] | None, at: Instant
) -> Application:
    """Have every promised certificate signed, or see whether the authority's worker did. Errors: NotSignedYet."""
    promised = database.read(lambda conn: rows.certificates_of_application(conn, application.application))
    for held in promised.values():
        if sign is not None and not held.is_signed:
            sign(IntentId(held.intent), at)

    def note(conn: Connection) -> Application:
        return certificates.note_signed(conn, rows.application_of(conn, application.application), at)

    noted = database.transaction(note)
    if noted.state is ApplicationState.INTENDED:
        raise NotSignedYet(application.application)
    return noted


def deliver_card(conn: Connection, card_id: str, at: Instant, random: Random) -> None:
    """A prepared card is in its holder's hands; one that is active already stays so."""
    card = rows.card_of(conn, card_id)
    if card.state is CardState.PREPARED:
        card_life.change(conn, card, CardEvent.DELIVER, at, "delivered", random)


def end_older_cards(conn: Connection, application: Application, at: Instant, random: Random) -> None:
    """One card for one person: with a new one delivered, those before it end."""
    for card in rows.cards_of(conn, application.person):
        if card.card_id != application.card_id and card.state in (CardState.ACTIVE, CardState.SUSPENDED):
            card_life.change(conn, card, CardEvent.END, at, "replaced", random)
