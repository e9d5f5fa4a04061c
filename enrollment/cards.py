"""The card as this service sees it: whose it is, where it is in its life, and what a card must be able to do."""

from dataclasses import dataclass
from typing import Protocol

from enrollment.person import PersonId
from pki.card_state import CardState
from pki.instant import Instant
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class Card:
    """One card of one person; `not_after` is printed on its face. Only `enrollment.card_life` changes its state."""

    card_id: str
    person: PersonId
    owner: str
    state: CardState
    version: int
    not_after: Instant
    changed_at: Instant


class CardSlot(Protocol):
    """A card in a reader, local or at a counter's PC.

    Every call may be repeated after a crash. Transport failures raise; nothing here retries. No PIN passes through.
    """

    def card_id(self) -> str:
        """The card's own serial."""
        ...

    def generate(self, purpose: Purpose) -> bytes:
        """Make a new *pending* key pair on the card; SubjectPublicKeyInfo in DER. The active key stays usable."""
        ...

    def prove(self, purpose: Purpose, message: bytes) -> bytes:
        """A signature over `message` by the pending key: possession."""
        ...

    def install(self, purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> None:
        """Write, read back, compare, then make the pending key active with it: all or nothing, and idempotent."""
        ...

    def read(self, purpose: Purpose) -> bytes | None:
        """The certificate now active on the card, in DER."""
        ...
