"""One connection of the fast responder: what is read of it, what bounds it, how its answers are written.

httptools reads the requests. A request that came before, octet for octet and in one piece, and whose answer is kept for
everybody, is not read again: its octets say all that was read from them.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import httptools

from ca.ocsp_answers import AnswerDesk
from pki.instant import Instant
from web import responder_http as said
from web.responder import MAX_REQUEST

if TYPE_CHECKING:
    from web.responder_fast import OcspServer

_LONGEST_WHOLE = 1024


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
class Asked:
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
    whole: bytes = b""
    """The request as it came, head and body, where it came in one piece and may come again."""


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


class OcspProtocol:
    """One connection: an `asyncio.Protocol` by what it does. It is none by name, for a compiled class cannot inherit
    from one that is not, and an event loop does not ask."""

    __slots__ = (
        "_behind_proxy",
        "_closing",
        "_draining",
        "_parser",
        "_reading",
        "_server",
        "_transport",
        "_waiting",
        "_within",
        "deadline",
    )

    def __init__(self, server: "OcspServer") -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parser: Any = None
        self._reading = _Reading()
        self._waiting: list[Asked] = []
        self._closing = False
        self._draining = False
        self._behind_proxy = False
        self._within = False  # a request has begun and is not whole
        self.deadline = 0.0

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many already."""
        self._transport = cast(asyncio.Transport, transport)
        server = self._server
        if len(server.connections) >= server.limits.connections:
            self._transport.write(said.BUSY)
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
        self._parser = None  # it holds us: without this only the collector of circles would find the two
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read on; answers are written later in this turn of the loop."""
        if self._closing:
            return
        fresh, before = not self._within and not self._behind_proxy, len(self._waiting)
        if fresh:
            known = self._server.whole.get(data)
            if known is not None and before < self._server.limits.waiting:
                self._ask(known)
                return
        self._read(data)
        if fresh and not self._within and len(self._waiting) == before + 1 and len(data) <= _LONGEST_WHOLE:
            self._waiting[-1].whole = data

    def _read(self, data: bytes) -> None:
        reading = self._reading
        if not reading.octets:
            self.deadline = self._server.now() + self._server.limits.request_seconds
        reading.octets += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(said.BAD)
        except httptools.HttpParserError:
            self._refuse(self._reading.fault or said.BAD)
        else:
            if not self._reading.headed and self._reading.octets > self._server.limits.header:
                self._refuse(said.HEADER_TOO_LARGE)

    def eof_received(self) -> bool:
        """The other side will say no more: answer what is waiting, then end."""
        if self._waiting and not self._closing:
            self._waiting[-1] = replace(self._waiting[-1], keep_alive=False, whole=b"")
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

    def on_message_begin(self) -> None:
        """The first octet of a request."""
        self._within = True

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        reading = self._reading
        reading.url += url
        if len(reading.url) > self._server.limits.header:
            self._fault(said.HEADER_TOO_LARGE)

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
                self._fault(said.TOO_LARGE if value.isdigit() else said.BAD)
        elif size == 11 and self._behind_proxy and name.lower() == b"client-cert":
            if self._reading.client:
                self._fault(said.BAD)
            self._reading.client = value
        elif size == 6 and name.lower() == b"expect" and value.lower() == b"100-continue":
            self._transport.write(said.CONTINUE)

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
            self._fault(said.TOO_LARGE)

    def on_message_complete(self) -> None:
        """A whole request: have it answered at the end of this turn."""
        reading, parser, server = self._reading, self._parser, self._server
        self._reading = _Reading()
        self._within = False
        body = reading.body if reading.more is None else bytes(reading.more)
        method = parser.get_method()
        desk, octets, fixed = server.understand(method, reading.url, reading.kind, body)
        if len(self._waiting) >= server.limits.waiting:
            self._fault(said.BUSY)
        url = b"" if method == b"POST" else reading.url
        self._ask(Asked(desk, octets, fixed, parser.should_keep_alive(), reading.tag, url, reading.client))

    def _ask(self, asked: Asked) -> None:
        server = self._server
        if not self._waiting:
            server.enqueue(self)
        self._waiting.append(asked)
        self.deadline = server.now() + server.limits.idle_seconds

    # ---- answers

    def take(self) -> list[Asked]:
        """What is waiting; from now on new requests wait for the next batch."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def answer(self, waiting: list[Asked], at: Instant, sure: bool) -> None:
        """Write the answers, in order."""
        if self._closing or not waiting:
            return
        respond = self._server.respond
        if len(waiting) == 1 and waiting[0].keep_alive:
            self._transport.write(respond(waiting[0], at, sure))
            return
        pieces = []
        for asked in waiting:
            response = respond(asked, at, sure)
            if not asked.keep_alive:
                end = response.index(b"\r\n") + 2
                pieces.append(response[:end] + said.CLOSE + response[end:])
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
            self._refuse(said.TOO_SLOW)
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
