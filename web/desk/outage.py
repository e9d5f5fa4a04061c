"""When a part of the service is away: what is said on every page, what may still be done, and what may only be noted.

signing process silent    everything but new certificates goes on at once; what would need one is not begun
database away             nobody can be looked up and nothing recorded: whoever worked here a moment ago may note
                          safe acts (`web.desk.notes`), which are carried out once when it is back
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from fastapi import Request, Response

from enrollment import loss, procedures
from enrollment.acts import What
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import work as card_rows
from pki.errors import Error, InvalidValue
from pki.instant import Instant
from web.desk import signing
from web.desk.notes import UNREACHABLE, Note, Paper, Safe, settle
from web.desk.officer import CARD, Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.work import STEPS, Kind, State
from web.errors import FormRefused, SigningSilent, WorkRefused
from web.pages.forms import Form, require_own
from web.pages.rendering import Renderer, minute
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.pages.sessions import Session

CLERK: Final = "clerk"
CARRY_OUT: Final = "carry-out"
PATH: Final = "/desk/notes"
SILENT: Final = timedelta(seconds=30)
"""A promise that waits longer for its signature says that nobody signs."""
_REMEMBERED: Final = timedelta(minutes=15)
_LOOK: Final = timedelta(seconds=2)
_MOST: Final = 500

NEED_SIGNING: Final = frozenset(kind for kind, steps in STEPS.items() if State.CERTIFICATES in steps)
"""What ends with new certificates."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Somebody who was let in lately, as of then."""

    session: Session
    officer: Officer
    at: Instant


@dataclass(slots=True)
class Outages:
    """The desk's knowledge of its parts. Safe for threads: each step is one operation on a dictionary."""

    desk: Desk
    origin: str
    _known: dict[str, _Known] = field(default_factory=dict)
    _looked: Instant | None = None
    _since: Instant | None = None

    # -- the signing process ---------------------------------------------------------------------------------------

    def signing_since(self) -> Instant | None:
        """Since when promises wait for a signature; None while they do not, or nobody can say."""
        now = self.desk.clock.now()
        if self._looked is None or now - self._looked > _LOOK:
            try:
                oldest = self.desk.unsigned_since()
            except Error:
                return None
            self._looked = now
            self._since = oldest if oldest is not None and now - oldest > SILENT else None
        return self._since

    def require(self, kind: Kind) -> None:
        """Errors: SigningSilent for what cannot be finished today."""
        if kind in NEED_SIGNING and self.signing_since() is not None:
            raise SigningSilent

    def banner(self) -> Mapping[str, Any]:
        """For every page."""
        since = self.signing_since()
        return {
            "signing_since": minute(since) if since else None,
            "stopped_kinds": NEED_SIGNING if since else (),
            "notes_waiting": self.waiting(),
        }

    def waiting(self) -> int:
        """How many notes are still to be carried out."""
        return 0 if self.desk.paper is None else len(self.desk.paper.waiting())

    # -- the database ----------------------------------------------------------------------------------------------

    def remember(self, session: Session, officer: Officer) -> None:
        """They were let in just now; and what was noted while nobody could be is carried out."""
        now = self.desk.clock.now()
        if len(self._known) >= _MOST:
            for key, known in tuple(self._known.items()):
                if now - known.at > _REMEMBERED:
                    self._known.pop(key, None)
        self._known[_key(session.cookie)] = _Known(session, officer, now)
        if self.waiting():
            with suppress(Error):  # they wait on, as every page says
                carry_out(self.desk, officer, signed=False)

    def away(self, request: Request, form: Form, error: Error, renderer: Renderer, cookie_name: str) -> Response | None:
        """The page for whoever meets a database that is away; None for every other error."""
        if error.code not in UNREACHABLE or self.desk.paper is None:
            return None
        known = self._still(request.cookies.get(cookie_name, ""))
        wrong: Error | None = None
        if known is not None and request.method == "POST" and request.url.path == PATH:
            try:
                require_own(request, known.session, form, self.origin)
                _note(self.desk.paper, known.officer, form, self.desk.clock.now())
                return see_other(PATH)
            except (InvalidValue, FormRefused) as refused:
                wrong = refused
        officer = known.officer if known else None
        return renderer.page(
            request,
            "desk/outage.html",
            known.session if known else None,
            status=503,
            who=officer,
            acts=tuple(Safe),
            wrong=wrong,
            cards=self._cards(known),
            notes=[one for one in self.desk.paper.waiting() if officer and one.counter == officer.counter.counter],
        )

    def _still(self, cookie: str) -> _Known | None:
        """Whoever was let in less than a quarter of an hour ago, and whose card is still there."""
        known = self._known.get(_key(cookie)) if cookie else None
        if known is None or not hmac.compare_digest(known.session.cookie, cookie):
            return None
        now = self.desk.clock.now()
        there = known.session.row.method != CARD or self.desk.door.card_is_there(known.session)
        if now - known.at > _REMEMBERED or not there or not known.officer.is_clerk:
            return None
        self._known[_key(cookie)] = _Known(known.session, known.officer, now)
        return known

    def _cards(self, known: _Known | None) -> list[str]:
        """The numbers of cards in this seat's readers, but for the officer's own."""
        channel = self.desk.door.pairings.of_session(known.session.handle) if known else None
        line = self.desk.door.lines.find(channel.channel) if channel else None
        if line is None or known is None:
            return []
        own = known.session.row.fingerprint
        return [one.card for one in line.readers.readers if one.ours and (not own or one.fingerprint != own)]


