"""What a card may be made to do from afar, with nobody of the municipality beside it: no more than a re-issue needs,
a renewal in the last months of both certificates, and the PIN for which an officer gave a permission.

Everything else (the authentication key at other times, rotation, end of life) is done where an officer sees the card.
"""

import hashlib
from dataclasses import replace
from datetime import timedelta

from ca import issuance
from ca.directory import Directory
from ca.intents import IntentId
from enrollment import pin_reset, renewals
from enrollment.application import ApplicationKind, ApplicationState
from enrollment.cards import Card
from enrollment.conversations import Operation, Task
from enrollment.errors import CardNotUsable, KeyNotFromCard, ManagementRefused, PinNotPermitted
from enrollment.store import Connection, permissions
from enrollment.store import work as rows
from pki import der
from pki.card_state import CardState
from pki.certification_request import certification_request_info
from pki.instant import Instant
from pki.purpose import Purpose


def require_allowed(conn: Connection, task: Task, at: Instant) -> Task:
    """The task, if it may be done from afar, with what follows from it: the key that signs a request.

    Asked by whoever takes the task, to refuse early, and again by whoever holds the cards' keys, who believes nobody.
    Errors: UnknownCard, CardNotUsable, ManagementRefused, KeyNotFromCard, Malformed; PinNotPermitted,
    PinPermissionUsed, PinPermissionExpired.
    """
    if task.at_counter:
        return _at_counter(conn, task, at)
    require_active(conn, task.card_id)
    if task.at_home:
        return _at_home(conn, task)
    if task.operation in (Operation.ALLOW_PIN, Operation.PIN_SET):
        return _permitted(conn, task, at)
    if task.purpose is not Purpose.SIGNATURE and not _may_renew(conn, task, at):
        raise ManagementRefused(f"another {task.purpose.value} key before its certificate's last months")
    match task.operation:
        case Operation.GENERATE | Operation.PENDING:
            return task
        case Operation.PROVE:
            return replace(task, spki=require_request_of(conn, task.card_id, task.message, task.purpose))
        case Operation.INSTALL:
            require_issued_to(conn, task.card_id, task.certificate, task.ca_certificate, task.purpose)
            return task
        case _:  # the certificate holds an address: an officer looks at the card first
            raise ManagementRefused(f"the operation {task.operation.value}")


_WAITS_FOR_A_KEY = frozenset({ApplicationState.APPROVED})
_HAS_CERTIFICATE = frozenset({ApplicationState.SIGNED, ApplicationState.INSTALLED})


def _at_home(conn: Connection, task: Task) -> Task:
    """What a filing from home that was accepted needs of the card it was filed with, while it waits: a signature key,
    its certificate, and a look at what is there afterwards. Nothing for any other card, key or time.
    """
    card = rows.card_of(conn, task.card_id)
    states = {
        one.state
        for one in rows.applications_of(conn, card.person)
        if one.card_id == card.card_id and one.kind is ApplicationKind.REMOTE_MOVE
    }
    if task.purpose is Purpose.SIGNATURE:
        match task.operation:
            case Operation.GENERATE | Operation.PENDING if states & _WAITS_FOR_A_KEY:
                return task
            case Operation.PROVE if states & _WAITS_FOR_A_KEY:
                return replace(task, spki=require_request_of(conn, task.card_id, task.message, task.purpose))
            case Operation.INSTALL if states & _HAS_CERTIFICATE:
                require_issued_to(conn, task.card_id, task.certificate, task.ca_certificate, task.purpose)
                return task
            case Operation.READ if states & _HAS_CERTIFICATE:
                return task
    raise ManagementRefused(f"the operation {task.operation.value}")


def _may_renew(conn: Connection, task: Task, at: Instant) -> bool:
    """A certificate is bound to what was issued for this card; a new key is made only where a renewal is near."""
    card = rows.card_of(conn, task.card_id)
    return task.operation is Operation.INSTALL or renewals.under_way(conn, card.person, card.card_id, at)


FIRST_PIN = timedelta(minutes=30)
"""How long after its certificates are on it a new card's PINs may be set for the first time."""


