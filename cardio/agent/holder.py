"""What the holder of a card does with it here: log in and sign at home, show a PIN to be known, choose and change PINs.

PINs go from the agent's page, or from the reader's own keys, to the card and to nobody else.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.agent.managed_card import ManagedCard
from cardio.agent.operator import token, token_message
from cardio.agent.pin_asking import PinAsking
from cardio.agent.prompts import PromptKind, Prompts
from cardio.agent.readers import Readers
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.channel import Channel
from cardio.commands import Entered
from cardio.errors import PinMalformed, PinMismatch, WrongCardState
from cardio.jpki_card import JpkiCard
from cardio.pcsc import Context
from cardio.pin_pad import PadEntry
from cardio.present_cards import CardKind, session_at
from pki import cms
from pki.certificate import Certificate
from pki.instant import Clock
from pki.purpose import Purpose

T = TypeVar("T")


class Holder:
    """Whoever is before the reader. `site`: our service's origin, which they are told."""

    def __init__(
        self, site: str, cards: CardThread, readers: Readers, prompts: Prompts, clock: Clock, managed: ManagedCard
    ) -> None:
        self._site, self._cards, self._readers, self._prompts, self._clock = site, cards, readers, prompts, clock
        self._asking, self._managed = PinAsking(cards, prompts, readers), managed
        self._chosen: dict[Purpose, Entered] = {}

    def log_in(self, nonce: str, reader: str) -> dict[str, Any]:
        """A log-in token over our origin and the page's nonce (`verifier.challenge` judges it)."""

        def sign(card: JpkiCard, pin: Entered, last_try: bool) -> dict[str, Any]:
            certificate = card.read(Purpose.AUTHENTICATION)
            if certificate is None:
                raise WrongCardState("it has no authentication certificate")
            message = token_message(self._site, nonce, certificate)
            return token(certificate, card.sign(Purpose.AUTHENTICATION, pin, message, last_try=last_try))

        return {"token": self._with_pin(PromptKind.LOGIN, Purpose.AUTHENTICATION, reader, sign, site=self._site)}

    def sign(self, document: bytes, reader: str) -> dict[str, Any]:
        """Detached CMS by the signature key over a document that the person saw on the agent's page."""
        try:
            shown = document.decode("utf-8")
        except UnicodeDecodeError:
            raise AgentRefused(Refusal.MALFORMED) from None  # what cannot be shown is not signed

        def sign(card: JpkiCard, password: Entered, last_try: bool) -> dict[str, Any]:
            octets = card.read(Purpose.SIGNATURE, password, last_try=last_try)
            if octets is None:
                raise WrongCardState("it has no signature certificate")
            certificate = Certificate(octets)
            digest = hashlib.new(cms.digest_name(certificate), document).digest()
            attributes = cms.to_be_signed(digest, certificate, self._clock.now())
            value = card.sign(Purpose.SIGNATURE, password, attributes)
            return {"signature": cms.assemble(attributes, value, certificate).hex()}

        return self._with_pin(PromptKind.SIGN, Purpose.SIGNATURE, reader, sign, site=self._site, document=shown)

    def check_pin(self, reader: str, purpose: Purpose = Purpose.AUTHENTICATION) -> dict[str, Any]:
        """Whether the holder knows a PIN: part of the check at a post office, and a thing to ask oneself at home."""

        def check(card: JpkiCard, pin: Entered, last_try: bool) -> dict[str, Any]:
            card.verify_pin(purpose, pin, last_try=last_try)
            return {"card": card.card_id()}

        return self._with_pin(PromptKind.CHECK_PIN, purpose, reader, check, site=self._site)

    def change_pin(self, reader: str, purpose: Purpose) -> None:
        """Another PIN in the place of a known one. What is wrong with the new one is said before the old one is sent:
        that costs no try.
        """
        new: list[Entered] = []

        def choose(answer: Mapping[str, str]) -> None:
            first, again = (jpki.pin(purpose, answer.get(f"{purpose.value}_{one}", "")) for one in ("new", "again"))
            if first != again:
                raise PinMismatch
            new[:] = [first]

        def change(card: JpkiCard, old: Entered, last_try: bool) -> None:
            entered = new[0] if new else PadEntry(jpki.SLOTS[purpose].rule)
            card.change_pin(purpose, old, entered, last_try=last_try)

        self._with_pin(PromptKind.CHANGE_PIN, purpose, reader, change, choose)

    # -- new PINs that the service's management of the card makes room for -----------------------------------------

    def forget(self) -> None:
        """What was chosen is for nothing any more."""
        self._chosen.clear()

    def choose_pins(self, purposes: tuple[Purpose, ...], reader: str | None) -> None:
        """Have new PINs chosen, typed twice; they wait here for `write_pins`. Those for which the reader has keys are
        entered there, when the card lies open for them.
        """
        self._chosen.clear()
        pads: dict[Purpose, Entered] = {
            one: PadEntry(jpki.SLOTS[one].rule) for one in purposes if self._asking.at_reader(reader, one)
        }
        names = tuple(one.value for one in purposes if one not in pads)
        wrong = False
        while names:
            answer = self._prompts.ask(PromptKind.NEW_PINS, names, told={"site": self._site}, wrong=wrong)
            wrong = True
            try:
                chosen: dict[Purpose, Entered] = {
                    Purpose(one): jpki.pin(Purpose(one), answer.get(one, "")) for one in names
                }
                again = {Purpose(one): jpki.pin(Purpose(one), answer.get(f"{one}_again", "")) for one in names}
            except PinMalformed:
                continue
            if chosen == again:
                pads = {**pads, **chosen}
                break
        self._chosen = {one: pads[one] for one in purposes}

    def write_pins(self) -> dict[str, Any]:
        """Set what was chosen on the card that is held: the card's management has just allowed it, once.

        Errors: AgentRefused (nothing chosen, no card held); PinEntryCancelled, PinEntryTimedOut.
        """
        chosen, self._chosen = self._chosen, {}
        if not chosen:
            raise AgentRefused(Refusal.NOTHING_CHOSEN)

        def write(channel: Channel, reader: str) -> dict[str, Any]:
            for purpose, pin in chosen.items():
                if isinstance(pin, PadEntry):
                    self._enter(channel, purpose, pin, reader)
                else:
                    jpki.set_new_pin(channel, purpose, pin)
            jpki.select(channel)  # forgets that anything was verified
            return {"set": [one.value for one in chosen]}

        return self._managed.write(write)

    def _enter(self, channel: Channel, purpose: Purpose, entry: PadEntry, reader: str) -> None:
        told, wrong = {"site": self._site}, False
        while True:
            try:
                with self._prompts.showing(PromptKind.NEW_PINS, (purpose.value,), None, told, reader, wrong=wrong):
                    return jpki.set_new_pin(channel, purpose, entry)
            except (PinMismatch, PinMalformed):
                wrong = True  # the reader compares by itself: the card was sent nothing

    # -- with the PIN ----------------------------------------------------------------------------------------------

    def _with_pin(
        self,
        kind: PromptKind,
        purpose: Purpose,
        reader: str,
        work: Callable[[JpkiCard, Entered, bool], T],
        first: Callable[[Mapping[str, str]], None] = lambda _answer: None,
        **told: str,
    ) -> T:
        card = self._readers.seen(reader).card

        def do(context: Context, pin: Entered, last_try: bool) -> T:
            return self._with_card(context, reader, card, lambda it: work(it, pin, last_try))

        def tries(context: Context) -> int | None:
            return self._with_card(context, reader, card, lambda it: it.tries_left(purpose))

        return self._asking.ask(kind, purpose, reader, told, tries, do, first)

    def _with_card(self, context: Context, reader: str, expected: str, work: Callable[[JpkiCard], T]) -> T:
        self._readers.require_free(reader)
        with session_at(context, reader, CardKind.JPKI, expected=expected or None) as session:
            return work(JpkiCard(session))