def note_pages(pages: Pages, desk: Desk) -> None:
    """The same addresses while the database is there: what was noted a moment too late is carried out at once."""

    @pages.get(PATH, SOMEBODY)
    def noted(visit: Visit) -> Response:  # noqa: ARG001 - the day's page tells
        return see_other("/desk/day")

    @pages.post(PATH, CLERK)
    def note(visit: Visit) -> Response:
        if desk.paper is None:
            raise WorkRefused("nothing is noted here")
        if visit.form.get("act") != CARRY_OUT:
            _note(desk.paper, visit.who, visit.form, desk.clock.now())
        carry_out(desk, visit.who, signed=True)
        return see_other("/desk/day")


def carry_out(desk: Desk, officer: Officer, *, signed: bool) -> None:
    """Do what this officer's desk noted: signed with the officer's card, or without where nobody demands that.

    Errors: those of `notes.NOT_NOW`: then notes wait.
    """
    assert desk.paper is not None

    def settle_one(note: Note) -> None:
        def run(write: Callable[[Connection, Instant], None]) -> object:
            if not signed:
                return desk.database.transaction(lambda conn: write(conn, desk.clock.now()))
            card = desk.database.read(lambda conn: card_rows.card_of(conn, note.card)) if note.act.needs_card else None
            deeds = () if card is None else (_deed(note, card.person),)
            return signing.do(desk, officer, deeds, write)

        operator = officer.operator.operator if signed else note.operator
        settle(note, operator, run, desk.database, desk.clock.now(), desk.random)

    desk.paper.carry_out(settle_one, lambda note: not signed or note.counter == officer.counter.counter)


def _deed(note: Note, person: PersonId) -> Deed:
    if note.act is Safe.LOSS:
        return Deed(What.REPORT_LOSS, person, loss.content_of(note.card))
    return Deed(What.SUSPEND, person, procedures.content_of("suspend", card_id=note.card))


def _note(paper: Paper, officer: Officer, form: Form, at: Instant) -> None:
    try:
        act = Safe(form.get("act", ""))
    except ValueError:
        raise InvalidValue("one of the acts that may be noted") from None
    card = form.get("card", "").upper().replace(" ", "") if act.needs_card else ""
    paper.write(act, card, officer.operator.owner, officer.counter.counter, officer.operator.operator, at)


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
