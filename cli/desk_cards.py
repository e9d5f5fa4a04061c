"""Cards in the readers of agents: commands are computed here, sealed, and only carried by the agent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cardio import jpki
from cardio.card_management import AllowPin, Authority, PinsSet, relay
from cardio.card_steps import OPEN
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from enrollment.cards import CardSlot
from pki.errors import Error
from pki.purpose import Purpose
from web.readers.lines import Line

AT_READER_SECONDS = 150.0
"""How long the holder may take to enter a new PIN on the reader's own keys, twice, and once more if they differ."""


@dataclass(slots=True)
class LineConnection:
    """A reader at the other end of a line as a connection to its card."""

    line: Line
    reader: str

    def transmit(self, command: bytes) -> bytes:
        """One APDU there, its answer back. Errors: ReaderRefused, ReaderSilent."""
        return bytes.fromhex(str(self.line.call("apdu", {"command": command.hex()})["answer"]))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The agent holds the card for us alone."""
        self.line.call("hold", {"reader": self.reader})
        try:
            yield
        finally:
            with suppress(Error):  # the line may be what failed; the agent lets go by itself
                self.line.call("release", {})

    def close(self) -> None:
        """Nothing is open between two transactions."""


@dataclass(frozen=True, slots=True)
class LineCards:
    """`keys` gives an Authority for the card of a session: the process with the cards' keys, never this one."""

    keys: Callable[[CardSession], Authority]

    def slot(self, line: Line, reader: str) -> CardSlot:
        """The card in that reader."""
        session = self._session(line, reader, None)
        return CardInReader(session, self.keys(session))

    def set_pins(self, line: Line, reader: str, card_id: str, purposes: tuple[Purpose, ...], number: int) -> None:
        """Allow the PINs to be set, and have the agent set those that the holder chose, in one piece.

        With a permission's number the card opens nothing that it was set with before, and its own word for what was set
        goes to the process with the keys.
        """
        session = self._session(line, reader, card_id)
        with session.work() as channel:
            told = relay(channel, self.keys(session).begin(AllowPin(purposes, number)))
            if not number or OPEN[0] in told:
                line.call("write-pins", {}, AT_READER_SECONDS)
            if number:
                relay(channel, self.keys(session).begin(PinsSet(purposes, number)))

    @staticmethod
    def _session(line: Line, reader: str, expected: str | None) -> CardSession:
        return CardSession(lambda: LineConnection(line, reader), jpki.identify, None, expected)
