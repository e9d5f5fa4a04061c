"""What has waited long enough at the gate takes effect: one message, one transaction, in the order of sending.

A message that cannot take effect any more (the person moved away meanwhile, another change overtook it) is put aside
with the reason, and the next one goes on: no single message can hold up a town. A crash between two leaves the rest
held; they are due still.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from ca.errors import AuthorityError
from enrollment import certificates, ledger, outbox, plausibility, procedures, registry
from enrollment.canonical import Json
from enrollment.errors import Braked, EnrollmentError
from enrollment.events import EventKind
from enrollment.gateway import NAMES_ANOTHER, MessageState, look_at, stop_cards
from enrollment.gateway_schema import GatewayMessage, MessageKind, attributes_of, parse_message
from enrollment.ledger import Happening
from enrollment.person import Person, PersonId, PersonStatus, Random
from enrollment.store import Connection, Database
from enrollment.store import gate as rows
from enrollment.store import people as people_rows
from pki.errors import Error, InvalidValue, Retryable
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason

CHANGES: Final = frozenset(
    kind.value for kind in (MessageKind.ATTRIBUTES_CHANGED, MessageKind.MOVE, MessageKind.DEATH, MessageKind.CORRECTION)
)


def release_due(
    database: Database,
    owner: str,
    at: Instant,
    random: Random,
    limit: int = 1000,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Let through what has waited long enough; how many took effect. Stops early once `go_on()` says no.

    Errors: Braked, and then nothing passes, not even what follows in a run that goes on.
    """
    released = 0
    for row in database.read(lambda conn: _due(conn, owner, at, limit)):
        if not go_on():
            break
        try:
            done = database.transaction(partial(_release, row=row, at=at, random=random))
        except (EnrollmentError, AuthorityError, InvalidValue) as refused:
            if isinstance(refused, Braked | Retryable):
                raise
            database.transaction(partial(_put_aside, row=row, reason=refused, at=at))
        else:
            released += done
    return released


def _due(conn: Connection, owner: str, at: Instant, limit: int) -> list[rows.GateRow]:
    reason = rows.brake_of(conn, owner)
    if reason is not None:
        raise Braked(owner, reason)
    return rows.due(conn, owner, at, limit)


def _put_aside(conn: Connection, row: rows.GateRow, reason: Error, at: Instant) -> None:
    what = getattr(reason, "what", None)
    rows.settle(conn, row.owner, row.message, MessageState.QUARANTINED.value, at, str(what or reason.code))


def _release(conn: Connection, row: rows.GateRow, at: Instant, random: Random) -> bool:
    brake = rows.brake_of(conn, row.owner)
    if brake is not None:
        raise Braked(row.owner, brake)
    message = parse_message(row.body.encode())
    person = PersonId(message.person)
    people_rows.hold_person(conn, person)
    still = rows.find(conn, row.owner, row.message)
    if still is None or still.state != MessageState.HELD.value or still.due_at > at:
        return False  # taken back, or let through by another instance, while we waited for the person's turn
    if message.kind in NAMES_ANOTHER and rows.find(conn, row.owner, str(message.values["supersedes"])) is None:
        rows.settle(conn, row.owner, row.message, MessageState.QUARANTINED.value, at, "it corrects nothing known")
        return False
    newest = rows.newest_applied(conn, row.owner, row.person or "", CHANGES)
    if newest is not None and newest > (message.sent_at, message.message):
        rows.settle(conn, row.owner, row.message, MessageState.RETRACTED.value, at, f"overtaken by {newest[1]}")
        return False
    kept = look_at(conn, message, at, random)
    plausibility.check(conn, message, kept, at)
    _apply(conn, message, kept, at, random)
    rows.settle(conn, row.owner, row.message, MessageState.RELEASED.value, at, "")
    return True


def _apply(conn: Connection, message: GatewayMessage, kept: Person, at: Instant, random: Random) -> None:
    if message.kind is MessageKind.DEATH:
        procedures.finish(conn, kept, PersonStatus.DEAD, at, random, keep_certificates=False)
        return
    if message.kind is MessageKind.CORRECTION:
        original = rows.find(conn, message.owner, str(message.values["supersedes"]))
        if original is not None and (original.kind, original.state) == (
            MessageKind.DEATH.value,
            MessageState.RELEASED.value,
        ):
            # alive after all: the record goes on; what was revoked stays so, and new cards are made at a counter
            kept = replace(kept, status=PersonStatus.RESIDENT)
            _change(conn, message, kept, at, random, changed=True)
            return
    _change(conn, message, kept, at, random, changed=False)


def _change(
    conn: Connection, message: GatewayMessage, kept: Person, at: Instant, random: Random, *, changed: bool
) -> None:
    attributes = attributes_of(message.values)
    owner = str(message.values.get("municipality", kept.owner))
    if not changed and (owner, attributes) == (kept.owner, kept.attributes):
        return
    registry.move(conn, kept, owner, attributes, at, random)
    for held in certificates.held_by(conn, kept.person, Purpose.SIGNATURE):
        certificates.end(conn, held, Reason.AFFILIATION_CHANGED, at, message.kind.value, random)
    what = Happening(
        kept.person,
        EventKind.OFFICIAL_CHANGE,
        actor=f"municipality:{message.owner}",
        channel="gateway",
        evidence=(hashlib.sha256(message.octets()).hexdigest(),),
    )
    ledger.record(conn, what, at, random)
    body: dict[str, Json] = {"kind": message.kind.value, "message": message.message, "owner": owner}
    outbox.put(conn, kept.person, "person.changed", body, at, random)


def stop_cards_of_the_dead(database: Database, owner: str, at: Instant, random: Random) -> None:
    """Deaths that came while the brake was pulled stop cards once it has been let go."""

    def body(conn: Connection) -> None:
        if rows.brake_of(conn, owner) is not None:
            return
        for row in rows.held(conn, owner, MessageKind.DEATH.value):
            stop_cards(conn, PersonId(row.person or ""), row.message, at, random)

    database.transaction(body)
