"""Serving counters from a snapshot while everything else is down: reading only, each answer says as of when.

Nothing can be done here, only looked at; and every look is written down first, in a file that is entered into the
people's own records once the registry is back.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from enrollment import registry
from enrollment.canonical import Json, canonical, digest
from enrollment.caps import Decision, decide
from enrollment.errors import SnapshotDamaged
from enrollment.events import EventKind
from enrollment.flags import Flag
from enrollment.person import Person, PersonId, Random
from enrollment.registry import Access, Field, View
from enrollment.rules import pick
from enrollment.snapshot import Officer, Snapshot
from enrollment.store import Connection, people
from pki.instant import Instant

LEGAL_BASIS: Final = "住民基本台帳法（災害等による非常時の閲覧）"


@dataclass(frozen=True, slots=True)
class Emergency:
    """A snapshot, looked at."""

    snapshot: Snapshot
    _people: dict[PersonId, Person] = field(init=False, repr=False)
    _flags: dict[PersonId, Flag] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_people", {one.person: one for one in self.snapshot.people})
        masking = {one.person: one for one in self.snapshot.flags if one.state.masks}
        object.__setattr__(self, "_flags", masking)

    @property
    def as_of(self) -> Instant:
        """The moment that every answer is of."""
        return self.snapshot.as_of

    def officer(self, operator: str, at: Instant) -> Officer | None:
        """An officer who was appointed then and still is. That their card was revoked since cannot be known here."""
        return next(
            (one for one in self.snapshot.officers if one.operator == operator and one.validity.contains(at)), None
        )

    def look(self, person: PersonId, fields: frozenset[Field]) -> View | None:
        """The fields of a person, masked as ever, with no way to unlock; None for somebody who was not there then."""
        kept = self._people.get(person)
        return None if kept is None else registry.view_of(kept, fields, self._flags.get(person), unlocked=False)

    def result(self, person: PersonId, fields: frozenset[Field]) -> str:
        """What a look at these fields will show, as a record of access says it."""
        masked = Field.ADDRESS in fields and person in self._flags
        return registry.MASKED_RESULT if masked else registry.PROVIDED

    def decide(self, person: PersonId, procedure: EventKind) -> Decision | None:
        """What would have been decided then; nothing may be done by it."""
        policy = pick(self.snapshot.policies, self.snapshot.owner, self.as_of)
        if policy is None or person not in self.snapshot.events:
            return None
        return decide(policy, self.snapshot.events[person], procedure, self.as_of)


@dataclass(slots=True)
class LookRecord:
    """The file of looks: `append` puts one line on the disk before it returns. One writer at a time."""

    owner: str
    append: Callable[[bytes], None]
    previous: str = "0" * 64

    def record(
        self, person: PersonId, fields: frozenset[Field], result: str, officer: Officer, reason: str, at: Instant
    ) -> None:
        """Write down who is about to look at what, and why; `result`: whether the address will be masked."""
        body: dict[str, Json] = {
            "at": at.iso(),
            "fields": sorted(fields),
            "officer": officer.operator,
            "counter": officer.counter,
            "owner": self.owner,
            "person": person,
            "previous": self.previous,
            "reason": reason,
            "result": result,
        }
        self.append(canonical(body))
        self.previous = digest(body)


def read_looks(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """The looks of a file, in order. Errors: SnapshotDamaged for a line that is none or does not follow the one before;
    a last line that was cut off by a crash was never answered for and is left out.
    """
    previous, found = "0" * 64, []
    for line in lines:
        if not line.endswith(b"\n"):
            break
        try:
            body = json.loads(line)
            follows = body["previous"] == previous
        except (ValueError, KeyError, TypeError):
            raise SnapshotDamaged("a line of the record of looks cannot be read") from None
        if not follows:
            raise SnapshotDamaged("a line of the record of looks is missing or was changed")
        previous = digest(body)
        found.append(body)
    return found


def enter_looks(conn: Connection, looks: Iterable[dict[str, Any]], at: Instant, random: Random) -> tuple[int, int]:
    """Enter looks from an emergency into people's own records, at the time when they happened; (entered, known or
    impossible). Entering a file again changes nothing. Whether an address was masked is what the file says: a flag that
    stands now may not have stood then."""
    entered = left = 0
    for body in looks:
        name = digest(body)
        person = PersonId(body["person"])
        known = people.exists(conn, person) and people.owner_of(conn, person) == body["owner"]
        if not known or any(name in line.access.reason for line in registry.own_lines(conn, person)):
            left += 1
            continue
        access = Access(
            "emergency",
            f"{body['reason']} [{name}]",
            "emergency",
            body["owner"],
            f"{body['counter']}/{body['officer']}",
            frozenset(Field(value) for value in body["fields"]),
            LEGAL_BASIS,
        )
        registry.record_access(conn, person, access, min(Instant.parse(body["at"]), at), random, body.get("result"))
        entered += 1
    return entered, left
