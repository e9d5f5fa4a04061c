"""Evidence of residence, code letters, transfers out, and deadlines."""

from datetime import date
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.code_letter import Letter, LetterState
from enrollment.deadline import Deadline, DeadlineKind, DeadlineOutcome
from enrollment.errors import FilingReplayed, LetterOver, Stale
from enrollment.person import PersonId
from enrollment.proofs import Piece, Proof
from enrollment.store import tables_terms as t
from enrollment.store.connection import Connection, is_unique_violation
from enrollment.transfer import Transfer, TransferState
from pki.instant import Instant


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)


def add_piece(
    conn: Connection, piece: Piece, person: PersonId, owner: str, address: str, noted_by: str, reference: str
) -> None:
    """Keep a piece of evidence; `address` is its digest."""
    conn.execute(
        insert(t.pieces).values(
            piece=piece.piece,
            person=person,
            owner=owner,
            proof=piece.proof.value,
            address_digest=address,
            seen_at=piece.at.seconds,
            noted_by=noted_by,
            reference=reference,
        )
    )


def find_piece(conn: Connection, piece: str) -> tuple[Piece, str] | None:
    """A piece of evidence with its reference, used or not."""
    p = t.pieces.c
    row = conn.execute(select(p.proof, p.seen_at, p.piece, p.reference).where(p.piece == piece)).one_or_none()
    return None if row is None else (Piece(Proof(row[0]), Instant(row[1]), row[2]), str(row[3]))


def add_statement(
    conn: Connection, piece: str, person: PersonId, document: bytes, signature: bytes, report: str
) -> None:
    """Keep what the holder signed for a piece of evidence."""
    conn.execute(
        insert(t.statements).values(piece=piece, person=person, document=document, signature=signature, report=report)
    )


def unused_pieces(conn: Connection, person: PersonId, owner: str, address: str) -> list[Piece]:
    """What is kept for this address in this municipality and was not used, oldest first."""
    p = t.pieces.c
    query = (
        select(p.proof, p.seen_at, p.piece)
        .where(p.person == person, p.owner == owner, p.address_digest == address, p.used_by.is_(None))
        .order_by(p.seen_at, p.piece)
    )
    return [Piece(Proof(row[0]), Instant(row[1]), row[2]) for row in conn.execute(query)]


def use_piece(conn: Connection, piece: str, used_by: str) -> None:
    """Use it up. Errors: Stale if something else was faster."""
    p = t.pieces.c
    done = conn.execute(update(t.pieces).where(p.piece == piece, p.used_by.is_(None)).values(used_by=used_by))
    if done.rowcount != 1:
        raise Stale("the evidence of residence")


def _letter_row(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter.letter,
        "person": letter.person,
        "owner": letter.owner,
        "address": letter.address,
        "state": letter.state.value,
        "version": letter.version,
        "salt": letter.salt,
        "code_hash": letter.code_hash,
        "asked_at": letter.asked_at.seconds,
        "posted_at": letter.posted_at.seconds if letter.posted_at else None,
        "expires_at": letter.expires_at.seconds,
        "tries": letter.tries,
    }


def _letter(row: Any) -> Letter:
    return Letter(
        row["letter"],
        PersonId(row["person"]),
        row["owner"],
        row["address"],
        LetterState(row["state"]),
        row["version"],
        bytes(row["salt"]),
        bytes(row["code_hash"]),
        Instant(row["asked_at"]),
        _instant(row["posted_at"]),
        Instant(row["expires_at"]),
        row["tries"],
    )


def add_letter(conn: Connection, letter: Letter) -> None:
    """A new letter."""
    conn.execute(insert(t.letters).values(_letter_row(letter)))


def letter_of(conn: Connection, letter: str, person: PersonId | None = None) -> Letter:
    """One letter, of this person if one is named. Errors: LetterOver for one that there is not."""
    query = select(t.letters).where(t.letters.c.letter == letter)
    row = conn.execute(query).mappings().one_or_none()
    if row is None or person not in (None, row["person"]):
        raise LetterOver("unknown")
    return _letter(row)


def letters_of(conn: Connection, person: PersonId) -> list[Letter]:
    """Every letter to a person, oldest first."""
    query = select(t.letters).where(t.letters.c.person == person).order_by(t.letters.c.asked_at, t.letters.c.letter)
    return [_letter(row) for row in conn.execute(query).mappings()]


def change_letter(conn: Connection, letter: Letter) -> None:
    """Write the next version over the one before it. Errors: Stale if somebody else was first."""
    done = conn.execute(
        update(t.letters)
        .where(t.letters.c.letter == letter.letter, t.letters.c.version == letter.version - 1)
        .values(_letter_row(letter))
    )
    if done.rowcount != 1:
        raise Stale("the letter")


