"""What published CRLs say otherwise than the journal: numbers, times, contents, deltas, and which is current."""

from collections.abc import Iterator, Mapping, Sequence

from ca import journal
from ca.crl_reading import Crl
from ca.crl_shelf import Shelf
from ca.journal import Entry, Event
from ca.replay import Difference, Key, Replayed, crl_key
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from pki.revocation import Reason, Revoked

_Told = tuple[Instant, int, Instant | None]


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
        dropped = told.dropped.get(crl_key(event))
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


def _crl_name(event: Event) -> str:
    return f"CRL {event.issuer}/{_shelf_name(event)}-{event.detail['number']}"


def _shelf_name(event: Event) -> str:
    partition = str(event.detail["partition"])
    if event.detail["kind"] == "full":
        return partition
    return "delta" if partition == "full" else f"{partition}-delta"


def _found(found: _Told | None) -> str:
    return "not listed, but revoked" if found is None else f"listed from {found[0]} with reason {found[1]}"
