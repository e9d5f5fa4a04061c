"""Signed, encrypted copies of one municipality's residents for another place, and what can be done with them.

    line 1   JSON header: format, owner, as_of, counts, nonce, SHA-256 of the sealed octets
    line 2   signature over line 1, base64
    rest     AES-256-GCM over the compressed records; line 1 is authenticated with it

The records are the least that a counter needs when everything else is gone: people, ledgers, flags, and which
certificates have ended. No card keys, no evidence, no access history. A restore adds and ends; it never takes an end
back: a certificate that is revoked anywhere stays revoked.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from enrollment import certificates, ledger, registry
from enrollment.canonical import Json, canonical
from enrollment.caps import Decision, decide
from enrollment.errors import SnapshotDamaged
from enrollment.events import EventId, EventKind, LedgerEvent
from enrollment.flags import Flag, FlagState
from enrollment.person import Person, PersonId, PersonStatus, Random
from enrollment.policy import CapPolicy, parse_policy
from enrollment.registry import Field, View
from enrollment.rules import pick
from enrollment.store import Connection, care, work
from enrollment.store import ledger as ledger_rows
from enrollment.store import people as people_rows
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.attributes import Attributes, Gender
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.revocation import Reason

FORMAT: Final = "jitsuin-snapshot-1"
MAX_RECORDS: Final = 2 * 1024**3
"""Octets after decompression: a small file must not fill the memory."""


@dataclass(frozen=True, slots=True)
class EndedCertificate:
    """A certificate that was revoked or given up, by the authority's name for it."""

    person: PersonId
    intent: str
    issuer: str | None
    serial: str | None
    ended_at: Instant
    because: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read from a snapshot that is whole and signed."""

    owner: str
    as_of: Instant
    policies: tuple[CapPolicy, ...]
    people: tuple[Person, ...]
    events: dict[PersonId, tuple[LedgerEvent, ...]]
    flags: tuple[Flag, ...]
    ended: tuple[EndedCertificate, ...]


def make(
    conn: Connection, owner: str, at: Instant, key: bytes, sign: Callable[[bytes], bytes], random: Random
) -> bytes:
    """The snapshot of `owner` as the caller's read transaction sees it: one moment, no half-done change.

    `key`: 32 octets for AES-256; `sign` makes the municipality's signature, whose public key `load` is given.
    """
    people = list(_people(conn, owner))
    records: dict[str, Json] = {
        "ended": [_ended_record(one) for person in people for one in _ended(conn, person.person)],
        "events": [event.body() for person in people for event in ledger_rows.events_of(conn, person.person)],
        "flags": [_flag_record(flag) for flag in care.flags_of_owner(conn, owner)],
        "people": [_person_record(person) for person in people],
        "policies": [policy.body() for policy in ledger_rows.policies_of(conn, owner)],
    }
    nonce = random(12)
    packed = zlib.compress(canonical(records), 6)
    header: dict[str, Json] = {
        "as_of": at.iso(),
        "format": FORMAT,
        "nonce": nonce.hex(),
        "owner": owner,
        "people": len(people),
    }
    sealed = AESGCM(key).encrypt(nonce, packed, canonical(header))
    signed = canonical({**header, "sealed": hashlib.sha256(sealed).hexdigest()})
    return b"\n".join([signed, base64.b64encode(sign(signed)), sealed])


def _people(conn: Connection, owner: str) -> Iterator[Person]:
    last: PersonId | None = None
    while page := people_rows.people_of_owner(conn, owner, last, 1000):
        for person in page:
            yield people_rows.person_of(conn, person)
        last = page[-1]


def _ended(conn: Connection, person: PersonId) -> list[EndedCertificate]:
    return [
        EndedCertificate(person, held.intent, held.issuer, held.serial, held.ended_at, held.ended_because or "")
        for held in work.certificates_of(conn, person)
        if held.ended_at is not None
    ]


def _ended_record(one: EndedCertificate) -> Json:
    return {
        "because": one.because,
        "ended_at": one.ended_at.iso(),
        "intent": one.intent,
        "issuer": one.issuer,
        "person": one.person,
        "serial": one.serial,
    }


def _person_record(person: Person) -> Json:
    four = person.attributes
    return {
        "address": four.address,
        "address_substitutes": four.address_substitutes,
        "date_of_birth": four.date_of_birth.isoformat(),
        "gender": four.gender.value,
        "name": four.name,
        "name_substitutes": four.name_substitutes,
        "owner": person.owner,
        "person": person.person,
        "since": person.since.iso(),
        "status": person.status.value,
        "version": person.version,
    }


def _flag_record(flag: Flag) -> Json:
    return {
        "applied_by": flag.applied_by,
        "contact_desk": flag.contact_desk,
        "flag": flag.flag,
        "number": flag.number,
        "owner": flag.owner,
        "person": flag.person,
        "since": flag.since.iso(),
        "state": flag.state.value,
        "until": flag.until.iso(),
        "version": flag.version,
    }


def _read_person(record: Any) -> Person:
    four = Attributes(
        record["name"],
        date.fromisoformat(record["date_of_birth"]),
        Gender(record["gender"]),
        record["address"],
        record["name_substitutes"],
        record["address_substitutes"],
    )
    status = PersonStatus(record["status"])
    since = Instant.parse(record["since"])
    return Person(PersonId(record["person"]), record["owner"], four, status, record["version"], since)


def _read_event(record: Any) -> LedgerEvent:
    return LedgerEvent(
        person=PersonId(record["person"]),
        position=record["position"],
        event=EventId(record["event"]),
        owner=record["owner"],
        kind=EventKind(record["kind"]),
        at=Instant.parse(record["at"]),
        anchor=record["anchor"],
        seq=record["seq"],
        adjustment=record["adjustment"],
        cap=record["cap"],
        policy_owner=record["policy"][0],
        policy_version=record["policy"][1],
        actor=record["actor"],
        channel=record["channel"],
        level=record["level"],
        evidence=tuple(record["evidence"]),
        corrects=EventId(record["corrects"]) if record["corrects"] else None,
        previous=record["previous"],
    )


def _read_flag(record: Any) -> Flag:
    return Flag(
        record["flag"],
        PersonId(record["person"]),
        record["number"],
        record["owner"],
        FlagState(record["state"]),
        record["version"],
        Instant.parse(record["since"]),
        Instant.parse(record["until"]),
        record["contact_desk"],
        record["applied_by"],
    )


def _read_ended(record: Any) -> EndedCertificate:
    return EndedCertificate(
        PersonId(record["person"]),
        record["intent"],
        record["issuer"],
        record["serial"],
        Instant.parse(record["ended_at"]),
        record["because"],
    )


def load(octets: bytes, key: bytes, spki: bytes) -> Snapshot:
    """Verify and open a snapshot. `spki`: the public key of whoever made it.

    Errors: SnapshotDamaged for a wrong signature, key, digest or format, and for a ledger whose chain does not hold.
    """
    try:
        signed, signature, sealed = octets.split(b"\n", 2)
        header = json.loads(signed)
        digest = header.pop("sealed")
        signed_by_them = verify_raw(
            load_public_key(spki), algorithm_for(spki), base64.b64decode(signature, validate=True), signed
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotDamaged("it is not a snapshot") from error
    if not signed_by_them:
        raise SnapshotDamaged("the signature does not verify")
    if header.get("format") != FORMAT or hashlib.sha256(sealed).hexdigest() != digest:
        raise SnapshotDamaged("its content is not what was signed")
    try:
        packed = AESGCM(key).decrypt(bytes.fromhex(header["nonce"]), sealed, canonical(header))
    except (InvalidTag, ValueError) as error:
        raise SnapshotDamaged("the key does not open it") from error
    return _read(header, _unpacked(packed))


def _unpacked(packed: bytes) -> Any:
    opened = zlib.decompressobj()
    records = opened.decompress(packed, MAX_RECORDS)
    if not opened.eof:
        raise SnapshotDamaged("its records are cut off, or too many")
    return json.loads(records)


def _read(header: Any, records: Any) -> Snapshot:
    try:
        people = tuple(_read_person(record) for record in records["people"])
        events: dict[PersonId, tuple[LedgerEvent, ...]] = {person.person: () for person in people}
        for record in records["events"]:
            event = _read_event(record)
            events[event.person] = (*events[event.person], event)
        snapshot = Snapshot(
            header["owner"],
            Instant.parse(header["as_of"]),
            tuple(parse_policy(record) for record in records["policies"]),
            people,
            events,
            tuple(_read_flag(record) for record in records["flags"]),
            tuple(_read_ended(record) for record in records["ended"]),
        )
    except (KeyError, TypeError, ValueError, InvalidValue) as error:
        raise SnapshotDamaged("a record is not in the form of this version") from error
    for chain in snapshot.events.values():
        if ledger.verify(chain, tuple(event.hash for event in chain)):
            raise SnapshotDamaged("a ledger's chain does not hold")
    return snapshot


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: people and events that were missing and now are there, and certificates it ended."""

    people: int
    events: int
    flags: int
    ended: int