def _at_counter(conn: Connection, task: Task, at: Instant) -> Task:
    """What an application at a counter needs of a card, as far as the records bear it out.

    A new key that waits harms nobody; everything that counts is bound to what was approved and issued for this card.
    """
    card = rows.find_card(conn, task.card_id)
    if card is not None and card.state not in (CardState.PREPARED, CardState.ACTIVE):
        raise CardNotUsable(task.card_id, card.state.value)
    match task.operation:
        case Operation.GENERATE | Operation.PENDING:
            return task
        case Operation.PROVE:
            return replace(task, spki=require_request_of(conn, task.card_id, task.message, task.purpose))
        case Operation.INSTALL:
            require_issued_to(conn, task.card_id, task.certificate, task.ca_certificate, task.purpose)
            return task
        case Operation.READ if _unfinished(conn, card) or _applications(conn, card, _ON_THE_CARD, at):
            return task
        case Operation.FIRST_PINS:
            # Number 0 works only until a card has seen its first permission: its first PINs.
            if not permissions.permissions_of(conn, task.card_id) and _applications(conn, card, _HANDED_OVER, at):
                return task
            raise ManagementRefused("a first PIN")
        case Operation.ALLOW_PIN | Operation.PIN_SET:
            return _permitted(conn, task, at)
        case _:
            raise ManagementRefused(f"the operation {task.operation.value}")


_ON_THE_CARD = frozenset({ApplicationState.SIGNED, ApplicationState.INSTALLED, ApplicationState.DELIVERED})
_HANDED_OVER = frozenset({ApplicationState.INSTALLED, ApplicationState.DELIVERED})


def _unfinished(conn: Connection, card: Card | None) -> bool:
    """Whether a certificate is on its way onto this card: it is read back whenever that goes on, be it days later."""
    return card is not None and any(
        one.card_id == card.card_id and one.state in _HAS_CERTIFICATE for one in rows.applications_of(conn, card.person)
    )


def _applications(conn: Connection, card: Card | None, states: frozenset[ApplicationState], at: Instant) -> bool:
    """Whether an application for this card is in one of these states, and not for long."""
    if card is None:
        return False
    of_person = rows.applications_of(conn, card.person)
    return any(
        one.card_id == card.card_id and one.state in states and at <= one.changed_at + FIRST_PIN for one in of_person
    )


def _permitted(conn: Connection, task: Task, at: Instant) -> Task:
    if task.operation is Operation.PIN_SET:
        found = permissions.find_permission(conn, task.card_id, task.number)
        if found is None:
            raise PinNotPermitted(task.number)
    else:
        found = pin_reset.require_open(conn, task.card_id, task.number, at)
    if found.purpose is not task.purpose:
        raise PinNotPermitted(task.number)
    return task


def require_active(conn: Connection, card_id: str) -> None:
    """See that the card is in use. Errors: UnknownCard, CardNotUsable."""
    card = rows.card_of(conn, card_id)
    if card.state is not CardState.ACTIVE:
        raise CardNotUsable(card_id, card.state.value)


def require_request_of(conn: Connection, card_id: str, message: bytes, purpose: Purpose) -> bytes:
    """See that `message` is a certification request for a key that this card made for `purpose`; that key's SPKI.

    The pending key signs without a PIN. Signed now and used later, once the key is certified, any other message would
    be a signature of the holder that the holder never gave.
    Errors: Malformed; ManagementRefused; KeyNotFromCard.
    """
    parts = der.read_whole(message).children()
    if len(parts) < 3:
        raise ManagementRefused("a message that is no certification request")
    spki = bytes(parts[2].raw)
    if certification_request_info(spki) != message:
        raise ManagementRefused("a message that is no certification request")
    if rows.card_key_purpose(conn, card_id, hashlib.sha256(spki).hexdigest()) is not purpose:
        raise KeyNotFromCard(card_id)
    return spki


def require_issued_to(
    conn: Connection, card_id: str, certificate: bytes, ca_certificate: bytes, purpose: Purpose
) -> None:
    """See that we issued this certificate to this card for `purpose`, that it has not ended, and whose it is.

    Errors: ManagementRefused.
    """
    held = rows.certificate_by_fingerprint(conn, hashlib.sha256(certificate).hexdigest())
    if held is None or held.card_id != card_id or held.purpose is not purpose or held.ended_at is not None:
        raise ManagementRefused("a certificate that was not issued to this card")
    issued = issuance.certificate_of(conn, IntentId(held.intent))
    issuer = Directory().get(conn, issued.authority).certificate if issued is not None else None
    if issuer is None or issuer.der != ca_certificate:
        raise ManagementRefused("a certificate of another authority")
