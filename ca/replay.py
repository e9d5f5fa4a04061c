"""What follows from the journal: every status at every time. `replay_database`, `replay_crl` and `replay_ocsp` compare.

The journal is believed once its chain holds; the database, the published CRLs and the answers are each compared with
what follows from it. Nothing here reads through the code that made them: lists and answers are taken apart by the
readers that lint uses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ca import journal
from ca.journal import Entry, Event, Kind
from pki.instant import Instant
from pki.revocation import Revoked

_STATUS_KINDS = (Kind.REVOKED, Kind.HELD, Kind.RELEASED)
Key = tuple[str, str]
"""Authority id and serial in forty hex digits."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the journal says: a stable code, which thing, and how it differs."""

    code: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Change:
    position: int
    at: Instant
    status: Revoked | None


@dataclass(slots=True)
class Replayed:
    """What follows from a journal."""

    entries: Sequence[Entry]
    issued: dict[Key, Event] = field(default_factory=dict)
    changes: dict[Key, list[_Change]] = field(default_factory=dict)
    crls: list[Entry] = field(default_factory=list)
    dropped: dict[tuple[str, str, str, int], Instant] = field(default_factory=dict)
    """CRLs that are kept no longer, and since when."""

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Replayed":
        """Fold a journal's entries, whose chain was checked."""
        told = cls(list(entries))
        for entry in told.entries:
            event = entry.event
            key = (event.issuer, event.serial)
            if event.kind is Kind.ISSUED:
                told.issued[key] = event
            elif event.kind in _STATUS_KINDS:
                status = None if event.kind is Kind.RELEASED else journal.revoked_of(event)
                told.changes.setdefault(key, []).append(_Change(entry.position, event.at, status))
            elif event.kind is Kind.CRL:
                told.crls.append(entry)
            elif event.kind is Kind.CRL_DROPPED:
                told.dropped[crl_key(event)] = event.at
        return told

    def status(self, key: Key, position: int | None = None) -> Revoked | None:
        """The revocation of a certificate as of a journal position (None: the end)."""
        status = None
        for change in self.changes.get(key, ()):
            if position is None or change.position <= position:
                status = change.status
        return status

    def statuses_around(self, key: Key, at: Instant) -> list[Revoked | None]:
        """What could be told in the second `at`: the status before it and each that began in it."""
        found: list[Revoked | None] = [None]
        for change in self.changes.get(key, ()):
            if change.at < at:
                found = [change.status]
            elif change.at == at:
                found.append(change.status)
        return found

    def statuses_between(self, key: Key, after: int, before: int) -> list[Revoked | None]:
        """The status at a position and each that began after it and before another."""
        later = [change.status for change in self.changes.get(key, ()) if after < change.position < before]
        return [self.status(key, after), *later]

    def partition(self, key: Key) -> int | None:
        """The CRL partition of a certificate."""
        event = self.issued.get(key)
        return None if event is None else journal.number(event.detail["partition"])

    def not_after(self, key: Key) -> int:
        """When a certificate ends; a serial that was revoked before it was issued never does."""
        event = self.issued.get(key)
        return 1 << 62 if event is None else journal.number(event.detail["not_after"])


def crl_key(event: Event) -> tuple[str, str, str, int]:
    """Authority, partition, kind and number."""
    detail = event.detail
    return event.issuer, str(detail["partition"]), str(detail["kind"]), journal.number(detail["number"])


def status_word(status: Revoked | None) -> str:
    """A status in words."""
    return "good" if status is None else f"revoked since {status.since} ({status.reason.standard_name})"
