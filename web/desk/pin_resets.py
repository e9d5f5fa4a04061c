"""A PIN set anew at the desk: seen in person, permitted by the officer's card, typed by the holder beside the desk.

    EVIDENCE ── draft ─ second officer, where the rule wants one ── CARRY_OUT: signed, permitted ──▶ PINS ──▶ DONE
        └────── signed, permitted at once ──────────────────────────────────────────────────────▶ PINS
    PINS, CARRY_OUT ── the quarter of an hour is over ──▶ EVIDENCE

The permission is good for one PIN of one card. Whether the PIN was set with it is the card's word, told to the process
with the cards' keys; so after a pulled card, a power cut or a lost answer the step finds out by itself where it stands.
"""

from dataclasses import dataclass, replace

from enrollment import pin_reset
from enrollment.acts import What
from enrollment.approvals import LIFETIME
from enrollment.errors import NotYours, WrongCard
from enrollment.store import Connection, permissions
from enrollment.store.permissions import PinPermission
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.purpose import Purpose
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.cards import ReaderCards
from web.desk.checks import Shown, evidence_from, evidence_of, kept
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.work import Event, Kind, State, Work
from web.errors import WorkRefused
from web.readers.lines import Line

PIN_SECONDS = 200.0


@dataclass(frozen=True, slots=True)
class PinResets:
    """The steps."""

    desk: Desk

    def record(self, officer: Officer, work: Work, shown: Shown, card_id: str, purpose: str) -> Work:
        """Who stands there, which card, which PIN. Errors: those of `enrollment.pin_reset.draft` and of signing."""
        desk, operator = self.desk, officer.operator.operator
        if (work.kind, work.state) != (Kind.PIN_RESET, State.EVIDENCE):
            raise WorkRefused(work.state.value)
        if purpose not in tuple(Purpose):
            raise InvalidValue("a PIN out of the list")
        at = desk.clock.now()
        desk.database.read(lambda conn: require_desk(conn, officer, work.person, work.kind, at))
        if "card" in work.body and work.body["card"] != card_id and officer.counter.kind.needs_confirmation:
            raise NotYours(officer.operator.owner)  # at a post office: the card that its holder put on the desk
        evidence = signing.evidence(desk, officer, evidence_from(officer, work.person, shown, at))
        draft = desk.database.read(
            lambda conn: pin_reset.draft(conn, card_id, Purpose(purpose), evidence, operator, at, desk.pin_rule)
        )
        about = pin_reset.content(draft)
        body = {**kept(evidence), **_kept_draft(draft), "card": card_id, "purpose": purpose}
        if not desk.pin_rule.second_officer.wanted_at(officer.counter):
            signed = signing.signed_act(desk, officer, Deed(What.PIN_RESET, card_id, about))

            def at_once(conn: Connection) -> Work:
                now = desk.clock.now()
                pin_reset.permit(conn, draft, evidence, signed, now, desk.random, desk.pin_rule)
                return works.move(conn, work, Event.AT_ONCE, now, **body)

            return desk.database.transaction(at_once)

        def ask(conn: Connection, now: Instant) -> Work:
            asked = pin_reset.propose(conn, draft, now, desk.random)
            until = min(now + LIFETIME, draft.expires_at).seconds
            return works.move(conn, work, Event.NEXT, now, approval=asked.approval, until=until, second=True, **body)

        return signing.do(desk, officer, Deed(What.PROPOSE, work.person, about), ask)

    def permit(self, officer: Officer, work: Work) -> Work:
        """What was approved is signed and permitted. Errors: those of `enrollment.pin_reset.permit` and of signing."""
        desk = self.desk
        if (work.kind, work.state) != (Kind.PIN_RESET, State.CARRY_OUT):
            raise WorkRefused(work.state.value)
        evidence, rule = evidence_of(work), desk.pin_rule
        drafted = desk.database.read(
            lambda conn: pin_reset.draft(
                conn,
                work.body["card"],
                Purpose(work.body["purpose"]),
                evidence,
                officer.operator.operator,
                desk.clock.now(),
                rule,
            )
        )
        draft = _as_drafted(drafted, work)
        signed = signing.signed_act(desk, officer, Deed(What.PIN_RESET, draft.card_id, pin_reset.content(draft)))

        def write(conn: Connection) -> Work:
            now = desk.clock.now()
            pin_reset.permit(conn, draft, evidence, signed, now, desk.random, rule, work.body["approval"])
            return works.move(conn, work, Event.NEXT, now)

        return desk.database.transaction(write)

    def again(self, officer: Officer, work: Work) -> Work:
        """The permission is over: back to who stands there. Nothing is taken back but this work's own place in it."""
        if work.kind is not Kind.PIN_RESET:
            raise WorkRefused(work.kind.value)
        deed = Deed(What.BEGIN_WORK, work.person, signing.content("again", work=work.id))
        return signing.do(self.desk, officer, deed, lambda conn, at: works.move(conn, work, Event.AGAIN, at))

    def set(self, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """The holder types the new PIN; the card takes it, once. Errors: WrongCard; those of reader and card."""
        desk, card_id, number = self.desk, str(work.body["card"]), int(work.body["number"])
        found = desk.database.read(lambda conn: permissions.find_permission(conn, card_id, number))
        if found is None or found.done_at is None:
            here = next((one.card for one in line.readers.readers if one.reader == reader), "")
            if here != card_id:
                raise WrongCard(card_id, here)
            at = desk.clock.now()
            desk.database.read(lambda conn: pin_reset.require_open(conn, card_id, number, at))
            line.call("ask-pins", {"purposes": [work.body["purpose"]]}, PIN_SECONDS)
            cards.set_pins(line, reader, card_id, (Purpose(work.body["purpose"]),), number)

        def write(conn: Connection) -> Work:
            now = desk.clock.now()
            return with_receipt(desk, conn, works.move(conn, work, Event.NEXT, now, finished_at=now.seconds))

        desk.database.transaction(write)


def _kept_draft(draft: PinPermission) -> dict[str, int]:
    return {"number": draft.number, "given_at": draft.given_at.seconds, "expires_at": draft.expires_at.seconds}


def _as_drafted(fresh: PinPermission, work: Work) -> PinPermission:
    """The draft that was approved, made again: the same number and the same times."""
    body = work.body
    return replace(
        fresh, number=body["number"], given_at=Instant(body["given_at"]), expires_at=Instant(body["expires_at"])
    )
