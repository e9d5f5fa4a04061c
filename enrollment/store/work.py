"""Applications, certificate requests, whose certificate is whose, and cards."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.application import Application, ApplicationKind, ApplicationState
from enrollment.cards import Card
from enrollment.errors import Stale, UnknownApplication, UnknownCard
from enrollment.person import PersonId
from enrollment.store import tables as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.card_state import CardState
from pki.instant import Instant
from pki.purpose import Purpose


def add_application(conn: Connection, application: Application) -> None:
    """A new application."""
    conn.execute(insert(t.applications).values(_application_row(application)))


def _application_row(application: Application) -> dict[str, Any]:
    return {
        "application": application.application,
        "owner": application.owner,
        "person": application.person,
        "kind": application.kind.value,
        "state": application.state.value,
        "version": application.version,
        "counter": application.counter,
        "filed_by": application.filed_by,
        "approval": application.approval,
        "evidence": application.evidence,
        "card_id": application.card_id,
        "card_not_after": application.card_not_after.seconds,
        "reason": application.reason,
        "filed_at": application.filed_at.seconds,
        "changed_at": application.changed_at.seconds,
    }


def _application(row: Any) -> Application:
    return Application(
        application=row["application"],
        owner=row["owner"],
        person=PersonId(row["person"]),
        kind=ApplicationKind(row["kind"]),
        state=ApplicationState(row["state"]),
        version=row["version"],
        filed_by=row["filed_by"],
        filed_at=Instant(row["filed_at"]),
        changed_at=Instant(row["changed_at"]),
        card_not_after=Instant(row["card_not_after"]),
        counter=row["counter"],
        approval=row["approval"],
        evidence=row["evidence"],
        card_id=row["card_id"],
        reason=row["reason"],
    )


def application_of(conn: Connection, application: str) -> Application:
    """Errors: UnknownApplication."""
    query = select(t.applications).where(t.applications.c.application == application)
    row = conn.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownApplication(application)
    return _application(row)


def applications_of(conn: Connection, person: PersonId) -> list[Application]:
    """Every application of `person`, oldest first."""
    query = (
        select(t.applications)
        .where(t.applications.c.person == person)
        .order_by(t.applications.c.filed_at, t.applications.c.application)
    )
    return [_application(row) for row in conn.execute(query).mappings()]


def applications_in(conn: Connection, owner: str, states: frozenset[ApplicationState]) -> list[Application]:
    """A municipality's applications in any of `states`, oldest first."""
    query = (
        select(t.applications)
        .where(t.applications.c.owner == owner, t.applications.c.state.in_(sorted(state.value for state in states)))
        .order_by(t.applications.c.filed_at, t.applications.c.application)
    )
    return [_application(row) for row in conn.execute(query).mappings()]


def change_application(conn: Connection, application: Application) -> None:
    """Write the next version over the one before it. Errors: Stale if somebody else was first."""
    done = conn.execute(
        update(t.applications)
        .where(
            t.applications.c.application == application.application,
            t.applications.c.version == application.version - 1,
        )
        .values(_application_row(application))
    )
    if done.rowcount != 1:
        raise Stale("the application")


def put_request(conn: Connection, application: Application, purpose: Purpose, request: bytes) -> None:
    """Keep the certificate request that the card proved; a newer one takes the place of an older."""
    where = (t.requests.c.application == application.application, t.requests.c.purpose == purpose.value)
    if conn.execute(update(t.requests).where(*where).values(request=request)).rowcount == 0:
        conn.execute(
            insert(t.requests).values(
                application=application.application,
                purpose=purpose.value,
                person=application.person,
                request=request,
            )
        )


def requests_of(conn: Connection, application: str) -> dict[Purpose, bytes]:
    """The proven requests of an application."""
    rows = conn.execute(select(t.requests).where(t.requests.c.application == application)).mappings()
    return {Purpose(row["purpose"]): bytes(row["request"]) for row in rows}


@dataclass(frozen=True, slots=True)
class HeldCertificate:
    """A certificate of a person, from the moment it is promised. What is None is not signed yet, or has not ended."""

    intent: str
    application: str
    person: PersonId
    purpose: Purpose
    card_id: str
    issuer: str | None = None
    serial: str | None = None
    fingerprint: str | None = None
    not_before: Instant | None = None
    not_after: Instant | None = None
    ended_at: Instant | None = None
    ended_because: str | None = None

    @property
    def is_signed(self) -> bool:
        """Whether the authority has signed it."""
        return self.serial is not None


def _held(row: Any) -> HeldCertificate:
    def instant(name: str) -> Instant | None:
        return None if row[name] is None else Instant(row[name])

    return HeldCertificate(
        intent=row["intent"],
        application=row["application"],
        person=PersonId(row["person"]),
        purpose=Purpose(row["purpose"]),
        card_id=row["card_id"],
        issuer=row["issuer"],
        serial=row["serial"],
        fingerprint=row["fingerprint"],
        not_before=instant("not_before"),
        not_after=instant("not_after"),
        ended_at=instant("ended_at"),
        ended_because=row["ended_because"],
    )


def add_certificate(conn: Connection, held: HeldCertificate) -> None:
    """Note that this intent is this person's."""
    conn.execute(
        insert(t.certificates).values(
            intent=held.intent,
            application=held.application,
            person=held.person,
            purpose=held.purpose.value,
            card_id=held.card_id,
        )
    )


