"""The operations of the agent: what the paired page may ask, and what the service may ask over its sealed line.

PINs come from the agent's own page (`prompts`) and go to the card; no answer to anybody holds one.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final, TypeVar

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.agent.managed_card import HOLD_SECONDS, ManagedCard
from cardio.agent.operations import (
    LINE_OPERATIONS,
    PAGE_OPERATIONS,
    LineOperation,
    Mode,
    PageOperation,
)
from cardio.agent.operator import OperatorsCard, token, token_message
from cardio.agent.prompts import PromptKind, Prompts
from cardio.agent.readers import Readers, SeenCard
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.channel import Channel
from cardio.errors import LastTry, PinMalformed, WrongCardState, WrongPin
from cardio.jpki_card import JpkiCard
from cardio.pcsc import Context
from cardio.pin import Pin
from cardio.present_cards import CardKind, session_at
from pki import cms
from pki.certificate import Certificate
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
        self._cards, self._clock = cards, clock
        self.managed = ManagedCard(mode, origin, cards, readers, prompts, time.monotonic, hold_seconds)
        self.operator = OperatorsCard(origin, cards, readers, prompts, clock)
        self._pairing: Pairing | None = None
        self._pairing_lock = threading.Lock()
        self._chosen: dict[Purpose, Pin] = {}

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
        self._chosen.clear()
        self.prompts.cancel()
        self.managed.forget()
        self.operator.forget()
        self.prompts.touch()

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
                return self._login(_text(arguments, "nonce", NONCE), arguments.get("reader"))
            case PageOperation.SIGN:
                return self._sign(arguments)
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
                return self._ask_pins(arguments)
            case LineOperation.WRITE_PINS:
                return self._write_pins()
            case LineOperation.CHECK_PIN:
                return self._check_pin(arguments)
            case LineOperation.SIGN_RECORD:
                return self.operator.sign(arguments)
            case LineOperation.FORGET:
                self.operator.forget()
                return {}
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

    # -- with the holder's PIN -------------------------------------------------------------------------------------

    def _login(self, nonce: str, named: object) -> dict[str, Any]:
        """A log-in token. At a desk the card stays held, for what its operator will do; at home it is let go."""
        reader = self._reader(named)
        if self.mode is Mode.DESK:
            return {"token": self.operator.log_in(reader, nonce)}

        def sign(card: JpkiCard, pin: Pin, last_try: bool) -> dict[str, Any]:
            certificate = card.read(Purpose.AUTHENTICATION)
            if certificate is None:
                raise WrongCardState("it has no authentication certificate")
            message = token_message(self.origin, nonce, certificate)
            signature = card.sign(Purpose.AUTHENTICATION, pin, message, last_try=last_try)
            return token(certificate, signature)

        made = self._with_pin(PromptKind.LOGIN, Purpose.AUTHENTICATION, reader, {"site": self.origin}, sign)
        return {"token": made}

    def _sign(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Detached CMS by the signature key over a document that the person saw on the agent's page."""
        document = _octets(arguments, "document", LONGEST_DOCUMENT)
        try:
            shown = document.decode("utf-8")
        except UnicodeDecodeError:
            raise AgentRefused(Refusal.MALFORMED) from None  # what cannot be shown is not signed
        reader = self._reader(arguments.get("reader"))

        def sign(card: JpkiCard, password: Pin, last_try: bool) -> dict[str, Any]:
            octets = card.read(Purpose.SIGNATURE, password, last_try=last_try)
            if octets is None:
                raise WrongCardState("it has no signature certificate")
            certificate = Certificate(octets)
            digest = hashlib.new(cms.digest_name(certificate), document).digest()
            attributes = cms.to_be_signed(digest, certificate, self._clock.now())
            value = card.sign(Purpose.SIGNATURE, password, attributes)
            return {"signature": cms.assemble(attributes, value, certificate).hex()}

        told = {"site": self.origin, "document": shown}
        return self._with_pin(PromptKind.SIGN, Purpose.SIGNATURE, reader, told, sign)

    def _with_card(self, context: Context, reader: str, expected: str, work: Callable[[JpkiCard], T]) -> T:
        self.readers.require_free(reader)
        with session_at(context, reader, CardKind.JPKI, expected=expected or None) as session:
            return work(JpkiCard(session))

    def _check_pin(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Whether the holder knows the authentication PIN: part of the check at a post office."""
        reader = self._reader(arguments.get("reader"))

        def check(card: JpkiCard, pin: Pin, last_try: bool) -> dict[str, Any]:
            card.verify_pin(Purpose.AUTHENTICATION, pin, last_try=last_try)
            return {"card": card.card_id()}

        return self._with_pin(PromptKind.CHECK_PIN, Purpose.AUTHENTICATION, reader, {"site": self.origin}, check)

    def _with_pin(
        self,
        kind: PromptKind,
        purpose: Purpose,
        reader: str,
        told: dict[str, str],
        work: Callable[[JpkiCard, Pin, bool], dict[str, Any]],
    ) -> dict[str, Any]:
        """Ask for the PIN and do `work` with it, again after a wrong one, until it is right, blocked or cancelled."""
        card = self._seen(reader).card
        wrong = False
        try:
            while True:
                tries = self._cards.call(
                    lambda context: self._with_card(context, reader, card, lambda it: it.tries_left(purpose))
                )
                answer = self.prompts.ask(kind, (purpose.value,), tries, told, reader, wrong=wrong)
                last_try = answer.get("last_try") == "yes"
                try:
                    pin = jpki.pin(purpose, answer.get(purpose.value, ""))
                    do = partial(_do, work, pin, last_try)
                    return self._cards.call(lambda context, do=do: self._with_card(context, reader, card, do))  # type: ignore[misc]
                except (WrongPin, PinMalformed, LastTry):
                    wrong = True
        finally:
            self.readers.refresh(reader)

    def _ask_pins(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Have the holder choose new PINs, typed twice; they wait here for `write-pins`."""
        purposes = tuple(_of(Purpose, one) for one in _list(arguments, "purposes"))
        self._chosen.clear()
        wrong = False
        while True:
            names = tuple(one.value for one in purposes)
            answer = self.prompts.ask(PromptKind.NEW_PINS, names, told={"site": self.origin}, wrong=wrong)
            wrong = True
            try:
                chosen = {one: jpki.pin(one, answer.get(one.value, "")) for one in purposes}
                again = {one: jpki.pin(one, answer.get(f"{one.value}_again", "")) for one in purposes}
            except PinMalformed:
                continue
            if chosen == again:
                self._chosen = chosen
                return {}

    def _write_pins(self) -> dict[str, Any]:
        """Set what was chosen on the card that is held: the card's management has just allowed it, once."""
        chosen, self._chosen = self._chosen, {}
        if not chosen:
            raise AgentRefused(Refusal.NOTHING_CHOSEN)

        def write(channel: Channel, _reader: str) -> dict[str, Any]:
            for purpose, pin in chosen.items():
                jpki.set_new_pin(channel, purpose, pin)
            jpki.select(channel)  # forgets that anything was verified
            return {"set": [one.value for one in chosen]}

        return self.managed.write(write)


def _do(work: Callable[[JpkiCard, Pin, bool], T], pin: Pin, last_try: bool, card: JpkiCard) -> T:
    return work(card, pin, last_try)


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
