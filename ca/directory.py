"""Authorities and responders as stored, read inside the caller's transaction."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from ca.authority import Authority, AuthorityState, ResponderCertificate
from ca.errors import NoActiveAuthority, NoActiveResponder, UnknownAuthority
from ca.parameters import Parameters
from ca.profiles import KeyShape, Variant
from ca.store import issued as store
from pki.certificate import Certificate
from pki.instant import Instant, Validity
from pki.purpose import Purpose

T = TypeVar("T")


class Database(Protocol):
    """What this package asks of a database: `transaction` commits durably or leaves nothing, and may run its body
    several times; `read` sees one consistent state."""

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Run `body` in one transaction."""
        ...

    def read(self, body: Callable[[Connection], T]) -> T:
        """Run `body` on one state of the database."""
        ...


class Directory:
    """Finds authorities. Rows are read each time (a state may change); what was parsed from them is kept."""

    def __init__(self) -> None:
        self._parsed: dict[tuple[str, str, str | None], Authority] = {}

    def get(self, conn: Connection, identifier: str) -> Authority:
        """One authority by id. Errors: UnknownAuthority."""
        row = store.authority(conn, identifier)
        if row is None:
            raise UnknownAuthority(identifier)
        return self._authority(row)

    def active(
        self, conn: Connection, purpose: Purpose, variant: Variant | None = None, at: Instant | None = None
    ) -> Authority:
        """The youngest generation that takes orders (of one variant, where several stand beside each other).

        With `at`, one whose own life has begun by then and not ended.

        Errors: NoActiveAuthority.
        """
        found = [
            row
            for row in store.authorities(conn)
            if row.purpose == purpose
            and row.state == AuthorityState.ACTIVE
            and (variant is None or row.variant == variant)
            and (at is None or row.not_before <= at.seconds <= row.not_after)
        ]
        if not found:
            raise NoActiveAuthority(purpose.value)
        return self._authority(found[-1])

    def all(self, conn: Connection) -> list[Authority]:
        """Every authority, by purpose and generation."""
        return [self._authority(row) for row in store.authorities(conn)]

    def responder(self, conn: Connection, authority: str, at: Instant) -> ResponderCertificate:
        """The youngest responder certificate that is valid at `at`.

        Errors: NoActiveResponder; the authority's own key never steps in.
        """
        for found in self.responders(conn, authority):
            if found.certificate is not None and found.validity.contains(at):
                return found
        raise NoActiveResponder(authority)

    def responders(self, conn: Connection, authority: str) -> list[ResponderCertificate]:
        """All responders of an authority, the youngest first."""
        return [_responder(row) for row in store.responders(conn, authority)]

    def _authority(self, row: store.Found) -> Authority:
        key = (row.id, row.state, row.fingerprint)
        if key not in self._parsed:
            self._parsed[key] = Authority(
                row.id,
                Purpose(row.purpose),
                row.generation,
                Variant(row.variant),
                row.key_label,
                KeyShape(row.algorithm),
                bytes(row.subject),
                bytes(row.spki),
                Parameters.from_json(row.parameters),
                None if row.certificate is None else Certificate(bytes(row.certificate)),
                Validity(Instant(row.not_before), Instant(row.not_after)),
                AuthorityState(row.state),
            )
        return self._parsed[key]


def _responder(row: store.Found) -> ResponderCertificate:
    return ResponderCertificate(
        row.id,
        row.authority,
        row.number,
        row.key_label,
        KeyShape(row.algorithm),
        bytes(row.spki),
        None if row.certificate is None else Certificate(bytes(row.certificate)),
        Validity(Instant(row.not_before), Instant(row.not_after)),
        row.state,
    )
