"""The officer's own card: what it signed, and that the card is still theirs."""

from ca.inventory import Query, search
from enrollment.errors import ActNotSigned, SignatureInvalid
from enrollment.evidence import InPersonEvidence
from enrollment.operators import Operator
from enrollment.store import Connection, Within
from enrollment.store.acts import certificates_used, signing_demanded_from
from enrollment.store.people import find_operator
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.certificate import parse_certificate
from pki.errors import Malformed
from pki.instant import Instant


def own_certificate(conn: Connection, operator: Operator, at: Instant, certificate: bytes | None = None) -> bytes:
    """The certificate of the operator's card in DER, looked up among those that this service issued if not given.

    Errors: SignatureInvalid if there is none of that fingerprint, or it is revoked.
    """
    if certificate is not None:
        return certificate
    found = search(Within(conn), Query(fingerprint=operator.card_fingerprint), at, limit=1, der=True)
    if not found or found[0].revoked is not None or found[0].der is None:
        raise SignatureInvalid(operator.operator)
    return found[0].der


def verify_own(certificate: bytes, card_fingerprint: str, signer: str, signature: bytes, octets: bytes) -> None:
    """See that the card with this certificate signed exactly these octets (raw signature).

    Errors: SignatureInvalid, also for a certificate of another fingerprint (SHA-256 of its DER, hex).
    """
    try:
        found = parse_certificate(certificate)
    except Malformed:
        raise SignatureInvalid(signer) from None
    spki = found.spki
    same = found.fingerprint.hex() == card_fingerprint
    if not same or not verify_raw(load_public_key(spki), algorithm_for(spki), signature, octets):
        raise SignatureInvalid(signer)


def certificates_of(conn: Connection, operator: str, at: Instant) -> list[bytes]:
    """The certificates (DER) of every card that the operator had: issued here, also those that ended since, and those
    with which acts were signed."""
    issued = search(Within(conn), Query(owner=operator), at, limit=1000, der=True)
    found = find_operator(conn, operator)
    if found is not None:
        issued += search(Within(conn), Query(fingerprint=found.card_fingerprint), at, limit=1, der=True)
    return [*{one.der for one in issued if one.der is not None} | {*certificates_used(conn, operator)}]


def require_own_signature(
    conn: Connection, evidence: InPersonEvidence, operator: Operator, at: Instant, certificate: bytes | None = None
) -> None:
    """See that the evidence is signed by the operator's own card, and that the card's certificate stands.

    Evidence without a signature passes only where the municipality does not demand one (`enrollment.acts`).
    Errors: SignatureInvalid, also for a revoked certificate; ActNotSigned.
    """
    if evidence.signature is None:
        begins = signing_demanded_from(conn, operator.owner)
        if begins is not None and at >= begins:
            raise ActNotSigned(operator.operator, "in-person-check")
        return
    verify_own(
        own_certificate(conn, operator, at, certificate),
        operator.card_fingerprint,
        operator.operator,
        evidence.signature,
        evidence.to_be_signed(),
    )
