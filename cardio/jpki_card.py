"""A JPKI card as its holder sees it: what it says of itself, its certificates, PINs and signatures.

Every method is one piece of work with the card: selected, identified, done, and afterwards selected again, which
makes the card forget what was verified, so that no other program finds an open PIN.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardio import jpki
from cardio.channel import Channel
from cardio.commands import Entered
from cardio.errors import CardError, WrongCardState
from cardio.session import CardSession
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class CardDescription:
    """What anybody may know who holds the card. The signature certificate is not among it: it names its holder."""

    card_id: str
    label: str
    model: str
    tries_left: Mapping[Purpose, int | None]
    available: Mapping[Purpose, bool]
    authentication_certificate: bytes | None


class JpkiCard:
    """Errors of every method: ConnectionFailed, CardSwapped, NotThisKind, and those named with it."""

    def __init__(self, session: CardSession) -> None:
        self.session = session

    def card_id(self) -> str:
        """The card's own serial."""
        return self.session.identity

    def describe(self) -> CardDescription:
        with self.session.work() as channel:
            info = jpki.token_info(channel)
            return CardDescription(
                card_id=info.serial,
                label=info.label,
                model=info.model,
                tries_left={purpose: jpki.tries_left(channel, purpose) for purpose in Purpose},
                available=jpki.availability(channel),
                authentication_certificate=jpki.read_certificate(channel, Purpose.AUTHENTICATION),
            )

    def tries_left(self, purpose: Purpose) -> int | None:
        """Shown before a PIN is asked for; costs none. 0: blocked."""
        with self.session.work() as channel:
            return jpki.tries_left(channel, purpose)

    def read_ca_certificate(self, purpose: Purpose) -> bytes | None:
        """The certificate of the authority that issued the purpose's certificate, in DER."""
        with self.session.work() as channel:
            return jpki.read_certificate(channel, purpose, ca=True)

    def read(self, purpose: Purpose, pin: Entered | None = None, *, last_try: bool = False) -> bytes | None:
        """The certificate in DER, None if the card has none. The signature certificate needs its password.

        Errors: WrongPin, PinBlocked, LastTry; Refused (6982) for the signature certificate without `pin`.
        """
        with self._opened(purpose, pin, last_try) as channel:
            return jpki.read_certificate(channel, purpose)

    def verify_pin(self, purpose: Purpose, pin: Entered, *, last_try: bool = False) -> None:
        """Whether the PIN is right. Errors: WrongPin, PinBlocked, LastTry."""
        with self._opened(purpose, pin, last_try):
            pass

    def change_pin(self, purpose: Purpose, old: Entered, new: Entered, *, last_try: bool = False) -> None:
        """Errors: WrongPin, PinBlocked, LastTry (of the old one). Torn, the card has the old one or the new one."""
        with self._opened(purpose, old, last_try) as channel:
            jpki.set_new_pin(channel, purpose, new)

    def sign(self, purpose: Purpose, pin: Entered, message: bytes, *, last_try: bool = False) -> bytes:
        """A signature over `message`: sha256WithRSAEncryption, or ecdsa-with-SHA384 in DER on our P-384 cards.

        Errors: WrongPin, PinBlocked, LastTry; WrongCardState if the card has no such certificate.
        """
        with self.session.work() as channel:
            if not jpki.availability(channel)[purpose]:
                raise WrongCardState(f"it has no {purpose} certificate")
            next_generation = jpki.token_info(channel).next_generation
            with _verified(channel, purpose, pin, last_try):
                return jpki.sign_message(channel, purpose, message, next_generation=next_generation)

    @contextlib.contextmanager
    def _opened(self, purpose: Purpose, pin: Entered | None, last_try: bool) -> Iterator[Channel]:
        with self.session.work() as channel:
            if pin is None:
                yield channel
                return
            with _verified(channel, purpose, pin, last_try):
                yield channel


@contextlib.contextmanager
def _verified(channel: Channel, purpose: Purpose, pin: Entered, last_try: bool) -> Iterator[None]:
    jpki.verify_pin(channel, purpose, pin, last_try=last_try)
    try:
        yield
    finally:
        with contextlib.suppress(CardError):  # what went wrong before matters more; a lost card has forgotten anyway
            jpki.select(channel)
