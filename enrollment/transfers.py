"""Moving out to another municipality, told before the move in: online with the card, or with an officer's help.

Nothing changes by it yet but that it is known: the person stays on this municipality's register, no place of the ledger
is taken, no certificate ends. What completes it is the move in, from afar or at the new municipality's counter.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from enrollment import acts, channels, deadlines, outbox, protection
from enrollment.canonical import Json, canonical, digest
from enrollment.channels import Channel, Procedure
from enrollment.deadline import DeadlineKind, DeadlineOutcome, online_window, transfer_in_by
from enrollment.errors import (
    CardNotUsable,
    FilingMalformed,
    FilingVoid,
    NothingChanges,
    NotYours,
    RemoteBlocked,
    UnknownFiling,
)
from enrollment.filing import MoveOutFiling, VerifiedFiling
from enrollment.idempotency import once
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, PersonStatus, Random, draw_id
from enrollment.signers import signer_of, wait_turn
from enrollment.store import Connection, Database, work
from enrollment.store import people as people_rows
from enrollment.store import terms as rows
from enrollment.transfer import Transfer, TransferEvent, TransferState, advance
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class Transfers:
    """The parts that a transfer out needs."""

    database: Database
    random: Random

    def accept(self, verified: VerifiedFiling, key: str, at: Instant) -> Transfer:
        """Keep a transfer out that was signed with the card. The same request under the same `key` has the same answer.

        Errors: FilingMalformed for another document; FilingVoid, FilingReplayed; FilingTooEarly, FilingTooLate;
        UnknownCertificate, CertificateEnded, CertificateExpired, CardNotUsable; NothingChanges for the municipality
        that keeps the person; RemoteBlocked; UnknownMunicipality; IdempotencyMismatch. Then nothing has changed.
        """
        filing = verified.filing
        if not isinstance(filing, MoveOutFiling):
            raise FilingMalformed("a transfer out is expected here")
        asked: Mapping[str, Json] = {"document": hashlib.sha256(verified.document).hexdigest()}

        def body(conn: Connection) -> dict[str, Any]:
            wait_turn(conn, verified)
            return once(
                conn, f"transfer:{filing.filing}", key, asked, at, lambda: self._accept(conn, verified, filing, at)
            )

        outcome = self.database.transaction(body)
        return self.database.read(lambda conn: _transfer(conn, PersonId(outcome["person"]), filing.filing))

    def _accept(
        self, conn: Connection, verified: VerifiedFiling, filing: MoveOutFiling, at: Instant
    ) -> dict[str, Json]:
        if at > filing.void_after:
            raise FilingVoid(filing.void_after.iso())
        held = signer_of(conn, verified, at)
        card = work.card_of(conn, held.card_id)
        if not card.state.usable:
            raise CardNotUsable(card.card_id, card.state.value)
        online_window(Procedure.MOVE_OUT, filing.planned_on).require(at)
        announce(
            conn,
            held.person,
            filing.filing,
            filing.municipality,
            filing.planned_on,
            Channel.ONLINE,
            verified.document,
            verified.signature,
            at,
            self.random,
        )
        return {"person": held.person}


def content_of(person: PersonId, municipality: str, planned_on: date) -> str:
    """What an officer signs who records a transfer out for somebody."""
    record: dict[str, Json] = {
        "act": "transfer-out",
        "municipality": municipality,
        "person": person,
        "planned_on": planned_on.isoformat(),
    }
    return digest(record)


def announce_at_counter(
    conn: Connection,
    person: PersonId,
    municipality: str,
    planned_on: date,
    operator: Operator,
    at: Instant,
    random: Random,
) -> Transfer:
    """An officer writes it down: by post, by telephone, or for somebody at the desk. Never too late, and no check.

    Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing; NothingChanges, RemoteBlocked, UnknownMunicipality;
    ActNotSigned.
    """
    if people_rows.hold_person(conn, person) != operator.owner:
        raise NotYours(operator.owner)
    operator.require(Role.CLERK, at, person)
    content = content_of(person, municipality, planned_on)
    acts.use(conn, operator, acts.What.TRANSFER_OUT, person, content, at)
    document = canonical({"content": content, "operator": operator.operator})
    return announce(
        conn, person, draw_id(random), municipality, planned_on, Channel.ASSISTED, document, None, at, random
    )


def announce(
    conn: Connection,
    person: PersonId,
    transfer: str,
    municipality: str,
    planned_on: date,
    channel: Channel,
    document: bytes,
    signature: bytes | None,
    at: Instant,
    random: Random,
) -> Transfer:
    """Keep it, and let the time for the move in run. The caller holds the person's turn. An older one is withdrawn."""
    owner = people_rows.owner_of(conn, person)
    people_rows.municipality_of(conn, municipality)
    if people_rows.status_of(conn, person) is not PersonStatus.RESIDENT:
        raise RemoteBlocked("the record has ended")
    if protection.standing(conn, person) is not None:
        raise RemoteBlocked("it needs a look at a counter")
    if municipality == owner:
        raise NothingChanges(transfer)
    channels.require(conn, owner, Procedure.MOVE_OUT, channel, at)
    made = Transfer(
        transfer, person, owner, municipality, planned_on, TransferState.ANNOUNCED, 1, channel.value, document,
        signature, at, at,
    )  # fmt: skip
    rows.add_transfer(conn, made)
    for older in rows.transfers_of(conn, person):
        if older.state is TransferState.ANNOUNCED and older.transfer != transfer:
            _change(conn, older, TransferEvent.WITHDRAW, at)
            deadlines.end(conn, person, DeadlineKind.TRANSFER_IN, at, DeadlineOutcome.DROPPED, older.transfer)
    deadlines.run(conn, person, DeadlineKind.TRANSFER_IN, transfer, transfer_in_by(planned_on), at)
    body: dict[str, Json] = {"from": owner, "to": municipality, "transfer": transfer}
    outbox.put(conn, person, "transfer.announced", body, at, random)
    return made


