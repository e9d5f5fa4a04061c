"""The registry of people, kept per municipality. Nobody is read before it is written down who reads and why."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from enrollment import deadlines, protection, transfers
from enrollment.canonical import Json, canonical, digest
from enrollment.deadline import DeadlineKind
from enrollment.errors import NoReceipt, NotYours
from enrollment.flags import Flag, Unlock
from enrollment.person import Person, PersonId, PersonStatus, Random, StatusEvent, advance, draw_id
from enrollment.store import Connection, Database, care
from enrollment.store import people as rows
from pki.attributes import Attributes
from pki.instant import Instant
from transparency import entry as log

GENESIS = "0" * 64


class Field(StrEnum):
    """What can be provided about a person."""

    NAME = "name"
    DATE_OF_BIRTH = "date-of-birth"
    GENDER = "gender"
    ADDRESS = "address"


FOUR_ATTRIBUTES = frozenset(Field)

PROVIDED, MASKED_RESULT, UNLOCKED, DESTROYED = "provided", "masked", "unlocked", "destroyed"
COMPARED, COPIED = "compared", "copied"
"""Results of a look: as asked; without the protected address; with it, by two people's leave. The last one: it was kept
as long as it had to be (`enrollment.retention`), and what it said is gone. COMPARED: a change was held against the
record, COPIED: the record went, locked, into a copy for another place; and nobody was shown anything."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who is to read what, and why: the seven fields of a provision record (jpki.md 6) but for its time, and the law.

    `function` (機能区分), `reason` (利用事由), `affairs` (提供事務区分), `provider` (提供元: the municipality),
    `recipient` (提供先: body and office or operator), `fields` (提供された情報).
    """

    function: str
    reason: str
    affairs: str
    provider: str
    recipient: str
    fields: frozenset[Field]
    legal_basis: str


@dataclass(frozen=True, slots=True)
class AccessReceipt:
    """Proof that the read was recorded. Made only by `record_access`; `registry.read` asks the table again."""

    record: str
    person: PersonId
    position: int
    access: Access
    at: Instant
    hash: str


@dataclass(frozen=True, slots=True)
class View:
    """What one receipt shows of a person: only recorded fields. `flag`: the protection that masks the address."""

    person: PersonId
    owner: str
    status: PersonStatus
    version: int
    shown: dict[Field, str]
    flag: Flag | None = None

    def __repr__(self) -> str:
        return f"View({self.person}, {sorted(self.shown)})"


def register(conn: Connection, owner: str, attributes: Attributes, at: Instant, random: Random) -> PersonId:
    """Enter a resident of `owner`. Errors: UnknownMunicipality."""
    rows.municipality_of(conn, owner)
    person = PersonId(draw_id(random))
    rows.add_person(conn, Person(person, owner, attributes, PersonStatus.RESIDENT, 1, at))
    return person


def record_access(
    conn: Connection,
    person: PersonId,
    access: Access,
    at: Instant,
    random: Random,
    result: str | None = None,
    unlock: Unlock | None = None,
) -> AccessReceipt:
    """Append to the person's chain of access records; the receipt opens the read.

    Only the municipality that keeps the person provides; another one is told NotYours, and learns no more. Of somebody
    under protection the address stays masked, and the record says so, unless `unlock` lets it be seen this once.
    Errors: UnknownPerson, NotYours, Stale (Retryable).
    """
    owner = rows.owner_of(conn, person)
    if owner != access.provider:
        raise NotYours(access.provider)
    last = rows.last_access(conn, person)
    position, previous = (last[0] + 1, last[1]) if last else (0, GENESIS)
    record = draw_id(random)
    result = result or _result(conn, person, access, unlock, record, at)
    body = _record(person, position, record, access, at, result, previous)
    kept = digest(body)
    rows.append_access(
        conn,
        {
            "person": person,
            "position": position,
            "record": record,
            "at": at.seconds,
            "function": access.function,
            "reason": access.reason,
            "affairs": access.affairs,
            "provider": access.provider,
            "recipient": access.recipient,
            "provided": canonical(sorted(access.fields)).decode(),
            "legal_basis": access.legal_basis,
            "result": result,
            "previous": previous,
            "hash": kept,
        },
    )
    log.record(conn, owner, log.EntryKind.ACCESS, record, bytes.fromhex(kept), at)
    return AccessReceipt(record, person, position, access, at, kept)


def _result(conn: Connection, person: PersonId, access: Access, unlock: Unlock | None, record: str, at: Instant) -> str:
    if Field.ADDRESS not in access.fields or protection.standing(conn, person) is None:
        return PROVIDED
    if unlock is not None and care.use_unlock(conn, unlock.unlock, person, at, record):
        return UNLOCKED
    return MASKED_RESULT


def _record(
    person: PersonId, position: int, record: str, access: Access, at: Instant, result: str, previous: str
) -> dict[str, Json]:
    return {
        "affairs": access.affairs,
        "at": at.iso(),
        "fields": sorted(access.fields),
        "function": access.function,
        "legal_basis": access.legal_basis,
        "person": person,
        "position": position,
        "previous": previous,
        "provider": access.provider,
        "reason": access.reason,
        "recipient": access.recipient,
        "record": record,
        "result": result,
    }


def _require_recorded(conn: Connection, receipt: AccessReceipt) -> str:
    """What the record says of the result."""
    row = rows.access_row(conn, receipt.person, receipt.record)
    if row is None or row["hash"] != receipt.hash:
        raise NoReceipt(receipt.record)
    return str(row["result"])


def to_change(
    conn: Connection, person: PersonId, function: str, reason: str, recipient: str, at: Instant, random: Random
) -> Person:
    """The whole record for whoever changes it, in the transaction of the change; the look is written down first.

    Nobody is shown anything, so nothing is masked. Errors: UnknownPerson, Stale (Retryable).
    """
    access = Access(
        function, reason, "resident-record", rows.owner_of(conn, person), recipient, FOUR_ATTRIBUTES, "住民基本台帳法"
    )
    return whole(conn, record_access(conn, person, access, at, random, result=COMPARED))


def whole(conn: Connection, receipt: AccessReceipt) -> Person:
    """The whole person, to make their own certificate; never to be shown. Errors: NoReceipt unless all four attributes
    were recorded."""
    _require_recorded(conn, receipt)
    if receipt.access.fields != FOUR_ATTRIBUTES:
        raise NoReceipt(receipt.record)
    return rows.person_of(conn, receipt.person)


def read(conn: Connection, receipt: AccessReceipt) -> View:
    """The fields that the receipt names; a protected address is masked here, so that no caller can forget it.

    Whether somebody is protected is looked at now, not when the access was recorded. Errors: NoReceipt.
    """
    result = _require_recorded(conn, receipt)
    flag = protection.standing(conn, receipt.person)
    person = rows.person_of(conn, receipt.person)
    return view_of(person, receipt.access.fields, flag, unlocked=result == UNLOCKED)


def view_of(person: Person, fields: frozenset[Field], flag: Flag | None, *, unlocked: bool) -> View:
    """Just these fields; under a flag that masks, the address only if it was unlocked."""
    every = {
        Field.NAME: person.attributes.name,
        Field.DATE_OF_BIRTH: person.attributes.date_of_birth.isoformat(),
        Field.GENDER: person.attributes.gender.value,
        Field.ADDRESS: person.attributes.address,
    }
    if flag is not None and not unlocked:
        every[Field.ADDRESS] = protection.MASKED
    shown = {field: every[field] for field in sorted(fields)}
    return View(person.person, person.owner, person.status, person.version, shown, flag)


def look(
    database: Database, person: PersonId, access: Access, at: Instant, random: Random, unlock: Unlock | None = None
) -> View:
    """Record, make that durable, and only then read: a crash in between shows a look that never happened, not the
    other way round. Errors: UnknownPerson, NotYours.
    """
    receipt = database.transaction(lambda conn: record_access(conn, person, access, at, random, unlock=unlock))
    return database.read(lambda conn: read(conn, receipt))


def look_all(database: Database, looks: Sequence[tuple[PersonId, Access]], at: Instant, random: Random) -> list[View]:
    """Look at several people for one page: every look is recorded, together, before anybody is read.

    Errors: UnknownPerson, NotYours, and then nobody was looked at.
    """
    receipts = database.transaction(
        lambda conn: [record_access(conn, person, access, at, random) for person, access in looks]
    )
    return database.read(lambda conn: [read(conn, receipt) for receipt in receipts])


def move(conn: Connection, person: Person, owner: str, attributes: Attributes, at: Instant, random: Random) -> Person:
    """The same person elsewhere, perhaps kept by another municipality now, where a protection goes on provisionally.

    However the move was told, from afar, at a counter or by the resident record: what was to be told about it in time
    is told. Errors: UnknownMunicipality, Stale.
    """
    rows.municipality_of(conn, owner)
    moved = replace(person, owner=owner, attributes=attributes, version=person.version + 1, since=at)
    rows.change_person(conn, moved)
    deadlines.end(conn, person.person, DeadlineKind.IN_PERSON, at)
    if owner != person.owner:
        transfers.complete(conn, person.person, owner, at)
        desks = [desk.counter for desk in rows.counters_of_owner(conn, owner) if desk.kind.is_municipal]
        protection.carry_over(conn, person.person, owner, desks[0] if desks else owner, at, random)
    return moved


def change_status(conn: Connection, person: Person, event: StatusEvent, at: Instant) -> Person:
    """The record ends, or goes on again. Errors: WrongState, Stale."""
    changed = replace(person, status=advance(person.status, event), version=person.version + 1, since=at)
    rows.change_person(conn, changed)
    return changed


@dataclass(frozen=True, slots=True)
class AccessLine:
    """One line of "who looked at me"."""

    at: Instant
    access: Access
    result: str
    record: str
    hash: str


def near_misses(conn: Connection, owner: str, since: Instant) -> int:
    """How often somebody asked for an address that protection kept from them."""
    return rows.count_accesses(conn, owner, MASKED_RESULT, since)


def own_lines(conn: Connection, person: PersonId) -> tuple[AccessLine, ...]:
    """The records as they are; what a page may show of them is for `enrollment.disclosure` to say."""
    return tuple(
        AccessLine(
            Instant(row["at"]),
            Access(
                row["function"],
                row["reason"],
                row["affairs"],
                row["provider"],
                row["recipient"],
                frozenset(Field(value) for value in json.loads(row["provided"])),
                row["legal_basis"],
            ),
            row["result"],
            row["record"],
            row["hash"],
        )
        for row in rows.access_rows(conn, person)
    )


def bodies(conn: Connection, person: PersonId) -> tuple[dict[str, Json], ...]:
    """The access records of `person` as they were hashed, oldest first; of a destroyed one only its frame is left."""
    return tuple(
        _record(person, row["position"], line.record, line.access, line.at, line.result, row["previous"])
        for row, line in zip(rows.access_rows(conn, person), own_lines(conn, person), strict=True)
    )


def broken_accesses(conn: Connection, person: PersonId) -> tuple[int, ...]:
    """Positions at which the person's chain of access records does not hold; empty means it does."""
    broken = []
    previous = GENESIS
    for index, (row, body) in enumerate(zip(rows.access_rows(conn, person), bodies(conn, person), strict=True)):
        told = row["result"] == DESTROYED or digest(body) == row["hash"]
        if row["position"] != index or row["previous"] != previous or not told:
            broken.append(index)
        previous = row["hash"]
    return tuple(broken)


def fields_of(names: Iterable[str]) -> frozenset[Field]:
    """Read field names from a request. Errors: ValueError for a name that is none."""
    return frozenset(Field(name) for name in names)
