"""Revoking, holding and releasing, inside the transaction of the cause.

Revocation is monotone: nothing but a release of a hold takes anything back. Asked again, it changes nothing; a hold
may become a revocation; and any revocation may still become one for keyCompromise, or get an earlier invalidity date,
because relying parties then judge older signatures differently.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from ca import journal
from ca.crl_encoding import encode_entry
from ca.status_errors import HoldIsFinal, InvalidityInFuture, NeverIssued, NotOnHold, ReasonNotAllowed
from ca.store import status as store
from pki.instant import Instant
from pki.revocation import Reason, Revoked
from pki.serial import SerialNumber


class By(StrEnum):
    """On whose word a certificate is revoked."""

    HOLDER = "holder"
    COUNTER = "counter"
    REGISTRY = "registry"
    AUTHORITY = "authority"


MAY_USE: dict[By, frozenset[Reason]] = {
    # The holder says that the key is lost, no longer needed or replaced, or asks for a stop by telephone.
    By.HOLDER: frozenset(
        {Reason.KEY_COMPROMISE, Reason.CESSATION_OF_OPERATION, Reason.SUPERSEDED, Reason.CERTIFICATE_HOLD}
    ),
    # The counter besides: a card destroyed before delivery (unspecified), changed attributes.
    By.COUNTER: frozenset(
        {
            Reason.UNSPECIFIED,
            Reason.KEY_COMPROMISE,
            Reason.AFFILIATION_CHANGED,
            Reason.SUPERSEDED,
            Reason.CESSATION_OF_OPERATION,
            Reason.CERTIFICATE_HOLD,
        }
    ),
    # The resident record: one of the four attributes changed, or the person died or left.
    By.REGISTRY: frozenset({Reason.AFFILIATION_CHANGED, Reason.CESSATION_OF_OPERATION, Reason.SUPERSEDED}),
    # The authority itself: all but removeFromCRL, which is no reason to revoke (RFC 5280 5.3.1).
    By.AUTHORITY: frozenset(Reason) - {Reason.REMOVE_FROM_CRL},
}
"""Who may use which reason (RFC 5280 5.3.1; JPKI's uses: unspecified = destroyed before delivery,
affiliationChanged = record changed, superseded = renewed, cessationOfOperation = no longer needed)."""


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """Whether a hold can be lifted. JPKI's practice statement says never; so does the default."""

    releasable: bool = False


def revoke(
    conn: Connection,
    issuer: str,
    serial: SerialNumber,
    reason: Reason,
    at: Instant,
    invalidity_date: Instant | None = None,
    cause: str = "",
    *,
    by: By = By.AUTHORITY,
) -> Revoked:
    """Revoke or (for certificateHold) hold; gives the revocation that now stands.

    `issuer` is the id of the authority, never its name; `cause` is a short word for the record, no personal data.
    What stood before and was stronger stands on: the answer may be older and of another reason than asked.
    Errors: NeverIssued, ReasonNotAllowed, InvalidityInFuture.
    """
    if reason not in MAY_USE[by]:
        raise ReasonNotAllowed(by.value, reason.standard_name)
    if invalidity_date is not None and invalidity_date > at:
        raise InvalidityInFuture
    known = store.find_certificate(conn, issuer, serial.hex)
    if known is None:
        raise NeverIssued(issuer, serial.both)
    # The head's lock comes before the look at what stands: two revocations of one certificate take turns.
    store.lock_head(conn)
    row = store.find_revocation(conn, issuer, serial.hex)
    standing = None if row is None else _revoked(row)
    wanted = _merged(standing, Revoked(at, reason, invalidity_date))
    if wanted == standing:
        return wanted
    kind = journal.Kind.HELD if wanted.reason is Reason.CERTIFICATE_HOLD else journal.Kind.REVOKED
    event = journal.Event(
        at,
        kind,
        issuer,
        serial.hex,
        {
            "since": wanted.since.seconds,
            "reason": int(wanted.reason),
            "invalidity_date": None if wanted.invalidity_date is None else wanted.invalidity_date.seconds,
            "cause": cause,
            "partition": known.partition,
            "not_after": known.not_after,
        },
    )
    apply_revocation(conn, event, journal.record(conn, [event]))
    return wanted


def release(conn: Connection, issuer: str, serial: SerialNumber, at: Instant, policy: HoldPolicy) -> None:
    """Lift a hold: the certificate is good again, and the next delta CRL says removeFromCRL.

    Asked again for a certificate that is good, it changes nothing.
    Errors: HoldIsFinal by policy, NotOnHold for a revoked certificate, NeverIssued.
    """
    if not policy.releasable:
        raise HoldIsFinal
    if store.find_certificate(conn, issuer, serial.hex) is None:
        raise NeverIssued(issuer, serial.both)
    store.lock_head(conn)
    row = store.find_revocation(conn, issuer, serial.hex)
    if row is None:
        return
    if row.reason != Reason.CERTIFICATE_HOLD:
        raise NotOnHold("revoked")
    journal.record(conn, [journal.Event(at, journal.Kind.RELEASED, issuer, serial.hex, {})])
    store.drop_revocation(conn, issuer, serial.hex)


def standing(conn: Connection, issuer: str, serial: SerialNumber) -> Revoked | None:
    """The revocation or hold that stands now."""
    row = store.find_revocation(conn, issuer, serial.hex)
    return None if row is None else _revoked(row)


def apply_revocation(conn: Connection, event: journal.Event, position: int) -> None:
    """Write the row that a `revoked` or `held` entry at `position` tells of; also used when a journal is replayed."""
    detail, number = event.detail, journal.number
    told = journal.revoked_of(event)
    store.put_revocation(
        conn,
        event.issuer,
        event.serial,
        {
            "at": told.since.seconds,
            "reason": int(told.reason),
            "invalidity_date": None if told.invalidity_date is None else told.invalidity_date.seconds,
            "cause": str(detail["cause"]),
            "partition": number(detail["partition"]),
            "not_after": number(detail["not_after"]),
            "position": position,
            "entry_der": encode_entry(int(event.serial, 16), told.since, told.reason, told.invalidity_date),
        },
    )


def _merged(standing: Revoked | None, asked: Revoked) -> Revoked:
    """What stands after `asked`. The date of a hold stays: the certificate was not to be relied on from then."""
    if standing is None:
        return asked
    held = standing.reason is Reason.CERTIFICATE_HOLD
    worse = held or (asked.reason is Reason.KEY_COMPROMISE)
    reason = asked.reason if worse else standing.reason
    # Before the revocation that stands: an invalidity date after it would say nothing.
    dates = [
        date
        for date in (standing.invalidity_date, asked.invalidity_date)
        if date is not None and date <= standing.since
    ]
    return Revoked(standing.since, reason, min(dates, default=None))


def _revoked(row: store.RevocationRow) -> Revoked:
    invalidity = row.invalidity_date
    return Revoked(Instant(row.at), Reason(row.reason), None if invalidity is None else Instant(invalidity))