def restore(conn: Connection, snapshot: Snapshot, at: Instant, random: Random) -> Restored:
    """Put back what is missing, in the caller's transaction; what is there already is newer or the same, and stays.

    A certificate that the snapshot says is ended is ended here too; one that is ended here stays ended whatever the
    snapshot says. Doing it again changes nothing. Errors: SnapshotDamaged if a person's events contradict those here.
    """
    known = {(policy.owner, policy.version) for policy in ledger_rows.policies_of(conn, snapshot.owner)}
    for policy in snapshot.policies:
        if (policy.owner, policy.version) not in known:
            ledger_rows.add_policy(conn, policy, at, "restore")
    people = events = 0
    for person in snapshot.people:
        if not people_rows.exists(conn, person.person):
            people_rows.add_person(conn, person)
            people += 1
        events += _restore_events(conn, snapshot.events[person.person])
    flags = 0
    for flag in snapshot.flags:
        if all(one.flag != flag.flag for one in care.flags_of(conn, flag.person)):
            care.add_flag(conn, flag)
            flags += 1
    return Restored(people, events, flags, sum(_restore_end(conn, one, at, random) for one in snapshot.ended))


def _restore_events(conn: Connection, chain: tuple[LedgerEvent, ...]) -> int:
    if not chain:
        return 0
    here = ledger_rows.events_of(conn, chain[0].person)
    if here[: len(chain)] != chain[: len(here)]:
        raise SnapshotDamaged("a person's ledger went another way here")
    for event in chain[len(here) :]:
        ledger_rows.append(conn, event)
    return max(0, len(chain) - len(here))


