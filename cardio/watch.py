"""Readers and cards as events, for as long as somebody listens: through lost readers, swapped cards and pcscd's
restarts.

    service.lost   pcscd went away; every reader and card with it     service.back   it answers again
    reader.added   reader.removed                                     card.inserted  card.removed

pyscard's monitors die silently with pcscd or their reader (issues 27, 74, 82, 87, 128, 153 of that project); here
losing either is an event like any other, the context is made anew, and nothing but `stop` ends the watch.

A card that was swapped between two looks has another event count: then `card.removed` and `card.inserted` are both
told.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cardio.errors import ConnectionFailed, NoReader, NoService
from cardio.pcsc import Context
from cardio.pcsc_states import ReaderState

LONGEST_WAIT = 1.0
"""Seconds until the list of readers is looked at again whatever happens: serial readers of pcsc-lite announce
nothing.
"""


class WatchEvent(StrEnum):
    """What can happen."""

    SERVICE_LOST = "service.lost"
    SERVICE_BACK = "service.back"
    READER_ADDED = "reader.added"
    READER_REMOVED = "reader.removed"
    CARD_INSERTED = "card.inserted"
    CARD_REMOVED = "card.removed"


@dataclass(frozen=True, slots=True)
class Happened:
    """One event; `reader` is empty for those of the service, `atr` only with an inserted card."""

    event: WatchEvent
    reader: str = ""
    atr: bytes = b""


Known = Mapping[str, ReaderState]


def difference(before: Known, now: Known) -> Iterator[Happened]:
    """The events that lead from one look to the next, in an order that makes sense: what went, then what came. Pure."""
    for reader, old in before.items():
        new = now.get(reader)
        # Inserted and removed count one each: a swap leaves the card present and the count higher.
        swapped = new is not None and new.present and old.present and new.events != old.events
        if old.present and (new is None or not new.present or swapped):
            yield Happened(WatchEvent.CARD_REMOVED, reader)
        if new is None:
            yield Happened(WatchEvent.READER_REMOVED, reader)
    for reader, new in now.items():
        was = before.get(reader)
        if was is None:
            yield Happened(WatchEvent.READER_ADDED, reader)
        if new.present and (was is None or not was.present or was.events != new.events):
            yield Happened(WatchEvent.CARD_INSERTED, reader, new.atr)


class Watch:
    """A watch in the caller's thread: iterate over `events`; `stop` ends it from any thread or signal handler."""

    def __init__(self, establish: Callable[[], Context] = Context, retry: float = 0.5) -> None:
        self._establish = establish
        self._retry = retry
        self._stopped = threading.Event()
        self._context: Context | None = None

    def stop(self) -> None:
        """End the watch within LONGEST_WAIT, mostly at once."""
        self._stopped.set()
        context = self._context
        if context is not None:
            context.cancel()

    def events(self) -> Iterator[Happened]:
        """All events from now on, beginning with what is there already. Ends after `stop`."""
        lost = False
        while not self._stopped.is_set():
            try:
                context = self._establish()
            except NoService:
                if not lost:
                    lost = True
                    yield Happened(WatchEvent.SERVICE_LOST)
                self._stopped.wait(self._retry)
                continue
            if lost:
                lost = False
                yield Happened(WatchEvent.SERVICE_BACK)
            before: Known = {}
            try:
                self._context = context
                while not self._stopped.is_set():
                    now = self._next_look(context, before)
                    yield from difference(before, now)
                    before = now
            except ConnectionFailed:
                lost = True
            finally:
                self._context = None
                context.close()
            if lost:
                yield from difference(before, {})
                yield Happened(WatchEvent.SERVICE_LOST)

    def _next_look(self, context: Context, before: Known) -> Known:
        """All readers, once something differs from `before`, or after LONGEST_WAIT."""
        readers = context.readers()
        if not readers and not before:
            self._stopped.wait(self._retry)
        elif set(readers) == set(before):
            with contextlib.suppress(NoReader):  # one of them goes away in this moment: the next look shows it
                context.states({name: state.asked for name, state in before.items()}, LONGEST_WAIT)
        now: dict[str, ReaderState] = {}
        for reader in context.readers():
            with contextlib.suppress(NoReader):
                now[reader] = context.state(reader)
        return now
