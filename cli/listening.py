"""One listening socket and the HTTP server behind it, from open to closed."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from cli.errors import AddressUnusable, PortTaken
from web.application import Application

_BACKLOG = 2048
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


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which raise the signal again once it has been obeyed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_server(
    application: Application, listener: socket.socket, ready: Callable[[], None], ended: Callable[[], bool]
) -> None:
    """Serve until SIGTERM, SIGINT or until `ended()` (asked every 0.2 s); calls `ready` once requests are answered."""
    config = uvicorn.Config(
        application,
        log_config=None,  # our own log names no paths; uvicorn's would
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE,
        loop="uvloop",
        http="httptools",
        proxy_headers=False,  # nobody's word is taken for who asks
    )
    server = _Server(config)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
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
