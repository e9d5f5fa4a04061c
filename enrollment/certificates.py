"""Whose certificate is whose, from the promise to the end: what was signed is noted, what must end is ended."""

from dataclasses import replace

from ca import issuance, revocation
from ca.directory import Directory
from ca.intents import IntentId
from ca.profiles import PROFILES, Kind
from ca.revocation import HoldPolicy
from ca.validity import Birthdays, renewal_window
from enrollment import outbox
from enrollment.application import Application, ApplicationEvent, ApplicationKind, ApplicationState, advance
from enrollment.person import PersonId, Random
from enrollment.store import Connection
from enrollment.store import work as rows
from enrollment.store.work import HeldCertificate
from pki.certificate import parse_certificate
from pki.instant import Instant, Validity
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber


def held_by(conn: Connection, person: PersonId, purpose: Purpose | None = None) -> list[HeldCertificate]:
    """What a person holds or is promised and has not ended, oldest first."""
    return [
        held
        for held in rows.certificates_of(conn, person)
        if held.ended_at is None and (purpose is None or held.purpose is purpose)
    ]


def live(conn: Connection, person: PersonId, purpose: Purpose, at: Instant) -> HeldCertificate | None:
    """The signed certificate of that purpose that has neither ended nor expired."""
    for held in reversed(held_by(conn, person, purpose)):
        if held.not_after is not None and at <= held.not_after:
            return held
    return None


def end(
    conn: Connection, held: HeldCertificate, reason: Reason, at: Instant, cause: str, random: Random
) -> HeldCertificate:
    """End a certificate in the caller's transaction: a promise is withdrawn, so that it will never be signed; what is
    signed already is revoked at once.

    Errors: Stale (Retryable) if it was ended meanwhile.
    """
    if not held.is_signed and not issuance.withdraw(conn, IntentId(held.intent)):
        held = _note(conn, held)  # the authority was faster
    rows.end_certificate(conn, held.intent, at, f"{reason.standard_name}:{cause}")
    if (signed := _serial(held)) is not None:
        revocation.revoke(conn, *signed, reason, at, cause=cause)
    outbox.put(
        conn,
        held.person,
        "certificate.ended",
        {"intent": held.intent, "purpose": held.purpose.value, "reason": reason.standard_name, "serial": held.serial},
        at,
        random,
    )
    return replace(held, ended_at=at, ended_because=f"{reason.standard_name}:{cause}")


def end_of_application(
    conn: Connection, application: Application, at: Instant, cause: str, random: Random
) -> list[HeldCertificate]:
    """End what an application promised or had signed and what never reached its holder: unspecified, destroyed before
    delivery.
    """
    return [
        end(conn, held, Reason.UNSPECIFIED, at, cause, random)
        for held in rows.certificates_of_application(conn, application.application).values()
        if held.ended_at is None
    ]


def _serial(held: HeldCertificate) -> tuple[str, SerialNumber] | None:
    """By whom and under which number it was signed; None for a promise."""
    if held.issuer is None or held.serial is None:
        return None
    return held.issuer, SerialNumber.parse(f"0x{held.serial}")


def hold(conn: Connection, held: HeldCertificate, reason: Reason, at: Instant, cause: str) -> None:
    """Nothing signed with it is accepted for now. A promise cannot be held: its application is withdrawn before."""
    if (signed := _serial(_note(conn, held))) is not None:
        revocation.revoke(conn, *signed, reason, at, cause=cause)


def is_on_hold(conn: Connection, held: HeldCertificate) -> bool:
    """Whether it is on hold now, and not revoked for good."""
    signed = _serial(held)
    standing = None if signed is None else revocation.standing(conn, *signed)
    return standing is not None and standing.reason is Reason.CERTIFICATE_HOLD


def release(conn: Connection, held: HeldCertificate, at: Instant, policy: HoldPolicy) -> None:
    """Lift a hold. Errors: HoldIsFinal by policy; NotOnHold for a revoked one."""
    if (signed := _serial(held)) is not None:
        revocation.release(conn, *signed, at, policy)


def _note(conn: Connection, held: HeldCertificate) -> HeldCertificate:
    """What the authority made of the promise, if it has signed by now."""
    if held.is_signed:
        return held
    issued = issuance.certificate_of(conn, IntentId(held.intent))
    if issued is None:
        return held
    fingerprint = parse_certificate(issued.der).fingerprint.hex()
    serial = issued.serial.hex
    rows.certificate_signed(
        conn,
        held.intent,
        issued.authority,
        serial,
        fingerprint,
        issued.validity.not_before,
        issued.validity.not_after,
    )
    return replace(
        held,
        issuer=issued.authority,
        serial=serial,
        fingerprint=fingerprint,
        not_before=issued.validity.not_before,
        not_after=issued.validity.not_after,
    )


def note_signed(conn: Connection, application: Application, at: Instant) -> Application:
    """Note what the authority has signed for this application; SIGNED once all is. Repeating it changes nothing."""
    noted = [_note(conn, held) for held in rows.certificates_of_application(conn, application.application).values()]
    if application.state is ApplicationState.INTENDED and noted and all(held.is_signed for held in noted):
        return change(conn, application, ApplicationEvent.SIGN, at)
    return application


def change(
    conn: Connection, application: Application, event: ApplicationEvent, at: Instant, reason: str = ""
) -> Application:
    """The application after `event`, written. Errors: WrongState, Stale (Retryable)."""
    changed = replace(
        application,
        state=advance(application.state, event),
        version=application.version + 1,
        changed_at=at,
        reason=reason or application.reason,
    )
    rows.change_application(conn, changed)
    return changed


def octets_of(conn: Connection, held: HeldCertificate) -> bytes | None:
    """The certificate in DER, if it is signed."""
    issued = issuance.certificate_of(conn, IntentId(held.intent))
    return issued.der if issued else None


def renewed_in_window(conn: Connection, application: Application, at: Instant) -> bool:
    """Renewed within the last months of the certificate: the new one runs to one more birthday (jpki.md 3.1)."""
    if application.kind is not ApplicationKind.RENEWAL:
        return False
    window = window_of(conn, application.person, at)
    return window is not None and window.contains(at)


def window_of(conn: Connection, person: PersonId, at: Instant) -> Validity | None:
    """When a person's certificates may be renewed with a birthday more; None without a valid one for log-ins."""
    held = live(conn, person, Purpose.AUTHENTICATION, at)
    if held is None or held.not_after is None:
        return None
    variant = Directory().active(conn, Purpose.AUTHENTICATION).variant
    lifetime = PROFILES[Kind.AUTHENTICATION, variant].lifetime
    return renewal_window(lifetime, held.not_after) if isinstance(lifetime, Birthdays) else None
