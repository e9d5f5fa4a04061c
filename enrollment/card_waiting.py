"""An application that waits for its holder's own card: the old certificate has ended, the new one is made there.

Whoever files for a household has not the others' cards at hand, and a clerk who writes down a move may see the card
only later. Until it comes the card carries its authentication certificate alone.
"""

from ca.issuance import Registrar
from ca.orders import Assurance, Order
from enrollment import certificates, deadlines, issuing
from enrollment.application import Application, ApplicationEvent, ApplicationKind, ApplicationState
from enrollment.card_keys import require_made_on
from enrollment.cards import CardSlot
from enrollment.characters import for_certificate
from enrollment.deadline import DeadlineKind
from enrollment.errors import CardNotUsable, RemoteBlocked, WrongCard, WrongState
from enrollment.person import MINOR_AGE, Person, Random, age_at, draw_id
from enrollment.store import Connection, Database
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from enrollment.store.work import HeldCertificate
from pki.instant import Instant
from pki.purpose import Purpose

WAITING = {
    ApplicationKind.REMOTE_MOVE: Assurance.REMOTE,
    ApplicationKind.COUNTER_CHANGE: Assurance.IN_PERSON,
}
"""What may wait for a card, and how sure the certificate is of its holder."""


def await_card(
    conn: Connection,
    person: Person,
    kind: ApplicationKind,
    filed_by: str,
    at: Instant,
    random: Random,
    counter: str | None = None,
    approval: str | None = None,
    evidence: str | None = None,
) -> Application | None:
    """An application that waits; None for who has no card in use, or is under fifteen."""
    active = [card for card in rows.cards_of(conn, person.person) if card.state.usable]
    if not active or age_at(person.attributes.date_of_birth, at.jst_date()) < MINOR_AGE:
        return None
    application = Application(
        application=draw_id(random),
        owner=person.owner,
        person=person.person,
        kind=kind,
        state=ApplicationState.APPROVED,
        version=1,
        filed_by=filed_by,
        filed_at=at,
        changed_at=at,
        card_not_after=active[-1].not_after,
        counter=counter,
        approval=approval,
        evidence=evidence,
        card_id=active[-1].card_id,
    )
    rows.add_application(conn, application)
    return application


def certify(
    database: Database, registrar: Registrar, random: Random, application: str, request: bytes, at: Instant
) -> Application:
    """The card has come and made its new key: promise the certificate. Asked again, it changes nothing.

    That the key was made on the card of just this application stands for the holder's presence with the card.
    Errors: UnknownApplication, WrongState; KeyNotFromCard, RemoteBlocked, CardNotUsable; what the authority says of the
    request.
    """

    def body(conn: Connection) -> Application:
        found = rows.application_of(conn, application)
        people_rows.hold_person(conn, found.person)
        found = rows.application_of(conn, application)
        if found.state.has_intents or found.state is ApplicationState.DELIVERED:
            return found
        if found.kind not in WAITING or found.state is not ApplicationState.APPROVED:
            raise WrongState("application", found.state.value, ApplicationEvent.INTEND.value)
        require_made_on(conn, str(found.card_id), Purpose.SIGNATURE, request)
        person = issuing.person_for_issuing(conn, found.person, found.owner, found.kind.value, at, random)
        promise_signature(conn, registrar, found, person, request, WAITING[found.kind], at)
        deadlines.end(conn, found.person, DeadlineKind.CONTINUED_USE, at, subject=str(found.card_id))
        proven = certificates.change(conn, found, ApplicationEvent.PROVE_KEYS, at)
        return certificates.change(conn, proven, ApplicationEvent.INTEND, at)

    return database.transaction(body)


def present(parts: issuing.Issuing, application: str, card: CardSlot, at: Instant) -> Application:
    """The whole way from the waiting application to the certificate on the card in this reader; repeatable.

    Errors: WrongCard; those of `certify` and of `Issuing.continue_`.
    """
    found = parts.database.read(lambda conn: rows.application_of(conn, application))
    if card.card_id() != found.card_id:
        raise WrongCard(str(found.card_id), card.card_id())
    if found.state is ApplicationState.APPROVED:
        request = issuing.proven_request(card, Purpose.SIGNATURE)
        certify(parts.database, parts.registrar, parts.random, application, request, at)
    return parts.continue_(application, card, at)


def promise_signature(
    conn: Connection,
    registrar: Registrar,
    application: Application,
    person: Person,
    request: bytes,
    assurance: Assurance,
    at: Instant,
) -> None:
    """Promise a signature certificate on a card that stays: it never outlives the authentication certificate.

    Errors: RemoteBlocked without one; CardNotUsable; what the authority says of the request.
    """
    card = rows.card_of(conn, str(application.card_id))
    if not card.state.usable:
        raise CardNotUsable(card.card_id, card.state.value)
    authentication = certificates.live(conn, person.person, Purpose.AUTHENTICATION, at)
    if authentication is None:
        raise RemoteBlocked("there is no valid authentication certificate")
    order = Order(
        purpose=Purpose.SIGNATURE,
        request=request,
        attributes=for_certificate(person.attributes),
        municipality=people_rows.municipality_of(conn, person.owner),
        assurance=assurance,
        date_of_birth=person.attributes.date_of_birth,
        card_id=str(application.card_id),
        card_not_after=application.card_not_after,
        not_past=authentication.not_after,
        renewed_in_window=False,
        owner=person.person,
        idempotency_key=f"{application.application}:{Purpose.SIGNATURE.value}",
    )
    intent = registrar.intend(conn, order, at)
    rows.put_request(conn, application, Purpose.SIGNATURE, request)
    held = HeldCertificate(
        str(intent), application.application, person.person, Purpose.SIGNATURE, str(application.card_id)
    )
    rows.add_certificate(conn, held)
