"""What the desk needs of a card that lies in an agent's reader."""

from dataclasses import dataclass
from typing import Protocol

from enrollment.cards import CardSlot
from pki.purpose import Purpose
from web.readers.lines import Line


class ReaderCards(Protocol):
    """Whoever holds the cards' management keys, speaking to a card over a line. Calls may be repeated.

    Errors of all: ReaderRefused, ReaderSilent, the card's own errors.
    """

    def slot(self, line: Line, reader: str) -> CardSlot:
        """The card in that reader."""
        ...

    def set_pins(self, line: Line, reader: str, card_id: str, purposes: tuple[Purpose, ...], number: int) -> None:
        """Let the agent write the PINs that the holder chose on its page. They are never here. `number`: of the
        permission, 0 for a card that is being made."""
        ...


class EnoughForNow(Exception):
    """Nobody's error: keys are one step of the clerk's, certificates the next."""


@dataclass(frozen=True, slots=True)
class KeysOnly:
    """A slot that stops before anything is installed."""

    inner: CardSlot

    def card_id(self) -> str:
        """As the card says."""
        return self.inner.card_id()

    def generate(self, purpose: Purpose) -> bytes:
        """A new pending key."""
        return self.inner.generate(purpose)

    def prove(self, purpose: Purpose, message: bytes) -> bytes:
        """A signature by it."""
        return self.inner.prove(purpose, message)

    def install(self, purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> None:  # noqa: ARG002
        """Errors: EnoughForNow."""
        raise EnoughForNow

    def read(self, purpose: Purpose) -> bytes | None:
        """The active certificate."""
        return self.inner.read(purpose)
