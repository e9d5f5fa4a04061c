"""Which CRLs are due, and making them: on schedule, and at once when a revocation is urgent.

Every authority that may still sign has a full CRL; where its certificates name partitions, one for each partition too.
A delta follows each full CRL by a round and is made anew in between. What is urgent makes a full CRL at once, too:
most verifiers read no deltas. Several instances may run this at the same time: leases keep them off each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from ca import journal, leases
from ca.authority import Authority, AuthorityState
from ca.crl import CrlIssuer, CrlKind, CrlPolicy, SignedCrl, crl_dropped, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher, stored_name
from ca.crl_shelf import Shelf
from ca.directory import Database, Directory
from ca.keys import KeyStore, SigningKey
from ca.points import WHOLE, delta_uri
from ca.profiles import PROFILES, Kind, Value
from ca.status_errors import PublicationRefused
from ca.store import crls as store
from ca.store import status as status_store
from pki.errors import Error, InvalidValue
from pki.instant import Instant
from pki.revocation import Reason

URGENT = frozenset({Reason.KEY_COMPROMISE, Reason.CA_COMPROMISE})
"""A revocation for one of these is published at once, not at the next hour."""

LEASE = timedelta(minutes=5)
TRIED_AGAIN = timedelta(minutes=15)
"""So long a CRL that did not reach the shelf is tried again, instead of signing one more each time."""
FILED_AT_ONCE, DROPPED_AT_ONCE = 20, 200


@dataclass(frozen=True, slots=True)
class Due:
    """A CRL that is to be made."""

    authority: Authority
    scope: Scope
    kind: CrlKind


class CrlMaker:
    """Makes and publishes the CRLs of every authority whose key is in `keys`; `holder` names this instance."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        shelf: Shelf,
        holder: str,
        policy: CrlPolicy | None = None,
        *,
        deltas: bool = False,
    ) -> None:
        self._database = database
        self._keys = keys
        self._shelf = shelf
        self._holder = holder
        self._policy = policy or CrlPolicy()
        self._deltas = deltas
        self._directory = Directory()
        self._opened: dict[str, SigningKey] = {}

    def run(self, at: Instant) -> list[SignedCrl]:
        """Make and publish what is due and not in the hands of another instance; gives what was made.

        Errors: the first one, after everything else was made: a token that is away keeps no other authority waiting.
        """
        made: list[SignedCrl] = []
        failed: list[Error] = []
        for each in self._database.read(lambda conn: list(self._due(conn, at))):
            try:
                one = self._leased(each, at)
            except Error as error:
                failed.append(error)
            else:
                made += [] if one is None else [one]
        if failed:
            raise failed[0]
        return made

    def make(self, authority_id: str, at: Instant, scope_name: str = "full", kind: CrlKind = CrlKind.FULL) -> SignedCrl:
        """Make and publish one CRL now, due or not.

        Errors: UnknownAuthority, InvalidValue (no such partition), NoBaseCrl, PublicationRefused, KeyStoreError.
        """
        authority = self._database.read(lambda conn: self._directory.get(conn, authority_id))
        scopes = self._database.read(lambda conn: scopes_of(conn, authority))
        if scope_name not in scopes:
            raise InvalidValue(f"{authority_id} has no certificate in a partition {scope_name!r}")
        return self._make(Due(authority, scopes[scope_name], kind), at)

    def drop_ended(self, at: Instant, keep: timedelta) -> int:
        """Drop CRLs that ended `keep` ago, on the shelf and in the database; the journal remembers that they were.

        At most DROPPED_AT_ONCE a call; gives how many. The newest of each scope and kind stays, and whatever a kept
        delta adds to.
        """
        rows = self._database.read(lambda conn: store.ended_before(conn, (at + -keep).seconds, DROPPED_AT_ONCE))
        for row in rows:
            # The file first: after a crash in between the row is still there, and this is done again.
            self._shelf.drop(row.issuer, stored_name(row.partition, row.kind), row.number)
        if rows:
            self._database.transaction(lambda conn: _forget(conn, rows, at))
        return len(rows)

    def _due(self, conn: Connection, at: Instant) -> Iterator[Due]:
        for authority in self._directory.all(conn):
            if authority.certificate is None or authority.state is AuthorityState.ENDED:
                continue
            for scope in scopes_of(conn, authority).values():
                kind = self._kind_due(conn, authority, scope, at)
                if kind is not None:
                    yield Due(authority, scope, kind)

    def _kind_due(self, conn: Connection, authority: Authority, scope: Scope, at: Instant) -> CrlKind | None:
        full = store.newest(conn, authority.id, scope.name, CrlKind.FULL, published_only=True)
        if full is None or Instant(full.this_update) + self._policy.full_every <= at:
            return CrlKind.FULL
        if self._urgent(conn, Due(authority, scope, CrlKind.FULL), at) > full.position:
            return CrlKind.FULL
        if not self._deltas:
            return None
        delta = store.newest(conn, authority.id, scope.name, CrlKind.DELTA, published_only=True)
        if delta is None or delta.number < full.number:
            # RFC 5280 5.2.3: made in the same second, the two would have to share a number.
            return CrlKind.DELTA if Instant(full.this_update) < at else None
        return CrlKind.DELTA if Instant(delta.this_update) + self._policy.delta_every <= at else None

    def _leased(self, due: Due, at: Instant) -> SignedCrl | None:
        name = f"crl/{due.authority.id}/{due.scope.name}"
        term = self._database.transaction(lambda conn: leases.acquire(conn, name, self._holder, at, LEASE))
        if term is None:
            return None
        try:
            # The look before the lease may be old: another instance may just have finished.
            kind = self._database.read(lambda conn: self._kind_due(conn, due.authority, due.scope, at))
            return None if kind is None else self._make(Due(due.authority, due.scope, kind), at, again=True)
        finally:
            self._database.transaction(lambda conn: leases.release(conn, name, self._holder))

    def _make(self, due: Due, at: Instant, *, again: bool = False) -> SignedCrl:
        """`again`: one that was signed and did not reach the shelf is taken once more, while it is young."""
        authority = due.authority
        assert authority.certificate is not None
        key = self._opened.get(authority.id)
        if key is None:
            key = self._opened[authority.id] = self._keys.open(authority.key_label)
        issuer = CrlIssuer(authority.id, authority.subject, authority.key_identifier, key)
        publisher = Publisher(authority.id, authority.certificate, self._shelf, self._database)
        left = self._database.read(lambda conn: store.unpublished(conn, authority.id, due.scope.name, due.kind))
        if again and left and self._database.read(lambda conn: self._still_good(conn, due, left[-1], at)):
            signed = self._stored(left.pop())
        else:
            self._check_clock(due, at)
            signed = make_crl(self._database, issuer, due.scope, at, self._policy, due.kind, self._freshest(due))
        publisher.publish(signed, due.scope, at)
        # One after the other: each may be large, and after a long outage there are many.
        for row in left[:FILED_AT_ONCE]:
            publisher.file(self._stored(row), due.scope, at)
        return signed

    def _check_clock(self, due: Due, at: Instant) -> None:
        """Before a number is taken and anything signed: a clock that was put back leaves nothing to explain."""
        last = self._database.read(lambda conn: store.last_this_update(conn, due.authority.id, due.scope.name))
        if last is not None and at.seconds < last:
            fault = f"it would be of {at}, before the last one ({Instant(last)})"
            raise PublicationRefused(f"{due.authority.id}/{due.scope.name}", fault)

    def _stored(self, row: store.CrlRow) -> SignedCrl:
        return SignedCrl(row, self._database.read(lambda conn: store.crl_octets(conn, row)))

    def _still_good(self, conn: Connection, due: Due, row: store.CrlRow, at: Instant) -> bool:
        """Whether one that never reached the shelf may still do: young, not overtaken, and nothing urgent since."""
        last = store.last_number(conn, due.authority.id, due.scope.name, lock=False)
        young = Instant(row.this_update) <= at < Instant(row.this_update) + TRIED_AGAIN
        return young and row.number == last and self._urgent(conn, due, at) <= row.position

    def _urgent(self, conn: Connection, due: Due, at: Instant) -> int:
        return status_store.newest_position_for(conn, due.authority.id, due.scope.partition, sorted(URGENT), at.seconds)

    def _freshest(self, due: Due) -> tuple[str, ...]:
        """Where full CRLs say that deltas are: in the variants whose certificates say so."""
        extensions = PROFILES[Kind(due.authority.purpose.value), due.authority.variant].extensions
        if not self._deltas or all(row.value is not Value.FRESHEST for row in extensions):
            return ()
        uri = delta_uri(due.authority.parameters, due.authority.id, due.scope.partition or WHOLE)
        return () if uri is None else (uri,)


def _forget(conn: Connection, rows: list[store.CrlRow], at: Instant) -> None:
    gone = [row for row in rows if store.drop_crl(conn, row.issuer, row.partition, row.kind, row.number)]
    if gone:
        journal.record(conn, [crl_dropped(row, at) for row in gone])


def scopes_of(conn: Connection, authority: Authority) -> dict[str, Scope]:
    """The full scope and every partition that some certificate of the authority names, by name."""
    scopes = {"full": Scope()}
    for number, point in store.partitions(conn, authority.id):
        scopes[str(number)] = Scope(str(number), number, point)
    return scopes
