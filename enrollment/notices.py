"""What a person is told: a kind and what it is about, never a text with names; pages and letters word it."""

from dataclasses import dataclass
from enum import StrEnum

from enrollment.person import PersonId, Random, draw_id
from enrollment.store import Connection
from enrollment.store import disclosure as rows
from pki.instant import Instant


class NoticeKind(StrEnum):
    """What a notice tells of."""

    CASE_ANSWERED = "case-answered"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice; `about` is the case or incident."""

    notice: str
    person: PersonId
    kind: NoticeKind
    about: str
    at: Instant
    read_at: Instant | None = None


def add_notice(conn: Connection, person: PersonId, kind: NoticeKind, about: str, at: Instant, random: Random) -> None:
    """Tell a person something, once for each thing that it is about."""
    if not rows.has_notice(conn, person, kind.value, about):
        rows.add_notice(conn, draw_id(random), person, kind.value, about, at)


def notices_of(conn: Connection, person: PersonId) -> tuple[Notice, ...]:
    """All of them, newest first."""
    return tuple(
        Notice(row.notice, person, NoticeKind(row.kind), row.about, row.at, row.read_at)
        for row in rows.notices_of(conn, person)
    )


def mark_read(conn: Connection, person: PersonId, at: Instant) -> None:
    """The person has seen what there was at that time."""
    rows.mark_notices_read(conn, person, at)
