"""People, who looked at them, and the desks and operators that serve them."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.canonical import Json, canonical
from enrollment.counters import Affair, Counter, CounterKind
from enrollment.errors import (
    AlreadyRegistered,
    Stale,
    UnknownCounter,
    UnknownMunicipality,
    UnknownOperator,
    UnknownPerson,
)
from enrollment.operators import Operator, Role
from enrollment.person import Person, PersonId, PersonStatus
from enrollment.row_policies import OWNER, PERSON
from enrollment.store import tables as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.attributes import Attributes, Gender
from pki.instant import Instant, Validity
from pki.municipality import Municipality


def _attributes(attributes: Attributes) -> dict[str, str]:
    return {
        "name": attributes.name,
        "name_substitutes": attributes.name_substitutes,
        "date_of_birth": attributes.date_of_birth.isoformat(),
        "gender": attributes.gender.value,
        "address": attributes.address,
        "address_substitutes": attributes.address_substitutes,
    }


def _about(conn: Connection, person: PersonId) -> None:
    """Name the resident whom this transaction is about: PostgreSQL's row policies show no other
    (`enrollment.row_policies`)."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.set_config(PERSON, person, True)))


def _within(conn: Connection, owner: str) -> None:
    """Name the municipality whose residents this transaction is about."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.set_config(OWNER, owner, True)))


def add_person(conn: Connection, person: Person) -> None:
    """A new person, version as given."""
    _about(conn, person.person)
    conn.execute(
        insert(t.people).values(
            person=person.person,
            owner=person.owner,
            status=person.status.value,
            version=person.version,
            since=person.since.seconds,
            **_attributes(person.attributes),
        )
    )


def person_of(conn: Connection, person: PersonId) -> Person:
    """Errors: UnknownPerson. Callers outside the registry read through `registry.read`, with a receipt."""
    _about(conn, person)
    row = conn.execute(select(t.people).where(t.people.c.person == person)).mappings().one_or_none()
    if row is None:
        raise UnknownPerson(person)
    return Person(
        PersonId(row["person"]),
        row["owner"],
        Attributes(
            row["name"],
            date.fromisoformat(row["date_of_birth"]),
            Gender(row["gender"]),
            row["address"],
            row["name_substitutes"],
            row["address_substitutes"],
        ),
        PersonStatus(row["status"]),
        row["version"],
        Instant(row["since"]),
    )


def status_of(conn: Connection, person: PersonId) -> PersonStatus:
    """Whether the record goes on: no personal data. Errors: UnknownPerson."""
    _about(conn, person)
    status = conn.execute(select(t.people.c.status).where(t.people.c.person == person)).scalar_one_or_none()
    if status is None:
        raise UnknownPerson(person)
    return PersonStatus(status)


def exists(conn: Connection, person: PersonId) -> bool:
    """Whether anybody has this id."""
    _about(conn, person)
    return conn.execute(select(t.people.c.person).where(t.people.c.person == person)).one_or_none() is not None


def owner_of(conn: Connection, person: PersonId) -> str:
    """The municipality that keeps `person`: no personal data. Errors: UnknownPerson."""
    _about(conn, person)
    owner = conn.execute(select(t.people.c.owner).where(t.people.c.person == person)).scalar_one_or_none()
    if owner is None:
        raise UnknownPerson(person)
    return str(owner)


def hold_person(conn: Connection, person: PersonId) -> str:
    """Take this person's turn: until the transaction ends, nobody else changes anything of theirs; their municipality.

    What was read before may be old by now and must be read again. (SQLite has one writer at a time anyway.)
    Errors: UnknownPerson.
    """
    _about(conn, person)
    owner = conn.execute(select(t.people.c.owner).where(t.people.c.person == person).with_for_update())
    found = owner.scalar_one_or_none()
    if found is None:
        raise UnknownPerson(person)
    return str(found)


def change_person(conn: Connection, person: Person) -> None:
    """Write the next version over the one before it. Errors: Stale if somebody else was first."""
    _about(conn, person.person)
    done = conn.execute(
        update(t.people)
        .where(t.people.c.person == person.person, t.people.c.version == person.version - 1)
        .values(
            owner=person.owner,
            status=person.status.value,
            version=person.version,
            since=person.since.seconds,
            **_attributes(person.attributes),
        )
    )
    if done.rowcount != 1:
        raise Stale("the person's record")


def last_access(conn: Connection, person: PersonId) -> tuple[int, str] | None:
    """Position and hash of the newest access record of `person`."""
    row = conn.execute(
        select(t.access_records.c.position, t.access_records.c.hash)
        .where(t.access_records.c.person == person)
        .order_by(t.access_records.c.position.desc())
        .limit(1)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def append_access(conn: Connection, row: dict[str, Any]) -> None:
    """Errors: Stale if another look at the same person took the position first."""
    try:
        conn.execute(insert(t.access_records).values(row))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the record of who looked at this person") from error
        raise


def access_rows(conn: Connection, person: PersonId) -> list[dict[str, Any]]:
    """Every look at `person`, in order."""
    query = select(t.access_records).where(t.access_records.c.person == person).order_by(t.access_records.c.position)
    return [dict(row) for row in conn.execute(query).mappings()]


def access_row(conn: Connection, person: PersonId, record: str) -> dict[str, Any] | None:
    """One look, by its id."""
    query = select(t.access_records).where(t.access_records.c.person == person, t.access_records.c.record == record)
    row = conn.execute(query).mappings().one_or_none()
    return dict(row) if row else None


def count_accesses(conn: Connection, provider: str, result: str, since: Instant) -> int:
    """How many looks at a municipality's residents ended with `result`."""
    a = t.access_records.c
    query = select(func.count()).where(a.provider == provider, a.result == result, a.at >= since.seconds)
    return conn.execute(query).scalar_one()


