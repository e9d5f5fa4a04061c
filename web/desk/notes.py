"""The desk's paper for when the database is away: safe acts are noted in files, and carried out once when it is back.

A note is one file, written whole and to the disk before anybody is told; it holds a card's number and who noted it,
never a name. What may be noted is `Safe`, and nothing else: it only ever stops a card, or says that somebody came.
Carrying out writes note and act in one transaction under the note's own name: tried however often, it happens once.
Where a municipality demands its officers' signatures, that is when an officer signs them.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from enrollment import loss, procedures
from enrollment.channels import Channel
from enrollment.counters import Affair
from enrollment.counterside import counterside
from enrollment.errors import NotYours
from enrollment.person import Random
from enrollment.store import Connection, Database
from enrollment.store import people as people_rows
from enrollment.store import work as card_rows
from pki.errors import Error, InvalidValue, Retryable
from pki.instant import Instant
from web.store import notes as rows

UNREACHABLE: Final = frozenset({"cli.database-unavailable", "cli.database-full"})
"""The errors by which a database that is away is known."""
NOT_NOW: Final = UNREACHABLE | {
    "enrollment.act-not-signed",
    "web.card-needed",
    "web.not-paired",
    "web.reader-silent",
    "web.reader-refused",
}
"""Reasons to leave a note where it is: it can be done another time, or by somebody with their card."""
_CARD_NUMBER: Final = re.compile(r"[0-9A-F]{8,40}")
_MOST: Final = 1000


class Safe(StrEnum):
    """Everything that may be noted."""

    LOSS = "loss"
    SUSPENSION = "suspension"
    VISIT = "visit"

    @property
    def needs_card(self) -> bool:
        """Whether a card's number belongs to it."""
        return self is not Safe.VISIT


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `at`: seconds of UTC."""

    note: str
    act: Safe
    card: str
    owner: str
    counter: str
    operator: str
    at: int

    def __post_init__(self) -> None:
        if not (_CARD_NUMBER.fullmatch(self.card) if self.act.needs_card else self.card == ""):
            raise InvalidValue("a card's number, of 0 to 9 and A to F; none for a visit")


@dataclass(slots=True)
class Paper:
    """The notes that wait, in `folder`. Safe for threads."""

    folder: Path
    random: Random
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, act: Safe, card: str, owner: str, counter: str, operator: str, at: Instant) -> Note:
        """A note that outlives us from now on. Errors: InvalidValue; OSError, and then there is none."""
        note = Note(self.random(12).hex(), act, card, owner, counter, operator, at.seconds)
        with self._lock:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if len(self._files()) >= _MOST:
                raise InvalidValue(f"fewer than {_MOST} notes")
            path = self.folder / f"{note.at}-{note.note}.json"
            beside = path.with_suffix(".new")
            with open(beside, "x", encoding="utf-8", opener=_private) as file:
                json.dump(asdict(note), file)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
            _sync(self.folder)
        return note

    def waiting(self) -> tuple[Note, ...]:
        """What is still to be carried out, oldest first."""
        return tuple(note for path in self._files() if (note := _read(path)) is not None)

    def carry_out(self, settle: Callable[[Note], None], mine: Callable[[Note], bool] = lambda _note: True) -> int:
        """Settle those that are `mine`, oldest first; how many are off the paper.

        `settle` does one note for good, or raises: then it and those after it stay, and whoever called hears why.
        """
        done = 0
        with self._lock:
            for path in self._files():
                note = _read(path)
                if note is None or not mine(note):
                    continue
                settle(note)
                path.unlink(missing_ok=True)
                _sync(self.folder)
                done += 1
        return done

    def _files(self) -> Sequence[Path]:
        return sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []


Run = Callable[[Callable[[Connection, Instant], None]], object]
"""Runs something in a transaction, with our time; a signed act's is `signing.do`."""


def settle(note: Note, operator: str, run: Run, database: Database, at: Instant, random: Random) -> None:
    """The note and its act in one transaction, by `operator`; an act that is refused is kept with why, for somebody to
    look after. Errors: those of `NOT_NOW`, and the note waits on."""

    def row(outcome: str) -> rows.NoteRow:
        noted = Instant(note.at)
        return rows.NoteRow(
            note.note, note.owner, note.counter, note.operator, note.act.value, note.card, noted, at, outcome
        )

    def write(conn: Connection, now: Instant) -> None:
        if rows.add_note(conn, row("done")):
            _ACTS[note.act](conn, note, operator, now, random)

    try:
        run(write)
    except Error as error:
        if error.code in NOT_NOW or isinstance(error, Retryable):
            raise
        refused = row(error.code)
        database.transaction(lambda conn: rows.add_note(conn, refused))


def _require(conn: Connection, note: Note, operator: str, at: Instant) -> None:
    """As at the desk itself: one of our residents' cards, and a desk and an operator who may stop it."""
    person = card_rows.card_of(conn, note.card).person
    if people_rows.owner_of(conn, person) != note.owner:
        raise NotYours(note.owner)
    counterside(conn, operator).require(Affair.SUSPENSION, at, person)


def _lose(conn: Connection, note: Note, operator: str, at: Instant, random: Random) -> None:
    _require(conn, note, operator, at)
    loss.report(conn, note.card, operator, at, random)


def _suspend(conn: Connection, note: Note, operator: str, at: Instant, random: Random) -> None:
    _require(conn, note, operator, at)
    procedures.suspend(conn, note.card, operator, at, random, Channel.IN_PERSON)


def _nothing(_conn: Connection, _note: Note, _operator: str, _at: Instant, _random: Random) -> None:
    """A visit is only counted."""


_ACTS: Final[dict[Safe, Callable[[Connection, Note, str, Instant, Random], None]]] = {
    Safe.LOSS: _lose,
    Safe.SUSPENSION: _suspend,
    Safe.VISIT: _nothing,
}


def _read(path: Path) -> Note | None:
    """None for what another process has just done, and for a file that is no note of ours: it stays for people."""
    try:
        body = json.loads(path.read_text("utf-8"))
        return Note(**{**body, "act": Safe(body["act"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError, InvalidValue):
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    """The folder's own entries are on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
