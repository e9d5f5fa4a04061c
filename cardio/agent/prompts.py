"""What the person at the reader is asked, on the agent's own page: one question at a time, and it does not wait for
ever.

Answers are PINs: they are handed once to whoever asked and are kept nowhere else.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cardio.agent.refusals import AgentRefused, Refusal

PATIENCE = 180.0
"""Seconds for one question: a resident reads, thinks of a PIN and types it twice."""


class PromptKind(StrEnum):
    """What is asked."""

    LOGIN = "login"
    SIGN = "sign"
    CHECK_PIN = "check-pin"
    NEW_PINS = "new-pins"


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


class Prompts:
    """The question that is open, for asking threads and for the page."""

    def __init__(self, random: Callable[[int], bytes], patience: float = PATIENCE) -> None:
        self._random, self._patience = random, patience
        self._condition = threading.Condition()
        self._open: Prompt | None = None
        self._answer: dict[str, str] | None = None
        self._cancelled = False
        self._version = 0

    @property
    def open(self) -> Prompt | None:
        """The question to show."""
        with self._condition:
            return self._open

    @property
    def version(self) -> int:
        """Rises whenever the page should look again."""
        with self._condition:
            return self._version

    def touch(self) -> None:
        """Something else on the page changed."""
        with self._condition:
            self._version += 1
            self._condition.notify_all()

    def wait_past(self, version: int, seconds: float) -> int:
        """The version, once it is past `version` or after `seconds`."""
        with self._condition:
            self._condition.wait_for(lambda: self._version > version, seconds)
            return self._version

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
            if self._open is not None:
                raise AgentRefused(Refusal.BUSY)
            self._open = Prompt(self._random(8).hex(), kind, fields, tries, wrong, reader, told or {})
            self._answer, self._cancelled = None, False
            self._changed()
            try:
                done = self._condition.wait_for(self._is_over, self._patience)
                answer = self._take()
            finally:
                self._open = None
                self._changed()
            if answer is not None:
                return answer
            raise AgentRefused(Refusal.CANCELLED if done else Refusal.TIMED_OUT)

    def answer(self, number: str, values: dict[str, str]) -> bool:
        """The page's answer; False if that question is no longer open, or was answered."""
        with self._condition:
            if self._open is None or self._open.number != number or self._answer is not None:
                return False
            self._answer = values
            self._condition.notify_all()
            return True

    def cancel(self, number: str | None = None) -> bool:
        """Take the question back; without a number whichever is open."""
        with self._condition:
            if self._open is None or number not in (None, self._open.number):
                return False
            self._cancelled = True
            self._condition.notify_all()
            return True

    def _is_over(self) -> bool:
        return self._answer is not None or self._cancelled

    def _take(self) -> dict[str, str] | None:
        answer, self._answer = self._answer, None
        return answer

    def _changed(self) -> None:
        self._version += 1
        self._condition.notify_all()
