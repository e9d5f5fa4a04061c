"""Being told to stop by SIGTERM or Ctrl-C, in a loop that does a round and waits."""

import os
import select
import signal
from contextlib import suppress


class Stop:
    """Whether this process was told to stop; to be made in its main thread, and waited for in any.

    Not a `threading.Event`: a handler runs between any two instructions of the main thread, so also while an event's
    `wait` holds the event's own lock, and its `set` would then wait for that lock for ever.
    """

    def __init__(self) -> None:
        self._told = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, *_: object) -> None:
        self._told = True
        with suppress(BlockingIOError):  # somebody sends signals without end: it is full, and so heard
            os.write(self._write, b"x")

    def is_set(self) -> bool:
        """Whether it was told."""
        return self._told

    def wait(self, seconds: float | None = None) -> bool:
        """Wait so long, or for ever, or until it is told; whether it was."""
        if not self._told:
            select.select([self._read], [], [], seconds)
        return self._told
