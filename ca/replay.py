"""Recomputing every status, CRL and OCSP answer from the journal, and naming whatever differs.

The journal is believed once its chain holds; the database, the published CRLs and the answers are each compared with
what follows from it. Nothing here reads through the code that made them: lists and answers are taken apart by the
readers that lint uses.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ca import journal
from ca.crl_reading import Crl
from ca.crl_shelf import Shelf
from ca.findings import Severity
from ca.journal import Entry, Event, Kind
from ca.lint_ocsp import judge_ocsp
from ca.ocsp import issuer_hashes
from ca.ocsp_reading import ReadSingle, parse_response, response_status
from ca.store import crls as crl_store
from ca.store import status as store
from pki.algorithms import HASH_OIDS
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from pki.revocation import Reason, Revoked

_STATUS_KINDS = (Kind.REVOKED, Kind.HELD, Kind.RELEASED)
_HASH_NAMES = {dotted: name for name, dotted in HASH_OIDS.items()}
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
                told.dropped[_crl_key(event)] = event.at
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


# ---- the database


def compare_database(told: Replayed, conn: Connection) -> Iterator[Difference]:
    """What the database says otherwise than the journal."""
    yield from _compare_journal(told, conn)
    yield from _compare_revocations(told, conn)
    yield from _compare_issued(told, conn)
    yield from _compare_crl_rows(told, conn)


def _compare_journal(told: Replayed, conn: Connection) -> Iterator[Difference]:
    position, last = 0, len(told.entries)
    while batch := journal.entries_after(conn, position):
        for stored in batch:
            position = stored.position
            if position > last:
                detail = "recorded in the database, not in the file"
                yield Difference("journal.behind", f"entry {position}", detail)
            elif stored != told.entries[position - 1]:
                yield Difference("journal.differs", f"entry {position}", "the database has another entry here")
    for missing in range(position + 1, last + 1):
        yield Difference("journal.lost", f"entry {missing}", "in the file, not in the database")
    if store.head(conn)[0] != position:
        yield Difference("journal.head", "head", f"at {store.head(conn)[0]}, the last entry is {position}")


def _compare_revocations(told: Replayed, conn: Connection) -> Iterator[Difference]:
    rows: dict[Key, Revoked] = {}
    for row in store.all_revocations(conn):
        invalidity = None if row.invalidity_date is None else Instant(row.invalidity_date)
        rows[row.issuer, row.serial] = Revoked(Instant(row.at), Reason(row.reason), invalidity)
    for key in sorted(set(rows) | set(told.changes)):
        expected, found = told.status(key), rows.get(key)
        if expected != found:
            code = "status.undone" if found is None else "status.differs"
            yield Difference(code, _name(key), f"the journal says {_word(expected)}, the database {_word(found)}")


def _compare_issued(told: Replayed, conn: Connection) -> Iterator[Difference]:
    rows = store.issued_fingerprints(conn)
    for key in sorted(set(rows) | set(told.issued)):
        event = told.issued.get(key)
        if event is None:
            yield Difference("issued.unrecorded", _name(key), "in the database, not in the journal")
        elif key not in rows:
            yield Difference("issued.lost", _name(key), "in the journal, not in the database")
        elif rows[key] not in (None, event.detail["fingerprint"]):
            yield Difference("issued.differs", _name(key), "the stored certificate is another one")


def _compare_crl_rows(told: Replayed, conn: Connection) -> Iterator[Difference]:
    known = {_crl_key(entry.event): entry.event for entry in told.crls}
    for row in crl_store.all_crls(conn):
        event = known.get((row.issuer, row.partition, row.kind, row.number))
        where = f"CRL {row.issuer}/{row.partition} {row.kind} {row.number}"
        if event is None:
            yield Difference("crl.unrecorded", where, "in the database, not in the journal")
        elif event.detail["sha256"] != row.fingerprint:
            yield Difference("crl.row-differs", where, "the stored CRL is another one")
        elif _crl_key(event) in told.dropped:
            yield Difference("crl.not-dropped", where, "the journal says that it is kept no longer")
    for (issuer, partition), number in _highest(told.crls).items():
        taken = crl_store.last_number(conn, issuer, partition, lock=False)
        if taken < number:
            where = f"CRL number {issuer}/{partition}"
            yield Difference("crl.number-back", where, f"the database is at {taken}, {number} was signed")


# ---- published CRLs


def compare_crls(told: Replayed, shelf: Shelf, issuers: Mapping[str, Certificate]) -> Iterator[Difference]:
    """What published CRLs say otherwise than the journal: numbers, times, contents, deltas, and which is current."""
    before: dict[tuple[str, str], Event] = {}
    fulls: dict[tuple[str, str], list[Event]] = {}
    for entry in told.crls:
        event = entry.event
        scope = (event.issuer, str(event.detail["partition"]))
        where = _crl_name(event)
        last = before.get(scope)
        if last is not None:
            yield from _order(last, event, where)
        before[scope] = event
        dropped = told.dropped.get(_crl_key(event))
        if dropped is not None:
            if dropped.seconds <= journal.number(event.detail["next_update"]):
                yield Difference("crl.dropped-early", where, f"dropped {dropped}, before its end")
            if event.detail["kind"] == "full":
                fulls.setdefault(scope, []).append(event)
            continue
        try:
            published = shelf.numbered(event.issuer, _shelf_name(event), journal.number(event.detail["number"]))
        except Malformed as error:
            yield Difference("crl.unreadable", where, error.what)
            continue
        finally:
            if event.detail["kind"] == "full":
                fulls.setdefault(scope, []).append(event)
        if published is None:
            yield Difference("crl.missing", where, "signed, but not on the shelf")
        else:
            earlier = [one for one in fulls.get(scope, ()) if one is not event]
            yield from _compare_crl(told, entry, published.der, earlier, issuers.get(event.issuer))
    yield from _current(told, shelf)


def _order(last: Event, event: Event, where: str) -> Iterator[Difference]:
    if journal.number(event.detail["number"]) <= journal.number(last.detail["number"]):
        yield Difference("crl.number", where, f"it follows number {last.detail['number']}")
    if journal.number(event.detail["this_update"]) < journal.number(last.detail["this_update"]):
        yield Difference("crl.time", where, "its thisUpdate is before that of the one before")


def _compare_crl(
    told: Replayed, entry: Entry, octets: bytes, fulls: Sequence[Event], issuer: Certificate | None
) -> Iterator[Difference]:
    event, where = entry.event, _crl_name(entry.event)
    try:
        crl = Crl(octets)
        listed = {f"{one.serial:040x}": one for one in crl.entries()}
    except Malformed as error:
        yield Difference("crl.unreadable", where, error.what)
        return
    if crl.fingerprint != event.detail["sha256"]:
        yield Difference("crl.differs", where, "the published octets are not those that were signed")
    if issuer is not None and not crl.is_signed_by(issuer):
        yield Difference("crl.signature", where, "the signature is not by the authority's key")
    if crl.number != event.detail["number"] or crl.base_number != event.detail["base"]:
        yield Difference("crl.fields", where, "its number or base is not the recorded one")
    covers = journal.number(event.detail["covers"])
    since = _base_covers(event, fulls)
    if event.detail["kind"] == "delta" and since is None:
        yield Difference("crl.base", where, f"its base {event.detail['base']} was never signed")
        return
    for key in _in_scope(told, event):
        allowed = [_listing(one) for one in told.statuses_between(key, covers, entry.position)]
        one = listed.pop(key[1], None)
        found = None if one is None else (one.at, one.reason or 0, one.invalidity_date)
        if since is not None:
            yield from _compare_delta_entry(told, key, found, allowed, since, covers, where)
        elif found not in allowed and not (found is None and _may_be_dropped(told, key, fulls)):
            yield Difference("crl.entry", where, f"{key[1]}: {_found(found)}")
    for serial in sorted(listed):
        yield Difference("crl.entry", where, f"{serial}: listed, but never revoked")


_Told = tuple[Instant, int, Instant | None]


def _compare_delta_entry(
    told: Replayed, key: Key, found: _Told | None, allowed: list[_Told | None], since: int, covers: int, where: str
) -> Iterator[Difference]:
    changed = any(since < change.position <= covers for change in told.changes.get(key, ()))
    if found is None:
        # Held and released or revoked after `covers`: it may be told already, it need not be.
        if changed:
            yield Difference("delta.entry", where, f"{key[1]}: changed since the base, not listed")
        return
    removed = found[1] == Reason.REMOVE_FROM_CRL
    if (removed and None not in allowed) or (not removed and found not in allowed):
        yield Difference("delta.entry", where, f"{key[1]}: {_found(found)}")


def _current(told: Replayed, shelf: Shelf) -> Iterator[Difference]:
    newest: dict[tuple[str, str], Event] = {}
    for entry in told.crls:
        newest[entry.event.issuer, _shelf_name(entry.event)] = entry.event
    for (issuer, name), event in newest.items():
        try:
            current = shelf.current(issuer, name)
        except Malformed as error:
            yield Difference("crl.unreadable", f"CRL {issuer}/{name}", error.what)
            continue
        if current is not None and Crl(current.der).fingerprint != event.detail["sha256"]:
            yield Difference("crl.current", f"CRL {issuer}/{name}", "what is published is not the newest one")


def _in_scope(told: Replayed, event: Event) -> list[Key]:
    name = str(event.detail["partition"])
    return [
        key for key in told.changes if key[0] == event.issuer and (name == "full" or str(told.partition(key)) == name)
    ]


def _base_covers(event: Event, fulls: Sequence[Event]) -> int | None:
    if event.detail["kind"] != "delta":
        return None
    for full in fulls:
        if full.detail["number"] == event.detail["base"]:
            return journal.number(full.detail["covers"])
    return None


def _may_be_dropped(told: Replayed, key: Key, fulls: Sequence[Event]) -> bool:
    """RFC 5280 5: an expired certificate leaves once it was on a CRL issued after its end."""
    if not fulls:
        return False
    ended = told.not_after(key) < journal.number(fulls[-1].detail["this_update"])
    return ended and told.status(key, journal.number(fulls[-1].detail["covers"])) is not None


def _listing(status: Revoked | None) -> _Told | None:
    return None if status is None else (status.since, int(status.reason), status.invalidity_date)


# ---- OCSP answers


def compare_answer(
    told: Replayed, octets: bytes, issuers: Mapping[str, Certificate], where: str
) -> Iterator[Difference]:
    """What one OCSPResponse says otherwise than the journal said at its thisUpdate."""
    try:
        if response_status(octets) != 0:
            return
        response = parse_response(octets)
    except Malformed as error:
        yield Difference("ocsp.unreadable", where, error.what)
        return
    for single in response.singles:
        authority = _authority_of(single, issuers)
        if authority is None:
            yield Difference("ocsp.stranger", where, "it is about no authority of this deployment")
            continue
        findings = judge_ocsp(octets, issuer=issuers[authority], at=single.this_update)
        for finding in findings:
            if finding.severity >= Severity.WARNING:
                yield Difference("ocsp.rule", where, f"{finding.rule} [{finding.clause}] {finding.detail}")
        key = (authority, f"{single.cert_id.serial:040x}")
        if not _could_say(told, key, single):
            stood = " or ".join(_word(one) for one in told.statuses_around(key, single.this_update))
            yield Difference("ocsp.status", where, f"{key[1]}: it says {single.status}, the journal {stood}")


def _authority_of(single: ReadSingle, issuers: Mapping[str, Certificate]) -> str | None:
    name = _HASH_NAMES.get(single.cert_id.hash_oid)
    for authority, certificate in issuers.items():
        if name and issuer_hashes(certificate)[name] == (single.cert_id.name_hash, single.cert_id.key_hash):
            return authority
    return None


def _could_say(told: Replayed, key: Key, single: ReadSingle) -> bool:
    stood = told.statuses_around(key, single.this_update)
    if single.status == "revoked":
        said = (single.revoked_at, single.reason or 0)
        return any(one is not None and (one.since, int(one.reason)) == said for one in stood)
    event = told.issued.get(key)
    if single.status == "good":
        return None in stood and event is not None and event.at <= single.this_update
    return None in stood and (event is None or event.at >= single.this_update)


def _highest(crls: Iterable[Entry]) -> dict[tuple[str, str], int]:
    highest: dict[tuple[str, str], int] = {}
    for entry in crls:
        scope = (entry.event.issuer, str(entry.event.detail["partition"]))
        highest[scope] = max(highest.get(scope, 0), journal.number(entry.event.detail["number"]))
    return highest


def _crl_key(event: Event) -> tuple[str, str, str, int]:
    detail = event.detail
    return event.issuer, str(detail["partition"]), str(detail["kind"]), journal.number(detail["number"])


def _crl_name(event: Event) -> str:
    return f"CRL {event.issuer}/{_shelf_name(event)}-{event.detail['number']}"


def _shelf_name(event: Event) -> str:
    partition = str(event.detail["partition"])
    if event.detail["kind"] == "full":
        return partition
    return "delta" if partition == "full" else f"{partition}-delta"


def _name(key: Key) -> str:
    return f"{key[0]} {key[1]}"


def _word(status: Revoked | None) -> str:
    return "good" if status is None else f"revoked since {status.since} ({status.reason.standard_name})"


def _found(found: _Told | None) -> str:
    return "not listed, but revoked" if found is None else f"listed from {found[0]} with reason {found[1]}"
