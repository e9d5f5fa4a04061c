"""The registry of people, kept per municipality. Nobody is read before it is written down who reads and why."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from enrollment.canonical import Json, canonical, digest
from enrollment.errors import NoReceipt, NotYours
from enrollment.person import Person, PersonId, PersonStatus, Random, draw_id
from enrollment.store import Connection, Database
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
    """What one receipt shows of a person: fields that were not recorded are None."""

    person: PersonId
    owner: str
    status: PersonStatus
    version: int
    shown: dict[Field, str]

    def __repr__(self) -> str:
        return f"View({self.person}, {sorted(self.shown)})"


def register(conn: Connection, owner: str, attributes: Attributes, at: Instant, random: Random) -> PersonId:
    """Enter a resident of `owner`. Errors: UnknownMunicipality."""
    rows.municipality_of(conn, owner)
    person = PersonId(draw_id(random))
    rows.add_person(conn, Person(person, owner, attributes, PersonStatus.RESIDENT, 1, at))
    return person


def record_access(
    conn: Connection, person: PersonId, access: Access, at: Instant, random: Random, result: str = "provided"
) -> AccessReceipt:
    """Append to the person's chain of access records; the receipt opens the read.

    Only the municipality that keeps the person provides; another one is told NotYours, and learns no more.
    Errors: UnknownPerson, NotYours, Stale (Retryable).
    """
    owner = rows.owner_of(conn, person)
    if owner != access.provider:
        raise NotYours(access.provider)
    last = rows.last_access(conn, person)
    position, previous = (last[0] + 1, last[1]) if last else (0, GENESIS)
    body = _record(person, position, draw_id(random), access, at, result, previous)
    kept = digest(body)
    rows.append_access(
        conn,
        {
            "person": person,
            "position": position,
            "record": str(body["record"]),
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
    log.record(conn, owner, log.EntryKind.ACCESS, str(body["record"]), bytes.fromhex(kept), at)
    return AccessReceipt(str(body["record"]), person, position, access, at, kept)


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


def _require_recorded(conn: Connection, receipt: AccessReceipt) -> None:
    row = rows.access_row(conn, receipt.person, receipt.record)
    if row is None or row["hash"] != receipt.hash:
        raise NoReceipt(receipt.record)


def whole(conn: Connection, receipt: AccessReceipt) -> Person:
    """The whole person, for issuing their certificate. Errors: NoReceipt unless all four attributes were recorded."""
    _require_recorded(conn, receipt)
    if receipt.access.fields != FOUR_ATTRIBUTES:
        raise NoReceipt(receipt.record)
    return rows.person_of(conn, receipt.person)


def read(conn: Connection, receipt: AccessReceipt) -> View:
    """The fields that the receipt names. Errors: NoReceipt."""
    _require_recorded(conn, receipt)
    person = rows.person_of(conn, receipt.person)
    every = {
        Field.NAME: person.attributes.name,
        Field.DATE_OF_BIRTH: person.attributes.date_of_birth.isoformat(),
        Field.GENDER: person.attributes.gender.value,
        Field.ADDRESS: person.attributes.address,
    }
    shown = {field: every[field] for field in sorted(receipt.access.fields)}
    return View(person.person, person.owner, person.status, person.version, shown)


def look(database: Database, person: PersonId, access: Access, at: Instant, random: Random) -> View:
    """Record, make that durable, and only then read: a crash in between shows a look that never happened, not the
    other way round. Errors: UnknownPerson, NotYours.
    """
    receipt = database.transaction(lambda conn: record_access(conn, person, access, at, random))
    return database.read(lambda conn: read(conn, receipt))


def move(conn: Connection, person: Person, owner: str, attributes: Attributes, at: Instant) -> Person:
    """The same person elsewhere, perhaps kept by another municipality now. Errors: UnknownMunicipality, Stale."""
    rows.municipality_of(conn, owner)
    moved = replace(person, owner=owner, attributes=attributes, version=person.version + 1, since=at)
    rows.change_person(conn, moved)
    return moved


@dataclass(frozen=True, slots=True)
class AccessLine:
    """One line of "who looked at me"."""

    at: Instant
    access: Access
    result: str
    record: str
    hash: str


def accesses(conn: Connection, person: PersonId) -> tuple[AccessLine, ...]:
    """Every look at `person`, oldest first: the person's own history."""
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
    """The access records of `person` as they were hashed, oldest first."""
    return tuple(
        _record(person, row["position"], line.record, line.access, line.at, line.result, row["previous"])
        for row, line in zip(rows.access_rows(conn, person), accesses(conn, person), strict=True)
    )


def broken_accesses(conn: Connection, person: PersonId) -> tuple[int, ...]:
    """Positions at which the person's chain of access records does not hold; empty means it does."""
    broken = []
    previous = GENESIS
    for index, (row, body) in enumerate(zip(rows.access_rows(conn, person), bodies(conn, person), strict=True)):
        if row["position"] != index or row["previous"] != previous or digest(body) != row["hash"]:
            broken.append(index)
        previous = row["hash"]
    return tuple(broken)


def fields_of(names: Iterable[str]) -> frozenset[Field]:
    """Read field names from a request. Errors: ValueError for a name that is none."""
    return frozenset(Field(name) for name in names)
