"""A service's key in a process that goes on for months: the next one is taken up while it runs.

`jitsuin party service-key` makes the next key beside the one before. Whoever signs asks here for what to sign with;
that is looked up anew after a minute at the latest, and one whole signer is given out at a time, so that no signature
names another certificate than its key's.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from cli.services import ServiceKey
from pki.errors import Error
from pki.instant import Clock

log = logging.getLogger("jitsuin.serve")
_T = TypeVar("_T")

EVERY: Final = 60
"""Seconds that a key may be signed with before it is looked whether there is a next one."""


class Renewed(Generic[_T]):
    """What signs just now, made from the youngest key. Safe for threads."""

    def __init__(self, opened: Callable[[], ServiceKey | None], made: Callable[[ServiceKey], _T], clock: Clock) -> None:
        """`opened` finds the youngest key; it is asked at once. Errors: those of `opened`."""
        self._opened, self._made, self._clock = opened, made, clock
        self._lock = threading.Lock()
        self._current: tuple[ServiceKey, _T] | None = None
        self._looked = clock.now().seconds
        self._take(opened())

    def __call__(self) -> _T | None:
        """The signer of the youngest key; None in a deployment that has no key for it yet.

        A look that fails is logged, and the key before stays in use.
        """
        if not 0 <= self._clock.now().seconds - self._looked < EVERY and self._lock.acquire(blocking=False):
            try:
                self._looked = self._clock.now().seconds
                self._take(self._opened())
            except (Error, OSError) as error:
                log.error("the next key of a service cannot be opened: %s", type(error).__name__)
            finally:
                self._lock.release()
        current = self._current
        return None if current is None else current[1]

    def _take(self, found: ServiceKey | None) -> None:
        if found is not None and (self._current is None or self._current[0].certificate != found.certificate):
            self._current = found, self._made(found)
