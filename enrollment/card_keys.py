"""Which keys were made on which card, as the party that manages the cards saw it through its secure channel.

Possession alone proves that somebody holds a key. That it was made on this card, and never existed elsewhere, is known
by whoever told the card to make it and got the public half back authenticated by the card's own keys.
"""

import hashlib
from dataclasses import dataclass

from ca.profiles import KeyShape
from ca.request import prove_possession
from enrollment.errors import KeyNotFromCard
from enrollment.store import Connection, Database
from enrollment.store import work as rows
from pki.instant import Clock
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The register of them."""

    database: Database
    clock: Clock

    def made(self, card_id: str, purpose: Purpose, spki: bytes) -> None:
        """A key was made; durable when this returns. Telling it again changes nothing."""
        at = self.clock.now()
        self.database.transaction(lambda conn: rows.add_card_key(conn, card_id, _name(spki), purpose, at))


def require_made_on(conn: Connection, card_id: str, purpose: Purpose, request: bytes) -> None:
    """See that the key of a PKCS#10 request was made on this card for this purpose.

    Errors: KeyNotFromCard; what `prove_possession` says of the request.
    """
    came = prove_possession(request, frozenset(KeyShape))
    if rows.card_key_purpose(conn, card_id, _name(came.spki)) is not purpose:
        raise KeyNotFromCard(card_id)


def _name(spki: bytes) -> str:
    return hashlib.sha256(spki).hexdigest()
