"""The journal of status: every issue, revocation, hold, release and CRL, chained by SHA-256.

It is written twice. Inside the database an entry is part of the transaction that it tells of. Outside, in an
append-only file (`ca/journal_file.py`), it is fsynced before anybody is answered; so a database restored from last
night's backup no longer continues the file, and is refused until the file was replayed into it (`ca/restore.py`).

    digest(n) = SHA-256( digest(n-1) as 64 hex digits | the entry's fields but `digest` as JSON, keys sorted )
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection

from ca.store import status as store
from pki.instant import Instant
from pki.revocation import Reason, Revoked

START = "0" * 64
"""The digest before the first entry."""


RECORDED = "ca.journal.recorded"
"""Key in `Connection.info` of a list to which every entry of the transaction is added, where somebody put one."""


class Kind(StrEnum):
    """What an entry tells."""

    ISSUED = "issued"
    REVOKED = "revoked"
    HELD = "held"
    RELEASED = "released"
    CRL = "crl"
    CRL_DROPPED = "crl-dropped"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Event:
    """A change of status to be recorded; `detail` holds numbers and words, never a person's data."""

    at: Instant
    kind: Kind
    issuer: str
    serial: str
    detail: Mapping[str, int | str | None]
    told: str = field(init=False, compare=False, repr=False)
    """`detail` in canonical form: chain, row and line repeat it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", canonical(dict(self.detail)))


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded event at its place."""

    position: int
    event: Event
    digest: str

    def line(self) -> str:
        """One line of the file, without its end."""
        return _text(self.position, self.event, f'"digest":"{self.digest}",')

    def row(self) -> dict[str, object]:
        """The same as a row of the database."""
        event = self.event
        return {
            "position": self.position,
            "at": event.at.seconds,
            "kind": event.kind.value,
            "issuer": event.issuer,
            "serial": event.serial,
            "detail": event.told,
            "digest": self.digest,
        }

    @classmethod
    def parse(cls, line: str) -> "Entry":
        """Read such a line. Errors: ValueError, KeyError or TypeError for anything else."""
        fields = json.loads(line)
        event = Event(
            Instant(int(fields["at"])),
            Kind(fields["kind"]),
            str(fields["issuer"]),
            str(fields["serial"]),
            dict(fields["detail"]),
        )
        entry = cls(int(fields["position"]), event, str(fields["digest"]))
        if entry.line() != line:
            raise ValueError("not the canonical form")
        return entry


def chain(previous: str, position: int, event: Event) -> Entry:
    """The entry that follows the one with digest `previous`."""
    text = previous + _text(position, event)
    return Entry(position, event, hashlib.sha256(text.encode()).hexdigest())


def record(conn: Connection, events: Sequence[Event]) -> int:
    """Append `events` in the caller's transaction; gives the position of the last.

    Locks the journal's head until the transaction ends: call it as late in the transaction as can be, and with all
    events of a batch at once.
    """
    position, digest = store.lock_head(conn)
    entries = []
    for event in events:
        position += 1
        entry = chain(digest, position, event)
        digest = entry.digest
        entries.append(entry)
    store.append(conn, [entry.row() for entry in entries], position, digest)
    # Whoever commits this transaction sees here what the file has to say before anybody is answered.
    wanted = conn.info.get(RECORDED)
    if wanted is not None:
        wanted.extend(entries)
    return position


def entries_after(conn: Connection, position: int, limit: int = 1000) -> list[Entry]:
    """The next entries after `position`, at most `limit`."""
    return [
        Entry(
            row.position,
            Event(Instant(row.at), Kind(row.kind), row.issuer, row.serial, json.loads(row.detail)),
            row.digest,
        )
        for row in store.journal_after(conn, position, limit)
    ]


def issued(at: Instant, issuer: str, serial: str, not_after: Instant, partition: int, fingerprint: str) -> Event:
    """A certificate left the authority. The fingerprint says which, without saying whose."""
    return Event(
        at,
        Kind.ISSUED,
        issuer,
        serial,
        {"not_after": not_after.seconds, "partition": partition, "fingerprint": fingerprint},
    )


def revoked_of(event: Event) -> Revoked:
    """The revocation that a `revoked` or `held` event tells of. Errors: TypeError for an event that tells none."""
    invalidity = event.detail["invalidity_date"]
    return Revoked(
        Instant(number(event.detail["since"])),
        Reason(number(event.detail["reason"])),
        None if invalidity is None else Instant(number(invalidity)),
    )


def number(value: int | str | None) -> int:
    """A number out of an event's detail. Errors: TypeError."""
    if not isinstance(value, int):
        raise TypeError("a number expected in a journal entry")
    return value


_quoted = json.encoder.encode_basestring_ascii
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
"""JSON with sorted keys and no spaces. One encoder for all: `json.dumps` would make one for each entry."""


def _text(position: int, event: Event, digest: str = "") -> str:
    """An entry's fields in canonical form, written down in the order of their names; a test holds it to `canonical`."""
    return (
        f'{{"at":{event.at.seconds},"detail":{event.told},{digest}"issuer":{_quoted(event.issuer)}'
        f',"kind":"{event.kind.value}","position":{position},"serial":{_quoted(event.serial)}}}'
    )
