"""Which keys were made on which card, as the party that manages the cards saw it through its secure channel.

Possession alone proves that somebody holds a key. That it was made on this card, and never existed elsewhere, is known
by whoever told the card to make it and got the public half back authenticated by the card's own keys. What remains of
each conversation is kept with the key that it was about, and so with the certificate for that key.
"""

import hashlib
from dataclasses import dataclass

from ca import issuance
from ca.intents import IntentId
from ca.profiles import KeyShape
from ca.request import prove_possession
from enrollment.canonical import Json
from enrollment.errors import KeyNotFromCard
from enrollment.person import PersonId
from enrollment.store import Connection, Database, talks
from enrollment.store import work as rows
from enrollment.store.talks import CardTalk
from pki.certificate import Certificate
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
        self.database.transaction(lambda conn: rows.add_card_key(conn, card_id, key_name(spki), purpose, at))

    def told(self, talk: CardTalk) -> None:
        """A conversation came to its end; kept when this returns. Telling it again changes nothing."""
        self.database.transaction(lambda conn: talks.add_talk(conn, talk))


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a certificate's key came to be on its card: everything that was said about it, oldest first."""

    spki: str
    talks: tuple[CardTalk, ...]

    def body(self) -> dict[str, Json]:
        """As it is shown; signatures and attestations as they were given."""
        return {"key_sha256": self.spki, "conversations": [_shown(talk) for talk in self.talks]}


def evidence_of(conn: Connection, certificate: bytes) -> Evidence:
    """What is kept about the key of this certificate (DER); nothing for one that is on no card of ours."""
    name = key_name(Certificate(certificate).spki)
    return Evidence(name, tuple(talks.talks_of_key(conn, name)))


def proofs_of(conn: Connection, person: PersonId) -> list[Evidence]:
    """The same for every certificate that a person was issued, oldest first."""
    found = []
    for held in rows.certificates_of(conn, person):
        issued = issuance.certificate_of(conn, IntentId(held.intent))
        if issued is not None:
            found.append(evidence_of(conn, issued.der))
    return found


def _shown(talk: CardTalk) -> dict[str, Json]:
    record: dict[str, Json] = {
        "operation": talk.operation,
        "card": talk.card_id,
        "at": talk.at.iso(),
        "commands": talk.commands,
        "transcript_sha256": talk.digest,
    }
    if talk.message is not None and talk.signature is not None:
        record["challenge_sha256"] = talk.message
        record["signature"] = talk.signature.hex()
    if talk.attestation is not None:
        record["attestation"] = talk.attestation
    return record


def require_made_on(conn: Connection, card_id: str, purpose: Purpose, request: bytes) -> None:
    """See that the key of a PKCS#10 request was made on this card for this purpose.

    Errors: KeyNotFromCard; what `prove_possession` says of the request.
    """
    came = prove_possession(request, frozenset(KeyShape))
    if rows.card_key_purpose(conn, card_id, key_name(came.spki)) is not purpose:
        raise KeyNotFromCard(card_id)


def key_name(spki: bytes) -> str:
    """How a key is named here: SHA-256 of its SubjectPublicKeyInfo in hex."""
    return hashlib.sha256(spki).hexdigest()
