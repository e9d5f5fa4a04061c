"""One card, known by its own identity, whatever happens to reader and connection.

A card is what says so itself (serial or CHUID), never what is in a slot. Each piece of work is a transaction that
begins by selecting the application and reading the identity again: so a card swapped between two pieces of work is
noticed even where PC/SC shows no event (a swap inside one poll with a transmit in between leaves the same handle
talking to another card).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from cardio import pin_pad
from cardio.channel import Channel, Transmitter
from cardio.errors import CardSwapped, ConnectionFailed
from cardio.trace import Trace
from cardio.virtual_card import InMemory, VirtualCard


class CardConnection(Transmitter, Protocol):
    """A connection that a session opens and drops. `transaction` keeps others out until it ends."""

    def transaction(self) -> AbstractContextManager[None]: ...

    def close(self) -> None: ...


class DirectConnection(InMemory):
    """A virtual card in memory as a connection."""

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        """Nothing to release."""


class CardSession:
    """Work with one card.

    `connect` opens a connection to whatever card is there now; `identify` selects the application and gives the card's
    identity; `expected` is the identity it must have (None: the first one seen).
    """

    def __init__(
        self,
        connect: Callable[[], CardConnection],
        identify: Callable[[Channel], str],
        trace: Trace | None = None,
        expected: str | None = None,
    ) -> None:
        self._connect = connect
        self._identify = identify
        self._trace = trace
        self._connection: CardConnection | None = None
        self._identity = expected

    @classmethod
    def of_memory(
        cls, card: VirtualCard, identify: Callable[[Channel], str], trace: Trace | None = None
    ) -> "CardSession":
        """A session with a virtual card, without any reader."""
        return cls(lambda: DirectConnection(card), identify, trace)

    @property
    def identity(self) -> str:
        """The card's own serial. Errors: as `work`, when the card was not yet looked at."""
        if self._identity is None:
            with self.work():
                pass
        if self._identity is None:
            raise AssertionError("work() sets the identity or raises")
        return self._identity

    @contextmanager
    def work(self) -> Iterator[Channel]:
        """A channel to the card, application selected, alone with it until the end of the block.

        Errors: ConnectionFailed (then everything is dropped: the next piece of work connects and identifies anew;
        nothing is sent again by itself); CardSwapped if it is another card.
        """
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._connection.transaction():
                channel = Channel(self._connection, self._trace)
                found = self._identify(channel)
                if self._identity is None:
                    self._identity = found
                elif found != self._identity:
                    raise CardSwapped(self._identity, found)
                yield channel
        except CardSwapped:
            self.drop()
            raise
        except ConnectionFailed:
            self.drop()  # also after Busy: waiting past a deadline may have cost the context
            raise

    def has_pin_pad(self) -> bool:
        """Whether the reader takes PINs on keys of its own. Errors: as `work`."""
        with self.work() as channel:
            return pin_pad.has_pad(channel)

    def drop(self) -> None:
        """Forget the connection; the identity stays."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    close = drop

    def __enter__(self) -> "CardSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()