def _transfer_row(transfer: Transfer) -> dict[str, Any]:
    return {
        "transfer": transfer.transfer,
        "person": transfer.person,
        "owner": transfer.owner,
        "municipality": transfer.municipality,
        "planned_on": transfer.planned_on.isoformat(),
        "state": transfer.state.value,
        "version": transfer.version,
        "channel": transfer.channel,
        "document": transfer.document,
        "signature": transfer.signature,
        "announced_at": transfer.announced_at.seconds,
        "changed_at": transfer.changed_at.seconds,
    }


def _transfer(row: Any) -> Transfer:
    return Transfer(
        row["transfer"],
        PersonId(row["person"]),
        row["owner"],
        row["municipality"],
        date.fromisoformat(row["planned_on"]),
        TransferState(row["state"]),
        row["version"],
        row["channel"],
        bytes(row["document"]),
        None if row["signature"] is None else bytes(row["signature"]),
        Instant(row["announced_at"]),
        Instant(row["changed_at"]),
    )


def add_transfer(conn: Connection, transfer: Transfer) -> None:
    """Errors: FilingReplayed if a transfer has this id already."""
    try:
        conn.execute(insert(t.transfers).values(_transfer_row(transfer)))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise FilingReplayed(transfer.transfer) from error
        raise


def transfers_of(conn: Connection, person: PersonId) -> list[Transfer]:
    """Every transfer out of a person, oldest first."""
    query = (
        select(t.transfers)
        .where(t.transfers.c.person == person)
        .order_by(t.transfers.c.announced_at, t.transfers.c.transfer)
    )
    return [_transfer(row) for row in conn.execute(query).mappings()]


def change_transfer(conn: Connection, transfer: Transfer) -> None:
    """Write the next version over the one before it. Errors: Stale if somebody else was first."""
    done = conn.execute(
        update(t.transfers)
        .where(t.transfers.c.transfer == transfer.transfer, t.transfers.c.version == transfer.version - 1)
        .values(_transfer_row(transfer))
    )
    if done.rowcount != 1:
        raise Stale("the transfer")


def add_deadline(conn: Connection, deadline: Deadline) -> None:
    """Let it run; one that was set before stays as it is. The caller holds the person's turn."""
    d = t.deadlines.c
    known = select(d.kind).where(
        d.person == deadline.person, d.kind == deadline.kind.value, d.subject == deadline.subject
    )
    if conn.execute(known).one_or_none() is None:
        conn.execute(
            insert(t.deadlines).values(
                person=deadline.person,
                kind=deadline.kind.value,
                subject=deadline.subject,
                set_at=deadline.set_at.seconds,
                due_at=deadline.due_at.seconds,
                outcome=deadline.outcome.value,
            )
        )


def end_deadlines(
    conn: Connection,
    person: PersonId,
    kind: DeadlineKind,
    subject: str | None,
    outcome: DeadlineOutcome,
    at: Instant,
) -> int:
    """End what runs; how many."""
    d = t.deadlines.c
    where = [d.person == person, d.kind == kind.value, d.ended_at.is_(None)]
    if subject is not None:
        where.append(d.subject == subject)
    done = conn.execute(update(t.deadlines).where(*where).values(ended_at=at.seconds, outcome=outcome.value))
    return int(done.rowcount)


def _deadline(row: Any) -> Deadline:
    return Deadline(
        PersonId(row["person"]),
        DeadlineKind(row["kind"]),
        row["subject"],
        Instant(row["set_at"]),
        Instant(row["due_at"]),
        DeadlineOutcome(row["outcome"]),
        _instant(row["ended_at"]),
    )


def deadlines_of(conn: Connection, person: PersonId, *, running: bool) -> tuple[Deadline, ...]:
    """A person's deadlines, the next one first; those that run, or all."""
    d = t.deadlines.c
    query = select(t.deadlines).where(d.person == person).order_by(d.due_at, d.kind, d.subject)
    if running:
        query = query.where(d.ended_at.is_(None))
    return tuple(_deadline(row) for row in conn.execute(query).mappings())


def deadlines_over(conn: Connection, at: Instant, limit: int) -> list[Deadline]:
    """What ran out and was not settled, the longest over first."""
    d = t.deadlines.c
    query = (
        select(t.deadlines)
        .where(d.ended_at.is_(None), d.due_at < at.seconds)
        .order_by(d.due_at, d.person, d.kind, d.subject)
        .limit(limit)
    )
    return [_deadline(row) for row in conn.execute(query).mappings()]
