"""One change of one card, with what it does to the certificates: whatever happens to a card happens here.

Which change there is, and which certificates end for which reason, stands in `pki.card_state.TRANSITIONS` alone; here
it is done. No other file writes a card's state, or names the reason for which a card's certificates end.
"""

from dataclasses import dataclass, replace

from ca.revocation import HoldPolicy
from enrollment import certificates
from enrollment.application import Application, ApplicationEvent, ApplicationKind, ApplicationState
from enrollment.cards import Card
from enrollment.errors import CardNotUsable
from enrollment.person import PersonId, Random
from enrollment.store import Connection
from enrollment.store import work as rows
from enrollment.store.work import HeldCertificate
from pki.card_state import CardEvent, CardState, CertificateEffect, Change, advance
from pki.instant import Instant
from pki.revocation import Reason

NEVER_RELEASED = HoldPolicy()
"""As JPKI's practice statement has it: a hold is final."""

_NO_MORE = frozenset({CardState.LOST, CardState.DAMAGED, CardState.RETURNED, CardState.ENDED})


@dataclass(frozen=True, slots=True)
class Changed:
    """The card as it is now, and what was ended with the change: certificates that were valid or promised."""

    card: Card
    ended: tuple[HeldCertificate, ...]


def prepare(conn: Connection, card_id: str, person: PersonId, owner: str, not_after: Instant, at: Instant) -> Card:
    """Bind a blank card to a person. Errors: Stale (Retryable) if it is bound already."""
    state = advance(CardState.BLANK, CardEvent.PREPARE).state
    card = Card(card_id, person, owner, state, 1, not_after, at)
    rows.add_card(conn, card)
    return card


def change(
    conn: Connection,
    card: Card,
    event: CardEvent,
    at: Instant,
    cause: str,
    random: Random,
    *,
    holds: HoldPolicy = NEVER_RELEASED,
) -> Changed:
    """Do `event` to the card, and to its certificates what the table says, in the caller's transaction.

    A card that is out of use takes the applications under way on it along; a card on hold those of which not everything
    is signed yet, because nothing shall be signed for a card in doubt.
    `cause`: a short word for the record, no personal data. `holds`: whether a hold may be released.
    Errors: CardChangeRefused if the table has no such step; Stale (Retryable).
    """
    step = advance(card.state, event)
    changed = replace(card, state=step.state, version=card.version + 1, changed_at=at)
    rows.change_card(conn, changed)
    ended: list[HeldCertificate] = []
    if step.effect is CertificateEffect.HOLD:
        ended += _withdraw_promises(conn, card, at, cause, random)
    for held in rows.certificates_on_card(conn, card.card_id):
        if (one := _take_effect(conn, held, step, at, cause, random, holds)).ended_at is not None:
            ended.append(one)
    if step.state in _NO_MORE:
        for application in _under_way(conn, card):
            certificates.change(conn, application, ApplicationEvent.WITHDRAW, at, cause)
    return Changed(changed, tuple(ended))


def _take_effect(
    conn: Connection, held: HeldCertificate, step: Change, at: Instant, cause: str, random: Random, holds: HoldPolicy
) -> HeldCertificate:
    """One certificate after the change; unchanged where the table asks for nothing."""
    match step.effect, step.reason:
        case CertificateEffect.HOLD, Reason() as reason:
            certificates.hold(conn, held, reason, at, cause)
        case CertificateEffect.RELEASE, Reason() as reason if certificates.is_on_hold(conn, held):
            if not holds.releasable:
                return certificates.end(conn, held, reason, at, cause, random)
            certificates.release(conn, held, at, holds)
        case CertificateEffect.REVOKE, Reason() as reason:
            return certificates.end(conn, held, reason, at, cause, random)
    return held


def _under_way(conn: Connection, card: Card) -> list[Application]:
    of_person = rows.applications_of(conn, card.person)
    return [one for one in of_person if one.card_id == card.card_id and not one.state.is_final]


def _withdraw_promises(conn: Connection, card: Card, at: Instant, cause: str, random: Random) -> list[HeldCertificate]:
    """Applications with a promise that is still unsigned end here, as whole ones: they never reached the card."""
    ended = []
    for application in _under_way(conn, card):
        noted = certificates.note_signed(conn, application, at)
        if noted.state is ApplicationState.INTENDED:
            certificates.change(conn, noted, ApplicationEvent.WITHDRAW, at, cause)
            ended += certificates.end_of_application(conn, noted, at, cause, random)
    return ended


def require_usable(conn: Connection, application: Application, card_id: str) -> None:
    """A fresh card, or for a renewal the person's own. Errors: CardNotUsable."""
    card = rows.find_card(conn, card_id)
    if card is None:
        if application.kind is ApplicationKind.RENEWAL:
            raise CardNotUsable(card_id, "unknown")
        return
    own = card.person == application.person
    if not own or (application.kind is not ApplicationKind.RENEWAL and application.state is ApplicationState.APPROVED):
        raise CardNotUsable(card_id, "issued already")
    if card.state not in (CardState.PREPARED, CardState.ACTIVE):
        raise CardNotUsable(card_id, card.state.value)
