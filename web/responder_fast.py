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
from dataclasses import dataclass, field, fields
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import httptools

from ca.ocsp import Answer
from ca.ocsp_answers import AnswerDesk
from ca.ocsp_response import UNSUCCESSFUL, ResponseStatus
from pki.errors import Error
from pki.instant import Clock, Instant
from web.client_certificate import told_fingerprint
from web.responder import MAX_REQUEST, REQUEST_TYPE, decode_path, etag, http_date


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost."""

    header: int = 16 * 1024
    """Octets of request line and headers; a GET carries its request there (RFC 5019 5 has no more than 255)."""
    body: int = MAX_REQUEST
    request_seconds: float = 10.0
    """From the first octet of a request to its last."""
    idle_seconds: float = 30.0
    """Between two requests of a connection."""
    waiting: int = 32
    """Requests of one connection that are read but not answered."""
    unsent: int = 256 * 1024
    """Octets of answers that a slow reader leaves with us."""
    connections: int = 20_000


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


@dataclass(slots=True)
class _Asked:
    """A request that is read: its desk and octets, or the response that it gets in any case."""

    desk: AnswerDesk | None
    octets: bytes
    fixed: bytes
    keep_alive: bool
    known_tag: bytes = b""
    url: bytes = b""
    """Of a GET."""
    client: bytes = b""
    """What a trusted proxy told of the client's certificate."""


_Batch = list[tuple["OcspProtocol", list[_Asked]]]

_TRY_LATER = UNSUCCESSFUL[ResponseStatus.TRY_LATER]
_MALFORMED = UNSUCCESSFUL[ResponseStatus.MALFORMED_REQUEST]


def _plain(status: str, *, close: bool = False, more: str = "") -> bytes:
    ending = "connection: close\r\n" if close else ""
    return f"HTTP/1.1 {status}\r\ncontent-length: 0\r\ncache-control: no-store\r\n{more}{ending}\r\n".encode()


_NOT_FOUND = _plain("404 Not Found")
_NOT_ALLOWED = _plain("405 Method Not Allowed", more="allow: GET, POST\r\n")
_OTHER_TYPE = _plain("415 Unsupported Media Type")
_BAD = _plain("400 Bad Request", close=True)
_TOO_LARGE = _plain("413 Content Too Large", close=True)
_HEADER_TOO_LARGE = _plain("431 Request Header Fields Too Large", close=True)
_TOO_SLOW = _plain("408 Request Timeout", close=True)
_BUSY = _plain("503 Service Unavailable", close=True, more="retry-after: 1\r\n")
_HEALTHY = _plain("200 OK")
_NOT_READY = _plain("503 Service Unavailable", more="retry-after: 1\r\n")
_READY = b"ready?"
"""Stands for what is answered once the look at the database is over."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response\r\n"
_UNCHANGED = b"HTTP/1.1 304 Not Modified\r\n"
_CLOSE = b"connection: close\r\n"
_MOST_PATHS, _LONGEST_PATH = 100_000, 512


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
        self._inline = inline
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

    def __call__(self) -> "OcspProtocol":
        """A protocol for a new connection."""
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(1.0, self._sweep)
        return OcspProtocol(self)

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
                return None, b"", _NOT_FOUND
            if kind != b"application/ocsp-request" and not _is_request_type(kind):
                return None, b"", _OTHER_TYPE
            return desk, body, b""
        if method != b"GET":
            return None, b"", _NOT_ALLOWED
        known = self._gets.get(url)
        if known is not None:
            return known[0], known[1], b""
        return self._understand_path(url)

    def _understand_path(self, url: bytes) -> tuple[AnswerDesk | None, bytes, bytes]:
        if url == b"/health":
            return None, b"", _HEALTHY
        if url == b"/ready":
            return None, b"", _READY
        prefix, _, encoded = url[6:].partition(b"/") if url.startswith(b"/ocsp/") else (b"", b"", b"")
        desk = self._posts.get(b"/ocsp/" + prefix)
        if desk is None or not encoded:
            return None, b"", _NOT_FOUND
        octets = decode_path(unquote_to_bytes(encoded).decode("latin-1"))
        if octets is None:
            return None, b"", _unshared(_MALFORMED)
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

    def enqueue(self, connection: "OcspProtocol") -> None:
        """Have the connection's requests answered with those of all others that came in this turn of the loop."""
        self._queue.append(connection)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        batch = [(connection, connection.take()) for connection in self._queue]
        self._queue.clear()
        if self._inline:
            self._scheduled = False
            self._answer(batch, self._refreshed())
        else:
            # Whatever arrives until it is done waits for the next look: a look counts only for what came before it.
            looked = self._loop.run_in_executor(None, self._refreshed)
            looked.add_done_callback(lambda future: self._flushed(batch, future))

    def _flushed(self, batch: "_Batch", future: "asyncio.Future[bool]") -> None:
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

    def _answer(self, batch: "_Batch", sure: bool) -> None:
        at = self._clock.now()
        if at.seconds != self._second:
            self._second = at.seconds
            self._date = b"date: " + http_date(at).encode() + b"\r\n"
        for connection, waiting in batch:
            connection.answer(waiting, at, sure)

    def respond(self, asked: _Asked, at: Instant, sure: bool) -> bytes:
        """The HTTP response to one request."""
        counts = self.counts
        counts.requests += 1
        desk = asked.desk
        if desk is None:
            if asked.fixed is _READY:
                return _HEALTHY if sure else _NOT_READY
            counts.refused += 1
            return asked.fixed
        if not sure:
            return _unshared(_TRY_LATER)
        now = at.seconds
        ready = desk.ready(asked.octets, now)
        if ready is None:
            counts.made += 1
            ready = desk.make(asked.octets, at, self._client(asked.client, at))
            if ready.answer.shared and asked.url and len(asked.url) < _LONGEST_PATH:
                self._remember(asked.url, desk, asked.octets)
        else:
            counts.kept += 1
        answer = ready.answer
        if not answer.shared or answer.next_update is None:
            return _unshared(answer.der, self._date)
        # Only the date and the seconds left change from one second to the next; all else is put together once.
        if not ready.tag:
            ready.tag, ready.validators, ready.tail = _unchanging(answer)
        left = answer.next_update.seconds - now
        if asked.known_tag and any(tag.strip() in (ready.tag, b"*") for tag in asked.known_tag.split(b",")):
            return b"%b%bcache-control: public, max-age=%d%b\r\n" % (_UNCHANGED, self._date, left, ready.validators)
        return b"%b%bcache-control: public, max-age=%d%b" % (_HEAD, self._date, left, ready.tail)

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


