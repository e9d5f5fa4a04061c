"""Renewal from home: both certificates made anew on the card that is there, in the last months of their life.

It leans on an earlier look in person like every remote procedure: the new certificates say so in their policy, and the
ledger counts it as its policy has it. It is never an anchor.
"""

from ca.issuance import Registrar
from ca.orders import Assurance, Order
from enrollment import certificates
from enrollment.application import Application, ApplicationKind
from enrollment.characters import for_certificate
from enrollment.errors import FilingTooEarly, RemoteBlocked
from enrollment.person import Person, PersonId
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from enrollment.store.work import HeldCertificate
from pki.instant import Instant
from pki.purpose import Purpose


def require_window(conn: Connection, person: PersonId, card_id: str, at: Instant) -> None:
    """Errors: FilingTooEarly before the last months; RemoteBlocked once the certificate for log-ins has
    ended, and where the card ends with it: nothing would be won.
    """
    window = certificates.window_of(conn, person, at)
    if window is None:
        raise RemoteBlocked("there is no valid authentication certificate")
    if at < window.not_before:
        raise FilingTooEarly(window.not_before.jst_date())
    if rows.card_of(conn, card_id).not_after <= window.not_after:
        raise RemoteBlocked("the card itself ends then, and a new one is needed")


def under_way(conn: Connection, person: PersonId, card_id: str, at: Instant) -> bool:
    """Whether the card may be asked for another key for log-ins: its holder may renew now, or has just filed it."""
    window = certificates.window_of(conn, person, at)
    if window is not None and window.contains(at):
        return True
    return any(
        one.kind is ApplicationKind.REMOTE_RENEWAL and one.card_id == card_id and one.state.has_intents
        for one in rows.applications_of(conn, person)
    )


def promise_both(
    conn: Connection,
    registrar: Registrar,
    application: Application,
    person: Person,
    requests: dict[Purpose, bytes],
    at: Instant,
) -> None:
    """Promise both certificates, to one more birthday; the old ones were in their last months (`require_window`).

    Errors: what the authority says of the requests.
    """
    for purpose, request in sorted(requests.items()):
        order = Order(
            purpose=purpose,
            request=request,
            attributes=for_certificate(person.attributes) if purpose is Purpose.SIGNATURE else None,
            municipality=people_rows.municipality_of(conn, person.owner),
            assurance=Assurance.REMOTE,
            date_of_birth=person.attributes.date_of_birth,
            card_id=str(application.card_id),
            card_not_after=application.card_not_after,
            not_past=None,
            renewed_in_window=True,
            owner=person.person,
            idempotency_key=f"{application.application}:{purpose.value}",
        )
        intent = registrar.intend(conn, order, at)
        rows.put_request(conn, application, purpose, request)
        held = HeldCertificate(str(intent), application.application, person.person, purpose, str(application.card_id))
        rows.add_certificate(conn, held)
