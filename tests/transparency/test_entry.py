"""Entries: what the log may know of a record, and what its holder can prove."""

import hashlib

import pytest

from cli.database import Database
from pki.errors import InvalidValue
from pki.instant import Instant
from transparency import store
from transparency.entry import EntryKind, entry, record

DIGEST = hashlib.sha256(b"a record with its random identifier").digest()


def test_an_entry_is_told_apart_by_kind_and_record() -> None:
    other = hashlib.sha256(b"another").digest()
    octets = {entry(kind, digest) for kind in EntryKind for digest in (DIGEST, other)}
    assert len(octets) == 2 * len(EntryKind)
    with pytest.raises(InvalidValue):
        entry(EntryKind.ACCESS, b"short")


def test_a_record_and_its_entry_are_one_transaction(database: Database, at: Instant) -> None:
    def torn(connection: store.Connection) -> None:
        record(connection, "99201", EntryKind.ACCESS, "5f" * 16, DIGEST, at)
        raise InvalidValue("something after it")

    with pytest.raises(InvalidValue):
        database.transaction(torn)
    assert database.read(lambda connection: store.waiting(connection, "99201", 10)) == []
    database.transaction(lambda connection: record(connection, "99201", EntryKind.ACCESS, "5f" * 16, DIGEST, at))
    waiting = database.read(lambda connection: store.waiting(connection, "99201", 10))
    assert [(one.id, one.entry) for one in waiting] == [("5f" * 16, entry(EntryKind.ACCESS, DIGEST))]
