"""Pairing a browser session with the agent beside it: a one-time code on the page, typed at the agent.

The code travels by the person's eyes and fingers from the page to the agent, so it proves that both are in front of
the same person. It is worth something once and for five minutes; the agent gets the line's key for it, the page only a
ticket with which the agent knows it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Lock
from typing import Final

from pki.envelope import KEY_OCTETS
from pki.instant import Clock, Instant
from web.errors import NotPaired

CODE_LIFE: Final = timedelta(minutes=5)
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, O, 1 and I: it is read from a screen. 32 letters, 10 places: 50 bits, so that guesses need no brake. A
brake would have been a way for anybody to keep every counter from pairing."""
_PLACES: Final = 10
_MOST_WAITING: Final = 10_000


@dataclass(frozen=True, slots=True, repr=False)
class Channel:
    """What a pairing made. `session`: the browser session's own handle, never the cookie."""

    channel: str
    key: bytes
    ticket: str
    session: str
    realm: str
    agent: str
    """Where the paired agent listens on its PC, like http://127.0.0.1:27980."""


@dataclass(slots=True)
class Pairings:
    """Codes that wait, and channels, in this process; a restart asks everybody to pair again. Safe for threads."""

    clock: Clock
    random: Callable[[int], bytes]
    _waiting: dict[str, tuple[str, str, Instant]] = field(default_factory=dict)
    _channels: dict[str, Channel] = field(default_factory=dict)
    _of_session: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def code_for(self, session: str, realm: str) -> str:
        """The code that this session's page shows; the same until it is used or too old."""
        now = self.clock.now()
        with self._lock:
            for code, (whose, _, until) in self._waiting.items():
                if whose == session and now < until:
                    return code
            self._waiting = {code: one for code, one in self._waiting.items() if now < one[2]}
            while len(self._waiting) >= _MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            code = "".join(_ALPHABET[octet % len(_ALPHABET)] for octet in self.random(_PLACES))
            self._waiting[code] = (session, realm, now + CODE_LIFE)
            return code

    def offered(self, session: str, realm: str) -> dict[str, object]:
        """What `pages/pairing.html` shows a session: its `channel`, or while it has none the `code` to type there."""
        channel = self.of_session(session)
        return {"channel": channel, "code": "" if channel else self.code_for(session, realm)}

    def redeem(self, code: str, port: int) -> Channel:
        """What the code is worth, once, for the agent on that port of its loopback.

        Errors: NotPaired.
        """
        now = self.clock.now()
        with self._lock:
            found = self._waiting.pop(code, None)
            if found is None or now >= found[2]:
                raise NotPaired
            session, realm, _ = found
            agent = f"http://127.0.0.1:{port}"
            made = Channel(self.random(16).hex(), self.random(KEY_OCTETS), self.random(32).hex(), session, realm, agent)
            self._drop(self._of_session.get(session))
            self._channels[made.channel] = made
            self._of_session[session] = made.channel
            return made

    def channel(self, channel: str) -> Channel | None:
        """The channel of that id."""
        with self._lock:
            return self._channels.get(channel)

    def of_session(self, session: str) -> Channel | None:
        """The channel that this session was paired to."""
        with self._lock:
            return self._channels.get(self._of_session.get(session, ""))

    def rename(self, old: str, new: str) -> None:
        """The session got another handle at log-in; its agent stays with it."""
        with self._lock:
            channel = self._of_session.pop(old, None)
            if channel is not None:
                known = self._channels[channel]
                self._channels[channel] = replace(known, session=new)
                self._of_session[new] = channel

    def end(self, session: str) -> None:
        """The session ended, and its channel with it."""
        with self._lock:
            self._drop(self._of_session.pop(session, None))

    def _drop(self, channel: str | None) -> None:
        if channel is not None:
            self._channels.pop(channel, None)
