"""A card slot that tells what passes through it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from enrollment.cards import CardSlot
from pki.purpose import Purpose


@dataclass(slots=True)
class NotingSlot:
    """The slot `inner`; `proven` hears of every key that proved itself, `installed` keeps what was put on the card."""

    inner: CardSlot
    proven: Callable[[Purpose, bytes], object]
    installed: dict[Purpose, bytes] = field(default_factory=dict)
    _keys: dict[Purpose, bytes] = field(default_factory=dict)

    def card_id(self) -> str:
        """As the card says."""
        return self.inner.card_id()

    def generate(self, purpose: Purpose) -> bytes:
        """A new pending key."""
        self._keys[purpose] = self.inner.generate(purpose)
        return self._keys[purpose]

    def prove(self, purpose: Purpose, message: bytes) -> bytes:
        """A signature by the pending key."""
        signature = self.inner.prove(purpose, message)
        self.proven(purpose, self._keys[purpose])
        return signature

    def install(self, purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> None:
        """Onto the card."""
        self.inner.install(purpose, certificate, ca_certificate)
        self.installed[purpose] = certificate

    def read(self, purpose: Purpose) -> bytes | None:
        """The active certificate."""
        return self.inner.read(purpose)
