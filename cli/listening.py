"""One listening socket and the HTTP server behind it, from open to closed."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cli.errors import AddressUnusable, PortTaken
from web.application import Application

_BACKLOG = 2048
HEAD_SECONDS = 10
"""Seconds that the head of a request may take from its first octet, or from the opening of the connection."""
_MOST_CONNECTIONS = 2000
_GRACE = 5
"""Seconds that requests under way get to end after the signal."""


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8080` or `[::1]:8080` as host and port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def open_socket(address: str) -> socket.socket:
    """Listen at `address` (port 0: any free one). Errors: PortTaken, AddressUnusable.

    Opened before anything else is built: whoever cannot listen should know before keys and databases are touched.
    """
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(address) from None
        raise AddressUnusable(address, os.strerror(error.errno or 0)) from None
    listener.set_inheritable(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """Where it listens, with the port that the system chose."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Patient(HttpToolsProtocol):
    """uvicorn's protocol with an end to its patience: who does not finish the head of a request is hung up on.

    Otherwise whoever opens connections and says nothing holds them all, for ever. (Bodies: `web.application`.)
    """

    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        answering: RequestResponseCycle | None = self.cycle
        if self._giving_up is None and (answering is None or answering.response_complete):
            self._expect_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._got_head()
        secured = self.transport.get_extra_info("ssl_object")
        certificate = None if secured is None else secured.getpeercert(binary_form=True)
        if certificate is not None:
            # the TLS extension of ASGI: whoever answers learns who has proved the key of which certificate
            tls: dict[object, object] = {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(certificate)]}
            self.scope["extensions"] = {**self.scope.get("extensions", {}), "tls": tls}
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._got_head()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._giving_up = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _got_head(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which raise the signal again once it has been obeyed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_server(
    application: Application,
    listener: socket.socket,
    ready: Callable[[], None],
    ended: Callable[[], bool],
    *,
    signals: bool = True,
    ws_octets: int = 256 * 1024,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or until `ended()` (asked every 0.2 s); calls `ready` once requests are answered.

    Without `signals` they are not looked at: only the main thread of a process may. `ws_octets`: the longest message of
    a WebSocket. `tls` None: plain HTTP.
    """
    config = uvicorn.Config(
        application,
        log_config=None,  # our own log names no paths; uvicorn's would
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE,
        loop="uvloop",
        http=_Patient,
        ws="websockets-sansio",
        ws_max_size=ws_octets,
        ws_per_message_deflate=False,
        limit_concurrency=_MOST_CONNECTIONS,
        proxy_headers=False,  # nobody's word is taken for who asks
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    server = _Server(config)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT) if signals else ():
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not running.done():
            await asyncio.sleep(0.005)
        if server.started:
            ready()
        while not running.done():
            await asyncio.wait([running], timeout=0.2)
            if ended():
                server.should_exit = True
        await running

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())
