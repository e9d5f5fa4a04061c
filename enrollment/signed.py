"""Octets signed by a municipality's own system: who it is, and that it was them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from enrollment.errors import SignatureInvalid
from enrollment.store import Connection, Database
from enrollment.store import peers as rows
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.errors import InvalidValue
from pki.instant import Instant

MUNICIPALITY, CHANNEL = "municipality", "channel"
"""The kinds of peers that have keys here."""


@dataclass(frozen=True, slots=True)
class OwnerKeys:
    """The registered public keys of municipalities' systems: code → SubjectPublicKeyInfo in DER, one or several."""

    keys: Mapping[str, bytes] | Mapping[str, Sequence[bytes]]

    def verify(self, owner: str, octets: bytes, signature: bytes) -> None:
        """Errors: SignatureInvalid, also for a municipality without a key."""
        found = self.keys.get(owner, ())
        for spki in (found,) if isinstance(found, bytes) else found:
            if verify_raw(load_public_key(spki), algorithm_for(spki), signature, octets):
                return
        raise SignatureInvalid(owner)


@dataclass(frozen=True, slots=True)
class StoredKeys(Mapping[str, Sequence[bytes]]):
    """The keys in force of every municipality, asked of the database each time: a key that was ended signs nothing."""

    database: Database

    def __getitem__(self, owner: str) -> Sequence[bytes]:
        found = self.database.read(lambda conn: rows.keys_of(conn, MUNICIPALITY, owner))
        if not found:
            raise KeyError(owner)
        return [spki for _, spki in found]

    def __iter__(self) -> Iterator[str]:
        return iter(self.database.read(lambda conn: rows.peers_with_keys(conn, MUNICIPALITY)))

    def __len__(self) -> int:
        return len(list(iter(self)))


def add_key(conn: Connection, kind: str, peer: str, kid: str, spki: bytes, at: Instant) -> None:
    """Another key of a peer; the older ones stay good until they are ended.

    Errors: Malformed, InvalidValue for a key that is not spoken here or a name that was used.
    """
    algorithm_for(spki)
    if any(known == kid for known, _ in rows.keys_of(conn, kind, peer, ended_too=True)):
        raise InvalidValue("a key's name that is not used yet expected")
    rows.add_key(conn, kind, peer, kid, spki, at)


def end_key(conn: Connection, kind: str, peer: str, kid: str, at: Instant) -> bool:
    """From now on that key signs nothing, for good; False if there was none."""
    return rows.end_key(conn, kind, peer, kid, at)
