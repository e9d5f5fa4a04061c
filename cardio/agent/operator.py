"""What the operator's own card does at a desk: the log-in, and a signature under each thing that its operator does.

One PIN at the log-in; afterwards the card signs by its own security status (`own_card`), and where it has forgotten
that, the PIN is asked for again, with what it is for.
"""

import base64
import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from cardio.agent.card_thread import CardThread
from cardio.agent.own_card import LoggedIn, OwnCard
from cardio.agent.pin_asking import PinAsking
from cardio.agent.prompts import PromptKind, Prompts
from cardio.agent.readers import Readers, SeenCard, describe
from cardio.agent.records import LONGEST_RECORD, Record, parse_record
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.commands import Entered
from cardio.errors import ConnectionFailed
from cardio.pcsc import Context
from pki.certificate import Certificate
from pki.instant import JAPAN, Clock, Instant
from pki.purpose import Purpose

REMEMBERED: Final = 5
"""Signatures of this log-in that the agent's page shows."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the page says was signed: a key of the wording, and when. Nobody's name or number: a resident may see it."""

    what: str
    at: Instant

    @property
    def time(self) -> str:
        """Hours and minutes in Japan."""
        return self.at.datetime.astimezone(JAPAN).strftime("%H:%M")


class OperatorsCard:
    """The card that logged in, and what it signs. `site`: our service's origin."""

    def __init__(self, site: str, cards: CardThread, readers: Readers, prompts: Prompts, clock: Clock) -> None:
        self._site, self._cards, self._readers, self._clock = site, cards, readers, clock
        self._asking = PinAsking(cards, prompts, readers, staff=True)
        self._prompts = prompts
        self._own = OwnCard(readers.hold, readers.let_go)
        self._one_at_a_time = threading.Lock()
        self.signed: deque[Signed] = deque(maxlen=REMEMBERED)
        """The newest last."""
        readers.when_leaving(lambda reader: cards.submit(lambda _context: self._left(reader)))

    def is_at(self, reader: str) -> bool:
        """Whether the card that logged in lies in that reader."""
        who = self._own.who
        return who is not None and self._readers.seen(reader).card == who.card

    def log_in(self, reader: str, nonce: str) -> dict[str, Any]:
        """A log-in token over our origin and the page's nonce (`verifier.challenge` judges it); the card is held."""
        self.forget()
        seen = self._readers.seen(reader)

        def enter(context: Context, pin: Entered, last_try: bool) -> tuple[bytes, bytes, SeenCard]:
            return self._own.log_in(
                context, seen, pin, last_try, lambda octets: token_message(self._site, nonce, octets)
            )

        certificate, signature, known = self._asking.ask(
            PromptKind.LOGIN,
            Purpose.AUTHENTICATION,
            reader,
            {"site": self._site},
            lambda context: self._tries(context, reader),
            enter,
        )
        self._readers.put(known)
        return token(certificate, signature)

    def _tries(self, context: Context, reader: str) -> int | None:
        self._readers.require_free(reader)
        return describe(context, reader).authentication_tries

    def sign(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Sign one record. `arguments`: `record`, its octets in hex; `fingerprint` of the card that is expected.

        Errors: AgentRefused (malformed, unknown act, nobody logged in, another card, cancelled, timed out);
        CardSwapped, PinBlocked, ConnectionFailed.
        """
        try:
            octets = bytes.fromhex(str(arguments.get("record"))[: 2 * LONGEST_RECORD + 2])
        except ValueError:
            raise AgentRefused(Refusal.MALFORMED) from None
        record = parse_record(octets)
        who = self._own.who
        if who is None:
            raise AgentRefused(Refusal.NOT_LOGGED_IN)
        if arguments.get("fingerprint") != who.fingerprint:
            raise AgentRefused(Refusal.ANOTHER_CARD)
        with self._one_at_a_time:  # two tabs: the second is not refused because the first is asked for a PIN
            signature = self._signature(record, who)
        self.signed.append(Signed(record.what, self._clock.now()))
        self._prompts.touch()
        return {"signature": signature.hex()}

    def _signature(self, record: Record, who: LoggedIn) -> bytes:
        def sign(context: Context) -> bytes | None:
            return self._own.sign(context, who, record.to_be_signed)

        def tries(context: Context) -> int | None:
            return self._own.tries_left(context, who)

        def verify(context: Context, pin: Entered, last_try: bool) -> bytes | None:
            self._own.verify(context, who, pin, last_try)
            return sign(context)

        try:
            signature = self._cards.call(sign)
        except ConnectionFailed:  # pcscd was restarted, or somebody reset the card: once more, from the beginning
            signature = self._cards.call(sign)
        told = {"site": self._site, "what": record.what, "at": record.at, "counter": record.counter}
        while signature is None:
            signature = self._asking.ask(PromptKind.RECORD, Purpose.AUTHENTICATION, who.reader, told, tries, verify)
        return signature

    def forget(self) -> None:
        """Nobody is logged in any more: the card forgets its PIN and is left to others."""
        self.signed.clear()
        self._own.who = None
        self._cards.submit(lambda _context: self._own.let_go())

    def _left(self, reader: str) -> None:
        if self._own.reader == reader:
            self._own.let_go()


def token_message(site: str, nonce: str, certificate: bytes) -> bytes:
    """What a log-in signs: two hashes, of our own origin and of the page's nonce."""
    name = "sha384" if _is_elliptic(certificate) else "sha256"
    return hashlib.new(name, site.encode()).digest() + hashlib.new(name, nonce.encode()).digest()


def token(certificate: bytes, signature: bytes) -> dict[str, Any]:
    """The log-in token, as Web eID writes it."""
    elliptic = _is_elliptic(certificate)
    return {
        "unverifiedCertificate": base64.b64encode(certificate).decode(),
        "algorithm": "ES384" if elliptic else "RS256",
        "signature": base64.b64encode(_fixed_length(signature) if elliptic else signature).decode(),
        "format": "web-eid:1.0",
        "appVersion": "jitsuin-agent",
    }


def _is_elliptic(certificate: bytes) -> bool:
    return isinstance(Certificate(certificate).public_key, ec.EllipticCurvePublicKey)


def _fixed_length(signature: bytes) -> bytes:
    """r ‖ s of a P-384 signature, 48 octets each (RFC 7518 3.4)."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(48) + s.to_bytes(48)
