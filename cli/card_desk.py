"""`jitsuin card change|permit-pin|history`: what an officer does about a card, and what the service knows of it.

The officer's key is the one that `jitsuin init` made for an operator who has no card yet (`keys/operators`); a real
officer signs with a card of their own, at the desk.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pki.card_state import CardEvent
from pki.instant import Instant, years_later
from pki.purpose import Purpose

if TYPE_CHECKING:
    from ca.revocation import HoldPolicy
    from cli.settings import Settings
    from enrollment.acts import SignedAct, What
    from enrollment.evidence import InPersonEvidence
    from enrollment.operators import Operator
    from enrollment.person import PersonId

T = TypeVar("T")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
CardId = Annotated[str, typer.Argument(metavar="CARD", help="The card's serial, as `card list` shows it.")]
OperatorOption = Annotated[str, typer.Option("--operator", metavar="NAME", help="Who does it, like 99201-clerk.")]
DocumentOption = Annotated[
    str, typer.Option("--document", metavar="KIND", help="What the holder showed, with the face compared.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `jitsuin card`."""
    for command in (change, history):
        app.command()(command)
    app.command("permit-pin")(permit_pin)


def change(
    folder: Folder,
    card: CardId,
    event: Annotated[CardEvent, typer.Argument(help="suspend, resume, lose, damage, return or end.")],
    operator: OperatorOption,
    document: DocumentOption = "driving-licence",
    as_json: JsonOption = False,
) -> None:
    """What happened to a card: its certificates follow by the one table of a card's life. resume: its holder is here.

    Whether a hold can be released is the setting status.release_holds; certificates of the profile jpki never are.
    """
    from enrollment import card_procedures, loss, procedures
    from enrollment.acts import What
    from enrollment.store import work

    with _desk(folder, operator) as desk:
        held, at = desk.read(lambda conn: work.card_of(conn, card)), desk.at

        def act(conn: Any, what: "What", content: str) -> None:
            desk.record(conn, desk.signed(what, held.person, content))

        def body(conn: Any) -> None:
            if event is CardEvent.SUSPEND:
                act(conn, What.SUSPEND, procedures.content_of("suspend", card_id=card))
                procedures.suspend(conn, card, operator, at, os.urandom)
            elif event is CardEvent.RESUME:
                seen = desk.seen(held.person, document)
                act(conn, What.RESUME, procedures.content_of("resume", card_id=card, evidence=seen.digest()))
                procedures.resume(conn, card, seen, operator, at, os.urandom, holds=hold_policy(desk.settings))
            elif event is CardEvent.LOSE:
                act(conn, What.REPORT_LOSS, loss.content_of(card))
                loss.report(conn, card, operator, at, os.urandom)
            else:
                act(conn, What.CHANGE_CARD, card_procedures.content(card, event))
                card_procedures.note(conn, card, event, operator, at, os.urandom)

        desk.write(body)
        _tell(desk.read(lambda conn: _card(conn, card)), as_json)