def announced(conn: Connection, person: PersonId, municipality: str) -> Transfer | None:
    """The open transfer of `person` to a municipality, if one was told."""
    found = [one for one in rows.transfers_of(conn, person) if one.municipality == municipality]
    return next((one for one in reversed(found) if one.state is TransferState.ANNOUNCED), None)


def complete(conn: Connection, person: PersonId, municipality: str, at: Instant) -> Transfer | None:
    """The person is in: an open transfer there is completed, a lapsed one too; one to elsewhere is withdrawn."""
    done = None
    for one in reversed(rows.transfers_of(conn, person)):
        here = one.municipality == municipality
        if here and done is None and (one.state, TransferEvent.COMPLETE) in _COMPLETABLE:
            done = _change(conn, one, TransferEvent.COMPLETE, at)
            deadlines.end(conn, person, DeadlineKind.TRANSFER_IN, at, subject=one.transfer)
        elif one.state is TransferState.ANNOUNCED:
            _change(conn, one, TransferEvent.WITHDRAW, at)
            deadlines.end(conn, person, DeadlineKind.TRANSFER_IN, at, DeadlineOutcome.DROPPED, one.transfer)
    return done


_COMPLETABLE = frozenset(
    {(TransferState.ANNOUNCED, TransferEvent.COMPLETE), (TransferState.LAPSED, TransferEvent.COMPLETE)}
)


def withdraw(conn: Connection, person: PersonId, transfer: str, at: Instant) -> Transfer:
    """The move does not happen. Errors: UnknownFiling, WrongState."""
    people_rows.hold_person(conn, person)
    found = _transfer(conn, person, transfer)
    changed = _change(conn, found, TransferEvent.WITHDRAW, at)
    deadlines.end(conn, person, DeadlineKind.TRANSFER_IN, at, DeadlineOutcome.DROPPED, transfer)
    return changed


def lapse(conn: Connection, person: PersonId, transfer: str, at: Instant) -> Transfer:
    """Its time is over. Errors: WrongState."""
    return _change(conn, _transfer(conn, person, transfer), TransferEvent.LAPSE, at)


def _change(conn: Connection, transfer: Transfer, event: TransferEvent, at: Instant) -> Transfer:
    changed = replace(transfer, state=advance(transfer.state, event), version=transfer.version + 1, changed_at=at)
    rows.change_transfer(conn, changed)
    return changed


def _transfer(conn: Connection, person: PersonId, transfer: str) -> Transfer:
    for one in rows.transfers_of(conn, person):
        if one.transfer == transfer:
            return one
    raise UnknownFiling(transfer)
