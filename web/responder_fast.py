"""OCSP over a small HTTP/1.1 of its own: the same answers as `web/responder.py`, without a framework in between.

    POST /ocsp/{authority}            application/ocsp-request
    GET  /ocsp/{authority}/{base64}
    GET  /health, /ready              the process answers; its knowledge is fresh

Nothing else is spoken. Requests that arrive together are answered together: one look at the journal's head goes before
the whole batch, so a revocation that was committed before a request arrived is in its answer.

What bounds a stranger: octets of a header block and of a body, seconds for a whole request, seconds of silence between
two, requests waiting on one connection, octets waiting to be sent, connections in all. Whoever passes one is told so,
where HTTP has a word for it, and cut off. Forwarding headers of a proxy are passed over: nobody's address is kept.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import cast
from urllib.parse import unquote_to_bytes

from ca.ocsp_answers import AnswerDesk
from pki.errors import Error
from pki.instant import Clock, Instant
from web import responder_http as said
from web.client_certificate import told_fingerprint
from web.errors import StatusUnsure
from web.responder import REQUEST_TYPE, decode_path, http_date
from web.responder_connection import Asked, Limits, OcspProtocol

_READY = b"ready?"
"""Stands for what is answered once the look at the database is over."""
_MOST_PATHS, _LONGEST_PATH = 100_000, 512
_MOST_WHOLE = 50_000

Batch = list[tuple[OcspProtocol, list[Asked]]]


@dataclass(slots=True)
class Counts:
    """What is counted; nothing about anybody."""

    requests: int = 0
    kept: int = 0
    made: int = 0
    refused: int = 0
    cut: int = 0
    connections: int = 0
    refreshes: int = 0
    unsure: int = 0


class OcspServer:
    """What the connections of one process share. Everything runs in the event loop's thread."""

    def __init__(
        self,
        desks: Mapping[str, AnswerDesk],
        refresh: Callable[[], object],
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        limits: Limits | None = None,
        alarm: Callable[[Error], None] = lambda _error: None,
        *,
        inline: bool = True,
        proxies: frozenset[str] = frozenset(),
    ) -> None:
        """`refresh` brings the desks' view up to what is committed now, or raises; `inline` when it is quick enough to
        be called in the event loop (else it runs in a thread, one at a time). `proxies` are the addresses whose
        `Client-Cert` is believed (RFC 9440)."""
        self.adopt(desks)
        self._refresh = refresh
        self._clock = clock
        self._loop = loop
        self.limits = limits or Limits()
        self._alarm = alarm
        self._in_loop = inline
        self.proxies = proxies
        self.counts = Counts()
        self.connections: set[OcspProtocol] = set()
        self._queue: list[OcspProtocol] = []  # those with something waiting
        self._scheduled = False
        self._second = -1
        self._sure_at: int | None = None
        self._sure = False
        self._date = b""
        self._sweeper: asyncio.TimerHandle | None = None

    def adopt(self, desks: Mapping[str, AnswerDesk]) -> None:
        """Answer for these authorities from now on."""
        self._posts = {f"/ocsp/{name}".encode(): desk for name, desk in desks.items()}
        self._gets: dict[bytes, tuple[AnswerDesk, bytes]] = {}
        self.whole: dict[bytes, Asked] = {}
        """Requests whose answers are kept for everybody, by all their octets."""

    def __call__(self) -> asyncio.Protocol:
        """A protocol for a new connection."""
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(1.0, self._sweep)
        return cast(asyncio.Protocol, OcspProtocol(self))

    def close(self) -> None:
        """Cut every connection and stop."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.cut()

    def now(self) -> float:
        """The event loop's seconds, for deadlines."""
        return self._loop.time()

    def understand(self, method: bytes, url: bytes, kind: bytes, body: bytes) -> tuple[AnswerDesk | None, bytes, bytes]:
        """Which desk answers which octets; or no desk and the response itself."""
        if method == b"POST":
            desk = self._posts.get(url)
            if desk is None:
                return None, b"", said.NOT_FOUND
            if kind != b"application/ocsp-request" and not _is_request_type(kind):
                return None, b"", said.OTHER_TYPE
            return desk, body, b""
        if method != b"GET":
            return None, b"", said.NOT_ALLOWED
        known = self._gets.get(url)
        if known is not None:
            return known[0], known[1], b""
        return self._understand_path(url)

    def _understand_path(self, url: bytes) -> tuple[AnswerDesk | None, bytes, bytes]:
        if url == b"/health":
            return None, b"", said.HEALTHY
        if url == b"/ready":
            return None, b"", _READY
        prefix, _, encoded = url[6:].partition(b"/") if url.startswith(b"/ocsp/") else (b"", b"", b"")
        desk = self._posts.get(b"/ocsp/" + prefix)
        if desk is None or not encoded:
            return None, b"", said.NOT_FOUND
        octets = decode_path(unquote_to_bytes(encoded).decode("latin-1"))
        if octets is None:
            return None, b"", said.unshared(said.MALFORMED)
        return desk, octets, b""

    def numbers(self) -> dict[str, int]:
        """What this process counted since it began, and how things stand now, by name; about nobody.

        `status_age_seconds` is since the last look at the database that succeeded, -1 before the first.
        """
        age = -1 if self._sure_at is None else max(0, self._clock.now().seconds - self._sure_at)
        counted = {f"{one.name}_total": int(getattr(self.counts, one.name)) for one in fields(self.counts)}
        now = {"connections_open": len(self.connections), "status_age_seconds": age, "sure": int(self._sure)}
        return {**counted, **now}

    def look(self) -> None:
        """Look at the database soon, though nobody asked: so one knows how things stand when all is quiet."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _remember(self, url: bytes, desk: AnswerDesk, octets: bytes) -> None:
        # Only paths whose answer is kept: strangers cannot fill this with paths that mean nothing.
        if len(self._gets) >= _MOST_PATHS:
            self._gets.clear()
        self._gets[url] = (desk, octets)

    def _remember_whole(self, asked: Asked) -> None:
        # Only those that ask again for what is kept: a flood of requests that differ fills nothing.
        if len(self.whole) >= _MOST_WHOLE:
            self.whole.clear()
        self.whole[asked.whole] = replace(asked, whole=b"", url=b"")

    def enqueue(self, connection: "OcspProtocol") -> None:
        """Have the connection's requests answered with those of all others that came in this turn of the loop."""
        self._queue.append(connection)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        batch = [(connection, connection.take()) for connection in self._queue]
        self._queue.clear()
        if self._in_loop:
            self._scheduled = False
            self._answer(batch, self._refreshed())
        else:
            # Whatever arrives until it is done waits for the next look: a look counts only for what came before it.
            looked = self._loop.run_in_executor(None, self._refreshed)
            looked.add_done_callback(lambda future: self._flushed(batch, future))

    def _flushed(self, batch: Batch, future: "asyncio.Future[bool]") -> None:
        self._scheduled = False
        self._answer(batch, not future.cancelled() and future.exception() is None and future.result())
        if self._queue and not self._scheduled:
            self._scheduled = True
            self._flush()

    def _refreshed(self) -> bool:
        try:
            self._refresh()
        except Error as error:
            self._alarm(error)
            self.counts.unsure += 1
            self._sure = False
            return False
        except Exception as error:  # a driver's own error: whatever it is, nothing may be told now
            self._alarm(StatusUnsure(type(error).__name__))
            self.counts.unsure += 1
            self._sure = False
            return False
        self.counts.refreshes += 1
        self._sure = True
        self._sure_at = self._clock.now().seconds
        return True

    def _answer(self, batch: Batch, sure: bool) -> None:
        at = self._clock.now()
        if at.seconds != self._second:
            self._second = at.seconds
            self._date = b"date: " + http_date(at).encode() + b"\r\n"
        for connection, waiting in batch:
            connection.answer(waiting, at, sure)

    def respond(self, asked: Asked, at: Instant, sure: bool) -> bytes:
        """The HTTP response to one request."""
        counts = self.counts
        counts.requests += 1
        desk = asked.desk
        if desk is None:
            if asked.fixed is _READY:
                return said.HEALTHY if sure else said.NOT_READY
            counts.refused += 1
            return asked.fixed
        if not sure:
            return said.unshared(said.TRY_LATER)
        now = at.seconds
        ready = desk.ready(asked.octets, now)
        if ready is None:
            counts.made += 1
            ready = desk.make(asked.octets, at, self._client(asked.client, at))
            if ready.answer.shared and asked.url and len(asked.url) < _LONGEST_PATH:
                self._remember(asked.url, desk, asked.octets)
        else:
            counts.kept += 1
            if asked.whole:
                self._remember_whole(asked)
        answer = ready.answer
        if not answer.shared or answer.next_update is None:
            return said.unshared(answer.der, self._date)
        # Only the date and the seconds left change from one second to the next; all else is put together once.
        if not ready.tag:
            ready.tag, ready.validators, ready.tail = said.unchanging(answer)
        left = answer.next_update.seconds - now
        if asked.known_tag and any(tag.strip() in (ready.tag, b"*") for tag in asked.known_tag.split(b",")):
            return b"%b%bcache-control: public, max-age=%d%b\r\n" % (said.UNCHANGED, self._date, left, ready.validators)
        return b"%b%bcache-control: public, max-age=%d%b" % (said.HEAD, self._date, left, ready.tail)

    def _client(self, told: bytes, at: Instant) -> str | None:
        if not told:
            return None
        try:
            return told_fingerprint(told.decode("latin-1"), at)
        except Error as error:
            self._alarm(error)
            return None

    def _sweep(self) -> None:
        now = self.now()
        for connection in list(self.connections):
            if connection.deadline < now:
                connection.expire()
        self._sweeper = self._loop.call_later(1.0, self._sweep)


def _is_request_type(kind: bytes) -> bool:
    return kind.partition(b";")[0].strip().lower() == REQUEST_TYPE.encode()
