"""Steps that wait for a card or for somebody's fingers: done beside the page, which meanwhile shows how it goes."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from pki.errors import Error


@dataclass(slots=True)
class Errands:
    """At most one for each piece of work, in this process. What one achieves is in the database; what is here is only
    that it runs, and why the last one stopped."""

    _running: dict[str, str] = field(default_factory=dict)
    _failed: dict[str, Error] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    unforeseen: Callable[[BaseException], None] = lambda _error: None

    def start(self, work: str, what: str, errand: Callable[[], object]) -> bool:
        """Begin; False if one runs already."""
        with self._lock:
            if work in self._running:
                return False
            self._running[work] = what
            self._failed.pop(work, None)

        def run() -> None:
            failure: Error | None = None
            try:
                errand()
            except Error as error:
                failure = error
            except Exception as error:
                self.unforeseen(error)
                failure = Error()
            finally:
                with self._lock:
                    del self._running[work]
                    if failure is not None:
                        self._failed[work] = failure

        threading.Thread(target=run, name="errand", daemon=True).start()
        return True

    def running(self, work: str) -> str | None:
        """What is being done for this work now."""
        with self._lock:
            return self._running.get(work)

    def failure(self, work: str) -> Error | None:
        """Why the last errand stopped, until the next one begins."""
        with self._lock:
            return self._failed.get(work)