def _restore_end(conn: Connection, one: EndedCertificate, at: Instant, random: Random) -> int:
    held = work.certificate_of_intent(conn, one.intent)
    if held is None or held.ended_at is not None:
        return 0
    name = one.because.partition(":")[0]
    reason = next((reason for reason in Reason if reason.standard_name == name), Reason.UNSPECIFIED)
    certificates.end(conn, held, reason, at, "restore", random)
    return 1


@dataclass(frozen=True, slots=True)
class Emergency:
    """Serving counters from a snapshot while everything else is down: reading only, each answer says as of when."""

    snapshot: Snapshot

    @property
    def as_of(self) -> Instant:
        """The moment that every answer is of."""
        return self.snapshot.as_of

    def look(self, person: PersonId, fields: frozenset[Field]) -> View | None:
        """The fields of a person, masked as ever; None for somebody who was not there then."""
        for kept in self.snapshot.people:
            if kept.person == person:
                flag = next((f for f in self.snapshot.flags if f.person == person and f.state.masks), None)
                return registry.view_of(kept, fields, flag, unlocked=False)
        return None

    def decide(self, person: PersonId, procedure: EventKind) -> Decision | None:
        """What would have been decided then; nothing may be done by it."""
        policy = pick(self.snapshot.policies, self.snapshot.owner, self.as_of)
        if policy is None or person not in self.snapshot.events:
            return None
        return decide(policy, self.snapshot.events[person], procedure, self.as_of)