@dataclass(eq=False)
class StatusUnsure(Error):
    """The database could not be asked; `what` is the kind of failure."""

    code = "web.status-unsure"
    why = "the status of certificates cannot be told just now ({what})"

    what: str


def _unchanging(answer: Answer) -> tuple[bytes, bytes, bytes]:
    """The entity tag; the headers after max-age; these with length and body."""
    assert answer.this_update is not None
    assert answer.next_update is not None
    tag = etag(answer.der)
    validators = (
        f", no-transform, must-revalidate\r\nlast-modified: {http_date(answer.this_update)}\r\n"
        f"expires: {http_date(answer.next_update)}\r\netag: {tag}\r\n"
    ).encode()
    tail = b"%bcontent-length: %d\r\n\r\n%b" % (validators, len(answer.der), answer.der)
    return tag.encode(), validators, tail


def _unshared(der: bytes, date: bytes = b"") -> bytes:
    return b"%b%bcache-control: no-store\r\ncontent-length: %d\r\n\r\n%b" % (_HEAD, date, len(der), der)


def _is_request_type(kind: bytes) -> bool:
    return kind.partition(b";")[0].strip().lower() == REQUEST_TYPE.encode()


@dataclass(slots=True)
class _Reading:
    """The request that is being read."""

    url: bytes = b""
    body: bytes = b""
    kind: bytes = b""
    tag: bytes = b""
    client: bytes = b""
    octets: int = 0
    headed: bool = False
    fault: bytes = b""
    more: bytearray | None = field(default=None)


