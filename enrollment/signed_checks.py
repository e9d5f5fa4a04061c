"""The signatures of officers' cards on checks in person, verified again long after the desk has closed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from enrollment.errors import SignatureInvalid
from enrollment.evidence import parse_evidence
from enrollment.officers import certificates_of, verify_own
from enrollment.person import PersonId
from enrollment.store import Connection, records
from pki.certificate import parse_certificate
from pki.instant import Instant

_CHANGED: Final = "its content is not what was signed under this name"


@dataclass(frozen=True, slots=True)
class CheckFault:
    """Stored evidence that does not hold; `check` is the digest under which it was stored."""

    check: str
    what: str


def verify(conn: Connection, at: Instant, person: PersonId | None = None) -> tuple[int, tuple[CheckFault, ...]]:
    """Check all evidence with a signature, or that of `person`: its name over its content, and its signature by a card
    that its officer had; (how many were looked at, what does not hold). Evidence without a signature is not counted.
    """
    count, faults = 0, []
    known: dict[str, list[bytes]] = {}
    for stored in _signed(conn, person):
        count += 1
        what = _fault(conn, stored, known, at)
        if what is not None:
            faults.append(CheckFault(stored.name, what))
    return count, tuple(faults)


def _fault(conn: Connection, stored: records.SignedCheck, known: dict[str, list[bytes]], at: Instant) -> str | None:
    try:
        evidence = parse_evidence(stored.body, stored.signature)
    except (ValueError, KeyError, TypeError):
        return _CHANGED
    # Canonical to the last octet: the same value written otherwise was not signed.
    if evidence.octets() != stored.body.encode() or evidence.digest() != stored.name:
        return _CHANGED
    if evidence.officer not in known:
        known[evidence.officer] = certificates_of(conn, evidence.officer, at)
    for certificate in known[evidence.officer]:
        fingerprint = parse_certificate(certificate).fingerprint.hex()
        try:
            verify_own(certificate, fingerprint, evidence.officer, stored.signature, evidence.to_be_signed())
        except SignatureInvalid:
            continue
        return None
    return "no card of its officer made its signature" if known[evidence.officer] else "its officer's card is unknown"


def _signed(conn: Connection, person: PersonId | None) -> Iterator[records.SignedCheck]:
    last = None
    while page := records.signed_checks_after(conn, last, 500, person):
        yield from page
        last = page[-1].name
