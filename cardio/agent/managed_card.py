"""A card that is held open for the service's management: commands come computed, and are only relayed.

At home there is no clerk beside it. There the card's holder agrees on the agent's own page first: to this card, for a
short time, and never for a card that came into the reader later.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.agent.operations import Mode, require_relayable
from cardio.agent.prompts import PromptKind, Prompts
from cardio.agent.readers import Readers
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.channel import Channel
from cardio.errors import CardError
from cardio.pcsc import Context

HOLD_SECONDS: Final = 30.0
"""A card that the service holds and does not speak to any more is let go."""
AGREED_SECONDS: Final = 300.0
"""How long an agreement at home lasts: two conversations with a card, with a key made in between, take a fraction."""


@dataclass(slots=True)
class _Held:
    """A card with an open transaction; lives on the card thread."""

    reader: str
    card: str
    stack: contextlib.ExitStack
    channel: Channel


class ManagedCard:
    """At most one card. `site`: our service's origin, which the holder is told. `monotonic` counts seconds."""

    def __init__(
        self,
        mode: Mode,
        site: str,
        cards: CardThread,
        readers: Readers,
        prompts: Prompts,
        monotonic: Callable[[], float],
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._mode, self._site, self._cards, self._readers, self._prompts = mode, site, cards, readers, prompts
        self._monotonic, self._hold_seconds = monotonic, hold_seconds
        self._held: _Held | None = None
        self._letting_go: threading.Timer | None = None
        self._agreed: tuple[str, str, float] | None = None
        readers.when_leaving(self._left)

    def agree(self, reader: str) -> dict[str, Any]:
        """Ask the holder whether the service may manage the card that lies there now. Errors: AgentRefused."""
        card = self._readers.seen(reader).card
        self._agreed = None
        self._prompts.ask(PromptKind.RENEW, (), told={"site": self._site, "card": card}, reader=reader)
        if self._readers.seen(reader).card != card:
            raise AgentRefused(Refusal.NOT_AGREED)
        self._agreed = (reader, card, self._monotonic() + AGREED_SECONDS)
        return {"card": card}

    def hold(self, reader: str) -> dict[str, Any]:
        """Open the card for the service alone. Errors: AgentRefused; those of a connection."""
        return self._cards.call(lambda context: self._hold(context, reader))

    def relay(self, command: bytes) -> dict[str, Any]:
        """The card's answer to a command that may be relayed. Errors: AgentRefused; those of a connection."""
        require_relayable(command)
        return self._cards.call(lambda _context: self._relay(command))

    def release(self) -> None:
        """Let the card go, once what runs with it is done."""
        self._cards.submit(lambda _context: self._let_go())

    def forget(self) -> None:
        """Nothing is agreed to any more, and no card is held."""
        self._agreed = None
        self.release()

    def write(self, set_pins: Callable[[Channel, str], Mapping[str, Any]]) -> dict[str, Any]:
        """Do something with the card that is held, on the card thread. Errors: AgentRefused; those of `set_pins`."""

        def run(_context: Context) -> dict[str, Any]:
            held = self._require_held()
            return dict(set_pins(held.channel, held.reader))

        return self._cards.call(run)

    def _hold(self, context: Context, reader: str) -> dict[str, Any]:
        if self._held is not None:
            raise AgentRefused(Refusal.BUSY)
        self._readers.require_free(reader)
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(context.connect(reader))
            stack.enter_context(connection.transaction())
            channel = Channel(connection)
            card = jpki.identify(channel)
            self._require_agreed(reader, card)
            self._held = _Held(reader, card, stack.pop_all(), channel)
        self._readers.hold(reader)
        self._postpone()
        return {"card": card}

    def _require_agreed(self, reader: str, card: str) -> None:
        if self._mode is Mode.DESK:
            return
        agreed = self._agreed
        if agreed is None or agreed[:2] != (reader, card) or self._monotonic() >= agreed[2]:
            raise AgentRefused(Refusal.NOT_AGREED)

    def _relay(self, command: bytes) -> dict[str, Any]:
        held = self._require_held()
        self._postpone()
        try:
            return {"answer": held.channel.transmitter.transmit(command).hex()}
        except BaseException:
            self._let_go()
            raise

    def _require_held(self) -> _Held:
        if self._held is None:
            raise AgentRefused(Refusal.NOT_HELD)
        return self._held

    def _postpone(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
        self._letting_go = threading.Timer(self._hold_seconds, self.release)
        self._letting_go.daemon = True
        self._letting_go.start()

    def _left(self, reader: str) -> None:
        if self._agreed is not None and self._agreed[0] == reader:
            self._agreed = None
        self._cards.submit(lambda _context: self._gone(reader))

    def _gone(self, reader: str) -> None:
        if self._held is not None and self._held.reader == reader:
            self._let_go()

    def _let_go(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None
        held, self._held = self._held, None
        if held is not None:
            with contextlib.suppress(CardError):  # of a card that is gone
                held.stack.close()
            self._readers.let_go(held.reader)
