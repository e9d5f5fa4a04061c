"""The one thread of the agent that talks to cards: contexts belong to threads, and a card to one task at a time."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from cardio.errors import NoService
from cardio.pcsc import Context

T = TypeVar("T")


class CardThread:
    """Runs pieces of work one after the other, each with a living context."""

    def __init__(self, establish: Callable[[], Context] = Context) -> None:
        self._establish = establish
        self._executor = ThreadPoolExecutor(1, "cards")
        self._context: Context | None = None

    def submit(self, work: Callable[[Context], T]) -> Future[T]:
        """Do `work` when its turn comes. Errors, in the future: NoService, and what `work` raises."""
        return self._executor.submit(self._run, work)

    def call(self, work: Callable[[Context], T]) -> T:
        """`submit`, and wait for it."""
        return self.submit(work).result()

    def _run(self, work: Callable[[Context], T]) -> T:
        if self._context is not None and self._context.overdue:
            self._drop()
        if self._context is None:
            self._context = self._establish()
        try:
            return work(self._context)
        except NoService:
            self._drop()  # pcscd was restarted: contexts from before stay dead
            raise

    def _drop(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            with contextlib.suppress(NoService):
                context.close()

    def close(self) -> None:
        """Finish what runs, and end the thread."""
        self._executor.submit(self._drop)
        self._executor.shutdown(wait=True)
