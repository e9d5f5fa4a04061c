"""Signed, encrypted copies of one municipality's residents for another place, and what can be done with them.

    line 1   JSON header: format, owner, as_of, counts, nonce, SHA-256 of the sealed octets
    line 2   signature over line 1, base64
    rest     AES-256-GCM over the compressed records; line 1 is authenticated with it

The records are the least that a counter needs when everything else is gone: people, ledgers, flags, which certificates
have ended, and the officers with the public keys of their cards. No card keys, no evidence, no access history. A
restore adds and ends; it never takes an end back: a certificate that is revoked anywhere stays revoked.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from enrollment import certificates, ledger, registry
from enrollment.canonical import Json, canonical
from enrollment.errors import NoReceipt, SignatureInvalid, SnapshotDamaged
from enrollment.events import EventId, EventKind, LedgerEvent
from enrollment.flags import Flag, FlagState
from enrollment.officers import own_certificate
from enrollment.operators import Role
from enrollment.person import Person, PersonId, PersonStatus, Random
from enrollment.policy import CapPolicy, parse_policy
from enrollment.registry import AccessReceipt
from enrollment.store import Connection, care, work
from enrollment.store import ledger as ledger_rows
from enrollment.store import people as people_rows
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.attributes import Attributes, Gender
from pki.certificate import parse_certificate
from pki.errors import InvalidValue
from pki.instant import Instant, Validity
from pki.revocation import Reason

FORMAT: Final = "jitsuin-snapshot-2"
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
class Officer:
    """Who may look when everything else is gone: appointment and public key of the card (SubjectPublicKeyInfo)."""

    operator: str
    counter: str
    roles: frozenset[Role]
    validity: Validity
    spki: bytes


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
    officers: tuple[Officer, ...] = ()


def make(
    conn: Connection,
    owner: str,
    at: Instant,
    key: bytes,
    sign: Callable[[bytes], bytes],
    random: Random,
    receipts: Mapping[PersonId, AccessReceipt],
) -> bytes:
    """The snapshot of `owner` as the caller's read transaction sees it: one moment, no half-done change.

    `key`: 32 octets for AES-256; `sign` makes the municipality's signature, whose public key `load` is given;
    `receipts`: that everybody who is in it has this copy in their record (`enrollment.copying`). Errors: NoReceipt.
    """
    people = [_recorded(conn, person, receipts) for person in people_rows.everybody_of(conn, owner)]
    records: dict[str, Json] = {
        "ended": [_ended_record(one) for person in people for one in _ended(conn, person.person)],
        "events": [event.body() for person in people for event in ledger_rows.events_of(conn, person.person)],
        "flags": [_flag_record(flag) for flag in care.flags_of_owner(conn, owner)],
        "officers": [_officer_record(one) for one in _officers(conn, owner, at)],
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


def _recorded(conn: Connection, person: PersonId, receipts: Mapping[PersonId, AccessReceipt]) -> Person:
    if person not in receipts:
        raise NoReceipt(person)
    return registry.whole(conn, receipts[person])


def _ended(conn: Connection, person: PersonId) -> list[EndedCertificate]:
    return [
        EndedCertificate(person, held.intent, held.issuer, held.serial, held.ended_at, held.ended_because or "")
        for held in work.certificates_of(conn, person)
        if held.ended_at is not None
    ]


def _officers(conn: Connection, owner: str, at: Instant) -> Iterator[Officer]:
    for one in people_rows.operators_of_owner(conn, owner):
        if not one.validity.contains(at):
            continue
        with suppress(SignatureInvalid):  # no card, or one that is revoked: nobody who could sign
            spki = parse_certificate(own_certificate(conn, one, at)).spki
            yield Officer(one.operator, one.counter, one.roles, one.validity, spki)


def _officer_record(one: Officer) -> Json:
    return {
        "counter": one.counter,
        "not_after": one.validity.not_after.iso(),
        "not_before": one.validity.not_before.iso(),
        "operator": one.operator,
        "roles": sorted(one.roles),
        "spki": one.spki.hex(),
    }


def _read_officer(record: Any) -> Officer:
    return Officer(
        record["operator"],
        record["counter"],
        frozenset(Role(role) for role in record["roles"]),
        Validity(Instant.parse(record["not_before"]), Instant.parse(record["not_after"])),
        bytes.fromhex(record["spki"]),
    )


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
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
    try:
        records = opened.decompress(packed, MAX_RECORDS)
        if not opened.eof:
            raise SnapshotDamaged("its records are cut off, or too many")
        return json.loads(records)
    except (zlib.error, ValueError, RecursionError):
        raise SnapshotDamaged("its records cannot be read") from None


def _read(header: Any, records: Any) -> Snapshot:
    try:
        people = tuple(_read_person(record) for record in records["people"])
        chains: dict[PersonId, list[LedgerEvent]] = {person.person: [] for person in people}
        for record in records["events"]:
            event = _read_event(record)
            chains[event.person].append(event)
        events = {person: tuple(chain) for person, chain in chains.items()}
        snapshot = Snapshot(
            header["owner"],
            Instant.parse(header["as_of"]),
            tuple(parse_policy(record) for record in records["policies"]),
            people,
            events,
            tuple(_read_flag(record) for record in records["flags"]),
            tuple(_read_ended(record) for record in records["ended"]),
            tuple(_read_officer(record) for record in records["officers"]),
        )
    except (KeyError, TypeError, ValueError, InvalidValue) as error:
        raise SnapshotDamaged("a record is not in the form of this version") from error
    owners = {one.owner for one in people} | {one.owner for one in snapshot.flags}
    if owners - {snapshot.owner}:
        raise SnapshotDamaged("it holds another municipality's records")
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
    flags = sum(_restore_flag(conn, flag) for flag in snapshot.flags)
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


def _restore_flag(conn: Connection, flag: Flag) -> int:
    """A flag that is missing is put back, one that is older here goes on from there; nothing is ever unmasked by it."""
    here = next((one for one in care.flags_of(conn, flag.person) if one.flag == flag.flag), None)
    if here is None:
        care.add_flag(conn, flag)
        return 1
    if here.version >= flag.version or not flag.state.masks:
        return 0
    care.change_flag(conn, replace(flag, version=here.version + 1))
    return 1


def _restore_end(conn: Connection, one: EndedCertificate, at: Instant, random: Random) -> int:
    held = work.certificate_of_intent(conn, one.intent)
    if held is None or held.ended_at is not None:
        return 0
    name = one.because.partition(":")[0]
    reason = next((reason for reason in Reason if reason.standard_name == name), Reason.UNSPECIFIED)
    certificates.end(conn, held, reason, at, "restore", random)
    return 1
