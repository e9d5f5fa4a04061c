"""The operations of the agent: what the paired page may ask, and what the service may ask over its sealed line.

PINs come from the agent's own page (`prompts`) and go to the card; no answer to anybody holds one.
"""

import hmac
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from cardio.agent.card_thread import CardThread
from cardio.agent.holder import Holder
from cardio.agent.managed_card import HOLD_SECONDS, ManagedCard
from cardio.agent.operations import (
    LINE_OPERATIONS,
    PAGE_OPERATIONS,
    LineOperation,
    Mode,
    PageOperation,
)
from cardio.agent.operator import OperatorsCard
from cardio.agent.prompts import Prompts
from cardio.agent.readers import Readers, SeenCard
from cardio.agent.refusals import AgentRefused, Refusal
from pki.instant import Clock
from pki.purpose import Purpose

T = TypeVar("T")

NONCE: Final = range(44, 101)
"""Characters of a log-in challenge."""
LONGEST_DOCUMENT: Final = 200_000


@dataclass(frozen=True, slots=True)
class Pairing:
    """What pairing gave: the channel and its key for the line, the ticket for the page."""

    channel: str
    key: bytes
    ticket: str

    def __repr__(self) -> str:
        return f"Pairing({self.channel})"


class Agent:
    """One agent beside one or more readers, of one service at `origin`."""

    def __init__(
        self,
        mode: Mode,
        origin: str,
        cards: CardThread,
        readers: Readers,
        prompts: Prompts,
        clock: Clock,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self.mode, self.origin, self.readers, self.prompts = mode, origin, readers, prompts
        self._cards = cards
        self.managed = ManagedCard(mode, origin, cards, readers, prompts, time.monotonic, hold_seconds)
        self.operator = OperatorsCard(origin, cards, readers, prompts, clock)
        self.holder = Holder(origin, cards, readers, prompts, clock, self.managed)
        self._pairing: Pairing | None = None
        self._pairing_lock = threading.Lock()

    # -- pairing ---------------------------------------------------------------------------------------------------

    @property
    def pairing(self) -> Pairing | None:
        """The pairing with the service, if there is one."""
        return self._pairing

    def pair(self, pairing: Pairing | None) -> None:
        """Belong to this pairing from now on, or to none. What was under way is taken back."""
        with self._pairing_lock:
            self._pairing = pairing
        self._forget()

    def end(self, pairing: Pairing) -> None:
        """Belong to this pairing no more. Its end may be heard of late: then there is another one, which stays."""
        with self._pairing_lock:
            if self._pairing is not pairing:
                return
            self._pairing = None
        self._forget()

    def _forget(self) -> None:
        self.holder.forget()
        self.prompts.cancel()
        self.managed.forget()
        self.operator.forget()
        self.prompts.say("")

    def require_ticket(self, ticket: object) -> None:
        """Errors: AgentRefused (not paired, wrong ticket)."""
        if self._pairing is None:
            raise AgentRefused(Refusal.NOT_PAIRED)
        if not isinstance(ticket, str) or not hmac.compare_digest(ticket.encode(), self._pairing.ticket.encode()):
            raise AgentRefused(Refusal.WRONG_TICKET)

    # -- the two lists ---------------------------------------------------------------------------------------------

    def page(self, operation: object, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the paired page asks. Errors: AgentRefused, CardError."""
        wanted = _of(PageOperation, operation)
        if wanted not in PAGE_OPERATIONS[self.mode]:
            raise AgentRefused(Refusal.NOT_IN_THIS_MODE)
        match wanted:
            case PageOperation.LOOK:
                return self.readers.now.document()
            case PageOperation.LOGIN:
                nonce, reader = _text(arguments, "nonce", NONCE), self._reader(arguments.get("reader"))
                if self.mode is Mode.DESK:  # the card stays held, for what its operator will do; at home it is let go
                    return {"token": self.operator.log_in(reader, nonce)}
                return self.holder.log_in(nonce, reader)
            case PageOperation.SIGN:
                document = _octets(arguments, "document", LONGEST_DOCUMENT)
                return self.holder.sign(document, self._reader(arguments.get("reader")))
        raise AgentRefused(Refusal.UNKNOWN_OPERATION)

    def line(self, operation: object, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the service asks. Errors: AgentRefused, CardError."""
        wanted = _of(LineOperation, operation)
        if wanted not in LINE_OPERATIONS[self.mode]:
            raise AgentRefused(Refusal.NOT_IN_THIS_MODE)
        match wanted:
            case LineOperation.LOOK:
                return self.readers.now.document()
            case LineOperation.DESCRIBE:
                reader = self._reader(arguments.get("reader"))
                self.readers.refresh(reader)
                return asdict(self._seen(reader))
            case LineOperation.HOLD:
                reader = self._reader(arguments.get("reader"))
                if self.operator.is_at(reader):  # the operator's own card is nobody's to manage while they work
                    raise AgentRefused(Refusal.BUSY)
                return self.managed.hold(reader)
            case LineOperation.APDU:
                return self.managed.relay(_octets(arguments, "command"))
            case LineOperation.RELEASE:
                self.managed.release()
                return {}
            case LineOperation.AGREE:
                return self.managed.agree(self._reader(arguments.get("reader")))
            case LineOperation.ASK_PINS:
                purposes = tuple(_of(Purpose, one) for one in _list(arguments, "purposes"))
                self.holder.choose_pins(purposes, self._residents_reader())
                return {}
            case LineOperation.WRITE_PINS:
                return self.holder.write_pins()
            case LineOperation.CHECK_PIN:
                return self.holder.check_pin(self._reader(arguments.get("reader")))
            case LineOperation.SIGN_RECORD:
                return self.operator.sign(arguments)
            case LineOperation.FORGET:
                self.operator.forget()
                return {}
        raise AgentRefused(Refusal.UNKNOWN_OPERATION)

    def own_pin(self, what: str, purpose: str) -> None:
        """`check` or `change` a PIN of the card that lies here: between its holder, at home, and the card alone. No
        page and no service asks for it; it is asked on the agent's own page.

        Errors: AgentRefused; those of `Holder.check_pin` and `Holder.change_pin`.
        """
        if self.mode is not Mode.HOME:
            raise AgentRefused(Refusal.NOT_IN_THIS_MODE)
        which, reader = _of(Purpose, purpose), self._reader(None)
        match what:
            case "check":
                self.holder.check_pin(reader, which)
            case "change":
                self.holder.change_pin(reader, which)
            case _:
                raise AgentRefused(Refusal.UNKNOWN_OPERATION)

    def close(self) -> None:
        """Let go of everything."""
        self.pair(None)
        self.readers.stop()
        self._cards.close()

    # -- which card ------------------------------------------------------------------------------------------------

    def _reader(self, named: object) -> str:
        """The reader that was named, else the only one with one of our cards."""
        return self.readers.choose(named)

    def _seen(self, reader: str) -> SeenCard:
        return self.readers.seen(reader)

    def _residents_reader(self) -> str | None:
        """The one reader with a card that is not the operator's; None where there is none, or several."""
        found = [one.reader for one in self.readers.now.readers if one.ours and not self.operator.is_at(one.reader)]
        return found[0] if len(found) == 1 else None


def _of(kind: Any, value: object) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise AgentRefused(Refusal.UNKNOWN_OPERATION) from None


def _text(arguments: Mapping[str, Any], name: str, lengths: range) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or len(value) not in lengths:
        raise AgentRefused(Refusal.MALFORMED)
    return value


def _octets(arguments: Mapping[str, Any], name: str, longest: int = 66_000) -> bytes:
    value = arguments.get(name)
    try:
        octets = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        octets = b""
    if not 0 < len(octets) <= longest:
        raise AgentRefused(Refusal.MALFORMED)
    return octets


def _list(arguments: Mapping[str, Any], name: str) -> list[Any]:
    value = arguments.get(name)
    if not isinstance(value, list) or not value:
        raise AgentRefused(Refusal.MALFORMED)
    return value
