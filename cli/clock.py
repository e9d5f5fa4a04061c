"""The clock of a running program: the machine's, or the machine's set to another time."""

import threading
import time
from dataclasses import dataclass, field

from pki.instant import Instant


@dataclass(slots=True)
class SystemClock:
    """The machine's clock, shifted by `shift` seconds; it stands still rather than go back.

    A step back of the machine's clock (a wrong time server, a restored snapshot) would put events before those that
    they follow from; until the time catches up, the last one told is told again.
    """

    shift: int = 0
    _last: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> Instant:
        """The present second."""
        with self._lock:
            self._last = max(self._last, int(time.time()) + self.shift)
            return Instant(self._last)

    @classmethod
    def starting_at(cls, at: Instant) -> "SystemClock":
        """A clock that shows `at` now and goes on from there."""
        return cls(shift=at.seconds - int(time.time()))


def moment(text: str | None) -> Instant:
    """The time that an option names (RFC 3339), or now. Errors: InvalidValue."""
    return Instant.parse(text) if text else SystemClock().now()
