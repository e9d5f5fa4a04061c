"""Deadlines for calls into libpcsclite, which has none: the line to pcscd is cut under a call that is overdue.

The line is a duplicate of the UNIX socket that libpcsclite opened for a context; shutting it down makes the blocked
call return at once.
"""

import contextlib
import os
import socket
import threading
import weakref
from typing import Protocol


class Overdue(Protocol):
    """Whatever has calls with deadlines."""

    def end_if_overdue(self) -> None: ...


class Watchdog:
    """One thread, alive while any context is, that ends calls past their deadline."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held only by `add`, `remove` and the thread: never by what the collector may call."""
        self._contexts: weakref.WeakSet[Overdue] = weakref.WeakSet()
        self._wake = threading.Event()
        self._running = False

    def add(self, context: Overdue) -> None:
        """Look after it from now on."""
        with self.lock:
            self._contexts.add(context)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="pcsc deadlines", daemon=True).start()

    def remove(self, context: Overdue) -> None:
        """No more."""
        with self.lock:
            self._contexts.discard(context)
            if not self._contexts:
                self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait(0.1)
            with self.lock:
                self._wake.clear()
                contexts = list(self._contexts)
                if not contexts:
                    self._running = False
                    return
            for context in contexts:
                context.end_if_overdue()
            del contexts


WATCHDOG = Watchdog()


def unix_descriptors() -> set[int]:
    """Numbers of this process's sockets. Errors: OSError where there is no /proc."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - no Path object for each of maybe thousands
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{entry}").startswith("socket:"):  # noqa: PTH115
                found.add(int(entry))
    return found


def duplicate_unix(number: int) -> socket.socket | None:
    """A duplicate of that descriptor if it is a UNIX socket."""
    try:
        duplicate = socket.socket(fileno=os.dup(number))
    except OSError:
        return None
    if duplicate.family != socket.AF_UNIX:
        duplicate.close()
        return None
    return duplicate