class OcspProtocol(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_behind_proxy",
        "_closing",
        "_draining",
        "_parser",
        "_reading",
        "_server",
        "_transport",
        "_waiting",
        "deadline",
    )

    def __init__(self, server: OcspServer) -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parser: Any = None
        self._reading = _Reading()
        self._waiting: list[_Asked] = []
        self._closing = False
        self._draining = False
        self._behind_proxy = False
        self.deadline = 0.0

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many already."""
        self._transport = cast(asyncio.Transport, transport)
        server = self._server
        if len(server.connections) >= server.limits.connections:
            self._transport.write(_BUSY)
            self._closing = True
            self._transport.close()
            return
        if server.proxies:
            self._behind_proxy = (transport.get_extra_info("peername") or ("",))[0] in server.proxies
        server.connections.add(self)
        server.counts.connections += 1
        self._transport.set_write_buffer_limits(high=server.limits.unsent)
        self._parser = httptools.HttpRequestParser(self)
        self.deadline = server.now() + server.limits.request_seconds

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it."""
        self._closing = True
        self._waiting.clear()
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read on; answers are written later in this turn of the loop."""
        if self._closing:
            return
        reading = self._reading
        if not reading.octets:
            self.deadline = self._server.now() + self._server.limits.request_seconds
        reading.octets += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(_BAD)
        except httptools.HttpParserError:
            self._refuse(self._reading.fault or _BAD)
        else:
            if not self._reading.headed and self._reading.octets > self._server.limits.header:
                self._refuse(_HEADER_TOO_LARGE)

    def eof_received(self) -> bool:
        """The other side will say no more: answer what is waiting, then end."""
        if self._waiting and not self._closing:
            self._waiting[-1].keep_alive = False
            return True
        return False

    def pause_writing(self) -> None:
        """The other side does not read: read nothing more from it either."""
        self._draining = True
        self._transport.pause_reading()
        self.deadline = self._server.now() + self._server.limits.request_seconds

    def resume_writing(self) -> None:
        """It reads again."""
        self._draining = False
        if not self._closing:
            self._transport.resume_reading()
            self.deadline = self._server.now() + self._server.limits.idle_seconds

    # ---- httptools

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        reading = self._reading
        reading.url += url
        if len(reading.url) > self._server.limits.header:
            self._fault(_HEADER_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; only three of them mean anything here."""
        size = len(name)
        if size == 12:
            if name.lower() == b"content-type":
                self._reading.kind = value
        elif size == 13:
            if name.lower() == b"if-none-match":
                self._reading.tag = value
        elif size == 14:
            if name.lower() == b"content-length" and (
                not value.isdigit() or len(value) > 9 or int(value) > self._server.limits.body
            ):
                self._fault(_TOO_LARGE if value.isdigit() else _BAD)
        elif size == 11 and self._behind_proxy and name.lower() == b"client-cert":
            if self._reading.client:
                self._fault(_BAD)
            self._reading.client = value
        elif size == 6 and name.lower() == b"expect" and value.lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        reading = self._reading
        reading.headed = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        reading = self._reading
        if not reading.body:
            reading.body = body
        else:
            if reading.more is None:
                reading.more = bytearray(reading.body)
            reading.more += body
        if len(reading.more if reading.more is not None else reading.body) > self._server.limits.body:
            self._fault(_TOO_LARGE)

    def on_message_complete(self) -> None:
        """A whole request: have it answered at the end of this turn."""
        reading, parser, server = self._reading, self._parser, self._server
        self._reading = _Reading()
        body = reading.body if reading.more is None else bytes(reading.more)
        method = parser.get_method()
        desk, octets, fixed = server.understand(method, reading.url, reading.kind, body)
        if not self._waiting:
            server.enqueue(self)
        elif len(self._waiting) >= server.limits.waiting:
            self._fault(_BUSY)
        url = b"" if method == b"POST" else reading.url
        self._waiting.append(_Asked(desk, octets, fixed, parser.should_keep_alive(), reading.tag, url, reading.client))
        self.deadline = server.now() + server.limits.idle_seconds

    # ---- answers

    def take(self) -> list[_Asked]:
        """What is waiting; from now on new requests wait for the next batch."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def answer(self, waiting: list[_Asked], at: Instant, sure: bool) -> None:
        """Write the answers, in order."""
        if self._closing or not waiting:
            return
        respond = self._server.respond
        pieces = []
        for asked in waiting:
            response = respond(asked, at, sure)
            if not asked.keep_alive:
                end = response.index(b"\r\n") + 2
                pieces.append(response[:end] + _CLOSE + response[end:])
                self._closing = True
                break
            pieces.append(response)
        self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._closing:
            self._end()

    def expire(self) -> None:
        """The time is over: told, if a request was begun; cut at once, if the answers are not read."""
        self._server.counts.cut += 1
        if self._draining or self._closing:
            self.cut()
        elif self._reading.octets or self._waiting:
            self._refuse(_TOO_SLOW)
        else:
            self._closing = True
            self._transport.close()

    def cut(self) -> None:
        """End without a word."""
        self._closing = True
        self._transport.abort()

    def _fault(self, response: bytes) -> None:
        self._reading.fault = response
        raise ValueError("refused")  # ends httptools' feed_data, which reports it as its own error

    def _refuse(self, response: bytes) -> None:
        if self._closing:
            return
        self._closing = True
        self._server.counts.refused += 1
        if self._waiting:
            # What came whole before the fault is not answered late: the connection ends here anyway.
            self._waiting.clear()
        self._transport.write(response)
        self._end()

    def _end(self) -> None:
        # Half-closed first: a close with unread octets would reset the connection and destroy the answer on its way.
        self.deadline = self._server.now() + 1.0
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
