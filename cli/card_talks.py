"""A conversation with a card as its keys' side saw it, made into what the service keeps of it."""

import hashlib
import json

from cardio import card_management as management
from cardio.card_management import Talk
from cardio.evidence import Transcript
from cardio.piv_slot import KeyProof
from enrollment.card_keys import key_name
from enrollment.conversations import Operation
from enrollment.store.talks import CardTalk
from pki import der
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from pki.purpose import Purpose


def kept(talk: Talk, at: Instant) -> CardTalk:
    """What is kept of `talk`, with the key that it was about."""
    operation, purpose = _about(talk.request)
    key, message, signature = _proof(talk)
    return CardTalk(
        card_id=talk.card_id,
        conversation=talk.name,
        operation=operation,
        purpose=purpose,
        commands=talk.commands,
        digest=talk.transcript.hex(),
        at=at,
        key_hash=key,
        message=message,
        signature=signature,
    )


def kept_proof(proof: KeyProof, transcript: Transcript, at: Instant) -> CardTalk:
    """The same for a step with a key of a PIV card; `transcript`: of the session, up to and with this step."""
    digest = transcript.digest
    match Operation(proof.step):
        case Operation.GENERATE:
            key: str | None = key_name(proof.subject)
        case Operation.INSTALL:
            key = key_name(Certificate(proof.subject).spki)
        case _:
            key = _key_of_request(proof.subject)
    return CardTalk(
        card_id=proof.card_id,
        conversation=hashlib.sha256(digest + proof.step.encode()).hexdigest()[:32],
        operation=proof.step,
        purpose=proof.purpose,
        commands=sum(line.startswith("> ") for line in transcript.text.splitlines()),
        digest=digest.hex(),
        at=at,
        key_hash=key,
        message=hashlib.sha256(proof.subject).hexdigest() if proof.signature else None,
        signature=proof.signature or None,
        attestation=json.dumps([one.hex() for one in proof.attestation]) if proof.attestation else None,
    )


def _about(request: management.Request) -> tuple[str, Purpose | None]:
    match request:
        case management.Generate(purpose):
            return Operation.GENERATE.value, purpose
        case management.PendingKey(purpose):
            return Operation.PENDING.value, purpose
        case management.Prove(purpose):
            return Operation.PROVE.value, purpose
        case management.Install(purpose):
            return Operation.INSTALL.value, purpose
        case management.ReadActive(purpose):
            return Operation.READ.value, purpose
        case management.AllowPin(purposes, 0):
            return Operation.FIRST_PINS.value, purposes[0] if len(purposes) == 1 else None
        case management.AllowPin(purposes):
            return Operation.ALLOW_PIN.value, purposes[0] if len(purposes) == 1 else None
        case management.PinsSet(purposes):
            return Operation.PIN_SET.value, purposes[0] if len(purposes) == 1 else None
        case management.RotateKeys():
            return "rotate-keys", None
        case management.Terminate():
            return "terminate", None


def _proof(talk: Talk) -> tuple[str | None, str | None, bytes | None]:
    """The key's name; and if the card signed with it: SHA-256 of what it signed in hex, and the signature."""
    match talk.request:
        case management.Generate():
            return key_name(talk.result), None, None
        case management.PendingKey() if talk.result:
            return key_name(talk.result), None, None
        case management.Prove(_, message):
            return _key_of_request(message), hashlib.sha256(message).hexdigest(), talk.result
        case management.Install(_, certificate):
            return key_name(Certificate(certificate).spki), None, None
        case management.ReadActive() if talk.result:
            return key_name(Certificate(talk.result).spki), None, None
    return None, None, None


def _key_of_request(message: bytes) -> str | None:
    """The key that a CertificationRequestInfo is about (RFC 2986 4.1); None for other messages."""
    try:
        parts = der.read_whole(message).children()
    except Malformed:
        return None
    return key_name(bytes(parts[2].raw)) if len(parts) > 2 else None
