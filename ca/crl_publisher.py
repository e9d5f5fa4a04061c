"""The publisher: believes nothing it is handed, re-verifies each CRL, and never lets what is published go back."""

from dataclasses import dataclass
from datetime import timedelta

from ca.crl import CrlKind, SignedCrl
from ca.crl_encoding import FULL, Scope
from ca.crl_reading import Crl
from ca.crl_shelf import Published, Shelf
from ca.directory import Database
from ca.status_errors import PublicationRefused
from ca.store import crls as store
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant

SKEW = timedelta(minutes=1)
"""How far ahead the signer's clock may be."""


def shelf_name(scope: Scope, kind: CrlKind) -> str:
    """What a CRL is called on the shelf and in URLs."""
    return stored_name(scope.name, kind)


def stored_name(scope: str, kind: str) -> str:
    """The same from the words of the database and the journal."""
    if kind == CrlKind.FULL:
        return scope
    return "delta" if scope == FULL else f"{scope}-delta"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes the CRLs of one authority. It holds the authority's certificate, and no key."""

    authority: str
    issuer: Certificate
    shelf: Shelf
    database: Database

    def publish(self, signed: SignedCrl, scope: Scope, at: Instant) -> Published:
        """Verify, compare with what is published, lay on the shelf; the same CRL again changes nothing.

        Errors: PublicationRefused naming the fault; then nothing was replaced.
        """
        kind = CrlKind(signed.row.kind)
        name = shelf_name(scope, kind)
        with self.shelf.locked(self.authority, name):
            current = self.shelf.current(self.authority, name)
            if current is None or current.der != signed.der:
                self._check(signed, scope, name, current, at)
                current = Published.of(signed.der)
                self.shelf.put(self.authority, name, current)
        row = signed.row
        self.database.transaction(lambda conn: store.mark_published(conn, row, at.seconds))
        return current

    def file(self, signed: SignedCrl, scope: Scope, at: Instant) -> None:
        """Lay one that was overtaken before it could be published down under its number only.

        Errors: PublicationRefused for one that is not the authority's own.
        """
        kind, row = CrlKind(signed.row.kind), signed.row
        name = shelf_name(scope, kind)
        fault = self._fault_alone(Crl(signed.der), signed, scope, Instant(row.this_update))
        if fault is not None:
            raise PublicationRefused(f"{self.authority}/{name}", fault)
        self.shelf.put(self.authority, name, Published.of(signed.der), current=False)
        self.database.transaction(lambda conn: store.mark_published(conn, row, at.seconds))

    def _check(self, signed: SignedCrl, scope: Scope, name: str, current: Published | None, at: Instant) -> None:
        fault = self._fault(signed, scope, current, at)
        if fault is not None:
            raise PublicationRefused(f"{self.authority}/{name}", fault)

    def _fault(self, signed: SignedCrl, scope: Scope, current: Published | None, at: Instant) -> str | None:
        try:
            crl = Crl(signed.der)
            return self._fault_alone(crl, signed, scope, at) or self._fault_beside(crl, scope, current)
        except Malformed as error:
            return str(error)

    def _fault_alone(self, crl: Crl, signed: SignedCrl, scope: Scope, at: Instant) -> str | None:
        if crl.issuer != self.issuer.subject or crl.authority_key_identifier != self.issuer.key_identifier:
            return "it is of another issuer"
        if crl.inner_algorithm != crl.outer_algorithm or not crl.is_signed_by(self.issuer):
            return "its signature is wrong"
        if crl.number is None or crl.number != signed.row.number:
            return "its number is not the one that was taken for it"
        if crl.scope != (scope.issuing_distribution_point() or b""):
            return "it is of another partition"
        if crl.is_delta != (signed.row.kind == CrlKind.DELTA):
            return "it is a delta where a full CRL is due, or the other way round"
        if crl.next_update is None or crl.next_update <= at:
            return "it has expired"
        return "it is of the future" if crl.this_update > at + SKEW else None

    def _fault_beside(self, crl: Crl, scope: Scope, current: Published | None) -> str | None:
        number = crl.number or 0
        if current is not None:
            if number <= current.number:
                return f"number {number} does not follow {current.number}"
            if crl.this_update < current.this_update:
                return "its thisUpdate is before that of the published one"
            if Crl(current.der).scope != crl.scope:
                return "the published one is of another partition"
        if crl.base_number is not None:
            base = self.shelf.numbered(self.authority, shelf_name(scope, CrlKind.FULL), crl.base_number)
            if base is None:
                return f"its base {crl.base_number} was never published"
            if number <= crl.base_number:
                return f"number {number} does not follow its base {crl.base_number}"
            if base.this_update > crl.this_update:
                return "it is older than its base"
        return None
