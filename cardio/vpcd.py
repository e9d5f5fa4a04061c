"""Puts a virtual card into a reader of vpcd, pcscd's virtual reader driver.

Each frame is a big-endian uint16 length and a body, both ways, over TCP; we dial, vpcd listens. Connecting is
inserting, closing is removing. A body of one octet from vpcd is a control: 00 power off, 01 power on, 02 reset (none
is answered), 04 asks for the ATR (vpcd polls with it). Anything else is a command APDU.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from cardio.errors import NoReader
from cardio.virtual_card import PowerLost

DEFAULT_PORT = 35963
"""Where vpcd's first slot listens when nobody configured it otherwise."""

_OFF, _ON, _RESET, _ATR = 0x00, 0x01, 0x02, 0x04


class Insertable(Protocol):
    """What vpcd asks of a card. `process` may raise PowerLost: then the card is pulled without an answer."""

    @property
    def atr(self) -> bytes: ...

    def process(self, raw: bytes) -> bytes: ...

    def reset(self) -> None: ...

    def power(self, on: bool = True) -> None: ...


class Insertion:
    """One card in one slot, from construction until `eject`.

    Errors: NoReader if no vpcd listens there.
    """

    def __init__(self, card: Insertable, port: int, host: str = "127.0.0.1") -> None:
        self._card = card
        self._where = (host, port)
        try:
            self._socket = socket.create_connection(self._where, timeout=5)
        except OSError as error:
            raise NoReader(during=f"inserting a card at {host}:{port}", number=error.errno or 0) from None
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ejected = threading.Event()

    def serve(self) -> None:
        """Answer until ejected, until vpcd closes, or until the card loses power."""
        try:
            self._loop()
        except (OSError, PowerLost):
            pass  # the connection is the card's presence in the reader: whatever ends it, the card is out
        finally:
            self.eject()

    def serve_in_thread(self) -> "Insertion":
        """Serve in a daemon thread of its own; `eject` ends it."""
        threading.Thread(target=self.serve, name=f"card@{self._where[1]}", daemon=True).start()
        return self

    def eject(self) -> None:
        """Take the card out; may be called from any thread, and twice."""
        self._ejected.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def ejected(self) -> bool:
        """Whether the card is out, by us or because the reader went away."""
        return self._ejected.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the card is out; False if `seconds` passed before."""
        return self._ejected.wait(seconds)

    def _loop(self) -> None:
        connection, card = self._socket, self._card
        buffer = b""
        while True:
            while len(buffer) < 2 or len(buffer) < 2 + (buffer[0] << 8 | buffer[1]):
                # vpcd sends length and body in two writes, so Nagle holds the body until the length is acknowledged,
                # by a delayed ACK after 40 ms: 20 APDUs a second. QUICKACK lasts for one receive, hence each time.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                received = connection.recv(1 << 17)
                if not received:
                    return
                buffer += received
            end = 2 + (buffer[0] << 8 | buffer[1])
            body, buffer = buffer[2:end], buffer[end:]
            reply = self._control(body[0]) if len(body) == 1 else card.process(body)
            if reply is not None:
                connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def _control(self, code: int) -> bytes | None:
        if code == _ATR:
            return self._card.atr
        if code == _OFF:
            self._card.power(False)
        elif code == _ON:
            self._card.power(True)
        elif code == _RESET:
            self._card.reset()
        return None


def keep_inserted(
    card: Insertable,
    port: int,
    host: str,
    wait: Callable[[float], bool],
    tell: Callable[[str], object],
    started: Callable[[Insertion], object],
) -> None:
    """Hold the card in the slot, again after each pcscd restart, until `wait(seconds)` says True (told to stop).

    `tell` gets "waiting" (nobody listens there), "inserted" and "reader lost"; `started` gets each insertion, so
    that whoever stops us can eject it.
    """
    waiting = False
    while not wait(0):
        try:
            insertion = Insertion(card, port, host)
        except NoReader:
            if not waiting:
                tell("waiting")
            waiting = True
            if wait(0.5):
                return
            continue
        waiting = False
        started(insertion)
        tell("inserted")
        insertion.serve()
        if not wait(0):
            tell("reader lost")
