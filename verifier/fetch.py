"""The only outgoing HTTP: OCSP, CRLs, issuers' certificates, time-stamps, from hosts that were allowed by name.

An address in a certificate or a signature was written by whoever made it. So: only http and https, only hosts and
ports on the list, the name resolved once and the connection made to the very address that was judged (no second
look-up that could answer differently), no private address unless the entry says so, no redirect unless allowed, and
bounds on octets and on seconds for the whole exchange.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import urlsplit

from verifier.errors import FetchFailed, FetchRefused

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host that may be asked, by the name that stands in the address."""

    host: str
    port: int | None = None
    """None: the scheme's own port only."""
    private: bool = False
    """Whether its address may lie in a private, loopback or link-local network: for a demo's loopback, or a responder
    in one's own network."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds on one exchange."""

    octets: int = 10 * 1024 * 1024
    seconds: float = 5.0
    """For everything: connecting, sending, receiving, redirects."""
    redirects: int = 0


class Fetcher(Protocol):
    """Whoever may go out to ask. Each call is one attempt; nothing is retried, nothing is cached."""

    def get(self, url: str) -> bytes:
        """The body. Errors: FetchRefused, FetchFailed."""
        ...

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """The body of the answer. Errors: FetchRefused, FetchFailed."""
        ...


def resolve(host: str, port: int) -> list[str]:
    """The numeric addresses of `host`. Errors: OSError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class HttpFetcher:
    """Asks over HTTP, within the list and the limits. May be used by several threads at once."""

    allowed: frozenset[AllowedHost]
    monotonic: Callable[[], float]
    """Seconds on a clock that only goes forward; for the time limit."""
    limits: FetchLimits = field(default_factory=FetchLimits)
    resolver: Callable[[str, int], list[str]] = resolve
    tls: ssl.SSLContext | None = None
    """None: the platform's trusted authorities, names checked."""

    def get(self, url: str) -> bytes:
        """See Fetcher."""
        return self._exchange("GET", url, None, {})

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """See Fetcher."""
        return self._exchange("POST", url, body, {"Content-Type": content_type})

    def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        deadline = self.monotonic() + self.limits.seconds
        for _ in range(self.limits.redirects + 1):
            status, location, answer = self._once(method, url, body, headers, deadline)
            if status not in (301, 302, 303, 307, 308) or location is None:
                break
            url = location
        host = urlsplit(url).hostname or ""
        if status != 200:
            raise FetchFailed(host, f"status {status}")
        return answer

    def _once(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> tuple[int, str | None, bytes]:
        scheme, host, port, target = self._judged(url)
        address = self._address(host, port)
        try:
            with self._connection(scheme, host, port, address, deadline) as connection:
                connection.request(method, target, body, {"Accept-Encoding": "identity", **headers})
                answer = connection.getresponse()
                return answer.status, answer.headers.get("Location"), self._body(answer, host)
        except (OSError, http.client.HTTPException) as error:
            raise FetchFailed(host, type(error).__name__) from error

    def _judged(self, url: str) -> tuple[str, str, int, str]:
        """Scheme, host, port and target of an address that may be asked. Errors: FetchRefused."""
        if len(url) > 2048 or not url.isascii() or any(character <= " " for character in url):
            raise FetchRefused("an address", "it is not a plain URL")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise FetchRefused("an address", "it is not a plain URL") from error
        if parts.scheme not in _DEFAULT_PORTS or parts.username is not None or parts.password is not None:
            raise FetchRefused(host or "an address", "only http and https without credentials are spoken")
        default = _DEFAULT_PORTS[parts.scheme]
        if self._entry(host, port or default, default) is None:
            raise FetchRefused(host, "it is not on the list of allowed hosts")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return parts.scheme, host, port or default, target

    def _entry(self, host: str, port: int, default: int | None = None) -> AllowedHost | None:
        for entry in self.allowed:
            if entry.host.lower() == host and port == (entry.port if entry.port is not None else default):
                return entry
        return None

    def _address(self, host: str, port: int) -> str:
        """The one address to connect to. Errors: FetchRefused for a private one, FetchFailed."""
        try:
            addresses = self.resolver(host, port)
        except OSError as error:
            raise FetchFailed(host, "its name cannot be resolved") from error
        if not addresses:
            raise FetchFailed(host, "its name cannot be resolved")
        entry = self._entry(host, port, port)
        # every address counts: a name with one public and one private address is a trap, not a service
        if (entry is None or not entry.private) and not all(map(is_public, addresses)):
            raise FetchRefused(host, "its address lies in a private network")
        return addresses[0]

    def _left(self, host: str, deadline: float) -> float:
        left = deadline - self.monotonic()
        if left <= 0:
            raise FetchFailed(host, "it took too long")
        return left

    @contextlib.contextmanager
    def _connection(
        self, scheme: str, host: str, port: int, address: str, deadline: float
    ) -> Iterator[http.client.HTTPConnection]:
        left = self._left(host, deadline)
        connection = http.client.HTTPConnection(host, port, timeout=left)
        stream = socket.create_connection((address, port), timeout=left)
        try:
            if scheme == "https":
                context = self.tls or ssl.create_default_context()
                stream = context.wrap_socket(stream, server_hostname=host)
            connection.sock = cast(socket.socket, _TimedSocket(stream, lambda: self._left(host, deadline)))
            yield connection
        finally:
            connection.close()
            stream.close()

    def _body(self, answer: http.client.HTTPResponse, host: str) -> bytes:
        """The whole body, counted as it comes: a Content-Length is a claim."""
        pieces: list[bytes] = []
        size = 0
        while piece := answer.read1(65536):
            size += len(piece)
            if size > self.limits.octets:
                raise FetchFailed(host, f"it sent more than {self.limits.octets} octets")
            pieces.append(piece)
        if answer.length:  # the connection ended before the length that was announced
            raise FetchFailed(host, "it stopped in the middle")
        return b"".join(pieces)


class _TimedStream(io.RawIOBase):
    """What is received, every wait ending at one deadline."""

    def __init__(self, stream: socket.socket, left: Callable[[], float]) -> None:
        self._stream = stream
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._stream.settimeout(self._left())
        return self._stream.recv_into(buffer)


class _TimedSocket:
    """The part of a socket that `http.client` uses; a slow drip of headers or body ends at the deadline too."""

    def __init__(self, stream: socket.socket, left: Callable[[], float]) -> None:
        self._stream = stream
        self._left = left

    def sendall(self, octets: bytes) -> None:
        self._stream.settimeout(self._left())
        self._stream.sendall(octets)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedStream(self._stream, self._left))

    def close(self) -> None:
        """Whoever opened the connection closes it: `http.client` lets go of it while the body is still unread."""


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public internet; an IPv4 address in IPv6 clothes counts as IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None:
            parsed = inner
        elif parsed in ipaddress.ip_network("64:ff9b::/96"):
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not parsed.is_multicast
