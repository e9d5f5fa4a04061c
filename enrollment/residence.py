"""Evidence that a person lives at an address: noted by officers, come back by letter, said by
the holder with card and PIN, and used up by a procedure."""

import hashlib
from collections.abc import Iterable

from enrollment import acts, protection
from enrollment.assurance import Signal, note_contact
from enrollment.canonical import Json, digest
from enrollment.channels import Channel, Procedure
from enrollment.channels import require as require_channel
from enrollment.errors import (
    CardNotUsable,
    EvidenceTooWeak,
    FilingMalformed,
    FilingReplayed,
    FilingVoid,
    NotYours,
    RemoteBlocked,
    ResidenceUnproven,
)
from enrollment.filing import ResidenceStatement, VerifiedFiling
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, PersonStatus, Random, draw_id
from enrollment.proofs import Piece, Proof
from enrollment.signers import signer_of, wait_turn
from enrollment.store import Connection, work
from enrollment.store import people as people_rows
from enrollment.store import terms as rows
from pki.instant import Instant
from pki.purpose import Purpose


def address_digest(person: PersonId, address: str) -> str:
    """The address as a name for evidence: hex; the person's random id keeps it from being guessed from a list."""
    return hashlib.sha256(f"{person}\n{address}".encode()).hexdigest()


def note_content(person: PersonId, proof: Proof, address: str, reference: str) -> str:
    """What the officer signs."""
    record: dict[str, Json] = {
        "address": address_digest(person, address),
        "person": person,
        "proof": proof.value,
        "reference": reference,
    }
    return digest(record)


def note(
    conn: Connection,
    person: PersonId,
    proof: Proof,
    address: str,
    reference: str,
    operator: Operator,
    at: Instant,
    random: Random,
) -> Piece:
    """An officer saw a lease or a bill, or visited the place. `reference`: SHA-256 of what was shown, or of the report.

    Errors: NotYours for an officer of neither the present nor the new municipality is the caller's to see to; here the
    officer's desk must be municipal: OutOfScope; RoleMissing, OperatorNotValid, SelfDealing; EvidenceTooWeak for a
    kind that no officer writes down; ActNotSigned.
    """
    if not proof.seen_by_officer:
        raise EvidenceTooWeak(f"{proof.value} is not noted by hand")
    operator.require(Role.CLERK, at, person)
    people_rows.owner_of(conn, person)
    if not people_rows.counter_of(conn, operator.counter).kind.is_municipal:
        raise NotYours(operator.owner)
    acts.use(conn, operator, acts.What.NOTE_RESIDENCE, person, note_content(person, proof, address, reference), at)
    piece = Piece(proof, at, draw_id(random))
    rows.add_piece(conn, piece, person, operator.owner, address_digest(person, address), operator.operator, reference)
    return piece


def state(conn: Connection, verified: VerifiedFiling, at: Instant, random: Random) -> Piece:
    """A holder's own word, by card and PIN, for where they live: kept as evidence; the same word again, the same piece.

    The statement's own one-time id names the piece. `verified` was signed by the card's key for log-ins.
    Errors: FilingMalformed for another document; FilingVoid, FilingReplayed; UnknownCertificate, CertificateEnded,
    CertificateExpired, CardNotUsable; UnknownMunicipality; RemoteBlocked for a record that has ended or needs a look at
    a counter.
    """
    wait_turn(conn, verified)
    said = verified.filing
    if not isinstance(said, ResidenceStatement):
        raise FilingMalformed("this document is for another door")
    reference = hashlib.sha256(verified.document).hexdigest()
    known = rows.find_piece(conn, said.filing)
    if known is not None:
        piece, kept = known
        if kept != reference:
            raise FilingReplayed(said.filing)
        return piece
    if at > said.void_after:
        raise FilingVoid(said.void_after.iso())
    held = signer_of(conn, verified, at, Purpose.AUTHENTICATION)
    card = work.card_of(conn, held.card_id)
    if not card.state.usable:
        raise CardNotUsable(card.card_id, card.state.value)
    people_rows.municipality_of(conn, said.municipality)
    if people_rows.status_of(conn, held.person) is not PersonStatus.RESIDENT:
        raise RemoteBlocked("the record has ended")
    if protection.standing(conn, held.person) is not None:
        raise RemoteBlocked("it needs a look at a counter")
    piece = Piece(Proof.CARD_AND_PIN, at, said.filing)
    address = address_digest(held.person, said.address)
    rows.add_piece(conn, piece, held.person, said.municipality, address, held.person, reference)
    rows.add_statement(conn, said.filing, held.person, verified.document, verified.signature, verified.report)
    note_contact(conn, held.person, Signal.AUTHENTICATED_USE, held.person, at, random)
    return piece


def require(
    conn: Connection,
    person: PersonId,
    owner: str,
    procedure: Procedure,
    channel: Channel,
    address: str,
    shown: Iterable[Piece],
    used_by: str,
    at: Instant,
) -> tuple[Piece, ...]:
    """The evidence that was enough for `address` in the municipality `owner`; what was stored of it is used up.

    `shown`: what the procedure itself brings, a signature or a face at the desk. `used_by`: the filing or application.
    Errors: RemoteBlocked if the channel is closed there; ResidenceUnproven, naming what would be enough; Stale.
    """
    asked = require_channel(conn, owner, procedure, channel, at).residence
    kept = rows.unused_pieces(conn, person, owner, address_digest(person, address))
    met = asked.met_by([*shown, *kept], at)
    if met is None:
        raise ResidenceUnproven(asked.choices())
    for piece in met:
        if piece.piece is not None:
            rows.use_piece(conn, piece.piece, used_by)
    return met