def permit_pin(
    folder: Folder,
    card: CardId,
    operator: OperatorOption,
    purpose: Annotated[Purpose, typer.Option("--key", help="Whose PIN.")] = Purpose.AUTHENTICATION,
    document: DocumentOption = "driving-licence",
    approver: Annotated[
        str | None, typer.Option("--approver", metavar="NAME", help="The second officer, where the rule wants one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Permit that one PIN of this card is set anew, once, soon: the holder is here. Prints the permission's number.

    The holder then uses it with `jitsuin card unblock --service URL --permission NUMBER`.
    """
    from enrollment import deciding, pin_reset
    from enrollment.acts import What
    from enrollment.store import people, work
    from enrollment.store.permissions import PinPermission

    with _desk(folder, operator) as desk:
        at, rule = desk.at, pin_reset_rule(desk.settings)
        held = desk.read(lambda conn: work.card_of(conn, card))
        seen = desk.seen(held.person, document)
        draft = desk.read(lambda conn: pin_reset.draft(conn, card, purpose, seen, operator, at, rule))
        signed = desk.signed(What.PIN_RESET, card, pin_reset.content(draft))

        def body(conn: Any) -> PinPermission:
            approval = None
            if approver is not None:
                approval = pin_reset.propose(conn, draft, at, os.urandom).approval
                deciding.approve(conn, approval, people.operator_of(conn, approver), at)
            return pin_reset.permit(conn, draft, seen, signed, at, os.urandom, rule, approval)

        given = desk.write(body)
        document_ = {
            "card": card,
            "key": purpose.value,
            "permission": given.number,
            "expires_at": given.expires_at.iso(),
        }
        _tell(document_, as_json)


def history(folder: Folder, card: CardId, as_json: JsonOption = False) -> None:
    """What the service knows of a card: its state, its certificates' proofs, every conversation, every permission."""
    from cli.database import Database
    from cli.settings import load_settings

    database = Database(load_settings(folder).database_url)
    try:
        told = database.read(lambda conn: _card(conn, card))
    finally:
        database.close()
    _tell(told, as_json)


def hold_policy(settings: "Settings") -> "HoldPolicy":
    """Whether this deployment releases certificates from hold. JPKI's practice statement never does."""
    from ca.revocation import HoldPolicy

    return HoldPolicy(releasable=settings.status.release_holds and settings.authorities.profile != "jpki")


def pin_reset_rule(settings: "Settings") -> Any:
    """How this deployment permits that a PIN is set anew."""
    from datetime import timedelta

    from enrollment.pin_reset import PinResetRule, SecondOfficer

    table = settings.cards
    return PinResetRule(SecondOfficer(table.pin_reset_second_officer), timedelta(minutes=table.pin_reset_minutes))


# -- what they share -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Desk:
    """An operator of a trial at their desk, with the key that the deployment keeps for them."""

    settings: "Settings"
    database: Any
    operator: "Operator"
    sign: Callable[[bytes], bytes]
    at: Instant

    def read(self, body: Callable[[Any], T]) -> T:
        found: T = self.database.read(body)
        return found

    def write(self, body: Callable[[Any], T]) -> T:
        done: T = self.database.transaction(body)
        return done

    def seen(self, person: "PersonId", document: str) -> "InPersonEvidence":
        """The holder, who stands here with a document."""
        from enrollment.evidence import DocumentSeen, InPersonEvidence

        evidence = InPersonEvidence(
            person=person,
            presented_by=person,
            counter=self.operator.counter,
            officer=self.operator.operator,
            at=self.at,
            documents=(DocumentSeen(document, years_later(self.at.jst_date(), 2)),),
            photo_matched=True,
        )
        return replace(evidence, signature=self.sign(evidence.to_be_signed()))

    def signed(self, what: "What", subject: str, content: str) -> "SignedAct":
        from enrollment import acts

        act = acts.prepare(self.operator, what, subject, content, self.at, os.urandom)
        return acts.SignedAct(act, self.sign(act.to_be_signed()))

    def record(self, conn: Any, signed: "SignedAct") -> None:
        from enrollment import acts

        acts.record(conn, signed, self.at)


@contextmanager
def _desk(folder: Path, operator: str) -> Iterator[_Desk]:
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.keys import open_operator_keys
    from cli.settings import load_settings
    from enrollment.store import people

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        who = database.read(lambda conn: people.operator_of(conn, operator))
        key = open_operator_keys(settings, os.urandom).open(operator)
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        yield _Desk(settings, journaled, who, key.sign, SystemClock().now())
    finally:
        database.close()


def _card(conn: Any, card_id: str) -> dict[str, Any]:
    from ca import issuance
    from ca.intents import IntentId
    from enrollment.card_keys import evidence_of
    from enrollment.store import permissions, talks, work
    from pki.card_state import allowed

    card = work.card_of(conn, card_id)
    proofs = []
    for held in work.certificates_of(conn, card.person):
        issued = issuance.certificate_of(conn, IntentId(held.intent)) if held.card_id == card_id else None
        if issued is None:
            continue
        proofs.append(
            {
                "certificate": held.fingerprint,
                "purpose": held.purpose.value,
                "ended": held.ended_because,
                **evidence_of(conn, issued.der).body(),
            }
        )
    return {
        "card": card_id,
        "state": card.state.value,
        "may": [event.value for event in allowed(card.state)],
        "certificates": proofs,
        "conversations": len(talks.talks_with(conn, card_id)),
        "permissions": [
            {
                "number": one.number,
                "key": one.purpose.value,
                "officer": one.officer,
                "approval": one.approval,
                "given_at": one.given_at.iso(),
                "expires_at": one.expires_at.iso(),
                "used_at": one.done_at.iso() if one.done_at else None,
            }
            for one in permissions.permissions_of(conn, card_id)
        ],
    }


def _tell(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for name, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                print(f"{name}: " + json.dumps(one, ensure_ascii=False))
        else:
            print(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
