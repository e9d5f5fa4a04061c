"""The card as this service sees it: whose it is, whether it may be used, and what a card must be able to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from enrollment.machine import step
from enrollment.person import PersonId
from pki.instant import Instant
from pki.purpose import Purpose


class CardState(StrEnum):
    """PREPARED: keys promised, not yet handed over. SUSPENDED is lifted only in person; LOST and ENDED never."""

    PREPARED = "prepared"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOST = "lost"
    ENDED = "ended"


class CardEvent(StrEnum):
    """What can happen to a card."""

    DELIVER = "deliver"
    SUSPEND = "suspend"
    RESUME = "resume"
    LOSE = "lose"
    END = "end"


_S = CardState
_E = CardEvent

TRANSITIONS: Final[Mapping[tuple[CardState, CardEvent], CardState]] = {
    (_S.PREPARED, _E.DELIVER): _S.ACTIVE,
    (_S.PREPARED, _E.LOSE): _S.LOST,
    (_S.PREPARED, _E.END): _S.ENDED,
    (_S.ACTIVE, _E.SUSPEND): _S.SUSPENDED,
    (_S.ACTIVE, _E.LOSE): _S.LOST,
    (_S.ACTIVE, _E.END): _S.ENDED,
    (_S.SUSPENDED, _E.RESUME): _S.ACTIVE,
    (_S.SUSPENDED, _E.LOSE): _S.LOST,
    (_S.SUSPENDED, _E.END): _S.ENDED,
}


def advance(state: CardState, event: CardEvent) -> CardState:
    """Errors: WrongState."""
    return step("card", TRANSITIONS, state, event)


@dataclass(frozen=True, slots=True)
class Card:
    """One card of one person; `not_after` is printed on its face."""

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
