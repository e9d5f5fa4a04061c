"""What a person is shown of who was told about them: a policy as data, applied in one place for every page and export.

The record itself is whole (`enrollment.history` gives it, with proofs, to its owner's auditors and to whoever may have
it). What is shown depends on who looks and on whether the person is protected: a page may be opened by somebody else
who has the card and its PIN, and the office that looked would tell them where the person lives now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from enrollment import protection, registry
from enrollment.canonical import Json
from enrollment.person import PersonId
from enrollment.registry import AccessLine
from enrollment.store import Connection
from pki.instant import Instant

SOMEBODY: Final = "（保護のため表示しません）"
"""Stands for a provider or recipient whose name would say where a protected person lives."""


class Member(StrEnum):
    """The seven fields of a provision record (jpki.md 6), the legal basis, and the result."""

    WHEN = "when"
    FUNCTION = "function"
    REASON = "reason"
    AFFAIRS = "affairs"
    FROM = "from"
    TO = "to"
    WHAT = "what"
    LEGAL_BASIS = "legal_basis"
    RESULT = "result"


class Viewer(StrEnum):
    """Who looks at the history."""

    SELF = "self"
    REPRESENTATIVE = "representative"


class Shown(StrEnum):
    """What becomes of one member of a line."""

    WHOLE = "whole"
    DAY = "day"
    SOMEBODY = "somebody"
    LINE_LEFT_OUT = "line-left-out"


_OPEN: Final[Mapping[Member, Shown]] = dict.fromkeys(Member, Shown.WHOLE)

POLICY: Final[Mapping[tuple[Viewer, bool], Mapping[Member, Shown]]] = {
    (Viewer.SELF, False): _OPEN,
    (Viewer.REPRESENTATIVE, False): _OPEN,
    # The hour of a visit, seen by a stranger, says which office was open and near.
    (Viewer.SELF, True): {
        **_OPEN,
        Member.WHEN: Shown.DAY,
        Member.FROM: Shown.SOMEBODY,
        Member.TO: Shown.SOMEBODY,
    },
    # Who acts for a protected person may be whom they are protected from.
    (Viewer.REPRESENTATIVE, True): dict.fromkeys(Member, Shown.LINE_LEFT_OUT),
}
"""(who looks, whether the person is protected) → what is shown of each member."""

GROUP_FROM: Final = 3
"""So many lines of one Japanese day that differ in nothing but the hour are told as one with their number; copies of
the register, which are made every day and of everybody, as one for all days: they must not hide who looked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of "who looked at me": `count` looks from `first` to `last`, alike in every `member`."""

    first: Instant
    last: Instant
    whole_times: bool
    members: Mapping[Member, str]
    fields: tuple[str, ...]
    records: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many records the line stands for."""
        return len(self.records)

    def to_json(self) -> dict[str, Json]:
        """{"first", "last" (RFC 3339, or a date in Japan), "count", the members by name, "what", "records"}."""
        times = [one.iso() if self.whole_times else one.jst_date().isoformat() for one in (self.first, self.last)]
        return {
            "first": times[0],
            "last": times[1],
            "count": self.count,
            **{member.value: text for member, text in self.members.items()},
            "what": list(self.fields),
            "records": list(self.records),
        }


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What is shown: lines, newest first; `left_out`: how many records are kept back from this viewer."""

    lines: tuple[Line, ...]
    left_out: int
    protected: bool


def disclose(conn: Connection, person: PersonId, viewer: Viewer = Viewer.SELF) -> Disclosed:
    """The history of who was told about `person`, as `viewer` may see it. Errors: UnknownPerson."""
    protected = protection.standing(conn, person) is not None
    return shown(registry.own_lines(conn, person), viewer, protected=protected)


def shown(records: Iterable[AccessLine], viewer: Viewer, *, protected: bool) -> Disclosed:
    """The policy applied to records, oldest first."""
    rule = POLICY[viewer, protected]
    kept = [record for record in records if record.result != registry.DESTROYED]
    if Shown.LINE_LEFT_OUT in rule.values():
        return Disclosed((), len(kept), protected)
    lines = [_line(record, rule) for record in kept]
    return Disclosed(tuple(sorted(_grouped(lines), key=lambda line: line.last, reverse=True)), 0, protected)


def _line(record: AccessLine, rule: Mapping[Member, Shown]) -> Line:
    access = record.access
    values = {
        Member.FUNCTION: access.function,
        Member.REASON: access.reason,
        Member.AFFAIRS: access.affairs,
        Member.FROM: access.provider,
        Member.TO: access.recipient,
        Member.LEGAL_BASIS: access.legal_basis,
        Member.RESULT: record.result,
    }
    told = {member: SOMEBODY if rule[member] is Shown.SOMEBODY else text for member, text in values.items()}
    whole = rule[Member.WHEN] is Shown.WHOLE
    return Line(record.at, record.at, whole, told, tuple(sorted(access.fields)), (record.record,))


def _grouped(lines: Iterable[Line]) -> list[Line]:
    alike: dict[object, list[Line]] = {}
    for line in lines:
        day = None if line.members[Member.RESULT] == registry.COPIED else line.first.jst_date()
        key = (day, tuple(line.members.items()), line.fields)
        alike.setdefault(key, []).append(line)
    found = []
    for group in alike.values():
        if len(group) < GROUP_FROM:
            found += group
        else:
            times = [line.first for line in group]
            records = tuple(record for line in group for record in line.records)
            found.append(replace(group[0], first=min(times), last=max(times), records=records))
    return found
