"""What an entry of the log says: that a record with this digest was made. Nothing else, to nobody.

    entry       kind newline || SHA-256 of the record, 32 octets

A record stays with its owner. It holds an identifier of 128 random bits, so that its digest tells an outsider nothing,
not even whether two entries speak of the same person. Whoever holds the record can prove that it is the entry; once
the record is destroyed after its retention period, the entry means nothing any more and the tree still verifies.
"""

from enum import StrEnum

from pki.errors import InvalidValue
from pki.instant import Instant
from transparency import store
from transparency.store import Connection


class EntryKind(StrEnum):
    """What kind of record an entry commits to."""

    ACCESS = "jitsuin-access-v1"
    """Somebody was told something about a person."""
    LEDGER = "jitsuin-ledger-v1"
    """An event of a person's ledger."""
    ACT = "jitsuin-act-v1"
    """Something that an operator did, signed by their card."""


def entry(kind: EntryKind, digest: bytes) -> bytes:
    """The octets of an entry. Errors: InvalidValue for a digest that is not SHA-256."""
    if len(digest) != 32:
        raise InvalidValue("an entry holds a SHA-256 digest")
    return kind.encode() + b"\n" + digest


def record(connection: Connection, log: str, kind: EntryKind, id_: str, digest: bytes, at: Instant) -> None:
    """Make the entry of a record part of the owner's log, in the transaction that stores the record.

    `log` is the owner's code, `id_` the record's own identifier, under which its proof can be asked for later.
    """
    store.stage(connection, log, store.Staged(id_, at, entry(kind, digest)))