def certificate_signed(
    conn: Connection, intent: str, issuer: str, serial: str, fingerprint: str, not_before: Instant, not_after: Instant
) -> None:
    """Note what the authority made of an intent. Repeating it changes nothing."""
    conn.execute(
        update(t.certificates)
        .where(t.certificates.c.intent == intent)
        .values(
            issuer=issuer,
            serial=serial,
            fingerprint=fingerprint,
            not_before=not_before.seconds,
            not_after=not_after.seconds,
        )
    )


def end_certificate(conn: Connection, intent: str, at: Instant, because: str) -> None:
    """Note the end. Errors: Stale if it was ended meanwhile."""
    done = conn.execute(
        update(t.certificates)
        .where(t.certificates.c.intent == intent, t.certificates.c.ended_at.is_(None))
        .values(ended_at=at.seconds, ended_because=because)
    )
    if done.rowcount != 1:
        raise Stale("the certificate")


def certificates_of(conn: Connection, person: PersonId) -> list[HeldCertificate]:
    """Every certificate of a person, promised, valid or ended."""
    query = (
        select(t.certificates, t.applications.c.filed_at)
        .join(t.applications, t.applications.c.application == t.certificates.c.application)
        .where(t.certificates.c.person == person)
        .order_by(t.applications.c.filed_at, t.certificates.c.intent)
    )
    return [_held(row) for row in conn.execute(query).mappings()]


def certificates_of_application(conn: Connection, application: str) -> dict[Purpose, HeldCertificate]:
    """What an application leads to."""
    rows = conn.execute(select(t.certificates).where(t.certificates.c.application == application)).mappings()
    return {Purpose(row["purpose"]): _held(row) for row in rows}


def certificate_by_fingerprint(conn: Connection, fingerprint: str) -> HeldCertificate | None:
    """Whose certificate this is, by SHA-256 of its octets in hex."""
    query = select(t.certificates).where(t.certificates.c.fingerprint == fingerprint)
    row = conn.execute(query).mappings().one_or_none()
    return _held(row) if row else None


def certificate_of_intent(conn: Connection, intent: str) -> HeldCertificate | None:
    """The certificate that an intent became, or will become."""
    row = conn.execute(select(t.certificates).where(t.certificates.c.intent == intent)).mappings().one_or_none()
    return _held(row) if row else None


def certificates_on_card(conn: Connection, card_id: str) -> list[HeldCertificate]:
    """Everything that lies or will lie on a card and has not ended."""
    query = (
        select(t.certificates)
        .where(t.certificates.c.card_id == card_id, t.certificates.c.ended_at.is_(None))
        .order_by(t.certificates.c.intent)
    )
    return [_held(row) for row in conn.execute(query).mappings()]


def add_card(conn: Connection, card: Card) -> None:
    """Bind a card to a person. Errors: Stale if the card is bound already (the caller looks again and sees whose)."""
    try:
        conn.execute(insert(t.cards).values(_card_row(card)))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the card") from error
        raise


def _card_row(card: Card) -> dict[str, Any]:
    return {
        "card_id": card.card_id,
        "person": card.person,
        "owner": card.owner,
        "state": card.state.value,
        "version": card.version,
        "not_after": card.not_after.seconds,
        "changed_at": card.changed_at.seconds,
    }


def _card(row: Any) -> Card:
    return Card(
        row["card_id"],
        PersonId(row["person"]),
        row["owner"],
        CardState(row["state"]),
        row["version"],
        Instant(row["not_after"]),
        Instant(row["changed_at"]),
    )


def find_card(conn: Connection, card_id: str) -> Card | None:
    """The card, if it was ever bound."""
    row = conn.execute(select(t.cards).where(t.cards.c.card_id == card_id)).mappings().one_or_none()
    return _card(row) if row else None


def card_of(conn: Connection, card_id: str) -> Card:
    """Errors: UnknownCard."""
    card = find_card(conn, card_id)
    if card is None:
        raise UnknownCard(card_id)
    return card


def cards_of(conn: Connection, person: PersonId) -> list[Card]:
    """Every card a person ever had."""
    query = select(t.cards).where(t.cards.c.person == person).order_by(t.cards.c.changed_at, t.cards.c.card_id)
    return [_card(row) for row in conn.execute(query).mappings()]


def change_card(conn: Connection, card: Card) -> None:
    """Write the next version over the one before it. Errors: Stale if somebody else was first."""
    done = conn.execute(
        update(t.cards)
        .where(t.cards.c.card_id == card.card_id, t.cards.c.version == card.version - 1)
        .values(_card_row(card))
    )
    if done.rowcount != 1:
        raise Stale("the card")


def add_card_key(conn: Connection, card_id: str, key_hash: str, purpose: Purpose, at: Instant) -> None:
    """A key that was made on a card; one that is known already stays as it is."""
    if card_key_purpose(conn, card_id, key_hash) is None:
        conn.execute(
            insert(t.card_keys).values(card_id=card_id, key_hash=key_hash, purpose=purpose.value, made_at=at.seconds)
        )


def card_key_purpose(conn: Connection, card_id: str, key_hash: str) -> Purpose | None:
    """What a key of this card was made for; None if it was not made there."""
    where = (t.card_keys.c.card_id == card_id, t.card_keys.c.key_hash == key_hash)
    found = conn.execute(select(t.card_keys.c.purpose).where(*where)).scalar_one_or_none()
    return None if found is None else Purpose(found)
