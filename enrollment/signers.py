"""Whose certificate signed a document, judged once more by our own rows."""

from enrollment.errors import CertificateEnded, CertificateExpired, UnknownCertificate
from enrollment.filing import VerifiedFiling
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from enrollment.store.work import HeldCertificate
from pki.instant import Instant
from pki.purpose import Purpose


def wait_turn(conn: Connection, verified: VerifiedFiling) -> None:
    """Nothing that decides is read before it is this person's turn: an identical request may just be committing."""
    held = rows.certificate_by_fingerprint(conn, verified.signer)
    if held is not None:
        people_rows.hold_person(conn, held.person)


def signer_of(
    conn: Connection, verified: VerifiedFiling, at: Instant, purpose: Purpose = Purpose.SIGNATURE
) -> HeldCertificate:
    """The certificate by which a filing was signed, if it still stands: of two filings signed with one
    certificate at once, the second finds it ended by the first.

    Errors: UnknownCertificate, CertificateEnded, CertificateExpired.
    """
    held = rows.certificate_by_fingerprint(conn, verified.signer)
    if held is None or held.purpose is not purpose:
        raise UnknownCertificate(verified.serial)
    if held.ended_at is not None:
        raise CertificateEnded(verified.serial)
    if held.not_after is None or at > held.not_after:
        raise CertificateExpired(verified.serial)
    return held
