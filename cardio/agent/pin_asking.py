"""Asking a card's holder for a PIN on the agent's page, again after a wrong one, until it is right or taken back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.agent.prompts import PromptKind, Prompts
from cardio.agent.readers import Readers
from cardio.errors import LastTry, PinMalformed, WrongPin
from cardio.pcsc import Context
from cardio.pin import Pin
from pki.purpose import Purpose

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PinAsking:
    """The thread with the cards, the page with the question, and what is known of the readers."""

    cards: CardThread
    prompts: Prompts
    readers: Readers

    def ask(
        self,
        kind: PromptKind,
        purpose: Purpose,
        reader: str,
        told: dict[str, str],
        tries: Callable[[Context], int | None],
        work: Callable[[Context, Pin, bool], T],
    ) -> T:
        """Ask, and do `work` with the PIN on the card thread. `tries` are shown before anything is typed.

        Errors: AgentRefused (cancelled, timed out, busy); PinBlocked; those of `tries` and `work`.
        """
        wrong = False
        try:
            while True:
                left = self.cards.call(tries)
                answer = self.prompts.ask(kind, (purpose.value,), left, told, reader, wrong=wrong)
                last_try = answer.get("last_try") == "yes"
                try:
                    pin = jpki.pin(purpose, answer.get(purpose.value, ""))
                    return self.cards.call(_with(work, pin, last_try=last_try))
                except (WrongPin, PinMalformed, LastTry):
                    wrong = True
        finally:
            self.readers.refresh(reader)


def _with(work: Callable[[Context, Pin, bool], T], pin: Pin, *, last_try: bool) -> Callable[[Context], T]:
    return lambda context: work(context, pin, last_try)
