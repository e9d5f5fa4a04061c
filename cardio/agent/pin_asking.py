"""Asking a card's holder for a PIN, on the agent's page or on the reader's own keys, again after a wrong one, until it
is right or taken back.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.agent.prompts import PromptKind, Prompts
from cardio.agent.readers import Readers
from cardio.commands import Entered
from cardio.errors import ConnectionFailed, LastTry, PinBlocked, PinMalformed, PinMismatch, WrongPin
from cardio.pcsc import Context
from cardio.pin_pad import PadEntry, fits_pad
from pki.purpose import Purpose

T = TypeVar("T")
Work = Callable[[Context, Entered, bool], T]
"""What is done on the card thread with the PIN, and whether the last try is meant."""

_GREETINGS: Final = (0.2, 0.5)
"""Seconds before a card is asked again for its tries: one that was just put in may be reset under us."""


@dataclass(frozen=True, slots=True)
class PinAsking:
    """The thread with the cards, the page with the question, and what is known of the readers. `staff`: whether the
    card is an operator's, whose PIN no counter sets anew."""

    cards: CardThread
    prompts: Prompts
    readers: Readers
    staff: bool = False

    def at_reader(self, reader: str | None, purpose: Purpose) -> bool:
        """Whether that PIN is entered on the reader's own keys: it has some, and they are enough."""
        return reader is not None and self.readers.seen(reader).pin_pad and fits_pad(jpki.SLOTS[purpose].rule)

    def ask(
        self,
        kind: PromptKind,
        purpose: Purpose,
        reader: str,
        told: dict[str, str],
        tries: Callable[[Context], int | None],
        work: Work[T],
        first: Callable[[Mapping[str, str]], None] = lambda _answer: None,
    ) -> T:
        """Ask, and do `work` with the PIN on the card thread. `tries` are shown before anything is typed; `first` looks
        at what else was typed, before any PIN is sent. A PIN that is blocked is not asked for, and the page says so.

        Errors: AgentRefused (cancelled, timed out, busy); PinBlocked, PinEntryCancelled, PinEntryTimedOut; those of
        `tries` and `work`.
        """
        wrong = False
        try:
            while True:
                left = self._tries(tries)
                if left == 0:
                    raise PinBlocked(jpki.SLOTS[purpose].rule.slot)
                try:
                    if self.at_reader(reader, purpose):
                        return self._at_reader(kind, purpose, reader, left, told, work, wrong=wrong)
                    answer = self.prompts.ask(kind, (purpose.value,), left, told, reader, wrong=wrong)
                    first(answer)
                    pin = jpki.pin(purpose, answer.get(purpose.value, ""))
                    return self.cards.call(_with(work, pin, last_try=answer.get("last_try") == "yes"))
                except (WrongPin, PinMalformed, PinMismatch, LastTry):
                    wrong = True
        except PinBlocked:
            self.prompts.say(f"blocked-{'staff' if self.staff else purpose.value}", reader)
            raise
        finally:
            self.readers.refresh(reader)

    def _at_reader(
        self,
        kind: PromptKind,
        purpose: Purpose,
        reader: str,
        left: int | None,
        told: dict[str, str],
        work: Work[T],
        *,
        wrong: bool,
    ) -> T:
        last_try = False
        if left is not None and left <= 1:  # the last try needs a word of its own, for which a reader has no key
            answer = self.prompts.ask(kind, (), left, told, reader, wrong=wrong)
            last_try = answer.get("last_try") == "yes"
        with self.prompts.showing(kind, (purpose.value,), left, told, reader, wrong=wrong):
            return self.cards.call(_with(work, PadEntry(jpki.SLOTS[purpose].rule), last_try=last_try))

    def _tries(self, tries: Callable[[Context], int | None]) -> int | None:
        for pause in _GREETINGS:
            try:
                return self.cards.call(tries)
            except ConnectionFailed:
                time.sleep(pause)  # nothing was at stake: no PIN is known yet
        return self.cards.call(tries)


def _with(work: Work[T], pin: Entered, *, last_try: bool) -> Callable[[Context], T]:
    return lambda context: work(context, pin, last_try)
