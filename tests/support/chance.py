"""Time and chance for tests: the only two things that are not real."""

import hashlib
from datetime import timedelta
from threading import Lock

from pki.instant import Instant


class SetClock:
    """A clock that stands still until somebody moves it; several threads may ask."""

    def __init__(self, at: Instant) -> None:
        self._at = at

    def now(self) -> Instant:
        return self._at

    def set(self, at: Instant) -> None:
        """From now on it is `at`; never earlier than before."""
        assert at >= self._at, "a clock never goes back"
        self._at = at

    def advance(self, **span: float) -> Instant:
        """Move on by timedelta's arguments (days=1, minutes=5); returns the new time."""
        self.set(self._at + timedelta(**span))
        return self._at


class SeededOctets:
    """Octets that look random and are the same in every run (SHA-256 of seed and number); safe for threads."""

    def __init__(self, seed: str) -> None:
        self._seed = hashlib.sha256(seed.encode()).digest()
        self._block = 0
        self._left = b""
        self._lock = Lock()

    def __call__(self, size: int) -> bytes:
        with self._lock:
            while len(self._left) < size:
                self._left += hashlib.sha256(self._seed + self._block.to_bytes(8)).digest()
                self._block += 1
            given, self._left = self._left[:size], self._left[size:]
            return given