def people_of_owner(conn: Connection, owner: str, after: PersonId | None, limit: int) -> list[PersonId]:
    """Ids of one municipality's residents, page by page in order of id."""
    _within(conn, owner)
    query = select(t.people.c.person).where(t.people.c.owner == owner).order_by(t.people.c.person).limit(limit)
    if after is not None:
        query = query.where(t.people.c.person > after)
    return [PersonId(person) for person in conn.execute(query).scalars()]


def everybody_of(conn: Connection, owner: str, page: int = 1000) -> Iterator[PersonId]:
    """Ids of all of one municipality's residents in order of id, read page by page."""
    last: PersonId | None = None
    while found := people_of_owner(conn, owner, last, page):
        yield from found
        last = found[-1]


def people_born(conn: Connection, owner: str, born: date) -> list[tuple[PersonId, str]]:
    """Id and name of one municipality's residents who were born on that day: for `enrollment.finding` alone."""
    _within(conn, owner)
    p = t.people.c
    query = select(p.person, p.name).where(p.owner == owner, p.date_of_birth == born.isoformat()).order_by(p.person)
    return [(PersonId(person), str(name)) for person, name in conn.execute(query)]


def count_people(conn: Connection, owner: str) -> int:
    """How many residents a municipality keeps."""
    _within(conn, owner)
    return conn.execute(select(func.count()).select_from(t.people).where(t.people.c.owner == owner)).scalar_one()


def add_municipality(conn: Connection, municipality: Municipality) -> None:
    """Register a municipality."""
    conn.execute(
        insert(t.municipalities).values(
            code=municipality.code,
            prefecture_roman=municipality.prefecture_roman,
            municipality_roman=municipality.municipality_roman,
            name_ja=municipality.name_ja,
        )
    )


def municipality_of(conn: Connection, code: str) -> Municipality:
    """Errors: UnknownMunicipality."""
    row = conn.execute(select(t.municipalities).where(t.municipalities.c.code == code)).mappings().one_or_none()
    if row is None:
        raise UnknownMunicipality(code)
    return Municipality(row["code"], row["prefecture_roman"], row["municipality_roman"], row["name_ja"])


def municipalities(conn: Connection) -> list[Municipality]:
    """All of them, by code."""
    rows = conn.execute(select(t.municipalities).order_by(t.municipalities.c.code)).mappings()
    return [Municipality(r["code"], r["prefecture_roman"], r["municipality_roman"], r["name_ja"]) for r in rows]


