"""When a part of the service is away: what is said on every page, what may still be done, and what may only be noted.

signing process silent    everything but new certificates goes on at once; what would need one is not begun
database away             nobody can be looked up and nothing recorded: whoever worked here a moment ago may note
                          safe acts (`web.desk.notes`), which are carried out once when it is back
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from fastapi import Request, Response

from pki.errors import Error, InvalidValue
from pki.instant import Instant
from web.desk.notes import UNREACHABLE, Paper, Safe
from web.desk.officer import CARD, Officer
from web.desk.parts import Desk
from web.desk.work import STEPS, Kind, State
from web.errors import FormRefused, SigningSilent, WorkRefused
from web.pages.forms import Form, require_own
from web.pages.rendering import Renderer, minute
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.pages.sessions import Session

CLERK: Final = "clerk"
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
        return {"signing_since": minute(since) if since else None, "stopped_kinds": NEED_SIGNING if since else ()}

    # -- the database ----------------------------------------------------------------------------------------------

    def remember(self, session: Session, officer: Officer) -> None:
        """They were let in just now; and what was noted while nobody could be is carried out."""
        now = self.desk.clock.now()
        if len(self._known) >= _MOST:
            for key, known in tuple(self._known.items()):
                if now - known.at > _REMEMBERED:
                    self._known.pop(key, None)
        self._known[_key(session.cookie)] = _Known(session, officer, now)
        if self.desk.paper is not None and self.desk.paper.waiting():
            self.desk.paper.carry_out(self.desk.database, now)

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
        _note(desk.paper, visit.who, visit.form, desk.clock.now())
        desk.paper.carry_out(desk.database, desk.clock.now())
        return see_other("/desk/day")


def _note(paper: Paper, officer: Officer, form: Form, at: Instant) -> None:
    try:
        act = Safe(form.get("act", ""))
    except ValueError:
        raise InvalidValue("one of the acts that may be noted") from None
    card = form.get("card", "").upper().replace(" ", "") if act.needs_card else ""
    paper.write(act, card, officer.operator.owner, officer.counter.counter, officer.operator.operator, at)


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
