"""The steps that a card takes part in, done beside the page by way of the agent's reader."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event as Pause
from typing import Final

from enrollment import card_waiting, counter_change
from enrollment.acts import What
from enrollment.application import ApplicationState
from enrollment.errors import NotSignedYet, WrongCard
from enrollment.store import Connection
from enrollment.store import work as card_rows
from pki.instant import Instant
from pki.purpose import Purpose
from web.desk import signing
from web.desk import work as works
from web.desk.cards import EnoughForNow, KeysOnly, ReaderCards
from web.desk.ending import BLANK, move_stock, with_receipt
from web.desk.household_work import HouseholdWork
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.pin_resets import PIN_SECONDS, PinResets
from web.desk.signing import Deed
from web.desk.work import Event, Kind, State, Work
from web.errors import ReaderRefused, WorkRefused
from web.readers.lines import Line

_SIGNING_PATIENCE: Final = 300
"""Tenths of a second to wait for the signing process."""


@dataclass(frozen=True, slots=True)
class CardWork:
    """The steps."""

    desk: Desk

    def with_card(self, officer: Officer, work: Work) -> None:
        """Begin the step that the work waits for, beside the page; what needs nobody's hand follows by itself.

        Errors: ReaderRefused, NotPaired, ReaderSilent.
        """
        steps: dict[State, tuple[str, Callable[[Officer, Work, Line, str, ReaderCards], None]]] = {
            State.KEYS: ("keys", self._keys),
            State.PINS: ("pins", self._pins),
            State.CERTIFICATES: ("certificates", self._certificates),
            State.PRESENT: ("present", self._present),
        }
        if work.state not in steps:
            raise WorkRefused(work.state.value)
        if self.desk.cards is None:
            raise ReaderRefused("no-card-keys")
        line, reader = self.desk.residents_reader(officer)
        cards = self.desk.cards
        about = signing.content("card-work", step=work.state.value, work=work.id)
        signing.do(self.desk, officer, Deed(What.CARD_WORK, work.person, about), lambda _conn, _at: None)

        def go_on() -> None:
            now = work
            while now.state in steps:
                steps[now.state][1](officer, now, line, reader, cards)
                before = now
                now = self.desk.database.read(lambda conn: works.load(conn, work.id, work.row.owner))
                if now.state is before.state:
                    return

        self.desk.errands.start(work.id, steps[work.state][0], go_on)

    def _keys(self, officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """Keys are made on the card, and the certificates promised."""
        slot = KeysOnly(cards.slot(line, reader))
        card_id = slot.card_id()
        with suppress(NotSignedYet, EnoughForNow):
            self.desk.issuing.continue_(work.body["application"], slot, self.desk.clock.now())

        def write(conn: Connection) -> Work:
            at = self.desk.clock.now()
            moved = works.move(conn, work, Event.NEXT, at, card=card_id)
            if work.kind in BLANK and not work.row.training:
                move_stock(self.desk, conn, officer, work, "used", at)
            return moved

        self.desk.database.transaction(write)

    def _pins(self, _officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """The resident chooses the PINs on the agent's page; the card's management lets the agent write them."""
        if work.kind is Kind.PIN_RESET:
            PinResets(self.desk).set(work, line, reader, cards)
            return
        purposes = self.desk.database.read(lambda conn: tuple(card_rows.requests_of(conn, work.body["application"])))
        ordered = tuple(sorted(purposes, key=lambda one: one is Purpose.SIGNATURE))
        line.call("ask-pins", {"purposes": [one.value for one in ordered]}, PIN_SECONDS)
        cards.set_pins(line, reader, work.body["card"], ordered, 0)
        self._end(work)

    def _certificates(self, officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """Written to the card, read back, compared, handed over."""
        if work.kind is Kind.HOUSEHOLD:
            self._members(officer, work, line, reader, cards)
            return
        slot = cards.slot(line, reader)
        waiting = work.body.get("waiting")
        pause = Pause()
        for _ in range(_SIGNING_PATIENCE):
            try:
                at = self.desk.clock.now()
                if waiting:  # the person's own card, on which one certificate is made anew
                    done = card_waiting.present(self.desk.issuing, waiting, slot, at)
                else:
                    done = self.desk.issuing.continue_(work.body["application"], slot, at)
                break
            except NotSignedYet:
                pause.wait(0.1)
        else:
            raise NotSignedYet(waiting or work.body["application"])
        assert done.state is ApplicationState.DELIVERED
        self._end(work)

    def _members(self, officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """The member's whose card lies there; then the next card."""
        household = HouseholdWork(self.desk)
        here = next((one.card for one in line.readers.readers if one.reader == reader), "")
        own = household.own_work(work, here)
        if own is not None:
            self._certificates(officer, own, line, reader, cards)
        household.end_if_done(work, self.desk.clock.now())
        if own is None:
            raise WrongCard("", here)

    def _present(self, officer: Officer, work: Work, line: Line, reader: str, _cards: ReaderCards) -> None:
        """Its holder enters the PIN: the card goes on in this municipality, with what is on it."""
        desk, card_id = self.desk, str(work.body["card"])
        here = next((one.card for one in line.readers.readers if one.reader == reader), "")
        if here != card_id:
            raise WrongCard(card_id, here)
        presented = str(line.call("check-pin", {"reader": reader}, PIN_SECONDS).get("card", ""))
        if presented != card_id:
            raise WrongCard(card_id, presented)

        def write(conn: Connection, at: Instant) -> Work:
            counter_change.continue_card(conn, work.person, card_id, officer.operator.operator, at, desk.random)
            return with_receipt(desk, conn, works.move(conn, work, Event.NEXT, at, finished_at=at.seconds))

        about = counter_change.continue_content(work.person, card_id)
        signing.do(desk, officer, Deed(What.CONTINUE_CARD, work.person, about), write)

    def _end(self, work: Work) -> None:
        at = self.desk.clock.now()

        def write(conn: Connection) -> Work:
            return with_receipt(self.desk, conn, works.move(conn, work, Event.NEXT, at, finished_at=at.seconds))

        self.desk.database.transaction(write)