def _list(values: frozenset[Any]) -> str:
    record: list[Json] = [str(value) for value in sorted(values)]
    return canonical(record).decode()


def add_counter(conn: Connection, counter: Counter) -> None:
    """Register a desk. Errors: AlreadyRegistered."""
    try:
        conn.execute(
            insert(t.counters).values(
                counter=counter.counter,
                owner=counter.owner,
                kind=counter.kind.value,
                name_ja=counter.name_ja,
                affairs=_list(counter.affairs),
                designated_from=counter.designation.not_before.seconds if counter.designation else None,
                designated_until=counter.designation.not_after.seconds if counter.designation else None,
                designation_record=counter.designation_record,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise AlreadyRegistered(counter.counter) from error
        raise


def _counter(row: Any) -> Counter:
    period = None
    if row["designated_from"] is not None:
        period = Validity(Instant(row["designated_from"]), Instant(row["designated_until"]))
    affairs = frozenset(Affair(value) for value in json.loads(row["affairs"]))
    kind = CounterKind(row["kind"])
    return Counter(row["counter"], row["owner"], kind, row["name_ja"], affairs, period, row["designation_record"])


def counter_of(conn: Connection, counter: str) -> Counter:
    """Errors: UnknownCounter."""
    row = conn.execute(select(t.counters).where(t.counters.c.counter == counter)).mappings().one_or_none()
    if row is None:
        raise UnknownCounter(counter)
    return _counter(row)


def counters_of_owner(conn: Connection, owner: str) -> list[Counter]:
    """The desks that serve a municipality."""
    query = select(t.counters).where(t.counters.c.owner == owner).order_by(t.counters.c.counter)
    return [_counter(row) for row in conn.execute(query).mappings()]


def add_operator(conn: Connection, operator: Operator) -> None:
    """Register an operator and their card. Errors: AlreadyRegistered."""
    try:
        conn.execute(
            insert(t.operators).values(
                operator=operator.operator,
                owner=operator.owner,
                roles=_list(operator.roles),
                card_fingerprint=operator.card_fingerprint,
                counter=operator.counter,
                not_before=operator.validity.not_before.seconds,
                not_after=operator.validity.not_after.seconds,
                person=operator.person,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise AlreadyRegistered(operator.operator) from error
        raise


def give_card(conn: Connection, operator: str, card_fingerprint: str) -> None:
    """From now on the operator's card is the one with this certificate. Errors: UnknownOperator."""
    done = conn.execute(
        update(t.operators).where(t.operators.c.operator == operator).values(card_fingerprint=card_fingerprint)
    )
    if done.rowcount != 1:
        raise UnknownOperator(operator)


def _operator(row: Any) -> Operator:
    return Operator(
        row["operator"],
        row["owner"],
        frozenset(Role(value) for value in json.loads(row["roles"])),
        row["card_fingerprint"],
        row["counter"],
        Validity(Instant(row["not_before"]), Instant(row["not_after"])),
        PersonId(row["person"]) if row["person"] else None,
    )


def operator_of(conn: Connection, operator: str) -> Operator:
    """Errors: UnknownOperator."""
    found = find_operator(conn, operator)
    if found is None:
        raise UnknownOperator(operator)
    return found


def find_operator(conn: Connection, operator: str) -> Operator | None:
    """The operator of that name, if there is one."""
    row = conn.execute(select(t.operators).where(t.operators.c.operator == operator)).mappings().one_or_none()
    return _operator(row) if row else None


def operators_of_owner(conn: Connection, owner: str) -> list[Operator]:
    """A municipality's operators."""
    query = select(t.operators).where(t.operators.c.owner == owner).order_by(t.operators.c.operator)
    return [_operator(row) for row in conn.execute(query).mappings()]


def operator_by_card(conn: Connection, card_fingerprint: str) -> Operator | None:
    """Whose card this is, if an operator's."""
    query = select(t.operators).where(t.operators.c.card_fingerprint == card_fingerprint)
    row = conn.execute(query).mappings().one_or_none()
    return _operator(row) if row else None
