"""Browser sessions: a random cookie, of which the database knows only the hash.

A session begins anonymous, so that log-in forms have a token too; at log-in it gets a new cookie (against fixation) and
a short life that each use prolongs, up to a working day. The token of its forms comes from the cookie by HMAC.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import Request, Response

from pki.instant import Clock
from web.store import Connection, Database
from web.store import sessions as rows
from web.store.sessions import SessionRow

ANONYMOUS: Final = timedelta(minutes=30)
_KEPT: Final = timedelta(days=1)
"""How long after its end a session's row is kept."""
_TOUCH: Final = timedelta(seconds=30)
"""A use is written down at most so often."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session. `cookie` is the secret itself: it goes to the browser and nowhere else."""

    row: SessionRow
    cookie: str

    def __repr__(self) -> str:
        return f"Session({self.row.handle})"

    @property
    def subject(self) -> str:
        """Who is logged in; empty for nobody."""
        return self.row.subject

    @property
    def handle(self) -> str:
        """The session's name for this process: not a secret of the browser."""
        return self.row.handle

    @property
    def form_token(self) -> str:
        """What every form of this session carries."""
        return hmac.new(self.cookie.encode(), b"jitsuin form", hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one realm. `idle` and `longest`: how long one lives without use, and at all."""

    realm: str
    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    idle: timedelta = timedelta(minutes=15)
    longest: timedelta = timedelta(hours=10)

    @property
    def cookie_name(self) -> str:
        """`__Host-`: no other host, port of a parent domain or plain connection can set it."""
        return f"__Host-jitsuin-{self.realm}"

    def of(self, request: Request) -> Session | None:
        """The request's session, if it has one that lives."""
        cookie = request.cookies.get(self.cookie_name, "")
        if not 40 <= len(cookie) <= 64:
            return None
        now = self.clock.now()
        row = self.database.read(lambda conn: rows.session_row(conn, _hash(cookie), self.realm, now))
        if row is None:
            return None
        if row.subject and now - row.seen_at > _TOUCH:
            until = min(now + self.idle, row.created_at + self.longest)
            self.database.transaction(lambda conn: rows.touch_session(conn, row.id, now, until))
        return Session(row, cookie)

    def begin(self) -> Session:
        """A session of nobody."""
        return self._begin("", "", "", ANONYMOUS)

    def log_in(self, before: Session, subject: str, fingerprint: str, method: str) -> Session:
        """`before` ends, and a new one of `subject` begins."""
        now = self.clock.now()
        self.database.transaction(lambda conn: rows.end_session(conn, before.handle, now, "logged-in"))
        return self._begin(subject, fingerprint, method, self.idle)

    def log_out(self, session: Session, because: str = "logged-out") -> None:
        """It is over."""
        self.end(session.handle, because)

    def end(self, handle: str, because: str) -> bool:
        """End a session by its handle; False if it was over."""
        now = self.clock.now()
        return self.database.transaction(lambda conn: rows.end_session(conn, handle, now, because))

    def _begin(self, subject: str, fingerprint: str, method: str, life: timedelta) -> Session:
        now = self.clock.now()
        cookie = self.random(32).hex()[:64]
        row = SessionRow(
            _hash(cookie), self.random(12).hex(), self.realm, subject, fingerprint, method, now, now, now + life
        )

        def write(conn: Connection) -> None:
            rows.forget_sessions(conn, now + -_KEPT)
            rows.add_session(conn, row)

        self.database.transaction(write)
        return Session(row, cookie)

    def put(self, response: Response, session: Session) -> None:
        """Hand the cookie to the browser: for this session only, no script reads it, no other site sends it."""
        response.set_cookie(self.cookie_name, session.cookie, path="/", secure=True, httponly=True, samesite="strict")

    def take(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.cookie_name, path="/", secure=True, httponly=True, samesite="strict")


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
