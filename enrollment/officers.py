"""The officer's own card: what it signed, and that the card is still theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ca.inventory import Query, search
from enrollment.errors import SignatureInvalid
from enrollment.evidence import InPersonEvidence
from enrollment.operators import Operator
from enrollment.store import Connection
from pki.instant import Instant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Here:
    """The caller's own transaction, for readers that ask for a database."""

    conn: Connection

    def read(self, body: Callable[[Connection], T]) -> T:
        """Run `body` here."""
        return body(self.conn)

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Run `body` here."""
        return body(self.conn)


def require_own_signature(
    conn: Connection, evidence: InPersonEvidence, operator: Operator, at: Instant, certificate: bytes | None = None
) -> None:
    """See that a signature on the evidence is by the operator's own card, and that the card's certificate stands.

    `certificate` (DER) is looked up among those that this service issued where it is not given. Evidence without a
    signature passes: `InPersonEvidence.require_signature` is for deployments that demand one.
    Errors: SignatureInvalid, also for a revoked certificate.
    """
    if evidence.signature is None:
        return
    if certificate is None:
        found = search(_Here(conn), Query(fingerprint=operator.card_fingerprint), at, limit=1, der=True)
        if not found or found[0].revoked is not None:
            raise SignatureInvalid(operator.operator)
        certificate = found[0].der
    evidence.verify_officer(certificate, operator.card_fingerprint)
