"""The card of the operator who logged in, held from the log-in's PIN until it is let go or leaves the reader.

The PIN is kept nowhere: what lets the card sign again is its own security status after VERIFY, which lasts while its
application stays selected and the card powered. So the connection stays open, inside one transaction: no other program
of this PC can speak to the card, and none finds it open. Before each signature the card says once more which it is.
Everything here runs on the card thread.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from cardio import jpki
from cardio.agent.readers import SeenCard, describe_card
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.channel import Channel
from cardio.commands import Entered
from cardio.errors import CardError, CardSwapped, ConnectionFailed, Refused, WrongCardState
from cardio.jpki import SLOTS
from cardio.pcsc import Context
from pki.purpose import Purpose

_KEY = Purpose.AUTHENTICATION
_NOT_VERIFIED = 0x6982


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The card that logged in: its serial, and the SHA-256 of its authentication certificate in hex."""

    reader: str
    card: str
    fingerprint: str


@dataclass(slots=True)
class _Open:
    reader: str
    stack: contextlib.ExitStack
    channel: Channel
    next_generation: bool


class OwnCard:
    """At most one card. `hold` and `let_go` are told the reader that nobody else may ask meanwhile."""

    def __init__(self, hold: Callable[[str], object], let_go: Callable[[str], object]) -> None:
        self._told_hold, self._told_let_go = hold, let_go
        self._open: _Open | None = None
        self.who: LoggedIn | None = None

    @property
    def reader(self) -> str | None:
        """The reader whose card is held now."""
        return self._open.reader if self._open else None

    def log_in(
        self, context: Context, seen: SeenCard, pin: Entered, last_try: bool, message: Callable[[bytes], bytes]
    ) -> tuple[bytes, bytes, SeenCard]:
        """VERIFY, and a signature over what `message` makes of the certificate; from then on the card is held.

        Gives certificate, signature and what is now known of the card. Errors: WrongPin, PinBlocked, LastTry;
        CardSwapped, WrongCardState without a certificate, ConnectionFailed. After any of them nothing is held.
        """
        self.who = None
        opened = self._take(context, seen.reader, seen.card or None)
        try:
            certificate = jpki.read_certificate(opened.channel, _KEY)
            if certificate is None:
                raise WrongCardState("it has no authentication certificate")
            known = describe_card(opened.channel, seen.reader)
            jpki.verify_pin(opened.channel, _KEY, pin, last_try=last_try)
            signature = self._signature(opened, message(certificate))
        except BaseException:
            self.let_go()
            raise
        self.who = LoggedIn(known.reader, known.card, sha256(certificate).hexdigest())
        return certificate, signature, replace(known, authentication_tries=SLOTS[_KEY].rule.tries)

    def sign(self, context: Context, who: LoggedIn, message: bytes) -> bytes | None:
        """A signature over `message` by the card that logged in, if it still is `who`'s; None if it wants its PIN.

        Errors: AgentRefused (nobody logged in, or somebody else since); CardSwapped; ConnectionFailed, after which the
        next call connects anew.
        """
        opened = self._again(context, who)
        try:
            return self._signature(opened, message)
        except Refused as refused:
            if refused.status_word != _NOT_VERIFIED:
                raise
            return None
        except ConnectionFailed:
            self.let_go()
            raise

    def tries_left(self, context: Context, who: LoggedIn) -> int | None:
        """Before the PIN is asked for. Errors: as `sign`."""
        return jpki.tries_left(self._again(context, who).channel, _KEY)

    def verify(self, context: Context, who: LoggedIn, pin: Entered, last_try: bool) -> None:
        """Errors: WrongPin, PinBlocked, LastTry; as `sign`."""
        jpki.verify_pin(self._again(context, who).channel, _KEY, pin, last_try=last_try)

    def let_go(self) -> None:
        """Make the card forget its PIN, and leave it to others. Who logged in is still known."""
        opened, self._open = self._open, None
        if opened is None:
            return
        with contextlib.suppress(CardError):  # a card that is gone has forgotten anyway
            jpki.select(opened.channel)
        with contextlib.suppress(CardError):
            opened.stack.close()
        self._told_let_go(opened.reader)

    def _again(self, context: Context, who: LoggedIn) -> _Open:
        """The card that logged in, identified once more; its reader may have come back since (pcscd was restarted)."""
        if self.who is None:
            raise AgentRefused(Refusal.NOT_LOGGED_IN)
        if self.who != who:
            raise AgentRefused(Refusal.ANOTHER_CARD)
        if self._open is not None:
            try:
                # not by SELECT of the application: that would make the card forget its PIN
                found = jpki.token_info(self._open.channel).serial
            except CardError:
                self.let_go()
            else:
                if found != who.card:
                    self.let_go()
                    raise CardSwapped(who.card, found)
                return self._open
        opened = self._take(context, who.reader, who.card)
        certificate = jpki.read_certificate(opened.channel, _KEY)
        if certificate is None or sha256(certificate).hexdigest() != who.fingerprint:
            self.let_go()
            raise CardSwapped(who.card, who.card)
        return opened

    def _take(self, context: Context, reader: str, card: str | None) -> _Open:
        self.let_go()
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(context.connect(reader))
            stack.enter_context(connection.transaction())
            channel = Channel(connection)
            found = jpki.identify(channel)
            if card is not None and found != card:
                raise CardSwapped(card, found)
            next_generation = jpki.token_info(channel).next_generation
            self._open = _Open(reader, stack.pop_all(), channel, next_generation)
        self._told_hold(reader)
        return self._open

    @staticmethod
    def _signature(opened: _Open, message: bytes) -> bytes:
        return jpki.sign_message(opened.channel, _KEY, message, next_generation=opened.next_generation)
