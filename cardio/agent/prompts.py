"""What the person at the reader is asked, on the agent's own page: one question at a time, and it does not wait for
ever.

Answers are PINs: they are handed once to whoever asked and are kept nowhere else. A question belongs to whoever waits
for its answer, and goes with them: one that nobody waits for would keep everybody else from asking.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from cardio.agent.refusals import AgentRefused, Refusal

PATIENCE = 180.0
"""Seconds for one question: a resident reads, thinks of a PIN and types it twice."""

_HAND_OVER = 5.0
"""Seconds that the thread of a question that was answered or taken back may need to go."""


class PromptKind(StrEnum):
    """What is asked."""

    LOGIN = "login"
    SIGN = "sign"
    RECORD = "record"
    CHECK_PIN = "check-pin"
    NEW_PINS = "new-pins"
    CHANGE_PIN = "change-pin"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question. `fields`: names of what is to be typed. `tries` is shown before anything is typed; 1 asks to
    confirm that the last try is meant. `told`: short facts to show (the site, the document)."""

    number: str
    kind: PromptKind
    fields: tuple[str, ...]
    tries: int | None = None
    wrong: bool = False
    reader: str = ""
    told: dict[str, str] = field(default_factory=dict)
    at_reader: bool = False
    """Whether the reader's own keys take the answer: the page then says so, and has no field."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show at one moment, and the number of that moment: `version` rises with every change."""

    version: int
    prompt: Prompt | None
    said: str = ""
    """How the last thing ended, where that must be said: the end of a key `said-…` of the wording."""


@dataclass(eq=False, slots=True)
class Asker:
    """Whoever waits for answers: one operation of the page, or a line. `Prompts.withdraw` ends it."""

    gone: bool = False


_asking: ContextVar[Asker | None] = ContextVar("_asking", default=None)


@contextmanager
def asking_for(asker: Asker) -> Iterator[None]:
    """What is asked inside of the block, in this thread or in one that takes over its context, is asked for `asker`."""
    before = _asking.set(asker)
    try:
        yield
    finally:
        _asking.reset(before)


class Prompts:
    """The question that is open, for asking threads and for the page."""

    def __init__(self, random: Callable[[int], bytes], patience: float = PATIENCE) -> None:
        self._random, self._patience = random, patience
        self._condition = threading.Condition()
        self._open: Prompt | None = None
        self._asker: Asker | None = None
        self._answer: dict[str, str] | None = None
        self._cancelled = False
        self._version = 0
        self._said = ("", "")

    @property
    def shown(self) -> Shown:
        """The question to show, and the version that goes with it: read apart, a question that comes in between would
        be on no page, and no page would look again."""
        with self._condition:
            over = self._is_over() and self._open is not None and not self._open.at_reader
            return Shown(self._version, None if over else self._open, self._said[0])

    @property
    def open(self) -> Prompt | None:
        """The question that waits for an answer."""
        return self.shown.prompt

    def touch(self) -> None:
        """Something else on the page changed."""
        with self._condition:
            self._changed()

    def say(self, said: str, reader: str = "") -> None:
        """Have the page say how something ended, until the next question, or until the card leaves that `reader`.
        Nothing to say: empty."""
        with self._condition:
            self._said = (said, reader)
            self._changed()

    def ask(
        self,
        kind: PromptKind,
        fields: tuple[str, ...],
        tries: int | None = None,
        told: dict[str, str] | None = None,
        reader: str = "",
        *,
        wrong: bool = False,
    ) -> dict[str, str]:
        """Show a question and wait for its answer. Errors: AgentRefused (busy, cancelled, timed out)."""
        with self._condition:
            self._begin(Prompt(self._random(8).hex(), kind, fields, tries, wrong, reader, told or {}))
            try:
                done = self._condition.wait_for(self._is_over, self._patience)
                answer = self._take()
            finally:
                self._end()
            if answer is not None:
                return answer
            raise AgentRefused(Refusal.CANCELLED if done else Refusal.TIMED_OUT)

    @contextmanager
    def showing(
        self,
        kind: PromptKind,
        fields: tuple[str, ...],
        tries: int | None,
        told: dict[str, str],
        reader: str,
        *,
        wrong: bool = False,
    ) -> Iterator[None]:
        """Show, for as long as the block lasts, a question that is answered on the reader's own keys.

        Errors: AgentRefused (busy, cancelled).
        """
        with self._condition:
            self._begin(Prompt(self._random(8).hex(), kind, fields, tries, wrong, reader, told, at_reader=True))
        try:
            yield
        finally:
            with self._condition:
                self._end()

    def _begin(self, prompt: Prompt) -> None:
        asker = _asking.get()
        if asker is not None and asker.gone:
            raise AgentRefused(Refusal.CANCELLED)
        if self._open is not None and self._is_over() and not self._open.at_reader:
            self._condition.wait_for(lambda: self._open is None, _HAND_OVER)
        if self._open is not None:
            raise AgentRefused(Refusal.BUSY)
        self._open, self._asker = prompt, asker
        self._answer, self._cancelled, self._said = None, False, ("", "")
        self._changed()

    def _end(self) -> None:
        self._open = self._asker = None
        self._changed()

    def answer(self, number: str, values: dict[str, str]) -> bool:
        """The page's answer; False if that question is no longer open, or was answered."""
        with self._condition:
            if self._open is None or self._open.number != number or self._open.at_reader or self._is_over():
                return False
            self._answer = values
            self._changed()
            return True

    def cancel(self, number: str | None = None) -> bool:
        """Take the question back; without a number whichever is open."""
        with self._condition:
            if self._open is None or number not in (None, self._open.number):
                return False
            self._cancelled = True
            self._changed()
            return True

    def withdraw(self, asker: Asker) -> None:
        """Nobody waits for these answers any more: what is asked for `asker` is taken back, and nothing more is asked,
        however slow the card is that the next question waits for."""
        with self._condition:
            asker.gone = True
            if self._open is not None and self._asker is asker:
                self._cancelled = True
                self._changed()

    def withdraw_reader(self, reader: str) -> None:
        """The card that a question is about was pulled: no answer would be of use, and what was said of it is over."""
        with self._condition:
            if reader and self._said[1] == reader:
                self._said = ("", "")
                self._changed()
            if self._open is not None and self._open.reader == reader:
                self._cancelled = True
                self._changed()

    def _is_over(self) -> bool:
        return self._answer is not None or self._cancelled

    def _take(self) -> dict[str, str] | None:
        answer, self._answer = self._answer, None
        return None if self._cancelled else answer

    def _changed(self) -> None:
        self._version += 1
        self._condition.notify_all()
