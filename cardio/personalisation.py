"""One card being personalised, re-issued or retired through a reader: the holder's side and the relay together.

`CardInReader` is what the enrollment process calls its card slot. The management half asks an Authority (which may
be on a server) and relays; the PIN half goes straight to the card and nowhere else. Every method may be repeated
after the card lost power, the reader vanished or the program died, and then finishes what was begun.
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cardio import jpki
from cardio.card_management import (
    AllowPin,
    Authority,
    Generate,
    Install,
    PendingKey,
    PinsSet,
    Prove,
    ReadActive,
    Request,
    RotateKeys,
    Terminate,
    relay,
)
from cardio.card_steps import OPEN
from cardio.commands import Entered
from cardio.errors import WrongCardState
from cardio.pin_pad import PadEntry
from cardio.session import CardSession
from pki.purpose import Purpose


class CardInReader:
    """Errors of every method: ConnectionFailed (repeat), CardSwapped, SecureChannelFailed, and those named with it."""

    def __init__(self, session: CardSession, authority: Authority) -> None:
        self.session = session
        self._authority = authority

    def card_id(self) -> str:
        """The card's own serial, as it says itself; every later call insists on the same card."""
        return self.session.identity

    def generate(self, purpose: Purpose) -> bytes:
        """A new pending key pair; SubjectPublicKeyInfo in DER. The active key stays usable."""
        return self._manage(Generate(purpose))

    def pending(self, purpose: Purpose) -> bytes | None:
        """SubjectPublicKeyInfo of the pending key, or None."""
        return self._manage(PendingKey(purpose)) or None

    def prove(self, purpose: Purpose, message: bytes) -> bytes:
        """A signature over `message` by the pending key; no PIN, for nobody relies on that key yet.

        Errors: WrongCardState if there is no pending key.
        """
        spki = self.pending(purpose)
        if spki is None:
            raise WrongCardState("there is no pending key")
        elliptic = isinstance(load_der_public_key(spki), ec.EllipticCurvePublicKey)
        return self._manage(Prove(purpose, message, elliptic))

    def install(self, purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> None:
        """Write, read back, compare, then make pending key and certificate the active ones, atomically on the card.

        Errors: CertificateMismatch; WrongCardState if there is no pending key and the certificate is not the active
        one.
        """
        self._manage(Install(purpose, certificate, ca_certificate))

    def read(self, purpose: Purpose) -> bytes | None:
        """The active certificate, or None."""
        return self._manage(ReadActive(purpose)) or None

    def set_pins(self, pin: str, password: str) -> None:
        """Both PINs, new, from the holder's own entry.

        Errors: PinMalformed, before anything is sent.
        """
        self._set_new(
            {
                Purpose.AUTHENTICATION: jpki.pin(Purpose.AUTHENTICATION, pin),
                Purpose.SIGNATURE: jpki.pin(Purpose.SIGNATURE, password),
            }
        )

    def reset_pin(self, purpose: Purpose, new: str | PadEntry, number: int) -> bool:
        """Set one PIN anew, blocked or not, with the permission of that number.

        False if the PIN was set with this permission before, and an answer got lost: then it is as entered then, and
        this entry was not used. Repeatable. Errors: PinMalformed, before anything is sent; Refused (6985) if the card
        has seen a later permission.
        """
        return self._set_new({purpose: new if isinstance(new, PadEntry) else jpki.pin(purpose, new)}, number)

    def _set_new(self, pins: Mapping[Purpose, Entered], number: int = 0) -> bool:
        # What the card allows dies with power or selection, so asking and setting are one piece of work. Torn between
        # two PINs, the repetition sets both again: no PIN is ever left open, a blocked one stays blocked until it is
        # set.
        with self.session.work() as channel:
            told = relay(channel, self._authority.begin(AllowPin(tuple(pins), number)))
            for state, (purpose, pin) in zip(told, pins.items(), strict=True):
                if state == OPEN[0]:
                    jpki.set_new_pin(channel, purpose, pin)
            if number:  # the card's own word for it, for whoever gave the permission
                relay(channel, self._authority.begin(PinsSet(tuple(pins), number)))
        return OPEN[0] in told

    def rotate_keys(self) -> None:
        """Bring the card's management keys to the current master key."""
        self._manage(RotateKeys())

    def terminate(self) -> None:
        """End of life: keys, certificates and PINs on the card are destroyed, for ever."""
        self._manage(Terminate())

    def _manage(self, request: Request) -> bytes:
        with self.session.work() as channel:
            return relay(channel, self._authority.begin(request))
