"""The open lines to the agents: ask one something and wait for the answer; hear what lies in its readers."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from pki.instant import Clock, Instant
from web.errors import NotPaired, ReaderRefused, ReaderSilent

PATIENCE: Final = 25.0
"""Seconds for one command: a card makes an RSA key for up to ten, twenty when it is unlucky."""


@dataclass(frozen=True, slots=True)
class ReaderNow:
    """One reader of an agent, as the agent says."""

    reader: str
    present: bool
    ours: bool
    card: str
    fingerprint: str
    authentication_tries: int | None
    signature_tries: int | None
    trouble: str


@dataclass(frozen=True, slots=True)
class ReadersNow:
    """All of them. `service`: whether the PC's card service answers at all."""

    service: bool
    readers: tuple[ReaderNow, ...]

    def holds(self, fingerprint: str) -> bool:
        """Whether a card with that authentication certificate lies in one of them."""
        return any(one.fingerprint == fingerprint for one in self.readers)

    def empty(self) -> bool:
        """Whether there is nothing to say: no service, no reader, or a card that could not be asked."""
        return not self.service or not self.readers or any(one.trouble for one in self.readers)


NOTHING: Final = ReadersNow(True, ())


@dataclass(slots=True)
class Line:
    """One open line. `call` is for worker threads; the rest belongs to the event loop that carries it."""

    channel: str
    session: str
    _loop: asyncio.AbstractEventLoop
    _send: Callable[[Mapping[str, Any]], None]
    readers: ReadersNow = NOTHING
    _waiting: dict[int, Future[dict[str, Any]]] = field(default_factory=dict)
    _number: int = 0
    _lock: Lock = field(default_factory=Lock)
    closed: bool = False
    empty_since: Instant | None = None
    """Since when its readers say nothing useful; None while they do."""

    def call(self, operation: str, arguments: Mapping[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
        """What the agent answers. Errors: ReaderRefused with its reason, ReaderSilent."""
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            if self.closed:
                raise ReaderSilent
            self._number += 1
            number = self._number
            self._waiting[number] = future
        message = {"id": number, "operation": operation, "arguments": dict(arguments)}
        try:
            self._loop.call_soon_threadsafe(self._send, message)
            answer = future.result(patience)
        except (TooLate, RuntimeError):
            raise ReaderSilent from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if "error" in answer:
            raise ReaderRefused(str(answer["error"])[:60])
        result = answer.get("result")
        return result if isinstance(result, dict) else {}

    def heard(self, body: Mapping[str, Any]) -> bool:
        """Take a message of the agent; True if it was news of the readers."""
        if body.get("event") == "readers":
            self.readers = readers_of(body)
            return True
        with self._lock:
            future = self._waiting.get(body.get("id", -1))
        if future is not None and not future.done():
            future.set_result(dict(body))
        return False

    def close(self) -> None:
        """The line is cut: whoever waits is told."""
        with self._lock:
            self.closed = True
            waiting = list(self._waiting.values())
        for future in waiting:
            if not future.done():
                future.set_result({"error": "line-cut"})


@dataclass(slots=True)
class Lines:
    """The lines of this process. `changed` hears of each session whose readers said something. Safe for threads."""

    clock: Clock
    changed: list[Callable[[str, ReadersNow], None]] = field(default_factory=list)
    _open: dict[str, Line] = field(default_factory=dict)
    _lost: dict[str, Instant] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, line: Line) -> None:
        """A line was opened; an older one of the same channel is cut."""
        line.empty_since = self.clock.now()
        with self._lock:
            older = self._open.get(line.channel)
            self._open[line.channel] = line
            self._lost.pop(line.channel, None)
        if older is not None:
            older.close()

    def remove(self, line: Line) -> None:
        """A line was cut."""
        line.close()
        with self._lock:
            if self._open.get(line.channel) is line:
                del self._open[line.channel]
                self._lost[line.channel] = self.clock.now()

    def note(self, line: Line) -> None:
        """Its readers said something: whether it is of use, or since when it is not."""
        if not line.readers.empty():
            line.empty_since = None
        elif line.empty_since is None:
            line.empty_since = self.clock.now()

    def find(self, channel: str) -> Line | None:
        """The open line of a channel."""
        with self._lock:
            return self._open.get(channel)

    def of(self, channel: str | None) -> Line:
        """The same. Errors: NotPaired without a channel, ReaderSilent when its line is cut."""
        if channel is None:
            raise NotPaired
        line = self.find(channel)
        if line is None:
            raise ReaderSilent
        return line

    def lost_since(self, channel: str) -> Instant | None:
        """Since when the line is cut; None while it is open."""
        with self._lock:
            return None if channel in self._open else self._lost.get(channel)

    def tell(self, session: str, readers: ReadersNow) -> None:
        """Tell everybody who listens."""
        for listener in self.changed:
            listener(session, readers)


def readers_of(body: Mapping[str, Any]) -> ReadersNow:
    """What an agent says of its readers; what does not fit is left out."""
    given = body.get("readers")
    documents = [one for one in (given if isinstance(given, list) else []) if isinstance(one, dict)]
    return ReadersNow(body.get("service") is True, tuple(_reader_of(one) for one in documents[:16]))


def _reader_of(one: Mapping[str, Any]) -> ReaderNow:
    return ReaderNow(
        str(one.get("reader", ""))[:200],
        one.get("present") is True,
        one.get("ours") is True,
        str(one.get("card", ""))[:40],
        str(one.get("fingerprint", ""))[:64],
        _count(one.get("authentication_tries")),
        _count(one.get("signature_tries")),
        str(one.get("trouble", ""))[:60],
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= 15 else None
